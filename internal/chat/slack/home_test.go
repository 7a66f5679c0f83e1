package slack_test

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// atHome is a world with a home of everything, in which a pool is called what it
// should not be.
func atHome(t *testing.T) *world {
	t.Helper()
	w := newWorld(t)
	out := slack.Samples()
	find := func(name string) *ledger.Case {
		for _, s := range out {
			if s.Name == name {
				return s.Case
			}
		}
		t.Fatalf("no sample %s", name)
		return nil
	}
	done := copyOf(find("done"), func(n *ledger.Case) { n.ID, n.Host = 4, "web-08" })
	soon := copyOf(find("announced"), func(n *ledger.Case) { n.ID, n.Host = 5, "web-09" })
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cases[3], w.cases[4], w.cases[5] = question(), done, soon
	w.home = func(remedy.Actor) slack.Home {
		return slack.Home{
			Waiting: []*ledger.Case{w.cases[3]}, Announced: []*ledger.Case{soon}, Links: map[remedy.CaseID]string{3: "https://acme.slack.com/archives/C0OPS/p1"}, Approved: []*ledger.Case{done}, Out: []*ledger.Case{done},
			Ladder: []slack.Rung{{Action: "drain", Pool: "edge", Level: remedy.LevelConfirm}, {Action: "drain", Pool: "<!channel> *x*", Level: remedy.LevelAuto}},
		}
	}
	return w
}

// opens opens somebody's home and waits until it shows what it should.
func (w *world) opens(user, want string) string {
	w.t.Helper()
	if _, err := w.fake.OpenHome(user); err != nil {
		w.t.Fatal(err)
	}
	return w.shows(user, want)
}

func (w *world) shows(user, want string) string {
	w.t.Helper()
	shown := ""
	w.until(user+"'s home shows "+want, func() bool {
		v, ok := w.fake.Home(user)
		shown = unescaped(v.Blocks)
		return ok && strings.Contains(shown, want)
	})
	return shown
}

func TestHome(t *testing.T) {
	t.Parallel()
	w := atHome(t)
	w.run()
	shown := w.opens(fakeslack.Alice, "Waiting for your answer")
	if got := special.FindString(strings.ReplaceAll(shown, "<https://acme.slack.com/archives/C0OPS/p1|The message, with all facts>", "")); got != "" {
		t.Errorf("Slack would make more than text of %q", got)
	}
	var b bytes.Buffer
	v, _ := w.fake.Home(fakeslack.Alice)
	if err := json.Indent(&b, v.Blocks, "", " "); err != nil {
		t.Fatal(err)
	}
	b.WriteByte('\n')
	const file = "testdata/home.json"
	if *update {
		if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("the home differs (-golden +now); go test ./internal/chat/slack -run Home -update\n%s", d)
	}
	// A yes wants the facts, which are in the message; a no can be said here.
	if strings.Contains(shown, "warden.approve") || !strings.Contains(shown, "<https://acme.slack.com/archives/C0OPS/p1|") {
		t.Errorf("a home has a bare yes, or leads to no question: %s", shown)
	}
	w.mu.Lock()
	w.set.AskReason = false
	w.mu.Unlock()
	if _, err := w.fake.ClickHome(fakeslack.Alice, "warden.snooze"); err != nil {
		t.Fatal(err)
	}
	w.until("the desk hears of it", func() bool { return len(w.asked()) == 1 })
	if got := w.asked()[0]; got.Verb != chat.VerbSnooze || got.Case != 3 || got.Plan != question().PlanHash {
		t.Errorf("%+v", got)
	}
	w.shows(fakeslack.Alice, "W-3 is put off for 30m")
	w.mu.Lock()
	w.says = func(remedy.Actor, slack.Wish) error { return &slack.NotYours{Err: errNot} }
	w.mu.Unlock()
	if _, err := w.fake.ClickHome(fakeslack.Alice, "warden.undo"); err != nil {
		t.Fatal(err)
	}
	w.shows(fakeslack.Alice, "may approve drain in pool edge")
	w.clean()
}

// What was announced can be stopped in a home, at the tap.
func TestAnAnnouncementIsStoppedAtHome(t *testing.T) {
	t.Parallel()
	w := atHome(t)
	w.mu.Lock()
	w.set.AskReason = true
	home := w.home
	w.home = func(by remedy.Actor) slack.Home { h := home(by); h.Waiting = nil; return h }
	w.mu.Unlock()
	w.run()
	w.opens(fakeslack.Alice, "Done unless somebody says no")
	if _, err := w.fake.ClickHome(fakeslack.Alice, "warden.deny"); err != nil {
		t.Fatal(err)
	}
	w.until("the desk hears of it", func() bool { return len(w.asked()) == 1 })
	if got := w.asked()[0]; got.Verb != chat.VerbDeny || got.Case != 5 {
		t.Errorf("%+v", got)
	}
	w.clean()
}

// Who may answer nothing, and who can't be known, sees nothing of anybody's.
func TestAGuestsHomeIsEmpty(t *testing.T) {
	t.Parallel()
	w := atHome(t)
	w.run()
	if shown := w.opens(fakeslack.Gus, "only members of this workspace"); strings.Contains(shown, "web-0") || strings.Contains(shown, "warden.") {
		t.Errorf("a guest sees %s", shown)
	}
	w.clean()
}

// Over HTTP a home is shown as over a socket.
func TestHomeOverHTTP(t *testing.T) {
	t.Parallel()
	w, _ := overHTTP(t)
	w.mu.Lock()
	w.home = func(by remedy.Actor) slack.Home {
		return slack.Home{Ladder: []slack.Rung{{Action: "drain", Pool: remedy.PoolName(by.Name), Level: remedy.LevelAuto}}}
	}
	w.mu.Unlock()
	w.opens(fakeslack.Fran, "`fran`: *auto*")
	w.clean()
}
