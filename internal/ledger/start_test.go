package ledger_test

import (
	"bytes"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestStartRefusals(t *testing.T) {
	t.Parallel()
	auto := func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelAuto)) }
	// asked is a case that waits for alice; answered one she approved.
	asked := func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"))) }
	answered := func(r *rig) remedy.CaseID {
		id := asked(r)
		r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
		return id
	}
	byHand := func(r *rig) remedy.CaseID {
		return r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "x", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
	}
	busy := func(r *rig) {
		r.start(r.ok(judge("h2", remedy.LevelAuto)), remedy.Warden())
	}
	tests := []struct {
		name  string
		setup []func(*setup)
		open  func(*rig) remedy.CaseID
		then  func(*rig)
		start func(*ledger.ExecStart)
		late  func(*rig) // after the basis was read
		by    remedy.Actor
		want  string // "" is admitted
	}{
		{name: "auto", open: auto},
		{name: "approved", setup: []func(*setup){at(remedy.LevelConfirm)}, open: answered},
		{name: "approved, then promoted to auto", setup: []func(*setup){at(remedy.LevelConfirm)}, open: answered, then: func(r *rig) {
			r.ok(report(n1, setup{level: remedy.LevelAuto, limits: roomy()}))
		}},
		{name: "by hand at metric-only", setup: []func(*setup){at(remedy.LevelMetricOnly)}, open: byHand, start: manual},
		{name: "no such case", open: auto, start: func(b *ledger.ExecStart) { b.Case = 99 }, want: ledger.RefusedNoCase},
		{name: "a kind nobody knows", open: auto, start: func(b *ledger.ExecStart) { b.Kind = "" }, want: ledger.RefusedBad},
		{name: "pool basis moved", open: auto, late: func(r *rig) {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h7"}}})
		}, want: ledger.RefusedBasis},
		{name: "global basis moved", open: auto, late: func(r *rig) { r.ok(&ledger.FreezeSet{Reason: "x"}) }, want: ledger.RefusedBasis},
		{name: "basis of the future", open: auto, start: func(b *ledger.ExecStart) { b.Basis.Pool++ }, want: ledger.RefusedBasis},
		{name: "executing already", open: auto, then: func(r *rig) { r.start(1, remedy.Warden()) }, want: ledger.RefusedLock},
		{name: "another action executes on the host", open: auto, then: func(r *rig) {
			id := r.ok(judge("h1", remedy.LevelAuto, func(b *ledger.CaseJudge) { b.Action = "restart" }))
			r.ok(report(n1, setup{level: remedy.LevelAuto, limits: roomy()}), &ledger.NodeReport{Node: n1, Levels: []ledger.LevelReport{
				{Action: drain, Pool: pool, Level: remedy.LevelAuto}, {Action: "restart", Pool: pool, Level: remedy.LevelAuto},
			}, Pools: []ledger.PoolReport{{Pool: pool, Limits: roomy()}}})
			r.start(id, remedy.Warden(), func(b *ledger.ExecStart) { b.TakesOut = false })
		}, want: ledger.RefusedLock},
		{name: "unknown outcome keeps the lock", open: auto, then: func(r *rig) {
			r.finish(1, r.start(1, remedy.Warden()), remedy.OutcomeUnknown)
		}, want: ledger.RefusedLock},
		{name: "no slot", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxConcurrent = 1 })}, open: auto, then: busy, want: ledger.RefusedSlot},
		{name: "no limits reported", open: auto, then: func(r *rig) {
			r.ok(&ledger.NodeReport{Node: n1, Levels: []ledger.LevelReport{{Action: drain, Pool: pool, Level: remedy.LevelAuto}}})
		}, want: ledger.RefusedLimit},
		{name: "max_out", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOut = 1 })}, open: auto, then: busy, want: ledger.RefusedLimit},
		{name: "max_out by another hand", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOut = 1 })}, open: auto, then: func(r *rig) {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h9", Admin: "maint"}}})
		}, want: ledger.RefusedLimit},
		{name: "max_out binds people too", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOut = 0 })}, open: byHand, start: manual, want: ledger.RefusedLimit},
		{name: "max_out when the host is down already", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOut = 1 })}, open: auto, then: func(r *rig) {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1", Admin: "down"}, {Host: "h2", Admin: "down"}}})
		}, want: ledger.RefusedLimit},
		{name: "a host that is down already takes no further slot", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOut = 1; l.MinInService = 9 })}, open: auto, then: func(r *rig) {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1", Admin: "down"}}})
		}},
		{name: "fraction rounds down to none", setup: []func(*setup){hosts(9), limited(func(l *ledger.Limits) { l.MaxOutFraction = 0.1 })}, open: auto, want: ledger.RefusedLimit},
		{name: "fraction of a round number", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOutFraction = 0.1 })}, open: auto},
		{name: "fraction beyond all bounds", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOutFraction = 1e300 })}, open: auto},
		{name: "fraction below 0", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxOutFraction = -1 })}, open: auto, want: ledger.RefusedLimit},
		{name: "floor", setup: []func(*setup){hosts(2)}, open: auto, want: ledger.RefusedLimit},
		{name: "floor reached exactly", setup: []func(*setup){hosts(3)}, open: auto},
		{name: "takes nothing out", setup: []func(*setup){hosts(2), leavesIn}, open: auto, start: func(b *ledger.ExecStart) { b.TakesOut = false }},
		{name: "takes nothing out, by the proposer alone", setup: []func(*setup){hosts(2)}, open: auto, start: func(b *ledger.ExecStart) { b.TakesOut = false }, want: ledger.RefusedLimit},
		{name: "takes out, by the proposer alone", setup: []func(*setup){hosts(2), leavesIn}, open: auto, want: ledger.RefusedLimit},
		{name: "size unknown", setup: []func(*setup){hosts(0)}, open: auto, want: ledger.RefusedLimit},
		{name: "inventory stale", open: auto, then: func(r *rig) { r.ok(&ledger.PoolSize{Pool: pool, Stale: true}) }, want: ledger.RefusedLimit},
		{name: "inventory shrunk", open: auto, then: func(r *rig) { r.ok(&ledger.PoolSize{Pool: pool, N: 5}) }, want: ledger.RefusedLimit},
		{name: "inventory stale, takes nothing out", setup: []func(*setup){leavesIn}, open: auto, then: func(r *rig) { r.ok(&ledger.PoolSize{Pool: pool, Stale: true}) },
			start: func(b *ledger.ExecStart) { b.TakesOut = false }, want: ledger.RefusedLimit},
		{name: "frozen", open: auto, then: func(r *rig) { r.ok(&ledger.FreezeSet{Reason: "x"}) }, want: ledger.RefusedFrozen},
		{name: "frozen binds people too", open: byHand, then: func(r *rig) { r.ok(&ledger.FreezeSet{Reason: "x"}) }, start: manual, want: ledger.RefusedFrozen},
		{name: "frozen binds the approved", setup: []func(*setup){at(remedy.LevelConfirm)}, open: answered, then: func(r *rig) { r.ok(&ledger.FreezeSet{Reason: "x"}) }, want: ledger.RefusedFrozen},
		{name: "held host", open: auto, then: func(r *rig) {
			r.ok(&ledger.HoldSet{Pool: pool, Host: "h1", Until: r.now.Add(time.Hour)})
		}, want: ledger.RefusedHeld},
		{name: "held pool", open: auto, then: func(r *rig) { r.ok(&ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Hour)}) }, want: ledger.RefusedHeld},
		{name: "another host is held", open: auto, then: func(r *rig) {
			r.ok(&ledger.HoldSet{Pool: pool, Host: "h2", Until: r.now.Add(time.Hour)})
		}},
		{name: "held until a time that has passed, and not expired", open: auto, then: func(r *rig) {
			r.ok(&ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Minute)})
			r.pass(time.Hour)
		}, want: ledger.RefusedHeld},
		{name: "by hand against a hold", open: byHand, then: func(r *rig) {
			r.ok(&ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Minute)})
		}, start: manual, want: ledger.RefusedHeld},
		{name: "by hand against a hold, acknowledged", open: func(r *rig) remedy.CaseID {
			return r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto), Acknowledged: []string{"hold"}})
		}, then: func(r *rig) { r.ok(&ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Minute)}) }, start: manual},
		{name: "level metric-only", setup: []func(*setup){at(remedy.LevelMetricOnly)}, open: auto, want: ledger.RefusedLevel},
		{name: "level notify", setup: []func(*setup){at(remedy.LevelNotify)}, open: auto, want: ledger.RefusedLevel},
		{name: "level confirm, nobody asked", setup: []func(*setup){at(remedy.LevelConfirm)}, open: auto, want: ledger.RefusedLevel},
		{name: "level lowered after the approval", setup: []func(*setup){at(remedy.LevelConfirm)}, open: answered, then: func(r *rig) {
			r.ok(report(n1, setup{level: remedy.LevelNotify, limits: roomy()}))
		}, want: ledger.RefusedLevel},
		{name: "decided below auto", open: func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelNotify)) }, want: ledger.RefusedLevel},
		{name: "blocked", open: func(r *rig) remedy.CaseID {
			return r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }))
		}, start: func(b *ledger.ExecStart) { b.PlanHash = plan("h1").Hash() }, want: ledger.RefusedStage},
		{name: "unknown by now", open: auto, then: func(r *rig) {
			r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Finding.Verdict, b.Decision, b.Plan = remedy.VerdictUnknown, nil, nil }))
		}, want: ledger.RefusedVerdict},
		{name: "good by now", open: auto, then: func(r *rig) {
			r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Finding.Verdict, b.Decision, b.Plan = remedy.VerdictGood, nil, nil }))
		}, want: ledger.RefusedVerdict},
		{name: "no answer yet", setup: []func(*setup){at(remedy.LevelConfirm)}, open: asked, want: ledger.RefusedApproval},
		{name: "no answer yet, promoted to auto", setup: []func(*setup){at(remedy.LevelConfirm)}, open: asked, then: func(r *rig) {
			r.ok(report(n1, setup{level: remedy.LevelAuto, limits: roomy()}))
		}, want: ledger.RefusedApproval},
		{name: "approval expired", setup: []func(*setup){at(remedy.LevelConfirm)}, open: answered, then: func(r *rig) { r.pass(30 * time.Minute) }, want: ledger.RefusedExpired},
		{name: "another plan", open: auto, start: func(b *ledger.ExecStart) { b.PlanHash = "other" }, want: ledger.RefusedApproval},
		{name: "no plan", open: func(r *rig) remedy.CaseID {
			return r.ok(judge("h1", remedy.LevelAuto, func(b *ledger.CaseJudge) { b.Plan = nil }))
		}, want: ledger.RefusedApproval},
		{name: "by hand without being asked for", open: auto, start: manual, want: ledger.RefusedStage},
		{name: "undo of what isn't out", open: auto, start: undoing, by: alice(), want: ledger.RefusedStage},
		{name: "undo by warden", open: func(r *rig) remedy.CaseID { return r.drained("h1") }, start: undoing, want: ledger.RefusedPerson},
		{name: "undo", open: func(r *rig) remedy.CaseID { return r.drained("h1") }, start: undoing, by: bob()},
		{name: "undo while frozen, held, stale and at metric-only", open: func(r *rig) remedy.CaseID { return r.drained("h1") }, then: func(r *rig) {
			r.ok(&ledger.FreezeSet{}, &ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Hour)}, &ledger.PoolSize{Pool: pool, Stale: true},
				report(n1, setup{level: remedy.LevelMetricOnly, limits: ledger.Limits{MaxConcurrent: 1, MinInService: 99}}))
		}, start: undoing, by: bob()},
		{name: "undo waits for a slot", setup: []func(*setup){limited(func(l *ledger.Limits) { l.MaxConcurrent = 1 })},
			open: func(r *rig) remedy.CaseID { return r.drained("h1") }, then: busy, start: undoing, by: bob(), want: ledger.RefusedSlot},
		{name: "out already", open: func(r *rig) remedy.CaseID { return r.drained("h1") }, want: ledger.RefusedStage},
		{name: "closed", open: func(r *rig) remedy.CaseID {
			id := auto(r)
			r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered})
			return id
		}, want: ledger.RefusedStage},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, tt.setup...)
			id := tt.open(r)
			if tt.then != nil {
				tt.then(r)
			}
			b := r.starting(id)
			if tt.start != nil {
				tt.start(b)
			}
			if tt.late != nil {
				tt.late(r)
			}
			by := tt.by
			if by.Name == "" {
				by = remedy.Warden()
			}
			if tt.want != "" {
				r.refused(tt.want, by, b)
				return
			}
			r.okAs(by, b)
			if c := r.get(id); c.Stage != remedy.StageExecuting || c.Execution().Token != (remedy.Token{Term: r.term, Index: r.index}) {
				t.Errorf("admitted, and is %s with %+v", c.Stage, c.Execution())
			}
		})
	}
}

// A host that two pools list is one machine: while one pool's execution holds
// it, or may, the other pool neither acts on it nor undoes, and the fact for
// host_lock says so. Slots stay each pool's own.
func TestOneExecutionAHostOverAllPools(t *testing.T) {
	t.Parallel()
	for _, named := range []remedy.HostName{"h1", "H1"} {
		r := newRig(t)
		s := setup{level: remedy.LevelAuto, limits: roomy(), n: 10, cooldown: time.Hour}
		s.limits.MaxConcurrent = 1
		rep := report(n1, s)
		web := reportOf(n1, s, "web", "restart")
		rep.Levels, rep.Pools = append(rep.Levels, web.Levels...), append(rep.Pools, web.Pools...)
		r.ok(rep, &ledger.PoolSize{Pool: "web", N: 10})
		inWeb := func(host remedy.HostName) remedy.CaseID {
			return r.ok(judge(host, remedy.LevelAuto, func(b *ledger.CaseJudge) {
				b.Pool, b.Action, b.Finding.Pool, b.Plan.Pool, b.Plan.Action = "web", "restart", "web", "web", "restart"
			}))
		}
		lock := func() remedy.CaseID {
			return r.facts(func(q *ledger.FactsQuery) { q.Pool, q.Host, q.Action = "web", named, "restart" }).Lock
		}
		a, b, other := r.ok(judge("h1", remedy.LevelAuto)), inWeb(named), inWeb("h2")
		tok := r.start(a, remedy.Warden())
		r.refused(ledger.RefusedLock, remedy.Warden(), r.starting(b))
		if lock() != a {
			t.Errorf("the lock of %s in web is %s, want %s", named, lock(), a)
		}
		r.finish(other, r.start(other, remedy.Warden()), remedy.OutcomeAborted)
		r.finish(a, tok, remedy.OutcomeUnknown)
		r.refused(ledger.RefusedLock, remedy.Warden(), r.starting(b))
		again := ledger.New()
		if err := again.Restore(bytes.NewReader(snapshotOf(t, r.l))); err != nil {
			t.Fatal(err)
		}
		r.l = again
		r.refused(ledger.RefusedLock, remedy.Warden(), r.starting(b))
		r.okAs(alice(), &ledger.Resolve{Case: a, Out: true})
		if lock() != 0 {
			t.Errorf("the lock is %s still", lock())
		}
		tok = r.start(b, remedy.Warden())
		r.refused(ledger.RefusedLock, alice(), r.starting(a, undoing))
		r.finish(b, tok, remedy.OutcomeAborted)
		r.start(a, alice(), undoing)
	}
}

func TestStartMustStandAlone(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	a, b := r.ok(judge("h1", remedy.LevelAuto)), r.ok(judge("h2", remedy.LevelAuto))
	for _, res := range r.as(remedy.Warden(), r.starting(a), r.starting(b)).Results {
		if res.OK || res.Code != ledger.RefusedBad {
			t.Errorf("two STARTs in one entry: %+v", res)
		}
	}
	if f := r.facts(); f.Running != 0 || f.Out != 0 {
		t.Errorf("%d running, %d out", f.Running, f.Out)
	}
}

// The strictest limit and the lowest level of any voter hold, and a voter that
// said nothing yet counts as metric-only.
func TestTheStrictestVoterHolds(t *testing.T) {
	t.Parallel()
	r := bare(t)
	n2 := remedy.NodeID("n2-bbbb")
	r.ok(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{n1, n2}})
	if l := r.l.Level(drain, pool); l != remedy.LevelMetricOnly {
		t.Errorf("nobody reported and the level is %s", l)
	}
	s := setup{level: remedy.LevelAuto, limits: roomy(), cooldown: time.Hour}
	r.ok(report(n1, s))
	if l := r.l.Level(drain, pool); l != remedy.LevelMetricOnly {
		t.Errorf("one of two reported and the level is %s", l)
	}
	other := setup{level: remedy.LevelConfirm, cooldown: 2 * time.Hour, limits: ledger.Limits{
		MinInService: 7, MaxOut: 9, MaxOutFraction: 0.5, MaxConcurrent: 1, PerHour: 200, PerDay: 3, SettleAfterAction: time.Minute,
	}}
	r.ok(report(n2, other))
	f := r.facts()
	want := ledger.Limits{MinInService: 7, MaxOut: 5, MaxOutFraction: 0.5, MaxConcurrent: 1, PerHour: 100, PerDay: 3, SettleAfterAction: 5 * time.Minute}
	if f.Effective != remedy.LevelConfirm || f.Limits != want || f.Cooldown != 2*time.Hour || !f.LimitsKnown {
		t.Errorf("facts are %+v", f)
	}
	before := f.Basis
	r.ok(report(n2, other))
	if after := r.facts().Basis; after != before {
		t.Error("the same report again moved the basis")
	}
	r.refused(ledger.RefusedBad, remedy.Warden(), report("n9-xxxx", s))
}

func TestClusterRates(t *testing.T) {
	t.Parallel()
	r := bare(t)
	voters := []remedy.NodeID{"a", "b", "c"}
	r.ok(&ledger.ClusterInit{ClusterID: "c", Voters: voters})
	for i, rates := range [][2]int{{0, 40}, {9, 0}, {5, 30}} {
		r.ok(&ledger.NodeReport{Node: voters[i], ClusterPerHour: rates[0], ClusterPerDay: rates[1]})
	}
	if f := r.facts(); f.ClusterHour != 5 || f.ClusterDay != 30 {
		t.Errorf("cluster-wide rates are %d an hour and %d a day", f.ClusterHour, f.ClusterDay)
	}
}

func TestClusterInit(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.ClusterInit{Voters: []remedy.NodeID{n1}})
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.ClusterInit{ClusterID: "c"})
	r.ok(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{n1}})
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.ClusterInit{ClusterID: "d", Voters: []remedy.NodeID{n1}})
	if s := r.l.Status(); s.ClusterID != "c" || len(s.Voters) != 1 {
		t.Errorf("status is %+v", s)
	}
}
