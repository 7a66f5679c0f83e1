package cluster

import (
	"errors"
	"fmt"
	"slices"
	"time"
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
	if n.ring != nil && n.atOpen == 0 {
		commit := n.raft.CommitIndex()
		if lag, err := n.lag(commit); commit == 0 || err != nil || lag != 0 || !slices.Contains(n.voters(), n.id) {
			return n.notReady()
		}
		n.caught.Store(true)
		return nil
	}
	// Raft counts an entry as applied when it hands it over, so the machine
	// itself is asked.
	if waiting, err := n.lastCommand(n.atOpen); err != nil || waiting != 0 {
		return n.notReady()
	}
	n.caught.Store(true)
	return nil
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
