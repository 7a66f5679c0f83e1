package web

import (
	"net/http"
	"testing"
	"time"

	"warden/internal/remedy"
)

// TestStats counts one case of each sort through the real engine.
func TestStats(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	ctx := t.Context()
	none, err := c.Stats(ctx, "", "all")
	if err != nil || len(none.Rows) != 1 || none.Rows[0].Opened != 0 || none.Rows[0].Decide.N != 0 {
		t.Fatalf("%+v %v", none, err)
	}
	w.rounds(2)
	w.setBad("h07", "h08")
	w.rounds(1)
	waiting, err := c.Cases(ctx, CaseQuery{Stage: remedy.StageWaiting})
	if err != nil || len(waiting.Cases) != 2 {
		t.Fatalf("%+v %v", waiting, err)
	}
	denied, approved := waiting.Cases[0], waiting.Cases[1]
	w.clock.Advance(90 * time.Second)
	if _, err := c.Deny(ctx, denied.ID, DenyRequest{Reason: "other"}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(30 * time.Second)
	if _, err := c.Approve(ctx, approved.ID, ApproveRequest{PlanHash: approved.PlanHash}); err != nil {
		t.Fatal(err)
	}
	w.setBad(approved.Host)
	w.rounds(3)
	got, err := c.Stats(ctx, "1h", "all")
	if err != nil {
		t.Fatal(err)
	}
	r := got.Rows[0]
	if r.Opened != 2 || r.Open != 1 || r.Asked != 2 || r.Approved != 1 || r.Denied != 1 || r.Started != 1 || r.Took != 1 || r.Outcomes["denied"] != 1 {
		t.Errorf("%+v", r)
	}
	// Asked and answered: denied 120 s after the question, since the clock moved
	// on after the round, and approved 30 s later.
	if r.Answer != (Duration{N: 2, MedianSec: 120, WorstSec: 150, WorstCase: approved.ID}) {
		t.Errorf("answer: %+v", r.Answer)
	}
	if r.Decide.N != 2 || r.Decide.WorstSec != 30 || r.Take.N != 1 {
		t.Errorf("decide %+v, take %+v", r.Decide, r.Take)
	}
	for _, by := range []string{"detector", "action", "pool"} {
		got, err := c.Stats(ctx, "", by)
		if err != nil || len(got.Rows) != 1 || got.Rows[0].Name == "" || got.Rows[0].Opened != 2 {
			t.Errorf("%s: %+v %v", by, got, err)
		}
	}
	w.clock.Advance(2 * time.Hour)
	if got, err = c.Stats(ctx, "1h", "pool"); err != nil || len(got.Rows) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	wantAPI(t, second(c.Stats(ctx, "", "moon")), http.StatusUnprocessableEntity, CodeInvalid)
}
