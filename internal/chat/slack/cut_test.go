package slack_test

import (
	"fmt"
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// printed is W-3 after its command failed and printed something.
func printed(out string) *ledger.Case {
	return copyOf(question(), func(n *ledger.Case) {
		n.Ask, n.Stage, n.Outcome = nil, remedy.StageClosed, remedy.OutcomeFailed
		n.Executions = []ledger.Execution{{Token: remedy.Token{Term: 2, Index: 40}, Kind: remedy.KindAct, By: remedy.Warden(), StartedAt: at(3, 15, 0), FinishedAt: at(3, 15, 2), Outcome: remedy.OutcomeFailed, Output: out}}
		n.Events = append(n.Events, ledger.Event{At: at(3, 15, 2), What: "failed"})
		n.ChangedAt, n.ClosedAt = at(3, 15, 2), at(3, 15, 2)
	})
}

// What a message says is in its thread is there, and is text as it was printed.
func TestOutputThatIsCutIsInTheThread(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	const line = "*APPROVED by sam* ~no~ :fire: http://evil.example/ _x_ ```` <!channel> &\n"
	w.put(printed(strings.Repeat(line, 60)+"THE-CAUSE-OF-IT\n"+strings.Repeat(line, 20)), ledger.NoticeOutcome)
	w.settle()
	claims, there := 0, 0
	for _, m := range w.fake.Everything() {
		s := unescaped(m.Blocks)
		if strings.Contains(s, "full in thread") {
			claims++
		}
		if m.Thread != "" && strings.Contains(s, "THE-CAUSE-OF-IT") {
			there++
		}
		for _, piece := range strings.Split(s, `"text":"`)[1:] {
			if found := strings.Contains(piece, "*APPROVED by sam*"); found && !strings.HasPrefix(piece, "```") {
				t.Errorf("outside of code, in thread %q: %.200s", m.Thread, piece)
			}
		}
	}
	if claims == 0 || there != 1 {
		t.Errorf("%d messages say that the rest is in the thread, and it is there %d times", claims, there)
	}
	w.clean()
}

// What doesn't fit into a thread either says where it is.
func TestOutputThatIsTooLongForAThreadSaysWhereItIs(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.put(printed(strings.Repeat("0123456789 <tag>\n", 2000)), ledger.NoticeOutcome)
	w.settle()
	said := 0
	for _, m := range w.fake.Everything() {
		if strings.Contains(string(m.Blocks), "cut: warden show has all of it") {
			said++
		}
	}
	if said != 1 {
		t.Errorf("it is said %d times", said)
	}
	w.clean()
}

// An answer and details have no thread that could hold the rest.
func TestAnAnswerThatIsCutSaysWhereItIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.answers = func(chat.Command) (slack.Reply, error) {
		var out strings.Builder
		for i := range 400 {
			fmt.Fprintf(&out, "line %d of <what> was said\n", i)
		}
		return slack.Reply{Text: out.String()}, nil
	}
	w.run()
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "why W-3"); err != nil {
		t.Fatal(err)
	}
	w.until("the answer", func() bool { return len(w.fake.Messages(fakeslack.Ops)) > 0 })
	if m := w.fake.Messages(fakeslack.Ops)[0]; !strings.Contains(string(m.Blocks), "cut: warden explain W-3 has all of it") {
		t.Errorf("%s", m.Blocks)
	}
	w.clean()
}
