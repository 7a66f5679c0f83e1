package cluster

import (
	"errors"
	"slices"
)

// ErrReplaying means that the machine has not yet applied everything that was
// in the log when this node started, or that the cluster had when this node
// was added: what it shows is from before.
var ErrReplaying = errors.New("the log is still being replayed")

// Ready returns nil once the machine has applied every entry that was in the
// log when the node was opened, and ErrReplaying before. Raft learns what is
// committed from a leader, so a lone voter has to lead first, and one of
// several has to hear from a leader. A node that began without a log is ready
// once it is a voter and has caught up.
func (n *Node) Ready() error {
	if n.caught.Load() {
		return nil
	}
	if n.ring != nil && n.atOpen == 0 {
		if lag, err := n.lag(n.raft.CommitIndex()); err != nil || lag != 0 || !slices.Contains(n.voters(), n.id) {
			return ErrReplaying
		}
		n.caught.Store(true)
		return nil
	}
	// Raft counts an entry as applied when it hands it over, so the machine
	// itself is asked.
	if waiting, err := n.lastCommand(n.atOpen); err != nil || waiting != 0 {
		return ErrReplaying
	}
	n.caught.Store(true)
	return nil
}
