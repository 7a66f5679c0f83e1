package cluster

import (
	"context"
	"errors"
	"sync"
)

// errAbandoned means that raft stopped without answering. It is not ErrClosed:
// the request had been made.
var errAbandoned = errors.New("this node was shut down before raft answered")

// calls counts the requests that raft has not answered. Raft forgets what is
// in its queues when it is shut down, so the node first lets no more in, and
// then gives raft a moment to answer.
type calls struct {
	down chan struct{} // closed when raft has stopped

	mu     sync.Mutex
	count  int
	closed bool
	idle   chan struct{} // closed when the last request after close is answered
}

func newCalls() calls {
	return calls{down: make(chan struct{}), idle: make(chan struct{})}
}

func (c *calls) enter() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed {
		return false
	}
	c.count++
	return true
}

func (c *calls) leave() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count--
	if c.closed && c.count == 0 {
		close(c.idle)
	}
}

// close lets no more requests in, and returns a channel that is closed when
// all that are in have been answered. It is called once.
func (c *calls) close() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	if c.count == 0 {
		close(c.idle)
	}
	return c.idle
}

func (c *calls) isClosing() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.closed
}

// ask makes one blocking request to raft and waits for the answer as long as
// the caller does. ErrClosed means that the request was not made.
func ask[T any](ctx context.Context, c *calls, request func() (T, error)) (T, error) {
	if !c.enter() {
		return *new(T), ErrClosed
	}
	type answer struct {
		value T
		err   error
	}
	ch := make(chan answer, 1)
	go func() {
		defer c.leave()
		v, err := request()
		ch <- answer{v, err}
	}()
	select {
	case a := <-ch:
		return a.value, a.err
	case <-ctx.Done():
		return *new(T), context.Cause(ctx)
	case <-c.down:
		select {
		case a := <-ch:
			return a.value, a.err
		default:
			return *new(T), errAbandoned
		}
	}
}
