package detectors

import (
	"math"
	"testing"
	"time"

	"warden/internal/remedy"
)

// TestStopped ends the series of h00 long ago unless the case says otherwise.
// `for`, and with it the quiet time, is 2 min.
func TestStopped(t *testing.T) {
	expectQuery := func(s *CanarySpec) { s.ExpectPerMinute, s.ExpectQuery = 0, "expected" }
	vanish := func(from, to int, ago time.Duration) func(w *world) {
		return func(w *world) {
			for i := from; i < to; i++ {
				w.vanish(string(hostName(i)), ago)
			}
		}
	}
	silent := func(n int) func(w *world) { return vanish(0, n, 5*time.Minute) }
	stale := func(w *world, from, to int) { // fresh now, but not throughout
		for i := from; i < to; i++ {
			w.edit(w.ask.stamps, string(hostName(i)), without(1, 2, 3))
		}
	}
	unseen := func(w *world, from, to int) { // in the inventory, but never in the source
		for i := from; i < to; i++ {
			for _, hosts := range w.series {
				delete(hosts, string(hostName(i)))
			}
		}
	}
	state := func(w *world, from, to int, s remedy.ServiceState) {
		for i := from; i < to; i++ {
			w.pool.Hosts[i].State = s
		}
	}
	tests := []struct {
		name  string
		hosts int
		edit  func(*CanarySpec)
		do    func(w *world)
		want  string // what h00 is
		bad   int    // bad in the whole pool
	}{
		{"in a pool of 3", 3, nil, silent(1), "bad stopped", 1},
		{"in a pool of 10", 10, nil, silent(1), "bad stopped", 1},
		{"in a pool of 40", 40, nil, silent(1), "bad stopped", 1},
		{"in a pool of 2 with a fresh other", 2, nil, silent(1), "bad stopped", 1},
		{"alone", 1, nil, silent(1), remedy.ReasonPeersNotFresh, 0},
		{"exactly the quiet time ago", 10, nil, vanish(0, 1, 2*time.Minute), "bad stopped", 1},
		{"a second less", 10, nil, vanish(0, 1, 2*time.Minute-time.Second), remedy.ReasonStale, 0},
		{"almost seen_within ago", 10, nil, vanish(0, 1, 58*time.Minute), "bad stopped", 1},
		{"too little left within seen_within", 10, nil, vanish(0, 1, 59*time.Minute+30*time.Second), remedy.ReasonFewPoints, 0},
		{"longer than seen_within ago", 10, nil, vanish(0, 1, time.Hour), remedy.ReasonNeverSeen, 0},
		{"series removed entirely", 10, nil, func(w *world) {
			for _, hosts := range w.series {
				delete(hosts, "h00")
			}
		}, remedy.ReasonNeverSeen, 0},

		{"all of 3", 3, nil, silent(3), remedy.ReasonManyStopped, 0},
		{"2 of 3", 3, nil, silent(2), remedy.ReasonManyStopped, 0},
		{"4 of 10", 10, nil, silent(4), remedy.ReasonManyStopped, 0},
		{"12 of 40", 40, nil, silent(12), remedy.ReasonManyStopped, 0},
		{"12 of 40 just now", 40, nil, vanish(0, 12, time.Minute), remedy.ReasonStale, 0},
		{"the first of 12 of 40", 40, nil, func(w *world) {
			vanish(0, 1, 2*time.Minute)(w)
			vanish(1, 12, 115*time.Second)(w)
		}, remedy.ReasonManyStopped, 0},
		{"the first of 2 of 40", 40, nil, func(w *world) {
			vanish(0, 1, 2*time.Minute)(w)
			vanish(1, 2, 115*time.Second)(w)
		}, remedy.ReasonManyStopped, 0},
		{"all of 40", 40, nil, silent(40), remedy.ReasonManyStopped, 0},
		{"2 of 40", 40, nil, silent(2), remedy.ReasonManyStopped, 0},
		{"2 of 40 with room for 2", 40, func(s *CanarySpec) { s.MaxEnded = 2 }, silent(2), "bad stopped", 2},
		{"rule off", 40, func(s *CanarySpec) { s.MaxEnded = 0 }, silent(1), remedy.ReasonManyStopped, 0},
		{"no target", 40, func(s *CanarySpec) { s.CanaryTarget = "" }, silent(1), remedy.ReasonNoSeries, 0},

		{"target stale once", 40, nil, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.target, "heartbeat", without(2, 3))
		}, remedy.ReasonSourceStale, 0},
		{"target dead", 40, nil, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.target, "heartbeat", nothing)
		}, remedy.ReasonSourceStale, 0},
		{"one other never seen", 10, nil, func(w *world) { silent(1)(w); unseen(w, 1, 2) }, "bad stopped", 1},
		{"two of 9 others never seen", 10, nil, func(w *world) { silent(1)(w); unseen(w, 1, 3) }, remedy.ReasonPeersNotFresh, 0},
		{"the only other never seen", 2, nil, func(w *world) { silent(1)(w); unseen(w, 1, 2) }, remedy.ReasonPeersNotFresh, 0},
		{"one other not fresh", 10, nil, func(w *world) { silent(1)(w); stale(w, 1, 2) }, "bad stopped", 1},
		{"two of 9 others not fresh", 10, nil, func(w *world) { silent(1)(w); stale(w, 1, 3) }, remedy.ReasonPeersNotFresh, 0},
		{"three of 39 others not fresh", 40, nil, func(w *world) { silent(1)(w); stale(w, 1, 4) }, "bad stopped", 1},
		{"four of 39 others not fresh", 40, nil, func(w *world) { silent(1)(w); stale(w, 1, 5) }, remedy.ReasonPeersNotFresh, 0},
		{"the only other not fresh", 2, nil, func(w *world) { silent(1)(w); stale(w, 1, 2) }, remedy.ReasonPeersNotFresh, 0},
		{"others not fresh at one step", 10, nil, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.stamps, "h01", without(3))
			w.edit(w.ask.stamps, "h02", without(2))
		}, remedy.ReasonPeersNotFresh, 0},

		{"others out are no others", 10, nil, func(w *world) {
			silent(1)(w)
			state(w, 1, 9, remedy.ServiceOut)
			stale(w, 9, 10)
		}, remedy.ReasonPeersNotFresh, 0},
		{"hosts that are out may have stopped", 10, nil, func(w *world) { silent(4)(w); state(w, 1, 4, remedy.ServiceOut) }, "bad stopped", 1},
		{"hosts of unknown state may not", 10, nil, func(w *world) { silent(4)(w); state(w, 1, 4, remedy.ServiceUnknown) }, remedy.ReasonManyStopped, 0},
		{"nobody known to be in service", 10, nil, func(w *world) { silent(1)(w); state(w, 0, 10, remedy.ServiceUnknown) }, remedy.ReasonPeersNotFresh, 0},
		{"its own state unknown", 10, nil, func(w *world) { silent(1)(w); state(w, 0, 1, remedy.ServiceUnknown) }, "bad stopped", 1},
		{"it is out", 10, nil, func(w *world) { silent(1)(w); state(w, 0, 1, remedy.ServiceOut) }, "out", 0},
		{"another stopped, out for the shadow budget", 10, nil, func(w *world) {
			silent(2)(w)
			w.pool.Hosts[1].ShadowOut = true
		}, "bad stopped", 1},
		{"it stopped, out for the shadow budget", 10, nil, func(w *world) {
			silent(1)(w)
			w.pool.Hosts[0].ShadowOut = true
		}, "bad stopped", 1},
		{"it is out for the shadow budget and another stopped", 10, nil, func(w *world) {
			silent(2)(w)
			w.pool.Hosts[0].ShadowOut = true
		}, remedy.ReasonManyStopped, 1},
		{"shadow hosts are no others", 10, nil, func(w *world) {
			silent(1)(w)
			for i := range 9 {
				w.pool.Hosts[i+1].ShadowOut = true
			}
		}, remedy.ReasonPeersNotFresh, 0},

		{"count of recent samples is NaN", 10, nil, func(w *world) {
			silent(1)(w)
			w.add(w.ask.recent, "h00")
			w.edit(w.ask.recent, "h00", always(math.NaN()))
		}, remedy.ReasonNoSeries, 0},
		{"count of seen samples is infinite", 10, nil, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.seen, "h00", always(math.Inf(1)))
		}, remedy.ReasonFewPoints, 0},
		{"another is stale, though there are recent samples", 10, nil, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.stamps, "h01", without(0))
		}, remedy.ReasonManyStopped, 0},
		{"another is stale, and there are no counts of it", 10, nil, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.stamps, "h01", without(0))
			w.edit(w.ask.seen, "h01", nothing)
			w.edit(w.ask.recent, "h01", nothing)
		}, remedy.ReasonManyStopped, 0},
		{"counts and stamps disagree", 10, nil, func(w *world) {
			w.edit(w.ask.recent, "h00", nothing)
		}, "good", 0},
		{"counts and stamps disagree while stale", 10, nil, func(w *world) {
			w.edit(w.ask.recent, "h00", nothing)
			w.edit(w.ask.stamps, "h00", always(float64(testAt.Unix()-60)))
		}, remedy.ReasonStale, 0},
		{"two old series", 10, nil, func(w *world) {
			silent(1)(w)
			w.series[w.ask.seen]["h00 again"] = w.series[w.ask.seen]["h00"]
		}, "bad stopped", 1},
		{"two series in the window", 10, nil, func(w *world) {
			vanish(0, 1, 2*time.Minute)(w)
			w.series[w.ask.value]["h00 again"] = w.series[w.ask.value]["h00"]
		}, remedy.ReasonDuplicate, 0},
		{"expected by query", 10, expectQuery, silent(1), "bad stopped", 1},
		{"expectation gone with it", 10, expectQuery, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.expect, "h00", nothing)
		}, remedy.ReasonNoExpectation, 0},
		{"nothing expected of it at one step", 10, expectQuery, func(w *world) {
			silent(1)(w)
			w.edit(w.ask.expect, "h00", steps(0, 3))
		}, remedy.ReasonNoExpectation, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			edit := tt.edit
			if edit == nil {
				edit = func(*CanarySpec) {}
			}
			w := newWorld(t, testSpec(edit), tt.hosts)
			tt.do(w)
			j := w.judge()
			if got := say(j.Findings()[0]); got != tt.want {
				t.Errorf("h00 is %s, want %s", got, tt.want)
			}
			bad := 0
			for _, f := range j.Findings() {
				checkFinding(t, w, f)
				if f.BadNow {
					bad++
				}
			}
			if bad != tt.bad {
				t.Errorf("%d bad now, want %d", bad, tt.bad)
			}
		})
	}
}

func TestStoppedEvidence(t *testing.T) {
	w := newWorld(t, testSpec(), 10)
	w.vanish("h00", 150*time.Second)
	f := w.judge().Findings()[0]
	v, known := f.Value.Get()
	if !f.Stopped || !known || v != 0 || !f.BadSince.Equal(testAt.Add(-2*time.Minute)) {
		t.Errorf("%+v", f)
	}
	if want := testAt.Add(-160 * time.Second); !f.Newest.Equal(want) {
		t.Errorf("newest %v, want %v", f.Newest, want)
	}
}
