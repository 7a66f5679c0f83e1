package slack_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// ask puts ten questions, and says how long it took until so many messages stand.
func (e *engine) ask(want int) time.Duration {
	for i := range 10 {
		e.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = remedy.CaseID(100+i), remedy.HostName(fmt.Sprintf("web-%02d", i)) }), ledger.NoticeQuestion)
	}
	e.spent = 0
	for len(e.fake.Messages(fakeslack.Ops)) < want && e.spent < time.Hour {
		e.turn()
	}
	return e.spent
}

// One edit that each time is in trouble holds up no other message.
func TestTroubleOfOneMessageHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakeslack.Failure{
		"internal_error": fakeslack.Says("internal_error"), "fatal_error": fakeslack.Says("fatal_error"),
		"missing_scope": fakeslack.Says("missing_scope"), "no word": fakeslack.Says("<html>"), "status": fakeslack.Status(500), "page": fakeslack.HTML(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := &engine{world: quick(t)}
			w.put(question(), ledger.NoticeQuestion)
			w.settle()
			w.fake.Fail("chat.update", fault, -1)
			w.put(expired(), ledger.NoticeOutcome)
			for range 6 {
				w.turn()
			}
			if d := w.ask(11); d > time.Minute {
				t.Errorf("ten questions took %s to be asked, since an edit of another message is in trouble", d)
			}
		})
	}
}

// The same for the edit of a message that a newer one has taken the place of.
func TestTroubleOfAnEarlierMessageHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.fake.Fail("chat.update", fakeslack.Says("internal_error"), -1)
	w.put(copyOf(question(), func(n *ledger.Case) {
		a := *n.Ask
		a.AskedAt, a.Notice = at(4, 12, 0), 101
		n.Ask, n.ChangedAt = &a, a.AskedAt
	}), ledger.NoticeQuestion)
	for range 8 {
		w.turn()
	}
	if d := w.ask(12); d > time.Minute {
		t.Errorf("ten questions took %s", d)
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// breaks has warden fail at every request that has some words in it, for as long as
// what it returns is true.
func (e *engine) breaks(words string) *atomic.Bool {
	var broken atomic.Bool
	broken.Store(true)
	e.slack.Client = &http.Client{Transport: roundTrip(func(r *http.Request) (*http.Response, error) {
		if r.GetBody == nil {
			return http.DefaultTransport.RoundTrip(r)
		}
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		if b, _ := io.ReadAll(body); broken.Load() && strings.Contains(string(b), words) {
			panic("a fault of the test's")
		}
		return http.DefaultTransport.RoundTrip(r)
	})}
	return &broken
}

// A message that ends in a fault of warden's own is held by itself, and said
// once the fault is gone.
func TestAFaultOfOneMessageHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	broken := w.breaks("W-50")
	w.put(copyOf(question(), func(n *ledger.Case) { n.ID = 50 }), ledger.NoticeQuestion)
	if _, err := w.once(); err == nil {
		t.Fatal("nothing got through, and yet there is no error")
	}
	if w.logs.FilterMessageSnippet("warden failed at").Len() == 0 {
		t.Fatal("it doesn't panic")
	}
	if d := w.ask(10); d > time.Minute {
		t.Errorf("ten questions took %s", d)
	}
	w.passes(time.Minute)
	w.turn()
	if all := w.slack.Refusals(); len(all) != 1 || !all[0].Trouble || !strings.Contains(all[0].Code, "report it") {
		t.Errorf("what is in trouble: %+v", all)
	}
	broken.Store(false)
	w.spent = 0
	for len(w.owed) > 0 && w.spent < time.Hour {
		w.turn()
		w.passes(time.Minute)
	}
	if w.spent > 20*time.Minute || len(w.slack.Refusals()) != 0 {
		t.Errorf("told %s after the fault was gone; %+v", w.spent, w.slack.Refusals())
	}
}

// What is over and always ends in a fault is given up after a day like what Slack
// refuses, also where it is told together.
func TestAFaultThatLastsIsGivenUp(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.breaks("W-50")
	for i := range 2 {
		w.put(copyOf(expired(), func(n *ledger.Case) {
			n.ID, n.Host, n.Outcome = remedy.CaseID(50+i), remedy.HostName(fmt.Sprintf("web-5%d", i)), remedy.OutcomeSelfRecovered
		}), ledger.NoticeOutcome)
	}
	w.passes(time.Hour)
	for i := range 26 {
		w.put(complain(remedy.CaseID(100+i), fmt.Sprintf("web-%d", 100+i)), ledger.NoticeComplaint) // others get through
		for range 4 {
			for range 3 { // the second that its try takes of the channel's passes
				w.turn()
			}
			w.passes(15 * time.Minute)
		}
	}
	if len(w.owed) != 0 {
		t.Errorf("after a day %d are owed still, the first %+v", len(w.owed), w.owed[0].Notice)
	}
}

// Trouble of all is an error of the round, and its pauses don't grow: nobody waits
// for long once it is over. What may have been posted says so.
func TestTroubleOfAllIsOverSoon(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.fake.Fail("chat.postMessage", fakeslack.Says("internal_error"), -1)
	w.put(question(), ledger.NoticeQuestion)
	_, err := w.once()
	if failed, ok := errors.AsType[interface {
		error
		Reason() string
	}](err); !ok || failed.Reason() != string(chat.ReasonTrouble) {
		t.Errorf("the round's error is %v", err)
	}
	for w.spent < 2*time.Hour {
		w.turn()
		w.passes(10 * time.Second)
	}
	if all := w.slack.Refusals(); len(all) != 1 || !all[0].Trouble || all[0].Code != "internal_error" {
		t.Errorf("what is in trouble: %+v", all)
	}
	w.fake.Heal()
	w.spent = 0
	for len(w.owed) > 0 && w.spent < time.Hour {
		w.turn()
		w.passes(time.Second)
	}
	if w.spent > time.Minute {
		t.Errorf("asked %s after the trouble was over", w.spent)
	}
	if all := w.fake.Messages(fakeslack.Ops); !strings.Contains(string(all[len(all)-1].Blocks), "may be a repeat") {
		t.Errorf("it may be a repeat, and doesn't say so: %s", all[len(all)-1].Blocks)
	}
}

// A post in trouble stays in its channel at first: it may be there. An edit that is in
// trouble for long, while others get through, is said anew.
func TestTroubleThatLastsIsSaidAnotherWay(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.fake.Fail("chat.update", fakeslack.Says("internal_error"), -1)
	w.put(expired(), ledger.NoticeOutcome)
	for i := range 40 {
		w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = remedy.CaseID(100+i), remedy.HostName(fmt.Sprintf("web-%02d", i)) }), ledger.NoticeQuestion)
		w.turn()
		w.turn() // the edit's, a second later
		w.passes(30 * time.Second)
	}
	for range 5 {
		w.turn()
	}
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 42 || len(w.owed) != 0 {
		t.Errorf("%d messages, and %d notices are owed", n, len(w.owed))
	}
	n := 0
	for _, c := range w.fake.Calls() {
		if c.Method == "chat.update" {
			n++
		}
	}
	if n > 20 {
		t.Errorf("%d edits were tried", n)
	}
}
