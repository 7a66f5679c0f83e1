package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// answered finds a guardrail's answer in the case's newest decision.
func answered(c *ledger.Case, guardrail string) remedy.Answer {
	if c != nil && c.Decision != nil {
		for _, a := range c.Decision.Answers {
			if a.Guardrail == guardrail {
				return a
			}
		}
	}
	return remedy.Answer{}
}

// comesBack has alice put the host back as soon as it is out, for a test.
func (r *rig) comesBack(i int) {
	r.tb.Helper()
	c := r.reaches(i, remedy.StageOut)
	r.must(r.undo(c.ID, remedy.UndoTest))
	r.rounds(step)
}

// A host that warden has tried its hand at often enough, or that comes back
// again and again, is left to people: they are told, and nothing is done.
func TestAHostIsLeftToPeople(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*ledger.Limits){
		"attempts": func(l *ledger.Limits) { l.MaxAttempts = 2 },
		"flapping": func(l *ledger.Limits) { l.FlapLimit = 2 },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				r.comesBack(3)
				r.comesBack(3)
				r.rounds(time.Hour)
				c := r.open(3)
				a := answered(c, name)
				if r.lb.acts() != 2 || c.Decision.Level != remedy.LevelNotify || a.Effect != remedy.EffectCap || a.Cap != remedy.LevelNotify {
					t.Fatalf("%d acts, decided %+v, %s answers %+v", r.lb.acts(), c.Decision.Level, name, a)
				}
				if r.ear.count(ledger.NoticeComplaint) == 0 {
					t.Error("nobody was told")
				}
				// A restart forgets none of it: it is in the ledger.
				r.restart()
				r.rounds(time.Hour)
				if r.lb.acts() != 2 {
					t.Errorf("%d acts after a restart", r.lb.acts())
				}
				// A person is not bound, and a day later warden is not either.
				r.must(r.byHand(3))
				if r.lb.acts() != 3 {
					t.Errorf("%d acts after a run by hand", r.lb.acts())
				}
				r.comesBack(3)
				r.rounds(25 * time.Hour)
				if r.lb.acts() < 4 {
					t.Errorf("%d acts a day later: %+v", r.lb.acts(), answered(r.open(3), name))
				}
			}, func(s *setup) { s.cooldown = time.Minute; s.complain = time.Hour }, limits(change))
		})
	}
}

// byHand has alice drain a host, and lets it run.
func (r *rig) byHand(i int) error {
	var err error
	r.do(func() {
		_, err = r.e.RunByHand(r.ctx(), alice(), RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(i)}, Reason: "mine"})
		r.attend()
	})
	return err
}

// An execution that was called off is no attempt, and one that was undone is a
// flap.
func TestWhatCountsAsAnAttempt(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		expect := func(when string, attempts, flaps int) {
			t.Helper()
			f := r.l.Facts(ledger.FactsQuery{Pool: ingest, Host: r.host(3), Action: drain, Now: r.clk.Now()})
			if f.Attempts != attempts || f.Flaps != flaps {
				t.Errorf("%s: %d attempts and %d flaps, want %d and %d", when, f.Attempts, f.Flaps, attempts, flaps)
			}
		}
		r.rounds(5 * time.Minute)
		r.log.verify = func() error { return errTest }
		r.bad(3)
		r.rounds(5 * time.Minute)
		if c := r.open(3); c.Execution() == nil || c.Execution().Outcome != remedy.OutcomeAborted {
			t.Fatalf("nothing was called off: %+v", c)
		}
		expect("called off", 0, 0)
		r.log.verify = nil
		c := r.reaches(3, remedy.StageOut)
		expect("out", 1, 0)
		r.must(r.undo(c.ID, remedy.UndoTest))
		expect("undone", 1, 1)
		r.must(r.byHand(3))
		r.rounds(3 * time.Minute)
		expect("by hand", 2, 1)
		r.lb.set(r.host(3), "ready") // another hand
		r.rounds(time.Minute)
		expect("returned", 2, 2)
		r.good(3)
		r.rounds(24 * time.Hour)
		expect("a day later", 0, 0)
	}, func(s *setup) { s.cooldown = 24 * time.Hour })
}

// Evidence that is older than two intervals and a slow answer starts nothing;
// what an ordinary round finds, slow or not, does.
func TestOldEvidence(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		later time.Duration // when alice says yes, after the newest round
		acts  int
	}{
		{"at once", 0, 1},
		{"just before the next round", step - time.Millisecond, 1},
		{"while the next round is slow", step + 5*time.Second, 1},
		{"after the rounds stopped", step + 6*time.Second, 0},
		{"an hour later", time.Hour, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				c := r.reaches(3, remedy.StageWaiting)
				r.clk.Advance(tt.later)
				err := r.answer(c.ID, true)
				if tt.acts == 1 {
					r.must(err)
				}
				if r.lb.acts() != tt.acts {
					t.Errorf("%d acts, want %d: %v", r.lb.acts(), tt.acts, err)
				}
				if tt.later < time.Hour && tt.acts == 0 && !r.ear.said("evidence_age") {
					t.Error("nobody was told what it waits for")
				}
			}, level(remedy.LevelConfirm), func(s *setup) { s.expires = 2 * time.Hour })
		})
	}
}

// said reports whether a notice had the words.
func (a *ear) said(words string) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, m := range a.heard {
		if strings.Contains(m.Notice.Detail, words) {
			return true
		}
	}
	return false
}
