package engine

import (
	"testing"
	"time"

	"warden/internal/cron"
	"warden/internal/ledger"
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

// windowed configures one window that opens at 09:00 UTC, when every story
// begins.
func windowed(deny bool, lasts time.Duration, level remedy.Level) func(*setup) {
	return func(s *setup) {
		s.config = func(c *Config) {
			c.Windows = []policy.Window{{Name: "w", Deny: deny, Schedule: schedule("0 9 * * *"), Duration: lasts, Location: time.UTC, Cap: level}}
		}
	}
}

// While a window is in the way nothing is done above its cap, and when it is
// out of the way everything is decided afresh.
func TestWindowsHoldUp(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		deny  bool
		level remedy.Level
		stage remedy.Stage // of the case while it trips
	}{
		{"blocked", true, remedy.LevelBlocked, remedy.StageDetected},
		{"metric-only", true, remedy.LevelMetricOnly, remedy.StageProposed},
		{"notify", true, remedy.LevelNotify, remedy.StageProposed},
		{"confirm", true, remedy.LevelConfirm, remedy.StageWaiting},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				r.rounds(59 * time.Minute)
				c := r.open(3)
				if r.lb.acts() != 0 || c.Stage != tt.stage || answered(c, "windows").Cap != tt.level {
					t.Fatalf("%d acts, %s, windows answers %+v", r.lb.acts(), c.Stage, answered(c, "windows"))
				}
				if tt.level == remedy.LevelBlocked && blockedBy(c) != "windows" {
					t.Errorf("blocked by %q", blockedBy(c))
				}
				if tt.level == remedy.LevelConfirm {
					r.must(r.answer(c.ID, true)) // a person may still say yes
				}
				r.rounds(5 * time.Minute)
				if r.lb.acts() != 1 {
					t.Errorf("%d acts after it closed", r.lb.acts())
				}
			}, windowed(tt.deny, time.Hour, tt.level), func(s *setup) { s.expires = 2 * time.Hour })
		})
	}
}

// An allow window lets what it is about be done while it is open, and a run by
// hand is never bound.
func TestAllowWindows(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.rounds(2 * time.Hour)
		r.bad(3)
		r.rounds(time.Hour)
		if r.lb.acts() != 0 || blockedBy(r.open(3)) != "windows" {
			t.Fatalf("%d acts, blocked by %q", r.lb.acts(), blockedBy(r.open(3)))
		}
		r.must(r.byHand(5))
		if r.lb.acts() != 1 {
			t.Errorf("%d acts by hand", r.lb.acts())
		}
		r.rounds(22 * time.Hour)
		if r.lb.acts() != 2 || r.ear.count(ledger.NoticeStarted) != 2 {
			t.Errorf("%d acts after it opened again", r.lb.acts())
		}
	}, windowed(false, time.Hour, remedy.LevelBlocked))
}
