package cluster

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"warden/internal/remedy"
)

func TestTolerance(t *testing.T) {
	t.Parallel()
	tell := func(r *reach, data any) { r.hear(&raft.Observation{Data: data}) }
	failed := func(id raft.ServerID) any { return raft.FailedHeartbeatObservation{PeerID: id} }
	for _, tc := range []struct {
		name   string
		voters []remedy.NodeID
		said   []any
		want   int
	}{
		{"alone", []remedy.NodeID{"a"}, nil, 0},
		{"two", []remedy.NodeID{"a", "b"}, nil, 0},
		{"three", []remedy.NodeID{"a", "b", "c"}, nil, 1},
		{"five", []remedy.NodeID{"a", "b", "c", "d", "e"}, nil, 2},
		{"one of three is gone", []remedy.NodeID{"a", "b", "c"}, []any{failed("c"), failed("c")}, 0},
		{"two of three are gone", []remedy.NodeID{"a", "b", "c"}, []any{failed("c"), failed("b")}, -1},
		{"it is back", []remedy.NodeID{"a", "b", "c"}, []any{failed("c"), raft.ResumedHeartbeatObservation{PeerID: "c"}}, 1},
		{"one that has no vote is gone", []remedy.NodeID{"a", "b", "c"}, []any{failed("x")}, 1},
		{"one went, and came back", []remedy.NodeID{"a", "b", "c"}, []any{failed("c"), raft.PeerObservation{Removed: true, Peer: raft.Server{ID: "c"}}}, 1},
		{"of another tenure", []remedy.NodeID{"a", "b", "c"}, []any{failed("c"), raft.Follower, raft.Leader}, 1},
	} {
		r := &reach{failing: map[raft.ServerID]bool{}}
		for _, said := range tc.said {
			tell(r, said)
		}
		if got := r.tolerance(tc.voters); got != tc.want {
			t.Errorf("%s: %d, want %d", tc.name, got, tc.want)
		}
	}
}

// TestRaftSaysWhoIsGone holds what reach counts on: the raft in use says that a
// heartbeat failed, and that heartbeats are answered again.
func TestRaftSaysWhoIsGone(t *testing.T) {
	t.Parallel()
	var servers []raft.Server
	var voters []remedy.NodeID
	trans := make([]*raft.InmemTransport, 3)
	for i := range trans {
		id := fmt.Sprint("n", i)
		_, trans[i] = raft.NewInmemTransportWithTimeout(raft.ServerAddress(id), 200*time.Millisecond)
		servers = append(servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
		voters = append(voters, remedy.NodeID(id))
	}
	connect := func(i, j int) {
		trans[i].Connect(servers[j].Address, trans[j])
		trans[j].Connect(servers[i].Address, trans[i])
	}
	reaches := make([]*reach, 3)
	nodes := make([]*raft.Raft, 3)
	for i := range nodes {
		connect(i, (i+1)%3)
		conf := raft.DefaultConfig()
		conf.LocalID, conf.Logger = servers[i].ID, hclog.New(&hclog.LoggerOptions{Output: io.Discard})
		conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = 300*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
		store := raft.NewInmemStore()
		snaps := raft.NewInmemSnapshotStore()
		if err := raft.BootstrapCluster(conf, store, store, snaps, trans[i], raft.Configuration{Servers: servers}); err != nil {
			t.Fatal(err)
		}
		var err error
		if nodes[i], err = raft.NewRaft(conf, &raft.MockFSM{}, store, store, snaps, trans[i]); err != nil {
			t.Fatal(err)
		}
		reaches[i] = &reach{failing: map[raft.ServerID]bool{}}
		nodes[i].RegisterObserver(raft.NewObserver(nil, false, reaches[i].hear))
		t.Cleanup(func() { _ = nodes[i].Shutdown().Error() })
	}
	await := func(what string, ok func() bool) {
		t.Helper()
		for end := time.Now().Add(time.Minute); !ok(); <-time.After(5 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("never: %s", what)
			}
		}
	}
	leader := func() int {
		for i, n := range nodes {
			if n.State() == raft.Leader {
				return i
			}
		}
		return -1
	}
	says := func(want int) func() bool {
		return func() bool { l := leader(); return l >= 0 && reaches[l].tolerance(voters) == want }
	}
	await("a leader that can lose one", says(1))
	gone := (leader() + 1) % 3
	trans[gone].DisconnectAll()
	for i := range trans {
		if i != gone {
			trans[i].Disconnect(servers[gone].Address)
		}
	}
	await("a leader that can lose none", says(0))
	connect(gone, (gone+1)%3)
	connect(gone, (gone+2)%3)
	await("a leader that can lose one again", says(1))
}
