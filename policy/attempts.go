package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docAttempts = "Lowers to notify once max_attempts actions were started on the host within a day: it needs a person."

// checkAttempts leaves a host to people that warden has tried its hand at often
// enough. Runs by hand count: what didn't help when a person did it won't help
// when warden does.
func checkAttempts(_ *Proposal, w *World) remedy.Answer {
	n, ok := w.Attempts.Get()
	switch {
	case !ok:
		return unreadable(why(w.Attempts, "how often something was tried on the host is not known"))
	case n < 0:
		return unreadable("the count of attempts makes no sense")
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	observed, limit := fmt.Sprintf("%d started on this host in 24h", n), fmt.Sprintf("%d a day", l.MaxAttempts)
	if n >= l.MaxAttempts {
		return capAtNotify(observed+": a person has to look at it", limit)
	}
	return allow(observed, limit)
}
