package policy

import "warden/internal/remedy"

const docCooldown = "Blocks what a detector proposed on a host that had the same action less than cooldown_per_host ago."

// checkCooldown blocks until the cooldown since the last start has passed. A
// start in the future means that a clock went back: how long ago it was can't
// be told.
func checkCooldown(_ *Proposal, w *World) remedy.Answer {
	last, ok := w.LastOnHost.Get()
	if !ok {
		return unreadable(why(w.LastOnHost, "when this last ran on the host is not known"))
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	limit := remedy.Span(l.CooldownPerHost)
	switch {
	case last.IsZero():
		return allow("first time on this host", limit)
	case w.Now.Before(last):
		return block("last started in the future, at "+instant(last, w.Now)+": a clock is wrong", limit)
	}
	observed := "last started " + instant(last, w.Now)
	if until := last.Add(l.CooldownPerHost); w.Now.Before(until) {
		return block(observed, limit+": until "+instant(until, w.Now))
	}
	return allow(observed, limit)
}
