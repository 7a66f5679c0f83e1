package engine

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/remedy"
	"warden/internal/source"
	"warden/internal/trust"
)

// tardy is a source that answers after a while, as one does that hangs to its timeout.
type tardy struct {
	source.Source
	clk   *clock.Stepped
	after *time.Duration
}

// Fetch implements source.Source.
func (s tardy) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	s.clk.Advance(*s.after)
	return s.Source.Fetch(ctx, q)
}

// slowly returns a rig, and what lets its source and its load balancer take some time
// over each question from then on: rounds take more than two minutes, and no step does.
func slowly(t *testing.T, change ...func(*setup)) (*rig, func()) {
	t.Helper()
	var after time.Duration
	r := newRig(t, change...)
	s := r.cfg.Sources["prom"]
	s.Source = tardy{Source: s.Source, clk: r.clk, after: &after}
	r.cfg.Sources["prom"] = s
	return r, func() {
		after = 20 * time.Second
		r.lb.between = func() { r.clk.Advance(20 * time.Second) }
	}
}

// begunAgain is how often the ledger was told that nobody had looked.
func begunAgain(r *rig) (n int) {
	for _, e := range r.log.entries {
		for _, op := range e.Ops {
			if op.Kind == "tenure.begin" && strings.Contains(string(op.Body), `"again":true`) {
				n++
			}
		}
	}
	return n
}

// TestSlowRoundsLook: while rounds take minutes, for what they ask hangs, this node
// looks all the while. A verification ends as soon as ever, and what is bad for long
// has stayed bad.
func TestSlowRoundsLook(t *testing.T) {
	t.Parallel()
	t.Run("a verification", func(t *testing.T) {
		t.Parallel()
		r, slow := slowly(t, rules(nil), level(remedy.LevelAuto))
		r.lb.linger = 24 * time.Hour
		r.bad(3)
		c := r.reaches(3, remedy.StageVerifying)
		r.lb.down = true
		slow()
		from := r.clk.Now()
		for range 4 {
			r.round()
		}
		if took := r.clk.Now().Sub(from); took < 4*unwatchedLeast {
			t.Fatalf("four rounds took %s: they are not slow", took)
		}
		if now, _ := r.l.Case(c.ID); now.Stage == remedy.StageVerifying {
			t.Errorf("%s later it still waits", r.clk.Now().Sub(from))
		}
		if n := begunAgain(r); n != 0 {
			t.Errorf("the ledger was told %d times that nobody looked", n)
		}
	})
	t.Run("stayed bad", func(t *testing.T) {
		t.Parallel()
		r, slow := slowly(t, rules(nil), level(remedy.LevelNotify))
		r.bad(1)
		c := r.reaches(1, remedy.StageProposed)
		slow()
		for end := r.clk.Now().Add(5 * time.Hour); r.clk.Now().Before(end); {
			r.round()
		}
		s, _ := r.e.sample(c)
		if !slices.ContainsFunc(s.Said, func(said trust.Statement) bool { return said.Source == trust.SourceStayed }) {
			t.Error("five hours of slow rounds saw it bad, and it has not stayed bad")
		}
		if n := begunAgain(r); n != 0 {
			t.Errorf("the ledger was told %d times that nobody looked", n)
		}
	})
}

// TestSuspendedInARound: the machine is suspended while a load balancer is asked: the
// round is recorded as any other, and nobody looked for those hours.
func TestSuspendedInARound(t *testing.T) {
	t.Parallel()
	r := newRig(t, rules(nil), level(remedy.LevelAuto))
	r.lb.linger = 24 * time.Hour
	r.bad(3)
	c := r.reaches(3, remedy.StageVerifying)
	r.lb.down = true
	once := false
	r.lb.between = func() {
		if !once {
			once = true
			r.clk.Advance(6 * time.Hour)
		}
	}
	r.round()
	r.rounds(30 * time.Second)
	if now, _ := r.l.Case(c.ID); now.Stage != remedy.StageVerifying {
		t.Fatalf("%s %s: nobody could look yet", now.Stage, now.Note)
	}
	if n := begunAgain(r); n != 1 {
		t.Errorf("the ledger was told %d times that nobody looked", n)
	}
}

// TestVerificationEnds: where nobody looks for minutes again and again, what could never be
// seen ends all the same, an hour late: with a person, who is told.
func TestVerificationEnds(t *testing.T) {
	t.Parallel()
	for name, gap := range map[string]time.Duration{"short": 120 * time.Second, "long": 20 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rules(nil), level(remedy.LevelAuto))
			r.lb.linger = 24 * time.Hour
			r.bad(3)
			c := r.reaches(3, remedy.StageVerifying)
			r.lb.down = true
			from, n := r.clk.Now(), 0
			for now, _ := r.l.Case(c.ID); now.Stage == remedy.StageVerifying; now, _ = r.l.Case(c.ID) {
				if n++; n > 40 {
					t.Fatalf("nobody was told in %s that it can't be seen whether it took", r.clk.Now().Sub(from))
				}
				r.clk.Advance(gap)
				r.round()
			}
			if after := r.clk.Now().Sub(from); n < vainLooks || after < vainFor {
				t.Errorf("it ended after %d rounds and %s: there was no time to see it", n, after)
			}
			now, _ := r.l.Case(c.ID)
			if now.Outcome != remedy.OutcomeUnverified {
				t.Errorf("%s: %s", now.Outcome, now.Note)
			}
		})
	}
}

// TestASlowSourceIsLookedAt: a source that hangs for as long as it may, which is longer
// than rounds may be apart, is being asked all the while.
func TestASlowSourceIsLookedAt(t *testing.T) {
	t.Parallel()
	var after time.Duration
	r := newRig(t, rules(nil), level(remedy.LevelAuto))
	s := r.cfg.Sources["prom"]
	s.Source, s.Timeout = tardy{Source: s.Source, clk: r.clk, after: &after}, 3*time.Minute
	r.cfg.Sources["prom"] = s
	r.lb.linger = 24 * time.Hour
	r.bad(3)
	c := r.reaches(3, remedy.StageVerifying)
	r.lb.down = true
	after = 3 * time.Minute
	for range 6 {
		r.round()
	}
	if now, _ := r.l.Case(c.ID); begunAgain(r) != 0 || now.Stage == remedy.StageVerifying {
		t.Errorf("it is %s, and the ledger was told %d times that nobody looked", now.Stage, begunAgain(r))
	}
}
