package pager

import (
	"flag"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

var update = flag.Bool("update", false, "write the golden files")

func reads(t *testing.T, name, got string) {
	t.Helper()
	golden.Check(t, *update, filepath.Join("testdata", name), got)
}

// TestNotesTellTheStory goes through a case that was asked about, approved and
// undone, on the incident that somebody was paged for.
func TestNotesTellTheStory(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{NotesOutcomes, NotesAll, NotesOff} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			r := newRoom(t)
			r.set.Notes = mode
			r.reload()
			id := r.raise("ingest-17")
			r.talk = "https://example.slack.com/archives/C1/p1"
			r.clk.Advance(5 * time.Minute)
			c := r.bad(1042, "ingest-17")
			r.notice(ledger.NoticeQuestion, c)
			r.must()
			r.clk.Advance(3 * time.Minute)
			answered := *c
			answered.Answer = &ledger.CaseReply{Approve: true, By: sam(), At: r.clk.Now(), PlanHash: c.PlanHash}
			r.notice(ledger.NoticeAnswered, &answered)
			r.must()
			done := r.drained(c, sam())
			running := *done
			running.Stage, running.Outcome = remedy.StageExecuting, ""
			r.notice(ledger.NoticeStarted, &running)
			r.must()
			r.notice(ledger.NoticeOutcome, done)
			r.must()
			r.clk.Advance(2 * time.Hour)
			r.notice(ledger.NoticeOutcome, r.undone(done))
			r.must()
			got := r.notesOn(id)
			reads(t, "story."+mode+".txt", strings.Join(got, "\n\n")+"\n")
			for _, n := range got {
				if utf8.RuneCountInString(n) > maxNote || !strings.HasPrefix(n, "warden: ") {
					t.Errorf("%q", n)
				}
			}
			if len(r.pd.Changes()) != 0 {
				t.Errorf("somebody approved it, and it is a change by itself: %+v", r.pd.Changes())
			}
			if p := r.posts["incident/W-1042"]; mode != NotesOff && (p.ID != id || !strings.HasSuffix(p.Link, "/pager#"+id) || p.Case != 1042) {
				t.Errorf("%+v", p)
			}
			inc := r.pd.Incidents()[0]
			if inc.Status != "triggered" || inc.AckedBy != "" {
				t.Errorf("warden touched the incident: %+v", inc)
			}
		})
	}
}

// unasked is a case whose question nobody could answer.
func unasked(of *ledger.Case) *ledger.Case {
	c := *of
	c.Stage, c.Outcome, c.Ask = remedy.StageProposed, remedy.OutcomeTold, nil
	c.Unasked = &ledger.Unasked{Why: "2 people have to say yes, and 1 may (the file of n2 wants 2)"}
	return &c
}

// TestNotes words every way that a case stands or ends.
func TestNotes(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	r := newRoom(t)
	c := r.bad(1042, "ingest-17")
	auto := r.drained(c, remedy.Warden())
	with := func(c *ledger.Case, f func(*ledger.Case)) *ledger.Case {
		n := *c
		n.Executions = slices.Clone(c.Executions)
		f(&n)
		return &n
	}
	closed := func(o remedy.Outcome) *ledger.Case {
		return with(c, func(c *ledger.Case) { c.Stage, c.Outcome, c.Note = remedy.StageClosed, o, "" })
	}
	against := map[string]ledger.Standing{"asked, and somebody says that it is wrong": kimSays(1), "asked, and many say that it is wrong": kimSays(5)}
	for _, tt := range []struct {
		name string
		kind ledger.NoticeKind
		c    *ledger.Case
		none bool
	}{
		{"asked", ledger.NoticeQuestion, c, false},
		{"asked of two", ledger.NoticeQuestion, with(c, func(c *ledger.Case) { a := *c.Ask; a.Needed = 2; c.Ask = &a }), false},
		{"asked, and answered meanwhile", ledger.NoticeQuestion, auto, true},
		{"announced", ledger.NoticeAnnounced, with(c, func(c *ledger.Case) {
			c.Ask = nil
			c.Veto = &ledger.Veto{Announcement: ledger.Announcement{For: 5 * time.Minute}, EndsAt: began.Add(5 * time.Minute)}
		}), false},
		{"complaint", ledger.NoticeComplaint, with(c, func(c *ledger.Case) { c.Stage, c.Ask = remedy.StageProposed, nil }), false},
		{"complaint, nobody could say yes", ledger.NoticeComplaint, unasked(c), false},
		{"denied", ledger.NoticeAnswered, with(c, func(c *ledger.Case) { c.Answer = &ledger.CaseReply{By: sam(), At: began, Reason: "false-alarm"} }), false},
		{"put off", ledger.NoticePutOff, with(c, func(c *ledger.Case) { c.Snooze = &ledger.Snooze{By: sam(), Until: began.Add(24 * time.Hour)} }), false},
		{"done by itself", ledger.NoticeOutcome, auto, false},
		{"done, not proven", ledger.NoticeOutcome, with(auto, func(c *ledger.Case) { c.Executions[0].Took = remedy.Unknown[bool]("") }), false},
		{"failed", ledger.NoticeOutcome, r.ended(c, remedy.StageClosed, remedy.OutcomeFailed, remedy.OutcomeFailed), false},
		{"unverified", ledger.NoticeOutcome, r.ended(c, remedy.StageOut, remedy.OutcomeUnverified, remedy.OutcomeDone), false},
		{"partial", ledger.NoticeOutcome, r.ended(c, remedy.StageOut, remedy.OutcomePartial, remedy.OutcomePartial), false},
		{"unknown", ledger.NoticeOutcome, r.ended(c, remedy.StageExecuting, "", remedy.OutcomeUnknown), false},
		{"called off", ledger.NoticeOutcome, r.ended(c, remedy.StageDetected, "", remedy.OutcomeAborted), false},
		{"goes on", ledger.NoticeOutcome, r.ended(c, remedy.StageVerifying, "", remedy.OutcomeDone), true},
		{"expired", ledger.NoticeOutcome, closed(remedy.OutcomeExpired), false},
		{"recovered", ledger.NoticeOutcome, closed(remedy.OutcomeSelfRecovered), false},
		{"stale", ledger.NoticeOutcome, closed(remedy.OutcomeStale), false},
		{"gone", ledger.NoticeOutcome, closed(remedy.OutcomeGone), false},
		{"cancelled", ledger.NoticeOutcome, with(closed(remedy.OutcomeCancelled), func(c *ledger.Case) { c.Cancel = &ledger.Cancel{By: sam()} }), false},
		{"undone", ledger.NoticeOutcome, r.undone(auto), false},
		{"not undone", ledger.NoticeOutcome, with(r.undone(auto), func(c *ledger.Case) {
			c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
			c.Executions[1].Outcome, c.Executions[1].Note = remedy.OutcomeFailed, "no answer"
		}), false},
		{"put back by another hand", ledger.NoticeOutcome, with(auto, func(c *ledger.Case) { c.Stage, c.Outcome = remedy.StageClosed, remedy.OutcomeReturned }), false},
		{"another action", ledger.NoticeOutcome, with(auto, func(c *ledger.Case) { c.Action = "restart_receiver" }), false},
		{"asked, and somebody says that it is wrong", ledger.NoticeQuestion, r.numbered(c), false},
		{"asked, and many say that it is wrong", ledger.NoticeQuestion, r.numbered(c), false},
	} {
		r.owed = nil
		r.notice(tt.kind, tt.c)
		if said, ok := against[tt.name]; ok {
			r.owed[0].Against, r.owed[0].Seen = said.Words, said.Newest
		}
		n, ok := wording(r.owed[0], "", r.clk.Now())
		if ok == tt.none {
			t.Errorf("%s: a note: %t", tt.name, ok)
		}
		if ok {
			out.WriteString("# " + tt.name + "\n" + n.text(tt.c.ID) + "\n\n")
		}
	}
	for _, block := range []string{"common_mode", "freeze"} {
		b := with(c, func(c *ledger.Case) {
			d := *c.Decision
			d.Level, d.BlockedBy = remedy.LevelBlocked, block
			d.Answers = append(slices.Clone(d.Answers[1:]), remedy.Answer{Guardrail: block, Effect: remedy.EffectBlock, Observed: "9 of 40 bad", Limit: "8 (20 %)"})
			c.Stage, c.Ask, c.Decision = remedy.StageDetected, nil, &d
		})
		n, ok := refusal(b)
		if !ok {
			t.Fatal("no refusal")
		}
		out.WriteString("# holds back: " + block + "\n" + n.text(b.ID) + "\n\n")
		b.Decision.Waiting = true
		if _, ok := refusal(b); ok {
			t.Error("what waits its turn is a refusal")
		}
	}
	reads(t, "notes.txt", out.String())
}

// TestMatch finds the incident of a host, or none.
func TestMatch(t *testing.T) {
	t.Parallel()
	inc := func(id, key string, created time.Duration, alerts ...alert) incident {
		return incident{id: id, key: key, created: began.Add(created), alerts: alerts}
	}
	at := func(hosts ...string) alert { return alert{key: "k", hosts: hosts} }
	for _, tt := range []struct {
		name    string
		host    remedy.HostName
		open    []incident
		want    string
		several int
	}{
		{"none", "web-1", nil, "", 0},
		{"by source", "web-1", []incident{inc("A", "x", 0, at("web-2")), inc("B", "x", 0, at("web-1"))}, "B", 0},
		{"by one of several alerts", "web-1", []incident{inc("A", "x", 0, at("web-2"), at("web-1"))}, "A", 0},
		{"upper and lower case are one", "web-1", []incident{inc("A", "x", 0, at("WEB-1"))}, "A", 0},
		{"with a port", "web-1", []incident{inc("A", "x", 0, at("web-1:9100"))}, "A", 0},
		{"no port", "web-1", []incident{inc("A", "x", 0, at("web-1:down"))}, "", 0},
		{"another's name", "web-1", []incident{inc("A", "x", 0, at("web-10", "web-1.example.net", "db-web-1"))}, "", 0},
		{"two", "web-1", []incident{inc("A", "x", 0, at("web-1")), inc("B", "x", 0, at("web-1"))}, "", 2},
		{"by key, where no alert has it", "web-1", []incident{inc("A", "canary:web-1", 0), inc("B", "canary:web-10", 0)}, "A", 0},
		{"by an alert's key", "web-1", []incident{inc("A", "x", 0, alert{key: "[web-1] is down."})}, "A", 0},
		{"an alert wins over a key", "web-1", []incident{inc("A", "web-1", 0), inc("B", "x", 0, at("web-1"))}, "B", 0},
		{"two by key", "web-1", []incident{inc("A", "web-1", 0), inc("B", "x/web-1/y", 0)}, "", 2},
		{"too old", "web-1", []incident{inc("A", "x", -time.Hour, at("web-1"))}, "", 0},
		{"warden's own", "web-1", []incident{inc("A", "warden/prod/action_failed/web/web-1", 0, alert{key: "warden/prod/action_failed/web/web-1", hosts: []string{"web-1"}})}, "", 0},
	} {
		if got := matching(tt.open, tt.host, began.Add(-30*time.Minute)); got.id != tt.want || got.several != tt.several {
			t.Errorf("%s: %+v, want %q, %d", tt.name, got, tt.want, tt.several)
		}
	}
	for text, want := range map[string]bool{
		"web-1": true, "x web-1": true, "web-1.": true, "web-1, web-2": true, "WEB-1/cpu": true, "(web-1)": true, "web-10 web-1": true,
		"web-10": false, "web-1-old": false, "aweb-1": false, "web-1.example.net": false, "a.web-1": false, "web-1_x": false, "": false, "éweb-1": false,
	} {
		if hasWord(text, "web-1") != want {
			t.Errorf("%q: want %t", text, want)
		}
	}
	if hasWord("x", "") {
		t.Error("no host is in every text")
	}
}

// TestHostKeys reads hosts where the config says that they are.
func TestHostKeys(t *testing.T) {
	t.Parallel()
	r := newRoom(t)
	r.set.HostKeys = []string{"component", "custom_details.node.name", "custom_details.hosts"}
	for _, tt := range []struct {
		alert fakepager.Alert
		want  string
	}{
		{fakepager.Alert{Source: "a", Component: "b"}, "b"},
		{fakepager.Alert{Source: "a", Details: map[string]any{"node": map[string]any{"name": "c"}}}, "c c"},
		{fakepager.Alert{Details: map[string]any{"node.name": "d", "hosts": []any{"e", 7, "f"}}}, "d d e f e f"},
		{fakepager.Alert{Details: map[string]any{"node": "g"}}, ""},
	} {
		id := r.pd.Raise("PINGEST", tt.alert)
		d := &delivery{c: r.c.pager, s: &r.set}
		d.api.open(r.c.pager, &r.set)
		got, err := d.alertsOf(t.Context(), id)
		if err != nil || len(got) != 1 || strings.Join(slices.DeleteFunc(got[0].hosts, func(s string) bool { return s == "" }), " ") != tt.want {
			t.Errorf("%+v: %+v, %v", tt.alert, got, err)
		}
	}
}
