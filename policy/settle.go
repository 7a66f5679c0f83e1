package policy

import "warden/internal/remedy"

const docSettle = "Waits for settle_after_action after any execution in the pool, so that its effect shows before the next."

// checkSettle waits until the pool has settled after the last execution. An
// execution in the future means that a clock went back, and blocks.
func checkSettle(_ *Proposal, w *World) remedy.Answer {
	last, ok := w.LastInPool.Get()
	if !ok {
		return unreadable(why(w.LastInPool, "when something last ran in the pool is not known"))
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	limit := remedy.Span(l.SettleAfterAction)
	switch {
	case last.IsZero():
		return allow("nothing has run in this pool", limit)
	case w.Now.Before(last):
		return block("last ran in the future, at "+instant(last, w.Now)+": a clock is wrong", limit)
	}
	observed := "last ran " + instant(last, w.Now)
	if until := last.Add(l.SettleAfterAction); w.Now.Before(until) {
		return wait(observed, limit+": until "+instant(until, w.Now))
	}
	return allow(observed, limit)
}
