package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

// opposed is a summary with a question of which somebody says something.
func opposed(words string, seen time.Time) *chat.Morning {
	m := morning()
	ask := *m.Parts[2].Items[0].Ask
	ask.Question, ask.Against, ask.Seen = 77, words, seen
	m.Parts[2].Items[0].Ask = &ask
	return m
}

// A yes that is tapped in a summary says up to when others' words were shown beside it.
func TestASummarysYesSaysWhatWasShown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.cases[3] = copyOf(question(), func(q *ledger.Case) {
		a := *q.Ask
		a.PlanHash, a.AskedAt, a.Notice = "c1c1e1", at(9, 20, 0), 77
		q.PlanHash, q.Ask = "c1c1e1", &a
	})
	w.run()
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	for n, said := range []ledger.Standing{{}, {Words: "bob says that the detector is wrong about W-3", Newest: at(9, 25, 0)}} {
		m := opposed(said.Words, said.Newest)
		m.Date = fmt.Sprint("2026-11-2", n)
		if _, err := w.fake.Click(fakeslack.Fran, fakeslack.Ops, w.tell(m).TS, "warden.approve"); err != nil {
			t.Fatal(err)
		}
		w.until("the yes", func() bool { return len(w.asked()) > n })
		if x := w.asked()[n]; x.Verb != chat.VerbApprove || x.Question != 77 || !x.Seen.Equal(said.Newest) {
			t.Errorf("fran's yes is %+v", x)
		}
	}
	w.clean()
}

// A summary that is out shows a word that is said later, and has a new button after each.
func TestASummaryShowsANewWord(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.tell(opposed("", time.Time{}))
	bob := "bob says that the detector is wrong about W-3"
	for n, seen := range []time.Time{at(9, 25, 0), at(9, 26, 0)} { // once more is a new word
		w.morning = opposed(bob, seen)
		<-w.clk.After(2 * time.Minute)
		w.settle()
		if m := w.fake.Messages(fakeslack.Ops)[0]; len(m.Was) != n+1 || !strings.Contains(string(m.Blocks), bob+": look first") {
			t.Errorf("edited %d times: %s", len(m.Was), m.Blocks)
		}
	}
	w.clean()
}

// What stands beside a yes in a summary is never cut, however much there is of all else.
func TestASummarysWordsAreWhole(t *testing.T) {
	t.Parallel()
	w := quick(t)
	m := morning()
	x := m.Parts[2].Items[0]
	for n := range 40 {
		words := fmt.Sprintf("%03d%s", n, strings.Repeat("&", 177))
		against, whole := chat.Beside(ledger.Standing{Words: words, Newest: at(9, 25, 0)})
		if !whole {
			t.Fatal("it should be as much as there is room for")
		}
		ask := *x.Ask
		ask.Question, ask.Against, ask.Seen = 77, against.Words, against.Newest
		y := x
		y.Text, y.Stress, y.Ask = strings.Repeat("&", 300), strings.Repeat("&", 300), &ask
		m.Parts[2].Items = append(m.Parts[2].Items, y)
	}
	blocks := strings.ReplaceAll(string(w.tell(m).Blocks), `\u0026`, "&")
	buttons := strings.Count(blocks, `"warden.approve"`)
	if n := strings.Count(blocks, strings.Repeat("&amp;", 177)+": look first"); buttons != 8 || n != 7 {
		t.Errorf("%d words are whole, beside %d yes of which the first has none", n, buttons)
	}
	w.clean()
}
