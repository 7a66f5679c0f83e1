package policy

import (
	"fmt"

	"warden/internal/remedy"
)

const docRate = "Blocks what a detector proposed once the pool or the cluster has started its allowance of actions for the hour or day."

// checkRate blocks when an hour's or a day's allowance is used up. A pool's 0
// allows none; a cluster's 0 is one that is not configured.
func checkRate(_ *Proposal, w *World) remedy.Answer {
	r, ok := w.Rate.Get()
	switch {
	case !ok:
		return unreadable(why(w.Rate, "how many actions were started is not known"))
	case min(r.PoolHour, r.PoolDay, r.ClusterHour, r.ClusterDay) < 0:
		return unreadable("the count of actions started makes no sense")
	}
	l, flaw := w.limits()
	if flaw != "" {
		return unreadable(flaw)
	}
	observed := fmt.Sprintf("%d in 1h and %d in 24h in the pool", r.PoolHour, r.PoolDay)
	limit := fmt.Sprintf("%d an hour, %d a day", l.PerHour, l.PerDay)
	full := r.PoolHour >= l.PerHour || r.PoolDay >= l.PerDay
	if l.ClusterPerHour > 0 {
		observed += fmt.Sprintf("; %d in 1h in the cluster", r.ClusterHour)
		limit += fmt.Sprintf("; cluster %d an hour", l.ClusterPerHour)
		full = full || r.ClusterHour >= l.ClusterPerHour
	}
	if l.ClusterPerDay > 0 {
		observed += fmt.Sprintf("; %d in 24h in the cluster", r.ClusterDay)
		limit += fmt.Sprintf("; cluster %d a day", l.ClusterPerDay)
		full = full || r.ClusterDay >= l.ClusterPerDay
	}
	if full {
		return block(observed, limit)
	}
	return allow(observed, limit)
}
