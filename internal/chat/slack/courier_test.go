package slack_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// complain is a case that is only complained about.
func complain(id remedy.CaseID, host string) *ledger.Case {
	return copyOf(question(), func(n *ledger.Case) {
		n.ID, n.Host, n.Ask, n.CountedLevel, n.Stage = id, remedy.HostName(host), nil, remedy.LevelNotify, remedy.StageProposed
	})
}

func TestMetricOnlyIsSilent(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(copyOf(complain(4, "web-01"), func(n *ledger.Case) { n.CountedLevel = remedy.LevelMetricOnly }), ledger.NoticeComplaint)
	w.settle()
	if n := len(w.fake.Everything()); n != 0 {
		t.Errorf("%d messages for a case that only counts", n)
	}
}

func TestComplaintsOfOneHostShareAMessageAndAreCounted(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(complain(4, "web-01"), ledger.NoticeComplaint)
	w.settle()
	w.now = w.now.Add(time.Hour)
	w.put(complain(9, "web-01"), ledger.NoticeComplaint)
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 1 || !strings.Contains(string(all[0].Blocks), "×2") || !strings.Contains(string(all[0].Blocks), "W-9") || !strings.Contains(string(all[0].Blocks), "Still broken. Still not allowed.") {
		t.Fatalf("the second complaint within the time is %d messages: %s", len(all), all[0].Blocks)
	}
	before := len(all[0].Was)
	w.put(copyOf(complain(4, "web-01"), func(n *ledger.Case) { n.Stage, n.Outcome = remedy.StageClosed, remedy.OutcomeSelfRecovered }), ledger.NoticeOutcome)
	w.settle()
	if m := w.fake.Messages(fakeslack.Ops)[0]; len(m.Was) != before {
		t.Errorf("an older case spoke in the message of the newer one: %s", m.Blocks)
	}
	w.now = w.now.Add(7 * time.Hour)
	w.put(complain(12, "web-01"), ledger.NoticeComplaint)
	w.settle()
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 2 {
		t.Errorf("a complaint after the time makes %d messages, want a second", n)
	}
	w.clean()
}

func TestBeyondTheBudgetMessagesAreOne(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Budget = 3
	for i := range 10 {
		w.put(complain(remedy.CaseID(20+i), fmt.Sprintf("web-%02d", i)), ledger.NoticeComplaint)
	}
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 4 || !strings.Contains(all[3].Text, "7 more in pool edge") {
		t.Fatalf("%d messages for 10 complaints with a budget of 3; the last says %q", len(all), all[len(all)-1].Text)
	}
	q := question()
	w.put(q, ledger.NoticeQuestion)
	w.settle()
	if all = w.fake.Messages(fakeslack.Ops); len(all) != 5 || !strings.Contains(all[4].Text, "Drain web-07?") {
		t.Errorf("a question was held back: %d messages", len(all))
	}
	// One that was told with others and then asks has a message of its own.
	w.put(copyOf(q, func(n *ledger.Case) { n.ID, n.Host = 29, "web-09" }), ledger.NoticeQuestion)
	w.settle()
	if all = w.fake.Messages(fakeslack.Ops); len(all) != 6 || !strings.Contains(all[5].Text, "Drain web-09?") {
		t.Errorf("a question of a case that was told with others: %d messages", len(all))
	}
	w.clean()
}

func TestAfterAnOutagePeopleGetLastStatesOnce(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.fake.Down(0)
	q := question()
	w.put(q, ledger.NoticeQuestion)
	if _, err := w.once(); err == nil {
		t.Fatal("Slack is down and it says that all is well")
	}
	over := func(id remedy.CaseID, host string) *ledger.Case {
		return copyOf(q, func(n *ledger.Case) {
			n.ID, n.Host, n.Stage, n.Outcome, n.ClosedAt = id, remedy.HostName(host), remedy.StageClosed, remedy.OutcomeSelfRecovered, w.now
		})
	}
	w.put(over(3, "web-07"), ledger.NoticeAnswered, ledger.NoticeStarted, ledger.NoticeOutcome)
	w.put(over(5, "web-01"), ledger.NoticeQuestion, ledger.NoticeOutcome)
	w.put(complain(6, "web-02"), ledger.NoticeComplaint)
	w.now = w.now.Add(time.Hour)
	w.fake.Heal()
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 2 {
		t.Fatalf("%d messages after an outage, want one of what is over and one of what is open", len(all))
	}
	one := string(all[0].Blocks) + string(all[1].Blocks)
	if !strings.Contains(one, "While you could not see me") || strings.Count(string(all[0].Blocks), "web-07") != 1 || strings.Count(one, "web-01") != 1 || !strings.Contains(one, "web-02 is bad") {
		t.Errorf("after an outage people read %s", one)
	}
	w.clean()
}

func TestWhatCantBeEditedIsPostedAnewAndLeadsToTheOld(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(*world, string){
		"deleted":  func(w *world, ts string) { w.fake.Delete(fakeslack.Ops, ts) },
		"cant":     func(w *world, _ string) { w.fake.Fail("chat.update", fakeslack.Says("cant_update_message"), 1) },
		"archived": func(w *world, _ string) { w.fake.Archive(fakeslack.Incident) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := quick(t)
			channel := fakeslack.Ops
			if name == "archived" {
				w.set.Channels, channel = map[remedy.PoolName]string{"edge": "#incident"}, fakeslack.Incident
			}
			q := question()
			w.put(q, ledger.NoticeQuestion)
			w.settle()
			old := w.fake.Messages(channel)[0]
			spoil(w, old.TS)
			w.put(copyOf(q, func(n *ledger.Case) { n.Stage, n.Outcome = remedy.StageClosed, remedy.OutcomeExpired }), ledger.NoticeOutcome)
			w.settle()
			all := w.fake.Messages(fakeslack.Ops)
			m := all[len(all)-1]
			if m.TS == old.TS || !strings.Contains(string(m.Blocks), "earlier message") || !strings.Contains(string(m.Blocks), "p"+strings.ReplaceAll(old.TS, ".", "")) {
				t.Errorf("the new message doesn't lead to the old one: %s", m.Blocks)
			}
			if p := w.posts["case/W-3"]; p.ID != m.TS || p.Place != fakeslack.Ops {
				t.Errorf("the receipt is of %s in %s", p.ID, p.Place)
			}
		})
	}
}

func TestRetryAfterIsHonoured(t *testing.T) {
	t.Parallel()
	w := &engine{world: quick(t)}
	w.fake.Fail("chat.postMessage", fakeslack.RateLimited(7*time.Second), 1)
	w.put(question(), ledger.NoticeQuestion)
	got, err := w.once()
	if err == nil || got.Wait == 0 || len(got.Seqs) != 0 {
		t.Fatalf("told to wait for 7 s: wait %s, told %v, %v", got.Wait, got.Seqs, err)
	}
	calls := len(w.fake.Calls())
	w.passes(6 * time.Second)
	if got, err = w.once(); err != nil || got.Wait == 0 || len(w.fake.Calls()) != calls {
		t.Errorf("it called again before the time was over, or does not wait: %s, %v", got.Wait, err)
	}
	w.passes(time.Second)
	w.settle()
	if n := len(w.fake.Messages(fakeslack.Ops)); n != 1 {
		t.Errorf("%d messages", n)
	}
}

func TestAPostOfWhichNobodyKnowsSaysSo(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.fake.Fail("chat.postMessage", fakeslack.Late(), 1)
	w.put(question(), ledger.NoticeQuestion)
	if _, err := w.once(); err == nil {
		t.Fatal("a call that was cut off went well")
	}
	<-w.clk.After(time.Minute)
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if m := all[len(all)-1]; !strings.Contains(string(m.Blocks), "may be a repeat") {
		t.Errorf("the second of %d doesn't say that it may be one: %s", len(all), m.Blocks)
	}
}

func TestAskedAgainAfterSnoozeIsANewMessage(t *testing.T) {
	t.Parallel()
	w := quick(t)
	q := question()
	w.put(q, ledger.NoticeQuestion)
	w.settle()
	w.put(copyOf(q, func(n *ledger.Case) {
		n.Ask, n.Stage, n.Snooze = nil, remedy.StageProposed, &ledger.Snooze{By: person("kim"), At: at(3, 13, 0), Until: at(3, 43, 0)}
	}), ledger.NoticePutOff)
	w.settle()
	if all := w.fake.Messages(fakeslack.Ops); len(all) != 1 || !strings.Contains(string(all[0].Blocks), "Put off by kim") {
		t.Fatalf("%d messages", len(all))
	}
	w.put(copyOf(q, func(n *ledger.Case) {
		a := *n.Ask
		a.AskedAt = at(3, 43, 0)
		n.Ask = &a
	}), ledger.NoticeQuestion)
	w.settle()
	if all := w.fake.Messages(fakeslack.Ops); len(all) != 2 || !strings.Contains(string(all[1].Blocks), "earlier message") {
		t.Errorf("asked again with an edit, which calls nobody: %d messages", len(all))
	}
	w.clean()
}

func TestTheSecretsAreNowhere(t *testing.T) {
	t.Parallel()
	w := quick(t, func(o *fakeslack.Options) { o.BotToken = "xoxb-planted-hunter2" })
	w.set.BotToken = func() (string, error) { return "xoxb-planted-hunter2", nil }
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.fake.Fail("chat.update", fakeslack.Reset(), 1)
	w.put(copyOf(question(), func(n *ledger.Case) { n.Stage, n.Outcome = remedy.StageClosed, remedy.OutcomeExpired }), ledger.NoticeOutcome)
	_, err := w.once()
	var all strings.Builder
	fmt.Fprint(&all, err)
	for _, m := range w.fake.Everything() {
		all.WriteString(m.Text + string(m.Blocks))
	}
	for _, l := range w.logs.All() {
		all.WriteString(l.Message + fmt.Sprint(l.ContextMap()))
	}
	for _, p := range w.posts {
		fmt.Fprint(&all, p)
	}
	if strings.Contains(all.String(), "hunter2") {
		t.Error("the bot's token is where somebody can read it")
	}
}

func TestAFreezeIsToldInEveryChannelOnce(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.set.Channels = map[remedy.PoolName]string{"edge": "#incident", "ingest": "#ops"}
	w.fake.Fail("chat.postMessage", fakeslack.Says("internal_error"), 1)
	w.owe(ledger.Notice{Kind: ledger.NoticeStop, Detail: "frozen by kim: network work", At: w.now})
	got, err := w.once()
	if err != nil || got.Troubled != 1 || got.Wait == 0 || len(w.owed) != 1 {
		t.Fatalf("one channel could not be told, and %d notices are owed still: %+v, %v", len(w.owed), got, err)
	}
	<-w.clk.After(2 * time.Second)
	w.settle()
	in := map[string]int{}
	for _, m := range w.fake.Everything() {
		if strings.Contains(string(m.Blocks), "network work") {
			in[m.Channel]++
		}
	}
	if len(in) != 2 {
		t.Errorf("told in %v", in)
	}
	for c, n := range in {
		if n != 1 {
			t.Errorf("told %d times in %s", n, c)
		}
	}
	// A hold is of its pool alone.
	before := len(w.fake.Everything())
	w.owe(ledger.Notice{Kind: ledger.NoticeStop, Pool: "ingest", Detail: "hold on pool ingest by kim: disks", At: w.now})
	w.settle()
	if n := len(w.fake.Everything()) - before; n != 1 {
		t.Errorf("a hold made %d messages", n)
	}
}

// An incident that is found after its case was told has the message edited, once,
// and in place.
func TestAnIncidentIsLinkedOnceItIsFound(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	first := w.fake.Messages(fakeslack.Ops)
	w.mu.Lock()
	w.now = w.now.Add(time.Minute)
	w.incidents = map[remedy.CaseID]*chat.Incident{3: {ID: "Q2K5M8XW3T", Link: "https://acme.pagerduty.com/incidents/Q2K5M8XW3T", At: w.now}}
	w.mu.Unlock()
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 1 || all[0].TS != first[0].TS || !strings.Contains(unescaped(all[0].Blocks), "<https://acme.pagerduty.com/incidents/Q2K5M8XW3T|PagerDuty Q2K5M8XW3T>") {
		t.Fatalf("%d messages, the first is %s", len(all), all[0].Blocks)
	}
	w.clean()
}
