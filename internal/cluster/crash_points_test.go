//go:build failpoints

package cluster

import (
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/hashicorp/raft"
)

// TestKillAtEveryPoint kills a node at each instruction where something is
// about to be, or has just been, made durable, during its first life and
// during a later one.
func TestKillAtEveryPoint(t *testing.T) {
	for _, point := range []string{
		"cluster.found.before", "cluster.found.written", "cluster.found.after",
		"cluster.store.before:1", "cluster.store.after:1", "cluster.store.before:2", "cluster.store.after:2",
		"cluster.store.before:50", "cluster.store.after:50",
		"cluster.snapshot.before", "cluster.snapshot.after", "cluster.snapshot.before:2", "cluster.snapshot.after:2",
		"cluster.compact.before", "cluster.compact.after",
	} {
		t.Run(point, func(t *testing.T) {
			dir := t.TempDir()
			_, acked := crash(t, dir, -1, "WARDEN_FAILPOINT="+point)
			checkCrashed(t, dir, acked)
			began, more := crash(t, dir, 70)
			if len(acked) > 0 && began <= acked[len(acked)-1] {
				t.Fatalf("%d was acknowledged, and the next run found %d items", acked[len(acked)-1], began)
			}
			checkCrashed(t, dir, append(acked, more...))
		})
	}
}

// TestKillJoinerAtEveryPoint kills a node at each step between an empty store
// and a vote, with a log or a snapshot coming in, and wants it to go on from
// there: with the id it was called by, and everything that was acknowledged.
func TestKillJoinerAtEveryPoint(t *testing.T) {
	for _, c := range []struct {
		point    string
		snapshot bool
	}{
		{"cluster.join.before", false}, {"cluster.join.met", false}, {"cluster.store.before", false}, {"cluster.store.after", false},
		{"cluster.join.stored", false}, {"cluster.store.before:2", false}, {"cluster.store.after:2", false},
		{"cluster.snapshot.before", true}, {"cluster.snapshot.after", true}, {"cluster.join.stored", true},
	} {
		name := c.point
		if c.snapshot {
			name += " of a snapshot"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, "a", "b")
			o := g.options("a")
			o.Peers, o.Credentials, o.TrailingLogs, o.SnapshotThreshold = nil, nil, 2, 1000
			alone := start(t, o, quick())
			items := []string{"one", "two"}
			if c.snapshot {
				items = nil
				for i := range 12 {
					items = append(items, strings.Repeat(fmt.Sprint(i%10), segmentSize/9))
				}
			}
			propose(t, alone, items...)
			if c.snapshot {
				if err := alone.Snapshot(); err != nil {
					t.Fatal(err)
				}
			}
			stop(t, alone)
			g.up("a")
			done := make(chan struct{})
			go func() {
				defer close(done)
				g.joined("b")
			}()
			_, died := g.child(t, "b", "WARDEN_FAILPOINT="+c.point)
			<-died
			before, err := loadIdentity(g.dirs["b"], "b")
			if err != nil {
				t.Fatal(err)
			}
			g.child(t, "b")
			<-done
			g.voting(2)
			if member, suffrage := g.nodes["a"].member(before.ID); !member || suffrage != raft.Voter {
				t.Errorf("%s is not the voter that was killed", before.ID)
			}
			g.propose("after")
		})
	}
}

// TestKillFounderAtEveryPoint kills the founder of two: its next life goes on
// founding, and adds whom it had seen.
func TestKillFounderAtEveryPoint(t *testing.T) {
	for _, point := range []string{
		"cluster.found.before", "cluster.found.written", "cluster.found.after", "cluster.store.before", "cluster.store.after",
	} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			g := newGroup(t, "a", "b")
			b := g.up("b")
			_, died := g.child(t, "a", "WARDEN_FAILPOINT="+point)
			<-died
			if b.record.founded() {
				t.Fatal("b has a log before a founded")
			}
			a, err := loadIdentity(g.dirs["a"], "a")
			if err != nil {
				t.Fatal(err)
			}
			if a.ClusterID == "" || len(a.Invited) != 1 || a.Invited[0] != b.ID() {
				t.Fatalf("killed at %s with %+v", point, a)
			}
			g.child(t, "a")
			eventually(t, "b is a voter", func() bool { return len(b.voters()) == 2 && b.ClusterID() == a.ClusterID })
		})
	}
}

// TestKillAtEveryPointOfAnInstall kills a node with a log at each step of its
// going over to a snapshot that it is sent, with a log that ends before it and
// with one that goes on behind it. Its next lives, one that ends itself to be
// started again included, catch up.
func TestKillAtEveryPointOfAnInstall(t *testing.T) {
	for _, point := range []string{
		"cluster.snapshot.before", "cluster.snapshot.after", "cluster.install.before", "cluster.install.restored",
		"cluster.compact.before", "cluster.compact.after",
	} {
		for name, tail := range map[string]uint64{point: 0, point + " with a tail": 60} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				g := newGroup(t, "a", "b", "c")
				g.adjust = func(o *Options) { o.TrailingLogs = 1 }
				for _, name := range []string{"a", "b", "c"} {
					g.up(name)
				}
				g.voting(3)
				g.propose("one")
				g.agree("one")
				c, term := g.nodes["c"].ID(), g.nodes["c"].raft.CurrentTerm()
				g.down("c")
				g.leader()
				onDisk(t, g.dirs["c"], func(s *stores) { lostTail(t, s, term, tail) })
				for i := range 12 {
					g.propose(strings.Repeat(fmt.Sprint(i%10), segmentSize/9))
				}
				for _, n := range g.nodes {
					if err := n.Snapshot(); err != nil {
						t.Fatal(err)
					}
				}
				g.propose("last")
				_, died := g.child(t, "c", "WARDEN_FAILPOINT="+point)
				<-died
				var ended atomic.Int64
				adjust := g.adjust
				g.adjust = func(o *Options) {
					adjust(o)
					o.Exit = func(code int) { ended.Store(int64(code)) }
				}
				caught := func() bool {
					commit := g.leader().raft.CommitIndex()
					for _, m := range g.leader().Members(t.Context()) {
						if m.ID == c {
							return m.Healthy && m.Commit >= commit
						}
					}
					return false
				}
				g.up("c")
				eventually(t, "it has caught up or wants to be started again", func() bool { return ended.Load() != 0 || caught() })
				if code := ended.Swap(0); code != 0 {
					if code != exitAgain {
						t.Fatalf("it ends with status %d", code)
					}
					g.down("c")
					g.up("c")
				}
				eventually(t, "it has caught up", caught)
				if code := ended.Load(); code != 0 {
					t.Errorf("it ends with status %d", code)
				}
			})
		}
	}
}
