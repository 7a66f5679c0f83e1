package story

import (
	"sync"
	"time"

	"warden/internal/clock"
)

// Pacer is a scaled clock that knows when the engine rests: between two rounds
// the engine waits with After, and nothing else in warden does. Hurry ends such
// a wait at once, so that a story need not sit through quiet stretches and yet
// never jumps over work that is under way, however slow the machine is.
type Pacer struct {
	*clock.Scaled

	mu  sync.Mutex
	due time.Duration // monotonic time at which the newest wait ends
}

var _ clock.Clock = (*Pacer)(nil)

// NewPacer makes a pacer of a scaled clock.
func NewPacer(c *clock.Scaled) *Pacer { return &Pacer{Scaled: c} }

// After implements clock.Clock, and notes that somebody rests.
func (p *Pacer) After(d time.Duration) <-chan time.Time {
	p.mu.Lock()
	p.due = p.Read().Mono + d
	p.mu.Unlock()
	return p.Scaled.After(d)
}

// Resting reports whether the newest wait is not over yet.
func (p *Pacer) Resting() bool { return p.left() > 0 }

// Hurry jumps to the end of the newest wait. It does nothing when that is over
// already: who waited is at work.
func (p *Pacer) Hurry() {
	if left := p.left(); left > 0 {
		p.Jump(left)
	}
}

func (p *Pacer) left() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.due - p.Read().Mono
}
