package cluster

import (
	"context"
	"path/filepath"
	"testing"
	"time"
)

// TestAnswers: raft answers whether the node leads or not, and a node that has
// shut down doesn't.
func TestAnswers(t *testing.T) {
	t.Parallel()
	slow := quick()
	slow.heartbeat, slow.election = time.Hour, time.Hour // it never leads
	follower, err := open(t.Context(), options(t, filepath.Join(t.TempDir(), "data"), &listMachine{}), slow)
	if err != nil {
		t.Fatal(err)
	}
	leader := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	for name, n := range map[string]*Node{"leader": leader, "follower": follower} {
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := n.Answers(ctx); err != nil {
			t.Errorf("the %s: %v", name, err)
		}
		cancel()
	}
	stop(t, follower)
	if err := follower.Answers(t.Context()); err == nil {
		t.Error("a node that was shut down answers")
	}
}
