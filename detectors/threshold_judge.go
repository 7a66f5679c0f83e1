package detectors

import (
	"math"
	"time"

	"warden/internal/remedy"
)

// blockHosts is how many hosts are judged together: few enough that what is
// known of them stays in the nearest cache, while the columns of the answers
// are read from one end to the other.
const blockHosts = 512

// Judge implements Detector. The judged instant is read for every host; the
// instants before it only for those that are bad at all after them.
func (t *Threshold) Judge(pool remedy.PoolView, at time.Time, results remedy.Results, buf []remedy.HostVerdict) remedy.Judgement {
	j := remedy.Judgement{
		Detector: t.spec.Name, Pool: pool.Name, Roster: pool.Listed(), Verdicts: blanks(pool, buf),
		Terms: t.terms, Window: t.spec.Window, For: t.spec.For,
	}
	r := t.newRound(pool, j.Roster, at, results)
	j.At = r.clock.instant(t.steps - 1)
	j.SourceAge = r.target.age
	switch {
	case r.failed != "":
		j.SourceFresh = remedy.Unknown[bool](r.failed)
		allUnknown(j.Verdicts, remedy.ReasonSourceFailed)
	case !r.target.freshAt(t.steps - 1):
		j.SourceFresh = remedy.Known(false)
		allUnknown(j.Verdicts, remedy.ReasonSourceStale)
	case !t.datable():
		j.SourceFresh = remedy.Known(true)
		allUnknown(j.Verdicts, remedy.ReasonNoFreshness)
	default:
		j.SourceFresh = remedy.Known(true)
		j.Unmatched = r.unmatched
		b := newThresholdBlock(r)
		for from := 0; from < len(j.Verdicts); from += blockHosts {
			b.judge(j.Verdicts, from, min(from+blockHosts, len(j.Verdicts)))
		}
	}
	return j
}

// datable reports whether the age of every condition's values can be known.
func (t *Threshold) datable() bool {
	for _, c := range t.conditions {
		if c.dated == "" {
			return false
		}
	}
	return true
}

// thresholdRound is the judging of one pool at one instant.
type thresholdRound struct {
	*Threshold
	clock  roundClock
	failed string // why a question has no answer
	target targetState
	// answers are those to each condition, in order.
	answers   []thresholdAnswer
	unmatched int
}

// thresholdAnswer is the answer to one condition's questions, by host. Buckets
// have no stamps: they tell their own age.
type thresholdAnswer struct {
	condition
	value, stamps         *remedy.Frame
	valueRows, stampsRows *remedy.HostRows
}

func (t *Threshold) newRound(pool remedy.PoolView, roster *remedy.Roster, at time.Time, results remedy.Results) *thresholdRound {
	r := &thresholdRound{Threshold: t, clock: roundClock{
		at: at.UnixMilli(), step: t.spec.Interval.Milliseconds(), steps: t.steps, stale: t.spec.MaxStaleness.Milliseconds(),
	}}
	r.failed = unanswered(t.Queries(pool, at), results, t.spec.Dialect)
	var target remedy.Query
	if t.spec.CanaryTarget != "" {
		target = t.askTarget(at)
	}
	r.target = r.clock.target(target, results, t.spec.Dialect)
	if r.failed != "" || !t.datable() {
		return r
	}
	rule := remedy.HostRule{Node: t.spec.HostNode, Regex: t.spec.HostRegex}
	for _, c := range t.conditions {
		ask := t.ask(c, at)
		a := thresholdAnswer{condition: c, value: results[ask.value].Frame, stamps: results[ask.stamps].Frame}
		a.valueRows = a.value.Keys.Rows(pool.Name, roster, rule)
		if a.stamps != nil {
			a.stampsRows = a.stamps.Keys.Rows(pool.Name, roster, rule)
		}
		r.unmatched = max(r.unmatched, a.valueRows.Unmatched)
		r.answers = append(r.answers, a)
	}
	return r
}

// The states of a host at a step, by one condition or by all. What follows
// stateUnknown is the reason.
const (
	stateUnknown = iota
	stateGood
	stateBad
	stateBetween
)

// hostState is what one host is at one step.
type hostState struct {
	state  uint8
	reason uint8 // of stepReasons, when unknown
	term   uint8
	points int32
	value  float64 // Missing when nothing trustworthy was measured
	stamp  float64 // of the newest raw sample, in seconds; Missing for none
}

// stepReasons are what a step can be unknown for, most telling last: of two
// conditions that are unknown the later of these is told.
var stepReasons = [...]string{
	"", remedy.ReasonNoSeries, remedy.ReasonNoValue, remedy.ReasonFewPoints, remedy.ReasonStale, remedy.ReasonFuture, remedy.ReasonNotANumber, remedy.ReasonDuplicate, remedy.ReasonSourceStale,
}

const (
	whyNoSeries = iota + 1
	whyNoValue
	whyFewPoints
	whyStale
	whyFuture
	whyNotANumber
	whyDuplicate
	whySourceStale
)

// thresholdBlock judges a block of hosts at a time.
type thresholdBlock struct {
	*thresholdRound
	hosts []int32 // those under judgement
	now   []hostState
	one   []hostState // by one condition
	// left are those that were bad at every step looked at so far; words and
	// others say of each of the block's hosts whether it was at one more.
	left          []int32
	words, others [blockHosts]uint8
	sums          *windowSums // nil unless values are made of windows
	slides        []*slide    // of each condition, where values are
	anew          []int32     // hosts whose slides begin from nothing
	slack         float64     // by how much sums may differ, for 1 of slide.most
	// unknown are verdicts made beforehand, by number of reason.
	unknown          [len(stepReasons)]remedy.HostVerdict
	between, pending remedy.HostVerdict
}

func newThresholdBlock(r *thresholdRound) *thresholdBlock {
	b := &thresholdBlock{
		thresholdRound: r,
		hosts:          make([]int32, 0, blockHosts), now: make([]hostState, blockHosts), one: make([]hostState, blockHosts),
		left: make([]int32, 0, blockHosts),
	}
	if r.spec.Aggregate != AggregateNone {
		b.sums = &windowSums{how: r.spec.Aggregate}
		for range r.answers {
			if r.spec.Dialect != Graphite {
				b.slides = append(b.slides, &slide{how: r.spec.Aggregate})
			}
		}
		// Each value comes and goes once and is rounded a few times.
		b.slack = float64(8*(r.steps+r.windowSteps)+32) * 0x1p-53
	}
	for i, word := range stepReasons {
		b.unknown[i].SetReason(word)
	}
	b.between.SetReason(remedy.ReasonBetween)
	b.pending.SetReason(remedy.ReasonPending)
	return b
}

// judge gives the hosts from..to their verdicts.
func (b *thresholdBlock) judge(verdicts []remedy.HostVerdict, from, to int) {
	b.hosts, b.left = b.hosts[:0], b.left[:0]
	if plain := len(b.answers) == 1 && b.sums == nil; plain && b.target.freshAt(b.steps-1) {
		b.settle(&b.answers[0], verdicts, from, to)
	} else {
		for i := from; i < to; i++ {
			if verdicts[i].Verdict != remedy.VerdictOut {
				b.hosts = append(b.hosts, int32(i))
			}
		}
	}
	last := b.steps - 1
	b.look(last)
	for p, i := range b.hosts {
		s, v := &b.now[p], &verdicts[i]
		switch s.state {
		case stateGood:
			*v = remedy.HostVerdict{Verdict: remedy.VerdictGood}
		case stateBad:
			*v = b.pending
			v.BadNow = true
			b.left = append(b.left, i)
		case stateBetween:
			*v = b.between
		default:
			*v = b.unknown[s.reason]
		}
		v.Value, v.Points, v.Term, v.Newest = s.value, s.points, s.term, milliOf(s.stamp)
	}
	if len(b.left) > 0 {
		b.startSlides(from)
	}
	for k := last - 1; k >= 0 && len(b.left) > 0; k-- {
		b.before(verdicts, from, k)
	}
	for _, i := range b.left {
		v := &verdicts[i]
		v.Verdict, v.BadSince = remedy.VerdictBad, b.clock.milli(0)
		v.SetReason("")
	}
}

// settle gives those that are good or bad by one condition their verdicts, and
// leaves the others to be looked at closely. In most rounds that is nobody.
func (b *thresholdBlock) settle(a *thresholdAnswer, verdicts []remedy.HostVerdict, from, to int) {
	col := b.steps - 1
	first, last, values, stamps := b.clock.oldest(col), b.clock.newest(col), a.value.Cols[col], a.stamps.Cols[col]
	valueRows, stampsRows := a.valueRows.Rows, a.stampsRows.Rows
	for i := from; i < to; i++ {
		x := &verdicts[i]
		if x.Verdict == remedy.VerdictOut {
			continue
		}
		v, stamp := cell(values, valueRows[i]), cell(stamps, stampsRows[i])
		// NaN, and what is missing is one, is inside and outside of no bounds.
		if fresh := stamp >= first && stamp <= last; fresh && v >= a.low.clear && v <= a.high.clear {
			x.Verdict, x.Value, x.Points, x.Term, x.Newest = remedy.VerdictGood, v, 1, a.goodTerm(v), milliOf(stamp)
			continue
		} else if fresh && (v < a.low.bad || v > a.high.bad) && v-v == 0 {
			term := a.low.term
			if v > a.high.bad {
				term = a.high.term
			}
			*x = b.pending
			x.BadNow, x.Value, x.Points, x.Term, x.Newest = true, v, 1, term, milliOf(stamp)
			b.left = append(b.left, int32(i))
			continue
		}
		b.hosts = append(b.hosts, int32(i))
	}
}

// milliOf is a stamp, in seconds, in Unix milliseconds; 0 for none.
func milliOf(stamp float64) int64 {
	if missing(stamp) {
		return 0
	}
	return int64(math.Floor(stamp*1000 + 0.5))
}

// look finds the state of the block's hosts at step k, by all conditions.
func (b *thresholdBlock) look(k int) {
	if !b.target.freshAt(k) {
		for p := range b.hosts {
			b.now[p] = hostState{reason: whySourceStale, value: remedy.Missing(), stamp: remedy.Missing()}
		}
		return
	}
	for n := range b.answers {
		if n == 0 {
			b.lookAt(&b.answers[0], k, b.now)
			continue
		}
		b.lookAt(&b.answers[n], k, b.one)
		for p := range b.hosts {
			b.now[p] = b.join(b.now[p], b.one[p])
		}
	}
}

// join joins what two conditions say of one host, in three-valued logic:
// between and unknown are both neither true nor false. The evidence is that of
// the condition which decides; the first of several.
func (t *Threshold) join(x, y hostState) hostState {
	decides, yields := uint8(stateGood), uint8(stateBad) // all: one good is enough
	if t.spec.Match == MatchAny {
		decides, yields = yields, decides
	}
	switch {
	case x.state == decides:
		return x
	case y.state == decides:
		return y
	case x.state == yields && y.state == yields:
		return x
	case x.state == stateUnknown && y.state == stateUnknown && y.reason > x.reason:
		return y
	case x.state == stateUnknown:
		return x
	case y.state == stateUnknown:
		return y
	case x.state == stateBetween:
		return x
	default:
		return y // the other one yields
	}
}

// lookAt finds the state of the block's hosts at step k by one condition.
func (b *thresholdBlock) lookAt(a *thresholdAnswer, k int, out []hostState) {
	if b.spec.Dialect == Graphite {
		b.lookAtBuckets(a, k, out)
		return
	}
	if b.sums != nil {
		b.sum(a, k)
	}
	col, first, last := k+b.windowSteps-1, b.clock.oldest(k), b.clock.newest(k)
	values, stamps := a.value.Cols[col], a.stamps.Cols[col]
	for p, i := range b.hosts {
		s := &out[p]
		row := a.stampsRows.Rows[i]
		stamp := cell(stamps, row)
		if row == remedy.RowAmbiguous {
			stamp = a.oldestStamp(int(i), col)
		}
		v, points := cell(values, a.valueRows.Rows[i]), int32(1)
		if b.sums != nil {
			v, points = b.sums.result(p)
		}
		*s = hostState{value: v, stamp: stamp, points: points}
		b.place(a, int(i), col, first, last, s)
	}
}

// place says what a host is by what was read of it: s.value, s.points, and
// s.stamp, which is fresh from first to last.
func (b *thresholdBlock) place(a *thresholdAnswer, host, col int, first, last float64, s *hostState) {
	// NaN, a missing value among them, is inside no bounds.
	if s.stamp >= first && s.stamp <= last && s.value >= a.low.clear && s.value <= a.high.clear &&
		int(s.points) >= b.spec.MinPoints && a.valueRows.Rows[host] != remedy.RowAmbiguous {
		s.state, s.term = stateGood, a.goodTerm(s.value)
		return
	}
	b.notGood(a, host, col, first, last, s)
}

// cell reads a row of a column; Missing for none.
func cell(col []float64, row int32) float64 {
	if uint(row) < uint(len(col)) {
		return col[row]
	}
	return remedy.Missing()
}

// notGood says what a host is that is not good.
func (b *thresholdBlock) notGood(a *thresholdAnswer, host, col int, first, last float64, s *hostState) {
	v := s.value
	switch {
	case a.valueRows.Rows[host] == remedy.RowAmbiguous:
		s.reason, s.stamp = whyDuplicate, remedy.Missing()
	case missing(s.stamp):
		s.reason = whyNoSeries
		if s.stamp = a.newestBefore(host, col); s.stamp < first {
			s.reason = whyStale // it was there; now only its age is known
		} else if !missing(s.stamp) {
			s.reason = whyNoValue
		}
	case s.stamp > last:
		s.reason, s.stamp = whyFuture, remedy.Missing()
	case s.stamp < first:
		s.reason = whyStale
	case int(s.points) < b.spec.MinPoints:
		s.reason = whyFewPoints
	case remedy.IsMissing(v):
		s.reason = whyNoValue // fresh_query has one
	case !isFinite(v):
		s.reason = whyNotANumber
	case v < a.low.bad:
		s.state, s.term = stateBad, a.low.term
		return
	case v > a.high.bad:
		s.state, s.term = stateBad, a.high.term
		return
	default:
		s.state, s.term = stateBetween, a.low.term
		if !a.low.set || v > a.high.clear {
			s.term = a.high.term
		}
		return
	}
	s.value, s.term = remedy.Missing(), a.goodTerm(0)
	if s.reason != whyFewPoints {
		s.points = 0
	}
}

// goodTerm is the bound that a good value is shown against: the nearer one.
func (c *condition) goodTerm(v float64) uint8 {
	switch {
	case !c.high.set:
		return c.low.term
	case c.low.set && v-c.low.bad < c.high.bad-v:
		return c.low.term
	}
	return c.high.term
}

// mixed reports whether a host's age may be that of several series.
func (c *condition) mixed() bool { return c.dated != c.expr }

// oldestStamp is the time of the newest sample of the oldest of a host's
// series: what was made of them is as old as that. Missing when one has none.
// Several hosts of one name have none.
func (a *thresholdAnswer) oldestStamp(host, col int) float64 {
	oldest, gap := remedy.Missing(), false
	if !a.mixed() {
		return oldest // one series a host, and never pick one
	}
	a.stampsRows.Each(host, func(row int32) {
		s := cell(a.stamps.Cols[col], row)
		gap = gap || missing(s)
		if missing(oldest) || s < oldest {
			oldest = s
		}
	})
	if gap {
		return remedy.Missing()
	}
	return oldest
}

// newestBefore is the newest stamp of a host that has none now.
func (a *thresholdAnswer) newestBefore(host, col int) float64 {
	if a.stamps == nil {
		return remedy.Missing() // buckets: the newest of all was looked for
	}
	for k := col - 1; k >= 0; k-- {
		if s := cell(a.stamps.Cols[k], a.stampsRows.Rows[host]); !missing(s) {
			return s
		}
	}
	return remedy.Missing()
}
