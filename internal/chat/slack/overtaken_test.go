package slack_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// A card whose edit meets a moment of trouble is brought up to date after it, although
// its thread said something meanwhile.
func TestAThreadDoesNotStandForItsCard(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakeslack.Failure{"trouble": fakeslack.Says("internal_error"), "a limit": fakeslack.RateLimited(5 * time.Second)} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &engine{world: quick(t)}
			asked := question()
			w.put(asked, ledger.NoticeQuestion)
			w.settle()
			w.passes(5 * time.Second)
			w.put(copyOf(asked, func(n *ledger.Case) {
				n.Answer = &ledger.CaseReply{Approve: true, By: remedy.Actor{Name: "fran", Via: "slack", Person: true}, At: w.now, PlanHash: n.PlanHash}
				n.ChangedAt = w.now
				n.Events = append(n.Events, ledger.Event{At: w.now, What: "approved", By: "fran"})
			}), ledger.NoticeAnswered)
			w.settle()
			w.passes(5 * time.Second)
			if m := w.fake.Messages(fakeslack.Ops)[0]; !strings.Contains(string(m.Blocks), "Draining") {
				t.Fatalf("it says %s", m.Blocks)
			}
			w.fake.Fail("chat.update", fault, 1)
			w.put(copyOf(asked, func(n *ledger.Case) {
				n.ChangedAt = w.now
				n.Events = append(n.Events, ledger.Event{At: w.now, What: "the yes of fran counts no more: bob says that the detector is wrong", By: "bob"})
			}), ledger.NoticeLabel)
			for range 30 {
				w.turn()
				w.passes(2 * time.Second)
			}
			m := w.fake.Messages(fakeslack.Ops)[0]
			if said := w.fake.Thread(fakeslack.Ops, m.TS); len(said) == 0 || !strings.Contains(said[len(said)-1].Text, "counts no more") {
				t.Errorf("the thread has %+v", said)
			}
			if strings.Contains(string(m.Blocks), "Draining") {
				t.Errorf("a minute later the card still says: %s", m.Text)
			}
		})
	}
}
