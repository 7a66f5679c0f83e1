package detectors

import (
	"slices"
	"time"

	"warden/internal/remedy"
)

// lookback is how long Prometheus answers with an old sample.
const lookback = 5 * time.Minute

// sample is one scraped value.
type sample struct {
	at int64 // Unix milliseconds
	v  float64
}

// scraped is a series as Prometheus stores it.
type scraped struct {
	label   string
	samples []sample
	// ended is when a staleness marker was written; 0 for none.
	ended int64
}

// within is the samples of (at − window, at].
func (s scraped) within(at int64, window time.Duration) []sample {
	from, _ := slices.BinarySearchFunc(s.samples, at-window.Milliseconds()+1, cmpSample)
	to, _ := slices.BinarySearchFunc(s.samples, at+1, cmpSample)
	return s.samples[from:max(from, to)]
}

func cmpSample(s sample, at int64) int { return int(s.at - at) }

// increase is Prometheus's extrapolated increase of a counter.
func increase(in []sample, at int64, window time.Duration) (float64, bool) {
	if len(in) < 2 {
		return 0, false
	}
	first, last := in[0], in[len(in)-1]
	sum := last.v - first.v
	for i := 1; i < len(in); i++ {
		if in[i].v < in[i-1].v {
			sum += in[i-1].v
		}
	}
	sampled := float64(last.at - first.at)
	toStart := float64(first.at - (at - window.Milliseconds()))
	toEnd := float64(at - last.at)
	average := sampled / float64(len(in)-1)
	if sum > 0 && first.v >= 0 {
		toStart = min(toStart, sampled*(first.v/sum))
	}
	span := sampled
	for _, gap := range []float64{toStart, toEnd} {
		if gap < average*1.1 {
			span += gap
		} else {
			span += average / 2
		}
	}
	return sum * span / sampled, true
}

// stamp is timestamp(selector): the time of the newest sample, while it is
// answered at all.
func (s scraped) stamp(at int64) (float64, bool) {
	in := s.within(at, lookback)
	if len(in) == 0 || s.ended != 0 && s.ended <= at {
		return 0, false
	}
	return float64(in[len(in)-1].at) / 1000, true
}

// answer plays Prometheus for one round of a detector over a plain selector.
func answer(c *Canary, at time.Time, hosts, target []scraped) remedy.Results {
	ask := c.ask(at)
	out := remedy.Results{}
	for _, q := range ask.all() {
		from := hosts
		if q == ask.target {
			from = target
		}
		var series []remedy.Series
		for _, h := range from {
			s := remedy.Series{Labels: map[string]string{"instance": h.label}}
			for t := q.Start.UnixMilli(); t <= q.End.UnixMilli(); t += q.Step.Milliseconds() {
				if v, ok := evaluate(c, ask, q, h, t); ok {
					s.Points = append(s.Points, remedy.Point{At: t, Value: v})
				}
			}
			if len(s.Points) > 0 {
				series = append(series, s)
			}
		}
		out[q] = remedy.Result{Frame: remedy.NewFrame(q, series)}
	}
	return out
}

func evaluate(c *Canary, ask canaryAsk, q remedy.Query, h scraped, at int64) (float64, bool) {
	counted := func(window time.Duration) (float64, bool) {
		n := len(h.within(at, window))
		return float64(n), n > 0
	}
	switch q {
	case ask.value:
		return increase(h.within(at, c.spec.Window), at, c.spec.Window)
	case ask.points:
		return counted(c.spec.Window)
	case ask.recent:
		return counted(c.quiet)
	case ask.seen:
		return counted(c.spec.SeenWithin)
	default:
		return h.stamp(at)
	}
}

// scrape samples a counter that grows by perMinute while up and starts again
// from 0 when it comes back, every so often from an offset on.
func scrape(label string, from, to time.Time, offset, every time.Duration, perMinute float64, up func(time.Time) bool) scraped {
	s := scraped{label: label}
	v := 0.0
	for t := from.Add(offset); t.Before(to); t = t.Add(every) {
		if !up(t) {
			v = 0
			continue
		}
		s.samples = append(s.samples, sample{t.UnixMilli(), v})
		v += perMinute * every.Minutes()
	}
	return s
}

func alwaysUp(time.Time) bool { return true }
