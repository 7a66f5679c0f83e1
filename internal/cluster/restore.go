package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// RaftVersion is the protocol version that this build's raft speaks.
const RaftVersion = int(raft.ProtocolVersionMax)

// restoreGap is how far behind the log's end a restored state stands. Raft puts
// it right behind the larger of that and the log's own end; with room for what
// is committed meanwhile, the state's maker knows the index beforehand.
const restoreGap = 1024

// Restore replaces the machine's state on every member by what build returns,
// for the index and term that it will have. Only the leader can. It returns once
// a majority has the state; ErrNotLeader, and any error of build, mean that
// nothing was replaced, ErrUnsure that it may have been. Entries that were being
// proposed meanwhile fail with ErrUnsure. What runs on the old state must end:
// let the process start again after it.
func (n *Node) Restore(ctx context.Context, build func(index, term uint64) (io.WriterTo, error)) error {
	n.members.Lock() // raft restores nothing while a member is being changed
	defer n.members.Unlock()
	if err := n.Verify(ctx); err != nil {
		return err
	}
	below, term := n.raft.LastIndex()+restoreGap, n.raft.CurrentTerm()
	body, err := build(below+1, term)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if _, err := fmt.Fprintf(&b, snapshotHead, snapshotVersion, below+1, term); err != nil {
		return err
	}
	if _, err := body.WriteTo(&b); err != nil {
		return fmt.Errorf("write the state that is restored: %w: nothing was replaced", err)
	}
	n.log.Warn("a state is being restored: what was committed after it was saved is given up", zap.Uint64("index", below+1), zap.Int("bytes", b.Len()))
	_, err = ask(ctx, &n.calls, func() (struct{}, error) {
		meta := &raft.SnapshotMeta{Version: raft.SnapshotVersionMax, Index: below, Term: term, Size: int64(b.Len())}
		return struct{}{}, n.raft.Restore(meta, &b, 0)
	})
	switch {
	case err == nil:
		return nil
	case errors.Is(err, raft.ErrNotLeader), errors.Is(err, ErrClosed):
		return fmt.Errorf("restore: %w", leaderError(err))
	}
	return fmt.Errorf("%w: restore: %w", ErrUnsure, err)
}
