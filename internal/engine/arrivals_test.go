package engine

import (
	"bytes"
	"context"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// An execution is known from when its START was applied here, or from when it
// came with a snapshot, until it has ended.
func TestArrivals(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.log.arrivals = NewArrivals(r.l, r.clk)
		r.lb.effect = func(context.Context, func()) error { panic(killed{"in the effect"}) }
		r.bad(3)
		for range 8 {
			if r.round() != "" {
				break
			}
		}
		token := r.last(3).Execution().Token
		began := r.clk.Read().Mono
		at, ok := r.log.arrivals.Arrived(token)
		if !ok || !at.Live || at.At.Mono > began || began-at.At.Mono > time.Minute {
			t.Fatalf("arrived at %+v, %v; it is %s", at, ok, began)
		}
		r.clk.Advance(time.Minute)
		var snapshot bytes.Buffer
		w, err := r.l.Snapshot()
		r.must(err)
		_, err = w.WriteTo(&snapshot)
		r.must(err)
		again := NewArrivals(ledger.New(), r.clk)
		r.must(again.Restore(&snapshot))
		if at, ok := again.Arrived(token); !ok || at.Live || at.At != r.clk.Read() {
			t.Errorf("from a snapshot: %+v, %v", at, ok)
		}
		if _, ok := again.Arrived(remedy.Token{Term: 7, Index: 7}); ok {
			t.Error("an execution that never was has arrived")
		}
		// Whoever leads next waits from there, not from when it first looks.
		r.lb.effect = nil
		r.restart()
		r.e.Arrived = r.log.arrivals.Arrived
		r.rounds(time.Minute) // 90 s and 5 s after START
		if c := r.last(3); c.Executions[0].Outcome != remedy.OutcomeAborted {
			t.Errorf("%+v", c.Executions)
		}
		r.rounds(5 * time.Minute)
		if _, ok := r.log.arrivals.Arrived(token); ok || r.lb.acts() != 2 {
			t.Errorf("%d acts, and the first is still known: %v", r.lb.acts(), ok)
		}
	})
}
