package cluster

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/remedy"
)

// The errors of Join and Remove that callers tell apart.
var (
	// ErrNoPeer means that no such node is configured, a member, or there.
	ErrNoPeer = errors.New("no such node")
	// ErrMembership means that the change is not allowed as things are.
	ErrMembership = errors.New("the members can't be changed like that")
)

// Joiner is a node that is about to become a voter.
type Joiner struct {
	ID remedy.NodeID
	// CommandVersion is the newest entry version it knows; 0 if it didn't say.
	CommandVersion int
}

// Roll is the ledger's side of who votes. Its voters are those that count for
// levels and limits; raft's follow them.
type Roll interface {
	// Voters are the ledger's voters, and the nodes that the founder invited
	// and that have not been added yet.
	Voters() (voters, invited []remedy.NodeID)
	// Add commits that an invited node is a voter. It returns nil once that
	// is so, however often it is called.
	Add(ctx context.Context, j Joiner) error
}

// Invited are the nodes that this one saw with empty stores when it founded
// its cluster; nil on every other node. The first ledger entry names them.
func (n *Node) Invited() []remedy.NodeID { return n.record.invited() }

// ClusterID is the id of the cluster this node belongs to, minted by its
// founder; empty while it belongs to none, and on a lone voter from before the
// id was kept outside of the ledger, until SetClusterID.
func (n *Node) ClusterID() string { return n.record.cluster() }

// SetClusterID tells the node what its ledger says the cluster's id is. It
// fails when this node knows another one: log and node.json don't belong
// together then.
func (n *Node) SetClusterID(id string) error { return n.record.named(id) }

// Keep makes raft's voters those of the roll, for as long as this node leads:
// it adds who was invited, and goes on with every addition that was begun by
// anybody, each as a non-voter until it has caught up. Call it within a
// tenure; it returns nil when ctx ends. A voter that only the ledger has is
// added again: to remove one, remove it from raft and from the ledger.
func (n *Node) Keep(ctx context.Context, r Roll) error {
	if n.ring == nil {
		<-ctx.Done()
		return nil
	}
	tick := time.NewTicker(n.tune.keepEvery)
	defer tick.Stop()
	said := map[remedy.NodeID]string{}
	for {
		voters, invited := r.Voters()
		for _, id := range slices.Concat(voters, invited) {
			if ctx.Err() != nil {
				return nil
			}
			err := n.step(ctx, id, func(ctx context.Context, j Joiner) error {
				if slices.Contains(voters, id) {
					return nil
				}
				return r.Add(ctx, j)
			})
			why := ""
			if err != nil {
				why = err.Error()
			}
			if why != said[id] && ctx.Err() == nil && why != "" {
				n.log.Info("a node is not a voter yet", zap.String("node", string(id)), zap.Error(err))
			}
			said[id] = why
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// step is admit, one at a time and never in the middle of a removal.
func (n *Node) step(ctx context.Context, id remedy.NodeID, commit func(context.Context, Joiner) error) error {
	n.members.Lock()
	defer n.members.Unlock()
	return n.admit(ctx, id, commit)
}

// admit brings one node a step further towards being a voter, and to the end
// if it has caught up. It may be repeated, by any leader.
func (n *Node) admit(ctx context.Context, id remedy.NodeID, commit func(context.Context, Joiner) error) error {
	member, suffrage := n.member(id)
	if member && suffrage == raft.Voter {
		return nil
	}
	peer, ok := n.roster().of(id)
	if !ok {
		return fmt.Errorf("%w: [cluster] peers has no %s: add it on every node and restart them one by one", ErrNoPeer, id)
	}
	if peer.Name == n.roster().self.Name {
		return fmt.Errorf("%w: %s has this node's name", ErrNoPeer, id)
	}
	commitIndex := n.raft.CommitIndex()
	a, err := n.probe(ctx, peer.Name)
	if err != nil {
		return err
	}
	if a.ID != id {
		return fmt.Errorf("%w: %s is %s now, its data was lost or moved: remove %s and join %s", ErrNoPeer, peer.Name, a.ID, id, peer.Name)
	}
	if a.ClusterID != "" && a.ClusterID != n.record.cluster() {
		return fmt.Errorf("%w: %s belongs to cluster %s and this is %s: move its data directory away to have it join", ErrMembership, id, a.ClusterID, n.record.cluster())
	}
	if !member {
		if err := n.change(ctx, func() raft.IndexFuture {
			return n.raft.AddNonvoter(raft.ServerID(id), raft.ServerAddress(id), 0, n.patience(ctx))
		}); err != nil {
			return fmt.Errorf("add %s: %w", id, err)
		}
		n.log.Info("a node is being added", zap.String("node", string(id)))
	}
	if a.Last+caughtUp < commitIndex || !a.Founded {
		return fmt.Errorf("%s is at entry %d of %d", id, a.Last, commitIndex)
	}
	if err := commit(ctx, Joiner{ID: id, CommandVersion: a.CommandVersion}); err != nil {
		return fmt.Errorf("write down that %s is a voter: %w", id, err)
	}
	if err := n.change(ctx, func() raft.IndexFuture {
		return n.raft.AddVoter(raft.ServerID(id), raft.ServerAddress(id), 0, n.patience(ctx))
	}); err != nil {
		return fmt.Errorf("make %s a voter: %w", id, err)
	}
	n.log.Info("a node is a voter now", zap.String("node", string(id)), zap.Int("voters", len(n.voters())))
	return nil
}

// caughtUp is how many entries a node may be behind when it becomes a voter:
// as many as one message of raft brings.
const caughtUp = 64

// change has raft change its configuration, and waits for the commit.
func (n *Node) change(ctx context.Context, begin func() raft.IndexFuture) error {
	_, err := ask(ctx, &n.calls, func() (struct{}, error) { return struct{}{}, begin().Error() })
	return leaderError(err)
}

// member says whether raft's newest configuration has a node, and as what.
func (n *Node) member(id remedy.NodeID) (bool, raft.ServerSuffrage) {
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.ID == raft.ServerID(id) {
			return true, s.Suffrage
		}
	}
	return false, raft.Nonvoter
}

// Configured is the peer that the config lists for a server id, if it does: of a
// node that is no member any more, too.
func (n *Node) Configured(id remedy.NodeID) (Peer, bool) {
	if n.ring == nil {
		return Peer{}, false
	}
	return n.roster().of(id)
}

// Join makes the peer of that configured name a voter, and returns its server
// id. Only the leader can. The peer must be up, with an empty store or the log
// of this cluster; it gets the log as a non-voter first. commit is called once
// it has caught up and before it votes: it writes into the ledger that the
// node counts as a voter. When ctx ends or commit fails before that, nothing
// votes that did not before, and Join may be repeated; after commit, Keep goes
// on under every leader. counted are the ledger's voters: while one of them is
// the peer by another id, as a removal that was cut short may leave it, that one
// must be removed first.
func (n *Node) Join(ctx context.Context, name string, counted []remedy.NodeID, commit func(context.Context, Joiner) error) (remedy.NodeID, error) {
	if n.ring == nil {
		return "", fmt.Errorf("%w: this node has no [cluster] peers: set them on every node, and restart", ErrMembership)
	}
	if n.raft.State() != raft.Leader {
		return "", ErrNotLeader
	}
	peer, _, ok := n.roster().target(name)
	if !ok {
		return "", fmt.Errorf("%w: [cluster] peers has no %s: add it on every node and restart them one by one", ErrNoPeer, name)
	}
	if peer.Name == n.roster().self.Name {
		return n.id, fmt.Errorf("%w: %s leads, so it is a member already", ErrMembership, peer.Name)
	}
	a, err := n.probe(ctx, peer.Name)
	if err != nil {
		return "", fmt.Errorf("%w: %s does not answer: %w: start warden there first", ErrNoPeer, peer.Name, err)
	}
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if other, ok := n.roster().of(remedy.NodeID(s.ID)); ok && other.Name == peer.Name && remedy.NodeID(s.ID) != a.ID && s.Suffrage == raft.Voter {
			return "", fmt.Errorf("%w: %s is still a voter as %s: remove that first, `warden operator raft remove-peer %s`", ErrMembership, peer.Name, s.ID, s.ID)
		}
	}
	for _, id := range counted {
		if other, ok := n.roster().of(id); ok && other.Name == peer.Name && id != a.ID {
			return "", fmt.Errorf("%w: %s still counts for levels as %s, though it has no vote: remove that first, `warden operator raft remove-peer %s`", ErrMembership, peer.Name, id, id)
		}
	}
	for {
		err := n.step(ctx, a.ID, commit)
		if err == nil {
			return a.ID, nil
		}
		if errors.Is(err, ErrNoPeer) || errors.Is(err, ErrMembership) || errors.Is(err, ErrNotLeader) || errors.Is(err, ErrClosed) {
			return a.ID, err
		}
		select {
		case <-time.After(n.tune.keepEvery):
		case <-ctx.Done():
			return a.ID, fmt.Errorf("%w; repeat it to go on: %w", err, context.Cause(ctx))
		}
	}
}

// Remove takes a server id out of raft's members and then calls commit, which
// takes it out of the ledger's voters. Only the leader can, and it may remove
// itself: it stops leading then, and commit will fail. An id that raft has not
// goes straight to commit, so that a removal that was cut short may be
// repeated; a voter that only the ledger has is added again by Keep, if it is
// still there.
func (n *Node) Remove(ctx context.Context, id remedy.NodeID, commit func(context.Context) error) error {
	n.members.Lock()
	defer n.members.Unlock()
	if n.raft.State() != raft.Leader {
		return ErrNotLeader
	}
	member, suffrage := n.member(id)
	if member && suffrage == raft.Voter && len(n.voters()) == 1 {
		return fmt.Errorf("%w: %s is the only voter", ErrMembership, id)
	}
	if member {
		if err := n.change(ctx, func() raft.IndexFuture {
			return n.raft.RemoveServer(raft.ServerID(id), 0, n.patience(ctx))
		}); err != nil {
			return fmt.Errorf("remove %s: %w", id, err)
		}
		n.log.Info("a node was removed", zap.String("node", string(id)), zap.Int("voters", len(n.voters())))
	}
	if err := commit(ctx); err != nil {
		return fmt.Errorf("write down that %s is no voter any more: %w; repeat the removal", id, err)
	}
	return nil
}
