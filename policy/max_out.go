package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docMaxOut = "Blocks taking out a host when more than max_out_of_service would be out, by anybody's hand; it holds for people too."

// checkMaxOut blocks when more hosts would be out than the pool allows. Unlike
// the floor it holds for a host that is out already: in a pool with more out
// than it allows, a drain would make a passing outage a lasting one.
func checkMaxOut(p *Proposal, w *World) remedy.Answer {
	if !p.TakesOut {
		return notBound("takes no host out of service")
	}
	pool, flaw := w.pool()
	if flaw != "" {
		return unreadable(flaw)
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	most := maxOut(l, pool.N)
	limit := fmt.Sprintf("%d", most)
	if share(l.MaxOutFraction, pool.N) < l.MaxOut {
		limit = fmt.Sprintf("%d (%s of %d, rounded down)", most, percent(l.MaxOutFraction), pool.N)
	}
	observed := fmt.Sprintf("%d of %d out after this", pool.Out+1, pool.N)
	// Out is compared before one is added, so that no count can overflow.
	if pool.Out >= most {
		return block(observed, limit)
	}
	return allow(observed, limit)
}
