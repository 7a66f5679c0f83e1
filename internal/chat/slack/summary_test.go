package slack_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// morning is a night with all that there can be.
func morning() *chat.Morning {
	ask := &chat.MorningAsk{PlanHash: "c1c1e1", AskedAt: at(9, 20, 0), ExpiresAt: at(9, 40, 0)}
	label := []chat.MorningOffer{{Verb: chat.OfferRight, Label: "Good call", Command: "warden label W-1045 right"}, {Verb: chat.OfferWrong, Label: "False alarm", Command: "warden label W-1045 wrong"}}
	out := chat.MorningOffer{Verb: chat.OfferPutBack, Label: "Put edge-07 back", Command: "warden undo W-3"}
	return &chat.Morning{
		Date: "2026-11-20", From: at(9, 30, 0).AddDate(0, 0, -1), To: at(9, 30, 0), Zone: "Europe/Dublin", Title: "Good morning. Did 1, wanted 1, 1 for you to answer, 2 still out.",
		Parts: []chat.MorningPart{
			{Name: chat.MorningDid, Title: "Did", Count: 1, Items: []chat.MorningItem{{Case: 1042, Host: "ingest-17", At: at(3, 12, 0), Text: "drained ingest-17 by itself, verified; 39 of 40 left. Nobody paged", Offers: []chat.MorningOffer{{Verb: chat.OfferPutBack, Label: "Put ingest-17 back", Command: "warden undo W-1042"}}}}},
			{Name: chat.MorningWanted, Title: "Wanted to, not allowed", Count: 1, Items: []chat.MorningItem{{Case: 1045, Host: "edge-03", At: at(5, 10, 0), Text: "would have drained edge-03", Stress: "still bad", Offers: label}}},
			{Name: chat.MorningWaiting, Title: "Waiting for you", Count: 2, Items: []chat.MorningItem{
				{Case: 3, Host: "web-07", At: at(9, 20, 0), Text: "drain web-07", Stress: "expires 09:40", Ask: ask, Offers: []chat.MorningOffer{
					{Verb: chat.OfferApprove, Label: "Drain web-07", Command: "warden approve W-3 --plan-hash c1c1e1"}, {Verb: chat.OfferDeny, Label: "Leave web-07", Command: "warden deny W-3"},
					{Verb: chat.OfferHold, Label: "Hold web-07", Command: "warden hold web-07 4h --pool edge --reason TEXT"},
				}},
				{Case: 4, Host: "web-08", At: at(5, 15, 0), Text: "drain web-08", Stress: "nobody answered by 05:35", Offers: []chat.MorningOffer{{Verb: chat.OfferRun, Label: "Drain web-08", Command: "warden run drain web-08 --pool edge --reason TEXT"}}},
			}},
			{Name: chat.MorningStillOut, Title: "Still out because of me", Count: 2, Items: []chat.MorningItem{
				{Case: 3, Host: "web-07", At: at(4, 0, 0), Text: "web-07 for 2d 4h", Stress: "nobody has looked", Earlier: true, Offers: []chat.MorningOffer{out, {Verb: chat.OfferOnIt, Label: "I'm on it"}}},
				{Case: 1050, Host: "edge-09", Text: "edge-09 for 1h", Stress: "nobody knows whether it is out", Offers: []chat.MorningOffer{{Verb: chat.OfferResolve, Label: "Where is edge-09?", Command: "warden resolve W-1050 --as out|in"}}},
			}},
			{Name: chat.MorningTrust, Title: "Trust", Items: []chat.MorningItem{{Text: "drain on ingest: 106 of 107 right, at least 94.9%: `warden promote drain --pool ingest`"}}},
			{Name: chat.MorningSelf, Title: "Me", Items: []chat.MorningItem{{At: at(2, 10, 0), Text: "1 failover, 4s"}, {Text: "3 of 3 nodes, config same everywhere"}}},
			{Name: chat.MorningLabels, Title: "Needs a label", Items: []chat.MorningItem{{Case: 1046, Host: "edge-11", Text: "drain edge-11", Offers: label}}, More: "2 more: `warden cases --unlabelled`"},
		},
		Chart: &chat.MorningChart{
			Title: "A day, for 14 days", Days: []string{"2026-11-18", "2026-11-19", "2026-11-20"},
			Series: []chat.MorningSeries{{Name: "would have acted", Values: []int{0, 2, 1}}, {Name: "acted", Values: []int{1, 0, 1}}},
		},
		Gaps: []string{"Older cases are forgotten: those that ended before Mon 09:00 are not in here."},
	}
}

// tell has a summary told, and returns what stands there.
func (w *world) tell(m *chat.Morning) fakeslack.Message {
	w.t.Helper()
	w.mu.Lock()
	w.morning = m
	w.owe(ledger.Notice{Kind: ledger.NoticeSummary, Detail: m.Date, At: w.now})
	w.mu.Unlock()
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	return all[len(all)-1]
}

// reads holds a message to the one of the file.
func reads(t *testing.T, name string, m fakeslack.Message) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	if err := e.Encode(struct {
		Text   string          `json:"text"`
		Blocks json.RawMessage `json:"blocks"`
	}{m.Text, m.Blocks}); err != nil {
		t.Fatal(err)
	}
	golden.Check(t, *update, filepath.Join("testdata", name+".json"), b.String())
}

func TestGoldenSummaries(t *testing.T) {
	t.Parallel()
	w := quick(t)
	reads(t, "summary", w.tell(morning()))
	extra := morning()
	extra.Date, extra.By, extra.Title = "2026-11-20T10:00:00Z", "kim", "So far, for kim: did 1."
	extra.Parts, extra.Chart = extra.Parts[:1], nil
	reads(t, "summary_extra", w.tell(extra))
	quiet := morning()
	quiet.Date, quiet.Quiet, quiet.Title, quiet.Gaps = "2026-11-21", true, "Good morning. Nothing to report: 82 hosts, 9,840 checks an hour. 3 of 3 nodes fine.", nil
	quiet.Parts = quiet.Parts[5:6]
	reads(t, "summary_quiet", w.tell(quiet))
	w.clean()
	before := len(w.fake.Everything())
	quiet.Date, quiet.Skip = "2026-11-22", true
	w.tell(quiet)
	if n := len(w.fake.Everything()); n != before {
		t.Errorf("a summary that nobody wants was posted")
	}
}

func TestSummaryGoesToItsChannelOnce(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Summary, w.set.Channel = "#ops", "#elsewhere"
	m := w.tell(morning())
	w.owe(ledger.Notice{Kind: ledger.NoticeSummary, Detail: "2026-11-20", At: w.now}) // told again by the next leader
	w.settle()
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 1 {
		t.Errorf("%d messages for one date", n)
	}
	if !strings.Contains(string(m.Blocks), `"data_visualization"`) || !strings.Contains(string(m.Blocks), "▁") && !strings.Contains(string(m.Blocks), "█") {
		t.Errorf("no chart, or none as text: %s", m.Blocks)
	}
	w.clean()
}

func TestSummaryIsEditedWhenItSaysSomethingElse(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.tell(morning())
	later := morning()
	later.Parts[3].Items[0].Text = "web-07 for 2d 5h" // time alone is no news
	w.morning, w.now = later, at(10, 30, 0)
	<-w.clk.After(2 * time.Minute)
	w.settle()
	if m := w.fake.Messages(fakeslack.Ops)[0]; len(m.Was) != 0 {
		t.Errorf("edited since time passed: %s", m.Blocks)
	}
	later.Parts[1].Items[0].Offers, later.Parts[1].Items[0].Stress = nil, "I would have been wrong"
	<-w.clk.After(2 * time.Minute)
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 1 || len(all[0].Was) != 1 || !strings.Contains(string(all[0].Blocks), "*I would have been wrong*") || !strings.Contains(string(all[0].Blocks), "said anew 10:30") {
		t.Errorf("a label arrived, and there are %d messages: %s", len(all), all[0].Blocks)
	}
	<-w.clk.After(2 * time.Minute)
	w.settle()
	if m := w.fake.Messages(fakeslack.Ops)[0]; len(m.Was) != 1 {
		t.Errorf("edited again without a reason")
	}
	w.now = w.now.AddDate(0, 0, 5)
	later.Parts[1].Items[0].Stress = "something else"
	<-w.clk.After(2 * time.Minute)
	w.settle()
	if m := w.fake.Messages(fakeslack.Ops)[0]; len(m.Was) != 1 {
		t.Errorf("last week's summary was edited")
	}
	w.clean()
}

func TestSummaryWithoutChartsWhereTheWorkspaceTakesNone(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.fake.SetCharts(false)
	m := w.tell(morning())
	if strings.Contains(string(m.Blocks), "data_visualization") || !strings.Contains(string(m.Blocks), "would have acted") || !strings.Contains(string(m.Blocks), "warden.approve") {
		t.Errorf("it should be all there but for the picture: %s", m.Blocks)
	}
}

func TestSummaryOfABadNightFitsIn(t *testing.T) {
	t.Parallel()
	w := quick(t)
	bad := "<!channel> *x* `y` :fire: " + strings.Repeat("é&", 2000)
	m := morning()
	for i := range m.Parts {
		for n := range 40 {
			x := m.Parts[i].Items[0]
			x.Case, x.Text, x.Stress = remedy.CaseID(2000+n), fmt.Sprintf("%d %s", n, bad[:600]), bad[:400]
			m.Parts[i].Items = append(m.Parts[i].Items, x)
		}
		m.Parts[i].Title, m.Parts[i].More = bad[:200], bad
	}
	m.By, m.Title = bad, bad
	for i := range m.Chart.Series {
		m.Chart.Series[i].Name = bad + fmt.Sprint(i)
	}
	got := w.tell(m)
	if strings.Contains(string(got.Blocks), "<!channel>") || strings.Contains(string(got.Blocks), "channel>\"") {
		t.Errorf("a name has become a mention")
	}
	var more, buttons int
	for _, x := range w.fake.Everything() {
		if x.Thread != "" {
			more++
		}
	}
	if buttons = strings.Count(string(got.Blocks), `"actions"`); buttons != 9 || more == 0 {
		t.Errorf("%d items have buttons, and %d messages are in the thread", buttons, more)
	}
	w.clean()
}

func TestAnswersInASummary(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	q := question()
	q.PlanHash = "c1c1e1"
	a := *q.Ask
	a.PlanHash, a.AskedAt = "c1c1e1", at(9, 20, 0)
	q.Ask = &a
	w.cases[3] = q
	w.cases[4] = copyOf(q, func(n *ledger.Case) { n.ID, n.Host, n.Ask = 4, "web-08", nil })
	w.run()
	m := w.tell(morning())
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	tap := func(action string) {
		t.Helper()
		n := len(w.asked())
		if _, err := w.fake.Click(fakeslack.Fran, fakeslack.Ops, m.TS, action); err != nil {
			t.Fatal(err)
		}
		w.until("the wish of "+action, func() bool { return len(w.asked()) > n })
	}
	tap("warden.approve")
	if x := w.asked()[0]; x.Verb != chat.VerbApprove || x.Case != 3 || x.Plan != "c1c1e1" || x.By.Name != "fran" {
		t.Errorf("fran's yes is %+v", x)
	}
	tap("warden.on_it")
	if x := w.asked()[1]; x.Verb != chat.VerbOnIt || x.Case != 3 || x.For != 24*time.Hour || x.Reason != chat.OnItReason {
		t.Errorf("fran is on it as %+v", x)
	}
	tap("warden.hold")
	tap("warden.wrong")
	if x := w.asked()[3]; x.Verb != chat.VerbWrong || x.Case != 1045 {
		t.Errorf("fran's word is %+v", x)
	}
	if _, err := w.fake.Click(fakeslack.Fran, fakeslack.Ops, m.TS, "warden.preview"); err != nil {
		t.Fatal(err)
	}
	w.until("the preview", func() bool { w.mu.Lock(); defer w.mu.Unlock(); return len(w.questions) == 1 })
	if k := w.questions[0]; k.Action != "drain" || k.Host != "web-08" || strings.Join(k.Args, " ") != "run drain web-08 --plan" {
		t.Errorf("a run is not shown first: %+v", k)
	}
	// The question was asked anew: the summary's yes is not one to that.
	said := len(w.fake.Ephemerals(fakeslack.Fran, fakeslack.Ops))
	w.put(copyOf(q, func(n *ledger.Case) {
		b := *n.Ask
		b.AskedAt = at(9, 50, 0)
		n.Ask = &b
	}))
	if _, err := w.fake.Click(fakeslack.Fran, fakeslack.Ops, m.TS, "warden.deny"); err != nil {
		t.Fatal(err)
	}
	if got := w.told(fakeslack.Fran, said+1); !strings.Contains(got, "asked again since") {
		t.Errorf("fran is told %q", got)
	}
	if n := len(w.asked()); n != 4 {
		t.Errorf("the desk was asked %d times", n)
	}
	w.clean()
}
