package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// counts says for which digest of the detector a case is evidence.
func (r *rig) counts(id remedy.CaseID) string {
	in, _ := r.l.Trust(drain, ingest)
	out := "none"
	for _, rec := range slices.Concat(in.Current, in.Older) {
		if slices.ContainsFunc(rec.Cases, func(s trust.Sample) bool { return s.Case == id }) {
			if out != "none" {
				r.t.Fatalf("%s counts twice: %+v", id, in)
			}
			out = rec.Digest
		}
	}
	return out
}

// TestAReloadBetweenQuestionAndAct: what is acted on by a changed detector is
// evidence about that one, and nothing is started by what the old one saw.
func TestAReloadBetweenQuestionAndAct(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		c := r.reaches(3, remedy.StageWaiting)
		was := r.cfg.Detectors[0].Spec().Digest
		if got := r.counts(c.ID); got != was {
			t.Fatalf("it counts for %s, want %s", got, was)
		}
		s := defaults()
		level(remedy.LevelConfirm)(&s)
		rules(nil)(&s)
		s.canary.Window *= 2
		next := r.config(s)
		next.Hash = "another detector"
		is := next.Detectors[0].Spec().Digest
		if is == was {
			t.Fatal("it is no other detector")
		}
		r.cfg = next
		r.must(r.e.Reconfigure(r.ctx(), next))
		r.must(r.says("alice", c.ID, true))
		if c := r.last(3); len(c.Executions) != 0 || c.Answer == nil {
			t.Fatalf("it was started by what the old detector saw: %+v", c)
		}
		r.rounds(3 * step)
		done := r.reaches(3, remedy.StageOut)
		if got := r.counts(c.ID); done.ID != c.ID || got != is || r.lb.acts() != 1 {
			t.Errorf("%s counts for %s, want %s", done.ID, got, is)
		}
		if !slices.ContainsFunc(done.Events, func(e ledger.Event) bool { return strings.Contains(e.What, "as it is now (digest "+is+")") }) {
			t.Errorf("%+v", done.Events)
		}
		if smp, ok := r.e.sample(done); !ok || !smp.Acted || smp.At.After(c.Ask.ExpiresAt.Add(-25*time.Minute)) {
			t.Errorf("%+v", smp)
		}
	}, level(remedy.LevelConfirm), rules(nil))
}

// TestOlderVotersReadSTART: while one knows no version 3, START doesn't say it.
func TestOlderVotersReadSTART(t *testing.T) {
	t.Parallel()
	for _, version := range []int{2, ledger.Version} {
		story(t, func(r *rig) {
			r.founded()
			r.reports(n2, version)
			r.reports(n3, version)
			r.bad(3)
			r.reaches(3, remedy.StageOut)
			e := r.log.entries[r.where("exec.start")-1]
			if want := version == ledger.Version; e.V > version || (e.V == ledger.Version) != want || strings.Contains(string(e.Ops[0].Body), `"digest"`) != want {
				r.t.Errorf("version %d: %d %s", version, e.V, e.Ops[0].Body)
			}
		}, rules(nil))
	}
}
