package detectors

import (
	"math"

	"warden/internal/remedy"
)

// windowSums is what is known of the windows of a block of hosts so far.
type windowSums struct {
	how   Aggregate
	n     [blockHosts]int32   // samples in the window
	value [blockHosts]float64 // NaN, or infinite, once one of them is no number
	stamp [blockHosts]float64 // of the newest of them
	whole [blockHosts]int32   // of buckets, for a sum: how many the window has, with those that have no value
}

// result is a window's value, Missing when no sample is in it, and the number
// of samples.
func (w *windowSums) result(p int) (float64, int32) {
	n := w.n[p]
	switch {
	case n == 0:
		return remedy.Missing(), 0
	case w.how == AggregateAvg:
		return w.value[p] / float64(n), n
	default:
		return w.value[p], n
	}
}

// start empties the windows of so many hosts, which begin at a time in seconds.
func (w *windowSums) start(hosts int, begins float64) {
	// Negative zero is what a sum can begin with and leave every number as it is.
	none := math.Copysign(0, -1)
	switch w.how {
	case AggregateMin:
		none = math.Inf(1)
	case AggregateMax:
		none = math.Inf(-1)
	case AggregateNone, AggregateAvg, AggregateSum, AggregateLast:
	}
	for p := range hosts {
		w.n[p], w.value[p], w.stamp[p] = 0, none, begins
	}
}

// take takes one column into the windows: rows are those of the values and of
// the stamps. A sample counts once, however many steps answer with it, and by
// its own time: it has to lie in the window and not in the future.
func (w *windowSums) take(hosts []int32, values, stamps []float64, rows, stampsRows []int32, future float64) {
	switch w.how {
	case AggregateAvg, AggregateSum:
		// Most of a round is here: nothing is called, and no bound checked twice.
		newest, sums, ns := w.stamp[:len(hosts)], w.value[:len(hosts)], w.n[:len(hosts)]
		for p, i := range hosts {
			row, stampsRow := rows[i], stampsRows[i]
			if uint(row) >= uint(len(values)) || uint(stampsRow) >= uint(len(stamps)) {
				continue
			}
			stamp, v := stamps[stampsRow], values[row]
			if stamp > newest[p] && stamp <= future && !remedy.IsMissing(v) {
				newest[p] = stamp
				ns[p]++
				sums[p] += v
			}
		}
	case AggregateNone, AggregateMin, AggregateMax, AggregateLast:
		for p, i := range hosts {
			stamp, v := cell(stamps, stampsRows[i]), cell(values, rows[i])
			if stamp > w.stamp[p] && stamp <= future && !remedy.IsMissing(v) {
				w.stamp[p] = stamp
				w.add(p, v)
			}
		}
	}
}

// add takes one more sample into a window.
func (w *windowSums) add(p int, v float64) {
	if v-v != 0 { // infinities must not get lost in a minimum
		v = math.NaN()
	}
	w.n[p]++
	switch w.how {
	case AggregateMin:
		w.value[p] = min(w.value[p], v)
	case AggregateMax:
		w.value[p] = max(w.value[p], v)
	case AggregateLast:
		w.value[p] = v
	case AggregateNone, AggregateAvg, AggregateSum:
		w.value[p] += v
	}
}

// sum goes over the columns of the window that ends at step k, from the oldest
// to the newest: the value of a window is what that order makes of it.
func (b *thresholdBlock) sum(a *thresholdAnswer, k int) {
	w, begins := b.sums, b.clock.seconds(k-b.windowSteps)
	w.start(len(b.hosts), begins)
	for col := k; col < k+b.windowSteps; col++ {
		w.take(b.hosts, a.value.Cols[col], a.stamps.Cols[col], a.valueRows.Rows, a.stampsRows.Rows, b.clock.newest(col-b.windowSteps+1))
	}
	if !a.mixed() {
		return
	}
	for p, i := range b.hosts {
		if a.stampsRows.Rows[i] != remedy.RowAmbiguous {
			continue
		}
		for col := k; col < k+b.windowSteps; col++ {
			stamp, v := a.oldestStamp(int(i), col), cell(a.value.Cols[col], a.valueRows.Rows[i])
			if stamp > w.stamp[p] && stamp <= b.clock.newest(col-b.windowSteps+1) && !remedy.IsMissing(v) {
				w.stamp[p] = stamp
				w.add(p, v)
			}
		}
	}
}
