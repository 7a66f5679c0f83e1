package engine

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
)

// looked is an instant at which this node looked: by both clocks, and by the one of
// entries.
type looked struct {
	at    clock.Reading
	stamp time.Time
}

// since is how long before it another instant was. A machine that is suspended may stop
// either clock, so it is the longest time that any of them tells.
func (l looked) since(other looked) time.Duration {
	return max(l.at.Wall.Sub(other.at.Wall), l.at.Mono-other.at.Mono, l.stamp.Sub(other.stamp))
}

// unseen is what a tenure knows of time in which nobody looked.
type unseen struct {
	// lastLook is the end of the newest round that was recorded, and of what followed
	// from it between rounds; zero before one. lookAgain says that the ledger has to be
	// told that nobody looked for a while before this one.
	lastLook  looked
	lookAgain bool
	// recorded says that the newest round was: what is looked at after one that came to
	// nothing makes up for none.
	recorded bool
	// vain is how often this tenure has asked in vain whether an effect took, by case.
	vain map[remedy.CaseID]int
}

// silence is the longest time between two steps since it was last taken. A step that
// was given so long is at work meanwhile.
type silence struct {
	mu      sync.Mutex
	last    looked
	longest time.Duration
}

func (s *silence) step(now looked, most time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.last != (looked{}) {
		s.longest = max(s.longest, now.since(s.last)-most)
	}
	s.last = now
}

func (s *silence) take() time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.longest
	s.longest = 0
	return was
}

// watching is this instant, at which this node looks.
func (e *Engine) watching() looked { return looked{at: e.Clock.Read(), stamp: e.entryTime()} }

// looksOn goes on from this instant: what was done since the newest round that was
// recorded was looking, too. The caller holds e.mu.
func (e *Engine) looksOn() {
	if e.recorded && e.lastLook != (looked{}) {
		e.lastLook = e.watching()
	}
}

// unwatched notices that nothing was done for longer than a step takes, as where this
// process or its machine was suspended, alone or too shortly for another node to lead,
// or the clock was set; or that what began at an instant is the first for as long to be
// recorded, since the rounds before came to nothing: nobody looked, whatever it finds.
// A round that takes long, for what it asks hangs, is looking all the while. The caller
// holds e.mu.
func (e *Engine) unwatched(cfg *Config, began looked) {
	e.beat()
	gap := e.silence.take()
	if e.lastLook == (looked{}) {
		return
	}
	if gap = max(gap, began.since(e.lastLook)); gap <= max(unwatchedRounds*cfg.interval(), unwatchedLeast) {
		return
	}
	if gap >= vainFor {
		clear(e.vain) // rounds from before a suspension are no looking after it
	}
	e.began, e.lastLook, e.lookAgain = time.Time{}, looked{}, true
	e.Logger.Warn("nobody looked for a while: what was not seen is no evidence, and none is made of that time", zap.Duration("for", gap))
}

// Rounds and their steps that are within so many intervals of each other, or so long,
// look at hosts without a gap: a detector's window covers more.
const (
	unwatchedRounds = 3
	unwatchedLeast  = 2 * time.Minute
)

// watchedSince is for how long, of the time since an instant that is committed, this
// tenure has looked after what it did.
func (e *Engine) watchedSince(at, now time.Time) time.Duration {
	switch {
	case e.began.IsZero():
		return 0
	case e.began.After(at):
		at = e.began
	}
	return max(0, now.Sub(at))
}

// A verification that can't be asked ends with a person at the latest so long after it
// was due, once rounds have asked so often: where nobody looks
// for minutes again and again, no time would ever count. After a suspension the host is
// looked at for some rounds first.
const (
	vainFor   = time.Hour
	vainLooks = 10
)

// inVain is how long it was waited for an effect of which nobody knows whether it took:
// as long as this tenure has looked, and all the time once that has gone on for too long.
// It counts rounds, not what is looked at in between. The caller holds e.mu.
func (e *Engine) inVain(id remedy.CaseID, finished, now time.Time, within time.Duration, round bool) time.Duration {
	if e.vain == nil {
		e.vain = map[remedy.CaseID]int{}
	}
	if round {
		e.vain[id]++
	}
	if all := now.Sub(finished); all >= within+vainFor && e.vain[id] >= vainLooks {
		return all
	}
	return e.watchedSince(finished, now)
}

// forgetVain drops what is counted of cases that are verified no more.
func (e *Engine) forgetVain(open []*ledger.Case) {
	maps.DeleteFunc(e.vain, func(id remedy.CaseID, _ int) bool {
		return !slices.ContainsFunc(open, func(c *ledger.Case) bool { return c.ID == id && c.Stage == remedy.StageVerifying })
	})
}

// stepping is a source of which each answer is a step.
type stepping struct {
	source.Source
	step func()
}

// Fetch implements source.Source.
func (s stepping) Fetch(ctx context.Context, q remedy.Query) remedy.Result {
	defer s.step()
	return s.Source.Fetch(ctx, q)
}

// Joinable implements source.Joinable.
func (s stepping) Joinable(expr string) bool {
	j, ok := s.Source.(source.Joinable)
	return ok && j.Joinable(expr)
}
