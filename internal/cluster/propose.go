package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
)

// Receipt says where a committed entry is and what applying it returned.
type Receipt struct {
	// Term and Index are the entry's place in the log; together a fence that
	// only ever grows.
	Term, Index uint64
	// Value is what Machine.Apply returned on this node.
	Value any
}

// Propose appends data to the log and returns once it is committed and applied
// on this node. The caller must not change data afterwards. ErrNotLeader,
// ErrBusy, ErrTooBig and ErrClosed mean that nothing was or will be committed;
// ErrUnsure that nobody knows yet. The context bounds the waiting: its end
// leads to ErrUnsure, wrapping its cause, as soon as the entry may be in the log.
func (n *Node) Propose(ctx context.Context, data []byte) (Receipt, error) {
	if len(data) > MaxEntry {
		return Receipt{}, fmt.Errorf("%w: %d bytes, and %d are allowed", ErrTooBig, len(data), MaxEntry)
	}
	if ctx.Err() != nil {
		return Receipt{}, fmt.Errorf("nothing was proposed: %w", context.Cause(ctx))
	}
	future, err := ask(ctx, &n.calls, func() (raft.ApplyFuture, error) {
		f := n.raft.Apply(data, n.patience(ctx))
		return f, f.Error()
	})
	switch {
	case err == nil:
	case errors.Is(err, ErrClosed):
		return Receipt{}, err
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, raft.ErrLeadershipTransferInProgress):
		return Receipt{}, fmt.Errorf("%w: nothing was proposed", ErrNotLeader)
	case errors.Is(err, raft.ErrEnqueueTimeout):
		return Receipt{}, ErrBusy
	default:
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnsure, err)
	}
	answer, ok := future.Response().(applied)
	if !ok {
		return Receipt{}, fmt.Errorf("%w: raft answered with %T", ErrUnsure, future.Response())
	}
	if answer.err != nil {
		return Receipt{}, fmt.Errorf("%w: %w", ErrUnsure, answer.err)
	}
	return Receipt{Term: answer.term, Index: future.Index(), Value: answer.value}, nil
}

// Verify returns nil once this node was certainly the leader at some moment
// after the call, and its machine has applied everything that was committed
// before the call by any leader. It writes nothing, except when no entry of
// this term has been applied yet. Any error means that nothing is certain.
func (n *Node) Verify(ctx context.Context) error {
	// The commit index of a leader is only worth reading after an entry of its
	// own term has committed.
	term := n.raft.CurrentTerm()
	if n.ready.Load() != term {
		if err := n.barrier(ctx, term); err != nil {
			return fmt.Errorf("verify leadership: %w", err)
		}
	}
	commit := n.raft.CommitIndex()
	if _, err := ask(ctx, &n.calls, func() (struct{}, error) { return struct{}{}, n.raft.VerifyLeader().Error() }); err != nil {
		return fmt.Errorf("verify leadership: %w", leaderError(err))
	}
	if n.raft.CurrentTerm() != term {
		// Deposed and elected again in between: another leader may have
		// committed more than the index read above.
		return fmt.Errorf("verify leadership: %w: the term moved on", ErrNotLeader)
	}
	index, err := n.lastCommand(commit)
	if err != nil {
		return fmt.Errorf("verify leadership: %w", err)
	}
	if err := n.fsm.await(ctx, n.calls.down, index); err != nil {
		return fmt.Errorf("verify leadership: wait for entry %d: %w", index, err)
	}
	return nil
}

// barrier returns nil once everything earlier than term has been applied here,
// this node having led in term all the while.
func (n *Node) barrier(ctx context.Context, term uint64) error {
	if _, err := ask(ctx, &n.calls, func() (struct{}, error) {
		return struct{}{}, n.raft.Barrier(n.patience(ctx)).Error()
	}); err != nil {
		return leaderError(err)
	}
	if n.raft.CurrentTerm() != term {
		return fmt.Errorf("%w: the term moved on", ErrNotLeader)
	}
	n.ready.Store(term)
	return nil
}

// leaderError turns raft's ways of saying that this node doesn't lead into ErrNotLeader.
func leaderError(err error) error {
	if errors.Is(err, raft.ErrNotLeader) || errors.Is(err, raft.ErrLeadershipLost) || errors.Is(err, raft.ErrLeadershipTransferInProgress) {
		return fmt.Errorf("%w: %w", ErrNotLeader, err)
	}
	return err
}

// lastCommand is the index of the last entry up to commit that the machine
// gets to see and has not applied, or 0. Raft keeps its own entries, such as
// the one that starts a term, to itself, so the machine's index alone can't
// tell whether it has caught up.
func (n *Node) lastCommand(commit uint64) (uint64, error) {
	done, _ := n.fsm.position()
	for i := commit; i > done; i-- {
		var entry raft.Log
		err := n.stores.logs.GetLog(i, &entry)
		if errors.Is(err, raft.ErrLogNotFound) {
			return 0, nil // only what a snapshot covers, and so was applied, leaves the log
		}
		if err != nil {
			return 0, fmt.Errorf("read entry %d of the raft log: %w", i, err)
		}
		if entry.Type == raft.LogCommand {
			return i, nil
		}
	}
	return 0, nil
}

// Snapshot takes a snapshot now and drops the log entries it makes
// superfluous. Having nothing new to snapshot is no error.
func (n *Node) Snapshot() error {
	_, err := ask(context.Background(), &n.calls, func() (struct{}, error) { return struct{}{}, n.raft.Snapshot().Error() })
	if err != nil && !errors.Is(err, raft.ErrNothingNewToSnapshot) {
		return fmt.Errorf("take a snapshot: %w: check the free space of the data directory; the log keeps everything meanwhile", err)
	}
	return nil
}

// patience is how long raft may take to accept a request.
func (n *Node) patience(ctx context.Context) time.Duration {
	if at, ok := ctx.Deadline(); ok {
		return max(time.Until(at), time.Millisecond)
	}
	return n.tune.proposeDeadline
}
