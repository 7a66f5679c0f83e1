package slack_test

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

const clusterID = "0f8a6c5e-cluster"

func at(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 20, hour, minute, second, 0, time.UTC)
}

// world is one workspace, one ledger's worth of records, and one Slack to test.
type world struct {
	t     *testing.T
	fake  *fakeslack.Server
	clk   clock.Clock
	slack *slack.Slack
	logs  *observer.ObservedLogs

	mu     sync.Mutex
	set    slack.Settings
	leader bool
	cases  map[remedy.CaseID]*ledger.Case
	posts  map[string]ledger.Post
	// incidents are PagerDuty's, by case.
	incidents map[remedy.CaseID]*chat.Incident
	against   map[remedy.CaseID]ledger.Standing
	owed      []chat.Message
	now       time.Time
	wishes    []wish
	seq       uint64

	// dress adds to a message what only the engine knows; nil for nothing.
	dress     func(*chat.Message)
	morning   *chat.Morning
	home      func(remedy.Actor) slack.Home
	questions []chat.Command
	answers   func(chat.Command) (slack.Reply, error)
	says      func(by remedy.Actor, w slack.Wish) error
	refused   []ledger.ClicksRefused
}

// audited waits for so many clicks that are to be audited.
func (w *world) audited(n int) []ledger.ClicksRefused {
	w.t.Helper()
	all := func() []ledger.ClicksRefused {
		w.mu.Lock()
		defer w.mu.Unlock()
		return slices.Clone(w.refused)
	}
	w.until("what is audited", func() bool { return len(all()) >= n })
	if got := all(); len(got) != n {
		w.t.Errorf("%d are audited, want %d: %+v", len(got), n, got)
	}
	return all()
}

type wish struct {
	By remedy.Actor
	slack.Wish
}

// Do implements slack.Desk.
func (w *world) Do(_ context.Context, by remedy.Actor, x slack.Wish) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.wishes = append(w.wishes, wish{by, x})
	if w.says != nil {
		return w.says(by, x)
	}
	return nil
}

// jumping is a clock that is there at once when somebody waits for it.
type jumping struct{ *clock.Stepped }

// After implements clock.Clock.
func (j jumping) After(d time.Duration) <-chan time.Time {
	ch := j.Stepped.After(d)
	j.Advance(d)
	return ch
}

// quick is a world whose Slack waits for nothing. It takes no clicks over a
// socket.
func quick(t *testing.T, change ...func(*fakeslack.Options)) *world {
	t.Helper()
	return newWorldAt(t, jumping{clock.NewStepped(at(3, 12, 5))}, change...)
}

// Ask implements slack.Desk.
func (w *world) Ask(_ context.Context, by remedy.Actor, k chat.Command) (slack.Reply, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.questions = append(w.questions, k)
	if w.answers == nil {
		return slack.Reply{Text: "said by " + by.Name, Plan: "abc123", Waiting: []remedy.CaseID{3}, Links: map[remedy.CaseID]string{3: "https://acme.slack.com/archives/C0OPS/p1"}}, nil
	}
	return w.answers(k)
}

func newWorld(t *testing.T, change ...func(*fakeslack.Options)) *world {
	t.Helper()
	return newWorldAt(t, clock.System(), change...)
}

func newWorldAt(t *testing.T, clk clock.Clock, change ...func(*fakeslack.Options)) *world {
	t.Helper()
	o := fakeslack.Options{Unlimited: true}
	for _, f := range change {
		f(&o)
	}
	fake, err := fakeslack.New(o)
	if err != nil {
		t.Fatal(err)
	}
	if err := fake.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(fake.Close)
	core, logs := observer.New(zap.DebugLevel)
	w := &world{t: t, fake: fake, clk: clk, logs: logs, leader: true, cases: map[remedy.CaseID]*ledger.Case{}, posts: map[string]ledger.Post{}, now: at(3, 12, 5)}
	secret := func(s string) func() (string, error) { return func() (string, error) { return s, nil } }
	w.set = slack.Settings{
		BotToken: secret("xoxb-fake"), AppToken: secret("xapp-fake"), SigningSecret: secret("shhh"), Channel: "#ops", Cluster: "prod", Tone: chat.ToneBitter,
		ComplainEvery: 6 * time.Hour, Budget: 20, APIURL: fake.URL() + "/api/", MaxSnooze: 4 * time.Hour,
		People: func(mail string) (string, bool) {
			if mail == "fran@example.net" {
				return "fran", true
			}
			return "", false
		},
	}
	w.slack = slack.New(slack.Options{
		Settings: func() slack.Settings { w.mu.Lock(); defer w.mu.Unlock(); return w.set }, ClusterID: func() string { return clusterID },
		Leader: func() bool { w.mu.Lock(); defer w.mu.Unlock(); return w.leader },
		Case: func(id remedy.CaseID) (*ledger.Case, bool) {
			w.mu.Lock()
			defer w.mu.Unlock()
			c, ok := w.cases[id]
			return c, ok
		},
		Against: func(c *ledger.Case) ledger.Standing { w.mu.Lock(); defer w.mu.Unlock(); return w.against[c.ID] },
		HomeOf: func(by remedy.Actor) slack.Home {
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.home == nil {
				return slack.Home{}
			}
			return w.home(by)
		},
		Desk: w, Clock: clk, Logger: zap.New(core),
		Refused: func(c ledger.ClicksRefused) { w.mu.Lock(); defer w.mu.Unlock(); w.refused = append(w.refused, c) },
	})
	return w
}

// run serves clicks until the test ends.
func (w *world) run() {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() { defer close(done); w.slack.Run(ctx) }()
	w.t.Cleanup(func() { cancel(); <-done })
}

// put makes a case as it is, and owes a notice about it.
func (w *world) put(c *ledger.Case, kinds ...ledger.NoticeKind) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cases[c.ID] = c
	for _, k := range kinds {
		w.owe(ledger.Notice{Kind: k, Case: c.ID, Pool: c.Pool, At: w.now})
	}
}

// say has people say something against a case.
func (w *world) say(id remedy.CaseID, words string, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.against == nil {
		w.against = map[remedy.CaseID]ledger.Standing{}
	}
	w.against[id] = ledger.Standing{Words: words, Newest: at}
}

func (w *world) owe(n ledger.Notice) {
	w.seq++
	n.Seq = w.seq
	w.owed = append(w.owed, chat.Message{Notice: n})
}

func (w *world) message(n ledger.Notice) chat.Message {
	m := chat.Message{Notice: n, Case: w.cases[n.Case], Incident: w.incidents[n.Case], Level: remedy.LevelConfirm, Sure: "57 of 58 right in 90 d; at least 90.9% (95% confidence)"}
	m.Against, m.Seen = w.against[n.Case].Words, w.against[n.Case].Newest
	if m.Case != nil && m.Case.CountedLevel != 0 {
		m.Level = m.Case.CountedLevel
	}
	if w.dress != nil {
		w.dress(&m)
	}
	return m
}

// view is what the engine would hand over.
func (w *world) view() chat.Owed {
	w.mu.Lock()
	defer w.mu.Unlock()
	o := chat.Owed{Now: w.now, Post: func(key string) (ledger.Post, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		p, ok := w.posts[key]
		return p, ok
	}}
	for _, m := range w.owed {
		full := w.message(m.Notice)
		if m.Notice.Kind == ledger.NoticeSummary {
			full.Morning = w.morning
		}
		full.Again = m.Again
		o.Messages = append(o.Messages, full)
	}
	for _, p := range w.posts {
		o.Posts = append(o.Posts, p)
	}
	told := chat.Shown(o.Posts)
	for _, id := range slices.Sorted(maps.Keys(told)) {
		if c := w.cases[id]; c != nil && (chat.Stale(told[id], c.ChangedAt, w.now) || w.message(ledger.Notice{Case: id}).Incident != nil) {
			o.Changed = append(o.Changed, c)
		}
	}
	slices.SortFunc(o.Posts, func(a, b ledger.Post) int { return strings.Compare(a.Key, b.Key) })
	o.Morning = func(date string) *chat.Morning {
		w.mu.Lock()
		defer w.mu.Unlock()
		if w.morning == nil || w.morning.Date != date {
			return nil
		}
		return w.morning
	}
	o.About = func(id remedy.CaseID) (chat.Message, bool) {
		w.mu.Lock()
		defer w.mu.Unlock()
		c, ok := w.cases[id]
		if !ok {
			return chat.Message{}, false
		}
		return w.message(ledger.Notice{Case: id, Pool: c.Pool, At: c.ChangedAt}), true
	}
	return o
}

// once delivers once, and commits what got through.
func (w *world) once() (chat.Delivery, error) {
	got, err := w.slack.Deliver(w.t.Context(), w.view())
	if n := len(got.Seqs); got.Merged < 0 || got.Merged+got.Unwanted+got.Dropped > n || n > 0 && got.Sent == 0 && got.Merged+got.Unwanted+got.Dropped != n {
		w.t.Errorf("what became of %d notices doesn't add up: %+v", n, got)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.owed = slices.DeleteFunc(w.owed, func(m chat.Message) bool { return slices.Contains(got.Seqs, m.Notice.Seq) })
	for _, p := range got.Posts {
		if p.Gone {
			delete(w.posts, p.Key)
			continue
		}
		p.At = w.now
		if c := w.cases[p.Case]; c != nil && c.ChangedAt.After(p.At) {
			p.At = c.ChangedAt // committed time never goes back
		}
		w.posts[p.Key] = p
	}
	return got, err
}

// settle delivers until nothing is left to be said.
func (w *world) settle() {
	w.t.Helper()
	for range 60 {
		got, err := w.once()
		if err != nil {
			w.t.Fatalf("deliver: %v", err)
		}
		if got.Wait == 0 {
			if n := len(w.owed); n > 0 {
				w.t.Fatalf("%d notices are owed and nothing is waited for", n)
			}
			w.rests()
			return
		}
		<-w.clk.After(got.Wait)
	}
	w.t.Fatal("it never settles")
}

// rests fails the test where a receipt follows a receipt although nothing has
// changed: each wakes the courier again.
func (w *world) rests() {
	w.t.Helper()
	var last chat.Delivery
	for range 3 {
		var err error
		if last, err = w.once(); err != nil {
			w.t.Fatalf("deliver: %v", err)
		}
		if len(last.Posts)+len(last.Seqs) == 0 {
			return
		}
		<-w.clk.After(last.Wait)
	}
	w.t.Errorf("nothing has changed, and yet there are receipts: %+v", last)
}

// until waits for something to be true.
func (w *world) until(what string, ok func() bool) {
	w.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !ok() {
		if time.Now().After(deadline) {
			w.t.Fatalf("not within a minute: %s\n%v", what, w.logs.All())
		}
		<-time.After(5 * time.Millisecond)
	}
}

func (w *world) asked() []wish {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.wishes)
}

// clean fails the test where anything broke a rule of Slack's.
func (w *world) clean() {
	w.t.Helper()
	for _, b := range w.fake.Breaches() {
		w.t.Errorf("a rule of Slack's was broken: %+v", b)
	}
}

var errNot = errors.New("only @oncall-ops and fran may approve drain in pool edge")

// question is W-3, which asks to drain web-07.
func question() *ledger.Case { return slack.Samples()[0].Case }

// copyOf is a case with changes, as a later entry leaves it.
func copyOf(c *ledger.Case, change func(*ledger.Case)) *ledger.Case {
	n := *c
	n.Events = slices.Clone(c.Events)
	change(&n)
	return &n
}
