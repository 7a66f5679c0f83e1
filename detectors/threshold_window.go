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
	mark  [blockHosts]uint8   // what is special of the samples
	odd   []int32             // those that are marked odd
	stamp [blockHosts]float64 // of buckets: when the newest with a value ended
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

// begin empties the windows of so many hosts.
func (w *windowSums) begin(hosts int) {
	nothing := w.nothing()
	for p := range hosts {
		w.n[p], w.value[p], w.mark[p] = 0, nothing, 0
	}
	w.odd = w.odd[:0]
}

// nothing is what a value begins as: the first sample makes it that sample.
// Negative zero is what added to any number leaves it as it is.
func (w *windowSums) nothing() float64 {
	switch w.how {
	case AggregateMin:
		return math.Inf(1)
	case AggregateMax:
		return math.Inf(-1)
	case AggregateNone, AggregateAvg, AggregateLast, AggregateSum:
	}
	return math.Copysign(0, -1)
}

// What is marked of a window.
const (
	markOdd      = 1 << iota // a step answers with a sample that is not of its own time
	markNegative             // a value below 0, or no number
)

// take takes one column into the windows, of samples that are first seen at the
// step at or after their own time and before the next: those count once by
// themselves. Hosts with a sample of another time are left to one.
func (w *windowSums) take(hosts []int32, c slideColumn) {
	values, stamps, rows, stampsRows, before, at := c.values, c.stamps, c.rows, c.stampsRows, c.before, c.at
	sums, ns := w.value[:len(hosts)], w.n[:len(hosts)]
	if w.how != AggregateAvg && w.how != AggregateSum {
		for p, i := range hosts {
			stamp, v := cell(stamps, stampsRows[i]), cell(values, rows[i])
			if stamp > before && stamp <= at && !remedy.IsMissing(v) {
				w.add(p, v)
			} else if stamp == stamp && !remedy.IsMissing(v) {
				w.strange(p)
			}
		}
		return
	}
	// Most of a round is here: nothing is called, and no bound checked twice.
	for p, i := range hosts {
		row, stampsRow := rows[i], stampsRows[i]
		if uint(row) >= uint(len(values)) || uint(stampsRow) >= uint(len(stamps)) {
			continue
		}
		stamp, v := stamps[stampsRow], values[row]
		if stamp > before && stamp <= at && v >= 0 { // what is missing is not
			ns[p]++
			sums[p] += v
			continue
		}
		if stamp != stamp || remedy.IsMissing(v) {
			continue
		}
		if !(stamp > before && stamp <= at) {
			w.strange(p)
			continue
		}
		ns[p]++
		sums[p] += v
		w.mark[p] |= markNegative
	}
}

// strange marks a window that holds a sample of another time.
func (w *windowSums) strange(p int) {
	if w.mark[p]&markOdd == 0 {
		w.mark[p] |= markOdd
		w.odd = append(w.odd, int32(p))
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
	w := b.sums
	w.begin(len(b.hosts))
	for col := k; col < k+b.windowSteps && len(w.odd) < len(b.hosts); col++ {
		w.take(b.hosts, b.slideColumn(a, col))
	}
	if a.mixed() {
		for p, i := range b.hosts {
			if a.stampsRows.Rows[i] == remedy.RowAmbiguous && w.mark[p]&markOdd == 0 {
				w.mark[p] |= markOdd
				w.odd = append(w.odd, int32(p))
			}
		}
	}
	for _, p := range w.odd {
		b.sumOne(a, k, int(p))
	}
}

// sumOne is sum for a host with samples of any time. One counts once, however
// many steps answer with it, and by its own time: it has to lie in the window
// and not in the future.
func (b *thresholdBlock) sumOne(a *thresholdAnswer, k, p int) {
	w, i, newest := b.sums, b.hosts[p], b.clock.seconds(k-b.windowSteps)
	row, stampsRow := a.valueRows.Rows[i], a.stampsRows.Rows[i]
	w.n[p], w.value[p] = 0, w.nothing()
	for col := k; col < k+b.windowSteps; col++ {
		stamp, v := cell(a.stamps.Cols[col], stampsRow), cell(a.value.Cols[col], row)
		if stampsRow == remedy.RowAmbiguous {
			stamp = a.oldestStamp(int(i), col)
		}
		if stamp > newest && stamp <= b.clock.newest(col-b.windowSteps+1) && !remedy.IsMissing(v) {
			newest = stamp
			w.add(p, v)
		}
	}
}
