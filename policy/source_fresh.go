package policy

import "warden/internal/remedy"

const docSourceFresh = "Blocks what a detector proposed while its source is not fresh: old data is no data."

// checkSourceFresh blocks unless the detector's source may be believed now.
func checkSourceFresh(_ *Proposal, w *World) remedy.Answer {
	s, ok := w.Source.Get()
	if !ok {
		return unreadable(why(w.Source, "how fresh the source is could not be told"))
	}
	limit := ""
	if s.MaxStaleness > 0 {
		limit = "at most " + remedy.Span(s.MaxStaleness) + " old"
	}
	if !s.Fresh {
		observed := "not fresh"
		if s.Why != "" {
			observed += ": " + s.Why
		} else if s.Age > 0 {
			observed += ": " + remedy.Span(s.Age) + " old"
		}
		return block(observed, limit)
	}
	if s.Age > 0 {
		return allow(remedy.Span(s.Age)+" old", limit)
	}
	return allow("fresh", limit)
}
