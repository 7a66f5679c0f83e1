package slack_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// rotate gives the app another bot token.
func (w *world) rotate() {
	w.fake.Restore("xoxb-rotated")
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set.BotToken = func() (string, error) { return "xoxb-rotated", nil }
}

// idle delivers where nothing has changed and nothing is owed, until nothing is left.
func (w *world) idle() {
	w.t.Helper()
	for range 20 {
		v := w.view()
		v.Changed = nil
		got, err := w.slack.Deliver(w.t.Context(), v)
		if err != nil {
			w.t.Fatal(err)
		}
		w.took(got)
		if got.Wait == 0 && got.Sent == 0 {
			return
		}
		<-w.clk.After(got.Wait)
	}
	w.t.Fatal("it never rests")
}

// Buttons are signed with a key of the bot token: after a new one the messages of
// open cases get new buttons, in place, once, and people can answer by them.
func TestANewTokenSignsWhatStandsAnew(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.ID, n.Host, n.Stage, n.Outcome, n.Ask = 4, "web-04", remedy.StageClosed, remedy.OutcomeExpired, nil
	}), ledger.NoticeOutcome)
	w.settle()
	old, err := w.fake.Clicked(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve")
	if err != nil {
		t.Fatal(err)
	}
	w.idle()
	calls := len(w.fake.Calls())
	w.rotate()
	w.idle()
	updates := 0
	for _, c := range w.fake.Calls()[calls:] {
		if c.Method == "chat.update" {
			updates++
		}
	}
	all := w.fake.Messages(fakeslack.Ops)
	if updates != 1 || len(all) != 2 || all[0].TS != m.TS {
		t.Fatalf("%d edits, %d messages", updates, len(all))
	}
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	w.fake.Deliver(fakeslack.KindInteractive, old)
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "before the token was changed") || !strings.Contains(said, "nothing was done") || len(w.asked()) != 0 {
		t.Errorf("a button of the old token: alice is told %q, and %v was asked for", said, w.asked())
	}
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	for _, p := range w.posts {
		if strings.Contains(p.Hash, "xoxb") {
			t.Errorf("a receipt holds a token: %+v", p)
		}
	}
}

// After a new bot token the buttons of a summary that is kept up to date work.
func TestANewTokenSignsASummaryAnew(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.mu.Lock()
	w.morning = morning()
	w.cases[3] = question()
	w.owe(ledger.Notice{Kind: ledger.NoticeSummary, Detail: w.morning.Date, At: w.now})
	w.mu.Unlock()
	w.settle()
	before := string(w.fake.Messages(fakeslack.Ops)[0].Blocks)
	if !strings.Contains(before, "warden.") {
		t.Fatal("it has no buttons")
	}
	w.rotate()
	for range 5 {
		<-w.clk.After(2 * time.Minute)
		_, _ = w.once()
	}
	if string(w.fake.Messages(fakeslack.Ops)[0].Blocks) == before {
		t.Error("the summary's buttons are those of the old token")
	}
}
