package slack_test

import (
	"flag"
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

var update = flag.Bool("update", false, "write the golden files anew")

// kase is one thing to show: a case in a state, or a notice that is about none.
type kase struct {
	name   string
	c      *ledger.Case
	notice ledger.Notice
	// incident is that of the case's host; nil for none.
	incident *chat.Incident
}

func person(name string) remedy.Actor { return remedy.Actor{Name: name, Via: "slack", Person: true} }

// states are a case in all states that people see.
func states() []kase {
	var out []kase
	for _, s := range slack.Samples() {
		if s.Morning != nil {
			continue // TestGoldenSummaries has them
		}
		if s.Repeat == 0 {
			out = append(out, kase{s.Name, s.Case, s.Notice, s.Incident})
		}
	}
	return out
}

// show posts one and returns what stands there.
func (w *world) show(k kase) fakeslack.Message {
	w.t.Helper()
	w.mu.Lock()
	w.cases, w.posts = map[remedy.CaseID]*ledger.Case{}, map[string]ledger.Post{}
	n := k.notice
	n.At = w.now
	if k.c != nil {
		w.cases[k.c.ID] = k.c
		w.incidents = map[remedy.CaseID]*chat.Incident{k.c.ID: k.incident}
		n = ledger.Notice{Kind: ledger.NoticeOutcome, Case: k.c.ID, Pool: k.c.Pool, At: w.now, Page: k.notice.Page}
		if k.c.Ask != nil && k.c.Answer == nil && k.c.Open() {
			n.Kind = ledger.NoticeQuestion
		}
	}
	w.owe(n)
	w.mu.Unlock()
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	return all[len(all)-1]
}

func TestGoldenMessages(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Budget = 0
	for _, k := range states() {
		m := w.show(k)
		reads(t, k.name, m)
		if len([]rune(m.Text)) > chat.MaxHeadline+20 { // entities
			t.Errorf("%s: a lock screen doesn't show all of %q", k.name, m.Text)
		}
	}
	w.clean()
}

func TestFactsOfAQuestionAreInTheirOrder(t *testing.T) {
	t.Parallel()
	w := quick(t)
	all := string(w.show(states()[0]).Blocks)
	from := 0
	for _, fact := range []string{"Drain web-07?", "*Why*", "*If you tap Drain*", "*If you do nothing*", "*How sure*", "*Why you might not*", "*Undo*", "warden.approve", "By hand"} {
		i := strings.Index(all[from:], fact)
		if i < 0 {
			t.Fatalf("%q is missing, or not in its place, in %s", fact, all)
		}
		from += i
	}
}
