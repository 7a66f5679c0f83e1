package ledger_test

import (
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func asShadow(q *ledger.FactsQuery) { q.Shadow = true }

func onHost(h remedy.HostName) func(*ledger.FactsQuery) {
	return func(q *ledger.FactsQuery) { q.Host = h }
}

// Real admission never sees shadow entries, shadow admission sees both.
func TestShadowAndRealBudgets(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	basis := r.facts().Basis
	r.ok(judge("h1", remedy.LevelMetricOnly, shadowed))
	if r.facts().Basis != basis {
		t.Error("a shadow execution moved the basis of real ones")
	}
	r.drained("h2")
	acted, both := r.facts(onHost("h9")), r.facts(onHost("h9"), asShadow)
	if acted.Out != 1 || acted.PoolHour != 1 || acted.PoolDay != 1 || acted.ClusterHourly != 1 || acted.ClusterDaily != 1 ||
		!slices.Equal(acted.TakenOut, []remedy.HostName{"h2"}) || len(acted.ShadowOut) != 0 {
		t.Errorf("real facts: %+v", acted)
	}
	if both.Out != 2 || both.PoolHour != 2 || both.PoolDay != 2 || both.ClusterHourly != 2 || both.ClusterDaily != 2 ||
		!slices.Equal(both.TakenOut, []remedy.HostName{"h1", "h2"}) || !slices.Equal(both.ShadowOut, []remedy.HostName{"h1"}) {
		t.Errorf("shadow facts: %+v", both)
	}
	if f := r.facts(onHost("h1")); f.HostOut || !f.LastOnHost.IsZero() {
		t.Errorf("real facts of the shadow's own host: %+v", f)
	}
	if f := r.facts(onHost("h1"), asShadow); !f.HostOut || f.LastOnHost.IsZero() {
		t.Errorf("shadow facts of the shadow's own host: %+v", f)
	}
	own := r.facts(onHost("h1"), asShadow, func(q *ledger.FactsQuery) { q.ExceptCase = 1 })
	if own.HostOut || !own.LastOnHost.IsZero() || own.PoolHour != 1 || own.Out != 1 || len(own.ShadowOut) != 0 {
		t.Errorf("shadow facts without its own entry: %+v", own)
	}
	// A real START isn't bound by what shadows hold out.
	tight := newRig(t, limited(func(l *ledger.Limits) { l.MaxOut = 1 }))
	tight.ok(judge("h1", remedy.LevelMetricOnly, shadowed))
	tight.drained("h2")
}

func TestWhatStartsAShadow(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*ledger.CaseJudge)
		want   int
	}{
		{"counted at metric-only", nil, 1},
		{"counted at notify", func(b *ledger.CaseJudge) {
			b.Decision.Level, b.Decision.Effective = remedy.LevelNotify, remedy.LevelNotify
		}, 1},
		{"not counted", func(b *ledger.CaseJudge) { b.Count = false }, 0},
		{"would have asked", func(b *ledger.CaseJudge) { b.Decision.WouldAct, b.Decision.WouldAsk = false, true }, 0},
		{"at confirm", func(b *ledger.CaseJudge) {
			b.Decision.Level, b.Decision.Effective = remedy.LevelConfirm, remedy.LevelConfirm
		}, 0},
		{"decided on the real budget", func(b *ledger.CaseJudge) { b.Shadow = false }, 0},
		{"blocked", func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }, 0},
	}
	for _, tt := range tests {
		r := newRig(t, at(remedy.LevelMetricOnly))
		b := judge("h1", remedy.LevelMetricOnly, shadowed)
		if tt.change != nil {
			tt.change(b)
		}
		r.ok(b)
		if s := r.l.Starts(pool); len(s) != tt.want {
			t.Errorf("%s: %d shadow executions, want %d", tt.name, len(s), tt.want)
		}
	}
}

func TestHowAShadowSlotEnds(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		then func(*rig)
		ends bool
	}{
		{"nothing happens", func(*rig) {}, false},
		{"the host is good", func(r *rig) { r.ok(&ledger.ShadowEnd{Pool: pool, Host: "h1"}) }, true},
		{"another host is good", func(r *rig) { r.ok(&ledger.ShadowEnd{Pool: pool, Host: "h2"}) }, false},
		{"the case recovered", func(r *rig) { r.ok(&ledger.CaseClose{Case: 1, Outcome: remedy.OutcomeSelfRecovered}) }, true},
		{"the host left", func(r *rig) { r.ok(&ledger.CaseClose{Case: 1, Outcome: remedy.OutcomeGone}) }, true},
		{"no data", func(r *rig) { r.ok(&ledger.CaseClose{Case: 1, Outcome: remedy.OutcomeNoData}) }, false},
		{"a real hand acted", func(r *rig) {
			r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1", Admin: "maint"}}})
			r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h1"}})
		}, true},
		{"warden acted", func(r *rig) {
			r.ok(report(n1, setup{level: remedy.LevelAuto, limits: roomy()}), judge("h1", remedy.LevelAuto))
			r.finish(1, r.start(1, remedy.Warden()), remedy.OutcomeAborted)
		}, true},
		{"just before shadow_out", func(r *rig) { r.long(4*time.Hour - time.Minute - time.Millisecond) }, false},
		{"shadow_out", func(r *rig) { r.long(4*time.Hour - time.Minute) }, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, at(remedy.LevelMetricOnly))
			r.ok(judge("h1", remedy.LevelMetricOnly, shadowed))
			began := r.now
			r.pass(time.Minute)
			tt.then(r)
			f := r.facts(onHost("h9"), asShadow)
			if (f.Out == 0) != tt.ends || (len(f.ShadowOut) == 0) != tt.ends || (len(r.l.Pool(pool, r.now).ShadowOut) == 0) != tt.ends {
				t.Errorf("out %d, held out %v; want it ended: %v", f.Out, f.ShadowOut, tt.ends)
			}
			// Rate, cooldown and settle stay, as they would for a real one: an
			// undo or a return moves none of them.
			if f.PoolDay != 1 || !f.LastInPool.Equal(began) {
				t.Errorf("counted %d, settle counts from %v, want %v", f.PoolDay, f.LastInPool, began)
			}
			if f := r.facts(asShadow); !f.LastOnHost.Equal(began) {
				t.Errorf("cooldown counts from %v", f.LastOnHost)
			}
		})
	}
}

func TestRatesAndCooldownAgeOut(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeFailed)
	began := r.now
	steps := []struct {
		after            time.Duration
		hour, day, taken int
	}{
		{time.Hour - time.Millisecond, 1, 1, 1},
		{time.Hour, 0, 1, 0},
		{24*time.Hour - time.Millisecond, 0, 1, 0},
		{24 * time.Hour, 0, 0, 0},
	}
	for _, s := range steps {
		f := r.facts(func(q *ledger.FactsQuery) { q.Now = began.Add(s.after) })
		if f.PoolHour != s.hour || f.PoolDay != s.day || f.ClusterHourly != s.hour || f.ClusterDaily != s.day || len(f.TakenOut) != s.taken {
			t.Errorf("after %s: %+v", s.after, f)
		}
		if !f.LastOnHost.Equal(began) || !f.LastInPool.Equal(began) {
			t.Errorf("after %s the host's last START is forgotten", s.after)
		}
	}
	other := r.facts(func(q *ledger.FactsQuery) { q.Pool = "elsewhere" })
	if other.PoolHour != 0 || other.ClusterHourly != 1 || !other.LastInPool.IsZero() {
		t.Errorf("another pool's facts: %+v", other)
	}
	if f := r.facts(func(q *ledger.FactsQuery) { q.Action = "restart" }); !f.LastOnHost.IsZero() || f.PoolHour != 1 {
		t.Errorf("another action's facts: %+v", f)
	}
	// STARTs older than any cooldown are dropped when the next is kept.
	r.long(31 * 24 * time.Hour)
	r.drained("h2")
	if s := r.l.Starts(pool); len(s) != 1 || s[0].Host != "h2" {
		t.Errorf("remembered: %+v", s)
	}
}

// The last gate before an effect asks without the execution's own entries.
func TestFactsWithoutOnesOwnExecution(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	before := r.facts()
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.start(id, remedy.Warden())
	own := r.facts(func(q *ledger.FactsQuery) { q.Own = id })
	if own.HostOut || own.Out != before.Out || own.Running != 0 || own.Lock != 0 || own.PoolHour != 0 || !own.LastOnHost.IsZero() || len(own.TakenOut) != 0 {
		t.Errorf("facts without its own: %+v", own)
	}
	if f := r.facts(); !f.HostOut || f.Lock != id {
		t.Errorf("facts with it: %+v", f)
	}
}

func TestPreviewChangesNothing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	before := hashOf(t, r.l)
	p := r.l.Preview(r.now.Add(time.Minute), remedy.Warden(),
		judge("h1", remedy.LevelNotify, shadowed), judge("h2", remedy.LevelAuto),
		&ledger.PoolSize{Pool: pool, N: 4}, &ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h3"}}},
		&ledger.Storm{Pool: pool, Detector: canary, On: true}, &ledger.HoldSet{Pool: pool, Until: r.now.Add(time.Hour)},
		&ledger.FreezeSet{}, &ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered}, &ledger.CasesForget{Before: r.now.Add(time.Hour)},
		r.starting(id))
	if hashOf(t, r.l) != before {
		t.Fatal("a preview changed the ledger")
	}
	if _, ok := p.Case(2); !ok {
		t.Error("the preview shows nothing")
	}
	if _, ok := p.Case(id); ok {
		t.Error("the preview still shows what it forgot")
	}
	if f := p.Facts(ledger.FactsQuery{Pool: pool, Host: "h2", Action: drain, Detector: canary, Now: r.now}); f.Freeze == nil || !f.Storm.On || f.Out != 1 || f.SizeKnown || f.Running != 0 {
		t.Errorf("the preview's facts: %+v", f)
	}
	again := hashOf(t, p)
	r.ok(judge("h7", remedy.LevelAuto))
	if hashOf(t, p) != again {
		t.Error("the ledger changed a preview")
	}
}
