package policy

import "warden/internal/remedy"

const docHostLock = "Waits while another execution holds the host, or its outcome is unknown; it binds undo as well."

// checkHostLock waits for the execution that holds the host.
func checkHostLock(_ *Proposal, w *World) remedy.Answer {
	l, ok := w.Lock.Get()
	switch {
	case !ok:
		return unreadable(why(w.Lock, "whether an execution holds the host could not be told"))
	case l.Case != 0:
		return wait(l.Case.String()+" holds this host", "one execution a host")
	}
	return allow("nothing holds this host", "one execution a host")
}
