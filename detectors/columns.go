package detectors

import "warden/internal/remedy"

// column holds one series' value at each of a number of aligned steps, the
// last of which is the judged instant. Columns are reused from host to host.
type column struct {
	v   []float64
	has []bool
}

func newColumn(n int) *column { return &column{v: make([]float64, n), has: make([]bool, n)} }

// fill reads the points that lie exactly on a step; others are not trusted.
func (c *column) fill(points []remedy.Point, endMilli, step int64) {
	clear(c.has)
	start := endMilli - int64(len(c.v)-1)*step
	for _, p := range points {
		if off := p.At - start; off >= 0 && p.At <= endMilli && off%step == 0 {
			c.v[off/step], c.has[off/step] = p.Value, true
		}
	}
}

func (c *column) at(k int) (float64, bool) { return c.v[k], c.has[k] }

// role is one query's answer, by host.
type role struct {
	series []remedy.Series
	rows   []int32
	col    *column
}

// load fills the role's column with the host's series. It reports false when
// several series claim to be the host's.
func (o *role) load(host int, atMilli, step int64) bool {
	switch row := o.rows[host]; row {
	case rowAmbiguous:
		return false
	case rowNone:
		clear(o.col.has)
	default:
		o.col.fill(o.series[row].Points, atMilli, step)
	}
	return true
}
