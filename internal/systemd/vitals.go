package systemd

import (
	"fmt"
	"strings"
	"time"
)

// Sign is one thing by which a process can be seen to live.
type Sign struct {
	// Name says what it is, such as "evaluation".
	Name string
	// Mark is different after every step forward. What it holds doesn't matter.
	Mark string
	// Idle says that there is nothing to do for it now, so that it may stand
	// still for as long as it likes.
	Idle bool
	// Within is how long Mark may stay the same while it is not idle.
	Within time.Duration
}

// Stuck is a sign that has stood still for too long.
type Stuck struct {
	Name string
	For  time.Duration
	// Within is how long it might have.
	Within time.Duration
}

// String says what is stuck, and for how long.
func (s Stuck) String() string {
	return fmt.Sprintf("%s has not moved for %s, and may take %s", s.Name, s.For.Round(time.Second), s.Within)
}

// describe joins what is stuck in one line; empty for none.
func describe(stuck []Stuck) string {
	parts := make([]string, len(stuck))
	for i, s := range stuck {
		parts[i] = s.String()
	}
	return strings.Join(parts, "; ")
}

// vitals remembers when each sign last moved. Time is monotonic, from any
// origin.
type vitals struct{ moved map[string]moved }

type moved struct {
	mark string
	at   time.Duration
}

// look takes the signs in and returns those that are stuck, in their order. A
// sign that is new has moved now; one that is idle, or whose mark went back,
// has too.
func (v *vitals) look(at time.Duration, signs []Sign) []Stuck {
	next := make(map[string]moved, len(signs))
	var stuck []Stuck
	for _, s := range signs {
		m, known := v.moved[s.Name]
		if !known || s.Idle || m.mark != s.Mark {
			m = moved{mark: s.Mark, at: at}
		}
		next[s.Name] = m
		if still := at - m.at; still > s.Within {
			stuck = append(stuck, Stuck{Name: s.Name, For: still, Within: s.Within})
		}
	}
	v.moved = next
	return stuck
}
