package source

import (
	"math"
	"slices"
	"time"

	"warden/internal/remedy"
)

const (
	// wholeEvery is for how long buckets are put together from parts before all
	// of them are asked for again. A relay that was cut off, or a carbon that may
	// create few files a minute, delivers long after late_within: its points are
	// seen no later than this.
	wholeEvery = 10 * time.Minute
	// tailBuckets is how many buckets of the widest row are asked for again on
	// top of late_within: one because a bucket is complete only at its end, one
	// because graphite-web may have taken the answer from its own cache, and one
	// because it can be set to leave out the newest two of an aggregate while
	// they are incomplete. It takes two to see their step.
	tailBuckets = 3
)

// unsettledBuckets is unsettled for a source that stores buckets.
func (e *cacheEntry) unsettledBuckets(q remedy.Query, late time.Duration) time.Time {
	start, end := q.Start.UnixMilli(), q.End.UnixMilli()
	if start < e.start || start > e.end || end < e.end || end-e.whole >= wholeEvery.Milliseconds() {
		return q.Start
	}
	widest, period := int64(0), int64(1)
	for _, width := range e.grid.widths {
		if width != widest {
			widest, period = max(widest, width), lcm(period, width)
		}
	}
	// A whole number of buckets behind the window's own beginning: series that
	// Graphite adds up at a common step count it from the first bucket asked for.
	settled := e.end - late.Milliseconds() - tailBuckets*widest - start
	if settled < period {
		return q.Start
	}
	return time.UnixMilli(start + settled/period*period).UTC()
}

// lcm is the least common multiple, or more than any window is long.
func lcm(a, b int64) int64 {
	if a = a / gcd(a, b); a > math.MaxInt64/b {
		return math.MaxInt64
	}
	return a * b
}

// continuedInBuckets puts together the buckets that are known and the newest
// ones. They fit when both answers have the same series at the same steps and
// lack no bucket: then the answer to all of q would be laid out as the two
// together are. Otherwise a series came or went, or a storage schema or the
// archive has changed.
func (e *cacheEntry) continuedInBuckets(q remedy.Query, got Columns) (Columns, bool) {
	known, tail := e.grid, got.grid
	if got.Table != e.table || known == nil || tail == nil || !tail.full || tail.step != known.step ||
		!slices.Equal(tail.widths, known.widths) || !slices.Equal(tail.phases, known.phases) {
		return Columns{}, false
	}
	first := tail.start
	from := ceilSeconds(q.Start.UnixMilli()) * 1000
	for row, width := range known.widths {
		phase := known.phases[row]
		first = min(first, from+((phase-from)%width+width)%width)
	}
	out := &bucketGrid{start: first, step: known.step, widths: known.widths, phases: known.phases, full: true}
	cols := make([][]float64, 0, (tail.start-first)/known.step+int64(len(got.Cols)))
	for at := first; at < tail.start; at += known.step {
		var col []float64 // nobody's bucket begins here
		if k := (at - known.start) / known.step; k < int64(len(e.cols)) {
			col = e.cols[k]
		}
		cols = append(cols, col)
	}
	return Columns{Table: got.Table, Cols: append(cols, got.Cols...), grid: out}, true
}

// bytes is about how much memory the grid takes.
func (g *bucketGrid) bytes() int64 {
	if g == nil {
		return 0
	}
	return int64(len(g.widths)) * 16
}
