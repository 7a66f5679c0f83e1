package cluster

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"warden/internal/remedy"
)

// TestShutdownHandsOver shuts leaders down one after another: each names its
// successor before it is gone, and no election by timeout is needed.
func TestShutdownHandsOver(t *testing.T) {
	t.Parallel()
	core, logs := observer.New(zapcore.InfoLevel)
	g := newGroup(t, "a", "b", "c")
	g.adjust = func(o *Options) { o.Logger = zap.New(core) }
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	for i := range 3 {
		g.propose(fmt.Sprint(i))
		name := g.nameOf(g.leader())
		g.down(name)
		g.up(name)
		g.voting(3)
	}
	g.agree("0", "1", "2")
	// On a slow machine one may lose its office before it can give it away.
	if logs.FilterMessage("leadership was handed over").Len() == 0 {
		t.Error("three leaders were shut down and none handed over")
	}
}

// A transfer that fails must not hold up the end of the process.
func TestShutdownGoesOnWithoutASuccessor(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	leader := g.leader()
	for name, n := range g.nodes {
		if n != leader {
			n.ring.cut() // it hears and says nothing any more
			defer delete(g.nodes, name)
		}
	}
	stop(t, leader)
}

func TestStepAside(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	leader := g.leader()
	var to *Node
	for _, n := range g.nodes {
		if n != leader {
			to = n
		}
	}
	if err := to.StepAside("", "x"); !errors.Is(err, ErrNotLeader) && g.leader() == leader {
		t.Errorf("a follower: %v", err)
	}
	for _, id := range []remedy.NodeID{leader.ID(), "x-00000001"} {
		if err := leader.StepAside(id, "x"); !errors.Is(err, ErrNoPeer) {
			t.Errorf("in favour of %s: %v", id, err)
		}
	}
	// Whoever leads by now: on a slow machine that may change at any time.
	eventually(t, "a leader steps aside", func() bool {
		leader = g.leader()
		for _, n := range g.nodes {
			if n != leader {
				to = n
			}
		}
		return leader.StepAside(to.ID(), "ann said so") == nil
	})
	if err := leader.Watch(t.Context()); !errors.Is(err, ErrStepAside) || !strings.Contains(err.Error(), "ann said so") {
		t.Fatalf("watch: %v", err)
	}
	g.down(g.nameOf(leader))
	// On a machine that is slow enough an election may come in between.
	eventually(t, "another leads", func() bool { return g.leader() != leader })

	alone := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	if err := alone.StepAside("", "x"); !errors.Is(err, ErrMembership) {
		t.Errorf("a node alone: %v", err)
	}
}

// spaces is what is free on each node's disk.
type spaces struct {
	mu   sync.Mutex
	free map[string]uint64
}

func (s *spaces) of(dir string) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if free, ok := s.free[dir]; ok {
		return free, nil
	}
	return 1 << 40, nil
}

func (s *spaces) set(dir string, free uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.free[dir] = free
}

// A leader whose disk fills up leaves while it still can, to a node that has
// more; among nodes that have none it stays.
func TestFullDiskStepsAside(t *testing.T) {
	t.Parallel()
	disks := &spaces{free: map[string]uint64{}}
	g := newGroup(t, "a", "b", "c")
	g.tune.free = disks.of
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	leader := g.leader()
	name := g.nameOf(leader)
	var other string
	for n := range g.nodes {
		if n != name {
			other = n
			disks.set(g.dirs[n], lowSpace-1)
		}
	}
	eventually(t, "the leader knows that the others are low", func() bool {
		for n := range g.nodes {
			if n != name && leader.ring.view.of(n).answer.FreeBytes != lowSpace-1 {
				return false
			}
		}
		return true
	})
	// All are low: nobody would be better.
	disks.set(g.dirs[name], lowSpace-1)
	watched := make(chan error, 1)
	go func() { watched <- leader.Watch(t.Context()) }()
	if to := leader.roomier(); to != "" {
		t.Fatalf("%s is thought to have more", to)
	}
	disks.set(g.dirs[other], 2*lowSpace)
	var err error
	eventually(t, "the leader steps aside", func() bool {
		select {
		case err = <-watched:
			return true
		default:
			// On a slow machine the other may lead for a reason of its own.
			return g.leader() == g.nodes[other]
		}
	})
	if g.nodes[other].Verify(t.Context()) == nil {
		return
	}
	if !errors.Is(err, ErrStepAside) || !strings.Contains(err.Error(), "free some space") {
		t.Fatalf("watch: %v", err)
	}
	if to := leader.leaving.Load().to; to != g.nodes[other].ID() {
		t.Errorf("it leaves to %s, and %s has space", to, g.nodes[other].ID())
	}
	g.down(name)
	g.leader()
}

// TestStalledLeaderIsReplaced hangs the leader's disk: it goes on sending
// heartbeats (raft#503), so that only its own exit lets another lead.
func TestStalledLeaderIsReplaced(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.tune.writeDeadline, g.tune.leaderWriteDeadline = 100*patience, time.Second
	disks := map[string]*faultyLog{}
	exits := atomic.Int64{}
	var stalled atomic.Pointer[Node]
	g.adjust = func(o *Options) {
		name := o.NodeName
		disk := &faultyLog{}
		disks[name] = disk
		g.tune.wrapLog = func(s raft.LogStore) raft.LogStore {
			disk.LogStore = s
			return disk
		}
		// The process's end is the end of its connections.
		o.Exit = func(int) {
			exits.Add(1)
			if n := stalled.Load(); n != nil && g.nameOf(n) == name {
				n.ring.cut()
			}
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	leader := g.leader()
	stalled.Store(leader)
	name := g.nameOf(leader)
	hang := make(chan struct{})
	disks[name].hang.Store(&hang)
	go func() { _, _ = leader.Propose(t.Context(), []byte("never acknowledged")) }()
	delete(g.nodes, name)
	eventually(t, "another leads", func() bool { return g.leader() != leader })
	if exits.Load() != 1 {
		t.Errorf("%d exits", exits.Load())
	}
	g.propose("after")
	close(hang)
}

// Only a leader that others can replace is in the way.
func TestInTheWay(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	leader := g.leader()
	eventually(t, "a leader that two others could replace is in the way", func() bool { return leader.inTheWay() })
	var others []string
	for name, n := range g.nodes {
		if n == leader {
			continue
		}
		others = append(others, name)
		if n.inTheWay() {
			t.Errorf("%s follows, and is in the way", name)
		}
	}
	g.down(others[0])
	eventually(t, "one that only one other could replace is not", func() bool { return !leader.inTheWay() })
	if leader.Verify(t.Context()) != nil {
		t.Error("it no longer leads")
	}
}
