package policy_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
	"warden/policy"
)

// step is how much stricter a limit gets: by an amount, or to a share of it.
type step struct {
	by   int
	keep float64
}

func (s step) duration() time.Duration { return time.Duration(s.by) * time.Minute }

// edit changes the value of a known fact and leaves an unknown one alone.
func edit[T any](f *remedy.Fact[T], change func(*T)) {
	if v, ok := f.Get(); ok {
		change(&v)
		*f = remedy.Known(v)
	}
}

// shrink lowers a share. One that is no share stays as it is: it blocks, and
// making it a share would not be tightening.
func shrink(f *float64, s step) {
	if *f >= 0 && *f <= 1 {
		*f *= s.keep
	}
}

// raise adds to a limit that is not negative, for the same reason.
func raise[T int | time.Duration](v *T, by T) {
	if *v >= 0 {
		*v += by
	}
}

// lowerCluster sets a cluster limit where there was none, and lowers one there
// was, though not to 0, which would mean none.
func lowerCluster(n *int, by int) {
	if *n == 0 {
		*n = by
		return
	}
	*n = max(min(*n, 1), *n-by)
}

// limitSteps makes each field of Limits stricter.
func limitSteps(s step) map[string]func(*policy.Limits) {
	return map[string]func(*policy.Limits){
		"MinInService":      func(l *policy.Limits) { raise(&l.MinInService, s.by) },
		"MaxOut":            func(l *policy.Limits) { l.MaxOut -= s.by },
		"MaxOutFraction":    func(l *policy.Limits) { shrink(&l.MaxOutFraction, s) },
		"MaxConcurrent":     func(l *policy.Limits) { l.MaxConcurrent -= s.by },
		"PerHour":           func(l *policy.Limits) { l.PerHour -= s.by },
		"PerDay":            func(l *policy.Limits) { l.PerDay -= s.by },
		"ClusterPerHour":    func(l *policy.Limits) { lowerCluster(&l.ClusterPerHour, s.by) },
		"ClusterPerDay":     func(l *policy.Limits) { lowerCluster(&l.ClusterPerDay, s.by) },
		"CooldownPerHost":   func(l *policy.Limits) { raise(&l.CooldownPerHost, s.duration()) },
		"MaxAttempts":       func(l *policy.Limits) { l.MaxAttempts -= s.by },
		"FlapLimit":         func(l *policy.Limits) { l.FlapLimit -= s.by },
		"SettleAfterAction": func(l *policy.Limits) { raise(&l.SettleAfterAction, s.duration()) },
	}
}

// worldSteps makes each limit that World holds outside Limits stricter.
func worldSteps(s step) map[string]func(*policy.World) {
	return map[string]func(*policy.World){
		"Effective": func(w *policy.World) {
			edit(&w.Effective, func(l *remedy.Level) { *l = max(*l, remedy.LevelNotify) - 1 })
		},
		"Coverage.Min": func(w *policy.World) {
			edit(&w.Coverage, func(c *policy.Coverage) {
				if c.Min >= 0 && c.Min <= 1 {
					c.Min = 1 - (1-c.Min)*s.keep
				}
			})
		},
		"CommonMode.MaxFraction": func(w *policy.World) {
			edit(&w.CommonMode, func(c *policy.CommonMode) { shrink(&c.MaxFraction, s) })
		},
		"CommonMode.Cooldown": func(w *policy.World) {
			edit(&w.CommonMode, func(c *policy.CommonMode) { raise(&c.Cooldown, s.duration()) })
		},
		"Domains.Max": func(w *policy.World) {
			edit(&w.Domains, func(d *policy.Domains) { d.Max -= s.by })
		},
		"Windows.Cap": func(w *policy.World) {
			edit(&w.Windows, func(all *[]policy.Window) {
				*all = slices.Clone(*all)
				for i := range *all {
					if v := &(*all)[i]; v.Cap > remedy.LevelBlocked && v.Cap < remedy.LevelAuto {
						v.Cap--
					}
				}
			})
		},
		"Evidence.MaxAge": func(w *policy.World) {
			edit(&w.Evidence, func(e *policy.Evidence) { e.MaxAge -= s.duration() })
		},
		"Clock.Max": func(w *policy.World) {
			edit(&w.Clock, func(c *policy.Clock) { c.Max -= s.duration() })
		},
	}
}

func TestTighteningNeverRaises(t *testing.T) {
	for f := range reflect.TypeFor[policy.Limits]().Fields() {
		if limitSteps(step{})[f.Name] == nil {
			t.Errorf("Limits.%s has no step: add one to limitSteps", f.Name)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		p, w := drawProposal(t), drawWorld(t)
		s := step{by: rapid.IntRange(1, 5).Draw(t, "by"), keep: rapid.Float64Range(0, 1).Draw(t, "keep")}
		steps := worldSteps(s)
		for name, change := range limitSteps(s) {
			steps["Limits."+name] = func(w *policy.World) { edit(&w.Limits, change) }
		}
		before := policy.Decide(p, w)
		for name, change := range steps {
			tighter := w
			change(&tighter)
			after := policy.Decide(p, tighter)
			if name == "Effective" && tighter.Effective == remedy.Known(remedy.LevelConfirm) {
				// A person who is asked stands in the place of a second opinion: see
				// TestSecondOpinion.
				opinion := slices.Index(policy.Names(), "second_opinion")
				after.Answers[opinion] = before.Answers[opinion]
				after.Level = min(after.Level, before.Level)
			}
			if after.Level > before.Level {
				t.Fatalf("a tighter %s raises the level from %v to %v", name, before.Level, after.Level)
			}
			for i, a := range after.Answers {
				if a.Cap > before.Answers[i].Cap {
					t.Fatalf("a tighter %s raises %+v to %+v", name, before.Answers[i], a)
				}
			}
		}
	})
}
