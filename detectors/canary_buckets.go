package detectors

import "warden/internal/remedy"

// bucketBlock is how many hosts are judged together: their buckets, which are
// many, are to stay in a near cache.
const bucketBlock = 64

// bucketRole is one answer in buckets, by host.
type bucketRole struct {
	frame *remedy.Frame
	rows  *remedy.HostRows
	// block holds, host by host, the columns from first on. Those before are
	// looked at for few hosts.
	block []float64
	first int

	row   int32     // of the host at hand
	near  []float64 // its columns from first on
	width int64     // 0 when it has no row
	far   []float64 // for window
}

// read reads the rows of a block of hosts, from one end of each column to the
// other.
func (o *bucketRole) read(hosts []int32) {
	n := len(o.frame.Cols) - o.first
	if need := len(hosts) * n; cap(o.block) < need {
		o.block = make([]float64, need, max(need, min(bucketBlock, len(o.rows.Rows))*n))
	} else {
		o.block = o.block[:need]
	}
	for k, col := range o.frame.Cols[o.first:] {
		for p, host := range hosts {
			o.block[p*n+k] = cell(col, o.rows.Rows[host])
		}
	}
}

// turn makes the host number p of the block the one at hand.
func (o *bucketRole) turn(p int, host int32) {
	n := len(o.frame.Cols) - o.first
	o.row, o.near, o.width = o.rows.Rows[host], o.block[p*n:(p+1)*n], 0
	if o.row >= 0 {
		o.width = o.frame.Widths[o.row]
	}
}

// at is the value of the host at hand in column k.
func (o *bucketRole) at(k int) float64 {
	if k >= o.first {
		return o.near[k-o.first]
	}
	return cell(o.frame.Cols[k], o.row)
}

// window is its values in the columns from first up to, but without, end.
func (o *bucketRole) window(first, end int) []float64 {
	if first == end {
		return nil
	}
	if first >= o.first {
		return o.near[first-o.first : end-o.first]
	}
	o.far = o.far[:0]
	for k := first; k < end; k++ {
		o.far = append(o.far, o.at(k))
	}
	return o.far
}
