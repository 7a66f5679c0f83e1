package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

const (
	n2 remedy.NodeID = "n2-bbbb"
	n3 remedy.NodeID = "n3-cccc"
)

// three is a ledger with three voters whose files say the same.
func three(tb reporter, level remedy.Level) *rig {
	tb.Helper()
	r := newRig(tb, at(level))
	for _, n := range []remedy.NodeID{n2, n3} {
		r.okAs(alice(), &ledger.VoterAdd{Node: n})
		r.ok(report(n, setup{level: level, limits: roomy()}))
	}
	r.level(level)
	return r
}

func (r *rig) level(want remedy.Level) {
	r.t.Helper()
	if got := r.l.Level(drain, pool); got != want {
		r.t.Fatalf("%s on %s is %s, want %s", drain, pool, got, want)
	}
}

// told is what the newest notice says; it must be about a config.
func (r *rig) told(words ...string) {
	r.t.Helper()
	all := r.ofKind(ledger.NoticeConfig)
	if len(all) == 0 {
		r.t.Fatal("nothing was told")
	}
	for _, w := range words {
		if detail := all[len(all)-1].Detail; !strings.Contains(detail, w) {
			r.t.Errorf("it was told %q, want %q in it", detail, w)
		}
	}
}

// A voter that was added counts at once: as metric-only, until it has reported.
func TestVoterAdd(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.level(remedy.LevelAuto)
	basis := r.facts().Basis
	r.okAs(alice(), &ledger.VoterAdd{Node: n2})
	r.level(remedy.LevelMetricOnly)
	if r.facts().Basis == basis {
		t.Error("what was decided before the voter came still fits")
	}
	r.told("n2-bbbb is a voter now", "alice", "metric-only until")
	if f := r.facts(); !f.LimitsKnown || f.Limits != roomy() {
		t.Errorf("limits are %+v (%v): a voter without a report says nothing of them", f.Limits, f.LimitsKnown)
	}
	before := r.records()
	r.okAs(alice(), &ledger.VoterAdd{Node: n2}) // twice is once
	if r.records() != before {
		t.Error("adding a voter twice changed something")
	}
	r.ok(report(n2, setup{level: remedy.LevelConfirm, limits: roomy()}))
	r.level(remedy.LevelConfirm)
	if got := r.l.Status().Voters; !slices.Equal(got, []remedy.NodeID{n1, n2}) {
		t.Errorf("the voters are %v", got)
	}
	r.refused(ledger.RefusedBad, alice(), &ledger.VoterAdd{})
	bare(t).refused(ledger.RefusedBad, alice(), &ledger.VoterAdd{Node: n2})
}

// Warden itself adds who was there when the cluster was founded, each once.
func TestInvited(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.ok(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{n1}, Invited: []remedy.NodeID{n3, n2, n1}})
	if got := r.l.Status().Invited; !slices.Equal(got, []remedy.NodeID{n2, n3}) {
		t.Fatalf("invited are %v", got)
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.VoterAdd{Node: "n4-dddd"})
	r.ok(&ledger.VoterAdd{Node: n2})
	r.okAs(alice(), &ledger.VoterRemove{Node: n2})
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.VoterAdd{Node: n2})
	r.okAs(alice(), &ledger.VoterRemove{Node: n3}) // never came: the invitation is withdrawn
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.VoterAdd{Node: n3})
	if s := r.l.Status(); !slices.Equal(s.Voters, []remedy.NodeID{n1}) || len(s.Invited) != 0 {
		t.Errorf("the status is %+v", s)
	}
}

// A voter that was removed takes its word with it, and what that means is told.
func TestVoterRemove(t *testing.T) {
	t.Parallel()
	r := three(t, remedy.LevelAuto)
	strict := roomy()
	strict.MaxOut, strict.SettleAfterAction = 1, time.Hour
	r.ok(report(n3, setup{level: remedy.LevelNotify, limits: strict}))
	r.level(remedy.LevelNotify)
	if f := r.facts(); f.Limits != strict {
		t.Fatalf("limits are %+v", f.Limits)
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.VoterRemove{Node: n3})
	r.refused(ledger.RefusedNothing, alice(), &ledger.VoterRemove{Node: "n9"})
	r.level(remedy.LevelNotify)
	basis := r.facts().Basis
	r.okAs(alice(), &ledger.VoterRemove{Node: n3})
	r.level(remedy.LevelAuto)
	if f := r.facts(); f.Limits != roomy() || f.Basis == basis {
		t.Errorf("limits are %+v at %+v", f.Limits, f.Basis)
	}
	r.told("n3-cccc is no longer a voter", "alice", "drain on ingest is auto now, it was notify")
	r.refused(ledger.RefusedBad, remedy.Warden(), report(n3, setup{level: remedy.LevelNotify, limits: strict}))
	r.okAs(alice(), &ledger.VoterRemove{Node: n2})
	r.refused(ledger.RefusedBad, alice(), &ledger.VoterRemove{Node: n1})
}

// A waived voter's word on levels doesn't count, its limits do, and its next
// report ends the waiver, also when it says what it said before.
func TestWaive(t *testing.T) {
	t.Parallel()
	r := three(t, remedy.LevelAuto)
	strict := roomy()
	strict.MaxOut = 1
	dead := report(n3, setup{level: remedy.LevelNotify, limits: strict})
	r.ok(dead)
	r.level(remedy.LevelNotify)
	waive := &ledger.NodeWaive{Node: n3, Reason: "its disk burns"}
	r.refused(ledger.RefusedPerson, remedy.Warden(), waive)
	r.refused(ledger.RefusedNothing, alice(), &ledger.NodeWaive{Node: "n9", Reason: "x"})
	r.refused(ledger.RefusedBad, alice(), &ledger.NodeWaive{Node: n3})
	r.refused(ledger.RefusedNothing, alice(), &ledger.NodeUnwaive{Node: n3})
	basis := r.facts().Basis
	r.okAs(alice(), waive)
	r.level(remedy.LevelAuto)
	if f := r.facts(); f.Limits != strict || f.Basis == basis {
		t.Errorf("limits are %+v at %+v: they stay the strictest", f.Limits, f.Basis)
	}
	r.told("n3-cccc no longer counts", "alice: its disk burns", "drain on ingest is auto now, it was notify")
	if w := r.l.Status().Waivers; len(w) != 1 || w[0].Node != n3 || w[0].By.Name != "alice" || w[0].Reason != "its disk burns" || !w[0].Since.Equal(r.now) {
		t.Errorf("the waivers are %+v", w)
	}
	before := r.records()
	r.okAs(bob(), waive)
	if r.records() != before {
		t.Error("waiving twice changed something")
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.NodeUnwaive{Node: n3})
	r.okAs(bob(), &ledger.NodeUnwaive{Node: n3})
	r.level(remedy.LevelNotify)
	r.told("n3-cccc counts for levels again", "bob", "drain on ingest is notify now, it was auto")

	r.okAs(alice(), waive)
	basis = r.facts().Basis
	r.ok(dead) // it is alive after all
	r.level(remedy.LevelNotify)
	r.told("n3-cccc has reported, so its waiver is over", "drain on ingest is notify now, it was auto")
	if r.facts().Basis == basis || len(r.l.Status().Waivers) != 0 {
		t.Error("the waiver is not over")
	}
}

// At least one voter's word is left, and when only waived ones are, nothing is
// allowed.
func TestNotAllAreWaived(t *testing.T) {
	t.Parallel()
	r := three(t, remedy.LevelAuto)
	for _, n := range []remedy.NodeID{n3, n2} {
		r.okAs(alice(), &ledger.NodeWaive{Node: n, Reason: "x"})
	}
	r.refused(ledger.RefusedBad, alice(), &ledger.NodeWaive{Node: n1, Reason: "x"})
	r.level(remedy.LevelAuto)
	r.okAs(alice(), &ledger.VoterRemove{Node: n1})
	r.level(remedy.LevelMetricOnly)
	r.told("drain on ingest is metric-only now")
	r.okAs(alice(), &ledger.VoterRemove{Node: n2})
	r.level(remedy.LevelMetricOnly)
	r.okAs(alice(), &ledger.NodeUnwaive{Node: n3})
	r.level(remedy.LevelAuto)
	newRig(t).refused(ledger.RefusedBad, alice(), &ledger.NodeWaive{Node: n1, Reason: "x"})
}

// What takes a host out is what any voter says does, whatever the proposer says.
func TestTakesOutIsReported(t *testing.T) {
	t.Parallel()
	restart := func(node remedy.NodeID, leaves bool) *ledger.NodeReport {
		b := report(node, setup{level: remedy.LevelAuto, limits: roomy()})
		b.Levels[0].LeavesIn = leaves
		return b
	}
	tests := []struct {
		name     string
		reports  []*ledger.NodeReport
		proposer bool
		want     bool
	}{
		{"all leave it in", []*ledger.NodeReport{restart(n1, true), restart(n2, true), restart(n3, true)}, false, false},
		{"one takes it out", []*ledger.NodeReport{restart(n1, true), restart(n2, false), restart(n3, true)}, false, true},
		{"the proposer takes it out", []*ledger.NodeReport{restart(n1, true), restart(n2, true), restart(n3, true)}, true, true},
		{"one has no such action", []*ledger.NodeReport{restart(n1, true), restart(n2, true), reportOf(n3, setup{limits: roomy()}, pool, "other")}, false, false},
		{"nobody has such an action", []*ledger.NodeReport{
			reportOf(n1, setup{limits: roomy()}, pool, "other"), reportOf(n2, setup{limits: roomy()}, pool, "other"), reportOf(n3, setup{limits: roomy()}, pool, "other"),
		}, false, true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := three(t, remedy.LevelAuto)
			for _, b := range tt.reports {
				r.ok(b)
			}
			if got := r.facts().TakesOut; got != (tt.want && !tt.proposer) {
				t.Errorf("the facts say %v", got)
			}
			id := r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "x", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)})
			r.start(id, alice(), manual, func(b *ledger.ExecStart) { b.TakesOut = tt.proposer })
			if got := r.get(id).Execution().TakesOut; got != tt.want {
				t.Errorf("it takes its host out: %v, want %v", got, tt.want)
			}
		})
	}
}
