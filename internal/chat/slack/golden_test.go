package slack_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/chat"
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
}

func person(name string) remedy.Actor { return remedy.Actor{Name: name, Via: "slack", Person: true} }

func ran(kind remedy.ExecutionKind, o remedy.Outcome, output string) ledger.Execution {
	x := ledger.Execution{
		Token: remedy.Token{Term: 2, Index: 40}, Attempt: 1, Kind: kind, By: person("sam"), StartedAt: at(3, 15, 0), StartWithin: 30 * time.Second, RunWithin: time.Minute,
		TakesOut: true, Outcome: o, Output: output,
	}
	if o != "" {
		x.FinishedAt = at(3, 15, 2)
	}
	if o == remedy.OutcomeDone {
		x.Took, x.TookAt = remedy.Known(true), at(3, 16, 20)
	}
	return x
}

// states are a case in all states that people see.
func states() []kase {
	q := question()
	with := func(change func(*ledger.Case)) *ledger.Case { return copyOf(q, change) }
	yes := func(n *ledger.Case) {
		n.Answer = &ledger.CaseReply{Approve: true, By: person("sam"), At: at(3, 14, 0), PlanHash: n.PlanHash}
	}
	closed := func(o remedy.Outcome, note string) func(*ledger.Case) {
		return func(n *ledger.Case) {
			n.Stage, n.Outcome, n.Note, n.ClosedAt = remedy.StageClosed, o, note, at(3, 32, 0)
		}
	}
	bare := func(n *ledger.Case) { n.Ask = nil; n.CountedLevel = remedy.LevelNotify; n.Stage = remedy.StageProposed }
	return []kase{
		{name: "question", c: q},
		{name: "question_two", c: with(func(n *ledger.Case) {
			a := *n.Ask
			a.Needed, a.Changes, a.After = 2, []string{"2 more hosts went bad (3 of 40)"}, 2
			n.Ask, n.Approvals = &a, []ledger.CaseReply{{Approve: true, By: person("fran"), At: at(3, 13, 0), PlanHash: n.PlanHash}}
		})},
		{name: "announced", c: with(func(n *ledger.Case) {
			n.Ask = nil
			n.Veto = &ledger.Veto{Announcement: ledger.Announcement{PlanHash: n.PlanHash, For: 5 * time.Minute, Within: 20 * time.Minute}, AnnouncedAt: at(3, 12, 0)}
		})},
		{name: "approved", c: with(yes)},
		{name: "executing", c: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Executions = remedy.StageExecuting, []ledger.Execution{ran(remedy.KindAct, "", "")}
		})},
		{name: "verifying", c: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Executions = remedy.StageVerifying, []ledger.Execution{ran(remedy.KindAct, remedy.OutcomeDone, "")}
		})},
		{name: "done", c: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Outcome, n.Executions = remedy.StageOut, remedy.OutcomeDone, []ledger.Execution{ran(remedy.KindAct, remedy.OutcomeDone, "")}
		})},
		{name: "done_auto", c: with(func(n *ledger.Case) {
			x := ran(remedy.KindAct, remedy.OutcomeDone, "")
			x.By = remedy.Warden()
			n.Ask, n.Stage, n.Outcome, n.Executions = nil, remedy.StageOut, remedy.OutcomeDone, []ledger.Execution{x}
		})},
		{name: "unverified", c: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Outcome, n.Note, n.Executions = remedy.StageOut, remedy.OutcomeUnverified, "still 8% of its traffic after 3m", []ledger.Execution{ran(remedy.KindAct, remedy.OutcomeUnverified, "")}
		})},
		{name: "failed", c: with(func(n *ledger.Case) {
			yes(n)
			closed(remedy.OutcomeFailed, "enc: exit 1")(n)
			n.Executions = []ledger.Execution{ran(remedy.KindAct, remedy.OutcomeFailed, "pushing\nremote rejected (non-fast-forward)\n")}
		})},
		{name: "unknown", c: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Executions = remedy.StageExecuting, []ledger.Execution{ran(remedy.KindAct, remedy.OutcomeUnknown, "")}
		})},
		{name: "undone", c: with(func(n *ledger.Case) {
			yes(n)
			closed(remedy.OutcomeUndone, "")(n)
			u := ran(remedy.KindUndo, remedy.OutcomeDone, "")
			u.By, u.TakesOut, u.StartedAt = person("kim"), false, at(9, 40, 0)
			n.UndoReason, n.Executions = remedy.UndoFixed, []ledger.Execution{ran(remedy.KindAct, remedy.OutcomeDone, ""), u}
		})},
		{name: "expired", c: with(closed(remedy.OutcomeExpired, ""))},
		{name: "stale", c: with(closed(remedy.OutcomeStale, "2 more hosts went bad (3 of 40)"))},
		{name: "denied", c: with(func(n *ledger.Case) {
			n.Answer = &ledger.CaseReply{By: person("kim"), At: at(3, 14, 0), Reason: "known work"}
			closed(remedy.OutcomeDenied, "known work")(n)
		})},
		{name: "recovered", c: with(closed(remedy.OutcomeSelfRecovered, ""))},
		{name: "snoozed", c: with(func(n *ledger.Case) {
			n.Ask, n.Stage, n.Snooze = nil, remedy.StageProposed, &ledger.Snooze{By: person("kim"), At: at(3, 13, 0), Until: at(3, 43, 0), Reason: "deploy"}
		})},
		{name: "complaint", c: with(bare)},
		{name: "complaint_recovered", c: with(func(n *ledger.Case) { bare(n); closed(remedy.OutcomeSelfRecovered, "")(n) })},
		{name: "common_mode", notice: ledger.Notice{Kind: ledger.NoticeStorm, Pool: "edge", Page: true, Detail: "common mode: 4 of 10 hosts look bad at once (limit 2)"}},
		{name: "frozen", notice: ledger.Notice{Kind: ledger.NoticeStop, Detail: "frozen by kim: network work"}},
		{name: "reloaded", notice: ledger.Notice{Kind: ledger.NoticeConfig, Detail: "config of n1 reloaded by kim: stricter\ndrain on edge: auto to confirm"}},
	}
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
		file := filepath.Join("testdata", k.name+".json")
		if *update {
			if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(string(want), b.String()); d != "" {
			t.Errorf("%s differs (-golden +now); go test ./internal/chat/slack -run Golden -update\n%s", k.name, d)
		}
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
