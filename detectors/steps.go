package detectors

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"warden/internal/remedy"
)

// Step is what a detector made of one host at one instant, with the arithmetic,
// for people to check.
type Step struct {
	At time.Time `json:"at"`
	// State is good, bad, between, or why neither is known.
	State string `json:"state"`
	// Text is the arithmetic, such as "34 of 600 expected = 0.057, 20 points,
	// newest 12s old".
	Text string `json:"text"`
}

// Stepper is implemented by detectors that can show their arithmetic.
type Stepper interface {
	// Steps shows what Judge sees of the host with this number in the pool's
	// view, at each instant it looks at, the oldest first. It is empty when
	// there is nothing to look at: see the judgement for why.
	Steps(pool remedy.PoolView, at time.Time, results remedy.Results, host int) []Step
	// Strangers lists, at most so many, the names of series that belong to no
	// host of the pool, in the order of the answer.
	Strangers(pool remedy.PoolView, at time.Time, results remedy.Results, most int) []string
}

var (
	_ Stepper = (*Canary)(nil)
	_ Stepper = (*Threshold)(nil)
)

// Steps implements Stepper.
func (t *Threshold) Steps(pool remedy.PoolView, at time.Time, results remedy.Results, host int) []Step {
	r := t.newRound(pool, pool.Listed(), at, results)
	if r.failed != "" || !t.datable() {
		return nil
	}
	b := newThresholdBlock(r)
	b.hosts = append(b.hosts, int32(host))
	out := make([]Step, t.steps)
	for k := range out {
		var texts []string
		for n := range b.answers {
			b.lookAt(&b.answers[n], k, b.one)
			texts = append(texts, b.arithmetic(n, k, b.one[0]))
		}
		b.look(k)
		out[k] = Step{At: r.clock.instant(k), State: stateWord(b.now[0]), Text: strings.Join(texts, "; ")}
	}
	return out
}

// Strangers implements Stepper.
func (t *Threshold) Strangers(pool remedy.PoolView, at time.Time, results remedy.Results, most int) []string {
	r := t.newRound(pool, pool.Listed(), at, results)
	var out []string
	for i := range r.answers {
		for _, name := range strangers(r.answers[i].value, r.answers[i].valueRows) {
			if !slices.Contains(out, name) && len(out) < most {
				out = append(out, name)
			}
		}
	}
	return out
}

// Strangers implements Stepper.
func (c *Canary) Strangers(pool remedy.PoolView, at time.Time, results remedy.Results, most int) []string {
	r := c.newRound(pool, at, results)
	f := results[r.ask.value].Frame
	if f == nil {
		return nil
	}
	out := strangers(f, r.rowsOf(f, pool.Listed()))
	return out[:min(most, len(out))]
}

// strangers are the names of the rows that belong to no host.
func strangers(f *remedy.Frame, rows *remedy.HostRows) []string {
	known := make([]bool, f.Keys.Len())
	for host := range rows.Rows {
		rows.Each(host, func(row int32) { known[row] = true })
	}
	var out []string
	for row, ok := range known {
		if !ok {
			out = append(out, f.Keys.Name(int32(row)))
		}
	}
	return out
}

func stateWord(s hostState) string {
	switch s.state {
	case stateGood:
		return remedy.VerdictGood.String()
	case stateBad:
		return remedy.VerdictBad.String()
	case stateBetween:
		return remedy.ReasonBetween
	}
	return stepReasons[s.reason]
}

// arithmetic words one condition at step k.
func (b *thresholdBlock) arithmetic(n, k int, s hostState) string {
	var parts []string
	name := b.spec.Conditions[n].Name
	value := "no value"
	if !remedy.IsMissing(s.value) {
		term := b.terms[s.term]
		value = fmt.Sprintf("%s, bad %s %s", number(s.value), term.Direction, number(term.Bad))
		if term.Clear != term.Bad {
			value += fmt.Sprintf(", good %s %s", term.Direction.Opposite(), number(term.Clear))
		}
	}
	if name != "" {
		value = name + " " + value
	}
	parts = append(parts, value)
	switch {
	case b.spec.Dialect == Graphite:
		parts = append(parts, b.bucketText(&b.answers[n]))
	case b.sums != nil:
		parts = append(parts, fmt.Sprintf("%d of %d samples", b.sums.n[0], b.windowSteps))
	}
	parts = append(parts, aged(milliOf(s.stamp), b.clock.milli(k)))
	if len(b.answers) > 1 {
		parts = append(parts, stateWord(s))
	}
	return strings.Join(parts, ", ")
}

// Steps implements Stepper.
func (c *Canary) Steps(pool remedy.PoolView, at time.Time, results remedy.Results, host int) []Step {
	r := c.newRound(pool, at, results)
	if unanswered(r.ask.all(), results, c.spec.Dialect) != "" || c.selector == "" {
		return nil
	}
	r.target = r.clock.target(r.ask.target, results, c.spec.Dialect)
	if c.spec.Dialect == Graphite {
		j, _ := r.bucketJudge(pool.Listed())
		return j.arithmetic(host)
	}
	j, _ := r.hostJudge(pool.Listed())
	return j.arithmetic(host)
}

func (j *hostJudge) arithmetic(host int) []Step {
	if j.ambiguous(host) {
		return nil
	}
	j.hosts = append(j.hosts[:0], int32(host))
	j.readStamps()
	out := make([]Step, j.steps)
	for k := range out {
		covered := j.freshIn(0, k, k+j.windowSteps)
		milli, why := j.clock.stamp(cell(j.stamps.frame.Cols[k+j.windowSteps-1], j.stamps.rows.Rows[host]), k)
		state := j.judgeStep(0, k, why)
		received, _ := j.value.at(int32(host), k)
		points, _ := j.points.at(int32(host), k)
		expected, _ := j.expectedAt(int32(host), k)
		out[k] = Step{At: j.clock.instant(k), State: state.word(), Text: shareText(received, expected, points, j.spec.MinPoints) +
			", " + aged(milli, j.clock.milli(k))}
		if covered < j.windowSteps {
			out[k].Text += fmt.Sprintf(", there for %d%% of the window", 100*covered/j.windowSteps)
		}
	}
	return out
}

func (j *bucketJudge) arithmetic(host int) []Step {
	if !j.only(host) {
		return nil
	}
	j.date(true)
	out := make([]Step, j.steps)
	for k := range out {
		state, _ := j.judgeStep(k, j.newest.staleAt(k))
		sums := j.sum(j.clock.milli(k))
		out[k] = Step{At: j.clock.instant(k), State: state.word(), Text: shareText(
			sums.received, sums.expected, float64(sums.points), j.spec.MinPoints) + ", " + aged(j.newest.ends[k], j.clock.milli(k))}
	}
	return out
}

// word says what a step is in one word.
func (s stepState) word() string {
	switch {
	case s.good:
		return remedy.VerdictGood.String()
	case s.bad:
		return remedy.VerdictBad.String()
	}
	return s.reason
}

// shareText words received / expected = ratio.
func shareText(received, expected, points float64, least int) string {
	text := number(received) + " of " + number(expected) + " expected"
	if ratio := received / expected; isFinite(ratio) {
		text += " = " + number(ratio)
	}
	return text + fmt.Sprintf(", %s of at least %d points", number(points), least)
}

func number(v float64) string {
	if remedy.IsMissing(v) {
		return "nothing"
	}
	return strconv.FormatFloat(v, 'g', 4, 64)
}

// aged words how old a sample was at an instant, both in Unix milliseconds.
func aged(stamp, at int64) string {
	if stamp == 0 {
		return "no sample"
	}
	return "newest " + (time.Duration(at-stamp) * time.Millisecond).Round(time.Second).String() + " old"
}
