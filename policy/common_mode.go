package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docCommonMode = "Blocks while too many hosts are bad at once, since that is not a host problem; a manual run is asked to repeat."

// checkCommonMode blocks while more hosts are bad than the limit, while a
// storm is on, and until its cooldown has passed. A storm that ended in the
// future has not ended.
func checkCommonMode(_ *Proposal, w *World) remedy.Answer {
	c, ok := w.CommonMode.Get()
	switch {
	case !ok:
		return unreadable(why(w.CommonMode, "how many hosts are bad at once is not known"))
	case c.N <= 0:
		return unreadable("the inventory lists no hosts")
	case c.Bad < 0:
		return unreadable("the count of bad hosts makes no sense")
	case !isShare(c.MaxFraction):
		return unreadable("max_bad_fraction is not between 0 and 1")
	case c.Cooldown < 0:
		return unreadable("storm_cooldown is negative")
	}
	most := CommonModeLimit(c.N, c.MaxFraction)
	observed := fmt.Sprintf("%d of %d bad", c.Bad, c.N)
	limit := fmt.Sprintf("%d (%s)", most, percent(c.MaxFraction))
	if share(c.MaxFraction, c.N) < 1 {
		limit = fmt.Sprintf("%d (%s, but never below 1)", most, percent(c.MaxFraction))
	}
	switch {
	case c.Bad > most:
		return block(observed+": not a host problem", limit)
	case c.Storm:
		return block(observed+"; the storm is not over", limit)
	case c.EndedAt.IsZero():
		return allow(observed, limit)
	case w.Now.Before(c.EndedAt):
		return block(observed+"; the storm ended in the future, at "+instant(c.EndedAt, w.Now)+": a clock is wrong", limit)
	}
	if until := c.EndedAt.Add(c.Cooldown); w.Now.Before(until) {
		return block(observed+"; the storm ended "+instant(c.EndedAt, w.Now),
			limit+", and "+remedy.Span(c.Cooldown)+" after a storm: until "+instant(until, w.Now))
	}
	return allow(observed, limit)
}
