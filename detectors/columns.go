package detectors

import "warden/internal/remedy"

// role is one query's answer, by host.
type role struct {
	frame *remedy.Frame
	rows  *remedy.HostRows
}

// at is a host's value at step k; false when it has none.
func (o *role) at(host int32, k int) (float64, bool) {
	v := cell(o.frame.Cols[k], o.rows.Rows[host])
	return v, !remedy.IsMissing(v)
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
