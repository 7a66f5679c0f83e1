package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// reassert holds the putting back of what was forgotten to its own rules.
func (k *checker) reassert(b *ledger.ExecStart, c *caseAccount, fail func(string, ...any)) {
	switch {
	case c.before != effective || !c.forgot || !b.TakesOut && !k.takesOut(c.action):
		fail("at phase %d, forgotten %v", c.before, c.forgot)
	case k.frozen || k.held[[2]string{string(c.pool), string(c.host)}] || k.held[[2]string{string(c.pool), ""}]:
		fail("frozen %v, or held", k.frozen)
	case !k.pool(c.pool).known():
		fail("with an inventory nobody can believe")
	case b.PlanHash == "" || b.PlanHash != c.plan:
		fail("with plan %q, it is %q", b.PlanHash, c.plan)
	case c.manual == nil && k.level(c.action, c.pool) < remedy.LevelConfirm:
		fail("at level %s", k.level(c.action, c.pool))
	case len(c.back) > 0 && k.time.Sub(c.back[len(c.back)-1]) < time.Hour:
		fail("at %v, after one at %v", k.time, c.back[len(c.back)-1])
	}
	if c.manual == nil {
		k.opposed(c, fail)
	}
	c.back = append(c.back, k.time)
	k.reasserts++
}

// forgot has load balancers forget what a case did.
func (r *rig) forgot(id remedy.CaseID, names ...string) {
	r.t.Helper()
	r.ok(&ledger.CaseForgot{Case: id, Balancers: names})
}

func reasserting(b *ledger.ExecStart) {
	b.Kind, b.TakesOut = remedy.KindReassert, true
	b.Balancers = []remedy.BalancerState{{Name: "lb1", Admin: "ready"}}
}

// A drain that a load balancer forgot is put back: the case keeps its slot all
// the while, nothing is counted anew, and what an undo restores stays the same.
func TestReassert(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.drained("h1")
	r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h1"}})
	before := r.facts()
	r.refused(ledger.RefusedNothing, remedy.Warden(), r.starting(id, reasserting))
	r.forgot(id, "lb2", "lb1", "lb2")
	if f := r.get(id).Forgotten; f == nil || !slices.Equal(f.Balancers, []string{"lb1", "lb2"}) {
		t.Fatalf("%+v", f)
	}
	if n := r.ofKind(ledger.NoticeForgotten); len(n) > 0 {
		t.Errorf("told: %+v", n)
	}
	tok := r.start(id, remedy.Warden(), reasserting)
	r.refused(ledger.RefusedLock, remedy.Warden(), r.starting(id, reasserting))
	r.finish(id, tok, remedy.OutcomeDone)
	c := r.stage(id, remedy.StageVerifying, "")
	if c.Forgotten != nil || c.Execution().Kind != remedy.KindReassert || c.Execution().Balancers[0].Name != "lb1" {
		t.Errorf("%+v", c)
	}
	if c.Taken().Kind != remedy.KindAct || c.Acted().Kind != remedy.KindReassert {
		t.Errorf("taken by %s, acted %s", c.Taken().Kind, c.Acted().Kind)
	}
	r.ok(&ledger.ExecVerdict{Case: id, Took: true})
	r.stage(id, remedy.StageOut, remedy.OutcomeDone)
	after := r.facts()
	if after.PoolHour != before.PoolHour || !after.LastInPool.Equal(before.LastInPool) || after.Attempts != before.Attempts || after.Out+b2i(after.HostOut) != 1 {
		t.Errorf("counted: %+v, then %+v", before, after)
	}
	// Once an hour; what was called off doesn't count.
	r.forgot(id, "lb1")
	r.refused(ledger.RefusedPace, remedy.Warden(), r.starting(id, reasserting))
	r.pass(time.Hour)
	tok = r.start(id, remedy.Warden(), reasserting)
	r.finish(id, tok, remedy.OutcomeAborted)
	if c := r.stage(id, remedy.StageOut, remedy.OutcomeDone); c.Forgotten == nil || c.Acted().Token == tok {
		t.Errorf("%+v", c)
	}
	tok = r.start(id, remedy.Warden(), reasserting)
	r.finish(id, tok, remedy.OutcomeDone)
	undo := r.start(id, alice(), undoing)
	r.finish(id, undo, remedy.OutcomeDone)
	r.stage(id, remedy.StageClosed, remedy.OutcomeUndone)
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseForgot{Case: id, Balancers: []string{"lb1"}})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

// What binds the putting back, and what doesn't.
func TestReassertIsRefused(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		do     func(r *rig, id remedy.CaseID)
		change func(*ledger.ExecStart)
		code   string
	}{
		"frozen": {do: func(r *rig, _ remedy.CaseID) { r.okAs(alice(), &ledger.FreezeSet{}) }, code: ledger.RefusedFrozen},
		"held": {do: func(r *rig, _ remedy.CaseID) {
			r.okAs(alice(), &ledger.HoldSet{Pool: pool, Host: "h1", Until: r.now.Add(time.Hour)})
		}, code: ledger.RefusedHeld},
		"held, the pool": {do: func(r *rig, _ remedy.CaseID) {
			r.okAs(alice(), &ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Hour)})
		}, code: ledger.RefusedHeld},
		"another plan": {change: func(b *ledger.ExecStart) { b.PlanHash = "other" }, code: ledger.RefusedApproval},
		"an old basis": {change: func(b *ledger.ExecStart) { b.Basis.Pool-- }, code: ledger.RefusedBasis},
		"takes none out": {do: func(r *rig, _ remedy.CaseID) {
			r.ok(report(n1, setup{level: remedy.LevelAuto, limits: roomy(), cooldown: time.Hour, leavesIn: true}))
		}, change: func(b *ledger.ExecStart) { b.TakesOut = false }, code: ledger.RefusedBad},
		"nothing to do": {do: func(r *rig, id remedy.CaseID) { r.ok(&ledger.CaseForgot{Case: id}) }, code: ledger.RefusedNothing},
		"not out":       {do: func(r *rig, id remedy.CaseID) { r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeReturned}) }, code: ledger.RefusedStage},
		"others are out": {do: func(r *rig, _ remedy.CaseID) {
			var out []ledger.OutFact
			for _, h := range []remedy.HostName{"h2", "h3", "h4", "h5", "h6"} {
				out = append(out, ledger.OutFact{Host: h, Admin: "ready"})
			}
			r.ok(&ledger.PoolOut{Pool: pool, Set: out})
		}, code: ledger.RefusedLimit},
		"a stale list": {do: func(r *rig, _ remedy.CaseID) { r.ok(&ledger.PoolSize{Pool: pool, Stale: true}) }, code: ledger.RefusedLimit},
		"stepped down": {do: func(r *rig, _ remedy.CaseID) {
			r.ok(reportOf(n1, setup{level: remedy.LevelNotify, limits: roomy(), cooldown: time.Hour}, pool, drain))
		}, code: ledger.RefusedLevel},
		"cancelled": {do: func(r *rig, id remedy.CaseID) {
			tok := r.start(id, remedy.Warden(), reasserting)
			r.okAs(bob(), &ledger.CaseCancel{Case: id})
			r.finish(id, tok, remedy.OutcomeAborted)
		}, code: ledger.RefusedDecided},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.drained("h1")
			r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h1"}})
			r.forgot(id, "lb1")
			if tt.do != nil {
				tt.do(r, id)
			}
			b := r.starting(id, reasserting)
			if tt.change != nil {
				tt.change(b)
			}
			r.refused(tt.code, remedy.Warden(), b)
		})
	}
}

// However it ends, the case stays open and keeps its slot; what did not come
// about is told, and ends with a person.
func TestReassertEnds(t *testing.T) {
	t.Parallel()
	for outcome, want := range map[remedy.Outcome]struct {
		stage remedy.Stage
		of    remedy.Outcome
		page  bool
	}{
		remedy.OutcomeDone:    {remedy.StageVerifying, "", false},
		remedy.OutcomeAborted: {remedy.StageOut, remedy.OutcomeDone, false},
		remedy.OutcomeFailed:  {remedy.StageOut, remedy.OutcomeUnverified, true},
		remedy.OutcomePartial: {remedy.StageOut, remedy.OutcomePartial, true},
		remedy.OutcomeUnknown: {remedy.StageExecuting, remedy.OutcomeDone, true},
	} {
		t.Run(string(outcome), func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.drained("h1")
			r.forgot(id, "lb1")
			before := len(r.l.Pending())
			r.finish(id, r.start(id, remedy.Warden(), reasserting), outcome)
			c := r.stage(id, want.stage, want.of)
			if f := r.facts(); f.Out+b2i(f.HostOut) != 1 {
				t.Errorf("out: %+v", f)
			}
			paged := slices.ContainsFunc(r.l.Pending()[before:], func(n ledger.Notice) bool { return n.Page })
			if paged != want.page {
				t.Errorf("pages: %+v", r.l.Pending())
			}
			if outcome == remedy.OutcomeUnknown {
				r.okAs(alice(), &ledger.Resolve{Case: id, Out: true})
				r.stage(id, remedy.StageOut, remedy.OutcomeDone)
			}
			if line := c.Events[len(c.Events)-1].What; !strings.HasPrefix(line, "FINISHED") {
				t.Errorf("the timeline ends with %q", line)
			}
		})
	}
}

// What keeps it from being put back is told once, with a page.
func TestReassertThatWaitsIsToldOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.drained("h1")
	for _, why := range []string{"", "frozen by alice", "frozen by bob"} {
		r.ok(&ledger.CaseForgot{Case: id, Balancers: []string{"lb1"}, Blocked: why})
	}
	n := r.ofKind(ledger.NoticeForgotten)
	if len(n) != 1 || !n[0].Page || n[0].Detail != "frozen by alice" || n[0].Case != id {
		t.Errorf("told: %+v", n)
	}
	r.ok(&ledger.CaseForgot{Case: id, Note: "somebody drained it again"})
	if c := r.get(id); c.Forgotten != nil || c.Stage != remedy.StageOut {
		t.Errorf("%+v", c)
	}
	r.refused(ledger.RefusedNothing, remedy.Warden(), &ledger.CaseForgot{Case: id})
	r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.CaseForgot{Case: 99})
}
