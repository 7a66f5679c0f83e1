package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docCoverage = "Blocks what a detector proposed while it can't judge enough of the hosts in service."

// checkCoverage blocks when more hosts in service are uncovered than the slack
// allows. With nobody in service there is nothing to compare with.
func checkCoverage(_ *Proposal, w *World) remedy.Answer {
	c, ok := w.Coverage.Get()
	switch {
	case !ok:
		return unreadable(why(w.Coverage, "how many hosts the detector can judge is not known"))
	case c.InService < 0 || c.Uncovered < 0:
		return unreadable("the count of hosts the detector can judge makes no sense")
	case !isShare(c.Min):
		return unreadable("min_coverage is not between 0 and 1")
	case c.InService == 0:
		return block("no host in service", "at least 1")
	}
	slack := CoverageSlack(c.InService, c.Min)
	observed := fmt.Sprintf("%d of %d in service can't be judged", c.Uncovered, c.InService)
	limit := fmt.Sprintf("at most %d (min_coverage %s)", slack, percent(c.Min))
	if c.Uncovered > slack {
		return block(observed, limit)
	}
	return allow(observed, limit)
}
