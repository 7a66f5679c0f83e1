package annotate_test

import (
	"context"
	"net/http"
	"testing"

	"warden/internal/annotate"
	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/outbound"
	"warden/internal/remedy"
)

// picky is a place that refuses the marks of the first 20 cases.
type picky struct{ made map[string]int }

func (picky) Name() string { return "grafana" }
func (picky) Find(context.Context, annotate.Mark) (string, bool, outbound.Reply, error) {
	return "", false, outbound.Reply{Status: 200}, nil
}
func (p picky) Make(_ context.Context, m annotate.Mark) (string, outbound.Reply, error) {
	if m.Case != 0 && m.Case <= 20 {
		return "", outbound.Reply{Status: http.StatusBadRequest}, nil
	}
	p.made[m.Key]++
	return "1", outbound.Reply{Status: 200}, nil
}
func (picky) Change(context.Context, string, annotate.Mark) (outbound.Reply, error) {
	return outbound.Reply{Status: 200}, nil
}

// TestRefusedMarksHoldUpNoOther: however many marks are refused, the others are made.
func TestRefusedMarksHoldUpNoOther(t *testing.T) {
	t.Parallel()
	p := picky{map[string]int{}}
	d := newDesk(p, true, false)
	var owed []chat.Message
	for i := range uint64(21) {
		c := newCase(func(c *ledger.Case) { c.ID = remedy.CaseID(i + 1) })
		owed = append(owed, message(i+1, ledger.NoticeOutcome, c))
	}
	for range 2 {
		_, _ = d.bring(t.Context(), nil, owed...) // that some are refused is an error
	}
	if len(p.made) != 1 || d.counts[annotate.Refused] != 20 {
		t.Errorf("W-21 has no mark, or others were tried again at once: %v, %v", p.made, d.counts)
	}
	for _, got := range d.posts {
		if got.Case != 21 || !got.Of.Equal(at(3, 16)) {
			t.Errorf("the receipt doesn't say how far it shows the case: %+v", got)
		}
	}
}
