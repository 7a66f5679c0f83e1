package ledger_test

import (
	"slices"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// trustOf is a voter's word on trust that fits report's NodeReport.
func trustOf(node remedy.NodeID, change ...func(*ledger.TrustReport)) *ledger.TrustReport {
	b := &ledger.TrustReport{
		Node: node, ConfigHash: "h", Rules: trust.DefaultRules(),
		Rungs: []ledger.TrustRung{{
			Action: drain, Pool: pool, Target: "t1", HasUndo: true, Detectors: []ledger.TrustDetector{{Name: canary, Digest: "d1"}},
		}},
	}
	for _, f := range change {
		f(b)
	}
	return b
}

func enforced(b *ledger.TrustReport) { b.Rules.Enforce = true }

func digest(d string) func(*ledger.TrustReport) {
	return func(b *ledger.TrustReport) { b.Rungs[0].Detectors[0].Digest = d }
}

func hashed(h string) func(*ledger.TrustReport) {
	return func(b *ledger.TrustReport) { b.ConfigHash = h }
}

// filed is n1's report with a level, of the config "h" unless said otherwise.
func filed(level remedy.Level, hash ...string) *ledger.NodeReport {
	b := report(n1, setup{level: level, limits: roomy(), cooldown: 6 * time.Hour})
	if len(hash) > 0 {
		b.ConfigHash = hash[0]
	}
	return b
}

// trusting is a rig whose one voter has said all of its file.
func trusting(tb reporter, level remedy.Level, change ...func(*ledger.TrustReport)) *rig {
	tb.Helper()
	r := newRig(tb, at(level), hosts(20))
	r.ok(trustOf(n1, change...), &ledger.TenureBegin{})
	return r
}

func (r *rig) evidence() trust.Evidence {
	r.t.Helper()
	e, ok := r.l.Trust(drain, pool)
	if !ok {
		r.t.Fatal("nobody asks for it")
	}
	return e
}

// sample is the evidence about a case, and the digest it is under.
func (r *rig) sample(id remedy.CaseID) (trust.Sample, string) {
	r.t.Helper()
	e := r.evidence()
	for _, rec := range slices.Concat(e.Current, e.Older) {
		for _, s := range rec.Cases {
			if s.Case == id {
				return s, rec.Digest
			}
		}
	}
	r.t.Fatalf("%s is no evidence: %+v", id, e)
	return trust.Sample{}, ""
}

// label checks what a case's statements add up to.
func (r *rig) label(id remedy.CaseID, want trust.Label, source trust.Source) {
	r.t.Helper()
	s, _ := r.sample(id)
	if got := s.Resolve(); got.Label != want || got.Source != source {
		r.t.Fatalf("%s is %q by %q, want %q by %q: %+v", id, got.Label, got.Source, want, source, s.Said)
	}
}

// inForce checks the level in force.
func (r *rig) inForce(want remedy.Level) {
	r.t.Helper()
	if got := r.l.Level(drain, pool); got != want {
		r.t.Fatalf("%s on %s is at %s, want %s: %+v %+v", drain, pool, got, want, r.evidence().Demotion, r.evidence().Grant)
	}
}

// demoted checks the demotion in force; an empty why is none.
func (r *rig) demoted(why string, to remedy.Level) {
	r.t.Helper()
	d := r.evidence().Demotion
	switch {
	case d == nil && why == "":
	case d == nil || d.Why != why || d.To != to:
		r.t.Fatalf("demoted is %+v, want %q to %s", d, why, to)
	}
}

// denied asks about a host and has bob deny it.
func (r *rig) denied(host remedy.HostName, reason string) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelConfirm, r.asks("alice")))
	r.okAs(bob(), &ledger.CaseAnswer{Case: id, Reason: reason})
	return id
}

func counted(b *ledger.CaseJudge) { b.Count = true }
