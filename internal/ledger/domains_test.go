package ledger_test

import (
	"bytes"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// racked limits the pool to hosts of some racks.
func racked(most int) func(*setup) {
	return limited(func(l *ledger.Limits) { l.DomainLabel, l.MaxDomains = "rack", most })
}

// in says in which rack a START's host stands.
func in(domain string) func(*ledger.ExecStart) {
	return func(b *ledger.ExecStart) { b.Domain = domain }
}

// Apply itself refuses to take a host out of a second rack, whoever asks, and
// whatever it can't tell.
func TestFailureDomainsAreCountedInApply(t *testing.T) {
	t.Parallel()
	seen := func(h remedy.HostName, domain string) *ledger.PoolOut {
		return &ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: h, Admin: "maint", Domain: domain}}}
	}
	for _, tt := range []struct {
		name   string
		most   int
		before func(*rig)
		domain string // of the host that is to be taken out, h2
		want   string
	}{
		{"nothing out", 1, func(*rig) {}, "rack=a", ""},
		{"no label", 1, func(*rig) {}, "", ledger.RefusedLimit},
		{"another label", 1, func(*rig) {}, "row=a", ledger.RefusedLimit},
		{"none may", 0, func(*rig) {}, "rack=a", ledger.RefusedLimit},
		{"executing in the same rack", 1, func(r *rig) { r.start(r.ok(judge("h1", remedy.LevelAuto)), remedy.Warden(), in("rack=a")) }, "rack=a", ""},
		{"executing in another", 1, func(r *rig) { r.start(r.ok(judge("h1", remedy.LevelAuto)), remedy.Warden(), in("rack=b")) }, "rack=a", ledger.RefusedLimit},
		{"two may", 2, func(r *rig) { r.start(r.ok(judge("h1", remedy.LevelAuto)), remedy.Warden(), in("rack=b")) }, "rack=a", ""},
		{"of unknown outcome in another", 1, func(r *rig) {
			id := r.ok(judge("h1", remedy.LevelAuto))
			r.finish(id, r.start(id, remedy.Warden(), in("rack=b")), remedy.OutcomeUnknown)
		}, "rack=a", ledger.RefusedLimit},
		{"another hand took one out of another", 1, func(r *rig) { r.ok(seen("h9", "rack=b")) }, "rack=a", ledger.RefusedLimit},
		{"another hand took one out of the same", 1, func(r *rig) { r.ok(seen("h9", "rack=a")) }, "rack=a", ""},
		{"and nobody knows where it stands", 1, func(r *rig) { r.ok(seen("h9", "")) }, "rack=a", ledger.RefusedLimit},
		{"then it is said", 1, func(r *rig) { r.ok(seen("h9", "")); r.ok(seen("h9", "rack=a")) }, "rack=a", ""},
		{"its own word from before is not another rack", 1, func(r *rig) { r.ok(seen("h2", "rack=b")) }, "rack=a", ""},
		{"it moved: what is seen comes first", 1, func(r *rig) {
			r.start(r.ok(judge("h1", remedy.LevelAuto)), remedy.Warden(), in("rack=b"))
			r.ok(seen("h1", "rack=a"))
		}, "rack=a", ""},
		{"back in service", 1, func(r *rig) {
			r.ok(seen("h9", "rack=b"))
			r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h9"}})
		}, "rack=a", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, racked(tt.most))
			tt.before(r)
			r.restore() // a failover in between changes nothing
			id := r.ok(judge("h2", remedy.LevelAuto))
			b := r.starting(id, in(tt.domain))
			if tt.want != "" {
				r.refused(tt.want, remedy.Warden(), b)
				return
			}
			r.ok(b)
		})
	}
}

// A voter with failure domains is stricter than one without, and two that name
// different ones let nothing be taken out.
func TestStricterFailureDomains(t *testing.T) {
	t.Parallel()
	type say struct {
		label string
		most  int
	}
	for _, tt := range []struct {
		name  string
		says  []say
		label string
		most  int
	}{
		{"nobody", []say{{}, {}, {}}, "", 0},
		{"one", []say{{}, {"rack", 2}, {}}, "rack", 2},
		{"the fewer", []say{{"rack", 3}, {"rack", 2}, {"rack", 3}}, "rack", 2},
		{"different", []say{{"row", 3}, {"rack", 2}, {"row", 1}}, "rack or row", 1},
		{"none counts for nothing", []say{{"", 0}, {"rack", 2}, {"", 1}}, "rack", 2},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := bare(t)
			voters := []remedy.NodeID{"a", "b", "c"}
			r.ok(&ledger.ClusterInit{ClusterID: "c", Voters: voters})
			for i, s := range tt.says {
				r.ok(&ledger.NodeReport{Node: voters[i], Pools: []ledger.PoolReport{{Pool: pool, Limits: ledger.Limits{DomainLabel: s.label, MaxDomains: s.most}}}})
			}
			if l := r.facts().Limits; l.DomainLabel != tt.label || l.MaxDomains != tt.most {
				t.Errorf("%q and %d, want %q and %d", l.DomainLabel, l.MaxDomains, tt.label, tt.most)
			}
		})
	}
}

// How often a host was tried and came back survives a snapshot, as do racks.
func TestHostHistorySurvivesASnapshot(t *testing.T) {
	t.Parallel()
	r := newRig(t, racked(2))
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.finish(id, r.start(id, remedy.Warden(), in("rack=a")), remedy.OutcomeDone)
	r.ok(&ledger.ExecVerdict{Case: id, Took: true})
	r.finish(id, r.start(id, bob(), undoing, func(b *ledger.ExecStart) { b.UndoReason = remedy.UndoTest }), remedy.OutcomeDone)
	id = r.ok(judge("h1", remedy.LevelAuto))
	r.finish(id, r.start(id, remedy.Warden(), in("rack=a")), remedy.OutcomeFailed)
	id = r.ok(judge("h3", remedy.LevelAuto))
	r.start(id, remedy.Warden(), in("rack=b"))
	for _, restored := range []bool{false, true} {
		if restored {
			r.restore()
		}
		f := r.l.Facts(ledger.FactsQuery{Pool: pool, Host: "h1", Action: drain, Now: r.now})
		if f.Attempts != 2 || f.Flaps != 1 || len(f.OutDomains) != 1 || f.OutDomains[0] != "rack=b" || f.DomainLost != "" {
			t.Errorf("restored %v: %d attempts, %d flaps, out %v, lost %q", restored, f.Attempts, f.Flaps, f.OutDomains, f.DomainLost)
		}
	}
}

// restore goes on with a new ledger made of a snapshot of this one.
func (r *rig) restore() {
	r.t.Helper()
	l := ledger.New()
	if err := l.Restore(bytes.NewReader(snapshotOf(r.t, r.l))); err != nil {
		r.t.Fatal(err)
	}
	r.l = l
}
