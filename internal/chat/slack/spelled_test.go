package slack_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// answerable fails the test where the one message of the channel can't be answered with
// what it says: buttons, or commands and no word about taps.
func (e *engine) answerable() fakeslack.Message {
	e.t.Helper()
	all := e.fake.Messages(fakeslack.Ops)
	if len(all) != 1 {
		e.t.Fatalf("%d messages", len(all))
	}
	m := all[0]
	if len(m.Buttons()) > 0 {
		return m
	}
	for _, want := range []string{"`" + e.cases[3].YesCommand(e.against[3].Newest) + "`", "`warden deny W-3 --reason false-alarm`"} {
		if !strings.Contains(m.Text, want) {
			e.t.Errorf("it has no buttons, and doesn't say %s: %s", want, m.Text)
		}
	}
	if words := strings.Fields(strings.ToLower(m.Text)); slices.Contains(words, "tap") || slices.Contains(words, "button") {
		e.t.Errorf("it has nothing to tap: %s", m.Text)
	}
	return m
}

// calls counts the calls of a method.
func (w *world) calls(method string) (n int) {
	for _, c := range w.fake.Calls() {
		if c.Method == method {
			n++
		}
	}
	return n
}

// numbered is a question that was told by a notice.
func numbered() *ledger.Case {
	return copyOf(question(), func(n *ledger.Case) {
		a := *n.Ask
		a.Notice = 100
		n.Ask = &a
	})
}

// picky is a Slack that refuses all blocks while on is true, and counts how often it did.
type picky struct {
	on atomic.Bool
	n  atomic.Int64
}

// RoundTrip implements http.RoundTripper.
func (p *picky) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.GetBody != nil && p.on.Load() {
		body, err := r.GetBody()
		if err != nil {
			return nil, err
		}
		if b, _ := io.ReadAll(body); strings.Contains(string(b), "blocks=") {
			p.n.Add(1)
			return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(`{"ok":false,"error":"invalid_blocks"}`)), Request: r}, nil
		}
	}
	return http.DefaultTransport.RoundTrip(r)
}

// A question whose blocks Slack refuses is asked as text that says how to answer, and
// has its buttons as soon as Slack takes them.
func TestAQuestionWithoutBlocksSaysHowToAnswer(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.fake.Fail("chat.postMessage", fakeslack.Says("invalid_blocks"), 1)
	w.say(3, "kim says that the detector is wrong", at(3, 11, 0))
	w.put(numbered(), ledger.NoticeQuestion)
	w.turn()
	if m := w.answerable(); len(m.Buttons()) != 0 || len(w.owed) != 0 {
		t.Fatalf("it has blocks, or is owed still: %+v", m)
	}
	if all := w.slack.Refusals(); len(all) != 1 || !all[0].Spelled || all[0].Edit || all[0].Code != "invalid_blocks" {
		t.Errorf("what is refused: %+v", all)
	}
	for w.spent = 0; w.spent < 2*time.Minute; w.passes(time.Second) {
		w.turn()
	}
	if m := w.answerable(); len(m.Buttons()) == 0 || strings.Contains(m.Text, "warden approve") {
		t.Errorf("two minutes later it has no buttons: %s", m.Text)
	}
	if n := w.calls("chat.update"); n != 1 || len(w.slack.Refusals()) != 0 {
		t.Errorf("%d edits; refused: %+v", n, w.slack.Refusals())
	}
	w.settle()
	w.clean()
}

// Where Slack goes on refusing them, they are tried ever more seldom, by the next leader
// too, and the text stays true.
func TestRefusedBlocksAreTriedEverMoreSeldom(t *testing.T) {
	t.Parallel()
	w, blocks := &engine{world: quick(t)}, &picky{}
	w.slack.Client = &http.Client{Transport: blocks}
	w.put(numbered(), ledger.NoticeQuestion)
	w.settle()
	if m := w.answerable(); len(m.Buttons()) == 0 {
		t.Fatalf("it has no buttons: %s", m.Text)
	}
	blocks.on.Store(true)
	w.say(3, "kim says that the detector is wrong", w.now)
	w.put(copyOf(numbered(), func(n *ledger.Case) { n.ChangedAt = w.now }))
	w.turn()
	w.turn() // the channel's next turn
	if m := w.answerable(); !strings.Contains(m.Text, "Kim says") {
		t.Errorf("the text isn't up to date: %s", m.Text)
	}
	edits := w.calls("chat.update")
	w.slack = slack.New(w.slack.Options) // the next leader knows of no refusal
	for w.spent = 0; w.spent < 2*time.Hour; w.passes(5 * time.Second) {
		w.turn()
	}
	if n, tried := w.calls("chat.update")-edits, blocks.n.Load(); n != 0 || tried < 8 || tried > 20 {
		t.Errorf("in two hours the same text was said again %d times, and blocks were tried %d times", n, tried)
	}
	w.say(3, "lee says that the detector is wrong", w.now)
	w.put(copyOf(numbered(), func(n *ledger.Case) { n.ChangedAt = w.now }))
	w.turn()
	w.turn() // the channel's next turn
	if m := w.answerable(); !strings.Contains(m.Text, "Lee says") {
		t.Errorf("the text isn't up to date: %s", m.Text)
	}
	blocks.on.Store(false)
	for w.spent = 0; w.spent < 20*time.Minute; w.passes(5 * time.Second) {
		w.turn()
	}
	if m := w.answerable(); len(m.Buttons()) == 0 {
		t.Errorf("it has no buttons again: %s", m.Text)
	}
	blocks.on.Store(true)
	w.put(copyOf(expired(), func(n *ledger.Case) { n.ChangedAt = w.now; n.Outcome = remedy.OutcomeExpired }), ledger.NoticeOutcome)
	for w.spent = 0; w.spent < time.Hour; w.passes(5 * time.Second) {
		w.turn()
	}
	if m := w.fake.Messages(fakeslack.Ops)[0]; len(m.Buttons()) != 0 || !strings.Contains(m.Text, "xpired") || strings.Contains(m.Text, "warden approve") {
		t.Errorf("it is over, and says: %s", m.Text)
	}
	w.settle()
}
