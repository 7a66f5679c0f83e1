package cluster

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/remedy"
)

// ErrStepAside is what Watch returns, wrapped in why, when this process should
// end in order and let another node lead.
var ErrStepAside = errors.New("this node steps aside")

// lowSpace is the high-water mark of the data directory's disk: a leader with
// less free than this steps aside while it still can, if somebody can take over.
const lowSpace = 4 * segmentSize

// aside is a wish to end, and who should lead then.
type aside struct {
	why error
	to  remedy.NodeID // empty for whoever is most up to date
}

// Watch returns nil when ctx ends, and an error that wraps ErrStepAside as soon
// as this node should be shut down in order: because StepAside was called, or
// because it leads, its disk is about to be full, and another voter's is not.
// The caller drains what runs and calls Shutdown, which hands the leadership
// over. A node alone, or among nodes whose disks are all full, stays: a write
// that fails stops it.
func (n *Node) Watch(ctx context.Context) error {
	tick := time.NewTicker(n.tune.spaceEvery)
	defer tick.Stop()
	var warned time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-n.asked:
			return n.leaving.Load().why
		case <-tick.C:
		}
		free, err := n.tune.free(n.record.dir)
		if err != nil || free >= lowSpace {
			continue
		}
		if to := n.roomier(); to != "" && n.raft.State() == raft.Leader {
			n.stepAside(aside{to: to, why: fmt.Errorf("%w: %d MiB are left on the disk of %s and %s has more: free some space there", ErrStepAside, free>>20, n.record.dir, to)})
			continue
		}
		if time.Since(warned) > sayAgain {
			warned = time.Now()
			n.log.Warn("the disk of the data directory is nearly full, and a write that fails stops this node: free some space",
				zap.String("directory", n.record.dir), zap.Uint64("free_mib", free>>20))
		}
	}
}

// StepAside has Watch return, so that this process ends in order and the given
// voter leads; whoever is most up to date when it is empty. It is how people
// move the leadership: raft may hang after a transfer on a node that stays up
// (raft#696), so the process that gave it away ends, and is started again by
// systemd.
func (n *Node) StepAside(to remedy.NodeID, why string) error {
	if to != "" {
		if member, suffrage := n.member(to); !member || suffrage != raft.Voter || to == n.id {
			return fmt.Errorf("%w: %s is not another voter", ErrNoPeer, to)
		}
	}
	if n.raft.State() != raft.Leader {
		return ErrNotLeader
	}
	if len(n.voters()) < 2 {
		return fmt.Errorf("%w: there is nobody else to lead", ErrMembership)
	}
	n.stepAside(aside{to: to, why: fmt.Errorf("%w: %s", ErrStepAside, why)})
	return nil
}

func (n *Node) stepAside(a aside) {
	if n.leaving.CompareAndSwap(nil, &a) {
		close(n.asked)
	}
}

// roomier is a voter that answers, is nearly up to date and has space; the one
// with the most. Empty when there is none.
func (n *Node) roomier() remedy.NodeID {
	var best remedy.NodeID
	most := uint64(lowSpace)
	for _, id := range n.voters() {
		s, ok := n.sighted(id)
		if ok && s.answer.Last+caughtUp >= n.raft.CommitIndex() && s.answer.FreeBytes > most {
			best, most = id, s.answer.FreeBytes
		}
	}
	return best
}

// guard is what writes to the log are held to.
func (n *Node) guard() guard {
	return guard{
		deadline: n.tune.writeDeadline, stop: n.stop,
		brief: n.tune.leaderWriteDeadline, inTheWay: n.inTheWay,
	}
}

// inTheWay reports whether this node leads and enough others answer to elect
// another, so that its end lets the cluster go on. Nothing here waits for
// raft's own goroutine, which may be the one that hangs.
func (n *Node) inTheWay() bool {
	if !n.up.Load() || n.raft.State() != raft.Leader {
		return false
	}
	voters, others := n.voters(), 0
	for _, id := range voters {
		if _, ok := n.sighted(id); ok && id != n.id {
			others++
		}
	}
	return others >= len(voters)/2+1
}

// handOver makes another voter the leader, on the way out of the process and
// nowhere else. When that fails, an election finds one a little later.
func (n *Node) handOver(ctx context.Context) {
	if n.raft.State() != raft.Leader || len(n.voters()) < 2 {
		return
	}
	began := time.Now()
	ctx, cancel := context.WithTimeout(ctx, n.tune.handOver)
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- n.transfer(ctx) }()
	var err error
	select {
	case err = <-done:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		n.log.Warn("the leadership could not be handed over, so that the others will miss this node first", zap.Duration("took", time.Since(began)), zap.Error(err))
		return
	}
	n.log.Info("leadership was handed over", zap.Duration("took", time.Since(began)))
}

func (n *Node) transfer(ctx context.Context) error {
	var to remedy.NodeID
	if a := n.leaving.Load(); a != nil {
		to = a.to
	}
	for {
		var f raft.Future
		if to == "" {
			f = n.raft.LeadershipTransfer()
		} else {
			f = n.raft.LeadershipTransferToServer(raft.ServerID(to), raft.ServerAddress(to))
		}
		err := f.Error()
		if !errors.Is(err, raft.ErrEnqueueTimeout) || ctx.Err() != nil {
			return err
		}
		// Raft was busy at that moment, and doesn't wait.
		select {
		case <-time.After(time.Millisecond):
		case <-ctx.Done():
		}
	}
}
