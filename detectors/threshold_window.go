package detectors

import (
	"math"

	"warden/internal/remedy"
)

// windowSums is what is known of the windows of a block of hosts so far.
type windowSums struct {
	how   Aggregate
	n     [blockHosts]int32   // samples in the window
	value [blockHosts]float64 // NaN once one of them is no number
	stamp [blockHosts]float64 // of the newest of them
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

// add takes one more sample into a window.
func (w *windowSums) add(p int, v float64) {
	if v-v != 0 { // no number, and infinities must not get lost in a minimum
		v = math.NaN()
	}
	if w.n[p]++; w.n[p] == 1 {
		w.value[p] = v
		return
	}
	switch w.how {
	case AggregateMin:
		w.value[p] = min(w.value[p], v)
	case AggregateMax:
		w.value[p] = max(w.value[p], v)
	case AggregateLast:
		w.value[p] = v
	default:
		w.value[p] += v
	}
}

// sum goes over the columns of the window that ends at step k. A sample counts
// once, however many steps answer with it, and by its own time: it has to lie in
// the window and not in the future.
func (b *thresholdBlock) sum(a *thresholdAnswer, k int) {
	w, begins := b.sums, float64(b.clock.milli(k)-b.spec.Window.Milliseconds())/1000
	for p := range b.hosts {
		w.n[p], w.stamp[p] = 0, begins
	}
	valueRows, stampsRows := a.valueRows.Rows, a.stampsRows.Rows
	for col := k; col < k+b.windowSteps; col++ {
		values, stamps := a.value.Cols[col], a.stamps.Cols[col]
		future := b.clock.newest(col - b.windowSteps + 1)
		for p, i := range b.hosts {
			row := stampsRows[i]
			stamp, v := cell(stamps, row), cell(values, valueRows[i])
			if row == remedy.RowAmbiguous {
				stamp = a.oldestStamp(int(i), col)
			}
			if stamp > w.stamp[p] && stamp <= future && !remedy.IsMissing(v) {
				w.stamp[p] = stamp
				w.add(p, v)
			}
		}
	}
}
