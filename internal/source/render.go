package source

import (
	"errors"
	"fmt"
	"math"

	"warden/internal/remedy"
)

// The decoder of Graphite's format=json is written out, in one pass and without
// anything in between: a round of a large fleet holds millions of points, for
// which reflection would take seconds. It is as strict as that of Prometheus:
// whatever is not a list of targets with evenly spaced [value, time] fails the
// whole answer. Only null is missing. graphite-web writes an infinity as 1e9999;
// others write NaN and Infinity, which are not JSON and are read all the same,
// for the judge takes them for unknown.
//
// Nothing of an answer is held but the values and the names. The grid of the
// columns is not known before the last series was read, so that the values wait
// in chunks, which the next answer uses again.

// buckets is one series as it came.
type buckets struct {
	target string
	start  int64 // seconds
	step   int64 // seconds; 0 when there were fewer than two points
	at, n  int   // its values in values
}

// rendered is a decoded answer of /render.
type rendered struct {
	series []buckets
	values *values // of all series, one after the other; missing ones are remedy.Missing
}

// chunkLen is how many values a chunk holds.
const chunkLen = 8 << 10

// values is a list that grows without being copied.
type values struct {
	chunks []*[chunkLen]float64
	n      int
}

// add appends a value.
func (l *values) add(v float64) {
	at := l.n % chunkLen
	if at == 0 && l.n/chunkLen == len(l.chunks) {
		l.chunks = append(l.chunks, new([chunkLen]float64))
	}
	l.chunks[l.n/chunkLen][at] = v
	l.n++
}

// runs calls f with the n values from at on, in pieces.
func (l *values) runs(at, n int, f func(run []float64)) {
	for n > 0 {
		chunk := l.chunks[at/chunkLen][at%chunkLen:]
		chunk = chunk[:min(n, len(chunk))]
		f(chunk)
		at, n = at+len(chunk), n-len(chunk)
	}
}

var (
	errNotRender = errors.New("it is not a list of targets with datapoints")
	errDatapoint = errors.New("a datapoint that is not [value, time]")
	errUneven    = errors.New("datapoints that are not evenly spaced")
	errNoTarget  = errors.New("a series without target or datapoints")
	errTwice     = errors.New("a series that says its target or datapoints twice, or in odd capitals")
)

// maxGrowth is how much larger than the values that came a frame may be: series
// of different steps share columns at their finest common step.
const maxGrowth = 16

// frame lays out the answer to q in columns. Buckets that begin outside of the
// window are left out, which some of Graphite's functions add.
func (d *rendered) frame(q remedy.Query) (*remedy.Frame, error) {
	names, widths := make([]string, len(d.series)), make([]int64, len(d.series))
	window := periodOf(q)
	first, last, step, ref, kept := int64(math.MaxInt64), int64(math.MinInt64), int64(0), int64(0), 0
	for i := range d.series {
		s := &d.series[i]
		names[i], widths[i] = s.target, s.step*1000
		d.within(s, window)
		if s.n == 0 {
			continue
		}
		kept += s.n
		if first == math.MaxInt64 {
			ref = s.start
		}
		// Where a series begins counts as well: two of one step may be shifted.
		step = gcd(gcd(step, s.step), abs(s.start-ref))
		first, last = min(first, s.start), max(last, s.start+int64(s.n-1)*s.step)
	}
	f := &remedy.Frame{Keys: remedy.NewKeys(names), Start: window.from * 1000, Step: max(1, step) * 1000, Widths: widths}
	if kept == 0 {
		return f, nil
	}
	step = max(1, step)
	columns := (last-first)/step + 1
	if cells := columns * int64(len(names)); cells > int64(maxGrowth*(kept+1000)) {
		return nil, fail(codeTooLarge, "the series are stored at steps that don't fit together (%d columns of %d series): ask for series of one retention", columns, len(names))
	}
	f.Start, f.Cols = first*1000, make([][]float64, columns)
	cells := make([]float64, int(columns)*len(names))
	for i := range cells {
		cells[i] = remedy.Missing()
	}
	for k := range f.Cols {
		f.Cols[k], cells = cells[:len(names):len(names)], cells[len(names):]
	}
	for i := range d.series {
		s := &d.series[i]
		k, by := (s.start-first)/step, s.step/step
		d.values.runs(s.at, s.n, func(run []float64) {
			for _, v := range run {
				f.Cols[k][i] = v
				k += by
			}
		})
	}
	return f, nil
}

// within cuts a series to the buckets that begin within a window.
func (d *rendered) within(s *buckets, window period) {
	for s.n > 0 && s.start < window.from {
		s.start, s.at, s.n = s.start+s.step, s.at+1, s.n-1
		if s.step == 0 {
			s.n = 0
		}
	}
	for s.n > 0 && s.start+int64(s.n-1)*s.step > window.until {
		s.n--
	}
}

// raw gives the answer's series as they came, without the missing points.
func (d *rendered) raw() []remedy.Series {
	out := make([]remedy.Series, len(d.series))
	for i, s := range d.series {
		out[i] = remedy.Series{Labels: map[string]string{"target": s.target}, Points: []remedy.Point{}}
		at := s.start
		d.values.runs(s.at, s.n, func(run []float64) {
			for _, v := range run {
				if !remedy.IsMissing(v) {
					out[i].Points = append(out[i].Points, remedy.Point{At: at * 1000, Value: v})
				}
				at += s.step
			}
		})
	}
	return out
}

// inRender words an error of the decoder.
func inRender(err error, auth credentials) error {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if cutOff(err) {
		return &failure{code: codeBadAnswer, cause: err, text: "the answer is cut off: check the server's log, and any proxy before it"}
	}
	return &failure{code: codeBadAnswer, cause: err, text: fmt.Sprintf(
		"the answer is not one of Graphite's /render (%s): check url, and what stands between warden and the server", auth.scrub(inWords(err)))}
}

func ceilSeconds(milli int64) int64 { return (milli + 999) / 1000 }

func abs(n int64) int64 { return max(n, -n) }

// gcd is the greatest common divisor; that of n and 0 is n.
func gcd(a, b int64) int64 {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
