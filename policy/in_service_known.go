package policy

import "warden/internal/remedy"

const docInServiceKnown = "Lowers to confirm while no load balancer says who is in service and assume_in_service stands in for it."

// checkInServiceKnown leaves the last word to a person where nobody but the
// config says who is in service.
func checkInServiceKnown(_ *Proposal, w *World) remedy.Answer {
	const limit = "auto needs a load balancer that says"
	known, ok := w.InServiceKnown.Get()
	switch {
	case !ok:
		a := capAtConfirm("unknown: "+why(w.InServiceKnown, "whether the load balancer says who is in service could not be told"), limit)
		a.Unreadable = true
		return a
	case !known:
		return capAtConfirm("who is in service is assumed", limit)
	}
	return allow("the load balancer says who is in service", "")
}
