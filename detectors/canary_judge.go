package detectors

import (
	"math"
	"slices"
	"time"

	"warden/internal/remedy"
)

// Judge implements Detector. Its cost grows with the points of the answers.
func (c *Canary) Judge(pool remedy.PoolView, at time.Time, results remedy.Results, buf []remedy.HostVerdict) remedy.Judgement {
	r := c.newRound(pool, at, results)
	j := remedy.Judgement{
		Detector: c.spec.Name, Pool: pool.Name, At: r.clock.instant(c.steps - 1), Roster: pool.Listed(), Verdicts: blanks(pool, buf),
		Terms: c.terms, Window: c.spec.Window, For: c.spec.For,
	}

	failed := unanswered(r.ask.all(), results, c.spec.Dialect)
	target := r.clock.target(r.ask.target, results, c.spec.Dialect)
	j.SourceAge = target.age
	switch {
	case failed != "":
		j.SourceFresh = remedy.Unknown[bool](failed)
		allUnknown(j.Verdicts, remedy.ReasonSourceFailed)
	case !target.freshAt(c.steps - 1):
		j.SourceFresh = remedy.Known(false)
		allUnknown(j.Verdicts, remedy.ReasonSourceStale)
	case c.selector == "":
		j.SourceFresh = remedy.Known(true)
		allUnknown(j.Verdicts, remedy.ReasonNoFreshness)
	default:
		j.SourceFresh = remedy.Known(true)
		r.target = target
		if c.spec.Dialect == Graphite {
			j.Unmatched = r.judgeHostBuckets(j.Roster, j.Verdicts)
		} else {
			j.Unmatched = r.judgeHosts(j.Roster, j.Verdicts)
		}
	}
	return j
}

func (c *Canary) newRound(pool remedy.PoolView, at time.Time, results remedy.Results) *canaryRound {
	return &canaryRound{
		Canary: c, pool: pool, results: results,
		ask: c.ask(at),
		clock: roundClock{
			at: at.UnixMilli(), step: c.spec.Interval.Milliseconds(), steps: c.steps, stale: c.spec.MaxStaleness.Milliseconds(),
		},
	}
}

// canaryRound is the judging of one pool at one instant.
type canaryRound struct {
	*Canary
	pool    remedy.PoolView
	results remedy.Results
	ask     canaryAsk
	clock   roundClock
	target  targetState
}

// blanks is every host's verdict before anything was read: out, or unknown.
func blanks(pool remedy.PoolView, buf []remedy.HostVerdict) []remedy.HostVerdict {
	out := slices.Grow(buf[:0], pool.N())[:pool.N()]
	for i := range out {
		out[i] = remedy.HostVerdict{Value: remedy.Missing()}
		if pool.Hosts[i].State == remedy.ServiceOut {
			out[i].Verdict = remedy.VerdictOut
		}
	}
	return out
}

// allUnknown gives every host but those that are out the same reason.
func allUnknown(verdicts []remedy.HostVerdict, reason string) {
	for i := range verdicts {
		if verdicts[i].Verdict != remedy.VerdictOut {
			verdicts[i].SetReason(reason)
		}
	}
}

// stampAt reads step k of a column of n stamps that ends at the judged instant:
// the stamp in Unix milliseconds, 0 if none, and a reason when it isn't fresh.
func (r *canaryRound) stampAt(col *column, k, n int) (milli int64, why string) {
	v, ok := col.at(k)
	if !ok {
		return 0, remedy.ReasonNoSeries
	}
	return r.clock.stamp(v, k-(n-r.steps))
}

// hostJudge judges hosts one after the other, with columns that are reused.
type hostJudge struct {
	*canaryRound
	value, points, stamps role
	expect                *role // nil when the expectation is one number
	expected              float64
	fresh                 []bool // at each stamp
}

// hostFacts is what the stopped-host rule needs of a host besides its verdict.
type hostFacts uint8

const (
	freshThroughout hostFacts = 1 << iota // at every judged step
	freshNow                              // at the judged instant
	duplicate                             // several series claim to be the host's
	expectKnown                           // something is expected at every judged step
)

func (f hostFacts) has(what hostFacts) bool { return f&what != 0 }

// only keeps a fact where it holds once more.
func (f *hostFacts) only(what hostFacts, holds bool) {
	if !holds {
		*f &^= what
	}
}

// judgeHosts judges every host by its own series, then those that have none by
// the stopped-host rule.
func (r *canaryRound) judgeHosts(roster *remedy.Roster, verdicts []remedy.HostVerdict) int {
	j, unmatched := r.hostJudge(roster)
	facts := make([]hostFacts, r.pool.N())
	for i := range verdicts {
		if verdicts[i].Verdict != remedy.VerdictOut {
			facts[i] = j.judge(i, &verdicts[i])
		}
	}
	if r.target.set {
		of := func(q remedy.Query) func(int) tally {
			return counted{r.results[q].Frame, r.rowsOf(r.results[q].Frame, roster)}.of
		}
		newStopped(r, of(r.ask.recent), of(r.ask.seen), facts, verdicts).apply()
	}
	return unmatched
}

// rowsOf says which rows of an answer are which host's.
func (r *canaryRound) rowsOf(f *remedy.Frame, roster *remedy.Roster) *remedy.HostRows {
	return f.Keys.Rows(r.pool.Name, roster, remedy.HostRule{Node: r.spec.HostNode, Regex: r.spec.HostRegex})
}

// hostJudge lays out the answers by host, and counts the series of nobody.
func (r *canaryRound) hostJudge(roster *remedy.Roster) (j *hostJudge, unmatched int) {
	answer := func(q remedy.Query, steps int) role {
		f := r.results[q].Frame
		o := role{frame: f, rows: r.rowsOf(f, roster), col: newColumn(steps)}
		unmatched = max(unmatched, o.rows.Unmatched)
		return o
	}
	j = &hostJudge{
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
	return j, unmatched
}

// stampSteps is the number of stamps asked for.
func (r *canaryRound) stampSteps() int { return r.steps + r.windowSteps - 1 }

// judge fills in the finding of a host from its own series.
func (j *hostJudge) judge(host int, f *remedy.HostVerdict) hostFacts {
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
	facts, newestMilli := freshThroughout|expectKnown, int64(0)
	n := len(j.fresh)
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
		facts.only(freshThroughout, why == "")
		state := j.judgeStep(k, why, float64(covered)/float64(j.windowSteps))
		facts.only(expectKnown, state.expectKnown)
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

// conclude turns the last step, and how long it has been bad, into a verdict.
func (r *canaryRound) conclude(f *remedy.HostVerdict, last stepState, badFrom int, newestMilli int64) {
	f.Newest = newestMilli
	if last.measured {
		f.Value = last.ratio
	}
	switch {
	case last.bad && badFrom == 0:
		f.Verdict = remedy.VerdictBad
	case last.bad:
		f.SetReason(remedy.ReasonPending)
	case last.good:
		f.Verdict = remedy.VerdictGood
	case last.reason == remedy.ReasonNoSeries && newestMilli != 0 && r.clock.at-newestMilli > r.spec.MaxStaleness.Milliseconds():
		f.SetReason(remedy.ReasonStale) // it was there; now only its age is known
	default:
		f.SetReason(last.reason)
	}
	if last.bad {
		f.BadNow = true
		f.BadSince = r.clock.at - int64(r.steps-1-badFrom)*r.clock.step
	}
}

// stepState is the judgement of one host at one step.
type stepState struct {
	bad, good   bool
	reason      string // why neither
	measured    bool   // ratio can be trusted
	ratio       float64
	expectKnown bool
}

// judgeStep judges step k. covered is the share of the window's steps at which
// the host was fresh. What the host received in the rest of the window is
// missing, and missing is never 0: to be bad it must have received too little
// for the covered share alone, and to be good enough for the whole window.
func (j *hostJudge) judgeStep(k int, staleWhy string, covered float64) stepState {
	expected, state := j.expected, stepState{expectKnown: true}
	if j.expect != nil {
		perMinute, ok := j.expect.col.at(k)
		expected = perMinute * j.spec.Window.Minutes()
		state.expectKnown = ok && isFinite(expected) && expected > 0
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
	case !state.expectKnown:
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
	return state
}
