package engine

import (
	"context"
	"fmt"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/policy"
)

// clocksWithin bounds asking the other voters for their time, in real time.
const clocksWithin = 3 * time.Second

// comparedClocks is how this node's clock stood against the other voters' when
// they were last asked.
type comparedClocks struct {
	// offset is how far it is off their median; answered how many told their
	// time, this node included; near how many of those are within MaxClockOffset
	// of this node's.
	offset         time.Duration
	answered, near int
}

// alone is a node that has only its own clock.
func aloneClock() *comparedClocks { return &comparedClocks{answered: 1, near: 1} }

// compareClocks asks the other voters for their time. Who answers so slowly that
// nothing follows from it has not answered.
func (e *Engine) compareClocks(ctx context.Context, cfg *Config) *comparedClocks {
	voters := e.Ledger.Status().Voters
	if len(voters) < 2 || e.Voters == nil {
		return aloneClock()
	}
	bounded, cancel := context.WithTimeout(ctx, clocksWithin)
	defer cancel()
	return compare(e.Voters.Clocks(bounded), voters, e.Node, cfg.MaxClockOffset)
}

// compare takes the median of the clocks that are known, this node's among them.
// Of an even number it takes the one of the two in the middle that is further
// from this node's: the stricter one.
func compare(readings []remedy.ClockReading, voters []remedy.NodeID, self remedy.NodeID, most time.Duration) *comparedClocks {
	out := aloneClock()
	ahead, seen := []time.Duration{0}, []remedy.NodeID{self}
	for _, r := range readings {
		if r.Error > most || !slices.Contains(voters, r.Node) || slices.Contains(seen, r.Node) {
			continue
		}
		seen = append(seen, r.Node)
		ahead = append(ahead, r.Ahead)
		if r.Ahead.Abs()+r.Error <= most {
			out.near++
		}
	}
	slices.Sort(ahead)
	out.answered = len(ahead)
	out.offset = -ahead[len(ahead)/2]
	if other := -ahead[(len(ahead)-1)/2]; other.Abs() > out.offset.Abs() {
		out.offset = other
	}
	return out
}

// clockFact is what a decision knows of this node's clock: how far it is off the
// other voters', or behind committed time, whichever is more.
func (e *Engine) clockFact(cfg *Config) remedy.Fact[policy.Clock] {
	seen := e.clocksSeen.Load()
	c := policy.Clock{
		Offset: seen.offset, Step: time.Duration(e.drift.Load()), Max: cfg.MaxClockOffset,
		Answered: seen.answered, Voters: max(1, len(e.Ledger.Status().Voters)),
	}
	if behind := e.behind(); behind > c.Offset.Abs() {
		c.Offset = -behind
	}
	return remedy.Known(c)
}

// mayAcceptClock reports whether a majority of the voters, this node included,
// has a clock like this node's: only then may committed time step far.
func (e *Engine) mayAcceptClock(ctx context.Context) error {
	voters := len(e.Ledger.Status().Voters)
	if voters < 2 {
		return nil
	}
	now := e.compareClocks(ctx, e.Config())
	if most := voters/2 + 1; now.near < most {
		return fmt.Errorf("%w: committed time would step by more than an hour, and %d of %d voters have a clock within %s of this node's, where %d are needed: correct the clocks", ErrNotCommitted, now.near, voters, e.Config().MaxClockOffset, most)
	}
	return nil
}
