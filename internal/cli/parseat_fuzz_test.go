package cli

import (
	"testing"
	"time"
)

// FuzzParseAt reads anything as an instant: what it takes for a time of day is
// the last such one, what it takes for an instant is the same when it is
// written out, and what it refuses it says in few words.
func FuzzParseAt(f *testing.F) {
	zones := []*time.Location{time.UTC}
	for _, name := range []string{"Europe/Dublin", "America/New_York", "Asia/Kathmandu", "Africa/Cairo", "Australia/Lord_Howe"} {
		zone, err := time.LoadLocation(name)
		if err != nil {
			f.Fatal(err)
		}
		zones = append(zones, zone)
	}
	for _, text := range []string{
		"02:40", "2:40", "24:00", "23:59:60", "02:40:30.5", "2026-11-20 02:40", "2026-11-20T02:40", "2026-02-30 02:40", "2026-11-20T02:40:00Z", "2026-11-20T02:40:00+99:99",
		"0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "-1h", "now", "", "02:40\x00", "\x1b[2K",
	} {
		f.Add(text, int64(1_792_890_600), uint8(1)) // an hour that Dublin has twice
		f.Add(text, int64(1_774_746_000), uint8(1)) // one that it skips
	}
	f.Add("00:30", int64(1_777_000_200), uint8(4)) // Cairo skips midnight
	f.Fuzz(func(t *testing.T, text string, unix int64, zone uint8) {
		if unix < 0 || unix > 4_000_000_000 || len(text) > 1<<10 {
			return
		}
		now, in := time.Unix(unix, 0), zones[int(zone)%len(zones)]
		got, err := parseAt(text, now, in)
		if err != nil {
			if most := 200 + 10*len(text); len(err.Error()) > most {
				t.Fatalf("%d bytes of words about %d", len(err.Error()), len(text))
			}
			return
		}
		if timeOfDay := text[1] == ':' || text[2] == ':'; timeOfDay && (got.After(now) || now.Sub(got) > 26*time.Hour) {
			t.Fatalf("%q at %v is %v", text, now.In(in), got)
		}
		again, err := parseAt(got.Format(time.RFC3339Nano), now, in)
		if year := got.Year(); err == nil && !again.Equal(got) || err != nil && year >= 0 && year <= 9999 {
			t.Fatalf("%q is %v, which is %v: %v", text, got, again, err)
		}
	})
}
