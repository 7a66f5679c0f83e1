package cluster

import (
	"errors"
	"time"

	"warden/internal/remedy"
)

// Leader returns the leader that this node knows of, itself included; empty
// when it knows none, and then since when: the moment it last heard from one, or
// stopped being it, and zero if neither happened since it was opened. It costs
// next to nothing, and true a moment ago is all it can be.
func (n *Node) Leader() (id remedy.NodeID, noneSince time.Time) {
	_, leader := n.raft.LeaderWithID()
	if leader != "" {
		return remedy.NodeID(leader), time.Time{}
	}
	return "", n.raft.LastContact()
}

// Voters are the voting members as this node knows them, sorted, this node
// included if it is one.
func (n *Node) Voters() []remedy.NodeID { return n.voters() }

// Unreachable reports whether an error of PeerTransport says that a request was
// for nobody this node knows, and so was sent to nobody.
func Unreachable(err error) bool { return errors.Is(err, errUnknownPeer) }
