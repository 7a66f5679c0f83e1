package policy

import "warden/internal/remedy"

const docFreeze = "Blocks everything but undo while a person's freeze stands, and while it is not known whether one does."

// checkFreeze blocks while the committed freeze is active. One whose time has
// run out still stands until its expiry is committed: a clock alone lifts
// nothing.
func checkFreeze(_ *Proposal, w *World) remedy.Answer {
	s, ok := w.Freeze.Get()
	switch {
	case !ok:
		return unreadable(why(w.Freeze, "the freeze could not be read from the ledger"))
	case s.Active:
		return block(s.standing("frozen", w.Now), "not frozen")
	}
	return allow("not frozen", "")
}
