package engine

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// reasserts counts the case's executions that put it back.
func reasserts(c *ledger.Case) (n int) {
	for _, x := range c.Executions {
		if x.Kind == remedy.KindReassert && x.Outcome != remedy.OutcomeAborted {
			n++
		}
	}
	return n
}

// What becomes of a host that warden drained, when its load balancer is
// reloaded or somebody puts it back: only what a reload forgot is put back, and
// once an hour.
func TestReassert(t *testing.T) {
	t.Parallel()
	h := hostNames(10)[3]
	tests := []struct {
		name  string
		lbs   []string
		do    func(r *rig, f *farm)
		after time.Duration // looked at after so long
		// wants: the states, how often it was put back, the case
		states  string
		back    int
		stage   remedy.Stage
		outcome remedy.Outcome
		told    string // what the page about it says
	}{
		{name: "reloaded", do: func(_ *rig, f *farm) { f.reload("a") },
			states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "readied by hand", do: func(_ *rig, f *farm) { f.set("a", h, "ready") },
			states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "readied by hand, then reloaded", do: func(r *rig, f *farm) { f.set("a", h, "ready"); r.rounds(step); f.reload("a") },
			states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "with a state file", do: func(_ *rig, f *farm) { f.change("a", func(l *farmLB) { l.file = true }); f.reload("a") },
			states: "drain", stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "with a state file, then readied by hand", do: func(r *rig, f *farm) {
			f.change("a", func(l *farmLB) { l.file = true })
			f.reload("a")
			r.rounds(step)
			f.set("a", h, "ready")
		}, states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "twice within the hour", do: func(r *rig, f *farm) { f.reload("a"); r.rounds(20 * time.Minute); f.reload("a") },
			states: "ready", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "once an hour"},
		{name: "twice within the hour, and left alone", do: func(r *rig, f *farm) { f.reload("a"); r.rounds(20 * time.Minute); f.reload("a") }, after: 15 * time.Minute,
			states: "ready", back: 1, stage: remedy.StageClosed, outcome: remedy.OutcomeReturned, told: "once an hour"},
		{name: "once more after the hour", do: func(r *rig, f *farm) { f.reload("a"); r.rounds(61 * time.Minute); f.reload("a") },
			states: "drain", back: 2, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "frozen", do: func(r *rig, f *farm) { r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{})); f.reload("a") },
			states: "ready", stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "freeze"},
		{name: "frozen for a while", do: func(r *rig, f *farm) {
			r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{}))
			f.reload("a")
			r.rounds(3 * time.Minute)
			r.must(r.e.Unfreeze(r.ctx(), alice()))
		}, states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "freeze"},
		{name: "frozen for long", do: func(r *rig, f *farm) {
			r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{}))
			f.reload("a")
			r.rounds(12 * time.Minute)
			r.must(r.e.Unfreeze(r.ctx(), alice()))
		}, states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned, told: "freeze"},
		{name: "held", do: func(r *rig, f *farm) {
			r.must(r.e.Hold(r.ctx(), bob(), Target{Pool: ingest, Host: h}, "mine", r.clk.Now().Add(time.Hour)))
			f.reload("a")
		}, states: "ready", stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "hold"},
		{name: "in a deny window", do: func(r *rig, f *farm) { r.deny(f, time.Hour, remedy.LevelConfirm); f.reload("a") },
			states: "ready", stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "windows: deny window now is open"},
		{name: "in a deny window for a while", do: func(r *rig, f *farm) { r.deny(f, 3*time.Minute, remedy.LevelBlocked); f.reload("a") },
			states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "windows"},
		{name: "in a deny window for long", do: func(r *rig, f *farm) { r.deny(f, 20*time.Minute, remedy.LevelConfirm); f.reload("a") }, after: 25 * time.Minute,
			states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned, told: "windows"},
		{name: "outside of all allow windows", do: func(r *rig, f *farm) {
			r.deny(f, time.Hour, remedy.LevelBlocked)
			r.cfg.Windows[0].Deny, r.cfg.Windows[0].Schedule = false, schedule("0 0 * * *")
			r.serve(f)
			f.reload("a")
		}, states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "while a block_when fires", do: func(r *rig, f *farm) {
			r.cfg.Sources["siren"] = Source{Source: &siren{fires: []float64{1}}}
			r.cfg.BlockWhen = []BlockWhen{{Name: "b", Source: "siren", Query: "incident", Present: "here"}}
			r.serve(f)
			f.reload("a")
		}, states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "stepped down", do: func(r *rig, f *farm) {
			a := r.cfg.Actions[drain]
			a.Levels = map[remedy.PoolName]remedy.Level{ingest: remedy.LevelNotify}
			r.cfg.Actions[drain] = a
			r.serve(f)
			f.reload("a")
		}, states: "ready", stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "notify"},
		{name: "on no new evidence", do: func(r *rig, f *farm) { r.src.dead = true; f.reload("a") },
			states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "not asked in between, once", do: func(r *rig, f *farm) {
			f.change("a", func(l *farmLB) { l.down = true })
			r.rounds(step)
			r.clk.Advance(time.Second)
			f.reload("a")
			f.change("a", func(l *farmLB) { l.down = false })
		}, states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "not asked for long", do: func(r *rig, f *farm) {
			f.change("a", func(l *farmLB) { l.down = true })
			r.rounds(2 * step)
			r.clk.Advance(time.Second)
			f.reload("a")
			f.change("a", func(l *farmLB) { l.down = false })
		}, states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "another process, and an old one", do: func(_ *rig, f *farm) {
			f.reload("a")
			f.change("a", func(l *farmLB) { l.since = l.since.Add(-time.Hour) })
		}, states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "a process without a name", do: func(_ *rig, f *farm) { f.change("a", func(l *farmLB) { l.dumb = true }); f.reload("a") },
			states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "in maintenance after the reload", do: func(_ *rig, f *farm) { f.reload("a"); f.set("a", h, "maint") },
			states: "maint", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "warden restarted before the poll", do: func(r *rig, f *farm) { f.reload("a"); r.restart() },
			states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "warden restarted while frozen", do: func(r *rig, f *farm) {
			r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{}))
			f.reload("a")
			r.rounds(step)
			r.restart()
			r.rounds(step)
			r.must(r.e.Unfreeze(r.ctx(), alice()))
		}, states: "drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "freeze"},
		{name: "undone meanwhile", do: func(r *rig, f *farm) {
			r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{}))
			f.reload("a")
			r.rounds(step)
			r.must(r.undo(r.last(3).ID, remedy.UndoFixed))
		}, states: "ready", stage: remedy.StageClosed, outcome: remedy.OutcomeUndone, told: "freeze"},
		{name: "drained by hand meanwhile", do: func(r *rig, f *farm) {
			r.must(r.e.Freeze(r.ctx(), alice(), "stop", time.Time{}))
			f.reload("a")
			r.rounds(step)
			f.set("a", h, "drain")
		}, states: "drain", stage: remedy.StageOut, outcome: remedy.OutcomeDone, told: "freeze"},
		{name: "it fails", do: func(_ *rig, f *farm) { f.dies = "a"; f.reload("a") },
			states: "ready", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeUnverified, told: "a refuses"},

		{name: "one of two reloaded", lbs: []string{"a", "b"}, do: func(_ *rig, f *farm) { f.reload("b") },
			states: "drain drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "both reloaded", lbs: []string{"a", "b"}, do: func(_ *rig, f *farm) { f.reload("a"); f.reload("b") },
			states: "drain drain", back: 1, stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "one readied by hand", lbs: []string{"a", "b"}, do: func(_ *rig, f *farm) { f.set("a", h, "ready") },
			states: "ready drain", stage: remedy.StageOut, outcome: remedy.OutcomeDone},
		{name: "one readied by hand, the other reloaded", lbs: []string{"a", "b"}, do: func(r *rig, f *farm) { f.set("a", h, "ready"); r.rounds(step); f.reload("b") },
			states: "ready ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
		{name: "both readied by hand", lbs: []string{"a", "b"}, do: func(_ *rig, f *farm) { f.set("a", h, "ready"); f.set("b", h, "ready") },
			states: "ready ready", stage: remedy.StageClosed, outcome: remedy.OutcomeReturned},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				lbs := tt.lbs
				if lbs == nil {
					lbs = []string{"a"}
				}
				f := r.farm(lbs...)
				r.bad(3)
				id := r.reaches(3, remedy.StageOut).ID
				r.rounds(2 * step)
				before := map[string]int{}
				for _, name := range lbs {
					before[name], _ = f.commands(name)
				}
				tt.do(r, f)
				r.rounds(max(tt.after, 4*time.Minute))
				c, _ := r.l.Case(id)
				if got := f.states(h); got != tt.states || reasserts(c) != tt.back || c.Stage != tt.stage || c.Outcome != tt.outcome {
					t.Errorf("it is in %q, put back %d times, %s %s (%s)\n%+v", got, reasserts(c), c.Stage, c.Outcome, c.Note, c.Events)
				}
				sent := 0
				for _, name := range lbs {
					n, _ := f.commands(name)
					sent += n - before[name]
				}
				if want := tt.back * strings.Count(tt.states, "drain"); tt.name == "one of two reloaded" && sent != 1 || len(lbs) == 1 && tt.told == "" && sent != want {
					t.Errorf("%d commands were sent", sent)
				}
				var said strings.Builder
				for _, n := range r.ear.pages() {
					said.WriteString(n.Detail + "\n")
				}
				if (said.String() != "") != (tt.told != "") || !strings.Contains(said.String(), tt.told) {
					t.Errorf("pages: %q, want one that says %q", said.String(), tt.told)
				}
			})
		})
	}
}

// deny puts a deny window in force that opens now.
func (r *rig) deny(f *farm, lasts time.Duration, left remedy.Level) {
	now := r.clk.Now()
	r.cfg.Windows = []policy.Window{{
		Name: "now", Deny: true, Schedule: schedule(fmt.Sprintf("%d %d * * *", now.Minute(), now.Hour())), Duration: lasts, Location: time.UTC, Cap: left,
	}}
	r.serve(f)
}

// In mid-drain: the case is still verifying when the reload comes.
func TestReassertInMidDrain(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		f := r.farm("a")
		f.lb("a").busy = 7
		r.bad(3)
		r.reaches(3, remedy.StageVerifying)
		f.reload("a")
		r.rounds(step)
		c := r.last(3)
		if f.states(c.Host) != "drain" || reasserts(c) != 1 || c.Stage != remedy.StageVerifying {
			t.Errorf("it is in %q, %s: %+v", f.states(c.Host), c.Stage, c.Events)
		}
		f.change("a", func(l *farmLB) { l.busy = 0 })
		c = r.reaches(3, remedy.StageOut)
		if c.Outcome != remedy.OutcomeDone || len(r.ear.pages()) > 0 {
			t.Errorf("%s, pages %+v", c.Outcome, r.ear.pages())
		}
		if n := r.counter("warden_actions_total", "trigger", "reassert", "result", "done"); n != 1 {
			t.Errorf("warden_actions_total counts %d", n)
		}
		// What an undo restores is what was there before the drain.
		r.must(r.undo(c.ID, remedy.UndoFixed))
		if f.states(c.Host) != "ready" || r.last(3).Outcome != remedy.OutcomeUndone {
			t.Errorf("%q, %s", f.states(c.Host), r.last(3).Outcome)
		}
	})
}
