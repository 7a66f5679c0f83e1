package remedy

import (
	"math"
	"slices"
)

// missingBits is a NaN that no decoder produces: what stands at a step where a
// series has no point. A NaN that a source answered has other bits.
const missingBits = 0x7ff8_6d69_7373_696e

// Missing is the value of a step at which a series has no point. It is a NaN,
// so that arithmetic on it can't be mistaken for a number.
func Missing() float64 { return math.Float64frombits(missingBits) }

// IsMissing reports whether there is no point at a step. A NaN that the source
// answered is not missing.
func IsMissing(v float64) bool { return math.Float64bits(v) == missingBits }

// Frame is one answer in columns: a row for each series, a column for each
// instant asked for. Frames are immutable, and so are their columns, which
// frames of other windows and of other rounds may share.
type Frame struct {
	// Keys names the rows. While the source answers with the same series, the
	// frames of one expression share it.
	Keys *Keys
	// Start is the first instant, in Unix milliseconds, and Step the time
	// between two, in milliseconds; positive.
	Start, Step int64
	// Cols holds the columns, the oldest first. A column may be shorter than
	// Keys: the rows beyond its end have no point there. Read it through At.
	Cols [][]float64
	// Widths is the time that each row's points cover, in milliseconds, at a
	// source that stores buckets; a point is then dated by the bucket's
	// beginning. Nil where points are instants. A row whose width is 0 has too
	// few buckets in the window to tell. In buckets, Start and Step are the
	// storage's and not the query's: the columns hold every bucket that begins
	// within the window asked for, at the finest common step of the rows.
	Widths []int64
}

// Steps is the number of instants.
func (f *Frame) Steps() int { return len(f.Cols) }

// Instant is the time of step k in Unix milliseconds.
func (f *Frame) Instant(k int) int64 { return f.Start + int64(k)*f.Step }

// At is the value of a row at step k; IsMissing when it has no point there.
func (f *Frame) At(row int32, k int) float64 {
	col := f.Cols[k]
	if int(row) >= len(col) || row < 0 {
		return Missing()
	}
	return col[row]
}

// WidthOf is the time that a row's points cover, in milliseconds; 0 for none,
// and for no row.
func (f *Frame) WidthOf(row int32) int64 {
	if uint(row) < uint(len(f.Widths)) {
		return f.Widths[row]
	}
	return 0
}

// Fits reports whether the frame's instants are those that q asks for.
func (f *Frame) Fits(q Query) bool {
	return f != nil && f.Widths == nil && f.Start == q.Start.UnixMilli() && (len(f.Cols) == 1 || f.Step == q.Step.Milliseconds()) && len(f.Cols) == q.Steps()
}

// FitsBuckets reports whether the frame answers q in buckets: a width for each
// row, and no bucket that begins outside of the window asked for.
func (f *Frame) FitsBuckets(q Query) bool {
	return f != nil && f.Widths != nil && len(f.Widths) == f.Keys.Len() && f.Step > 0 &&
		(len(f.Cols) == 0 || f.Start >= q.Start.UnixMilli() && f.Instant(len(f.Cols)-1) <= q.End.UnixMilli())
}

// Window is the part of the frame that answers q, sharing its columns; nil
// when the frame doesn't reach over all of it or has other instants. A row that
// has no point in that part isn't there, as it isn't in a source's answer.
func (f *Frame) Window(q Query) *Frame {
	if f == nil || f.Widths != nil || f.Step != q.Step.Milliseconds() {
		return nil
	}
	off := q.Start.UnixMilli() - f.Start
	first, n := int(off/f.Step), q.Steps()
	if off < 0 || off%f.Step != 0 || first+n > len(f.Cols) {
		return nil
	}
	out := *f
	out.Start, out.Cols = q.Start.UnixMilli(), f.Cols[first:first+n]
	if n == len(f.Cols) {
		return &out
	}
	return out.Without(out.Empty())
}

// Empty lists the rows that have no point at any step, in rising order; nil
// when each has one.
func (f *Frame) Empty() []int32 {
	var empty []int32
	for k := range slices.Backward(f.Cols) {
		if k < len(f.Cols)-1 {
			empty = slices.DeleteFunc(empty, func(row int32) bool { return !IsMissing(f.At(row, k)) })
		} else {
			empty = f.missing(k)
		}
		if len(empty) == 0 {
			return nil
		}
	}
	return empty
}

// missing lists the rows that have no point at step k.
func (f *Frame) missing(k int) []int32 {
	var out []int32
	n, col := f.Keys.Len(), f.Cols[k]
	for row, v := range col[:min(n, len(col))] {
		if IsMissing(v) {
			out = append(out, int32(row))
		}
	}
	for row := len(col); row < n; row++ {
		out = append(out, int32(row))
	}
	return out
}

// Without is the frame but for some rows, given in rising order; the rows
// behind them move up. It shares nothing but the Keys that it was given before.
func (f *Frame) Without(rows []int32) *Frame {
	if len(rows) == 0 {
		return f
	}
	out := &Frame{Keys: f.Keys.Without(rows), Start: f.Start, Step: f.Step, Cols: make([][]float64, len(f.Cols))}
	for k, col := range f.Cols {
		out.Cols[k] = DropRows(col, rows)
	}
	if f.Widths != nil {
		out.Widths = DropRows(f.Widths, rows)
	}
	return out
}

// NewFrame lays out series as the answer to q: each row's key is the value of
// the label that q is keyed by, empty where a series has none. Points that lie
// on none of the instants are left out, and so are series that have no other:
// no source answers with them, and a part of a longer answer doesn't have them.
// Sources that answer often have faster ways; this one is for the rest, and
// for tests.
func NewFrame(q Query, series []Series) *Frame {
	f := &Frame{Start: q.Start.UnixMilli(), Step: max(1, q.Step.Milliseconds()), Cols: make([][]float64, q.Steps())}
	keys := make([]string, len(series))
	for k := range f.Cols {
		f.Cols[k] = slices.Repeat([]float64{Missing()}, len(series))
	}
	for i, s := range series {
		keys[i] = s.Labels[q.Label]
		for _, p := range s.Points {
			if off := p.At - f.Start; off >= 0 && off%f.Step == 0 && off/f.Step < int64(len(f.Cols)) {
				f.Cols[off/f.Step][i] = p.Value
			}
		}
	}
	f.Keys = NewKeys(keys)
	return f.Without(f.Empty())
}

// Points lists a row's points in rising order of time, for showing.
func (f *Frame) Points(row int32) []Point {
	var out []Point
	for k := range f.Cols {
		if v := f.At(row, k); !IsMissing(v) {
			out = append(out, Point{At: f.Instant(k), Value: v})
		}
	}
	return out
}

// Steps is the number of instants that q asks for; 1 for an instant query.
func (q Query) Steps() int {
	if q.Step <= 0 || !q.End.After(q.Start) {
		return 1
	}
	return int(q.End.Sub(q.Start)/q.Step) + 1
}

// KeyedBy is the same question with its answer's rows named by a label.
func (q Query) KeyedBy(label string) Query {
	q.Label = label
	return q
}
