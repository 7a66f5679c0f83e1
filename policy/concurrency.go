package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docConcurrency = "Waits while max_concurrent executions run in the pool; it binds undo as well."

// checkConcurrency waits for a free execution in the pool. A limit of 0 allows
// none, ever, which is no reason to wait.
func checkConcurrency(_ *Proposal, w *World) remedy.Answer {
	running, ok := w.Running.Get()
	switch {
	case !ok:
		return unreadable(why(w.Running, "how many executions the pool has is not known"))
	case running < 0:
		return unreadable("the count of executions makes no sense")
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	observed := fmt.Sprintf("%d executing in the pool", running)
	limit := fmt.Sprintf("%d at a time", l.MaxConcurrent)
	switch {
	case l.MaxConcurrent == 0:
		return block(observed, limit)
	case running >= l.MaxConcurrent:
		return wait(observed, limit)
	}
	return allow(observed, limit)
}
