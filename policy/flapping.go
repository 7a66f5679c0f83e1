package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docFlapping = "Lowers to notify once the host came back from flap_limit take-outs within a day: taking it out again mends nothing."

// checkFlapping leaves a host to people that is taken out and put back again
// and again. Only take-outs of warden's that ended with the host back in
// service count, whoever put it back.
func checkFlapping(_ *Proposal, w *World) remedy.Answer {
	n, ok := w.Flaps.Get()
	switch {
	case !ok:
		return unreadable(why(w.Flaps, "how often the host was taken out and came back is not known"))
	case n < 0:
		return unreadable("the count of take-outs that ended makes no sense")
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	observed, limit := fmt.Sprintf("taken out and back %d times in 24h", n), fmt.Sprintf("below %d a day", l.FlapLimit)
	if n == 1 {
		observed = "taken out and back once in 24h"
	}
	if n >= l.FlapLimit {
		return capAtNotify(observed+": a person has to look at it", limit)
	}
	return allow(observed, limit)
}
