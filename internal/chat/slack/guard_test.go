package slack_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
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

// Whatever comes from outside: at worst it is not answered, who asked hears that
// warden had a fault and where to look, and the next one is answered.
func TestAFaultInAnAnswerEndsThatAnswer(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do   func(w *world, ts string) error
		told string
		want ledger.ClicksRefused
	}{
		"a slash command": {func(w *world, _ string) error {
			_, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "freeze all")
			return err
		}, "warden status", ledger.ClicksRefused{}},
		"a mention": {func(w *world, ts string) error {
			_, _, err := w.fake.Mention(fakeslack.Alice, fakeslack.Ops, ts, "freeze all")
			return err
		}, "warden status", ledger.ClicksRefused{}},
		"a click": {func(w *world, ts string) error {
			_, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, ts, "warden.approve")
			return err
		}, "warden show W-3", ledger.ClicksRefused{Verb: "approve", Case: 3}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, m := open(t)
			w.mu.Lock()
			w.answers = func(k chat.Command) (slack.Reply, error) {
				if k.Word == "freeze" {
					panic("a fault of the test's")
				}
				return slack.Reply{Text: "fine"}, nil
			}
			w.says = func(remedy.Actor, slack.Wish) error { panic("a fault of the test's") }
			w.mu.Unlock()
			if err := tt.do(w, m.TS); err != nil {
				t.Fatal(err)
			}
			w.until("the fault", func() bool {
				l := w.logs.FilterMessage("warden failed at what has to do with Slack, and goes on")
				return l.Len() == 1 && l.All()[0].ContextMap()["stack"] != ""
			})
			if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, tt.told) || !strings.Contains(said, "nothing was done") {
				t.Errorf("alice is told %q", said)
			}
			tt.want.Surface, tt.want.Kind, tt.want.User = ledger.SurfaceSlack, ledger.ClickLost, fakeslack.Alice
			if d := cmp.Diff([]ledger.ClicksRefused{tt.want}, w.audited(1)); d != "" {
				t.Error(d)
			}
			if n := w.slack.Faults(); n != 1 {
				t.Errorf("%d faults are counted", n)
			}
			if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "why W-3"); err != nil {
				t.Fatal(err)
			}
			w.until("the next answer", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
			w.clean()
		})
	}
}
