package detectors

import (
	"time"

	"warden/internal/remedy"
)

// bucketQuery asks for the buckets of a target over some time before an instant.
func bucketQuery(source remedy.SourceName, target string, back time.Duration, at time.Time, interval time.Duration) remedy.Query {
	// Whole intervals, so that detectors with one target share an answer.
	back = (back + interval - 1).Truncate(interval)
	return remedy.NewQuery(source, target, at.Add(-back), at, interval)
}

// bucketColumns says which columns of a frame hold the buckets of some width
// that lie wholly within [until − window, until], from first up to, but without,
// end. All are in milliseconds.
func bucketColumns(f *remedy.Frame, until, window, width int64) (first, end int) {
	if width <= 0 || len(f.Cols) == 0 {
		return 0, 0
	}
	from := until - window - f.Start
	lo := from / f.Step
	if from > 0 && from%f.Step != 0 {
		lo++
	}
	hi := until - width - f.Start
	if hi < 0 {
		return 0, 0
	}
	first, end = max(0, int(lo)), min(len(f.Cols), int(hi/f.Step)+1)
	return first, max(first, end)
}

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
