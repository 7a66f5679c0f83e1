package pager

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakepager"
)

const (
	token = "PLANTEDu+tokenTOKEN"
	email = "warden@example.net"
)

var (
	began  = time.Date(2026, 11, 20, 3, 6, 0, 0, time.UTC)
	key    = strings.Repeat("PLANTEDkey", 3) + "00"
	newKey = strings.Repeat("PLANTEDkey", 3) + "11"
)

// room is a ledger's worth of posts and notices, a PagerDuty, and a courier
// between them.
type room struct {
	t     *testing.T
	clk   *clock.Stepped
	pd    *fakepager.Server
	web   *httptest.Server
	set   Settings
	state State
	owed  []chat.Message
	posts map[string]ledger.Post
	seq   uint64
	logs  *observer.ObservedLogs
	talk  string
	c     *Courier
	// loseReceipts has nothing of a delivery committed, as when the leader dies.
	loseReceipts bool
}

func newRoom(t *testing.T) *room {
	t.Helper()
	r := &room{t: t, clk: clock.NewStepped(began), posts: map[string]ledger.Post{}}
	r.pd = fakepager.New(fakepager.Options{
		Clock: r.clk, Token: token,
		Users:    []fakepager.User{{ID: "U1", Name: "Warden", Email: email}},
		Services: []fakepager.Service{{ID: "PINGEST", Name: "ingest"}, {ID: "PWARDEN", Name: "warden", Keys: []string{key, newKey}}, {ID: "POTHER", Name: "other"}},
	})
	r.web = httptest.NewServer(r.pd)
	t.Cleanup(r.close)
	r.set = Settings{
		Cluster: "prod", APIURL: r.web.URL, EventsURL: r.web.URL, From: email, Services: []string{"PINGEST"},
		HostKeys: []string{"source", "custom_details.host", "custom_details.instance"}, Lookback: 30 * time.Minute, Notes: NotesOutcomes, ChangeEvents: true,
		PageWhen:   []string{kindFailed, kindUnverified, kindUnknown, kindStorm, kindBreaker, kindDemoted, kindBlind, kindOutbox, kindConfig},
		Token:      func() (string, error) { return token, nil },
		RoutingKey: func() (string, error) { return key, nil },
	}
	r.failover()
	return r
}

// close ends the connections and the server.
func (r *room) close() {
	r.c.pager.http.CloseIdleConnections()
	r.web.Close()
}

// failover puts another node's courier in the place of this one's: it knows the
// posts, and nothing else.
func (r *room) failover() {
	if r.c != nil {
		r.c.pager.http.CloseIdleConnections()
	}
	core, logs := observer.New(zap.DebugLevel)
	if r.logs != nil {
		r.checkSecrets(r.logs)
	}
	r.logs = logs
	p := New(Options{
		State: func() State {
			st := r.state
			st.Now = r.clk.Now()
			for _, p := range r.posts {
				st.Posts = append(st.Posts, p)
			}
			slices.SortFunc(st.Posts, func(a, b ledger.Post) int { return strings.Compare(a.Key, b.Key) })
			return st
		},
		Talk: func(remedy.CaseID) string { return r.talk }, Clock: r.clk, Logger: zap.New(core),
	})
	r.c = p.Courier(r.set)
}

// reload puts the settings in force.
func (r *room) reload() { r.c = r.c.pager.Courier(r.set) }

// notice owes something about a case.
func (r *room) notice(kind ledger.NoticeKind, c *ledger.Case) {
	r.seq++
	n := ledger.Notice{Seq: r.seq, At: r.clk.Now(), Kind: kind}
	if c != nil {
		n.Case, n.Pool = c.ID, c.Pool
	}
	r.owed = append(r.owed, chat.Message{Notice: n, Case: c, Level: remedy.LevelConfirm})
}

// deliver does what the engine does, once.
func (r *room) deliver() (chat.Delivery, error) {
	r.t.Helper()
	return r.deliverWithin(time.Minute)
}

func (r *room) deliverWithin(within time.Duration) (chat.Delivery, error) {
	r.t.Helper()
	ctx, cancel := context.WithTimeout(r.t.Context(), within)
	defer cancel()
	got, err := r.c.Deliver(ctx, chat.Owed{
		Messages: slices.Clone(r.owed), Now: r.clk.Now(),
		Post: func(k string) (ledger.Post, bool) { p, ok := r.posts[k]; return p, ok }, About: r.about,
	})
	if n := len(got.Seqs); got.Merged < 0 || got.Merged+got.Unwanted+got.Dropped > n {
		r.t.Errorf("what became of %d notices doesn't add up: %+v", n, got)
	}
	if err != nil && strings.Contains(err.Error(), "PLANTED") {
		r.t.Errorf("a secret came out: %v", err)
	}
	if r.loseReceipts {
		return got, err
	}
	r.owed = slices.DeleteFunc(r.owed, func(m chat.Message) bool { return slices.Contains(got.Seqs, m.Notice.Seq) })
	for _, p := range got.Posts {
		if p.Key == "" || max(len(p.Key), len(p.Place), len(p.ID), len(p.Hash)) > 200 || len(p.Link) > 500 {
			r.t.Errorf("the ledger refuses the receipt %+v", p)
		}
		p.At = r.clk.Now()
		if p.Gone {
			delete(r.posts, p.Key)
			continue
		}
		r.posts[p.Key] = p
	}
	return got, err
}

// about is a case as it is now.
func (r *room) about(id remedy.CaseID) (chat.Message, bool) {
	i := slices.IndexFunc(r.state.Cases, func(c *ledger.Case) bool { return c.ID == id })
	if i < 0 {
		return chat.Message{}, false
	}
	return chat.Message{Case: r.state.Cases[i], Level: remedy.LevelConfirm}, true
}

// must delivers, and wants all of it to get through.
func (r *room) must() {
	r.t.Helper()
	for again := 0; ; again++ { // the engine looks again after each commit
		if again > 10 {
			r.t.Fatal("there is something to commit each time")
		}
		got, err := r.deliver()
		if err != nil {
			r.t.Fatalf("%v", err)
		}
		if len(got.Posts) == 0 {
			break
		}
	}
	if len(r.owed) != 0 {
		r.t.Fatalf("%d notices are still owed", len(r.owed))
	}
	r.checkSecrets(r.logs)
}

// checkSecrets looks for the planted secrets in all that was logged.
func (r *room) checkSecrets(logs *observer.ObservedLogs) {
	r.t.Helper()
	for _, l := range logs.All() {
		for _, f := range l.Context {
			if said := fmt.Sprint(l.Message, f.String, f.Interface); strings.Contains(said, "PLANTED") {
				r.t.Errorf("a secret came out: %s", said)
			}
		}
	}
}

// notesOn are the notes of an incident.
func (r *room) notesOn(id string) []string {
	r.t.Helper()
	var out []string
	for _, inc := range r.pd.Incidents() {
		if inc.ID == id {
			for _, n := range inc.Notes {
				if n.Email != email {
					r.t.Errorf("a note by %q", n.Email)
				}
				out = append(out, n.Content)
			}
		}
	}
	return out
}

// paged are warden's own incidents that are open, by key.
func (r *room) paged() []string {
	var out []string
	for _, inc := range r.pd.Incidents() {
		if inc.Service == "PWARDEN" && inc.Status != "resolved" {
			out = append(out, inc.Key)
		}
	}
	return out
}

// raise opens an incident about a host.
func (r *room) raise(host string) string {
	return r.pd.Raise("PINGEST", fakepager.Alert{Key: "monitor:" + host, Summary: host + " is bad", Source: host, Severity: "critical"})
}

// bad is a case about a host at the moment that it is asked about.
func (r *room) bad(id remedy.CaseID, host string) *ledger.Case {
	now := r.clk.Now()
	f := &remedy.Finding{
		Detector: "canary", Pool: "ingest", Host: remedy.HostName(host), At: now, Verdict: remedy.VerdictBad, Value: remedy.Known(0.41),
		Term:   remedy.Term{Unit: "of expected canary data", Direction: remedy.Below, Bad: 0.5, Clear: 0.9},
		Window: 10 * time.Minute, For: 5 * time.Minute, BadSince: now.Add(-6 * time.Minute),
	}
	plan := &remedy.Plan{
		Action: "drain", Pool: "ingest", Host: remedy.HostName(host), Steps: []string{"set server be/" + host + " state drain"},
		UndoSteps: []string{"set server be/" + host + " state ready"}, Summary: "drain " + host, ManualHint: "enc remove ingest " + host,
	}
	return &ledger.Case{
		ID: id, Pool: "ingest", Host: remedy.HostName(host), Action: "drain", Detector: "canary", Stage: remedy.StageWaiting, OpenedAt: now, ChangedAt: now,
		Opened: f, Latest: f, Plan: plan, PlanHash: plan.Hash(),
		Ask: &ledger.Ask{PlanHash: plan.Hash(), Approvers: []string{"@oncall"}, AskedAt: now, ExpiresAt: now.Add(20 * time.Minute)},
		Decision: &remedy.Decision{Level: remedy.LevelConfirm, Effective: remedy.LevelConfirm, Answers: []remedy.Answer{
			{Guardrail: "common_mode", Effect: remedy.EffectAllow, Observed: "1 of 40 bad", Limit: "8 (20 %)"},
			{Guardrail: "pool_floor", Effect: remedy.EffectAllow, Observed: "39 of 40 in service after this", Limit: "floor 30"},
		}},
	}
}

// numbered is a case whose question has a number.
func (r *room) numbered(c *ledger.Case) *ledger.Case {
	n, a := *c, *c.Ask
	a.Notice = 77
	n.Ask = &a
	return &n
}

// kimSays is what is said against a question, so many times.
func kimSays(times int) ledger.Standing {
	words := slices.Repeat([]string{"kim says that the detector is wrong about W-1031"}, times)
	return ledger.Standing{Words: strings.Join(words, "; "), Newest: began}
}

func sam() remedy.Actor { return remedy.Actor{Name: "sam", Person: true, Via: "cli"} }

// drained is the case after it was done: by whom, and whether it was proven.
func (r *room) drained(c *ledger.Case, by remedy.Actor) *ledger.Case {
	n, now := *c, r.clk.Now()
	n.Stage, n.Outcome, n.ChangedAt = remedy.StageOut, remedy.OutcomeDone, now
	if by.Person {
		n.Answer = &ledger.CaseReply{Approve: true, By: by, At: now, PlanHash: c.PlanHash}
	} else {
		n.Ask = nil
	}
	n.Executions = []ledger.Execution{{
		Token: remedy.Token{Term: 3, Index: uint64(c.ID)}, Kind: remedy.KindAct, By: by, StartedAt: now, FinishedAt: now.Add(time.Second), Outcome: remedy.OutcomeDone,
		Took: remedy.Known(true), TookAt: now.Add(2 * time.Minute), TakesOut: true, PlanHash: c.PlanHash,
	}}
	return &n
}

// undone is the case after somebody had the host put back.
func (r *room) undone(c *ledger.Case) *ledger.Case {
	n, now := *c, r.clk.Now()
	n.Stage, n.Outcome, n.UndoReason, n.ClosedAt, n.ChangedAt = remedy.StageClosed, remedy.OutcomeUndone, remedy.UndoFixed, now, now
	n.Executions = append(slices.Clone(c.Executions), ledger.Execution{
		Token: remedy.Token{Term: 3, Index: uint64(c.ID) + 1000}, Kind: remedy.KindUndo, By: sam(), StartedAt: now, FinishedAt: now, Outcome: remedy.OutcomeDone, Took: remedy.Known(true),
	})
	return &n
}

// ended is the case after it ended in some way that is no success.
func (r *room) ended(c *ledger.Case, stage remedy.Stage, outcome, ran remedy.Outcome) *ledger.Case {
	n := *r.drained(c, remedy.Warden())
	n.Stage, n.Outcome, n.Note = stage, outcome, "the socket said no"
	x := &n.Executions[0]
	x.Outcome, x.Took, x.TookAt = ran, remedy.Unknown[bool](""), time.Time{}
	return &n
}

// answerLost loses the answer to the first POST, after it took effect.
type answerLost struct{ done bool }

func (l *answerLost) RoundTrip(q *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(q)
	if q.Method == http.MethodPost && err == nil && !l.done {
		l.done = true
		_ = resp.Body.Close()
		return nil, errors.New("the connection broke at PLANTED")
	}
	return resp, err
}
