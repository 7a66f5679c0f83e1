package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/policy"
)

func rules(f func(*trust.Rules)) func(*setup) {
	return func(s *setup) {
		s.config = func(c *Config) {
			c.Trust = trust.DefaultRules()
			if f != nil {
				f(&c.Trust)
			}
		}
	}
}

// saidBy is a guardrail's word on the newest decision about a case.
func saidBy(c *ledger.Case, name string) remedy.Answer {
	for _, a := range c.Decision.Answers {
		if a.Guardrail == name {
			return a
		}
	}
	return remedy.Answer{}
}

func (r *rig) level() remedy.Level { return r.l.Level(drain, ingest) }

// TestWrongDemotesAtOnce follows a mistake: the label takes the level in the
// entry that brings it, what was about to start doesn't, and only a review gives
// it back.
func TestWrongDemotesAtOnce(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		acted := r.reaches(3, remedy.StageOut)
		if err := r.e.Label(r.ctx(), bob(), ledger.CaseLabel{Case: acted.ID, Label: trust.Right}); err == nil {
			t.Error("bob is no approver, and right raises")
		}
		r.must(r.e.Label(r.ctx(), bob(), ledger.CaseLabel{Case: acted.ID, Label: trust.Wrong, Note: "deploy"}))
		if r.level() != remedy.LevelConfirm {
			t.Fatalf("still at %s", r.level())
		}
		acts := r.lb.acts()
		r.bad(4)
		r.rounds(30 * time.Minute)
		c := r.open(4)
		if c == nil || c.Stage != remedy.StageWaiting || c.Ask == nil || r.lb.acts() != acts {
			t.Fatalf("%d acts: %+v", r.lb.acts()-acts, c)
		}
		if a := saidBy(c, "demoted"); a.Cap != remedy.LevelConfirm || !strings.Contains(a.Observed, acted.ID.String()+" was wrong") || !strings.Contains(a.Limit, "--review") {
			t.Errorf("%+v", a)
		}
		if !c.Decision.WouldAct {
			t.Error("a demotion hides that warden would have acted")
		}
		// Neither a correction, nor a restart, nor a reload lifts it.
		r.must(r.e.Label(r.ctx(), bob(), ledger.CaseLabel{Case: acted.ID, Withdraw: true}))
		r.restart()
		r.rounds(2 * time.Minute)
		next := *r.cfg
		next.Hash = "another"
		r.must(r.e.Reconfigure(r.ctx(), &next))
		r.rounds(2 * time.Minute)
		if r.level() != remedy.LevelConfirm {
			t.Fatalf("it rose to %s by itself", r.level())
		}
		if err := r.e.Review(r.ctx(), bob(), ledger.TrustReview{Action: drain, Pool: ingest, Reason: "fine"}); err == nil {
			t.Error("bob may not review")
		}
		r.must(r.e.Review(r.ctx(), alice(), ledger.TrustReview{Action: drain, Pool: ingest, Reason: "the deploy job drains now", Seen: r.e.Ledger.Status().Time}))
		if r.level() != remedy.LevelAuto {
			t.Errorf("reviewed and at %s", r.level())
		}
		if n := r.ear.count(ledger.NoticeDemoted); n != 1 {
			t.Errorf("told %d times", n)
		}
		for _, m := range r.ear.heard {
			if m.Notice.Kind == ledger.NoticeDemoted && (m.Demotion == nil || m.Demotion.Case != acted.ID || m.Cause == "") {
				t.Errorf("%+v", m)
			}
		}
	}, rules(nil))
}

// TestWasFineDemotes: an undo with a reason is as good a word.
func TestWasFineDemotes(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		r.must(r.undo(c.ID, remedy.UndoWasFine))
		r.rounds(2 * time.Minute)
		if r.level() != remedy.LevelConfirm {
			r.t.Errorf("still at %s", r.level())
		}
	}, rules(nil))
}

// TestStayedBadIsRight: a host that stays bad with nothing done says that the
// detector was right, once, and not while people fight a fire.
func TestStayedBadIsRight(t *testing.T) {
	t.Parallel()
	said := func(r *rig) (n int) {
		for _, in := range r.l.Trusts() {
			for _, rec := range in.Current {
				for _, s := range rec.Cases {
					for _, x := range s.Said {
						if x.Source == trust.SourceStayed && x.Label == trust.Right {
							n++
						}
					}
				}
			}
		}
		return n
	}
	story(t, func(r *rig) {
		r.bad(3)
		r.rounds(3 * time.Hour)
		if said(r) != 0 {
			r.t.Error("said too early")
		}
		r.rounds(2 * time.Hour)
		if said(r) != 1 {
			r.t.Errorf("said %d times", said(r))
		}
		r.rounds(time.Hour)
		if said(r) != 1 {
			r.t.Errorf("said %d times", said(r))
		}
	}, level(remedy.LevelNotify), rules(nil))
	story(t, func(r *rig) {
		r.bad(3)
		r.rounds(time.Hour)
		r.cfg.BlockWhen = []BlockWhen{{Name: "incident", Source: "nobody"}} // can't be told
		next := *r.cfg
		next.Hash = "with block_when"
		r.must(r.e.Reconfigure(r.ctx(), &next))
		r.rounds(5 * time.Hour)
		if said(r) != 0 {
			r.t.Errorf("said %d times while nobody knows whether there is an incident", said(r))
		}
	}, level(remedy.LevelNotify), rules(nil))
	story(t, func(r *rig) { // nobody looks for a night: whether it was good in between nobody knows
		r.bad(3)
		r.rounds(time.Hour)
		r.clk.Advance(8 * time.Hour)
		r.restart()
		r.rounds(3 * time.Hour)
		if said(r) != 0 {
			r.t.Errorf("said %d times of a night in which nobody looked", said(r))
		}
		r.rounds(2 * time.Hour)
		if said(r) != 1 {
			r.t.Errorf("said %d times once it was bad for long enough again", said(r))
		}
	}, level(remedy.LevelNotify), rules(nil))
}

// TestEnforcedGateHolds: an edit that asks for more than the evidence allows is
// held, evidence that comes later raises nothing, and a review does.
func TestEnforcedGateHolds(t *testing.T) {
	t.Parallel()
	small := func(x *trust.Rules) {
		x.Enforce = true
		x.Notify, x.Confirm, x.Auto = trust.Gate{MinEpisodes: 1}, trust.Gate{}, trust.Gate{}
	}
	story(t, func(r *rig) {
		t := r.t
		r.rounds(5 * time.Minute)
		if r.level() != remedy.LevelMetricOnly {
			t.Fatalf("at %s without any evidence", r.level())
		}
		if len(r.l.Claims()) != 0 {
			t.Errorf("%+v waits for a verdict", r.l.Claims())
		}
		r.bad(3)
		r.rounds(30 * time.Minute)
		c := r.open(3)
		if c == nil || r.lb.acts() != 0 || r.wouldAct() != 1 {
			t.Fatalf("%d acts, %d counted: %+v", r.lb.acts(), r.wouldAct(), c)
		}
		if a := saidBy(c, "trust_gate"); a.Cap != remedy.LevelMetricOnly || !strings.Contains(a.Observed, "the files ask for auto") {
			t.Errorf("%+v", a)
		}
		if r.level() != remedy.LevelMetricOnly {
			t.Error("evidence raised a level by itself")
		}
		r.must(r.e.Review(r.ctx(), alice(), ledger.TrustReview{Action: drain, Pool: ingest, Reason: "there is an episode now", Seen: r.e.Ledger.Status().Time}))
		r.rounds(2 * time.Minute)
		if r.level() != remedy.LevelAuto {
			t.Errorf("the gate is met, and it is at %s", r.level())
		}
	}, rules(small))
}

// TestWarnOnlySays: without enforce the file's level holds.
func TestWarnOnlySays(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(5 * time.Minute)
		if r.level() != remedy.LevelAuto || len(r.l.Claims()) != 0 {
			r.t.Errorf("at %s", r.level())
		}
	}, rules(nil))
}

// TestGuardrailsOfTheLadderSayNothingElse: without a demotion or a gate both
// allow, so that decisions read as before.
func TestGuardrailsOfTheLadderSayNothingElse(t *testing.T) {
	t.Parallel()
	if f, ok := demotedFact(ledger.Facts{}).Get(); !ok || f != (policy.Demoted{}) {
		t.Errorf("%+v", f)
	}
	if f, ok := (&Engine{}).gateFact(&Config{}, ledger.Facts{}).Get(); !ok || f != (policy.TrustGate{}) {
		t.Errorf("%+v", f)
	}
}

// TestSettings: what a suggestion may vary is what the detector runs with.
func TestSettings(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		spec := r.cfg.Detectors[0].Spec()
		s := r.cfg.Settings(spec.Name)
		if s.For != time.Minute || s.BadBelow != remedy.Known(0.5) || s.BadAbove.IsKnown() || s.MaxBadFraction != spec.MaxBadFraction || s.MaxBadFraction <= 0 {
			r.t.Errorf("%+v", s)
		}
		if s := r.cfg.Settings("nobody"); s != (trust.Settings{}) {
			r.t.Errorf("%+v", s)
		}
	}, rules(nil))
}
