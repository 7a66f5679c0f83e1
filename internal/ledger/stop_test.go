package ledger_test

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestFreezeIsNeverShortened(t *testing.T) {
	t.Parallel()
	hour, day := t0().Add(time.Hour), t0().Add(24*time.Hour)
	tests := []struct {
		name          string
		first, second time.Time
		want          time.Time
		takesOver     bool
	}{
		{"longer", hour, day, day, true},
		{"shorter", day, hour, day, false},
		{"same", hour, hour, hour, false},
		{"for good after a while", hour, time.Time{}, time.Time{}, true},
		{"a while after for good", time.Time{}, hour, time.Time{}, false},
		{"for good twice", time.Time{}, time.Time{}, time.Time{}, false},
	}
	for _, tt := range tests {
		r := newRig(t)
		r.okAs(alice(), &ledger.FreezeSet{Reason: "a", Until: tt.first})
		basis := r.facts().Basis
		r.okAs(bob(), &ledger.FreezeSet{Reason: "b", Until: tt.second})
		f := r.facts().Freeze
		if f == nil || !f.Until.Equal(tt.want) || (f.By.Name == "bob") != tt.takesOver {
			t.Errorf("%s: the freeze is %+v, want it until %v", tt.name, f, tt.want)
		}
		if moved := r.facts().Basis != basis; moved != tt.takesOver {
			t.Errorf("%s: the basis moved: %v", tt.name, moved)
		}
	}
}

func TestLiftingAFreeze(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refused(ledger.RefusedNothing, alice(), &ledger.FreezeLift{})
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.FreezeLift{})
	r.ok(&ledger.FreezeSet{Reason: "the freeze file is there"})
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.FreezeLift{})
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.RestraintExpire{Freeze: true})
	r.okAs(bob(), &ledger.FreezeLift{})
	if f := r.facts().Freeze; f != nil {
		t.Errorf("still frozen: %+v", f)
	}
	if n := r.ofKind(ledger.NoticeStop); len(n) != 2 {
		t.Errorf("notices: %+v", n)
	}
}

func TestRestraintsEndByACommittedEntryOnly(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(&ledger.FreezeSet{Until: r.now.Add(time.Minute)}, &ledger.HoldSet{Pool: pool, Host: "h1", Until: r.now.Add(time.Minute)})
	expireHold := &ledger.RestraintExpire{Pool: pool, Host: "h1"}
	r.pass(time.Minute - time.Millisecond)
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.RestraintExpire{Freeze: true})
	r.refused(ledger.RefusedStage, remedy.Warden(), expireHold)
	r.pass(10 * time.Minute)
	if f := r.facts(); f.Freeze == nil || f.Hold == nil {
		t.Fatal("a restraint ended by the passing of time")
	}
	basis := r.facts().Basis
	r.ok(&ledger.RestraintExpire{Freeze: true}, expireHold)
	if f := r.facts(); f.Freeze != nil || f.Hold != nil || f.Basis.Global == basis.Global || f.Basis.Pool == basis.Pool {
		t.Errorf("after they expired: %+v", f)
	}
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.RestraintExpire{Freeze: true})
	r.refused(ledger.RefusedStage, remedy.Warden(), expireHold)
}

func TestHolds(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	soon, later := r.now.Add(time.Hour), r.now.Add(5*time.Hour)
	r.refused(ledger.RefusedBad, alice(), &ledger.HoldSet{Pool: pool, Host: "h1", Until: r.now})
	r.refused(ledger.RefusedBad, alice(), &ledger.HoldSet{Pool: pool, Host: "h1", Until: r.now.Add(time.Microsecond)})
	r.refused(ledger.RefusedBad, alice(), &ledger.HoldSet{Host: "h1", Until: soon})
	r.okAs(alice(), &ledger.HoldSet{Pool: pool, Host: "h1", Reason: "disk", Until: later})
	res := r.refused(ledger.RefusedDecided, bob(), &ledger.HoldSet{Pool: pool, Host: "h1", Until: soon})
	if res.Reason == "" {
		t.Error("no reason")
	}
	if h := r.facts().Hold; h == nil || h.By.Name != "alice" || !h.Until.Equal(later) || h.Reason != "disk" {
		t.Errorf("the hold is %+v", h)
	}
	// Another host and the pool are held on their own.
	if f := r.facts(func(q *ledger.FactsQuery) { q.Host = "h2" }); f.Hold != nil {
		t.Error("h2 is held as well")
	}
	r.okAs(bob(), &ledger.HoldSet{Pool: pool, Until: soon})
	if f := r.facts(func(q *ledger.FactsQuery) { q.Host = "h2" }); f.Hold == nil || f.Hold.Host != "" {
		t.Error("the pool's hold doesn't hold h2")
	}
	if h := r.facts().Hold; h.Host != "h1" {
		t.Error("the host's own hold comes first")
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.HoldRelease{Pool: pool, Host: "h1"})
	r.refused(ledger.RefusedNothing, alice(), &ledger.HoldRelease{Pool: pool, Host: "h2"})
	r.okAs(bob(), &ledger.HoldRelease{Pool: pool, Host: "h1"})
	if h := r.facts().Hold; h == nil || h.Host != "" {
		t.Errorf("releasing the host released the pool: %+v", h)
	}
	if s := r.l.Status(); len(s.Holds) != 1 {
		t.Errorf("holds: %+v", s.Holds)
	}
}

func TestNoticesWaitForAReceipt(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Pool: pool, Page: true, Detail: "prom went blind"})
	}
	p := r.l.Pending()
	if len(p) != 3 || p[0].Seq != 1 || p[2].Seq != 3 || !p[0].Page || !p[0].At.Equal(r.now) || p[0].Detail != "prom went blind" {
		t.Fatalf("pending: %+v", p)
	}
	r.ok(&ledger.NoticeReceipt{Upto: 2})
	r.ok(&ledger.NoticeReceipt{Upto: 1})
	if p := r.l.Pending(); len(p) != 1 || p[0].Seq != 3 {
		t.Errorf("after the receipt: %+v", p)
	}
	r.ok(&ledger.NoticeReceipt{Upto: 99})
	r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource})
	if p := r.l.Pending(); len(p) != 1 || p[0].Seq != 4 {
		t.Errorf("a receipt for what was not said yet swallowed it: %+v", p)
	}
	if p[0].Seq != 1 {
		t.Error("a slice that was handed out changed")
	}
}

func TestPendingNoticesAreBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 1100 {
		r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource})
	}
	if p := r.l.Pending(); len(p) != 1000 || p[0].Seq != 101 || p[999].Seq != 1100 {
		t.Errorf("%d notices pending, from %d to %d", len(p), p[0].Seq, p[len(p)-1].Seq)
	}
}

func TestCountersStartAtZeroAndCountOnce(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelMetricOnly))
	labels := []string{"action", "drain", "detector", "canary_missing", "pool", "ingest"}
	with := func(more ...string) []string { return append(append([]string{}, labels...), more...) }
	r.wantCounter(0, "warden_would_have_acted_total", labels...)
	r.wantCounter(0, "warden_would_have_asked_total", labels...)
	r.wantCounter(0, "warden_cases_total", with("outcome", "self_recovered")...)
	for _, trigger := range []string{"act", "manual", "undo"} {
		for _, result := range []string{"done", "failed", "unknown", "aborted"} {
			r.wantCounter(0, "warden_actions_total", "action", "drain", "pool", "ingest", "trigger", trigger, "result", result)
		}
	}
	id := r.ok(judge("h1", remedy.LevelMetricOnly, shadowed))
	r.ok(judge("h1", remedy.LevelMetricOnly)) // a round without a count
	r.wantCounter(1, "warden_would_have_acted_total", labels...)
	if c := r.get(id); !c.CountedAt.Equal(r.now) || c.CountedLevel != remedy.LevelMetricOnly {
		t.Errorf("counted at %v, %s", c.CountedAt, c.CountedLevel)
	}
	// A blocked decision is never counted, whatever the entry says.
	r.ok(judge("h2", 0, shadowed, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }))
	r.wantCounter(1, "warden_would_have_acted_total", labels...)
	r.wantCounter(1, "warden_guardrail_blocks_total", "guardrail", "rate", "action", "drain", "pool", "ingest")
	// Blocked by the same again is not counted again, by another is.
	for _, by := range []string{"rate", "settle", "settle"} {
		r.ok(judge("h2", 0, func(b *ledger.CaseJudge) { b.Decision = blocked(by) }))
	}
	r.wantCounter(1, "warden_guardrail_blocks_total", "guardrail", "rate", "action", "drain", "pool", "ingest")
	r.wantCounter(1, "warden_guardrail_blocks_total", "guardrail", "settle", "action", "drain", "pool", "ingest")
	r.ok(judge("h3", remedy.LevelMetricOnly, shadowed, func(b *ledger.CaseJudge) { b.Decision.WouldAct, b.Decision.WouldAsk = false, true }))
	r.wantCounter(1, "warden_would_have_asked_total", labels...)
	r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered})
	r.wantCounter(1, "warden_cases_total", with("outcome", "self_recovered")...)
	// A report with the same detectors resets nothing.
	r.ok(report(n1, setup{level: remedy.LevelNotify, limits: roomy()}))
	r.wantCounter(1, "warden_would_have_acted_total", labels...)
	all := r.l.Counters()
	for i := 1; i < len(all); i++ {
		if all[i].Name < all[i-1].Name {
			t.Errorf("counters are not sorted: %s after %s", all[i].Name, all[i-1].Name)
		}
	}
}
