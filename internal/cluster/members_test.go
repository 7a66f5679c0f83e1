package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"warden/internal/remedy"
)

// join has the leader join a node, and the next leader when that one lost its
// office on the way.
func (g *group) join(name string) (id remedy.NodeID, err error) {
	g.tb.Helper()
	eventually(g.tb, name+" was joined or refused", func() bool {
		voters, _ := g.rolls.Voters()
		id, err = g.leader().Join(g.tb.Context(), name, voters, func(ctx context.Context, j Joiner) error {
			if j.CommandVersion != 3 {
				g.tb.Errorf("%s said that it knows version %d", j.ID, j.CommandVersion)
			}
			return g.rolls.Add(ctx, j)
		})
		return !errors.Is(err, ErrNotLeader)
	})
	return id, err
}

// remove is the same for removing one.
func (g *group) remove(id remedy.NodeID) (err error) {
	g.tb.Helper()
	eventually(g.tb, string(id)+" was removed or refused", func() bool {
		err = g.leader().Remove(g.tb.Context(), id, func(context.Context) error {
			g.rolls.remove(id)
			return nil
		})
		return !errors.Is(err, ErrNotLeader)
	})
	return err
}

func TestLostDiskWaitsAndIsReplacedByHand(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	g.propose("one")
	g.agree("one")
	lost := "c"
	old := g.nodes[lost].ID()
	g.down(lost)
	if err := os.RemoveAll(g.dirs[lost]); err != nil {
		t.Fatal(err)
	}
	fresh := g.up(lost)
	if fresh.ID() == old {
		t.Fatal("the id did not change")
	}
	if err := fresh.Ready(); !errors.Is(err, ErrNoCluster) {
		t.Errorf("a node without a log is ready: %v", err)
	}
	g.propose("two") // two of three still commit
	if _, err := g.join(lost); !errors.Is(err, ErrMembership) || !strings.Contains(err.Error(), "remove-peer "+string(old)) {
		t.Fatalf("join while the old one votes: %v", err)
	}
	if fresh.record.founded() {
		t.Fatal("somebody gave a log to the node that nobody joined")
	}
	// A removal that is cut short leaves the old one in the ledger.
	cut := errors.New("the leader died here")
	eventually(t, "raft has removed it", func() bool {
		return errors.Is(g.leader().Remove(t.Context(), old, func(context.Context) error { return cut }), cut)
	})
	if member, _ := g.leader().member(old); member {
		t.Errorf("raft still has %s", old)
	}
	if _, err := g.join(lost); !errors.Is(err, ErrMembership) || !strings.Contains(err.Error(), "remove-peer "+string(old)) {
		t.Fatalf("join while the old one counts in the ledger: %v", err)
	}
	if p, ok := g.leader().Configured(old); !ok || p.Name != lost {
		t.Errorf("%s is the peer %+v, %t", old, p, ok)
	}
	if err := g.remove(old); err != nil {
		t.Fatal(err)
	}
	id, err := g.join(lost)
	if err != nil || id != fresh.ID() {
		t.Fatalf("joined %s, %v; want %s", id, err, fresh.ID())
	}
	g.voting(3)
	g.agree("one", "two")
	if err := fresh.Ready(); err != nil {
		t.Errorf("the joined node: %v", err)
	}
	if _, err := g.join(lost); err != nil {
		t.Errorf("joining again: %v", err)
	}
}

func TestOneBecomesThree(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	o := g.options("a")
	o.Peers, o.Credentials = nil, nil
	alone := start(t, o, quick())
	id := alone.ID()
	propose(t, alone, "before", "peers")
	// As one from before the cluster's id was kept in node.json.
	if err := alone.record.change(func(id *identity) error { id.ClusterID = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	stop(t, alone)

	g.up("b")
	g.up("c")
	a := g.up("a")
	if a.ID() != id {
		t.Fatalf("%s became %s", id, a.ID())
	}
	g.leader()
	if err := a.SetClusterID("c1"); err != nil {
		t.Fatal(err)
	}
	if err := a.SetClusterID("c2"); !errors.Is(err, errOtherCluster) {
		t.Fatalf("another cluster's id: %v", err)
	}
	for _, name := range []string{"b", "c"} {
		if _, err := g.join(name); err != nil {
			t.Fatal(err)
		}
	}
	g.voting(3)
	g.propose("after")
	g.agree("before", "peers", "after")
	if got := g.nodes["c"].ClusterID(); got != "c1" {
		t.Errorf("the joined node belongs to %q", got)
	}
	// Without its peers in the config it must not go on as if it were alone.
	g.down("b")
	o = g.options("b")
	o.Peers, o.Credentials = nil, nil
	if _, err := open(t.Context(), o, quick()); err == nil || !strings.Contains(err.Error(), "no [cluster] peers") {
		t.Errorf("a member of three without peers: %v", err)
	}
}

func TestMembershipRefusals(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.up("b")
	a := g.up("a")
	eventually(t, "a waits for c", func() bool { return a.ring.view.of("b").err == nil && !a.ring.view.of("b").at.IsZero() })
	if _, err := a.Join(t.Context(), "b", nil, nil); !errors.Is(err, ErrNotLeader) {
		t.Errorf("join before there is a cluster: %v", err)
	}
	if err := a.Remove(t.Context(), "b-00000001", nil); !errors.Is(err, ErrNotLeader) {
		t.Errorf("remove before there is a cluster: %v", err)
	}
	c := g.up("c")
	g.voting(3)
	g.down("c")
	for name, want := range map[string]error{"d": ErrNoPeer, "a": ErrMembership, "c": ErrNoPeer} {
		if _, err := g.leader().Join(t.Context(), name, nil, g.rolls.Add); g.leader() == a && !errors.Is(err, want) {
			t.Errorf("join %s: %v, want %v", name, err, want)
		}
	}
	failed := errors.New("not written down")
	eventually(t, "a ledger that fails is told", func() bool {
		return errors.Is(g.leader().Remove(t.Context(), c.ID(), func(context.Context) error { return failed }), failed)
	})
	if err := g.remove(c.ID()); err != nil {
		t.Fatal(err)
	}
	g.voting(2)

	alone := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	if err := alone.Remove(t.Context(), alone.ID(), nil); !errors.Is(err, ErrMembership) {
		t.Errorf("remove the only voter: %v", err)
	}
	if _, err := alone.Join(t.Context(), "b", nil, nil); !errors.Is(err, ErrMembership) {
		t.Errorf("join without peers: %v", err)
	}
}

// A leader that removes itself stops leading and stays up.
func TestLeaderRemovesItself(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	var gone *Node
	eventually(t, "a leader removes itself", func() bool {
		gone = g.leader()
		return gone.Remove(t.Context(), gone.ID(), func(context.Context) error {
			g.rolls.remove(gone.ID())
			return nil
		}) == nil
	})
	eventually(t, "another leads", func() bool { return g.leader() != gone })
	g.propose("without it")
	for _, m := range g.leader().Members(t.Context()) {
		if m.ID == gone.ID() {
			t.Errorf("%s is still a member", m.ID)
		}
	}
}

func TestMembersAndTolerance(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	g.propose("x")
	g.agree("x")
	for name, n := range g.nodes {
		var members []Member
		eventually(t, name+" sees three healthy members", func() bool {
			members = n.Members(t.Context())
			return len(members) == 3 && !slices.ContainsFunc(members, func(m Member) bool { return !m.Healthy })
		})
		for _, m := range members {
			if !m.Voter || m.Name == "" || m.Address == "" || m.Last < 3 || m.FreeBytes == 0 || m.CommandVersion != 3 || m.Answered.IsZero() {
				t.Errorf("%s sees %+v", name, m)
			}
		}
		eventually(t, "the status says so", func() bool {
			s, err := n.Status()
			return err == nil && s.Quorum && s.FailureTolerance == 1 && !s.LastContact.IsZero()
		})
	}
	leader := g.leader()
	var followers []string
	for name, n := range g.nodes {
		if n != leader {
			followers = append(followers, name)
		}
	}
	last := g.nodes[followers[0]]
	g.down(followers[1])
	eventually(t, "none more may fail", func() bool { s, err := last.Status(); return err == nil && s.FailureTolerance == 0 })
	g.down(g.nameOf(leader))
	// The leader may have handed over to it at the last moment: such an office
	// may still begin, and ends within its lease.
	var members []Member
	eventually(t, "there is no quorum, and nobody is healthy", func() bool {
		s, err := last.Status()
		members = last.Members(t.Context())
		return err == nil && !s.Leader && !s.Quorum && s.FailureTolerance < 0 && s.LeaderID == "" &&
			!slices.ContainsFunc(members, func(m Member) bool { return m.Healthy }) &&
			errors.Is(last.Verify(t.Context()), ErrNotLeader)
	})
	for _, m := range members {
		if m.Why == "" {
			t.Errorf("without a leader: %+v", m)
		}
	}
}

func TestSnapshotReachesAJoiner(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.adjust = func(o *Options) { o.SnapshotThreshold, o.TrailingLogs = 10, 2 }
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	lost := "c"
	if g.nodes[lost] == g.leader() {
		lost = "b"
	}
	old := g.nodes[lost].ID()
	g.down(lost)
	if err := os.RemoveAll(g.dirs[lost]); err != nil {
		t.Fatal(err)
	}
	var items []string
	// The WAL gives out what was cut off as long as its segment is there, so
	// that segments must go.
	for i := range 12 {
		items = append(items, strings.Repeat(fmt.Sprint(i%10), segmentSize/9))
		g.propose(items[i])
	}
	for _, n := range g.nodes {
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	if err := g.remove(old); err != nil {
		t.Fatal(err)
	}
	g.up(lost)
	if _, err := g.join(lost); err != nil {
		t.Fatal(err)
	}
	g.agree(items...)
	if got := g.machines[lost].restores(); got == 0 {
		t.Error("the joiner was given the log and not a snapshot: the test shows nothing")
	}
	hash := g.machines[lost].hash()
	// What came by a snapshot is there after a restart too.
	g.down(lost)
	g.up(lost)
	g.agree(items...)
	if g.machines[lost].hash() != hash {
		t.Error("the state changed over a restart")
	}
}
