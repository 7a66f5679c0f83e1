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

// frame lays out the answer to q in columns, its rows in the order of the
// answer. Buckets that begin outside of the window are left out, which some of
// Graphite's functions add.
func (d *rendered) frame(q remedy.Query) (*remedy.Frame, error) {
	names, rows := d.names(), make([]int32, len(d.series))
	for i := range rows {
		rows[i] = int32(i)
	}
	g, cols, err := d.columns(q, rows)
	if err != nil {
		return nil, err
	}
	return g.frame(remedy.NewKeys(names), cols), nil
}

func (d *rendered) names() []string {
	names := make([]string, len(d.series))
	for i := range d.series {
		names[i] = d.series[i].target
	}
	return names
}

// bucketGrid says where the columns of an answer in buckets stand, in
// milliseconds. It is immutable.
type bucketGrid struct {
	start, step int64   // of the columns, as in remedy.Frame
	widths      []int64 // of the rows' buckets; 0 where there are too few to tell
	phases      []int64 // where between two multiples of its width a row's buckets begin
	// full reports whether each row has all of its buckets that begin within the
	// window asked for, and two at least. The layout of such an answer follows
	// from the window, the widths and the phases.
	full bool
}

// frame is the answer on this grid.
func (g *bucketGrid) frame(keys *remedy.Keys, cols [][]float64) *remedy.Frame {
	return &remedy.Frame{Keys: keys, Start: g.start, Step: g.step, Cols: cols, Widths: g.widths}
}

// columns lays out the answer to q. The series i is in row rows[i].
func (d *rendered) columns(q remedy.Query, rows []int32) (*bucketGrid, [][]float64, error) {
	n := len(d.series)
	g := &bucketGrid{widths: make([]int64, n), phases: make([]int64, n), full: true}
	window := periodOf(q)
	first, last, step, ref, kept := int64(math.MaxInt64), int64(math.MinInt64), int64(0), int64(0), 0
	for i := range d.series {
		s, row := &d.series[i], rows[i]
		g.widths[row] = s.step * 1000
		d.within(s, window)
		g.full = g.full && s.n > 1 && s.start-s.step < window.from && s.start+int64(s.n)*s.step > window.until
		if s.n == 0 {
			continue
		}
		if s.step > 0 {
			g.phases[row] = s.start % s.step * 1000
		}
		kept += s.n
		if first == math.MaxInt64 {
			ref = s.start
		}
		// Where a series begins counts as well: two of one step may be shifted.
		step = gcd(gcd(step, s.step), abs(s.start-ref))
		first, last = min(first, s.start), max(last, s.start+int64(s.n-1)*s.step)
	}
	step = max(1, step)
	g.start, g.step = window.from*1000, step*1000
	if kept == 0 {
		return g, nil, nil
	}
	columns := (last-first)/step + 1
	if cells := columns * int64(n); cells > int64(maxGrowth*(kept+1000)) {
		return nil, nil, fail(codeTooLarge, "the series are stored at steps that don't fit together (%d columns of %d series): ask for series of one retention", columns, n)
	}
	g.start = first * 1000
	cols := make([][]float64, columns)
	missing := remedy.Missing()
	for k := range cols {
		// Each on its own: a cache keeps some longer than others.
		col := make([]float64, n)
		for i := range col {
			col[i] = missing
		}
		cols[k] = col
	}
	for i := range d.series {
		s, row := &d.series[i], rows[i]
		k, by := (s.start-first)/step, s.step/step
		d.values.runs(s.at, s.n, func(run []float64) {
			for _, v := range run {
				cols[k][row] = v
				k += by
			}
		})
	}
	return g, cols, nil
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
