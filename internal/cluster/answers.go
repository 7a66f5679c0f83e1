package cluster

import (
	"context"
	"errors"
)

// Answers returns nil once raft's own goroutine has answered, whether this node
// leads or not: it is stuck when it doesn't. A leader answers when most of the
// voters have answered it, or when it has given up being one, which takes no
// longer than its lease. Nothing is written.
func (n *Node) Answers(ctx context.Context) error {
	_, err := ask(ctx, &n.calls, func() (struct{}, error) { return struct{}{}, n.raft.VerifyLeader().Error() })
	if err = leaderError(err); errors.Is(err, ErrNotLeader) {
		return nil
	}
	return err
}
