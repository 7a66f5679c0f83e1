package cluster

import (
	"context"
	"fmt"
	"time"

	"github.com/hashicorp/raft"

	"warden/internal/remedy"
)

// maxTrailing is how many entries a healthy member may be behind.
const maxTrailing = 250

// Member is one node of the cluster as this one sees it.
type Member struct {
	ID remedy.NodeID
	// Name and Address are the config's; empty when it doesn't list the node.
	Name, Address string
	// Voter is false while the node is being added.
	Voter  bool
	Leader bool
	// Answered is when the node last answered this one, LastContact how long
	// before that it had heard from the leader, and Commit and Last what it
	// knew to be committed and had in its log. All zero if it never answered.
	Answered     time.Time
	LastContact  time.Duration
	Commit, Last uint64
	// TrailsBy is how many entries its log is behind this node's commit index.
	TrailsBy uint64
	// FreeBytes is what is left on its data directory's disk.
	FreeBytes uint64
	// CommandVersion is the newest entry version it knows; 0 if it didn't say.
	CommandVersion int
	// Healthy says that it answers, follows the leader that this node knows of,
	// and is not far behind in its log and in what it knows to be committed; Why
	// says why not.
	Healthy bool
	Why     string
}

// Members asks all members how they are, and returns them in raft's order. A
// node that does not answer before ctx or a few seconds end is in it too.
func (n *Node) Members(ctx context.Context) []Member {
	if n.ring != nil {
		n.probeAll(ctx)
	}
	return n.lastSeen()
}

// lastSeen are the members as they were last heard of.
func (n *Node) lastSeen() []Member {
	_, leader := n.raft.LeaderWithID()
	commit := n.raft.CommitIndex()
	var members []Member
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		m := Member{ID: remedy.NodeID(s.ID), Voter: s.Suffrage == raft.Voter, Leader: s.ID == leader}
		var a probeAnswer
		var err error
		if m.ID == n.id {
			a, m.Answered = n.probeSelf(), time.Now()
		} else {
			a, m.Answered, err = n.heardOf(m.ID)
		}
		if n.ring != nil {
			if p, ok := n.ring.roster.of(m.ID); ok {
				m.Name, m.Address = p.Name, p.Address
			}
		}
		m.LastContact, m.Commit, m.Last = time.Duration(a.ContactMS)*time.Millisecond, a.Commit, a.Last
		m.FreeBytes, m.CommandVersion, m.TrailsBy = a.FreeBytes, a.CommandVersion, commit-min(a.Last, commit)
		switch {
		case err != nil:
			m.Why = err.Error()
		case leader == "":
			m.Why = "no leader is known"
		case a.Leader != remedy.NodeID(leader):
			m.Why = fmt.Sprintf("it follows %q and not %s", a.Leader, leader)
		case m.TrailsBy > maxTrailing:
			m.Why = fmt.Sprintf("it is %d entries behind", m.TrailsBy)
		case a.Commit == 0 && commit > 0:
			m.Why = "it has not heard yet what is committed"
		case commit-min(a.Commit, commit) > maxTrailing:
			// Its log may reach far, and yet hold nothing that the leader sent it.
			m.Why = fmt.Sprintf("it knows of %d entries less to be committed", commit-min(a.Commit, commit))
		default:
			m.Healthy = true
		}
		members = append(members, m)
	}
	return members
}

// heardOf is what another member last answered, and why it counts for nothing.
func (n *Node) heardOf(id remedy.NodeID) (probeAnswer, time.Time, error) {
	if n.ring == nil {
		return probeAnswer{}, time.Time{}, fmt.Errorf("%w: %s", errUnknownPeer, id)
	}
	p, ok := n.ring.roster.of(id)
	if !ok {
		return probeAnswer{}, time.Time{}, fmt.Errorf("%w: [cluster] peers has no %s: add it on every node, or remove it from the cluster", errUnknownPeer, id)
	}
	s := n.ring.view.of(p.Name)
	switch {
	case s.err != nil:
		return s.answer, s.at, s.err
	case s.at.IsZero():
		return s.answer, s.at, fmt.Errorf("%s was not asked yet", p.Name)
	case s.answer.ID != id:
		return probeAnswer{}, time.Time{}, fmt.Errorf("%s is %s now: its data was lost or moved; remove %s", p.Name, s.answer.ID, id)
	case time.Since(s.at) > 4*n.tune.probeEvery:
		return s.answer, s.at, fmt.Errorf("%s has not answered for %s", p.Name, time.Since(s.at).Round(time.Second))
	}
	return s.answer, s.at, nil
}

// sighted is a member's newest answer, if it counts.
func (n *Node) sighted(id remedy.NodeID) (sighting, bool) {
	a, at, err := n.heardOf(id)
	return sighting{answer: a, at: at}, err == nil
}

// tolerance is how many more voters may fail before the healthy ones are no
// majority; negative when they are none already.
func tolerance(members []Member) int {
	voters, healthy := 0, 0
	for _, m := range members {
		if m.Voter {
			voters++
			if m.Healthy {
				healthy++
			}
		}
	}
	return healthy - (voters/2 + 1)
}
