package policy_test

import (
	"testing"
	"time"

	"warden/internal/cron"
	"warden/internal/remedy"
	"warden/policy"
)

func schedule(text string) cron.Schedule {
	s, err := cron.Parse(text)
	if err != nil {
		panic(err)
	}
	return s
}

// nightly is every midnight.
func nightly() cron.Schedule { return schedule("0 0 * * *") }

// window makes one that is about everything.
func window(kind, name, text string, d time.Duration, level remedy.Level, change ...func(*policy.Window)) policy.Window {
	w := policy.Window{Name: name, Deny: kind == "deny", Schedule: schedule(text), Duration: d, Location: time.UTC, Cap: level}
	for _, f := range change {
		f(&w)
	}
	return w
}

func TestWindows(t *testing.T) { // it is Saturday, 2026-03-14 03:00 UTC
	windows := func(all ...policy.Window) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) { w.Windows = remedy.Known(all) })
	}
	const c, b, n, m = remedy.LevelConfirm, remedy.LevelBlocked, remedy.LevelNotify, remedy.LevelMetricOnly
	elsewhere := func(w *policy.Window) { w.Pools = []remedy.PoolName{"edge"} }
	other := func(w *policy.Window) { w.Actions = []remedy.ActionName{"maint"} }
	here := func(w *policy.Window) { w.Pools, w.Actions = []remedy.PoolName{"ingest"}, []remedy.ActionName{"drain"} }
	run(t, "windows", []trial{
		{"none", nil, remedy.EffectAllow, false, "no window is in the way", "0 configured"},
		{"deny, open", windows(window("deny", "nights", "0 0 * * *", 8*time.Hour, c)),
			remedy.EffectCap, false, "deny window nights is open", "until 08:00:00 UTC"},
		{"deny, opens now", windows(window("deny", "nights", "0 3 * * *", time.Hour, c)),
			remedy.EffectCap, false, "deny window nights is open", "until 04:00:00 UTC"},
		{"deny, closes now", windows(window("deny", "nights", "0 0 * * *", 3*time.Hour, c)),
			remedy.EffectAllow, false, "no window is in the way", "1 configured"},
		{"deny, since the day before yesterday", windows(window("deny", "sale", "0 12 12 3 *", 72*time.Hour, n)),
			remedy.EffectCap, false, "deny window sale is open", "until 2026-03-15 12:00:00 UTC"},
		{"deny, blocked", windows(window("deny", "sale", "0 0 * * *", 8*time.Hour, b)),
			remedy.EffectBlock, false, "deny window sale is open", "until 08:00:00 UTC"},
		{"deny, of this pool and action", windows(window("deny", "nights", "0 0 * * *", 8*time.Hour, c, here)),
			remedy.EffectCap, false, "deny window nights is open", "until 08:00:00 UTC"},
		{"deny, of another pool", windows(window("deny", "nights", "0 0 * * *", 8*time.Hour, c, elsewhere)),
			remedy.EffectAllow, false, "no window is in the way", "1 configured"},
		{"deny, of another action", windows(window("deny", "nights", "0 0 * * *", 8*time.Hour, c, other)),
			remedy.EffectAllow, false, "no window is in the way", "1 configured"},
		{"allow, open", windows(window("allow", "office", "0 2 * * *", 8*time.Hour, c)),
			remedy.EffectAllow, false, "allow window office is open", "until 10:00:00 UTC"},
		{"allow, shut", windows(window("allow", "office", "0 9 * * 1-5", 8*time.Hour, c)),
			remedy.EffectCap, false, "no allow window is open", "office opens 2026-03-16 09:00:00 UTC"},
		{"allow, never", windows(window("allow", "office", "0 9 30 2 *", 8*time.Hour, c)),
			remedy.EffectCap, false, "no allow window is open", "office never opens"},
		{"allow, of another pool", windows(window("allow", "office", "0 9 * * 1-5", 8*time.Hour, c, elsewhere)),
			remedy.EffectAllow, false, "no window is in the way", "1 configured"},
		{"one of two allows", windows(window("allow", "office", "0 9 * * 1-5", 8*time.Hour, c), window("allow", "early", "0 1 * * *", 3*time.Hour, c)),
			remedy.EffectAllow, false, "allow window early is open", "until 04:00:00 UTC"},
		{"deny beats allow", windows(window("allow", "early", "0 1 * * *", 3*time.Hour, c), window("deny", "sale", "0 0 * * *", 8*time.Hour, m)),
			remedy.EffectCap, false, "deny window sale is open", "until 08:00:00 UTC"},
		{"the lower of two denies", windows(window("deny", "nights", "0 0 * * *", 8*time.Hour, c), window("deny", "sale", "0 0 * * *", 9*time.Hour, b)),
			remedy.EffectBlock, false, "deny window sale is open", "until 09:00:00 UTC"},
		{"no duration", windows(window("deny", "nights", "0 0 * * *", 0, c)), remedy.EffectBlock, true, "unknown: window nights has no duration", ""},
		{"no cap", windows(window("deny", "nights", "0 0 * * *", time.Hour, remedy.LevelAuto)),
			remedy.EffectBlock, true, "unknown: window nights leaves every level", ""},
		{"no zone", windows(window("deny", "nights", "0 0 * * *", time.Hour, c, func(w *policy.Window) { w.Location = nil })),
			remedy.EffectBlock, true, "unknown: window nights has no time zone", ""},
		{"unknown", world(func(w *policy.World) { w.Windows = remedy.Fact[[]policy.Window]{} }),
			remedy.EffectBlock, true, "unknown: the windows are not known", ""},
	})
}

// TestWindowCaps shows which level each cap leaves, and what is left of a
// putting back: nothing, while a deny window is open; everything, while no
// allow window is.
func TestWindowCaps(t *testing.T) {
	for _, left := range []remedy.Level{remedy.LevelBlocked, remedy.LevelMetricOnly, remedy.LevelNotify, remedy.LevelConfirm} {
		for _, kind := range []string{"deny", "allow"} {
			w := goodWorld()
			v := window("deny", "nights", "0 0 * * *", 8*time.Hour, left)
			if kind == "allow" {
				v = window("allow", "office", "0 9 * * *", 8*time.Hour, left)
			}
			w.Windows = remedy.Known([]policy.Window{v})
			if d := policy.Decide(proposal(remedy.KindAct), w); d.Level != left || (d.BlockedBy == "windows") != (left == remedy.LevelBlocked) {
				t.Errorf("%s window, cap %v: an act reaches %v, blocked by %q", kind, left, d.Level, d.BlockedBy)
			}
			if d := policy.Decide(proposal(remedy.KindManual), w); d.Level != remedy.LevelAuto {
				t.Errorf("%s window, cap %v: a run by hand reaches %v", kind, left, d.Level)
			}
			if d := policy.Decide(proposal(remedy.KindReassert), w); d.Allowed() != (kind == "allow") {
				t.Errorf("%s window, cap %v: a putting back reaches %v", kind, left, d.Level)
			}
		}
	}
}

// TestWindowsOnNightsTheClocksChange walks a deny window through the nights. It
// is open by elapsed time and by the clocks on the wall, whichever is longer.
func TestWindowsOnNightsTheClocksChange(t *testing.T) {
	for _, tt := range []struct {
		name, zone, schedule string
		lasts                time.Duration
		open, shut           string // UTC: opens, and closes
	}{
		{"Dublin, spring, opens at a time that is skipped", "Europe/Dublin", "30 1 * * *", 2 * time.Hour, "2026-03-29 01:00", "2026-03-29 03:00"},
		{"Dublin, spring, spans the change", "Europe/Dublin", "0 0 29 3 *", 3 * time.Hour, "2026-03-29 00:00", "2026-03-29 03:00"},
		{"Dublin, autumn, opens at a time that is repeated", "Europe/Dublin", "30 1 25 10 *", 30 * time.Minute, "2026-10-25 00:30", "2026-10-25 01:00"},
		{"Dublin, autumn, spans the change", "Europe/Dublin", "0 0 25 10 *", 3 * time.Hour, "2026-10-24 23:00", "2026-10-25 03:00"},
		{"Dublin, autumn, a whole day of 25 hours", "Europe/Dublin", "0 0 25 10 *", 24 * time.Hour, "2026-10-24 23:00", "2026-10-26 00:00"},
		{"Dublin, autumn, the repeated hour again", "Europe/Dublin", "0 1 25 10 *", 10 * time.Minute, "2026-10-25 01:00", "2026-10-25 01:10"},
		{"Dublin, autumn, every hour of a night", "Europe/Dublin", "0 0-2 25 10 *", time.Hour, "2026-10-24 23:00", "2026-10-25 03:00"},
		{"New York, spring", "America/New_York", "30 2 8 3 *", time.Hour, "2026-03-08 07:00", "2026-03-08 08:00"},
		{"New York, autumn", "America/New_York", "30 1 1 11 *", time.Hour, "2026-11-01 05:30", "2026-11-01 07:30"},
		{"Lord Howe, spring", "Australia/Lord_Howe", "15 2 4 10 *", time.Hour, "2026-10-03 15:30", "2026-10-03 16:30"},
		{"Lord Howe, autumn", "Australia/Lord_Howe", "45 1 5 4 *", time.Hour, "2026-04-04 14:45", "2026-04-04 16:15"},
		{"Kolkata", "Asia/Kolkata", "0 15 29 3 *", 4 * time.Hour, "2026-03-29 09:30", "2026-03-29 13:30"},
		{"UTC", "UTC", "30 1 29 3 *", 2 * time.Hour, "2026-03-29 01:30", "2026-03-29 03:30"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			loc, err := time.LoadLocation(tt.zone)
			if err != nil {
				t.Fatal(err)
			}
			v := window("deny", "night", tt.schedule, tt.lasts, remedy.LevelBlocked, func(w *policy.Window) { w.Location = loc })
			expect := func(at string, d time.Duration, blocked bool) {
				t.Helper()
				when, err := time.Parse("2006-01-02 15:04", at)
				if err != nil {
					t.Fatal(err)
				}
				w := goodWorld()
				w.Now = when.Add(d)
				w.Windows = remedy.Known([]policy.Window{v})
				a := answerOf(t, policy.Decide(proposal(remedy.KindAct), w), "windows")
				if (a.Effect == remedy.EffectBlock) != blocked {
					t.Errorf("at %v it answers %+v", w.Now, a)
				}
			}
			expect(tt.open, -time.Second, false)
			expect(tt.open, 0, true)
			expect(tt.shut, -time.Second, true)
			expect(tt.shut, 0, false)
		})
	}
}

// TestDenyIsNeverShutInBetween looks at every minute of the night on which
// Dublin's clocks are put back: a deny window that opens each hour for an hour
// is never shut, and an allow window of the same kind opens once an hour.
func TestDenyIsNeverShutInBetween(t *testing.T) {
	loc, err := time.LoadLocation("Europe/Dublin")
	if err != nil {
		t.Fatal(err)
	}
	at := func(kind string, when time.Time) remedy.Answer {
		w := goodWorld()
		w.Now = when
		w.Windows = remedy.Known([]policy.Window{window(kind, "hourly", "0 * * * *", time.Hour, remedy.LevelBlocked, func(w *policy.Window) { w.Location = loc })})
		return answerOf(t, policy.Decide(proposal(remedy.KindAct), w), "windows")
	}
	night := time.Date(2026, 10, 24, 20, 0, 0, 0, time.UTC)
	shut := 0
	for m := range 10 * 60 {
		when := night.Add(time.Duration(m) * time.Minute)
		if a := at("deny", when); a.Effect != remedy.EffectBlock {
			t.Errorf("deny, at %v it answers %+v", when, a)
		}
		if a := at("allow", when); a.Effect == remedy.EffectBlock {
			shut++
		}
	}
	if shut != 60 {
		t.Errorf("the allow window was shut for %d minutes, want the repeated hour", shut)
	}
}
