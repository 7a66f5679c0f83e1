package story

import (
	"sync"
	"sync/atomic"
	"time"

	"warden/internal/clock"
)

// Pacer is a scaled clock that knows when all engines rest. Hurry ends their
// rest at once, so that a story need not sit through quiet stretches and yet
// never jumps over work that is under way, however slow the machine is. Each
// engine has a Seat; who else waits on the clock is carried along.
type Pacer struct {
	*clock.Scaled

	mu    sync.Mutex
	seats map[*Seat]struct{}
}

var _ clock.Clock = (*Pacer)(nil)

// NewPacer makes a pacer of a scaled clock.
func NewPacer(c *clock.Scaled) *Pacer { return &Pacer{Scaled: c, seats: map[*Seat]struct{}{}} }

// Seat is the clock of one engine. Between two rounds an engine waits with
// After, and that is its rest.
type Seat struct {
	*clock.Scaled
	pacer *Pacer
	due   time.Duration // monotonic time at which the newest wait ends; guarded by the pacer
	left  atomic.Bool
}

var _ clock.Clock = (*Seat)(nil)

// Seat adds an engine. Nothing is hurried before it rests for the first time.
func (p *Pacer) Seat() *Seat {
	s := &Seat{Scaled: p.Scaled, pacer: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.seats[s] = struct{}{}
	return s
}

// After implements clock.Clock, and notes that the engine rests.
func (s *Seat) After(d time.Duration) <-chan time.Time {
	if s.left.Load() {
		d = 0
	}
	s.pacer.mu.Lock()
	s.due = s.Scaled.Read().Mono + d
	s.pacer.mu.Unlock()
	return s.Scaled.After(d)
}

// afterlife is how far ahead the clock of an engine that has left is: beyond
// whatever it still waits for.
const afterlife = 1000 * time.Hour

// Read implements clock.Clock.
func (s *Seat) Read() clock.Reading {
	r := s.Scaled.Read()
	if s.left.Load() {
		r.Wall, r.Mono = r.Wall.Add(afterlife), r.Mono+afterlife
	}
	return r
}

// Now implements clock.Clock.
func (s *Seat) Now() time.Time { return s.Read().Wall }

// Since implements clock.Clock.
func (s *Seat) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

// Leave takes the engine out: its node is dead, and nobody waits for it any
// more. For what is left of it all deadlines are over, so that it ends soon.
func (s *Seat) Leave() {
	s.left.Store(true)
	s.pacer.mu.Lock()
	defer s.pacer.mu.Unlock()
	delete(s.pacer.seats, s)
}

// Resting reports whether there are engines and all of them rest.
func (p *Pacer) Resting() bool { return p.rest() > 0 }

// Hurry jumps to the end of the rest that is over first. It does nothing while
// an engine is at work.
func (p *Pacer) Hurry() {
	if left := p.rest(); left > 0 {
		p.Jump(left)
	}
}

// rest is for how long all engines still rest.
func (p *Pacer) rest() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now, first := p.Read().Mono, time.Duration(-1)
	for s := range p.seats {
		if left := s.due - now; first < 0 || left < first {
			first = max(left, 0)
		}
	}
	return first
}
