package cron_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/cron"
)

func zone(t *testing.T, name string) *time.Location {
	t.Helper()
	loc, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return loc
}

func instant(t *testing.T, s string) time.Time {
	t.Helper()
	at, err := time.Parse("2006-01-02 15:04", s)
	if err != nil {
		t.Fatal(err)
	}
	return at
}

func parse(tb interface{ Fatalf(string, ...any) }, text string) cron.Schedule {
	s, err := cron.Parse(text)
	if err != nil {
		tb.Fatalf("Parse(%q): %v", text, err)
	}
	return s
}

// TestNightsTheClocksChange lists all occurrences, in UTC, around changes of
// the clock: a skipped minute occurs at the next instant there is, a repeated
// one the first time round.
func TestNightsTheClocksChange(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, zone, schedule, from, till string
		want                             string
	}{
		{"Dublin, spring: 01:30 is skipped", "Europe/Dublin", "30 1 * * *", "2026-03-28 00:00", "2026-03-30 12:00",
			"2026-03-28 01:30, 2026-03-29 01:00, 2026-03-30 00:30"},
		{"Dublin, spring: 01:00, the first that is skipped", "Europe/Dublin", "0 1 * * *", "2026-03-28 12:00", "2026-03-30 12:00",
			"2026-03-29 01:00, 2026-03-30 00:00"},
		{"Dublin, spring: 02:00, the first there is", "Europe/Dublin", "0 2 * * *", "2026-03-28 12:00", "2026-03-30 12:00",
			"2026-03-29 01:00, 2026-03-30 01:00"},
		{"Dublin, autumn: 01:30 is repeated", "Europe/Dublin", "30 1 * * *", "2026-10-24 00:00", "2026-10-26 12:00",
			"2026-10-24 00:30, 2026-10-25 00:30, 2026-10-26 01:30"},
		{"Dublin, autumn: every half hour", "Europe/Dublin", "*/30 0-2 * * *", "2026-10-24 23:00", "2026-10-25 04:00",
			"2026-10-24 23:30, 2026-10-25 00:00, 2026-10-25 00:30, 2026-10-25 02:00, 2026-10-25 02:30"},
		{"New York, spring: 02:30 is skipped", "America/New_York", "30 2 * * *", "2026-03-07 12:00", "2026-03-09 12:00",
			"2026-03-08 07:00, 2026-03-09 06:30"},
		{"New York, autumn: 01:30 is repeated", "America/New_York", "30 1 * * *", "2026-10-31 12:00", "2026-11-02 12:00",
			"2026-11-01 05:30, 2026-11-02 06:30"},
		{"Lord Howe, spring: half an hour is skipped", "Australia/Lord_Howe", "15 2 * * *", "2026-10-02 20:00", "2026-10-04 20:00",
			"2026-10-03 15:30, 2026-10-04 15:15"},
		{"Lord Howe, autumn: half an hour is repeated", "Australia/Lord_Howe", "45 1 * * *", "2026-04-03 20:00", "2026-04-05 20:00",
			"2026-04-04 14:45, 2026-04-05 15:15"},
		{"Kolkata has no such nights", "Asia/Kolkata", "30 1 * * *", "2026-03-28 12:00", "2026-03-30 12:00",
			"2026-03-28 20:00, 2026-03-29 20:00"},
		{"UTC has none", "UTC", "30 1 * * *", "2026-03-28 12:00", "2026-03-30 12:00", "2026-03-29 01:30, 2026-03-30 01:30"},
		{"Apia skipped a whole day", "Pacific/Apia", "0 12 * * *", "2011-12-29 00:00", "2012-01-01 00:00",
			"2011-12-29 22:00, 2011-12-30 10:00, 2011-12-30 22:00, 2011-12-31 22:00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			loc, s := zone(t, tt.zone), parse(t, tt.schedule)
			from, till := instant(t, tt.from), instant(t, tt.till)
			var got []string
			for at := s.Next(from, loc); !at.IsZero() && at.Before(till); at = s.Next(at, loc) {
				got = append(got, at.UTC().Format("2006-01-02 15:04"))
				if last := s.Last(at, from, loc); !last.Equal(at) {
					t.Errorf("at %v the last is %v", at, last)
				}
				if last := s.Last(at.Add(59*time.Second), from, loc); !last.Equal(at) {
					t.Errorf("just after %v the last is %v", at, last)
				}
			}
			if text := strings.Join(got, ", "); text != tt.want {
				t.Errorf("got  %s\nwant %s", text, tt.want)
			}
		})
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{ // the first occurrence after 2026-01-01 00:00 UTC, a Thursday
		"* * * * *":        "2026-01-01 00:01",
		"0 15 * * 5":       "2026-01-02 15:00",
		"0 15 * * FRI":     "2026-01-02 15:00",
		"0 0 * * 7":        "2026-01-04 00:00",
		"0 0 * * 0":        "2026-01-04 00:00",
		"0 0 * * mon-fri":  "2026-01-02 00:00",
		"0 0 13 * 5":       "2026-01-02 00:00", // either day is enough
		"0 0 */10 * 5":     "2026-05-01 00:00", // both: a field that begins with * only restricts
		"5/20 8 * * *":     "2026-01-01 08:05",
		"10-20/5 8 * * *":  "2026-01-01 08:10",
		"0 0 1 Feb *":      "2026-02-01 00:00",
		"0 0 29 2 *":       "2028-02-29 00:00",
		" 0  9,17 * * 1-5": "2026-01-01 09:00",
		"0 0 30 2 *":       "",
	} {
		got := parse(t, text).Next(instant(t, "2026-01-01 00:00"), time.UTC)
		if want == "" {
			if !got.IsZero() {
				t.Errorf("%q occurs at %v", text, got)
			}
			continue
		}
		if !got.Equal(instant(t, want)) {
			t.Errorf("%q: next at %v, want %s", text, got, want)
		}
	}
	for _, text := range []string{
		"", "* * * *", "* * * * * *", "60 * * * *", "* 24 * * *", "* * 0 * *", "* * 32 * *", "* * * 13 *", "* * * * 8", "-1 * * * *",
		"*/0 * * * *", "*/x * * * *", "5-1 * * * *", "1-* * * * *", "a * * * *", "1,,2 * * * *", "@daily", "* * * jan-xyz *", "+1 * * * *",
		"fri-mon * * * *", "* * * * fri-mon", "99999999999999999999 * * * *",
	} {
		if _, err := cron.Parse(text); err == nil {
			t.Errorf("%q was read", text)
		} else if !strings.Contains(err.Error(), "write ") {
			t.Errorf("%q: %v: what to write instead?", text, err)
		}
	}
	if (cron.Schedule{}).Next(instant(t, "2026-01-01 00:00"), time.UTC) != (time.Time{}) {
		t.Error("the zero Schedule occurs")
	}
}

// TestLastIsTheLatest compares Last with a walk along Next, around instants on
// which anything may happen.
func TestLastIsTheLatest(t *testing.T) {
	t.Parallel()
	zones := []*time.Location{zone(t, "Europe/Dublin"), zone(t, "America/New_York"), zone(t, "Australia/Lord_Howe"), zone(t, "Asia/Kolkata"), time.UTC}
	rapid.Check(t, func(t *rapid.T) {
		loc := rapid.SampledFrom(zones).Draw(t, "zone")
		s := parse(t, rapid.SampledFrom([]string{"30 1 * * *", "15 2 * * *", "*/7 * * * *", "0 0 * * 0", "45 1-3 * * *", "0 12 1 * *", "59 23 * * *"}).Draw(t, "schedule"))
		month := rapid.SampledFrom([]time.Month{3, 4, 10, 11}).Draw(t, "month")
		now := time.Date(2026, month, rapid.IntRange(1, 31).Draw(t, "day"), 0, rapid.IntRange(0, 24*60).Draw(t, "minute"), 0, 0, time.UTC)
		since := now.Add(-time.Duration(rapid.IntRange(1, 72).Draw(t, "back")) * time.Hour)
		var want time.Time
		for at := s.Next(since.Add(-time.Second), loc); !at.IsZero() && !at.After(now); at = s.Next(at, loc) {
			if !at.After(want) {
				t.Fatalf("Next went from %v to %v", want, at)
			}
			want = at
		}
		if got := s.Last(now, since, loc); !got.Equal(want) {
			t.Fatalf("the last before %v in %v is %v, want %v", now, loc, got, want)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"0 15 * * 5", "*/5 8-18 * jan-mar mon,wed", "0 0 29 2 *"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := cron.Parse(text)
		if err != nil {
			return
		}
		if again, err := cron.Parse(s.String()); err != nil || again != s {
			t.Errorf("%q reads back as %+v, %v", text, again, err)
		}
	})
}
