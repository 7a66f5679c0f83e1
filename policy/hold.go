package policy

import "warden/internal/remedy"

const docHold = "Blocks what a detector proposed for a host or pool that a person holds; a manual run is asked to repeat."

// checkHold blocks while a hold on the host or its pool is active; like a
// freeze it ends only by a committed expiry or release.
func checkHold(_ *Proposal, w *World) remedy.Answer {
	s, ok := w.Hold.Get()
	switch {
	case !ok:
		return unreadable(why(w.Hold, "the holds could not be read from the ledger"))
	case s.Active:
		return block(s.standing("held", w.Now), "not held")
	}
	return allow("not held", "")
}
