package cluster

import (
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"warden/internal/remedy"
)

// TestRaftItselfVotesWithoutALog is why a node without a log is kept out of
// elections: raft gives its vote to anybody then, although it may have lost a
// log in which it voted otherwise.
func TestRaftItselfVotesWithoutALog(t *testing.T) {
	t.Parallel()
	address, trans := raft.NewInmemTransport("b-00000002")
	conf := raft.DefaultConfig()
	conf.LocalID, conf.Logger = "b-00000002", newRaftLogger(options(t, t.TempDir(), &listMachine{}).Logger)
	store := raft.NewInmemStore()
	r, err := raft.NewRaft(conf, newFSM(&listMachine{}, nil), store, store, raft.NewInmemSnapshotStore(), trans)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Shutdown().Error() }()
	_, candidate := raft.NewInmemTransport("a-00000001")
	candidate.Connect(address, trans)
	var answer raft.RequestVoteResponse
	if err := candidate.RequestVote("b-00000002", address, voteRequest(), &answer); err != nil || !answer.Granted {
		t.Fatalf("%v, granted %v: raft has learned it; is the guard still needed?", err, answer.Granted)
	}
	var pre raft.RequestPreVoteResponse
	if err := candidate.RequestPreVote("b-00000002", address, preVoteRequest(), &pre); err != nil || !pre.Granted {
		t.Fatalf("%v, granted %v: raft has learned it; is the guard still needed?", err, pre.Granted)
	}
}

func header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte("a-00000001"), Addr: []byte("a-00000001")}
}

func voteRequest() *raft.RequestVoteRequest {
	return &raft.RequestVoteRequest{RPCHeader: header(), Term: 7, LastLogIndex: 100, LastLogTerm: 6}
}

func preVoteRequest() *raft.RequestPreVoteRequest {
	return &raft.RequestPreVoteRequest{RPCHeader: header(), Term: 8, LastLogIndex: 100, LastLogTerm: 6}
}

// caller is a peer's transport without a peer's raft.
func (g *group) caller(name string, id remedy.NodeID, cluster string) *transport {
	g.tb.Helper()
	ros, err := newRoster(g.peers, name)
	if err != nil {
		g.tb.Fatal(err)
	}
	conns := newConnections()
	rec := newRecord(g.tb.TempDir(), identity{Version: 1, Name: name, ID: id, ClusterID: cluster, Founded: true})
	d := &dialer{network: tcp{unanswered: time.Minute}, creds: g.ca.Credentials(name), roster: ros, conns: conns, timeout: patience}
	t := newTransport(&stream{queue: newQueue(idAddr(id)), dialer: d, record: rec}, rec.founded, patience, newRaftLogger(g.options(name).Logger))
	g.tb.Cleanup(func() {
		conns.close()
		_ = t.Close()
	})
	return t
}

func TestNodeWithoutALogDoesNotVote(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	b := g.up("b") // the others are silent, so it waits
	a := g.caller("a", "a-00000001", "c1")
	var answer raft.RequestVoteResponse
	err := a.RequestVote(raft.ServerID(b.ID()), raft.ServerAddress(b.ID()), voteRequest(), &answer)
	if err == nil || !strings.Contains(err.Error(), errNoVote.Error()) || answer.Granted {
		t.Errorf("a vote: %v, granted %v", err, answer.Granted)
	}
	var pre raft.RequestPreVoteResponse
	err = a.RequestPreVote(raft.ServerID(b.ID()), raft.ServerAddress(b.ID()), preVoteRequest(), &pre)
	if err == nil || !strings.Contains(err.Error(), errNoVote.Error()) || pre.Granted {
		t.Errorf("a vote before the vote: %v, granted %v", err, pre.Granted)
	}
	err = a.TimeoutNow(raft.ServerID(b.ID()), raft.ServerAddress(b.ID()), &raft.TimeoutNowRequest{RPCHeader: header()}, &raft.TimeoutNowResponse{})
	if err == nil || !strings.Contains(err.Error(), errNoVote.Error()) {
		t.Errorf("a call to stand: %v", err)
	}
	if b.raft.CurrentTerm() != 0 {
		t.Errorf("its term became %d", b.raft.CurrentTerm())
	}
	// Called by its id by a member, it belongs to that cluster and founds none.
	if got := b.ClusterID(); got != "c1" {
		t.Errorf("it belongs to %q", got)
	}
}

// What was meant for the node that the name had before its disk was lost does
// not reach the new one, nor does what another cluster says.
func TestPrefaceRefuses(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	b := g.up("b")
	g.up("a")
	g.voting(2)
	for _, c := range []struct {
		name, from, to, cluster string
		as                      string
		want, reason            string
	}{
		{"the old id", "a-00000001", "b-00000002", b.ClusterID(), "a", "another node than the one that was meant", refusedNode},
		{"another cluster", "a-00000001", string(b.ID()), "elsewhere", "a", "another cluster", refusedCluster},
		{"another's name", "b-00000009", string(b.ID()), b.ClusterID(), "a", "another node than the one that was meant", refusedNode},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := testutil.ToFloat64(b.ring.door.refused.count.WithLabelValues(c.reason))
			caller := g.caller(c.as, remedy.NodeID(c.from), c.cluster)
			_, err := caller.stream.Dial(raft.ServerAddress(c.to), patience)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v", err)
			}
			eventually(t, c.reason+" is counted", func() bool {
				return testutil.ToFloat64(b.ring.door.refused.count.WithLabelValues(c.reason)) > before
			})
		})
	}
	if _, err := g.caller("a", "a-00000001", b.ClusterID()).stream.Dial("x-00000001", patience); !errors.Is(err, errUnknownPeer) {
		t.Errorf("a member that no config lists: %v", err)
	}
	var conn net.Conn
	eventually(t, "a good preface is let in", func() bool {
		var err error
		conn, err = g.caller("a", "a-00000001", b.ClusterID()).stream.Dial(raft.ServerAddress(b.ID()), patience)
		return err == nil
	})
	_ = conn.Close()
}
