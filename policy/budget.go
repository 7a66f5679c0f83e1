package policy

import "math"

// shareSlop keeps a product that should be whole from rounding down to the
// number below it, as 0.29 × 100 would. It is far below one host for any pool.
const shareSlop = 1e-9

// share is floor(fraction × n), never negative and never above n. A fraction
// that is not a number is no share at all.
func share(fraction float64, n int) int {
	switch {
	case n <= 0 || !(fraction > 0):
		return 0
	case fraction >= 1:
		return n
	}
	return int(math.Floor(fraction*float64(n) + shareSlop))
}

// maxOut is the max_out guardrail's own limit: the smaller of the count and
// the fraction, where 0 means none.
func maxOut(l Limits, n int) int { return max(0, min(l.MaxOut, share(l.MaxOutFraction, n))) }

// OutBudget is how many hosts of a pool of n may be out at once:
// min(MaxOut, floor(MaxOutFraction × n), n − MinInService), never negative.
// It is what the max_out and pool_floor guardrails leave together.
func OutBudget(l Limits, n int) int { return max(0, min(maxOut(l, n), n-l.MinInService)) }

// CommonModeLimit is how many hosts of a pool of n may be bad at once before
// it is no longer a host problem: max(1, floor(fraction × n)).
func CommonModeLimit(n int, fraction float64) int { return max(1, share(fraction, n)) }

// CoverageSlack is how many hosts in service a detector may fail to judge:
// max(1, floor((1 − minCoverage) × inService)).
func CoverageSlack(inService int, minCoverage float64) int {
	return max(1, share(1-minCoverage, inService))
}

// isShare reports whether f can be a share: 0..1 and a number.
func isShare(f float64) bool { return f >= 0 && f <= 1 }

// flaw says what makes limits unusable; empty when nothing does. A limit that
// makes no sense is treated like one that could not be read.
func (l Limits) flaw() string {
	switch {
	case !isShare(l.MaxOutFraction):
		return "max_out_fraction is not between 0 and 1"
	case min(l.MinInService, l.MaxOut, l.MaxConcurrent) < 0,
		min(l.PerHour, l.PerDay, l.ClusterPerHour, l.ClusterPerDay) < 0,
		min(l.MaxAttempts, l.FlapLimit) < 0,
		min(l.CooldownPerHost, l.SettleAfterAction) < 0:
		return "a limit of the pool is negative"
	}
	return ""
}

// limits reads the pool's limits, or says why they can't be used.
func (w *World) limits() (Limits, string) {
	l, ok := w.Limits.Get()
	if !ok {
		return Limits{}, why(w.Limits, "no voter has reported the pool's limits")
	}
	return l, l.flaw()
}

// pool reads the pool's counts, or says why they can't be used.
func (w *World) pool() (Pool, string) {
	p, ok := w.Pool.Get()
	switch {
	case !ok:
		return Pool{}, why(w.Pool, "the pool's size and who is out are not known")
	case p.N <= 0:
		return Pool{}, "the inventory lists no hosts"
	case p.Out < 0:
		return Pool{}, "the count of hosts out makes no sense"
	}
	return p, ""
}
