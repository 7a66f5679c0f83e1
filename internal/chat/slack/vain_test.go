package slack_test

import (
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestNoButtonIsInVain: a card offers nothing that the ledger always refuses.
func TestNoButtonIsInVain(t *testing.T) {
	t.Parallel()
	q := slack.Samples()[0].Case
	done := func(n *ledger.Case) {
		n.Ask, n.Stage, n.Outcome = nil, remedy.StageOut, remedy.OutcomeDone
		n.Executions = []ledger.Execution{{Token: remedy.Token{Term: 2, Index: 40}, Kind: remedy.KindAct, By: remedy.Warden(), StartedAt: at(3, 15, 0), FinishedAt: at(3, 15, 2), Outcome: remedy.OutcomeDone, TakesOut: true, Took: remedy.Known(true)}}
	}
	byHand := copyOf(q, func(n *ledger.Case) {
		done(n)
		n.Detector, n.Opened, n.Latest = "", nil, nil
		n.Manual = &ledger.ManualRun{By: remedy.Actor{Name: "sam", Person: true}, Reason: "x"}
		n.Executions[0].By = n.Manual.By
	})
	noUndo := copyOf(q, func(n *ledger.Case) {
		done(n)
		p := *n.Plan
		p.UndoSteps, p.UndoHint = nil, "start it by hand"
		n.Plan = &p
	})
	for name, c := range map[string]*ledger.Case{"run by hand": byHand, "no undo": noUndo} {
		for _, b := range chat.CardOf(chat.Message{Case: c, Notice: ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID}}, chat.CardOptions{}).Buttons {
			switch {
			case name == "run by hand" && (b.Verb == chat.VerbRight || b.Verb == chat.VerbWrong), name == "no undo" && b.Verb == chat.VerbUndo:
				t.Errorf("%s: %q (%s)", name, b.Label, b.Verb)
			}
		}
	}
}
