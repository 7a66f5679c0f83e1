package clock

import (
	"fmt"
	"math"
	"sync"
	"time"
)

// Scaled is a clock that runs at a multiple of real time and can jump ahead:
// for the demo. Use NewScaled.
type Scaled struct {
	speed float64
	start time.Time // virtual wall time at the origin
	real  time.Time // real time at the origin

	mu      sync.Mutex
	jumped  time.Duration
	waiters waiters
	wake    *time.Timer // fires when the first waiter is due; nil before the first
}

var _ Clock = (*Scaled)(nil)

// NewScaled makes a clock that shows start now and runs speed times as fast as
// real time. It refuses a speed that is not positive and finite.
func NewScaled(start time.Time, speed float64) (*Scaled, error) {
	if !(speed > 0) || math.IsInf(speed, 0) {
		return nil, fmt.Errorf("clock speed %v: use a number above 0, such as 60 for a minute a second", speed)
	}
	return &Scaled{speed: speed, start: start.Round(0), real: time.Now()}, nil
}

// Now implements Clock.
func (s *Scaled) Now() time.Time { return s.Read().Wall }

// Since implements Clock by the difference of the scaled times.
func (s *Scaled) Since(t time.Time) time.Duration { return s.Now().Sub(t) }

// Read implements Clock. Wall and Mono never drift apart on this clock.
func (s *Scaled) Read() Reading {
	s.mu.Lock()
	defer s.mu.Unlock()
	mono := s.mono()
	return Reading{Wall: s.start.Add(mono), Mono: mono}
}

// After implements Clock.
func (s *Scaled) After(d time.Duration) <-chan time.Time {
	ch := make(chan time.Time, 1)
	if d <= 0 {
		ch <- s.Now()
		return ch
	}
	s.arm(d, func(wall time.Time) { ch <- wall })
	return ch
}

// AfterFunc implements Clock.
func (s *Scaled) AfterFunc(d time.Duration, f func()) func() bool {
	one := s.arm(d, func(time.Time) { go f() })
	return func() bool {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.waiters.remove(one)
	}
}

func (s *Scaled) arm(d time.Duration, fire func(time.Time)) *waiter {
	s.mu.Lock()
	defer s.mu.Unlock()
	one := s.waiters.add(s.mono()+max(0, d), fire)
	s.schedule()
	return one
}

// Jump moves the clock ahead by d at once and fires, in order, what became due.
// A d that is not positive does nothing: the clock never goes back.
func (s *Scaled) Jump(d time.Duration) {
	s.mu.Lock()
	s.jumped += max(0, d)
	s.mu.Unlock()
	s.fireDue()
}

func (s *Scaled) fireDue() {
	s.mu.Lock()
	defer s.mu.Unlock()
	mono := s.mono()
	for {
		one, ok := s.waiters.popDue(mono)
		if !ok {
			break
		}
		// Neither kind of waiter blocks or calls back, so the lock may stay.
		one.fire(s.start.Add(mono))
	}
	s.schedule()
}

// schedule arms the real timer for the first waiter. One that comes too early
// does no harm: it finds nothing due and schedules again.
func (s *Scaled) schedule() {
	due, ok := s.waiters.next()
	if !ok {
		return
	}
	wait := time.Duration(math.Ceil(float64(due-s.mono()) / s.speed))
	if s.wake == nil {
		s.wake = time.AfterFunc(max(0, wait), s.fireDue)
		return
	}
	s.wake.Reset(max(0, wait))
}

// mono is scaled time since the origin; the caller holds the lock.
func (s *Scaled) mono() time.Duration {
	return time.Duration(float64(time.Since(s.real))*s.speed) + s.jumped
}
