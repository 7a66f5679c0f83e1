package policy

import "warden/internal/remedy"

const docFreezeFile = "Blocks everything but undo while the freeze file exists; only its certain absence counts as not frozen."

// checkFreezeFile blocks while the freeze file is there, or might be.
func checkFreezeFile(_ *Proposal, w *World) remedy.Answer {
	there, ok := w.FreezeFile.Get()
	switch {
	case !ok:
		return unreadable(why(w.FreezeFile, "whether the freeze file exists could not be told"))
	case there:
		return block("the freeze file is there", "no freeze file")
	}
	return allow("no freeze file", "")
}
