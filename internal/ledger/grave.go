package ledger

import "slices"

// Grave reports whether common mode is on in any pool, or any breaker is latched.
func (l *Ledger) Grave() bool {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if len(l.m.latches) > 0 {
		return true
	}
	for _, p := range l.m.pools {
		if len(p.oldLatches()) > 0 || slices.ContainsFunc(p.Storms, func(s StormState) bool { return s.On }) {
			return true
		}
	}
	return false
}
