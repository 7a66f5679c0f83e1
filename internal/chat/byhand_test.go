package chat_test

import (
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestByHandIsSaidWhereverSomethingIsLeftToDo holds that a message about a case
// whose host is still in trouble says how to do it without warden, also where
// no plan could be made.
func TestByHandIsSaidWhereverSomethingIsLeftToDo(t *testing.T) {
	t.Parallel()
	const hint = "enc remove edge web-07"
	outcomes := []remedy.Outcome{
		remedy.OutcomeFailed, remedy.OutcomeAborted, remedy.OutcomeUnknown, remedy.OutcomeDenied, remedy.OutcomeExpired, remedy.OutcomeStale,
		remedy.OutcomeUnverified, remedy.OutcomePartial, remedy.OutcomeNoData, remedy.OutcomeCounted, remedy.OutcomeTold, remedy.OutcomeCancelled,
	}
	for _, planned := range []bool{true, false} {
		look := func(kind ledger.NoticeKind, o remedy.Outcome) {
			c := newCase(func(c *ledger.Case) {
				c.Plan.ManualHint = hint
				if !planned {
					c.Plan, c.PlanHash = nil, ""
				}
				if c.Outcome = o; o != "" {
					c.Stage = remedy.StageClosed
				}
			})
			text := chat.Render(chat.Message{Notice: ledger.Notice{Kind: kind, Case: c.ID, Pool: c.Pool, Detail: "W-3 is approved and waits", At: at(3, 12, 0)}, Case: c, ManualHint: hint}, chat.RenderOptions{})
			if !strings.Contains(strings.Join(text.Lines, "\n"), hint) {
				t.Errorf("%s %s, with a plan: %v\n%s\n%s", kind, o, planned, text.Headline, strings.Join(text.Lines, "\n"))
			}
		}
		for _, kind := range []ledger.NoticeKind{ledger.NoticeComplaint, ledger.NoticeQuestion, ledger.NoticeStarted, ledger.NoticeStop, "another"} {
			look(kind, "")
		}
		for _, o := range outcomes {
			look(ledger.NoticeOutcome, o)
		}
	}
}

// TestPoolNoticesThatAreNotOfTheInventory have words and a hint of their own,
// and steps that may be prose are never shown as a command.
func TestPoolNoticesThatAreNotOfTheInventory(t *testing.T) {
	t.Parallel()
	for _, hint := range []string{"enc remove edge web-07", ""} {
		c := newCase(func(c *ledger.Case) {
			c.Stage, c.Plan.ManualHint, c.Plan.Steps = remedy.StageOut, hint, []string{"would take it out", "/bin/drain '<token>'"}
		})
		say := func(id remedy.CaseID, detail string) string {
			m := chat.Message{Notice: ledger.Notice{Kind: ledger.NoticePool, Case: id, Pool: c.Pool, At: at(3, 12, 0), Detail: detail}}
			if id != 0 {
				m.Case = c
			}
			text := chat.Render(m, chat.RenderOptions{})
			return text.Headline + "\n" + strings.Join(text.Lines, "\n")
		}
		half := say(c.ID, "web-07 of W-3 is back on some of its load balancers by another hand")
		deaf := say(0, "its load balancer can't be asked who is in service, so nothing is started (action drain: down)")
		want := "By hand: " + hint
		if hint == "" {
			want = "By hand: `warden show"
		}
		if !strings.Contains(half, want) || !strings.Contains(half, "Half back") || strings.Contains(half+deaf, "inventory") || strings.Contains(half, "<token>") || !strings.Contains(deaf, "who is in service, nothing starts") {
			t.Errorf("%s\n%s", half, deaf)
		}
	}
}

// TestUndoHint is said where warden has no undo, and instead of the undo's steps.
func TestUndoHint(t *testing.T) {
	t.Parallel()
	for _, steps := range [][]string{nil, {"/bin/undrain web-07"}} {
		c := newCase(func(c *ledger.Case) {
			c.Plan.UndoHint, c.Plan.UndoSteps = "enc add edge web-07", steps
			c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
		})
		text := chat.Render(chat.Message{Notice: ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID, Pool: c.Pool, At: at(3, 12, 0)}, Case: c}, chat.RenderOptions{})
		all := strings.Join(text.Lines, "\n")
		if !strings.Contains(all, "Undo by hand: enc add edge web-07") || strings.Contains(all, "warden undo") != (steps != nil) {
			t.Errorf("undo %q:\n%s", steps, all)
		}
	}
}
