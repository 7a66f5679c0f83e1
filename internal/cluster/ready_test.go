package cluster

import (
	"errors"
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
