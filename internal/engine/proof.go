package engine

import (
	"time"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

const (
	// lastChangeSlack is how much older than START a backend's last change must be
	// to prove that the effect never took: backends tell time in whole seconds.
	lastChangeSlack = 2 * time.Second
	// arrivesWithin is how long another node's START may have been under way before
	// this node applied it, an election included. What took longer was read from a
	// disk, or came to a node that was cut off.
	arrivesWithin = 30 * time.Second
)

// neverTook reports whether the backend proves that the effect of an abandoned
// execution did not happen: it has not changed the host since before START. A
// backend tells how long ago that was, and START was on its proposer's clock, so
// it has to hold on this node's own clock, from when it learnt of START, and by
// committed time, with room for how far the two nodes' clocks may be apart. The
// caller holds e.mu.
func (e *Engine) neverTook(cfg *Config, o remedy.Observation, x *ledger.Execution, a Arrival) bool {
	now, most := e.Clock.Read(), cfg.MaxClockOffset
	own := x.Node != "" && x.Node == e.Node
	lag := a.At.Wall.Sub(x.StartedAt)
	// Each is within most of the median; its proposer may have been as far behind
	// committed time, which START was given then.
	slack := lastChangeSlack + 3*most
	if own {
		slack = time.Second + 2*most // one clock, and it may have been set back
	}
	switch {
	case !e.clockHolds(cfg, own), e.wasBehind(a.At):
		return false
	case lag < -2*most || x.StartedAt.After(now.Wall.Add(2*most)):
		return false // by this clock it has not begun: it was set back, or is slow
	case !own && (!a.Live || lag > arrivesWithin):
		return false
	}
	last, ok := o.LastChange.Get()
	return ok && last.Add(slack).Before(x.StartedAt) && unchangedSince(o, a.At, now, most, slack)
}

// clockHolds reports whether this node's clock is believed now, and where it is
// held against another node's, whether it is like those of a majority.
func (e *Engine) clockHolds(cfg *Config, own bool) bool {
	if e.clocks.tripped || !e.mayExpire(cfg) {
		return false
	}
	seen := e.clocksSeen.Load()
	if own || e.Voters == nil {
		return seen.offset.Abs() <= cfg.MaxClockOffset
	}
	return seen.offset.Abs() <= cfg.MaxClockOffset && seen.answered > len(e.Ledger.Status().Voters)/2
}

// wasBehind reports whether this node's clock was found behind committed time, in
// this tenure, after an instant.
func (e *Engine) wasBehind(since clock.Reading) bool {
	return e.lateAt != nil && *e.lateAt >= since.Mono
}

// unchangedSince reports whether the backend has not changed the host since
// slack before an instant, by this node's clock. An instant that wall and monotonic time
// disagree on proves nothing: one of them stood still, or was set.
func unchangedSince(o remedy.Observation, since, now clock.Reading, most, slack time.Duration) bool {
	last, ok := o.LastChange.Get()
	if !ok || apart(since, now).Abs() > most {
		return false
	}
	return last.Add(slack).Before(now.Wall.Add(since.Mono - now.Mono))
}
