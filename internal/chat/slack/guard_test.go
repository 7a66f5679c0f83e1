package slack_test

import (
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

// A reload turns Slack off, and a click comes before the socket is closed: it is
// not answered, and nothing ends of it.
func TestAClickWhileSlackIsTurnedOff(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.mu.Lock()
	w.set = slack.Settings{}
	w.mu.Unlock()
	d, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve")
	if err != nil {
		t.Fatal(err)
	}
	<-d.Done()
	w.until("the socket is closed", func() bool { return len(w.fake.Connections()) == 0 })
	if n := w.logs.FilterMessage("warden failed at what has to do with Slack, and goes on").Len(); n != 0 || len(w.asked()) != 0 {
		t.Errorf("it failed %d times, and the desk was asked for %+v", n, w.asked())
	}
	w.put(copyOf(question(), func(n *ledger.Case) { n.ID = 9 }), ledger.NoticeQuestion)
	if got, err := w.once(); err == nil || len(got.Seqs) != 0 {
		t.Errorf("a courier that is turned off has told %v: %v", got.Seqs, err)
	}
}

// Whatever comes from outside: at worst it is not answered, and the next one is.
func TestAFaultInAnAnswerEndsThatAnswer(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	w.mu.Lock()
	w.answers = func(k chat.Command) (slack.Reply, error) {
		if k.Word == "" {
			panic("a fault of the test's")
		}
		return slack.Reply{Text: "fine"}, nil
	}
	w.mu.Unlock()
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, ""); err != nil {
		t.Fatal(err)
	}
	w.until("the fault", func() bool {
		l := w.logs.FilterMessage("warden failed at what has to do with Slack, and goes on")
		return l.Len() == 1 && l.All()[0].ContextMap()["stack"] != ""
	})
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "why W-3"); err != nil {
		t.Fatal(err)
	}
	w.until("the next answer", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
}
