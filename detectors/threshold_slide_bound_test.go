package detectors

import (
	"math/rand/v2"
	"testing"
	"time"
)

// TestSlidOnTheBound: sums of tenths that lie on the bound, or next to it by the
// last bit, are held against it in the order of the window, not in that in which
// the slide came by them.
func TestSlidOnTheBound(t *testing.T) {
	t.Parallel()
	for _, how := range []Aggregate{AggregateAvg, AggregateSum} {
		w := newGaugeWorld(t, thresholdSpec(func(s *ThresholdSpec) {
			s.Aggregate, s.Window, s.For = how, 2*time.Minute, 5*time.Minute
			// What 0.1 + 0.2 + 0.3 + 0.4 makes in some orders, and not in others.
			s.Conditions[0].BadAbove, s.Conditions[0].ClearBelow = new(1.0), nil
			if how == AggregateAvg {
				s.Conditions[0].BadAbove = new(0.25)
			}
		}), 400)
		rnd := rand.New(rand.NewPCG(1, 2))
		for _, h := range w.pool.Hosts {
			// A window is any four in a row of the same four: 1, give or take a bit.
			order, large := rnd.Perm(4), []float64{0, 0, 1e3, 1e7}[rnd.IntN(4)]
			w.edit(w.value(0), string(h.Name), func(back int, _ float64) (float64, bool) {
				v := float64(order[back%4]+1) / 10
				if back < 4 { // bad now, by a value that leaves the window and its rounding behind
					v += large + 0.1
				}
				return v, true
			})
		}
		results := w.results()
		want := w.t.recomputed(w.pool, testAt, results)
		seen := map[int64]bool{}
		for i, v := range w.t.Judge(w.pool, testAt, results, nil).Verdicts {
			if v.BadSince != want[i] {
				t.Errorf("%s by %s is bad since %d, want %d", w.pool.Hosts[i].Name, how, v.BadSince, want[i])
			}
			seen[v.BadSince] = true
		}
		if len(seen) < 2 {
			t.Errorf("%d different lengths of being bad: the hosts don't differ", len(seen))
		}
	}
}
