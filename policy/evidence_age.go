package policy

import "warden/internal/remedy"

const docEvidenceAge = "Blocks what a detector proposed on evidence that was judged too long ago."

// checkEvidenceAge blocks when the instant that was judged is too far back. It
// always lies at least one interval behind the clock, so that what is asked
// for has arrived. One in the future means that a clock went back.
func checkEvidenceAge(_ *Proposal, w *World) remedy.Answer {
	e, ok := w.Evidence.Get()
	switch {
	case !ok:
		return unreadable(why(w.Evidence, "which instant the evidence is of is not known"))
	case e.At.IsZero() || w.Now.IsZero():
		return unreadable("the evidence or the decision has no time")
	case e.MaxAge <= 0:
		return unreadable("max_evidence_age allows no age at all")
	}
	limit := "at most " + remedy.Span(e.MaxAge) + " old"
	if w.Now.Before(e.At) {
		return block("judged in the future, at "+instant(e.At, w.Now)+": a clock is wrong", limit)
	}
	observed := "judged at " + instant(e.At, w.Now)
	if age := w.Now.Sub(e.At); age > e.MaxAge {
		return block(observed+", "+remedy.Span(age)+" ago", limit)
	}
	return allow(observed, limit)
}
