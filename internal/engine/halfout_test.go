package engine

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// An effect that one of two load balancers took is partial: told with a page,
// its host keeps its slot, nothing is repeated, and an undo puts back what was
// changed and nothing else.
func TestPartial(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		f := r.farm("a", "b")
		f.dies = "b"
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		if c.Outcome != remedy.OutcomePartial || f.states(c.Host) != "drain ready" || !strings.Contains(c.Note, "drain on a, ready on b") {
			t.Errorf("%s (%s), it is in %q", c.Outcome, c.Note, f.states(c.Host))
		}
		if pages := r.ear.pages(); len(pages) != 1 || pages[0].Case != c.ID {
			t.Errorf("pages %+v", pages)
		}
		r.rounds(5 * time.Minute)
		if a, _ := f.commands("a"); a != 1 || r.last(3).ID != c.ID {
			t.Errorf("a was told %d times", a)
		}
		out := r.l.Pool(ingest, r.clk.Now()).Out
		if len(out) != 1 || out[0].Host != c.Host || out[0].Admin != "drain on a, ready on b" {
			t.Errorf("out: %+v", out)
		}
		f.dies = ""
		r.must(r.undo(c.ID, remedy.UndoFixed))
		if _, b := f.commands("b"); b != 0 || f.states(c.Host) != "ready ready" || r.last(3).Outcome != remedy.OutcomeUndone {
			t.Errorf("%q, %s, %d commands to b", f.states(c.Host), r.last(3).Outcome, b)
		}
	})
}

// An undo touches only the load balancers that warden changed and where nobody
// else has been since: what another hand drained is left to it, also when
// warden never learned it from a report.
func TestUndoTouchesOnlyWhatWardenChanged(t *testing.T) {
	t.Parallel()
	h := hostNames(10)[3]
	for name, tt := range map[string]struct {
		before func(r *rig, f *farm)
		after  func(r *rig, f *farm)
		states string
		undone [2]int
	}{
		"a partial drain, and another hand's on the rest": {before: func(_ *rig, f *farm) { f.dies = "b" },
			after: func(_ *rig, f *farm) { f.dies = ""; f.set("b", h, "drain") }, states: "ready drain", undone: [2]int{1, 0}},
		"it was out on one already": {before: func(_ *rig, f *farm) { f.set("a", h, "drain") }, states: "drain ready", undone: [2]int{0, 1}},
		"readied on one, and drained there again": {after: func(r *rig, f *farm) {
			f.set("b", h, "ready")
			r.rounds(2 * step)
			f.set("b", h, "drain")
			r.rounds(2 * step)
			r.restart()
			r.rounds(step)
		}, states: "ready drain", undone: [2]int{1, 0}},
		"readied on one": {after: func(r *rig, f *farm) { f.set("b", h, "ready"); r.rounds(2 * step) }, states: "ready ready", undone: [2]int{1, 0}},
		"nobody's hand":  {states: "ready ready", undone: [2]int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				f := r.farm("a", "b")
				if tt.before != nil {
					tt.before(r, f)
				}
				r.bad(3)
				id := r.reaches(3, remedy.StageOut).ID
				if tt.after != nil {
					tt.after(r, f)
				}
				r.rounds(2 * step)
				r.must(r.undo(id, remedy.UndoFixed))
				_, a := f.commands("a")
				_, b := f.commands("b")
				c, _ := r.l.Case(id)
				if f.states(h) != tt.states || [2]int{a, b} != tt.undone || c.Outcome != remedy.OutcomeUndone {
					t.Errorf("it is in %q, undone %d and %d times, %s %s: %+v", f.states(h), a, b, c.Stage, c.Outcome, c.Events)
				}
			})
		})
	}
}

// Where another hand has put back all that warden changed, the case is over,
// though the host is out still by another hand; and what warden never changed
// is not undone.
func TestWhatIsLeftIsAnothersHand(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		f := r.farm("a", "b")
		f.dies = "b"
		r.bad(3)
		c := r.reaches(3, remedy.StageOut)
		f.dies = ""
		f.set("b", c.Host, "drain")
		r.rounds(2 * step)
		f.set("a", c.Host, "ready")
		r.rounds(2 * step)
		if c, _ = r.l.Case(c.ID); c.Outcome != remedy.OutcomeReturned || !strings.Contains(c.Note, "another hand's too") {
			t.Errorf("%s %s (%s)", c.Stage, c.Outcome, c.Note)
		}
	})
}

// A host that somebody has out on one of two load balancers takes traffic, and
// so it is judged; for the floor and the out-slots it counts as out.
func TestHalfOutCountsAsOut(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		f := r.farm("a", "b")
		f.set("b", r.host(7), "drain")
		r.bad(3)
		r.rounds(10 * time.Minute)
		c := r.last(3)
		if f.states(c.Host) != "ready ready" || blockedBy(c) != "max_out" {
			t.Errorf("it is in %q, blocked by %q", f.states(c.Host), blockedBy(c))
		}
		f.set("b", r.host(7), "ready")
		r.reaches(3, remedy.StageOut)
	}, limits(func(l *ledger.Limits) { l.MaxOut = 1 }))
}

// A pool that moves to another load balancer takes nothing along: what is out
// there counts once, what isn't is back in service, and what warden did on the
// old one is said, and undone nowhere else.
func TestPoolMovesBetweenBalancers(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		to     []string
		onNew  string
		stage  remedy.Stage
		of     remedy.Outcome
		out    int
		says   string
		undone bool
	}{
		"ready there":         {to: []string{"b"}, onNew: "ready", stage: remedy.StageClosed, of: remedy.OutcomeReturned, says: "may be out still on a"},
		"drained there too":   {to: []string{"b"}, onNew: "drain", stage: remedy.StageOut, of: remedy.OutcomeDone, out: 1},
		"behind both":         {to: []string{"a", "b"}, onNew: "ready", stage: remedy.StageOut, of: remedy.OutcomeDone, out: 1, undone: true},
		"behind both, out on": {to: []string{"a", "b"}, onNew: "drain", stage: remedy.StageOut, of: remedy.OutcomeDone, out: 1, undone: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				old := r.farm("a")
				r.bad(3)
				c := r.reaches(3, remedy.StageOut)
				moved := newFarm(r.clk, tt.to...)
				for _, l := range moved.lbs {
					l.admin[c.Host] = tt.onNew
					if l.name == "a" {
						*l = *old.lb("a")
					}
				}
				r.serve(moved)
				r.rounds(5 * time.Minute)
				c, _ = r.l.Case(c.ID)
				if c.Stage != tt.stage || c.Outcome != tt.of || !strings.Contains(c.Note, tt.says) {
					t.Errorf("%s %s (%s)", c.Stage, c.Outcome, c.Note)
				}
				facts := r.l.Facts(ledger.FactsQuery{Pool: ingest, Host: r.host(0), Action: drain, Now: r.clk.Now()})
				if facts.Out != tt.out {
					t.Errorf("%d count as out", facts.Out)
				}
				if reasserts(c) != 0 {
					t.Errorf("put back: %+v", c.Executions)
				}
				if !c.Open() {
					return
				}
				r.must(r.undo(c.ID, remedy.UndoFixed))
				if done := r.last(3).Outcome == remedy.OutcomeUndone; done != tt.undone {
					t.Errorf("undone %v: %s, %+v", done, moved.states(c.Host), r.last(3).Execution())
				}
				if _, n := moved.commands("b"); n != 0 {
					t.Errorf("b was told %d times, where warden never did anything", n)
				}
			})
		})
	}
}
