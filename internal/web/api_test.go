package web

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestStory walks through a case as a person does: asked, approved, out,
// undone; all over the socket.
func TestStory(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	ctx := t.Context()

	st, err := c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if st.Schema != SchemaStatus || st.Warm || len(st.Waiting) != 0 || st.Sources[0].Fresh != nil || st.Sources[0].Why == "" {
		t.Errorf("before the first round: %+v", st)
	}

	w.rounds(2)
	w.setBad("h07")
	w.rounds(1)
	st, err = c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if len(st.Waiting) != 1 || st.Waiting[0].Host != "h07" || st.Waiting[0].PlanHash == "" || st.Waiting[0].Verdict != "bad" {
		t.Fatalf("waiting: %+v", st.Waiting)
	}
	if p := st.Pools[0]; p.N != 10 || !p.Usable || p.InService != 10 || p.Verdicts["bad"] != 1 || p.Verdicts["good"] != 9 {
		t.Errorf("pool: %+v", p)
	}
	if s := st.Sources[0]; s.Fresh == nil || !*s.Fresh || *s.AgeSec != 12 || s.MaxStalenessSec != 90 {
		t.Errorf("source: %+v", s)
	}
	if l := st.Levels[0]; l.File != remedy.LevelConfirm || l.Effective != remedy.LevelConfirm {
		t.Errorf("level: %+v", l)
	}
	id := st.Waiting[0].ID

	hosts, err := c.Hosts(ctx, HostQuery{Bad: true})
	if err != nil || len(hosts.Hosts) != 1 || hosts.Hosts[0].Cases[0] != id || *hosts.Hosts[0].Findings[0].Value != 0.41 {
		t.Fatalf("bad hosts: %+v %v", hosts, err)
	}

	got, err := c.Approve(ctx, id, ApproveRequest{PlanHash: st.Waiting[0].PlanHash, Reason: "looks right"})
	if err != nil {
		t.Fatal(err)
	}
	if a := got.Case.Answer; a == nil || !a.Approve || a.By.Name != me(t) || !a.By.Person || a.By.Via != "cli" || a.Reason != "looks right" {
		t.Errorf("answer: %+v", got.Case.Answer)
	}
	w.rounds(3)

	got, err = c.Case(ctx, id)
	if err != nil || got.Case.Stage != remedy.StageOut || len(got.Case.Decision.Answers) == 0 || len(got.Case.Executions) != 1 {
		t.Fatalf("case: %+v %v", got, err)
	}
	if took, known := got.Case.Executions[0].Took.Get(); !known || !took {
		t.Error("a known fact did not survive the wire")
	}
	out, err := c.Hosts(ctx, HostQuery{Pool: "ingest", Out: true})
	if err != nil || len(out.Hosts) != 1 || out.Hosts[0].OutBy != "warden" || out.Hosts[0].OutSince.IsZero() {
		t.Fatalf("out hosts: %+v %v", out, err)
	}
	pool, err := c.Pool(ctx, "ingest")
	if err != nil || pool.Pool.OutByWarden != 1 || pool.Limits.MinInService != 5 || len(pool.Cases) != 1 || pool.PerHour != 1 {
		t.Fatalf("pool: %+v %v", pool, err)
	}

	prev, err := c.PreviewUndo(ctx, id)
	if err != nil || !prev.Allowed || prev.Plan.Steps[0] != "set server be/h07 state ready" || len(prev.Warnings) == 0 {
		t.Fatalf("undo preview: %+v %v", prev, err)
	}
	if _, err = c.Undo(ctx, id, UndoRequest{Reason: remedy.UndoWasFine}); err != nil {
		t.Fatal(err)
	}
	w.setBad()
	w.rounds(1)
	got, err = c.Case(ctx, id)
	if err != nil || got.Case.Outcome != remedy.OutcomeUndone || got.Case.UndoReason != remedy.UndoWasFine {
		t.Fatalf("undone: %+v %v", got.Case, err)
	}
	st, err = c.Status(ctx)
	if err != nil {
		t.Fatal(err)
	}
	want := DayCounts{Opened: 1, Acted: 1, Undone: 1, Approved: 1, WasFine: 1, Wrong: 1, Counted: st.LastDay.Counted}
	if st.LastDay != want {
		t.Errorf("last day: %+v", st.LastDay)
	}
}

// TestRun runs an action by hand, and shows that it outlives its request.
func TestRun(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	c := w.serve()
	w.rounds(2)
	q := RunRequest{Action: "drain", Host: "h03", Reason: "bad fan"}
	prev, err := c.PreviewRun(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if prev.Plan.Steps[0] != "set server be/h03 state drain" || prev.PlanHash == "" || len(prev.Decision.Answers) == 0 || !prev.Allowed {
		t.Fatalf("preview: %+v", prev)
	}
	q.PlanHash = prev.PlanHash
	got, err := c.Run(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	if got.Case.Manual == nil || got.Case.Manual.By.Name != me(t) || got.Case.Manual.Reason != "bad fan" {
		t.Errorf("case: %+v", got.Case)
	}
	w.rounds(1)
	if w.balancer.state["h03"] != "drain" {
		t.Error("nothing was drained")
	}
}

// TestCancel stops a case that waits: by anybody on the socket, approver or not.
func TestCancel(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, "somebody-else")
	c := w.serve()
	ctx := t.Context()
	w.rounds(2)
	w.setBad("h07")
	w.rounds(1)
	list, err := c.Cases(ctx, CaseQuery{Within: "1h"})
	if err != nil || len(list.Cases) != 1 || !list.ServedAt.Equal(w.clock.Now()) {
		t.Fatalf("%+v %v", list, err)
	}
	id := list.Cases[0].ID
	got, err := c.Cancel(ctx, id, CancelRequest{Reason: "known work"})
	if err != nil || got.Case.Outcome != remedy.OutcomeCancelled || got.Case.Cancel.By.Name != me(t) || got.Case.Cancel.Reason != "known work" {
		t.Fatalf("%+v %v", got, err)
	}
	wantAPI(t, second(c.Cancel(ctx, id, CancelRequest{})), http.StatusConflict, ledger.RefusedStage)
	wantAPI(t, second(c.Cancel(ctx, 999, CancelRequest{})), http.StatusNotFound, ledger.RefusedNoCase)
	wantAPI(t, second(w.tcp().Cancel(ctx, id, CancelRequest{})), http.StatusForbidden, CodeReadOnly)
	wantAPI(t, second(c.Cases(ctx, CaseQuery{Within: "soon"})), http.StatusUnprocessableEntity, CodeInvalid)
	w.rounds(5)
	if list, err = c.Cases(ctx, CaseQuery{Open: true}); err != nil || len(list.Cases) != 0 {
		t.Errorf("asked again: %+v %v", list, err)
	}
}

// TestSnooze puts a question off: by anybody on the socket, and it is asked
// again at its time.
func TestSnooze(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, "somebody-else")
	c := w.serve()
	ctx := t.Context()
	w.rounds(2)
	w.setBad("h07")
	w.rounds(1)
	list, err := c.Cases(ctx, CaseQuery{Stage: remedy.StageWaiting})
	if err != nil || len(list.Cases) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	id := list.Cases[0].ID
	wantAPI(t, second(c.Snooze(ctx, id, SnoozeRequest{Seconds: 90000})), http.StatusUnprocessableEntity, CodeInvalid)
	wantAPI(t, second(w.tcp().Snooze(ctx, id, SnoozeRequest{Seconds: 60})), http.StatusForbidden, CodeReadOnly)
	got, err := c.Snooze(ctx, id, SnoozeRequest{Seconds: 120, Reason: "deploy"})
	if err != nil || got.Case.Stage != remedy.StageProposed || got.Case.Snooze == nil || got.Case.Snooze.By.Name != me(t) || got.Case.Snooze.Reason != "deploy" {
		t.Fatalf("%+v %v", got, err)
	}
	if list, err = c.Cases(ctx, CaseQuery{Open: true}); err != nil || !strings.HasPrefix(list.Cases[0].Waits, "put off by "+me(t)+" until ") {
		t.Errorf("%+v %v", list, err)
	}
	wantAPI(t, second(c.Snooze(ctx, id, SnoozeRequest{Seconds: 60})), http.StatusConflict, ledger.RefusedDecided)
	w.rounds(6)
	if list, err = c.Cases(ctx, CaseQuery{Stage: remedy.StageWaiting}); err != nil || len(list.Cases) != 1 || list.Cases[0].ID != id {
		t.Errorf("asked again: %+v %v", list, err)
	}
}

func TestStops(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	w.rounds(2)
	ctx := t.Context()
	r, err := c.Hold(ctx, HoldRequest{Target: "h02", For: "2h", Reason: "kernel upgrade"})
	if err != nil || len(r.Holds) != 1 || r.Holds[0].Host != "h02" || r.Holds[0].By.Name != me(t) {
		t.Fatalf("hold: %+v %v", r, err)
	}
	if want := w.clock.Now().Add(2 * time.Hour); !r.Holds[0].Until.Equal(want) {
		t.Errorf("until %s, want %s", r.Holds[0].Until, want)
	}
	h, err := c.Hosts(ctx, HostQuery{})
	if err != nil || h.Hosts[1].Hold == nil || h.Hosts[2].Hold != nil {
		t.Fatalf("hosts: %+v %v", h, err)
	}
	if r, err = c.Release(ctx, "h02", ""); err != nil || len(r.Holds) != 0 {
		t.Fatalf("release: %+v %v", r, err)
	}
	if r, err = c.Hold(ctx, HoldRequest{Target: "ingest", For: "1d", Reason: "move"}); err != nil || r.Holds[0].Host != "" {
		t.Fatalf("hold pool: %+v %v", r, err)
	}
	if r, err = c.Release(ctx, "ingest", ""); err != nil || len(r.Holds) != 0 {
		t.Fatalf("release pool: %+v %v", r, err)
	}
	if r, err = c.Freeze(ctx, FreezeRequest{Reason: "incident", For: "30m"}); err != nil || r.Freeze == nil || r.Freeze.Until.IsZero() {
		t.Fatalf("freeze: %+v %v", r, err)
	}
	if r, err = c.Unfreeze(ctx); err != nil || r.Freeze != nil {
		t.Fatalf("unfreeze: %+v %v", r, err)
	}
	wantAPI(t, second(c.Unfreeze(ctx)), http.StatusConflict, ledger.RefusedNothing)
	wantAPI(t, second(c.AcceptPool(ctx, "ingest")), http.StatusConflict, ledger.RefusedNothing)
	// A hold on a host that no longer exists can still be released.
	w.commit(remedy.Actor{Name: "x", Person: true}, &ledger.HoldSet{Pool: "ingest", Host: "gone", Until: w.clock.Now().Add(time.Hour)})
	if r, err = c.Release(ctx, "gone", ""); err != nil || len(r.Holds) != 0 {
		t.Fatalf("release of a host that left: %+v %v", r, err)
	}
}

// TestRefusals has one of every status that a refusal can be.
func TestRefusals(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	ctx := t.Context()
	run := func(q RunRequest) error { return second(c.Run(ctx, q)) }

	wantAPI(t, run(RunRequest{Action: "drain", Host: "h01"}), 503, engine.RefusedTransient) // no round yet
	w.rounds(2)
	w.setBad("h07", "h08")
	w.rounds(1)
	waiting, err := c.Cases(ctx, CaseQuery{Stage: remedy.StageWaiting})
	if err != nil || len(waiting.Cases) != 2 {
		t.Fatalf("waiting: %+v %v", waiting, err)
	}
	first, other := waiting.Cases[0], waiting.Cases[1]

	wantAPI(t, second(c.Case(ctx, 999)), 404, ledger.RefusedNoCase)
	wantAPI(t, second(c.Deny(ctx, 999, DenyRequest{})), 404, ledger.RefusedNoCase)
	wantAPI(t, second(c.Pool(ctx, "nope")), 404, CodeNotFound)
	wantAPI(t, second(c.Hosts(ctx, HostQuery{Pool: "nope"})), 404, CodeNotFound)
	wantAPI(t, second(c.Cases(ctx, CaseQuery{Limit: 5000})), 422, CodeInvalid)
	wantAPI(t, second(c.Cases(ctx, CaseQuery{Stage: "napping"})), 422, CodeInvalid)
	wantAPI(t, run(RunRequest{Action: "explode", Host: "h01"}), 404, engine.RefusedNotFound)
	wantAPI(t, run(RunRequest{Action: "drain", Host: "h99"}), 404, engine.RefusedNotFound)
	wantAPI(t, run(RunRequest{Action: "drain", Host: "h01", PlanHash: "000000000000"}), 409, ledger.RefusedApproval)
	wantAPI(t, second(c.Approve(ctx, first.ID, ApproveRequest{PlanHash: "000000000000"})), 409, ledger.RefusedApproval)
	shown := ApproveRequest{PlanHash: first.PlanHash, Question: 777}
	wantAPI(t, second(c.Approve(ctx, first.ID, shown)), 409, ledger.RefusedSuperseded)
	wantAPI(t, second(c.Deny(ctx, first.ID, DenyRequest{Question: shown.Question})), 409, ledger.RefusedSuperseded)
	wantAPI(t, second(c.Snooze(ctx, first.ID, SnoozeRequest{Seconds: 60, Question: shown.Question})), 409, ledger.RefusedSuperseded)
	wantAPI(t, second(c.PreviewUndo(ctx, first.ID)), 409, ledger.RefusedStage)
	wantAPI(t, second(c.Resolve(ctx, first.ID, ResolveRequest{As: "out"})), 409, ledger.RefusedStage)
	wantAPI(t, second(c.Hold(ctx, HoldRequest{Target: "h01", For: "soon", Reason: "x"})), 422, CodeInvalid)
	wantAPI(t, second(c.Hold(ctx, HoldRequest{Target: "h01", For: "0s", Reason: "x"})), 422, CodeInvalid)
	wantAPI(t, second(c.Hold(ctx, HoldRequest{Target: "h01", For: "1h"})), 422, CodeInvalid)
	wantAPI(t, second(c.Resolve(ctx, first.ID, ResolveRequest{As: "sideways"})), 422, CodeInvalid)
	wantAPI(t, second(c.Undo(ctx, first.ID, UndoRequest{Reason: "bored"})), 422, CodeInvalid)

	if _, err := c.Deny(ctx, first.ID, DenyRequest{Reason: "no"}); err != nil {
		t.Fatal(err)
	}
	w.clock.Advance(40 * time.Minute) // past expires_after
	wantAPI(t, second(c.Approve(ctx, other.ID, ApproveRequest{PlanHash: other.PlanHash})), 410, ledger.RefusedExpired)

	w.setBad()
	if _, err := c.Freeze(ctx, FreezeRequest{Reason: "incident"}); err != nil {
		t.Fatal(err)
	}
	d := wantAPI(t, run(RunRequest{Action: "drain", Host: "h01"}), 409, engine.RefusedGuardrail)
	if d == nil || len(d.Answers) == 0 || d.BlockedBy == "" {
		t.Errorf("no decision: %+v", d)
	}
	w.log.breakWith(engine.ErrNotCommitted)
	wantAPI(t, second(c.Unfreeze(ctx)), 503, CodeNoLeader)
	w.log.breakWith(errors.New("timed out"))
	wantAPI(t, second(c.Unfreeze(ctx)), 503, CodeUnsure)
}

// TestAsk is the question that a person must have seen.
func TestAsk(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	c := w.serve()
	w.rounds(2)
	w.setBad("h01", "h02", "h03", "h04", "h05")
	w.rounds(1)
	q := RunRequest{Action: "drain", Host: "h01"}
	d := wantAPI(t, second(c.Run(t.Context(), q)), 428, engine.RefusedAsk)
	if d == nil || len(d.Asks) == 0 {
		t.Fatalf("nothing to acknowledge: %+v", d)
	}
	q.Acknowledge = d.Asks
	if _, err := c.Run(t.Context(), q); err != nil {
		t.Fatal(err)
	}
}

func TestNotAnApprover(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, "nobody-has-this-name")
	c := w.serve()
	w.rounds(2)
	w.setBad("h07")
	w.rounds(1)
	list, err := c.Cases(t.Context(), CaseQuery{Open: true})
	if err != nil || len(list.Cases) != 1 {
		t.Fatalf("%+v %v", list, err)
	}
	wantAPI(t, second(c.Approve(t.Context(), list.Cases[0].ID, ApproveRequest{PlanHash: list.Cases[0].PlanHash})), 403, ledger.RefusedPerson)
	wantAPI(t, second(c.Run(t.Context(), RunRequest{Action: "drain", Host: "h01"})), 403, engine.RefusedNotYours)
	wantAPI(t, second(c.Unfreeze(t.Context())), 403, engine.RefusedNotYours)
}

func TestStatusCodes(t *testing.T) {
	for code, want := range map[string]int{
		ledger.RefusedBasis: 409, ledger.RefusedFrozen: 409, ledger.RefusedDecided: 409, ledger.RefusedLock: 409, engine.RefusedGuardrail: 409,
		ledger.RefusedPerson: 403, engine.RefusedNotYours: 403, ledger.RefusedNoCase: 404, engine.RefusedNotFound: 404,
		ledger.RefusedExpired: 410, ledger.RefusedBad: 422, engine.RefusedAmbiguous: 422, engine.RefusedAsk: 428,
		engine.RefusedTransient: 503, engine.RefusedBackend: 503, "a new word": 409,
	} {
		if got := statusOf(code); got != want {
			t.Errorf("%s: %d, want %d", code, got, want)
		}
	}
}

func TestCasesFilter(t *testing.T) {
	w := newWorld(t, remedy.LevelMetricOnly)
	c := w.serve()
	w.rounds(2)
	w.setBad("h01", "h02")
	w.rounds(1)
	for name, tc := range map[string]struct {
		q    CaseQuery
		want int
		more bool
	}{
		"all":    {CaseQuery{}, 2, false},
		"open":   {CaseQuery{Open: true}, 2, false},
		"host":   {CaseQuery{Host: "h02", Pool: "ingest", Action: "drain"}, 1, false},
		"limit":  {CaseQuery{Limit: 1}, 1, true},
		"since":  {CaseQuery{Since: w.clock.Now().Add(time.Hour)}, 0, false},
		"recent": {CaseQuery{Since: start}, 2, false},
		"pool":   {CaseQuery{Pool: "other"}, 0, false},
	} {
		got, err := c.Cases(t.Context(), tc.q)
		if err != nil || len(got.Cases) != tc.want || got.More != tc.more || got.Cases == nil {
			t.Errorf("%s: %+v %v", name, got, err)
		}
	}
}

func second[T any](_ T, err error) error { return err }

// wantAPI checks an error of the API and returns its decision.
func wantAPI(t *testing.T, err error, status int, code string) *remedy.Decision {
	t.Helper()
	e, ok := errors.AsType[*APIError](err)
	if !ok {
		t.Fatalf("%v is no APIError", err)
	}
	if e.Status != status || e.Code != code || e.Detail == "" {
		t.Errorf("got %d %s %q, want %d %s", e.Status, e.Code, e.Detail, status, code)
	}
	return e.Decision
}
