package slack_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// again is a question that its case asks anew.
func again(c *ledger.Case, minute int) *ledger.Case {
	return copyOf(c, func(n *ledger.Case) {
		a := *n.Ask
		a.AskedAt = at(3, minute, 0)
		n.Ask, n.ChangedAt = &a, at(3, minute, 0)
	})
}

// asking are the messages of the channel that can be answered with a yes.
func (w *world) asking() (out []string) {
	for _, m := range w.fake.Messages(fakeslack.Ops) {
		for _, b := range m.Buttons() {
			if b.ActionID == "warden.approve" && m.Thread == "" {
				out = append(out, m.TS)
			}
		}
	}
	return out
}

// A case that asks anew has one message that asks: the earlier ones lead to it, and have
// no buttons.
func TestAnEarlierMessageAsksNoMore(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	for _, minute := range []int{13, 14} {
		w.put(again(question(), minute), ledger.NoticeQuestion)
		w.settle()
		all := w.fake.Messages(fakeslack.Ops)
		newest := all[len(all)-1]
		if got := w.asking(); len(got) != 1 || got[0] != newest.TS {
			t.Errorf("3:%d: %d messages, and those ask: %v", minute, len(all), got)
		}
		for i, m := range all[:len(all)-1] {
			if s := string(m.Blocks); !strings.Contains(m.Text, "Asked again") || len(m.Buttons()) != 0 || !strings.Contains(s, strings.ReplaceAll(all[i+1].TS, ".", "")) {
				t.Errorf("3:%d: an earlier message says %q, %s, and the one after it is %s", minute, m.Text, s, all[i+1].TS)
			}
		}
	}
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.Stage, n.Outcome, n.Ask = remedy.StageClosed, remedy.OutcomeDenied, nil
		n.Answer = &ledger.CaseReply{By: remedy.Actor{Name: "kim", Via: "cli", Person: true}, At: at(3, 20, 0)}
		n.ClosedAt, n.ChangedAt = at(3, 20, 0), at(3, 20, 0)
	}), ledger.NoticeAnswered, ledger.NoticeOutcome)
	w.settle()
	if got := w.asking(); len(got) != 0 {
		t.Errorf("W-3 is denied, and those still ask: %v", got)
	}
	for key := range w.posts {
		if strings.HasPrefix(key, "was/") {
			t.Errorf("%s is remembered though it is edited", key)
		}
	}
	w.clean()
}

// Whoever leads next edits what this leader couldn't.
func TestTheNextLeaderEditsTheEarlierMessage(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.fake.Fail("chat.update", fakeslack.Status(503), -1)
	w.put(again(question(), 13), ledger.NoticeQuestion)
	for len(w.fake.Messages(fakeslack.Ops)) < 2 {
		got, _ := w.once()
		<-w.clk.After(got.Wait)
	}
	if len(w.asking()) != 2 {
		t.Fatalf("those ask: %v", w.asking())
	}
	w.fake.Heal()
	w.slack = slack.New(w.slack.Options)
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if got := w.asking(); len(got) != 1 || got[0] != all[len(all)-1].TS {
		t.Errorf("those ask: %v of %d", got, len(all))
	}
	w.clean()
}

// An earlier message that Slack refuses to have edited holds up nothing, and is given up
// after a day.
func TestAnEarlierMessageThatCantBeEdited(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"edit_window_closed", "no_permission"} {
		w := &engine{world: quick(t)}
		w.put(question(), ledger.NoticeQuestion)
		w.settle()
		w.fake.Fail("chat.update", fakeslack.Says(code), -1)
		w.put(again(question(), 13), ledger.NoticeQuestion)
		for range 25 * 3 {
			w.turn()
			if w.pause > time.Second {
				t.Errorf("%s: it is everybody's error", code)
			}
			w.passes(20 * time.Minute)
		}
		if got := w.asking(); len(got) != 2 {
			t.Errorf("%s: those ask: %v", code, got)
		}
		for key := range w.posts {
			if strings.HasPrefix(key, "was/") {
				t.Errorf("%s: %s is tried for ever", code, key)
			}
		}
	}
}
