package slack_test

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// TestWhatPagesIsNeverGivenUp: nobody knows whether it happened, and a person has to
// say. It is told once the channel takes messages again, however late.
func TestWhatPagesIsNeverGivenUp(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.fake.Fail("chat.postMessage", fakeslack.Says("not_in_channel"), -1)
	c := copyOf(question(), func(n *ledger.Case) {
		n.Ask, n.Stage, n.Outcome = nil, remedy.StageExecuting, ""
		n.Executions = []ledger.Execution{{Token: remedy.Token{Term: 2, Index: 40}, Kind: remedy.KindAct, By: remedy.Warden(), StartedAt: at(3, 15, 0), FinishedAt: at(3, 15, 2), Outcome: remedy.OutcomeUnknown, TakesOut: true}}
	})
	w.put(c)
	w.mu.Lock()
	w.owe(ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID, Pool: c.Pool, At: w.now, Page: true})
	w.mu.Unlock()
	for range 26 * 6 {
		w.turn()
		w.passes(10 * time.Minute)
	}
	w.fake.Heal()
	for range 20 {
		w.turn()
		w.passes(10 * time.Minute)
	}
	if n := len(w.fake.Messages(fakeslack.Ops)); n == 0 {
		t.Errorf("%s (unknown: %v, open: %v) is told nowhere, also after the channel was mended; %d are owed", c.ID, c.UnknownExecution(), c.Open(), len(w.owed))
	}
}
