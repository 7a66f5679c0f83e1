package detectors

import (
	"math"
	"slices"
	"time"

	"warden/internal/remedy"
)

// graphiteRules counts changes of the judging rules on Graphite, as canaryRules
// does of those on Prometheus.
const graphiteRules = "canary-graphite/1"

// askGraphite words the questions for Graphite: one for all hosts, whatever is
// wanted of it, since the buckets say all there is to say.
func (c *Canary) askGraphite(at time.Time) canaryAsk {
	s := c.spec
	query := func(target string, back time.Duration) remedy.Query {
		return bucketQuery(s.Source, target, back, at, s.Interval)
	}
	span := max(s.For+s.Window, s.For+s.MaxStaleness+s.Interval)
	if s.CanaryTarget != "" {
		span = max(span, s.SeenWithin, c.quiet+s.Interval)
	}
	a := canaryAsk{value: query(s.Query, span)}
	if s.ExpectQuery != "" {
		a.expect = query(s.ExpectQuery, s.For+s.Window)
	}
	if s.CanaryTarget != "" {
		a.target = query(s.CanaryTarget, s.For+2*s.MaxStaleness)
	}
	return a
}

// bucketJudge judges hosts from buckets, a block of them at a time.
type bucketJudge struct {
	*canaryRound
	value  bucketRole
	expect *bucketRole // nil when the expectation is one number
	newest *newestEnds // of the host at hand
	hosts  []int32     // the block
}

// judgeHostBuckets is judgeHosts for a source that stores buckets.
func (r *canaryRound) judgeHostBuckets(roster *remedy.Roster, verdicts []remedy.HostVerdict) int {
	j, unmatched := r.bucketJudge(roster)
	facts := make([]hostFacts, r.pool.N())
	for from := 0; from < len(verdicts); from += bucketBlock {
		j.judgeBlock(verdicts, facts, from, min(from+bucketBlock, len(verdicts)))
	}
	if r.target.set {
		since := func(back time.Duration) func(int) tally {
			return func(host int) tally { return j.count(host, r.clock.at-back.Milliseconds()) }
		}
		newStopped(r, stoppedHosts{recent: since(r.quiet), seen: since(r.spec.SeenWithin), expectKnown: j.expectKnown, facts: facts}, verdicts).apply()
	}
	return unmatched
}

// bucketJudge lays out the answers by host, and counts the series of nobody.
func (r *canaryRound) bucketJudge(roster *remedy.Roster) (j *bucketJudge, unmatched int) {
	answer := func(q remedy.Query) bucketRole {
		f := r.results[q].Frame
		o := bucketRole{frame: f, rows: r.rowsOf(f, roster)}
		// A host that is well is judged by these alone.
		since := r.clock.at - max(r.spec.Window, r.spec.For+r.spec.MaxStaleness+r.spec.Interval).Milliseconds()
		o.first = int(min(max(0, (since-f.Start)/f.Step), int64(len(f.Cols))))
		unmatched = max(unmatched, o.rows.Unmatched)
		return o
	}
	j = &bucketJudge{canaryRound: r, value: answer(r.ask.value), newest: r.clock.newNewestEnds(), hosts: make([]int32, 0, bucketBlock)}
	if r.spec.ExpectQuery != "" {
		j.expect = new(answer(r.ask.expect))
	}
	return j, unmatched
}

// judgeBlock gives the hosts from..to their verdicts, by their own series.
func (j *bucketJudge) judgeBlock(verdicts []remedy.HostVerdict, facts []hostFacts, from, to int) {
	j.hosts = j.hosts[:0]
	for i := from; i < to; i++ {
		switch f := &verdicts[i]; {
		case f.Verdict == remedy.VerdictOut:
		case j.ambiguous(i):
			f.SetReason(remedy.ReasonDuplicate)
			facts[i] = duplicate
		default:
			j.hosts = append(j.hosts, int32(i))
		}
	}
	j.read()
	for p, i := range j.hosts {
		j.turn(p)
		facts[i] = j.judge(&verdicts[i])
	}
}

// ambiguous reports whether several series claim to be the host's.
func (j *bucketJudge) ambiguous(host int) bool {
	return j.value.rows.Rows[host] == remedy.RowAmbiguous || j.expect != nil && j.expect.rows.Rows[host] == remedy.RowAmbiguous
}

// read reads the block's answers.
func (j *bucketJudge) read() {
	j.value.read(j.hosts)
	if j.expect != nil {
		j.expect.read(j.hosts)
	}
}

// turn makes the host number p of the block the one at hand.
func (j *bucketJudge) turn(p int) {
	j.value.turn(p, j.hosts[p])
	if j.expect != nil {
		j.expect.turn(p, j.hosts[p])
	}
}

// only makes a host the one at hand; false when several series claim to be its.
func (j *bucketJudge) only(host int) bool {
	if j.ambiguous(host) {
		return false
	}
	j.hosts = append(j.hosts[:0], int32(host))
	j.read()
	j.turn(0)
	return true
}

// count counts the points in complete buckets that end after an instant, of
// every row that claims to be the host's.
func (j *bucketJudge) count(host int, after int64) tally {
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

// date finds the newest buckets of the host at hand. Unless all is wanted, it
// stops where no step is fresh any more and leaves the ends at those steps 0.
func (j *bucketJudge) date(all bool) {
	clear(j.newest.ends)
	f, width := j.value.frame, j.value.width
	complete := j.clock.at - width - f.Start
	if width <= 0 || complete < 0 {
		return
	}
	last := j.steps - 1
	k, fresh := last, j.clock.milli(0)-j.clock.stale
	for col := min(len(f.Cols)-1, int(complete/f.Step)); col >= 0 && k >= 0; col-- {
		end := f.Instant(col) + width
		if !all && k < last && end < fresh {
			return
		}
		if remedy.IsMissing(j.value.at(col)) {
			continue
		}
		for k >= 0 && end <= j.clock.milli(k) {
			j.newest.ends[k] = end
			k--
		}
	}
}

// judge gives the host at hand its verdict from its own series.
func (j *bucketJudge) judge(f *remedy.HostVerdict) hostFacts {
	j.date(false)
	last, facts := j.steps-1, freshThroughout
	for k := range j.steps {
		if j.newest.staleAt(k) != "" {
			facts = 0
		}
	}
	why := j.newest.staleAt(last)
	if why == "" {
		facts |= freshNow
	}
	state, points := j.judgeStep(last, why)
	badFrom := j.steps
	if state.bad {
		for badFrom = last; badFrom > 0; badFrom-- {
			if before, _ := j.judgeStep(badFrom-1, j.newest.staleAt(badFrom-1)); !before.bad {
				break
			}
		}
	}
	f.Points = points
	j.conclude(f, state, badFrom, j.newest.ends[last])
	return facts
}

// judgeStep judges step k by the buckets that lie wholly within its window. A
// null is no point, and nothing is expected of it; what is expected covers the
// points alone. Buckets wider than the interval say nothing about single steps.
func (j *bucketJudge) judgeStep(k int, staleWhy string) (state stepState, points int32) {
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
	return state, sums.points
}

// bucketSums is what the buckets of one window add up to.
type bucketSums struct {
	points   int32 // buckets with a value
	compared int32 // of those, with something expected of them
	received float64
	expected float64
	odd      bool // a value that no count can have
}

// width is that of the buckets of the host at hand. What is expected of one that
// has no series is known all the same.
func (j *bucketJudge) width() int64 {
	if j.value.width == 0 && j.expect != nil {
		return j.expect.width
	}
	return j.value.width
}

func (j *bucketJudge) sum(until int64) (out bucketSums) {
	width := j.width()
	first, end := bucketColumns(j.value.frame, until, j.spec.Window.Milliseconds(), width)
	e := j.expectedAt(first, width)
	for k, v := range j.value.window(first, end) {
		if remedy.IsMissing(v) {
			continue
		}
		out.points++
		out.odd = out.odd || !isFinite(v) || v < 0
		if j.expect != nil {
			if e = j.expectedAt(first+k, width); remedy.IsMissing(e) {
				continue
			}
		}
		out.compared++
		out.received += v
		out.expected += e
	}
	return out
}

// expectKnown reports whether enough is known, at every step, of what is
// expected of a host, whatever it received.
func (j *bucketJudge) expectKnown(host int) bool {
	if j.expect == nil {
		return true
	}
	if !j.only(host) {
		return false
	}
	width := j.width()
	for step := range j.steps {
		known, expected := 0, 0.0
		first, end := bucketColumns(j.value.frame, j.clock.milli(step), j.spec.Window.Milliseconds(), width)
		for k := first; k < end; k++ {
			if e := j.expectedAt(k, width); !remedy.IsMissing(e) {
				known++
				expected += e
			}
		}
		if known < j.spec.MinPoints || !isFinite(expected) || expected <= 0 {
			return false
		}
	}
	return true
}

// expectedAt is what a bucket of the value's column k should have received;
// missing when that is not known.
func (j *bucketJudge) expectedAt(k int, width int64) float64 {
	minutes := float64(width) / float64(time.Minute.Milliseconds())
	if j.expect == nil {
		return j.spec.ExpectPerMinute * minutes
	}
	f := j.expect.frame
	off := j.value.frame.Instant(k) - f.Start
	if j.expect.width != width || off < 0 || off%f.Step != 0 || off/f.Step >= int64(len(f.Cols)) {
		return remedy.Missing()
	}
	e := j.expect.at(int(off / f.Step))
	if remedy.IsMissing(e) {
		return e
	}
	if !(e >= 0) {
		return math.NaN() // nobody is expected to receive less than nothing
	}
	return e * minutes
}
