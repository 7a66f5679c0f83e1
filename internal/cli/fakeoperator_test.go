package cli

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// fakePeers are three nodes, of which the third is silent until it is mended.
func fakePeers() []web.RaftPeer {
	peer := func(n int, state string, last uint64) web.RaftPeer {
		return web.RaftPeer{
			Node: fmt.Sprintf("warden-%d", n), ID: remedy.NodeID(fmt.Sprintf("warden-%d-%08d", n, n)), Address: fmt.Sprintf("10.0.0.%d:9724", n),
			State: state, Voter: true, RaftVersion: 3, CommitIndex: last, LastIndex: last, TrailsLeaderBy: 1234 - last, Healthy: true,
		}
	}
	silent := peer(3, "silent", 0)
	silent.Healthy, silent.Why = false, "connect to warden-3 at 10.0.0.3:9724: connection refused"
	return []web.RaftPeer{peer(1, "leader", 1234), peer(2, "follower", 1233), silent}
}

// operatorRoutes are the cluster itself.
func (f *fakeAPI) operatorRoutes(handle func(pattern string, do func(r *http.Request) (any, error))) {
	f.peers = fakePeers()
	handle("GET /api/v1/operator/raft/peers", func(*http.Request) (any, error) {
		return &web.RaftPeers{Schema: web.SchemaRaftPeers, ServedAt: fakeNow, Node: "warden-2-00000002", ClusterID: "c1", LeaderID: f.leaderID(), Term: 7, Peers: f.peers}, nil
	})
	handle("GET /api/v1/operator/autopilot/state", func(*http.Request) (any, error) {
		a := &web.Autopilot{Schema: web.SchemaAutopilot, ServedAt: fakeNow, Node: "warden-2-00000002", LeaderID: f.leaderID(), Voters: f.voterIDs(), Servers: f.peers}
		a.Healthy = !slices.ContainsFunc(f.peers, func(p web.RaftPeer) bool { return !p.Healthy })
		if a.Healthy {
			a.FailureTolerance = 1
		}
		return a, nil
	})
	handle("POST /api/v1/operator/raft/peers", func(r *http.Request) (any, error) {
		q, err := body[web.JoinRequest](r)
		if err != nil || q.Name != "warden-3" {
			return nil, refuse(http.StatusNotFound, engine.RefusedNotFound, "no such node: [cluster] peers has no "+q.Name+": add it on every node and restart them one by one")
		}
		f.peers = slices.DeleteFunc(f.peers, func(p web.RaftPeer) bool { return p.Node == q.Name })
		p := fakePeers()[2]
		p.ID, p.State, p.Healthy, p.Why, p.LastIndex, p.CommitIndex = "warden-3-0000003b", "follower", true, "", 1234, 1234
		f.peers = append(f.peers, p)
		return f.changed("joined", p), nil
	})
	handle("DELETE /api/v1/operator/raft/peers/{peer}", func(r *http.Request) (any, error) {
		i := slices.IndexFunc(f.peers, func(p web.RaftPeer) bool { return string(p.ID) == r.PathValue("peer") })
		if f.peers[i].State == "leader" {
			return nil, refuse(http.StatusConflict, "members", "warden-1-00000001 leads, and a leader doesn't remove itself: hand over first")
		}
		p := f.peers[i]
		f.peers = slices.Delete(f.peers, i, i+1)
		return f.changed("removed", p), nil
	})
	handle("POST /api/v1/operator/raft/transfer-leader", func(r *http.Request) (any, error) {
		q, err := body[web.TransferRequest](r)
		if err != nil || q.To == "warden-3" {
			return nil, refuse(http.StatusConflict, "members", "warden-3-00000003 can't take over: name another voter, or none")
		}
		return f.changed("stepping_down", f.peers[0]), nil
	})
	handle("POST /api/v1/operator/raft/snapshot", f.restoreSnapshot)
}

func (f *fakeAPI) leaderID() remedy.NodeID {
	for _, p := range f.peers {
		if p.State == "leader" {
			return p.ID
		}
	}
	return ""
}

func (f *fakeAPI) voterIDs() []remedy.NodeID {
	ids := []remedy.NodeID{}
	for _, p := range f.peers {
		if p.Voter {
			ids = append(ids, p.ID)
		}
	}
	return ids
}

func (f *fakeAPI) changed(did string, p web.RaftPeer) *web.RaftChange {
	return &web.RaftChange{Schema: web.SchemaRaftChange, Did: did, Peer: p.Node, ID: p.ID, Voters: f.voterIDs()}
}

// fakeLedger is a saved ledger of a cluster.
func fakeLedger(cluster string) []byte {
	l := ledger.New()
	e, err := ledger.NewEntry(fakeNow.AddDate(0, 0, -1), remedy.Warden(), "warden-1-00000001", &ledger.ClusterInit{ClusterID: cluster, Voters: []remedy.NodeID{"warden-1-00000001"}},
		&ledger.NoticeAdd{Kind: ledger.NoticeConfig, Detail: "hello"})
	if err != nil {
		panic(err)
	}
	data, err := e.Encode()
	if err != nil {
		panic(err)
	}
	l.Apply(1000, 6, data)
	var b bytes.Buffer
	w, err := l.Snapshot()
	if err == nil {
		_, err = w.WriteTo(&b)
	}
	if err != nil {
		panic(err)
	}
	return b.Bytes()
}

// saveSnapshot answers with bytes, whole or cut off on their way.
func (f *fakeAPI) saveSnapshot(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	data := fakeLedger("c1")
	switch {
	case f.mode == "noleader" && r.URL.Query().Get("stale") == "":
		reply(w, nil, refuse(http.StatusServiceUnavailable, web.CodeNoLeader, "there is no leader: nothing was done; ask again in a moment"))
		return
	case f.fate == "torn":
		data = data[:len(data)-20]
	}
	_, _ = w.Write(data)
}

func (f *fakeAPI) restoreSnapshot(r *http.Request) (any, error) {
	data, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	from, err := ledger.Inspect(bytes.NewReader(data))
	switch {
	case err != nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/octet-stream"):
		return nil, refuse(http.StatusUnprocessableEntity, ledger.RefusedBad, fmt.Sprint(err))
	case from.ClusterID != "c1" && r.URL.Query().Get("cluster") != from.ClusterID:
		return nil, refuse(http.StatusConflict, "members", fmt.Sprintf("the snapshot is of cluster %q and this is %q: if that is meant, say so with --force-cluster=%s", from.ClusterID, "c1", from.ClusterID))
	case f.freeze == nil:
		return nil, refuse(http.StatusConflict, "not_frozen", "a restore needs everything to stand still: `warden freeze --reason restore`, without --for, then ask again")
	}
	return &web.RestoreReport{Schema: web.SchemaRestore, From: from, GaveUp: 234, Freeze: f.freeze}, nil
}
