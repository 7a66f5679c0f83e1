package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docPoolFloor = "Blocks taking out a host when fewer than min_in_service would stay in service; it holds for people too."

// checkPoolFloor blocks when too few hosts would stay in service. A host that
// is out already stays out either way, so the floor says nothing of it.
func checkPoolFloor(p *Proposal, w *World) remedy.Answer {
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
	limit := fmt.Sprintf("floor %d", l.MinInService)
	after := max(0, pool.N-pool.Out-1)
	observed := fmt.Sprintf("%d of %d in service after this", after, pool.N)
	switch {
	case pool.HostOut:
		return allow(observed+", as before: the host is out already", limit)
	case pool.N-pool.Out-1 < l.MinInService:
		return block(observed, limit)
	}
	return allow(observed, limit)
}
