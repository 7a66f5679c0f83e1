package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// keeper is an Operator of three nodes that notes who asked for what.
type keeper struct {
	ledger *ledger.Ledger
	peers  []RaftPeer
	did    []string
	fail   error
	saved  []byte
}

func (k *keeper) note(by remedy.Actor, what string) (RaftPeer, error) {
	k.did = append(k.did, by.Name+" "+what)
	return k.peers[0], k.fail
}

func (k *keeper) Peers(context.Context) []RaftPeer { return k.peers }

func (k *keeper) Join(_ context.Context, by remedy.Actor, name string) (RaftPeer, error) {
	return k.note(by, "join "+name)
}

func (k *keeper) Remove(_ context.Context, by remedy.Actor, peer string) (RaftPeer, error) {
	return k.note(by, "remove "+peer)
}

func (k *keeper) StepDown(_ context.Context, by remedy.Actor, to string) (RaftPeer, error) {
	return k.note(by, "step down for "+to)
}

func (k *keeper) Save(_ context.Context, confirmed bool) (io.WriterTo, error) {
	k.did = append(k.did, fmt.Sprintf("save %t", confirmed))
	if k.fail != nil {
		return nil, k.fail
	}
	return k.ledger.Snapshot()
}

func (k *keeper) Restore(_ context.Context, by remedy.Actor, saved []byte, of string) (RestoreReport, error) {
	k.saved = saved
	_, err := k.note(by, "restore of "+of)
	return RestoreReport{GaveUp: 7}, err
}

func threePeers() []RaftPeer {
	var out []RaftPeer
	for i, state := range []string{"leader", "follower", "follower"} {
		name := fmt.Sprintf("n%d", i+1)
		out = append(out, RaftPeer{Node: name, ID: remedy.NodeID(name + "-aa"), State: state, Voter: true, Healthy: true, LastIndex: 9})
	}
	return out
}

func operated(t *testing.T) (*world, *keeper, *Client) {
	t.Helper()
	w := newWorld(t, remedy.LevelMetricOnly)
	k := &keeper{ledger: w.ledger, peers: threePeers()}
	w.opts.Operator = k
	return w, k, w.serve()
}

// TestOperator goes through every verb by the client.
func TestOperator(t *testing.T) {
	t.Parallel()
	_, k, c := operated(t)
	peers, err := c.RaftPeers(t.Context())
	if err != nil || peers.Schema != SchemaRaftPeers || len(peers.Peers) != 3 || peers.Peers[2].ID != "n3-aa" {
		t.Errorf("%+v %v", peers, err)
	}
	joined, err := c.JoinPeer(t.Context(), "n1")
	if err != nil || joined.Did != "joined" || joined.ID != "n1-aa" || joined.Schema != SchemaRaftChange {
		t.Errorf("%+v %v", joined, err)
	}
	if r, err := c.RemovePeer(t.Context(), "n1.ops.example.net-aa"); err != nil || r.Did != "removed" {
		t.Errorf("%+v %v", r, err)
	}
	if r, err := c.TransferLeader(t.Context(), "n2"); err != nil || r.Did != "stepping_down" {
		t.Errorf("%+v %v", r, err)
	}
	data, err := c.SaveSnapshot(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ledger.Inspect(bytes.NewReader(data)); err != nil {
		t.Error(err)
	}
	if _, err := c.SaveSnapshot(t.Context(), true); err != nil {
		t.Error(err)
	}
	large := bytes.Repeat([]byte("x"), 4*maxBody)
	if r, err := c.RestoreSnapshot(t.Context(), large, "c9"); err != nil || r.Schema != SchemaRestore || r.GaveUp != 7 || len(k.saved) != len(large) {
		t.Errorf("%+v %v, %d bytes arrived", r, err, len(k.saved))
	}
	want := []string{"join n1", "remove n1.ops.example.net-aa", "step down for n2", "save true", "save false", "restore of c9"}
	for i := range want {
		if !strings.HasPrefix(want[i], "save") {
			want[i] = me(t) + " " + want[i]
		}
	}
	if got := strings.Join(k.did, "; "); got != strings.Join(want, "; ") {
		t.Errorf("did %s", got)
	}
}

// TestOperatorRefusals words what can't be done.
func TestOperatorRefusals(t *testing.T) {
	t.Parallel()
	_, k, c := operated(t)
	for code, want := range map[string]int{
		engine.RefusedNotYours: http.StatusForbidden, engine.RefusedNotFound: http.StatusNotFound,
		"members": http.StatusConflict, ledger.RefusedExpired: http.StatusGone, ledger.RefusedBad: http.StatusUnprocessableEntity,
	} {
		k.fail = &engine.Refusal{Code: code, Reason: "no"}
		_, err := c.JoinPeer(t.Context(), "x")
		if a, ok := errors.AsType[*APIError](err); !ok || a.Status != want || a.Code != code {
			t.Errorf("%s: %v", code, err)
		}
	}
	k.fail = fmt.Errorf("%w: not the leader", engine.ErrNotCommitted)
	_, err := c.SaveSnapshot(t.Context(), false)
	if a, ok := errors.AsType[*APIError](err); !ok || a.Code != CodeNoLeader {
		t.Error(err)
	}
	if _, err := c.JoinPeer(t.Context(), ""); err == nil {
		t.Error("a node without a name joins")
	}
}

// TestOperatorOverTCP reads the members there, and gives the ledger to nobody
// who can't be told apart.
func TestOperatorOverTCP(t *testing.T) {
	t.Parallel()
	w, k, _ := operated(t)
	c := w.tcp()
	if _, err := c.RaftPeers(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.SaveSnapshot(t.Context(), true); err == nil {
		t.Error("the ledger is given to nobody")
	}
	if _, err := c.JoinPeer(t.Context(), "n3"); err == nil {
		t.Error("nobody adds a voter")
	}
	if _, err := c.RestoreSnapshot(t.Context(), []byte("x"), ""); err == nil || k.saved != nil {
		t.Error("nobody restores the ledger")
	}
	if len(k.did) != 0 {
		t.Errorf("did %v", k.did)
	}
}

// TestMembersBeforeTheLedger shows the members while the ledger is being
// replayed, and without a leader: that is when they are looked for.
func TestMembersBeforeTheLedger(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelMetricOnly)
	w.opts.Operator = &keeper{ledger: w.ledger, peers: threePeers()}
	w.opts.Node.Ready = func() error { return fmt.Errorf("no leader yet") }
	c := w.serve()
	if _, err := c.RaftPeers(t.Context()); err != nil {
		t.Error(err)
	}
	if _, err := c.Status(t.Context()); err == nil {
		t.Error("the status was given")
	}
}

func TestWithoutOperator(t *testing.T) {
	t.Parallel()
	w := newWorld(t, remedy.LevelMetricOnly)
	c := w.serve()
	_, err := c.RaftPeers(t.Context())
	if a, ok := errors.AsType[*APIError](err); !ok || a.Status != http.StatusServiceUnavailable {
		t.Error(err)
	}
	if _, err := c.TransferLeader(t.Context(), ""); err == nil {
		t.Error("handed over")
	}
}

func TestAutopilot(t *testing.T) {
	t.Parallel()
	s := &surface{Options: newWorld(t, remedy.LevelMetricOnly).opts}
	for name, test := range map[string]struct {
		change    func([]RaftPeer) []RaftPeer
		healthy   bool
		tolerance int
	}{
		"all well":     {func(p []RaftPeer) []RaftPeer { return p }, true, 1},
		"one is down":  {func(p []RaftPeer) []RaftPeer { p[1].Healthy = false; return p }, false, 0},
		"two are down": {func(p []RaftPeer) []RaftPeer { p[1].Healthy, p[2].Healthy = false, false; return p }, false, 0},
		"no leader":    {func(p []RaftPeer) []RaftPeer { p[0].State = "follower"; return p }, false, 0},
		"one alone":    {func(p []RaftPeer) []RaftPeer { return p[:1] }, true, 0},
		"one joining":  {func(p []RaftPeer) []RaftPeer { p[2].Voter = false; return p }, true, 0},
		"one ledger only": {func(p []RaftPeer) []RaftPeer {
			return append(p, RaftPeer{ID: "n4-dd", State: PeerLedgerOnly})
		}, false, 1},
		"nobody": {func([]RaftPeer) []RaftPeer { return nil }, false, 0},
	} {
		a := s.autopilot(test.change(threePeers()))
		if a.Healthy != test.healthy || a.FailureTolerance != test.tolerance || a.Voters == nil || a.Servers == nil {
			t.Errorf("%s: %+v", name, a)
		}
	}
}

// TestSnapshotIsTheLeaders sends the request for the ledger to the leader, and
// no other read of the cluster.
func TestSnapshotIsTheLeaders(t *testing.T) {
	t.Parallel()
	for target, want := range map[string]kindOf{
		"GET /api/v1/operator/raft/snapshot": asks, "GET /api/v1/operator/raft/snapshot?stale=true": local,
		"GET /api/v1/operator/raft/snapshot?stale=false": asks, "GET /api/v1/operator/raft/snapshot?stale=1": local, "GET /api/v1/operator/raft/snapshot?x=stale": asks,
		"POST /api/v1/operator/raft/snapshot": changes,
		"GET /api/v1/operator/raft/peers":     local, "DELETE /api/v1/operator/raft/peers/n1-aa": changes, "GET /api/v1/operator/autopilot/state": local,
	} {
		method, url, _ := strings.Cut(target, " ")
		if got := forwardKind(httptest.NewRequestWithContext(t.Context(), method, url, nil)); got != want {
			t.Errorf("%s: %d, want %d", target, got, want)
		}
	}
}
