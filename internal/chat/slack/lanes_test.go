package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// A channel that is configured by name gets one message a second, as posts by its name
// and lines of threads by its id together.
func TestNameAndIDAreOneChannel(t *testing.T) {
	t.Parallel()
	clk := jumping{clock.NewStepped(at(3, 12, 5))}
	w := &engine{world: newWorldAt(t, clk, func(o *fakeslack.Options) { o.Unlimited, o.Clock, o.Wire = false, clk, clock.System() })}
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	for i := range 6 {
		w.put(copyOf(w.cases[3], func(n *ledger.Case) {
			n.ChangedAt = w.now
			n.Events = append(n.Events, ledger.Event{At: w.now, What: fmt.Sprintf("LINE-%d", i), By: "kim"})
		}))
		w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = remedy.CaseID(50+i), remedy.HostName(fmt.Sprintf("web-%d", i)) }), ledger.NoticeQuestion)
		for range 3 {
			w.turn()
			w.passes(300 * time.Millisecond)
		}
	}
	for range 20 {
		w.turn()
	}
	w.clean()
	var lines strings.Builder
	for _, m := range w.fake.Thread(fakeslack.Ops, w.fake.Messages(fakeslack.Ops)[0].TS) {
		lines.WriteString(string(m.Blocks))
	}
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 7 || len(w.owed) != 0 || !strings.Contains(lines.String(), "LINE-0") || !strings.Contains(lines.String(), "LINE-5") {
		t.Errorf("%d messages, %d owed, and the thread has %s", n, len(w.owed), lines.String())
	}
}

// A limit that Slack tells a line of a thread holds for posts in the channel, too.
func TestALimitHoldsForTheChannelByAnyName(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.passes(time.Minute)
	w.fake.Fail("chat.postMessage", fakeslack.RateLimited(time.Minute), 1)
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.ChangedAt = w.now
		n.Events = append(n.Events, ledger.Event{At: w.now, What: "LINE", By: "kim"})
	}))
	before := w.calls("chat.postMessage")
	for w.spent = 0; w.spent < 20*time.Second; {
		w.turn()
	}
	if n := w.calls("chat.postMessage") - before; n != 1 {
		t.Fatalf("%d posts were tried", n)
	}
	w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = 50, "web-50" }), ledger.NoticeQuestion)
	for w.spent = 0; w.spent < 20*time.Second; {
		w.turn()
	}
	if n := w.calls("chat.postMessage") - before; n != 1 {
		t.Errorf("%d posts were tried while Slack wanted the channel to be left alone", n)
	}
	for w.spent = 0; w.spent < time.Minute; {
		w.turn()
	}
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 2 || len(w.owed) != 0 {
		t.Errorf("%d messages, and %d are owed", n, len(w.owed))
	}
}
