package slack

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// callWithin bounds how long a round looks for whom its messages call, all of it
// together: a question is not held up by that.
const callWithin = 3 * time.Second

// calls is what a round's look-ups of whom to call came to.
type calls struct {
	// lost are the methods that failed, and are not asked again.
	lost map[string]bool
	took time.Duration
}

// errNotLooked says that somebody isn't looked up in this round any more.
var errNotLooked = errors.New("look-ups failed, or took long")

// lookUp does one look-up of whom to call, where there is time, and the method has
// not failed in this round: thirty approvers would wait thirty times for it.
func (r *round) lookUp(ctx context.Context, method string, do func(context.Context) error) error {
	left := callWithin - r.calls.took
	if left <= 0 || r.calls.lost[method] {
		return errNotLooked
	}
	ctx, cancel := context.WithTimeout(ctx, left)
	defer cancel()
	began := r.Wire.Now()
	err := do(ctx)
	r.calls.took += r.Wire.Since(began)
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		r.calls.took = callWithin
	}
	if r.calls.lost == nil {
		r.calls.lost = map[string]bool{}
	}
	r.calls.lost[method] = true
	r.Logger.Warn("who may answer can't be looked up for a call: who was seen before is called", zap.String("method", method), zap.Error(err))
	return err
}
