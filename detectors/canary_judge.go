package detectors

import (
	"math"
	"math/bits"
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

// hostJudge judges hosts of an answer in instants, a block of them at a time:
// the stamps of a whole block are read column by column, from one end to the
// other. What else there is matters at the judged instant alone, but for hosts
// that are bad then.
type hostJudge struct {
	*canaryRound
	value, points, stamps role
	expect                *role // nil when the expectation is one number
	expected              float64
	bounds                []stampBounds // of each stamp

	hosts  []int32   // the block
	newest []float64 // the newest stamp of each that isn't in the future, in milliseconds; 0 for none
	fresh  []uint64  // a bit for each stamp of each: whether it is fresh
	words  int       // of fresh, a host
}

// hostFacts is what the stopped-host rule needs of a host besides its verdict.
type hostFacts uint8

const (
	freshThroughout hostFacts = 1 << iota // at every judged step
	freshNow                              // at the judged instant
	duplicate                             // several series claim to be the host's
)

func (f hostFacts) has(what hostFacts) bool { return f&what != 0 }

// judgeHosts judges every host by its own series, then those that have none by
// the stopped-host rule.
func (r *canaryRound) judgeHosts(roster *remedy.Roster, verdicts []remedy.HostVerdict) int {
	j, unmatched := r.hostJudge(roster)
	facts := make([]hostFacts, r.pool.N())
	for from := 0; from < len(verdicts); from += blockHosts {
		j.judgeBlock(verdicts, facts, from, min(from+blockHosts, len(verdicts)))
	}
	if r.target.set {
		of := func(q remedy.Query) func(int) tally {
			return counted{r.results[q].Frame, r.rowsOf(r.results[q].Frame, roster)}.of
		}
		newStopped(r, stoppedHosts{recent: of(r.ask.recent), seen: of(r.ask.seen), expectKnown: j.expectKnown, facts: facts}, verdicts).apply()
	}
	return unmatched
}

// rowsOf says which rows of an answer are which host's.
func (r *canaryRound) rowsOf(f *remedy.Frame, roster *remedy.Roster) *remedy.HostRows {
	return f.Keys.Rows(r.pool.Name, roster, remedy.HostRule{Node: r.spec.HostNode, Regex: r.spec.HostRegex})
}

// hostJudge lays out the answers by host, and counts the series of nobody.
func (r *canaryRound) hostJudge(roster *remedy.Roster) (j *hostJudge, unmatched int) {
	answer := func(q remedy.Query) role {
		f := r.results[q].Frame
		o := role{frame: f, rows: r.rowsOf(f, roster)}
		unmatched = max(unmatched, o.rows.Unmatched)
		return o
	}
	n, block := r.stampSteps(), min(blockHosts, max(1, r.pool.N()))
	j = &hostJudge{
		canaryRound: r,
		value:       answer(r.ask.value),
		points:      answer(r.ask.points),
		stamps:      answer(r.ask.stamps),
		expected:    r.spec.ExpectPerMinute * r.spec.Window.Minutes(),
		bounds:      make([]stampBounds, n),
		hosts:       make([]int32, 0, block),
		newest:      make([]float64, block),
		fresh:       make([]uint64, block*((n+63)/64)),
		words:       (n + 63) / 64,
	}
	for i := range j.bounds {
		j.bounds[i] = r.clock.boundsAt(i - (n - r.steps))
	}
	if r.spec.ExpectQuery != "" {
		j.expect = new(answer(r.ask.expect))
	}
	return j, unmatched
}

// stampSteps is the number of stamps asked for.
func (r *canaryRound) stampSteps() int { return r.steps + r.windowSteps - 1 }

// judgeBlock gives the hosts from..to their verdicts, by their own series.
func (j *hostJudge) judgeBlock(verdicts []remedy.HostVerdict, facts []hostFacts, from, to int) {
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
	j.readStamps()
	for p, i := range j.hosts {
		facts[i] = j.judge(p, &verdicts[i])
	}
}

// ambiguous reports whether several series claim to be the host's.
func (j *hostJudge) ambiguous(host int) bool {
	return j.stamps.rows.Rows[host] == remedy.RowAmbiguous || j.value.rows.Rows[host] == remedy.RowAmbiguous ||
		j.points.rows.Rows[host] == remedy.RowAmbiguous || j.expect != nil && j.expect.rows.Rows[host] == remedy.RowAmbiguous
}

// readStamps finds out what is fresh, and the newest stamps, of the block.
func (j *hostJudge) readStamps() {
	rows, newest, fresh, words := j.stamps.rows.Rows, j.newest[:len(j.hosts)], j.fresh, j.words
	clear(newest)
	clear(fresh[:len(j.hosts)*words])
	for i, col := range j.stamps.frame.Cols {
		b, word, bit := j.bounds[i], i/64, uint64(1)<<(i%64)
		for p, host := range j.hosts {
			milli := cell(col, rows[host]) * 1000
			if !(milli <= b.newest) { // none, or in the future
				continue
			}
			if milli > newest[p] {
				newest[p] = milli
			}
			if milli >= b.oldest {
				fresh[p*words+word] |= bit
			}
		}
	}
}

// freshAt reports whether a host of the block was fresh at a stamp.
func (j *hostJudge) freshAt(p, stamp int) bool { return j.fresh[p*j.words+stamp/64]>>(stamp%64)&1 != 0 }

// freshIn counts the fresh stamps of a host of the block from..to.
func (j *hostJudge) freshIn(p, from, to int) int {
	if j.words == 1 {
		return bits.OnesCount64(j.fresh[p] >> from << (64 - (to - from)))
	}
	n := 0
	for i := from; i < to; i++ {
		if j.freshAt(p, i) {
			n++
		}
	}
	return n
}

// judge fills in the verdict of a host of the block from its own series.
func (j *hostJudge) judge(p int, f *remedy.HostVerdict) hostFacts {
	last, n, facts := j.steps-1, j.stampSteps(), hostFacts(0)
	if j.freshIn(p, n-j.steps, n) == j.steps {
		facts = freshThroughout
	}
	why := j.staleAt(p, last)
	if why == "" {
		facts |= freshNow
	}
	state := j.judgeStep(p, last, why)
	badFrom := j.steps // first step of the unbroken run of bad ones
	if state.bad {
		badFrom = last
		for badFrom > 0 && j.freshAt(p, n-j.steps+badFrom-1) && j.judgeStep(p, badFrom-1, "").bad {
			badFrom--
		}
	}
	if n, ok := j.points.at(j.hosts[p], last); ok && n >= 0 && n < math.MaxInt32 {
		f.Points = int32(n)
	}
	j.conclude(f, state, badFrom, int64(math.Round(j.newest[p])))
	return facts
}

// staleAt says why a host of the block isn't fresh at step k; empty when it is.
func (j *hostJudge) staleAt(p, k int) string {
	stamp := k + j.windowSteps - 1
	if j.freshAt(p, stamp) {
		return ""
	}
	_, why := j.clock.stamp(cell(j.stamps.frame.Cols[stamp], j.stamps.rows.Rows[j.hosts[p]]), k)
	return why
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
	bad, good bool
	reason    string // why neither
	measured  bool   // ratio can be trusted
	ratio     float64
}

// expectKnown reports whether something is expected of a host at every step.
func (j *hostJudge) expectKnown(host int) bool {
	for k := range j.steps {
		if _, ok := j.expectedAt(int32(host), k); !ok {
			return false
		}
	}
	return true
}

// expectedAt is what a host should have received in the window that ends at
// step k; false when that is not known.
func (j *hostJudge) expectedAt(host int32, k int) (float64, bool) {
	if j.expect == nil {
		return j.expected, true
	}
	perMinute, ok := j.expect.at(host, k)
	expected := perMinute * j.spec.Window.Minutes()
	return expected, ok && isFinite(expected) && expected > 0
}

// judgeStep judges step k of a host of the block. What it received at the steps
// of the window at which it was not fresh is missing, and missing is never 0: to
// be bad it must have received too little for the covered share alone, and to be
// good enough for the whole window.
func (j *hostJudge) judgeStep(p, k int, staleWhy string) (state stepState) {
	host := j.hosts[p]
	expected, expectKnown := j.expectedAt(host, k)
	received, hasValue := j.value.at(host, k)
	points, hasPoints := j.points.at(host, k)
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
	case ratio >= j.spec.BadBelow*(float64(j.freshIn(p, k, k+j.windowSteps))/float64(j.windowSteps)):
		state.reason = remedy.ReasonFewPoints // too little, but for a part of the window only
	default:
		state.bad, state.measured, state.ratio = true, true, ratio
	}
	return state
}
