package clock

import (
	"sync"
	"time"
)

// Stepped is a clock that moves only when it is told to: for tests and for
// simulate. Use NewStepped.
type Stepped struct {
	mu      sync.Mutex
	origin  time.Time
	mono    time.Duration
	skew    time.Duration
	waiters waiters
}

var _ Clock = (*Stepped)(nil)

// NewStepped makes a clock that stands still at start.
func NewStepped(start time.Time) *Stepped { return &Stepped{origin: start.Round(0)} }

// Now implements Clock.
func (s *Stepped) Now() time.Time { return s.Read().Wall }

// Since implements Clock by the difference of wall times, which Skew changes.
func (s *Stepped) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

// Read implements Clock. The origin of Mono is the clock's start.
func (s *Stepped) Read() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	return Reading{Wall: s.wall(), Mono: s.mono}
}

// After implements Clock.
func (s *Stepped) After(d time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- s.Now()
		return ch
	}
	s.arm(d, func(wall time.Time) { ch <- wall })
	return ch
}

// AfterFunc implements Clock. The function f runs inside Advance, in the
// goroutine of its caller, without locks of the clock: it may arm further
// timers. With a d that is not positive it runs in the next Advance.
func (s *Stepped) AfterFunc(d time.Duration, f func()) func() bool {
	one := s.arm(max(0, d), func(time.Time) { f() })
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waiters.remove(one)
	}
}

func (s *Stepped) arm(d time.Duration, fire func(time.Time)) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiters.add(s.mono+d, fire)
}

// Advance moves wall and monotonic time by d, firing what becomes due in order,
// each with the clock at the instant it was due and before the next one is
// looked at. Timers that are equally due fire in the order in which they were
// armed. A negative d counts as 0: monotonic time never goes back.
func (s *Stepped) Advance(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	target := s.mono + max(0, d)
	for {
		one, ok := s.waiters.popDue(target)
		if !ok {
			break
		}
		s.mono = max(s.mono, one.due)
		s.fire(one)
	}
	s.mono = max(s.mono, target)
}

// fire runs one waiter with the lock given up.
func (s *Stepped) fire(one *waiter) {
	wall := s.wall()
	s.mu.Unlock()
	defer s.mu.Lock()
	one.fire(wall)
}

// Skew sets the wall clock forward (or back, if d is negative) against
// monotonic time, as a person or NTP would. No timer fires by it.
func (s *Stepped) Skew(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew += d
}

// Next returns the wall time at which the next timer is due, and false when
// none is armed.
func (s *Stepped) Next() (time.Time, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	due, ok := s.waiters.next()
	if !ok {
		return time.Time{}, false
	}
	return s.wall().Add(due - s.mono), true
}

// Waiters returns how many timers are armed, for a test that must know that the
// code under test waits before it advances.
func (s *Stepped) Waiters() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.waiters.armed)
}

func (s *Stepped) wall() time.Time { return s.origin.Add(s.mono + s.skew) }
