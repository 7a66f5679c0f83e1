package web

import (
	"fmt"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAWrongThatIsNoEvidence: who says wrong where so many do that it isn't counted is
// told so; the word is kept until they take it back.
func TestAWrongThatIsNoEvidence(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, "somebody-else")
	c, ctx := w.serve(), t.Context()
	w.setBad("h03")
	w.rounds(8)
	list, err := c.Cases(ctx, CaseQuery{Host: "h03"})
	if err != nil || len(list.Cases) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	id := list.Cases[0].ID
	for i := range trust.MaxSaid {
		w.commit(remedy.Actor{Name: fmt.Sprintf("fake%02d", i), Person: true}, &ledger.CaseLabel{Case: id, Label: trust.Wrong, Lowers: true})
	}
	got, err := c.Label(ctx, id, LabelRequest{Label: "wrong"})
	if err != nil || !got.Uncounted || got.Label != trust.Wrong {
		t.Errorf("%+v %v", got, err)
	}
	d, err := c.Case(ctx, id)
	if err != nil || len(d.Words) != trust.MaxSaid+1 {
		t.Fatalf("%d words, %v", len(d.Words), err)
	}
	if got, err = c.Label(ctx, id, LabelRequest{}); err != nil || got.Uncounted {
		t.Errorf("%+v %v", got, err)
	}
	if d, err = c.Case(ctx, id); err != nil || len(d.Words) != trust.MaxSaid {
		t.Errorf("taken back: %d words, %v", len(d.Words), err)
	}
}
