package detectors

import "warden/internal/remedy"

// column holds one series' value at each of a number of aligned steps, the
// last of which is the judged instant. Columns are reused from host to host.
type column struct {
	v   []float64
	has []bool
}

func newColumn(n int) *column { return &column{v: make([]float64, n), has: make([]bool, n)} }

// fill reads a row of a frame that has exactly the column's steps.
func (c *column) fill(f *remedy.Frame, row int32) {
	for k := range c.v {
		c.v[k] = f.At(row, k)
		c.has[k] = !remedy.IsMissing(c.v[k])
	}
}

func (c *column) at(k int) (float64, bool) { return c.v[k], c.has[k] }

// role is one query's answer, by host.
type role struct {
	frame *remedy.Frame
	rows  *remedy.HostRows
	col   *column
}

// load fills the role's column with the host's series. It reports false when
// several series claim to be the host's.
func (o *role) load(host int) bool {
	switch row := o.rows.Rows[host]; row {
	case remedy.RowAmbiguous:
		return false
	case remedy.RowNone:
		clear(o.col.has)
	default:
		o.col.fill(o.frame, row)
	}
	return true
}

// tally is how many raw samples an instant query saw of one host, over all of
// its series: whether there were any is not a matter of picking one.
type tally struct {
	sum float64
	any bool // some sample, or an answer that can't be read
}

// counted is the answer to an instant query that counts samples.
type counted struct {
	frame *remedy.Frame
	rows  *remedy.HostRows
}

// of adds up what was counted of a host.
func (c counted) of(host int) tally {
	var out tally
	c.rows.Each(host, func(row int32) {
		if v := c.frame.At(row, 0); !remedy.IsMissing(v) {
			out.sum += v // NaN stays NaN
			out.any = out.any || v != 0
		}
	})
	return out
}
