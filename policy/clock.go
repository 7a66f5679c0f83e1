package policy

import (
	"fmt"
	"time"

	"warden/internal/remedy"
)

const docClock = "Blocks while this node's clock is off from the other voters' or has stepped, since every limit counts time."

// checkClock blocks when the wall clock is off the voters' median, when it
// moved against monotonic time, or when fewer than a majority could be asked.
func checkClock(_ *Proposal, w *World) remedy.Answer {
	c, ok := w.Clock.Get()
	switch {
	case !ok:
		return unreadable(why(w.Clock, "the clocks could not be compared"))
	case w.Now.IsZero():
		return unreadable("the decision has no time")
	case c.Max < 0:
		return unreadable("the largest acceptable clock error is negative")
	}
	limit := remedy.Span(c.Max)
	if c.Answered < c.Voters/2+1 || c.Answered > c.Voters {
		a := block(fmt.Sprintf("%d of %d voters told their time", c.Answered, c.Voters),
			fmt.Sprintf("at least %d", max(1, c.Voters/2+1)))
		a.Unreadable = true
		return a
	}
	switch {
	case c.Offset.Abs() > c.Max:
		return block("off by "+offBy(c.Offset), limit)
	case c.Step.Abs() > c.Max:
		return block("stepped by "+offBy(c.Step), limit)
	}
	// Rounded so that jitter does not reword the decision every round.
	return allow(fmt.Sprintf("off by %s, stepped by %s", remedy.Span(c.Offset.Round(100*time.Millisecond)),
		remedy.Span(c.Step.Round(100*time.Millisecond))), limit)
}

// offBy spells a clock error to the millisecond, so that one just past the
// limit does not read as equal to it.
func offBy(d time.Duration) string { return d.Round(time.Millisecond).String() }
