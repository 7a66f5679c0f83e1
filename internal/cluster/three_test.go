package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"warden/internal/cluster/clustertest"
	"warden/internal/realtest"
	"warden/internal/remedy"
)

// brisk is tuning for several voters in one process: it asks often, and its
// timeouts are longer than the usual ones, since a loaded machine should not
// hold elections all the time.
func brisk() tuning {
	t := production(Options{Peers: []Peer{{}}, Timing: TimingLAN})
	t.heartbeat, t.election, t.lease = 500*time.Millisecond, 500*time.Millisecond, 400*time.Millisecond
	t.bootstrapEvery, t.probeEvery, t.keepEvery, t.spaceEvery = 20*time.Millisecond, 50*time.Millisecond, 20*time.Millisecond, 50*time.Millisecond
	return t
}

// group is a cluster of nodes in this process.
type group struct {
	tb       testing.TB
	ca       *clustertest.Authority
	peers    []Peer
	dirs     map[string]string
	nodes    map[string]*Node
	machines map[string]*listMachine
	tune     tuning
	adjust   func(*Options)
	rolls    *roll
}

// roll is the ledger's voters, kept outside of the log.
type roll struct {
	mu      sync.Mutex
	voters  []remedy.NodeID
	invited []remedy.NodeID
}

func (r *roll) Voters() (voters, invited []remedy.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.voters), slices.Clone(r.invited)
}

func (r *roll) Add(_ context.Context, m Joiner) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Contains(r.voters, m.ID) {
		r.voters = append(r.voters, m.ID)
	}
	r.invited = slices.DeleteFunc(r.invited, func(id remedy.NodeID) bool { return id == m.ID })
	return nil
}

func (r *roll) remove(id remedy.NodeID) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.voters = slices.DeleteFunc(r.voters, func(v remedy.NodeID) bool { return v == id })
}

func newGroup(t *testing.T, names ...string) *group {
	t.Helper()
	g := &group{
		tb: t, ca: clustertest.NewAuthority(t), dirs: map[string]string{}, nodes: map[string]*Node{}, machines: map[string]*listMachine{},
		tune: brisk(), rolls: &roll{},
	}
	for _, name := range names {
		g.peers = append(g.peers, Peer{Name: name, Address: realtest.Address(t)})
		g.dirs[name] = filepath.Join(t.TempDir(), name)
	}
	return g
}

// newVoters makes a, b and c, and waits until they are voters of one cluster.
func newVoters(t *testing.T) *group {
	t.Helper()
	g := newGroup(t, "a", "b", "c")
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	return g
}

// options are those of one node.
func (g *group) options(name string) Options {
	g.machines[name] = &listMachine{}
	o := Options{
		Dir: g.dirs[name], NodeName: name, Machine: g.machines[name], Peers: g.peers, Credentials: g.ca.Credentials(name), CommandVersion: 3,
		Logger: zaptest.NewLogger(g.tb, zaptest.Level(zap.WarnLevel)).Named(name),
		Exit:   func(code int) { g.tb.Errorf("%s stopped the process with status %d", name, code) },
	}
	if g.adjust != nil {
		g.adjust(&o)
	}
	return o
}

// up starts a node, and what the shell does with it: it leads when it may, and
// keeps the voters in step.
func (g *group) up(name string) *Node {
	g.tb.Helper()
	o := g.options(name)
	n, err := open(g.tb.Context(), o, g.tune)
	if err != nil {
		g.tb.Fatalf("%s: %v", name, err)
	}
	g.nodes[name] = n
	led := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.WithoutCancel(g.tb.Context()))
	go func() {
		led <- n.Lead(ctx, func(ctx context.Context, _ uint64) error {
			g.rolls.mu.Lock()
			if len(g.rolls.voters) == 0 {
				g.rolls.voters, g.rolls.invited = []remedy.NodeID{n.ID()}, n.Invited()
			}
			g.rolls.mu.Unlock()
			return n.Keep(ctx, g.rolls)
		})
	}()
	g.tb.Cleanup(func() {
		stop(g.tb, n)
		cancel()
		if err := <-led; err != nil {
			g.tb.Errorf("%s: Lead = %v", name, err)
		}
	})
	return n
}

func (g *group) down(name string) {
	g.tb.Helper()
	stop(g.tb, g.nodes[name])
	delete(g.nodes, name)
}

// leader waits until a node leads and has confirmed it.
func (g *group) leader() *Node {
	g.tb.Helper()
	var found *Node
	eventually(g.tb, "somebody leads", func() bool {
		for _, n := range g.nodes {
			if n.Verify(g.tb.Context()) == nil {
				found = n
				return true
			}
		}
		return false
	})
	return found
}

// voting waits until every node that is up counts the voters.
func (g *group) voting(count int) {
	g.tb.Helper()
	eventually(g.tb, fmt.Sprintf("all count %d voters", count), func() bool {
		for _, n := range g.nodes {
			if len(n.voters()) != count {
				return false
			}
		}
		return true
	})
}

// propose commits an item wherever the leader is.
func (g *group) propose(item string) {
	g.tb.Helper()
	eventually(g.tb, "an entry is committed", func() bool {
		_, err := g.leader().Propose(g.tb.Context(), []byte(item))
		return err == nil
	})
}

// agree waits until every node that is up has applied these items.
func (g *group) agree(items ...string) {
	g.tb.Helper()
	eventually(g.tb, fmt.Sprintf("all have the %d items", len(items)), func() bool {
		hashes := map[string]bool{}
		for name := range g.nodes {
			if !slices.Equal(g.machines[name].items(), items) {
				return false
			}
			hashes[g.machines[name].hash()] = true
		}
		return len(hashes) == 1
	})
}

func (g *group) nameOf(n *Node) string { return n.roster().self.Name }

func TestThreeNodesFoundElectAndSurviveTheLeader(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("", func(t *testing.T) {
		g := newGroup(t, "a", "b", "c")
		for _, name := range []string{"c", "b", "a"} {
			g.up(name)
		}
		if first := g.leader(); g.nameOf(first) != "a" {
			t.Fatalf("%s founded the cluster; the lowest name is a", first.ID())
		}
		g.voting(3)
		if voters, invited := g.rolls.Voters(); len(voters) != 3 || len(invited) != 0 {
			t.Fatalf("the ledger's voters are %v, invited %v", voters, invited)
		}
		g.propose("one")
		g.agree("one")
		g.down("a")
		second := g.leader()
		g.propose("two")
		g.agree("one", "two")
		g.up("a")
		g.agree("one", "two")
		g.down(g.nameOf(second))
		g.propose("three")
		g.agree("one", "two", "three")
	})
}
