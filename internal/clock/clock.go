// Package clock is where the shell's time comes from, so that the same code
// runs on the system's time, on a faster one for the demo, and on a stepped
// one in tests and in simulate.
//
// Sockets and raft stay on real time: a scaled or stepped clock does not speed
// up a network.
package clock

import "time"

// Clock tells the time and wakes up whoever asked for it. Implementations are
// safe for concurrent use. Timers run on monotonic time: setting the wall clock
// neither hastens nor delays them.
type Clock interface {
	// Now returns the current wall time.
	Now() time.Time
	// Since returns the time that passed since t. If t is from Now of the
	// system's clock in this process, the answer is monotonic and setting the
	// wall clock does not change it; for any other t, and on the other clocks,
	// it is the difference of wall times.
	Since(t time.Time) time.Duration
	// After returns a channel that receives the wall time once, when d has
	// passed; at once when d is not positive. What was not received costs a
	// little memory until it is due: to give up early, use AfterFunc or Sleep.
	After(d time.Duration) <-chan time.Time
	// AfterFunc calls f once when d has passed: in a goroutine of its own, but
	// on a Stepped clock inside Advance. The returned function calls it off and
	// reports whether it came in time; it may be called more than once.
	AfterFunc(d time.Duration, f func()) (stop func() bool)
	// Read reads wall and monotonic time at one instant.
	Read() Reading
}

// Reading is one instant on both of a clock's scales.
type Reading struct {
	// Wall is the wall time, free of a monotonic reading, so that comparing two
	// of them compares wall times.
	Wall time.Time
	// Mono is monotonic time since an origin that each Clock value chooses: it
	// says something only against another reading of the same Clock value. On
	// Linux it stands still while the machine is suspended; Wall does not.
	Mono time.Duration
}

// System returns the clock of the machine.
func System() Clock { return system{origin: now()} }

type system struct{ origin time.Time }

func (system) Now() time.Time                         { return now() }
func (system) Since(t time.Time) time.Duration        { return time.Since(t) }
func (system) After(d time.Duration) <-chan time.Time { return time.After(d) }

func (system) AfterFunc(d time.Duration, f func()) func() bool {
	return time.AfterFunc(d, f).Stop
}

func (s system) Read() Reading {
	t := now()
	return Reading{Wall: t.Round(0), Mono: t.Sub(s.origin)}
}
