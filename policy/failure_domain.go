package policy

import (
	"fmt"
	"slices"
	"strings"

	"warden/internal/remedy"
)

const docFailureDomain = "Blocks taking out a host when hosts of more than max_failure_domains would be out, by anybody's hand; it holds for people too."

// checkFailureDomain blocks when the hosts that are out would stand in more
// failure domains than may be. Like max_out it holds for a host that is out
// already.
func checkFailureDomain(p *Proposal, w *World) remedy.Answer {
	if !p.TakesOut {
		return notBound("takes no host out of service")
	}
	d, ok := w.Domains.Get()
	switch {
	case !ok:
		return unreadable(why(w.Domains, "the failure domains of the hosts that are out are not known"))
	case d.Label == "":
		return allow("the pool has no failure domains", "")
	case d.Max < 0:
		return unreadable("max_failure_domains is negative")
	case d.Host == "" || slices.Contains(d.Out, ""):
		return unreadable("a host has no " + d.Label)
	}
	after := append(slices.Clone(d.Out), d.Host)
	slices.Sort(after)
	after = slices.Compact(after)
	observed := listed(after) + " out after this"
	limit := fmt.Sprintf("%d by %s", d.Max, d.Label)
	if len(after) > d.Max {
		return block(observed, limit)
	}
	return allow(observed, limit)
}

// listed names a few and counts the rest.
func listed(names []string) string {
	const few = 3
	if len(names) <= few {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:few], ", "), len(names)-few)
}
