package detectors

import (
	"math"

	"warden/internal/remedy"
)

// What follows judges one host after the other and one step after the other, as
// the rules are written down. The detector looks at blocks of hosts, and at no
// more than it needs; the two must agree on every verdict, bit for bit.

// column holds one series' value at each of a number of aligned steps, the
// last of which is the judged instant. Columns are reused from host to host.
type column struct {
	v   []float64
	has []bool
}

func newColumn(n int) *column { return &column{v: make([]float64, n), has: make([]bool, n)} }

// fill reads a row of a frame that has exactly the column's steps.
func (c *column) fill(f *remedy.Frame, row int32) {
	for k := range c.v {
		c.v[k] = f.At(row, k)
		c.has[k] = !remedy.IsMissing(c.v[k])
	}
}

func (c *column) at(k int) (float64, bool) { return c.v[k], c.has[k] }

// plainRole is one query's answer, by host.
type plainRole struct {
	frame *remedy.Frame
	rows  *remedy.HostRows
	col   *column
}

// load fills the role's column with the host's series. It reports false when
// several series claim to be the host's.
func (o *plainRole) load(host int) bool {
	switch row := o.rows.Rows[host]; row {
	case remedy.RowAmbiguous:
		return false
	case remedy.RowNone:
		clear(o.col.has)
	default:
		o.col.fill(o.frame, row)
	}
	return true
}

// plainJudge judges hosts one after the other, with columns that are reused.
type plainJudge struct {
	*canaryRound
	value, points, stamps plainRole
	expect                *plainRole // nil when the expectation is one number
	expected              float64
	fresh                 []bool // at each stamp
	expectKnown           bool
}

// plainly is judgeHosts.
func (r *canaryRound) plainly(roster *remedy.Roster, verdicts []remedy.HostVerdict) {
	answer := func(q remedy.Query, steps int) plainRole {
		f := r.results[q].Frame
		return plainRole{frame: f, rows: r.rowsOf(f, roster), col: newColumn(steps)}
	}
	j := &plainJudge{
		canaryRound: r,
		value:       answer(r.ask.value, r.steps),
		points:      answer(r.ask.points, r.steps),
		stamps:      answer(r.ask.stamps, r.stampSteps()),
		fresh:       make([]bool, r.stampSteps()),
		expected:    r.spec.ExpectPerMinute * r.spec.Window.Minutes(),
	}
	if r.spec.ExpectQuery != "" {
		j.expect = new(answer(r.ask.expect, r.steps))
	}
	facts, expects := make([]hostFacts, r.pool.N()), make([]bool, r.pool.N())
	for i := range verdicts {
		if verdicts[i].Verdict != remedy.VerdictOut {
			facts[i] = j.judge(i, &verdicts[i])
			expects[i] = j.expectKnown
		}
	}
	if r.target.set {
		of := func(q remedy.Query) func(int) tally {
			return counted{r.results[q].Frame, r.rowsOf(r.results[q].Frame, roster)}.of
		}
		newStopped(r, stoppedHosts{facts, of(r.ask.recent), of(r.ask.seen), func(i int) bool { return expects[i] }}, verdicts).apply()
	}
}

// stampAt reads step k of a column of n stamps that ends at the judged instant.
func (j *plainJudge) stampAt(col *column, k, n int) (milli int64, why string) {
	v, ok := col.at(k)
	if !ok {
		return 0, remedy.ReasonNoSeries
	}
	return j.clock.stamp(v, k-(n-j.steps))
}

// judge fills in the finding of a host from its own series.
func (j *plainJudge) judge(host int, f *remedy.HostVerdict) hostFacts {
	alone := j.stamps.load(host)
	alone = j.value.load(host) && alone
	alone = j.points.load(host) && alone
	if j.expect != nil {
		alone = j.expect.load(host) && alone
	}
	if !alone {
		f.SetReason(remedy.ReasonDuplicate)
		return duplicate
	}
	facts, newestMilli := freshThroughout, int64(0)
	n := len(j.fresh)
	j.expectKnown = true
	covered := 0 // fresh stamps in the window that ends at the step at hand
	last := j.steps - 1
	badFrom := j.steps // first step of the unbroken run of bad ones
	for i := range n {
		milli, why := j.stampAt(j.stamps.col, i, n)
		j.fresh[i] = why == ""
		if milli != 0 && why != remedy.ReasonFuture {
			newestMilli = max(newestMilli, milli)
		}
		if j.fresh[i] {
			covered++
		}
		if i >= j.windowSteps && j.fresh[i-j.windowSteps] {
			covered--
		}
		k := i - (j.windowSteps - 1)
		if k < 0 {
			continue
		}
		if why != "" {
			facts &^= freshThroughout
		}
		state, known := j.judgeStep(k, why, float64(covered)/float64(j.windowSteps))
		j.expectKnown = j.expectKnown && known
		switch {
		case !state.bad:
			badFrom = j.steps
		case badFrom == j.steps:
			badFrom = k
		}
		if k == last {
			if why == "" {
				facts |= freshNow
			}
			if n, ok := j.points.col.at(k); ok && n >= 0 && n < math.MaxInt32 {
				f.Points = int32(n)
			}
			j.conclude(f, state, badFrom, newestMilli)
		}
	}
	return facts
}

// judgeStep judges step k. covered is the share of the window's steps at which
// the host was fresh. What the host received in the rest of the window is
// missing, and missing is never 0: to be bad it must have received too little
// for the covered share alone, and to be good enough for the whole window.
func (j *plainJudge) judgeStep(k int, staleWhy string, covered float64) (state stepState, expectKnown bool) {
	expected, expectKnown := j.expected, true
	if j.expect != nil {
		perMinute, ok := j.expect.col.at(k)
		expected = perMinute * j.spec.Window.Minutes()
		expectKnown = ok && isFinite(expected) && expected > 0
	}
	received, hasValue := j.value.col.at(k)
	points, hasPoints := j.points.col.at(k)
	ratio := received / expected
	switch {
	case !j.target.freshAt(k):
		state.reason = remedy.ReasonSourceStale
	case staleWhy != "":
		state.reason = staleWhy
	case !hasPoints || !(points >= float64(j.spec.MinPoints)) || math.IsInf(points, 0):
		state.reason = remedy.ReasonFewPoints
	case !hasValue:
		state.reason = remedy.ReasonNoSeries
	case !isFinite(received) || received < 0:
		state.reason = remedy.ReasonNotANumber
	case !expectKnown:
		state.reason = remedy.ReasonNoExpectation
	case !isFinite(ratio):
		state.reason = remedy.ReasonNotANumber
	case ratio >= j.spec.ClearAbove:
		state.good, state.measured, state.ratio = true, true, ratio
	case ratio >= j.spec.BadBelow:
		state.reason, state.measured, state.ratio = remedy.ReasonBetween, true, ratio
	case ratio >= j.spec.BadBelow*covered:
		state.reason = remedy.ReasonFewPoints // too little, but for a part of the window only
	default:
		state.bad, state.measured, state.ratio = true, true, ratio
	}
	return state, expectKnown
}
