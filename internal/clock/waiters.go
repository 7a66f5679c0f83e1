package clock

import (
	"cmp"
	"slices"
	"time"
)

// waiter is one armed timer.
type waiter struct {
	due  time.Duration // monotonic
	seq  uint64        // order of arming, which decides among equals
	fire func(wall time.Time)
}

// waiters holds armed timers in the order in which they are due. It is not
// safe for concurrent use: its owner locks.
type waiters struct {
	armed []*waiter
	seq   uint64
}

func (w *waiters) add(due time.Duration, fire func(time.Time)) *waiter {
	w.seq++
	one := &waiter{due: due, seq: w.seq, fire: fire}
	i, _ := slices.BinarySearchFunc(w.armed, one, byDue)
	w.armed = slices.Insert(w.armed, i, one)
	return one
}

// remove reports whether the waiter was still armed.
func (w *waiters) remove(one *waiter) bool {
	i, found := slices.BinarySearchFunc(w.armed, one, byDue)
	if found {
		w.armed = slices.Delete(w.armed, i, i+1)
	}
	return found
}

// popDue takes out the first waiter that is due at the instant now.
func (w *waiters) popDue(now time.Duration) (*waiter, bool) {
	if len(w.armed) == 0 || w.armed[0].due > now {
		return nil, false
	}
	one := w.armed[0]
	w.armed = slices.Delete(w.armed, 0, 1)
	return one, true
}

// next returns when the first waiter is due.
func (w *waiters) next() (time.Duration, bool) {
	if len(w.armed) == 0 {
		return 0, false
	}
	return w.armed[0].due, true
}

func byDue(a, b *waiter) int {
	return cmp.Or(cmp.Compare(a.due, b.due), cmp.Compare(a.seq, b.seq))
}
