package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docProtected = "Blocks everything but undo on hosts that the protected list names."

// checkProtected blocks on hosts that a pattern of the protected list names.
func checkProtected(_ *Proposal, w *World) remedy.Answer {
	pattern, ok := w.Protected.Get()
	switch {
	case !ok:
		return unreadable(why(w.Protected, "the protected list could not be read"))
	case pattern != "":
		return block(fmt.Sprintf("protected by %q", pattern), "not on the protected list")
	}
	return allow("not on the protected list", "")
}
