package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestStayedBadOverASuspension: a node that is alone, and suspended for hours, leads
// in the same term as before and has seen nothing of them; whether both of its clocks
// went on meanwhile, or one.
func TestStayedBadOverASuspension(t *testing.T) {
	t.Parallel()
	for name, passes := range map[string]func(r *rig){
		"the process": func(r *rig) { r.clk.Advance(6 * time.Hour) },
		"the machine": func(r *rig) { r.clk.Skew(6 * time.Hour) },
		"some minutes, many times": func(r *rig) {
			for range 60 {
				r.clk.Advance(5 * time.Minute)
				r.rounds(20 * time.Second)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, rules(nil), level(remedy.LevelNotify))
			r.bad(1)
			c := r.reaches(1, remedy.StageProposed)
			stayed := func() bool {
				s, ok := r.e.sample(c)
				if now, _ := r.l.Case(c.ID); !ok || now.Stage == remedy.StageClosed {
					t.Fatalf("%+v", now)
				}
				return slices.ContainsFunc(s.Said, func(said trust.Statement) bool { return said.Source == trust.SourceStayed })
			}
			r.rounds(5 * time.Minute)
			passes(r)
			r.rounds(3*time.Hour + 50*time.Minute)
			if stayed() {
				t.Fatal("the host was seen bad for less than four hours since, and has stayed bad")
			}
			r.rounds(time.Hour)
			if !stayed() {
				t.Fatal("the host was seen bad for four hours, and has not stayed bad")
			}
		})
	}
}

// TestVerifiedAfterASuspension: a load balancer that doesn't answer the first look
// after hours in which nobody looked has not been asked for long: that is unknown, and
// no word that the action did not take.
func TestVerifiedAfterASuspension(t *testing.T) {
	t.Parallel()
	r := newRig(t, rules(nil), level(remedy.LevelAuto))
	r.lb.linger = time.Hour
	r.bad(3)
	c := r.reaches(3, remedy.StageVerifying)
	r.lb.down = true
	r.clk.Advance(6 * time.Hour)
	r.e.Kick()
	r.e.attend(r.ctx())
	r.rounds(30 * time.Second)
	if now, _ := r.l.Case(c.ID); now.Stage != remedy.StageVerifying {
		t.Fatalf("%s %s: nobody could look yet", now.Stage, now.Note)
	}
	r.rounds(10 * time.Minute)
	if now, _ := r.l.Case(c.ID); now.Stage == remedy.StageVerifying {
		t.Fatal("it has been asked for ten minutes")
	}
}

// TestSlowRoundsEndAVerification: where each round takes so long that it looks like time
// in which nobody looked, a load balancer that never answers leads to a person all the same.
func TestSlowRoundsEndAVerification(t *testing.T) {
	t.Parallel()
	r := newRig(t, rules(nil), level(remedy.LevelAuto))
	r.lb.linger = time.Hour
	r.bad(3)
	c := r.reaches(3, remedy.StageVerifying)
	r.lb.down = true
	began := r.clk.Now()
	for r.clk.Now().Sub(began) < 2*time.Hour {
		r.clk.Advance(150 * time.Second)
		r.round()
		now, _ := r.l.Case(c.ID)
		if took := r.clk.Now().Sub(began); now.Stage != remedy.StageVerifying {
			if took < time.Hour || !strings.Contains(now.Note, "can't be asked whether it took") {
				t.Errorf("after %s: %s %s %q", took, now.Stage, now.Outcome, now.Note)
			}
			return
		}
	}
	t.Error("nobody was told in two hours that it can't be seen whether it took")
}
