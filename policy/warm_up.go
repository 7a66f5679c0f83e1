package policy

import "warden/internal/remedy"

const docWarmUp = "Waits with what a detector proposed until one complete round has run since this node began to lead."

// checkWarmUp waits for the tenure's first complete round. It is the one
// guardrail that waits when it can't be read: not knowing passes with the
// round as well.
func checkWarmUp(_ *Proposal, w *World) remedy.Answer {
	const limit = "one complete round"
	warm, ok := w.WarmedUp.Get()
	switch {
	case !ok:
		a := wait("unknown: "+why(w.WarmedUp, "whether a round has completed could not be told"), limit)
		a.Unreadable = true
		return a
	case !warm:
		return wait("no complete round since this node began to lead", limit)
	}
	return allow("a complete round has run", limit)
}
