package detectors

import (
	"fmt"
	"math"
	"time"

	"warden/internal/remedy"
)

// roundClock knows the judged steps of a round, and what is fresh at each. All
// of it is in milliseconds.
type roundClock struct {
	at    int64 // the judged instant: the last step
	step  int64
	steps int
	stale int64 // the oldest that a sample may be
}

// milli is the time of step k, which may be negative: a step before the first.
func (c roundClock) milli(k int) int64 { return c.at - int64(c.steps-1-k)*c.step }

// seconds is milli as sources write a time.
func (c roundClock) seconds(k int) float64 { return float64(c.milli(k)) / 1000 }

func (c roundClock) instant(k int) time.Time { return time.UnixMilli(c.milli(k)).UTC() }

// oldest and newest are the stamps, in seconds, between which a sample is fresh
// at step k. One from up to a step ahead is: clocks differ.
func (c roundClock) oldest(k int) float64 { return float64(c.milli(k)-c.stale) / 1000 }
func (c roundClock) newest(k int) float64 { return float64(c.milli(k)+c.step) / 1000 }

// stamp reads a stamp, in seconds, at step k: in Unix milliseconds, 0 if there
// is none, and a reason when it isn't fresh.
func (c roundClock) stamp(v float64, k int) (milli int64, why string) {
	if missing(v) {
		return 0, remedy.ReasonNoSeries
	}
	milli = int64(math.Round(v * 1000))
	switch at := c.milli(k); {
	case milli > at+c.step:
		return milli, remedy.ReasonFuture
	case at-milli > c.stale:
		return milli, remedy.ReasonStale
	}
	return milli, ""
}

// stampBounds are the stamps, in milliseconds and not rounded, that stamp finds
// fresh: both are.
type stampBounds struct{ oldest, newest float64 }

// boundsAt gives the bounds at step k. Halves are rounded away from zero.
func (c roundClock) boundsAt(k int) stampBounds {
	oldest, newest := c.milli(k)-c.stale, c.milli(k)+c.step
	b := stampBounds{float64(oldest) - 0.5, float64(newest) + 0.5}
	if oldest <= 0 {
		b.oldest = math.Nextafter(b.oldest, math.Inf(1))
	}
	if newest >= 0 {
		b.newest = math.Nextafter(b.newest, math.Inf(-1))
	}
	return b
}

// missing reports whether a stamp, in seconds, is none: NaN and absurd times
// are none as well.
func missing(stamp float64) bool { return !(math.Abs(stamp) < 1e12) }

// unanswered says in words why a question has no answer; empty when all have one.
func unanswered(asked []remedy.Query, results remedy.Results, d Dialect) string {
	for _, q := range asked {
		switch res, ok := results[q]; {
		case !ok:
			return fmt.Sprintf("source %s was not asked %q in this round; it will be asked again in the next", q.Source, q.Expr)
		case res.Failed != "":
			return res.Failed
		case !d.fits(res.Frame, q):
			return fmt.Sprintf("source %s answered %q for other instants than it was asked for: this is a mistake in warden, please report it", q.Source, q.Expr)
		}
	}
	return ""
}

// targetState is what is known of the source's canary_target.
type targetState struct {
	set   bool
	fresh []bool // at each judged step
	age   remedy.Fact[time.Duration]
}

// freshAt reports whether the target lets the source be believed at a step. A
// source without a target is believed.
func (t targetState) freshAt(step int) bool { return !t.set || t.fresh[step] }

// throughout reports whether there is a target and it was fresh at every step.
func (t targetState) throughout() bool {
	for _, f := range t.fresh {
		if !f {
			return false
		}
	}
	return t.set
}

// target dates the newest of the target's series at each step. The zero Query
// is that of a source without a target.
func (c roundClock) target(q remedy.Query, results remedy.Results, d Dialect) targetState {
	if q == (remedy.Query{}) {
		return targetState{age: remedy.Unknown[time.Duration]("no canary_target is configured for the source; set one")}
	}
	t := targetState{set: true, fresh: make([]bool, c.steps)}
	f := results[q].Frame
	if results[q].Failed != "" || !d.fits(f, q) {
		t.age = remedy.Unknown[time.Duration]("canary_target could not be read; see why the source failed")
		return t
	}
	if d == Graphite {
		return c.targetBuckets(t, f)
	}
	var newest int64
	for k := range t.fresh {
		best := remedy.Missing()
		for row := range f.Keys.Len() {
			if v := f.At(int32(row), k); isFinite(v) && !(v <= best) {
				best = v
			}
		}
		milli, why := c.stamp(best, k)
		t.fresh[k] = why == ""
		if milli != 0 && (newest == 0 || milli > newest) {
			newest = milli
		}
	}
	if newest != 0 {
		t.age = remedy.Known(time.Duration(c.at-newest) * time.Millisecond)
	} else {
		t.age = remedy.Unknown[time.Duration]("canary_target has no samples; check that the selector names a series that exists")
	}
	return t
}
