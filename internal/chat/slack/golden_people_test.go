package slack_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/simulate/fakeslack"
)

// piece is one thing that people see, in a golden file with others of its kind.
type piece struct {
	Name string `json:"name"`
	// Text is what a lock screen has, or a dialog's title.
	Text   string          `json:"text"`
	Blocks json.RawMessage `json:"blocks,omitempty"`
}

func pieceOf(name string, m fakeslack.Message) piece { return piece{name, m.Text, m.Blocks} }

// signedValue is a button's: what is in it and when it was made is tested elsewhere.
var signedValue = regexp.MustCompile(`"v[0-9]\.[A-Za-z0-9_-]+\.[^"]*"`)

// goldenPieces compares what people see with a file. The fakes have checked Slack's
// limits; what a lock screen can't show is said here.
func goldenPieces(t *testing.T, file string, all []piece) {
	t.Helper()
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	e.SetIndent("", " ")
	for i, p := range all {
		var shown bytes.Buffer
		if err := json.Compact(&shown, signedValue.ReplaceAll(p.Blocks, []byte(`"…"`))); len(p.Blocks) > 0 && err != nil {
			t.Fatalf("%s: %v", p.Name, err)
		}
		if all[i].Blocks = nil; shown.Len() > 0 {
			all[i].Blocks = shown.Bytes()
		}
	}
	if err := e.Encode(all); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), b.String()); d != "" {
		t.Errorf("%s differs (-golden +now); go test ./internal/chat/slack -run Golden -update\n%s", file, d)
	}
}

// What only who tapped sees: why nothing was done, or that it was.
func TestGoldenEphemerals(t *testing.T) {
	t.Parallel()
	notHere := func(err error) func(*world) {
		return func(w *world) { w.says = func(remedy.Actor, slack.Wish) error { return err } }
	}
	var all []piece
	for _, tt := range []struct {
		name, state, user, verb string
		prepare                 func(*world)
		spoil                   func(map[string]any)
	}{
		{"somebody else may", "question", fakeslack.Carol, "approve", notHere(&slack.NotYours{Err: errNot}), nil},
		{"too late", "question", fakeslack.Alice, "approve", notHere(errors.New(late())), nil},
		{"lost", "question", fakeslack.Alice, "approve", notHere(&slack.Lost{Err: errors.New("no leader is known, so nothing was done: try again")}), nil},
		{"a guest", "question", fakeslack.Gus, "approve", nil, nil},
		{"asked again since", "question", fakeslack.Alice, "approve", func(w *world) {
			w.cases[3] = copyOf(question(), func(n *ledger.Case) { a := *n.Ask; a.AskedAt = a.AskedAt.Add(time.Minute); a.Notice++; n.Ask = &a })
		}, nil},
		{"forged", "question", fakeslack.Alice, "approve", nil, func(a map[string]any) { a["value"] = strings.Replace(a["value"].(string), ".3.", ".4.", 1) }},
		{"another cluster's", "question", fakeslack.Alice, "approve", nil, func(a map[string]any) {
			parts := strings.Split(a["value"].(string), ".")
			parts[1] = "b3RoZXI"
			a["value"] = strings.Join(parts, ".")
		}},
		{"a fault", "question", fakeslack.Alice, "approve", func(w *world) { w.says = func(remedy.Actor, slack.Wish) error { panic("of the test's") } }, nil},
		{"put off", "question", fakeslack.Alice, "snooze", nil, nil},
		{"details", "question", fakeslack.Alice, "details", nil, nil},
		{"details of what is gone", "question", fakeslack.Alice, "details", func(w *world) { delete(w.cases, 3) }, nil},
		{"right", "done", fakeslack.Alice, "right", nil, nil},
		{"wrong", "done", fakeslack.Alice, "wrong", nil, nil},
		{"did it", "complaint", fakeslack.Alice, "did", nil, nil},
	} {
		w := newWorld(t)
		w.run()
		for _, s := range slack.Samples() {
			if s.Name == tt.state {
				w.put(s.Case, ledger.NoticeOutcome)
			}
		}
		w.settle()
		w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
		w.mu.Lock()
		if tt.prepare != nil {
			tt.prepare(w)
		}
		w.mu.Unlock()
		ts := w.fake.Messages(fakeslack.Ops)[0].TS
		var err error
		if tt.spoil == nil {
			_, err = w.fake.Click(tt.user, fakeslack.Ops, ts, "warden."+tt.verb)
		} else {
			var p map[string]any
			if p, err = w.fake.Clicked(tt.user, fakeslack.Ops, ts, "warden."+tt.verb); err == nil {
				tt.spoil(p["actions"].([]any)[0].(map[string]any))
				w.fake.Deliver(fakeslack.KindInteractive, p)
			}
		}
		if err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		w.told(tt.user, 1)
		all = append(all, pieceOf(tt.name, w.fake.Ephemerals(tt.user, fakeslack.Ops)[0]))
		w.clean()
	}
	goldenPieces(t, "ephemerals.json", all)
}

// late is what the ledger says of an answer that comes too late.
func late() string {
	c := copyOf(question(), func(n *ledger.Case) {
		n.Stage, n.Outcome, n.ClosedAt = remedy.StageClosed, remedy.OutcomeExpired, at(3, 32, 0)
	})
	words, _ := chat.TooLate(chat.Late{Case: c, By: person("alice"), Approve: true, Now: at(3, 40, 0)})
	return words
}

// What opens over the channel to ask for a reason.
func TestGoldenDialogs(t *testing.T) {
	t.Parallel()
	var all []piece
	for _, name := range []string{"why not", "why run it"} {
		w, m := open(t)
		w.mu.Lock()
		w.set.AskReason = true
		w.mu.Unlock()
		ts, verb := m.TS, "warden.deny"
		if name == "why run it" {
			if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "drain web-09"); err != nil {
				t.Fatal(err)
			}
			w.until("the preview", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
			ts, verb = w.fake.Messages(fakeslack.Ops)[1].TS, "warden.run"
		}
		if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, ts, verb); err != nil {
			t.Fatal(err)
		}
		w.until("the dialog", func() bool { _, ok := w.fake.Modal(fakeslack.Alice); return ok })
		v, _ := w.fake.Modal(fakeslack.Alice)
		all = append(all, piece{name, v.Title, v.Blocks})
		w.clean()
	}
	goldenPieces(t, "dialogs.json", all)
}

// What is answered to a word, in the channel or to who said it alone.
func TestGoldenAnswers(t *testing.T) {
	t.Parallel()
	var all []piece
	for _, tt := range []struct {
		name, text string
		private    bool
		reply      slack.Reply
		err        error
	}{
		{"what is going on", "", false, slack.Reply{
			Text: "1 case waits for an answer.\n", Waiting: []remedy.CaseID{3, 4}, Links: map[remedy.CaseID]string{3: "https://acme.slack.com/archives/C0OPS/p1"},
		}, nil},
		{"a drain that is shown first", "drain web-09 fan is loud", false, slack.Reply{Text: "drain web-09 in pool edge\n  set server edge/web-09 state drain\n", Plan: "abc123"}, nil},
		{"a drain that is blocked", "drain web-09", false, slack.Reply{Text: "drain web-09 in pool edge\n  blocked by pool_floor: 6 of 10 in service after this (floor 7)\n"}, nil},
		{"an undo that is shown first", "undo W-3", false, slack.Reply{Text: "undo W-3: set server edge/web-07 state ready\n"}, nil},
		{"why", "why W-3", false, slack.Reply{Text: "W-3: drain on web-07 in pool edge waits for an answer\n"}, nil},
		{"done", "freeze network work", false, slack.Reply{}, nil},
		{"help", "help", true, slack.Reply{}, nil},
		{"no word", "please unfreeze", true, slack.Reply{}, nil},
		{"wrong form", "hold web-07 soon", true, slack.Reply{}, nil},
		{"refused", "unfreeze", true, slack.Reply{}, &slack.NotYours{Err: errors.New("only fran and @oncall-ops may unfreeze; ask one of them")}},
	} {
		w, _ := open(t)
		w.mu.Lock()
		w.cases[4] = copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = 4, "web-08" })
		w.answers = func(chat.Command) (slack.Reply, error) { return tt.reply, tt.err }
		w.mu.Unlock()
		if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, tt.text); err != nil {
			t.Fatal(err)
		}
		if tt.private {
			w.told(fakeslack.Alice, 1)
			all = append(all, pieceOf(tt.name, w.fake.Ephemerals(fakeslack.Alice, fakeslack.Ops)[0]))
		} else {
			w.until("an answer", func() bool { return len(w.fake.Messages(fakeslack.Ops)) == 2 })
			all = append(all, pieceOf(tt.name, w.fake.Messages(fakeslack.Ops)[1]))
		}
		w.clean()
	}
	goldenPieces(t, "answers.json", all)
}

// What stands beside the messages of cases: the thread of one, what shares a
// message once the hour's budget is spent, and what was missed during an outage.
func TestGoldenThreadsDigestsAndCatchUp(t *testing.T) {
	t.Parallel()
	var all []piece
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	failed := copyOf(question(), func(n *ledger.Case) {})
	for _, s := range slack.Samples() {
		if s.Name == "failed" {
			failed = s.Case
		}
	}
	w.put(copyOf(failed, func(n *ledger.Case) {
		n.Events = append(n.Events, ledger.Event{At: at(3, 14, 0), What: "approved", By: "sam"}, ledger.Event{At: at(3, 15, 0), What: "failed: enc: exit 1"})
		n.Executions[0].FinishedAt, n.ChangedAt = at(3, 15, 0), at(3, 15, 0)
	}), ledger.NoticeOutcome)
	w.settle()
	for _, m := range w.fake.Thread(fakeslack.Ops, w.fake.Messages(fakeslack.Ops)[0].TS) {
		all = append(all, pieceOf("thread", m))
	}
	w.clean()
	many := func(w *world, kind ledger.NoticeKind, n int, change func(*ledger.Case)) {
		for i := range n {
			w.put(copyOf(question(), func(n *ledger.Case) {
				n.ID, n.Host, n.Ask, n.CountedLevel, n.Stage = remedy.CaseID(10+i), remedy.HostName([]string{"web-01", "web-02", "web-03"}[i]), nil, remedy.LevelNotify, remedy.StageProposed
				change(n)
			}), kind)
		}
	}
	w = quick(t)
	w.set.Budget = 1
	many(w, ledger.NoticeComplaint, 3, func(*ledger.Case) {})
	w.settle()
	posts := w.fake.Messages(fakeslack.Ops)
	all = append(all, pieceOf("digest", posts[len(posts)-1]))
	w.clean()
	w = quick(t)
	many(w, ledger.NoticeOutcome, 3, func(n *ledger.Case) {
		n.Stage, n.Outcome, n.ClosedAt = remedy.StageClosed, remedy.OutcomeSelfRecovered, at(3, 20, 0)
	})
	w.now = at(4, 30, 0)
	w.settle()
	posts = w.fake.Messages(fakeslack.Ops)
	all = append(all, pieceOf("catch-up", posts[0]))
	w.clean()
	if len(all) != 3 {
		t.Errorf("%d pieces: %+v", len(all), all)
	}
	goldenPieces(t, "beside.json", all)
}

// News that no card of a case tells.
func TestGoldenNews(t *testing.T) {
	t.Parallel()
	demoted := func(d trust.Demotion, cause string) func(*chat.Message) {
		return func(m *chat.Message) { d.Action, d.Pool, m.Demotion, m.Cause = "drain", "edge", &d, cause }
	}
	var all []piece
	for _, tt := range []struct {
		name  string
		n     ledger.Notice
		dress func(*chat.Message)
	}{
		{"common mode is over", ledger.Notice{Kind: ledger.NoticeStorm, Pool: "edge", Detail: "common mode is over for canary_missing"}, nil},
		{"the inventory shrank", ledger.Notice{Kind: ledger.NoticePool, Pool: "edge", Page: true, Detail: "the inventory shrank from 10 to 4 hosts: hands off until it is back or somebody runs `warden pool accept edge`"}, nil},
		{"the inventory is back", ledger.Notice{Kind: ledger.NoticePool, Pool: "edge", Detail: "inventory is back at 10 hosts"}, nil},
		{"a hold", ledger.Notice{Kind: ledger.NoticeStop, Pool: "edge", Detail: "hold on web-07 by kim: disk swap"}, nil},
		{"a hold is over", ledger.Notice{Kind: ledger.NoticeStop, Pool: "edge", Detail: "web-07 released by kim"}, nil},
		{"a source is blind", ledger.Notice{Kind: ledger.NoticeSource, Detail: "source prom can't be believed (its canary_target is not fresh): everything on it is unknown, and nobody is touched"}, nil},
		{"a source is back", ledger.Notice{Kind: ledger.NoticeSource, Detail: "source prom can be believed again"}, nil},
		{"demoted by a person", ledger.Notice{Kind: ledger.NoticeDemoted, Pool: "edge", Detail: "drain on edge is notify at most now"}, demoted(trust.Demotion{To: remedy.LevelNotify, From: remedy.LevelAuto, By: person("fran"), Why: trust.WhyPerson, Reason: "a quiet night"}, "")},
		{"demoted by itself", ledger.Notice{Kind: ledger.NoticeDemoted, Pool: "edge", Detail: "drain on edge is confirm at most now"}, demoted(
			trust.Demotion{To: remedy.LevelConfirm, From: remedy.LevelAuto, Why: trust.WhyWrong, Case: 3, Reason: "deploy"}, "Cause I can see: 3 of 10 were bad. Suggest `max_bad_fraction = 0.1`: on this record it costs 0 of 12 right calls and removes 1 wrong call.")},
		{"demoted, reviewed since", ledger.Notice{Kind: ledger.NoticeDemoted, Pool: "edge", Detail: "drain on edge is confirm at most now, it was auto: an action was wrong (W-3)"}, nil},
		{"reviewed", ledger.Notice{Kind: ledger.NoticeReviewed, Pool: "edge", Detail: "fran reviewed drain on edge: the deploy did it; its gate is judged again\non record: 61 cases, 57 of them right and 1 wrong\ndrain on edge is auto now, it was confirm"}, nil},
		{"people differ", ledger.Notice{Kind: ledger.NoticeLabel, Case: 3, Pool: "edge", Detail: "fran says wrong; people differ; wrong counts: it was a deploy"}, nil},
		{"a drain is forgotten", ledger.Notice{Kind: ledger.NoticeForgotten, Case: 3, Pool: "edge", Page: true}, nil},
	} {
		w := quick(t)
		w.dress = tt.dress
		for _, s := range slack.Samples() {
			if s.Name == "done" && tt.n.Case != 0 {
				w.cases[3] = s.Case
			}
		}
		tt.n.At = w.now
		w.owe(tt.n)
		w.settle()
		posts := w.fake.Messages(fakeslack.Ops)
		if len(posts) == 0 {
			t.Fatalf("%s: nothing was posted", tt.name)
		}
		m := posts[len(posts)-1]
		if n := len([]rune(m.Text)); n > chat.MaxHeadline+20 { // entities
			t.Errorf("%s: a lock screen doesn't show all of %q", tt.name, m.Text)
		}
		all = append(all, pieceOf(tt.name, m))
		w.clean()
	}
	goldenPieces(t, "news.json", all)
}
