package engine

import (
	"maps"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// looked is when a round was recorded: by both clocks, and by the one of entries.
type looked struct {
	at    clock.Reading
	stamp time.Time
}

// unseen is what a tenure knows of time in which nobody looked.
type unseen struct {
	// lastLook is when the newest round was recorded, zero before one; lookAgain says
	// that the ledger has to be told that nobody looked for a while before this one.
	lastLook  looked
	lookAgain bool
	// vain is how often this tenure has asked in vain whether an effect took, by case.
	vain map[remedy.CaseID]int
}

// watching remembers that a round is recorded at this instant.
func (e *Engine) watching() looked { return looked{at: e.Clock.Read(), stamp: e.entryTime()} }

// unwatched notices that nothing was recorded for longer than rounds take, as where
// this process or its machine was suspended, alone or too shortly for another node to
// lead, or where rounds came to nothing, or the clock was set: nobody looked, whatever
// the first round that is recorded finds. A machine that is suspended may stop either
// clock, so the longest time that any tells counts. The caller holds e.mu.
func (e *Engine) unwatched(cfg *Config) {
	if e.lastLook == (looked{}) {
		return
	}
	now := e.watching()
	gap := max(now.at.Wall.Sub(e.lastLook.at.Wall), now.at.Mono-e.lastLook.at.Mono, now.stamp.Sub(e.lastLook.stamp))
	if gap <= max(unwatchedRounds*cfg.interval(), unwatchedLeast) {
		return
	}
	e.began, e.lastLook, e.lookAgain = time.Time{}, looked{}, true
	e.Logger.Warn("nobody looked for a while: what was not seen is no evidence, and none is made of that time", zap.Duration("for", gap))
}

// Rounds that are recorded within so many intervals of each other, or so long, look at
// hosts without a gap: a detector's window covers more, and one slow source, or one
// hung command, is none.
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
// was due, once rounds have asked so often: where rounds are so slow that each looks like
// time in which nobody looked, no time would ever count. After a suspension the host is
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
