package detectors

import (
	"time"

	"warden/internal/remedy"
)

// newestEnds finds for each judged step the end of the newest bucket that was
// complete by then and has a point; 0 for none.
type newestEnds struct {
	ends  []int64
	clock roundClock
}

func (c roundClock) newNewestEnds() *newestEnds {
	return &newestEnds{ends: make([]int64, c.steps), clock: c}
}

// add takes note of a bucket. Buckets may come in any order; see settle.
func (n *newestEnds) add(end int64) {
	k := int64(0)
	if first := n.clock.milli(0); end > first {
		k = (end - first + n.clock.step - 1) / n.clock.step
	}
	if k < int64(len(n.ends)) {
		n.ends[k] = max(n.ends[k], end)
	}
}

// settle makes each step know what the steps before it know.
func (n *newestEnds) settle() {
	for k := 1; k < len(n.ends); k++ {
		n.ends[k] = max(n.ends[k], n.ends[k-1])
	}
}

// staleAt says why nothing at a step may be believed; empty when it may.
func (n *newestEnds) staleAt(k int) string {
	switch {
	case n.ends[k] == 0:
		return remedy.ReasonNoSeries
	case n.clock.milli(k)-n.ends[k] > n.clock.stale:
		return remedy.ReasonStale
	}
	return ""
}

// targetBuckets dates the newest complete bucket of the target's series at each
// step.
func (c roundClock) targetBuckets(t targetState, f *remedy.Frame) targetState {
	newest := c.newNewestEnds()
	for row := range f.Keys.Len() {
		width := f.Widths[row]
		for k := range f.Cols {
			if v := f.At(int32(row), k); width > 0 && isFinite(v) {
				newest.add(f.Instant(k) + width)
			}
		}
	}
	newest.settle()
	for k := range t.fresh {
		t.fresh[k] = newest.staleAt(k) == ""
	}
	if last := newest.ends[c.steps-1]; last != 0 {
		t.age = remedy.Known(time.Duration(c.at-last) * time.Millisecond)
	} else {
		t.age = remedy.Unknown[time.Duration]("canary_target has no points; check that the target names a series that exists, and its step")
	}
	return t
}
