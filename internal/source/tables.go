package source

import (
	"slices"
	"sync"
	"weak"

	"warden/internal/remedy"
)

// maxTables is how many tables a source remembers, to share them.
const maxTables = 32

// tables finds the table, or at least the names, that another answer of the
// source has already, so that several expressions about the same hosts take
// the memory of one, and whose a series is gets worked out once for all. It
// keeps nothing alive.
type tables struct {
	mu  sync.Mutex
	all []weak.Pointer[Table]
}

// shared returns an equal table if there is one, else t.
func (s *tables) shared(t *Table) *Table {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = slices.DeleteFunc(s.all, func(p weak.Pointer[Table]) bool { return p.Value() == nil })
	var names *remedy.Keys
	for _, p := range s.all {
		switch other := p.Value(); {
		case other == nil:
		case other == t:
			return t
		case other.keys.Equal(t.keys):
			if slices.Equal(other.ids, t.ids) && slices.Equal(other.spelling, t.spelling) {
				return other
			}
			names = other.keys
		}
	}
	if names != nil {
		t = &Table{keys: names, ids: t.ids, spelling: t.spelling}
	}
	if len(s.all) == maxTables {
		s.all = slices.Delete(s.all, 0, 1)
	}
	s.all = append(s.all, weak.Make(t))
	return t
}
