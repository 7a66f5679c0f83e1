package engine

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// life is one host's story at auto: it turns bad, is drained, and is put back
// by alice. Killed at step die of all that can be told apart, warden starts
// again on the same ledger and goes on. It returns how many steps there were.
func life(t *testing.T, die int, ages bool, linger time.Duration) int {
	t.Helper()
	steps := 0
	story(t, func(r *rig) {
		t := r.t
		r.lb.ages, r.lb.linger = ages, linger
		r.rounds(time.Minute)
		r.bad(3)
		r.hooks.n, r.hooks.die = 0, die
		died := ""
		turn := func(f func()) {
			if at := r.do(f); at != "" {
				if died != "" {
					t.Fatalf("died again at %s", at)
				}
				died = at
				r.restart()
			}
		}
		for range 30 {
			r.clk.Advance(step)
			turn(func() { r.turn() })
		}
		if c := r.last(3); c.Stage == remedy.StageOut && c.Outcome == remedy.OutcomeDone {
			turn(func() {
				if err := r.e.Undo(r.ctx(), alice(), c.ID, remedy.UndoTest); err == nil {
					r.attend()
				}
			})
		}
		for range 30 {
			r.clk.Advance(step)
			turn(func() { r.turn() })
		}
		steps = r.hooks.n
		check(t, r, fmt.Sprintf("killed at step %d, %s (ages %v)", die, died, ages))
	})
	return steps
}

// check holds what must be true after any story: nothing was repeated, nothing
// lost, and every execution has a verdict or a person.
func check(t *testing.T, r *rig, when string) {
	t.Helper()
	seen := map[remedy.Token]int{}
	for _, j := range slices.Concat(r.lb.applied, r.lb.undone) {
		seen[j.Token]++
	}
	for token, n := range seen {
		if n > 1 {
			t.Errorf("%s: %d effects of execution %s", when, n, token)
		}
	}
	paged := map[remedy.CaseID]bool{}
	heard := map[uint64]bool{}
	for _, m := range r.ear.heard {
		heard[m.Notice.Seq] = true
		if m.Notice.Page {
			paged[m.Notice.Case] = true
		}
	}
	known := map[remedy.Token]bool{}
	for _, c := range r.l.Cases(ledger.CaseFilter{}) {
		for _, x := range c.Executions {
			known[x.Token] = true
			switch {
			case x.Outcome == "":
				t.Errorf("%s: execution %s of %s never ended", when, x.Token, c.ID)
			case x.Outcome == remedy.OutcomeUnknown && !paged[c.ID]:
				t.Errorf("%s: %s is unknown and nobody was paged", when, c.ID)
			case x.Outcome == remedy.OutcomeDone && seen[x.Token] != 1:
				t.Errorf("%s: execution %s is done after %d effects", when, x.Token, seen[x.Token])
			case x.Outcome == remedy.OutcomeAborted && seen[x.Token] > 0:
				t.Errorf("%s: execution %s was called off, and had its effect", when, x.Token)
			}
		}
	}
	for token := range seen {
		if !known[token] {
			t.Errorf("%s: an effect without a START, %s", when, token)
		}
	}
	if n := len(r.l.Pending()); n > 0 {
		t.Errorf("%s: %d notices were never told", when, n)
	}
	for seq := uint64(1); seq <= uint64(len(heard)); seq++ {
		if !heard[seq] {
			t.Errorf("%s: notice %d was lost", when, seq)
		}
	}
}

func TestKilledBetweenAnyTwoSteps(t *testing.T) {
	t.Parallel()
	for _, ages := range []bool{true, false} {
		steps := life(t, 0, ages, 10*time.Second)
		t.Logf("%d steps", steps)
		if steps < 100 {
			t.Fatalf("only %d steps", steps)
		}
		for die := 1; die <= steps; die++ {
			life(t, die, ages, 10*time.Second)
		}
	}
}
