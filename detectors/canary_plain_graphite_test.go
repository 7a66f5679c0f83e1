package detectors

import (
	"math"
	"slices"
	"time"

	"warden/internal/remedy"
)

// plainBuckets is one answer in buckets, by host.
type plainBuckets struct {
	frame *remedy.Frame
	rows  *remedy.HostRows
	buf   []float64 // the host's row, a value for each of the frame's columns
	width int64     // of the host's row; 0 for none
}

// load reads the host's row. It reports false when several claim to be its.
func (o *plainBuckets) load(host int) bool {
	row := o.rows.Rows[host]
	o.width = 0
	if row == remedy.RowAmbiguous {
		return false
	}
	if row != remedy.RowNone {
		o.width = o.frame.Widths[row]
	}
	for k := range o.buf {
		o.buf[k] = o.frame.At(row, k)
	}
	return true
}

// plainBucketJudge judges hosts one after the other, from buckets.
type plainBucketJudge struct {
	*canaryRound
	value       plainBuckets
	expect      *plainBuckets // nil when the expectation is one number
	newest      *newestEnds
	expectKnown bool
}

// plainlyBuckets is judgeHostBuckets.
func (r *canaryRound) plainlyBuckets(roster *remedy.Roster, verdicts []remedy.HostVerdict) {
	answer := func(q remedy.Query) plainBuckets {
		f := r.results[q].Frame
		return plainBuckets{frame: f, rows: r.rowsOf(f, roster), buf: make([]float64, len(f.Cols))}
	}
	j := &plainBucketJudge{canaryRound: r, value: answer(r.ask.value), newest: r.clock.newNewestEnds()}
	if r.spec.ExpectQuery != "" {
		j.expect = new(answer(r.ask.expect))
	}
	facts, expects := make([]hostFacts, r.pool.N()), make([]bool, r.pool.N())
	for i := range verdicts {
		if verdicts[i].Verdict != remedy.VerdictOut {
			facts[i] = j.judge(i, &verdicts[i])
			expects[i] = j.expectKnown
		}
	}
	if r.target.set {
		since := func(back time.Duration) func(int) tally {
			return func(host int) tally { return j.count(host, r.clock.at-back.Milliseconds()) }
		}
		newStopped(r, stoppedHosts{facts, since(r.quiet), since(r.spec.SeenWithin), func(i int) bool { return expects[i] }}, verdicts).apply()
	}
}

// count counts the points in complete buckets that end after an instant, of
// every row that claims to be the host's.
func (j *plainBucketJudge) count(host int, after int64) tally {
	var out tally
	f := j.value.frame
	j.value.rows.Each(host, func(row int32) {
		for k := range slices.Backward(f.Cols) {
			end := f.Instant(k) + f.Widths[row]
			if end <= after {
				break
			}
			if end <= j.clock.at && !remedy.IsMissing(f.At(row, k)) {
				out.sum++
				out.any = true
			}
		}
	})
	return out
}

// judge gives a host its verdict from its own series.
func (j *plainBucketJudge) judge(host int, f *remedy.HostVerdict) hostFacts {
	alone := j.value.load(host)
	if j.expect != nil {
		alone = j.expect.load(host) && alone
	}
	if !alone {
		f.SetReason(remedy.ReasonDuplicate)
		return duplicate
	}
	clear(j.newest.ends)
	j.expectKnown = true
	for k, v := range j.value.buf {
		if j.value.width > 0 && !remedy.IsMissing(v) {
			j.newest.add(j.value.frame.Instant(k) + j.value.width)
		}
	}
	j.newest.settle()
	facts, badFrom := freshThroughout, j.steps
	for k := range j.steps {
		why := j.newest.staleAt(k)
		state, points, known := j.judgeStep(k, why)
		if why != "" {
			facts &^= freshThroughout
		}
		j.expectKnown = j.expectKnown && known
		switch {
		case !state.bad:
			badFrom = j.steps
		case badFrom == j.steps:
			badFrom = k
		}
		if k == j.steps-1 {
			if why == "" {
				facts |= freshNow
			}
			f.Points = points
			j.conclude(f, state, badFrom, j.newest.ends[k])
		}
	}
	return facts
}

// judgeStep judges step k by the buckets that lie wholly within its window. A
// null is no point, and nothing is expected of it; what is expected covers the
// points alone. Buckets wider than the interval say nothing about single steps.
func (j *plainBucketJudge) judgeStep(k int, staleWhy string) (state stepState, points int32, known bool) {
	sums := j.sum(j.clock.milli(k))
	ratio := sums.received / sums.expected
	switch {
	case !j.target.freshAt(k):
		state.reason = remedy.ReasonSourceStale
	case staleWhy != "":
		state.reason = staleWhy
	case j.value.width > j.clock.step, int(sums.points) < j.spec.MinPoints:
		state.reason = remedy.ReasonFewPoints
	case sums.odd:
		state.reason = remedy.ReasonNotANumber
	case int(sums.compared) < j.spec.MinPoints || !isFinite(sums.expected) || sums.expected <= 0:
		state.reason = remedy.ReasonNoExpectation
	case !isFinite(ratio):
		state.reason = remedy.ReasonNotANumber
	case ratio >= j.spec.ClearAbove:
		state.good, state.measured, state.ratio = true, true, ratio
	case ratio >= j.spec.BadBelow:
		state.reason, state.measured, state.ratio = remedy.ReasonBetween, true, ratio
	default:
		state.bad, state.measured, state.ratio = true, true, ratio
	}
	return state, sums.points, sums.expectKnown
}

// plainSums is what the buckets of one window add up to.
type plainSums struct {
	points   int32 // buckets with a value
	compared int32 // of those, with something expected of them
	received float64
	expected float64
	odd      bool // a value that no count can have
	// expectKnown reports whether enough is known of the expectation alone.
	expectKnown bool
}

func (j *plainBucketJudge) sum(until int64) plainSums {
	width := j.value.width
	if width == 0 && j.expect != nil {
		width = j.expect.width // it has no series: what is expected of it is known all the same
	}
	out := plainSums{expectKnown: j.expect == nil}
	known, expected := int32(0), 0.0
	first, end := bucketColumns(j.value.frame, until, j.spec.Window.Milliseconds(), width)
	for k := first; k < end; k++ {
		v := j.value.buf[k]
		e := j.expectedAt(k, width)
		if !remedy.IsMissing(e) {
			known++
			expected += e
		}
		if remedy.IsMissing(v) {
			continue
		}
		out.points++
		out.odd = out.odd || !isFinite(v) || v < 0
		if !remedy.IsMissing(e) {
			out.compared++
			out.received += v
			out.expected += e
		}
	}
	if j.expect != nil {
		out.expectKnown = int(known) >= j.spec.MinPoints && isFinite(expected) && expected > 0
	}
	return out
}

// expectedAt is what a bucket of the value's column k should have received;
// missing when that is not known.
func (j *plainBucketJudge) expectedAt(k int, width int64) float64 {
	minutes := float64(width) / float64(time.Minute.Milliseconds())
	if j.expect == nil {
		return j.spec.ExpectPerMinute * minutes
	}
	f := j.expect.frame
	off := j.value.frame.Instant(k) - f.Start
	if j.expect.width != width || off < 0 || off%f.Step != 0 || off/f.Step >= int64(len(f.Cols)) {
		return remedy.Missing()
	}
	e := j.expect.buf[off/f.Step]
	if remedy.IsMissing(e) {
		return e
	}
	if !(e >= 0) {
		return math.NaN() // nobody is expected to receive less than nothing
	}
	return e * minutes
}
