package engine

import (
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestStayedBadOverAnOutage has a host that is bad for minutes, six hours without
// warden, nearly four in which the host is between bad and good, and then bad for
// minutes: it was seen bad for less than an hour. Bad for as long again as the rule
// wants, it did stay so.
func TestStayedBadOverAnOutage(t *testing.T) {
	t.Parallel()
	for _, outage := range []time.Duration{0, 6 * time.Hour} {
		r := newRig(t, rules(nil), level(remedy.LevelNotify))
		r.bad(1)
		c := r.reaches(1, remedy.StageProposed)
		r.rounds(5 * time.Minute)
		r.clk.Advance(outage)
		r.log.term = 2
		r.restart()
		r.ratio(0.6, 1) // between: bad below 0.5, good above 0.9
		r.rounds(3*time.Hour + 55*time.Minute)
		r.bad(1)
		r.rounds(15 * time.Minute)
		stayed := func() bool {
			s, ok := r.e.sample(c)
			if now, _ := r.l.Case(c.ID); !ok || now.Stage == remedy.StageClosed {
				t.Fatalf("%+v", now)
			}
			for _, said := range s.Said {
				if said.Source == trust.SourceStayed {
					return true
				}
			}
			return false
		}
		if stayed() {
			t.Errorf("outage of %s: the host was seen bad for minutes, and has stayed bad", outage)
		}
		r.rounds(4 * time.Hour)
		if !stayed() {
			t.Errorf("outage of %s: the host was seen bad for four hours, and has not stayed bad", outage)
		}
	}
}
