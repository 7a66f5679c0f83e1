package clock

import (
	"context"
	"time"
)

// Deadline is an instant armed on wall and on monotonic time. It has passed as
// soon as either says so: a suspended machine stops monotonic time, and a wall
// clock that is set back would grant more time than was allowed. The zero
// Deadline has passed.
type Deadline struct {
	clock Clock
	wall  time.Time
	mono  time.Duration
}

// NewDeadline arms a deadline d from now on the clock c. If d is not positive
// it has passed already.
func NewDeadline(c Clock, d time.Duration) Deadline {
	now := c.Read()
	return Deadline{clock: c, wall: now.Wall.Add(d), mono: now.Mono + d}
}

// Left returns the time left: the stricter of wall and monotonic, and 0 when
// the deadline has passed.
func (d Deadline) Left() time.Duration {
	if d.clock == nil {
		return 0
	}
	now := d.clock.Read()
	return max(0, min(d.wall.Sub(now.Wall), d.mono-now.Mono))
}

// Expired reports whether the deadline has passed on wall or monotonic time.
func (d Deadline) Expired() bool { return d.Left() <= 0 }

// Wall returns the wall time at which the deadline passes unless monotonic
// time gets there first; for showing to people.
func (d Deadline) Wall() time.Time { return d.wall }

// WithTimeout returns a context that ends with context.DeadlineExceeded when d
// has passed on the clock c. Err of contexts derived from it says
// context.Canceled; context.Cause says DeadlineExceeded for them too. Its
// Deadline method stays the parent's, since that is about real time. The
// caller must call cancel.
func WithTimeout(ctx context.Context, c Clock, d time.Duration) (context.Context, context.CancelFunc) {
	inner, cancel := context.WithCancelCause(ctx)
	out := &timeoutContext{Context: inner, parent: ctx}
	if d <= 0 {
		cancel(context.DeadlineExceeded)
		return out, func() {}
	}
	stop := c.AfterFunc(d, func() { cancel(context.DeadlineExceeded) })
	return out, func() {
		stop()
		cancel(context.Canceled)
	}
}

// timeoutContext makes Err tell a timeout from a cancellation, which a context
// that was cancelled with a cause does not.
type timeoutContext struct {
	context.Context
	parent context.Context
}

func (t *timeoutContext) Err() error {
	err := t.Context.Err()
	if err == nil || t.parent.Err() != nil {
		return err
	}
	return context.Cause(t.Context)
}

// Sleep waits until d has passed on the clock c or until ctx ends, whichever is
// first, and returns ctx's error in the latter case.
func Sleep(ctx context.Context, c Clock, d time.Duration) error {
	if err := ctx.Err(); err != nil || d <= 0 {
		return err
	}
	done := make(chan struct{})
	stop := c.AfterFunc(d, func() { close(done) })
	defer stop()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
