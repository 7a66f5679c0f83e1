package cluster

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"

	"warden/internal/remedy"
)

// ErrReplaying means that the machine has not yet applied everything that was
// in the log when this node started, or that the cluster had when this node
// was added: what it shows is from before.
var ErrReplaying = errors.New("the log is still being replayed")

// ErrNoCluster means that this node has no data and belongs to no cluster yet:
// it has nothing to show. The error that wraps it says what it waits for.
var ErrNoCluster = errors.New("this node has no data and belongs to no cluster yet")

// BehindError means that this node knows no leader, and that none has brought it
// up to date since it started. It wraps ErrReplaying. What the machine holds was
// true once, and is all that can be shown until a majority of the voters is back.
type BehindError struct {
	// Index is the last entry the machine has applied; 0 when it has none, since
	// there is no snapshot, and so holds nothing of what is in the log.
	Index uint64
}

// Error says what the machine's state is worth.
func (e *BehindError) Error() string {
	const start, end = "no quorum since this node started: ", "what was committed after it can't be told without the others"
	if e.Index == 0 {
		return start + "it has no snapshot, so it shows NOTHING of the ledger, as if no case, no hold and no freeze had ever been; " + end
	}
	return fmt.Sprintf("%sthis is as of entry %d, of its newest snapshot or what it had applied; %s", start, e.Index, end)
}

// Unwrap makes it a kind of ErrReplaying.
func (e *BehindError) Unwrap() error { return ErrReplaying }

// Ready returns nil once the machine has applied every entry that was in the
// log when the node was opened, and an ErrReplaying before, or an ErrNoCluster.
// Raft learns what is committed from a leader, so a lone voter has to lead first,
// and one of several has to hear from a leader; without one it is a *BehindError
// after a while. A node that began without a log, or with no more than a snapshot,
// is ready once it is a voter, has heard what is committed, and has caught up.
func (n *Node) Ready() error {
	if n.caught.Load() {
		return nil
	}
	bar := n.atOpen
	if n.ring != nil && n.atOpen == 0 {
		if bar = n.joinedAt(); bar == 0 {
			return n.notReady()
		}
	}
	// Raft counts an entry as applied when it hands it over, so the machine
	// itself is asked.
	if waiting, err := n.lastCommand(bar); err != nil || waiting != 0 {
		return n.notReady()
	}
	n.caught.Store(true)
	return nil
}

// joinedAt is the last entry that this node, which began without a log, knew to be
// committed when it was first seen to be a voter; 0 before. A node votes once it is
// within caughtUp entries of the leader. It stays what it was: in a busy cluster
// there may always be one entry more to apply, and a node that is up to date to the last
// of them is rarely seen.
func (n *Node) joinedAt() uint64 {
	if bar := n.joined.Load(); bar != 0 {
		return bar
	}
	if !votes(n.raft.GetConfiguration().Configuration(), n.id) {
		return 0
	}
	n.joined.CompareAndSwap(0, n.raft.CommitIndex())
	return n.joined.Load()
}

// votes reports whether a node is a voter of a configuration.
func votes(c raft.Configuration, id remedy.NodeID) bool {
	return slices.ContainsFunc(c.Servers, func(s raft.Server) bool {
		return s.Suffrage == raft.Voter && remedy.NodeID(s.ID) == id
	})
}

// notReady says why the machine is not up to date.
func (n *Node) notReady() error {
	if n.ring == nil {
		return ErrReplaying // it leads in a moment: nobody else is needed
	}
	if n.atOpen == 0 && !n.record.founded() {
		if wait := n.waits.Load(); wait != nil && *wait != "" {
			return fmt.Errorf("%w: %s", ErrNoCluster, *wait)
		}
		return fmt.Errorf("%w: it asks its peers", ErrNoCluster)
	}
	if leader, _ := n.Leader(); leader != "" || time.Since(n.opened) < n.tune.alone {
		return ErrReplaying
	}
	index, _ := n.fsm.position()
	return &BehindError{Index: index}
}
