package cluster

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// TestReadyMeansReplayed opens a node that holds entries and can't lead for a
// while: until it has applied them it must say that it is replaying, whatever
// it could show.
func TestReadyMeansReplayed(t *testing.T) {
	defer goleak.VerifyNone(t)
	dir := filepath.Join(t.TempDir(), "data")
	first := start(t, options(t, dir, &listMachine{}), quick())
	if err := first.Ready(); err != nil {
		t.Fatalf("a node without entries: %v", err)
	}
	propose(t, first, "one", "two", "three")
	stop(t, first)

	slow := quick()
	slow.heartbeat, slow.election = 500*time.Millisecond, 500*time.Millisecond
	m := &listMachine{}
	n, err := open(t.Context(), options(t, dir, m), slow)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, n)
	if err := n.Ready(); !errors.Is(err, ErrReplaying) || len(m.items()) != 0 {
		t.Fatalf("right after opening: %v, %d entries applied", err, len(m.items()))
	}
	eventually(t, "the node is ready", func() bool { return n.Ready() == nil })
	if got := len(m.items()); got != 3 {
		t.Fatalf("ready with %d of 3 entries applied", got)
	}
}

// TestReadyInABusyCluster: a node that joined is ready once it has applied what the
// cluster had then, though there is always one entry more that it hasn't.
func TestReadyInABusyCluster(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	g.propose("one")
	old := g.nodes["c"].ID()
	g.down("c")
	if err := errors.Join(os.RemoveAll(g.dirs["c"]), g.remove(old)); err != nil {
		t.Fatal(err)
	}
	first, second := make(chan struct{}), make(chan struct{})
	defer close(second)
	g.adjust = func(o *Options) {
		if m, ok := o.Machine.(*listMachine); ok {
			m.blockOn(first)
		}
	}
	behind := g.up("c")
	if _, err := g.join("c"); err != nil {
		t.Fatal(err)
	}
	heard := func() bool { return behind.raft.CommitIndex() >= g.leader().raft.CommitIndex() }
	eventually(t, "it has heard of the first, and that it votes", func() bool { return heard() && behind.joinedAt() != 0 })
	if err := behind.Ready(); !errors.Is(err, ErrReplaying) {
		t.Errorf("ready without an entry that the cluster has: %v", err)
	}
	g.propose("two")
	eventually(t, "it has heard of the second", heard)
	g.machines["c"].blockOn(second)
	close(first)
	eventually(t, "it is ready without the second", func() bool { return behind.Ready() == nil })
	if got := g.machines["c"].items(); len(got) != 1 {
		t.Errorf("ready with %q", got)
	}
}
