package detectors

import (
	"fmt"
	"time"

	"warden/internal/remedy"
)

// askBuckets words a question for Graphite. The buckets of one target say all
// there is to say: the values, how many there are, and how old.
func (t *Threshold) askBuckets(target string, back time.Duration, at time.Time) remedy.Query {
	return bucketQuery(t.spec.Source, target, back, at, t.spec.Interval)
}

// lookAtBuckets is lookAt for a source that stores buckets. A window's value is
// made of the buckets that lie wholly within it and have a value; a null is no
// point. Buckets wider than the interval say nothing about single steps.
func (b *thresholdBlock) lookAtBuckets(a *thresholdAnswer, k int, out []hostState) {
	b.sumBuckets(a, k)
	first, last := b.clock.oldest(k), b.clock.newest(k)
	for p, i := range b.hosts {
		s := &out[p]
		v, points := b.sums.result(p)
		*s = hostState{value: v, stamp: b.sums.stamp[p], points: points}
		b.place(a, int(i), 0, first, last, s)
		if s.state == stateBad && v < a.low.bad && points < b.sums.whole[p] {
			// To leave a bucket out of a sum is to count it as 0.
			*s = hostState{reason: whyFewPoints, term: s.term, value: remedy.Missing(), stamp: s.stamp, points: points}
		}
	}
}

// sumBuckets makes the values of the windows that end at step k, and finds the
// end of each host's newest bucket with a value, in seconds; Missing for none.
// No bucket counts that is not complete by then, so none is from the future.
func (b *thresholdBlock) sumBuckets(a *thresholdAnswer, k int) {
	w, f, until := b.sums, a.value, b.clock.milli(k)
	window := b.spec.Window.Milliseconds()
	w.begin(len(b.hosts))
	for p, i := range b.hosts {
		w.whole[p], w.stamp[p] = 0, remedy.Missing()
		row := a.valueRows.Rows[i]
		width := f.WidthOf(row)
		first, end := bucketColumns(f, until, window, width)
		for col := end - 1; col >= 0; col-- {
			if !remedy.IsMissing(f.At(row, col)) {
				w.stamp[p] = float64(f.Instant(col)+width) / 1000
				break
			}
		}
		if width > b.clock.step {
			continue
		}
		for col := first; col < end; col++ {
			if v := f.At(row, col); !remedy.IsMissing(v) {
				if w.add(p, v); w.n[p] == 1 && w.how == AggregateSum {
					before, after := int64(col-first)*f.Step/width, int64(end-1-col)*f.Step/width
					w.whole[p] = int32(before + 1 + after)
				}
			}
		}
	}
}

// bucketText words what the window of a host was made of. The first of the
// block's hosts is meant.
func (b *thresholdBlock) bucketText(a *thresholdAnswer) string {
	width := time.Duration(a.value.WidthOf(a.valueRows.Rows[b.hosts[0]])) * time.Millisecond
	switch n := int(b.sums.n[0]); {
	case width == 0:
		return "no buckets"
	case width > b.spec.Interval:
		return fmt.Sprintf("buckets of %s are wider than interval %s", width, b.spec.Interval)
	case int(b.sums.whole[0]) > n:
		return fmt.Sprintf("%s of %d of %d buckets of %s", b.spec.Aggregate, n, b.sums.whole[0], width)
	case n < b.spec.MinPoints:
		return fmt.Sprintf("%d of at least %d buckets of %s", n, b.spec.MinPoints, width)
	default:
		return fmt.Sprintf("%s of %d buckets of %s", b.spec.Aggregate, n, width)
	}
}
