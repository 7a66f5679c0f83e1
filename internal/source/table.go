package source

import (
	"hash/maphash"
	"math/bits"
	"slices"
	"sync"

	"warden/internal/remedy"
)

// Table says which series the rows of answers are, by all of their labels and
// not by the host's alone, so that answers can be put together: two series may
// name one host, and one of them may take the other's place. Tables are
// immutable and safe for concurrent use. Only the source that made a table
// understands it.
type Table struct {
	keys *remedy.Keys
	ids  []rowID
	// spelling is how a row's name was written in the answer that brought it,
	// so that it is known again without being read. A source whose names are the
	// identities has none.
	spelling []spelling

	once  sync.Once
	index rowIndex
}

// rowID is a fingerprint of a series' labels, under a key of the process. Its
// two halves are independent: a million series collide once in 10^26 answers.
type rowID [2]uint64

// spelling fingerprints the bytes that named a row.
type spelling struct {
	hash   uint64
	length int32
}

// Len is the number of rows.
func (t *Table) Len() int {
	if t == nil {
		return 0
	}
	return len(t.ids)
}

// Keys names the rows for remedy.Frame. Tables whose rows have the same names
// often share it.
func (t *Table) Keys() *remedy.Keys { return t.keys }

// bytes is about how much memory the table takes.
func (t *Table) bytes() int64 { return int64(t.Len()) * 128 }

// find returns the row of a series.
func (t *Table) find(id rowID) (int32, bool) {
	if t == nil {
		return 0, false
	}
	t.once.Do(func() { t.index.build(t.ids) })
	return t.index.find(t.ids, id)
}

// without is the table but for some rows, given in rising order; the rows
// behind them move up.
func (t *Table) without(gone []int32) *Table {
	if len(gone) == 0 {
		return t
	}
	return &Table{
		keys: t.keys.Without(gone), ids: remedy.DropRows(t.ids, gone), spelling: remedy.DropRows(t.spelling, gone),
	}
}

// rowIndex finds rows by identity. It is a hash table that holds nothing but
// row numbers, in a tenth of a map's memory: the identities are in the table,
// and hashes already.
type rowIndex struct {
	slots []int32 // row + 1; 0 is free. A power of two of them, half at most in use.
}

// build indexes all rows.
func (x *rowIndex) build(ids []rowID) {
	x.slots = make([]int32, 1<<bits.Len(uint(2*len(ids)|64)))
	for row, id := range ids {
		x.put(int32(row), id)
	}
}

// add indexes the last row.
func (x *rowIndex) add(ids []rowID) {
	if 2*len(ids) > len(x.slots) {
		x.build(ids)
		return
	}
	x.put(int32(len(ids)-1), ids[len(ids)-1])
}

func (x *rowIndex) put(row int32, id rowID) {
	at := id[0]
	for x.slots[at&uint64(len(x.slots)-1)] != 0 {
		at++
	}
	x.slots[at&uint64(len(x.slots)-1)] = row + 1
}

func (x *rowIndex) find(ids []rowID, id rowID) (int32, bool) {
	if len(x.slots) == 0 {
		return 0, false
	}
	for at := id[0]; ; at++ {
		row := x.slots[at&uint64(len(x.slots)-1)] - 1
		if row < 0 {
			return 0, false
		}
		if ids[row] == id {
			return row, true
		}
	}
}

// identity makes fingerprints. Each source has its own, with random keys, so
// that nobody can choose labels that collide.
type identity struct{ a, b maphash.Seed }

func newIdentity() identity { return identity{maphash.MakeSeed(), maphash.MakeSeed()} }

// of fingerprints one text.
func (i identity) of(text []byte) rowID {
	return rowID{maphash.Bytes(i.a, text), maphash.Bytes(i.b, text)}
}

// and adds a part to a set of parts, whose order doesn't matter.
func (id rowID) and(part rowID) rowID { return rowID{id[0] + part[0], id[1] + part[1]} }

// again is the identity of the nth series with the same labels in one answer.
// There should be no such thing, but if there is, each has a row, and finding it
// is quick: a server may say the same a million times.
func (id rowID) again(n int) rowID {
	return rowID{id[0] + uint64(n)*0x9e37_79b9_7f4a_7c15, id[1] + uint64(n)}
}

// Columns is an answer in columns, on the rows of a table.
type Columns struct {
	Table *Table
	// Cols has a column for each instant asked for, as in remedy.Frame. A row
	// of the table may have no point in any of them.
	// In buckets, the columns stand where the grid says.
	Cols [][]float64
	// Failed is as in remedy.Result; everything else is empty then.
	Failed string

	grid *bucketGrid // nil where points are instants
}

// Frame is the answer to q with the rows that have a point, or, in buckets,
// with those that the server lists.
func (c Columns) Frame(q remedy.Query) *remedy.Frame {
	f := c.frame(q)
	if c.grid != nil {
		return f
	}
	return f.Without(f.Empty())
}

// frame is the answer to q with all rows of the table.
func (c Columns) frame(q remedy.Query) *remedy.Frame {
	if c.grid != nil {
		return c.grid.frame(c.Table.keys, c.Cols)
	}
	return &remedy.Frame{Keys: c.Table.keys, Start: q.Start.UnixMilli(), Step: max(1, q.Step.Milliseconds()), Cols: c.Cols}
}

// builder lays out the series of one answer in columns, in the order in which
// they come. It goes by the rows of a table that the answer before had, and
// adds rows behind them for series that are new.
type builder struct {
	identity identity
	on       *Table // may be nil
	cols     [][]float64
	room     int // the length of every column

	likely int32 // the row that the next series should have
	seen   []uint64
	twice  map[rowID]int // series that came more than once

	names    []string // of the new rows
	ids      []rowID
	spelling []spelling
	added    rowIndex
}

func newBuilder(identity identity, on *Table, steps int) *builder {
	b := &builder{identity: identity, on: on, cols: make([][]float64, steps)}
	b.grow(on.Len())
	return b
}

// rows is the number of rows, old and new.
func (b *builder) rows() int { return b.on.Len() + len(b.ids) }

// grow makes room for n rows.
func (b *builder) grow(n int) {
	missing := remedy.Missing()
	for k, col := range b.cols {
		longer := make([]float64, n)
		for i := copy(longer, col); i < n; i++ {
			longer[i] = missing
		}
		b.cols[k] = longer
	}
	b.room = n
	b.seen = append(b.seen, make([]uint64, (n+63)/64-len(b.seen))...)
}

// lookahead is how many rows may have vanished between two series of an answer
// for the next one to be known by its spelling still.
const lookahead = 4

// known returns the row of the series whose name is spelled at the front of
// text exactly as in the answer before, at the place where it is expected, and
// the length of that name.
func (b *builder) known(text []byte) (row int32, length int, ok bool) {
	if b.on == nil {
		return 0, 0, false
	}
	for row := b.likely; row < b.likely+lookahead && int(row) < len(b.on.spelling); row++ {
		s := b.on.spelling[row]
		if s.length == 0 || int(s.length) > len(text) || maphash.Bytes(b.identity.a, text[:s.length]) != s.hash {
			continue
		}
		if !b.mark(row) {
			return 0, 0, false
		}
		b.likely = row + 1
		return row, int(s.length), true
	}
	return 0, 0, false
}

// likelyLength is how much of a name has to be at hand for known.
func (b *builder) likelyLength() int {
	if b.on == nil || int(b.likely) >= len(b.on.spelling) {
		return 0
	}
	return int(b.on.spelling[b.likely].length)
}

// row returns the row of a series by its identity, a new one if need be, which
// then has the name. written is how the series was named in the answer.
func (b *builder) row(id rowID, written []byte, name string) int32 {
	row := b.find(id, written, name)
	if !b.mark(row) {
		if b.twice == nil {
			b.twice = map[rowID]int{}
		}
		b.twice[id]++
		row = b.find(id.again(b.twice[id]), written, name)
		b.mark(row)
	}
	if int(row) < b.on.Len() {
		b.likely = row + 1
	}
	return row
}

// find returns the row of a series, and adds it if it is new.
func (b *builder) find(id rowID, written []byte, name string) int32 {
	if row, ok := b.on.find(id); ok {
		return row
	}
	if row, ok := b.added.find(b.ids, id); ok {
		return int32(b.on.Len()) + row
	}
	row := b.rows()
	if row == b.room {
		more := row / 4
		if b.on == nil {
			more = row
		}
		b.grow(row + more + 256)
	}
	b.names, b.ids = append(b.names, name), append(b.ids, id)
	b.spelling = append(b.spelling, spelling{hash: maphash.Bytes(b.identity.a, written), length: int32(len(written))})
	b.added.add(b.ids)
	return int32(row)
}

// mark notes that a row is in the answer; false if it was already.
func (b *builder) mark(row int32) bool {
	word, bit := row/64, uint64(1)<<(row%64)
	if b.seen[word]&bit != 0 {
		return false
	}
	b.seen[word] |= bit
	return true
}

// columns ends the building.
func (b *builder) columns() Columns {
	n := b.rows()
	for k := range b.cols {
		b.cols[k] = b.cols[k][:n:n]
	}
	if b.on != nil && len(b.ids) == 0 {
		return Columns{Table: b.on, Cols: b.cols}
	}
	t := &Table{ids: b.ids, spelling: b.spelling}
	if b.on == nil {
		t.keys = remedy.NewKeys(b.names)
	} else {
		t.keys = b.on.keys.With(b.names)
		t.ids, t.spelling = slices.Concat(b.on.ids, b.ids), slices.Concat(b.on.spelling, b.spelling)
	}
	return Columns{Table: t, Cols: b.cols}
}
