package cli

import (
	"slices"
	"strings"

	"warden/internal/cluster"
	"warden/internal/remedy"
	"warden/internal/web"
)

// ghosts are the voters that only the ledger has: see ghostsOf.
func (o operator) ghosts(members []web.RaftPeer) []web.RaftPeer {
	return ghostsOf(o.d.ledger.Status().Voters, members, o.d.node.Configured)
}

// ghostsOf lists the ledger's voters that raft doesn't have as members. A removal
// that was cut short between the two leaves such a one. It has no vote, so no
// majority counts it, but its file, or its silence, still binds levels and
// limits: people must see it to be able to remove it.
func ghostsOf(voters []remedy.NodeID, members []web.RaftPeer, configured func(remedy.NodeID) (cluster.Peer, bool)) []web.RaftPeer {
	var out []web.RaftPeer
	for _, id := range voters {
		if slices.ContainsFunc(members, func(p web.RaftPeer) bool { return p.ID == id }) {
			continue
		}
		p := web.RaftPeer{
			Node: string(id), ID: id, State: web.PeerLedgerOnly, RaftVersion: cluster.RaftVersion,
			Why: "only the ledger has it as a voter: it has no vote, and its file still counts for levels and limits; end that with `warden operator raft remove-peer " + string(id) + "`",
		}
		if i := strings.LastIndexByte(string(id), '-'); i > 0 {
			p.Node = string(id[:i])
		}
		if c, ok := configured(id); ok {
			p.Node, p.Address = c.Name, c.Address
		}
		out = append(out, p)
	}
	return out
}
