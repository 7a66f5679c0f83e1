package ledger

import (
	"cmp"
	"iter"
	"slices"

	"warden/internal/remedy"
)

// chunkLen is how many cases a chunk holds at most: copying one costs 2 KB.
const chunkLen = 256

// caseList is the cases by rising id, in chunks that are never changed once
// they are in the list. Whoever clones the list may go on reading while the
// original moves on, and a clone costs what the list of chunks does: a year of
// cases is cloned in microseconds, for every snapshot and every preview.
type caseList struct {
	chunks [][]*Case
	n      int
}

// clone returns an independent list.
func (l *caseList) clone() caseList { return caseList{chunks: slices.Clone(l.chunks), n: l.n} }

// locate finds the chunk and the place in it of a case.
func (l *caseList) locate(id remedy.CaseID) (chunk, i int, ok bool) {
	chunk, exact := slices.BinarySearchFunc(l.chunks, id, func(c []*Case, id remedy.CaseID) int { return cmp.Compare(c[0].ID, id) })
	if !exact {
		chunk--
	}
	if chunk < 0 {
		return 0, 0, false
	}
	i, ok = slices.BinarySearchFunc(l.chunks[chunk], id, func(c *Case, id remedy.CaseID) int { return cmp.Compare(c.ID, id) })
	return chunk, i, ok
}

// find returns the case, or nil.
func (l *caseList) find(id remedy.CaseID) *Case {
	if chunk, i, ok := l.locate(id); ok {
		return l.chunks[chunk][i]
	}
	return nil
}

// replace puts a case in the place of the one with its id, which is there.
func (l *caseList) replace(c *Case) {
	chunk, i, _ := l.locate(c.ID)
	l.chunks[chunk] = slices.Clone(l.chunks[chunk])
	l.chunks[chunk][i] = c
}

// add puts a case at the end. Its id is higher than all others.
func (l *caseList) add(c *Case) {
	l.n++
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last]) == chunkLen {
		l.chunks = append(l.chunks, []*Case{c})
		return
	}
	// The clip makes append copy: a clone may share the chunk.
	l.chunks[last] = append(slices.Clip(l.chunks[last]), c)
}

// drop removes the cases that the function picks.
func (l *caseList) drop(gone func(*Case) bool) {
	kept := caseList{}
	for c := range l.all() {
		if !gone(c) {
			kept.fill(c)
		}
	}
	*l = kept
}

// fill is add for a list that nobody has cloned yet.
func (l *caseList) fill(c *Case) {
	l.n++
	last := len(l.chunks) - 1
	if last < 0 || len(l.chunks[last]) == chunkLen {
		l.chunks = append(l.chunks, make([]*Case, 0, chunkLen))
		last++
	}
	l.chunks[last] = append(l.chunks[last], c)
}

// all yields the cases by rising id.
func (l *caseList) all() iter.Seq[*Case] {
	return func(yield func(*Case) bool) {
		for _, chunk := range l.chunks {
			for _, c := range chunk {
				if !yield(c) {
					return
				}
			}
		}
	}
}

// newest yields the cases by falling id.
func (l *caseList) newest() iter.Seq[*Case] {
	return func(yield func(*Case) bool) {
		for _, chunk := range slices.Backward(l.chunks) {
			for _, c := range slices.Backward(chunk) {
				if !yield(c) {
					return
				}
			}
		}
	}
}
