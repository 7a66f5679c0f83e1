package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Shutdown stops the node and releases its data directory. Tenures end with
// ErrLeadershipLost as their cause; stop what Lead runs first to end in order.
// A leader hands over to another voter first, which takes milliseconds, and
// goes on after 2 s when that does not work.
// When ctx ends before raft has stopped, the directory stays locked until the
// process dies. Later calls return what the first one did.
func (n *Node) Shutdown(ctx context.Context) error {
	n.closeOnce.Do(func() { n.closeErr = n.shutdown(ctx) })
	return n.closeErr
}

func (n *Node) shutdown(ctx context.Context) error {
	if n.ring != nil {
		n.ring.closePeers()
	}
	idle := n.calls.close()
	n.lead.set(false)
	select {
	case <-idle:
	case <-time.After(n.tune.drain):
	case <-ctx.Done():
	}
	n.handOver(ctx)
	stopped := make(chan error, 1)
	go func() { stopped <- n.stopRaft() }()
	select {
	case err := <-stopped:
		close(n.calls.down)
		n.wg.Wait()
		return errors.Join(err, n.releaseStopped())
	case <-ctx.Done():
		close(n.calls.down)
		return fmt.Errorf("stop raft: %w", context.Cause(ctx))
	}
}

// stopRaft ends raft, and what it waits for.
func (n *Node) stopRaft() error {
	stopped := n.raft.Shutdown()
	if n.ring != nil {
		n.ring.cut()
	}
	return stopped.Error()
}

// release undoes what a failed open has done so far.
func (n *Node) release() error {
	if n.raft == nil {
		if n.ring != nil {
			n.ring.cut()
		}
		return n.releaseStopped()
	}
	return errors.Join(n.stopRaft(), n.releaseStopped())
}

func (n *Node) releaseStopped() error {
	var errs []error
	if n.metrics != nil {
		n.metrics.unregister()
	}
	if n.stores != nil {
		errs = append(errs, n.stores.wal.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.release())
	}
	return errors.Join(errs...)
}
