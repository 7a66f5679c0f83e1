package web

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The schemas of the answers about the cluster itself.
const (
	SchemaRaftPeers  = "warden.raft_peers/v1"
	SchemaRaftChange = "warden.raft_change/v1"
	SchemaAutopilot  = "warden.autopilot/v1"
	SchemaRestore    = "warden.raft_restore/v1"
)

// snapshotPath is where the ledger as a whole is fetched and put back.
const snapshotPath = "/operator/raft/snapshot"

// maxSnapshot is the largest ledger that can be put back.
const maxSnapshot = 64 << 20

// RaftPeer is one member of the cluster, as the node that answers sees it.
type RaftPeer struct {
	Node    string        `json:"node" doc:"its name"`
	ID      remedy.NodeID `json:"id"`
	Address string        `json:"address" doc:"where it listens for its peers, by the config"`
	// State is leader, follower, joining, silent, or PeerLedgerOnly.
	State       string `json:"state" enum:"leader,follower,joining,silent,ledger only" doc:"ledger only: raft doesn't have it, and its file still counts for levels and limits"`
	Voter       bool   `json:"voter" doc:"it votes in raft"`
	RaftVersion int    `json:"raft_version"`
	// CommitIndex and LastIndex are what it last said; 0 when it never did.
	CommitIndex     uint64  `json:"commit_index"`
	LastIndex       uint64  `json:"last_index"`
	TrailsLeaderBy  uint64  `json:"trails_leader_by" doc:"entries that its log is behind"`
	LastContactSecs float64 `json:"last_contact_seconds" doc:"how long ago it had heard from the leader when it answered"`
	Healthy         bool    `json:"healthy"`
	// Why says why it isn't healthy.
	Why string `json:"why,omitempty"`
}

// PeerLedgerOnly is the state of a voter that the ledger has and raft hasn't. It
// has no vote and is not healthy; its file counts for levels and limits.
const PeerLedgerOnly = "ledger only"

// RaftPeers are the members. It answers GET /api/v1/operator/raft/peers.
type RaftPeers struct {
	Schema   string        `json:"schema"`
	ServedAt time.Time     `json:"served_at"`
	Node     remedy.NodeID `json:"node" doc:"the node whose view this is"`
	// ClusterID names the cluster, and Term is the raft term.
	ClusterID string        `json:"cluster_id,omitempty"`
	LeaderID  remedy.NodeID `json:"leader_id,omitempty"`
	Term      uint64        `json:"term"`
	Peers     []RaftPeer    `json:"peers"`
	// Why says why this node's ledger isn't up to date, or what it waits for when
	// it belongs to no cluster.
	Why string `json:"why,omitempty"`
}

// RaftChange is what became of the members. It answers a join and a removal.
type RaftChange struct {
	Schema string        `json:"schema"`
	Did    string        `json:"did" enum:"joined,removed,stepping_down"`
	Peer   string        `json:"peer" doc:"the node's name"`
	ID     remedy.NodeID `json:"id"`
	// Voters are the ledger's voters afterwards.
	Voters []remedy.NodeID `json:"voters"`
}

// Autopilot is how well the cluster would stand a loss. It answers GET
// /api/v1/operator/autopilot/state.
type Autopilot struct {
	Schema   string        `json:"schema"`
	ServedAt time.Time     `json:"served_at"`
	Node     remedy.NodeID `json:"node" doc:"the node whose view this is"`
	// Healthy says that there is a leader and that all members are healthy.
	Healthy bool `json:"healthy"`
	// FailureTolerance is how many more voters may fail before warden stops
	// acting; 0 also when it can't act now.
	FailureTolerance int             `json:"failure_tolerance"`
	LeaderID         remedy.NodeID   `json:"leader_id,omitempty"`
	Voters           []remedy.NodeID `json:"voters"`
	Servers          []RaftPeer      `json:"servers"`
}

// RestoreReport is what a restore did.
type RestoreReport struct {
	Schema string `json:"schema"`
	// From is the snapshot that was restored, and GaveUp how many entries had
	// been committed since, if it is of this cluster.
	From   ledger.Contents `json:"from"`
	GaveUp uint64          `json:"gave_up"`
	Freeze *ledger.Freeze  `json:"freeze"`
}

// JoinRequest makes a node a voter.
type JoinRequest struct {
	Name string `json:"name" minLength:"1" maxLength:"255" doc:"its name in [cluster] peers"`
}

// TransferRequest has the leader hand over.
type TransferRequest struct {
	To string `json:"to,omitempty" maxLength:"255" doc:"the name or id of the voter that should lead; empty for whoever is most up to date"`
}

// Members are the cluster's members as people look at them and change them. The
// errors of the changes are those of CaseDesk.
type Members interface {
	// Peers asks every member how it is.
	Peers(ctx context.Context) []RaftPeer
	// Join makes a configured node a voter, once it has caught up.
	Join(ctx context.Context, by remedy.Actor, name string) (RaftPeer, error)
	// Remove takes a member out for good, by its name or id.
	Remove(ctx context.Context, by remedy.Actor, peer string) (RaftPeer, error)
}

// Vault is the ledger as a whole, and who leads. Its errors are those of
// CaseDesk.
type Vault interface {
	// Save captures the ledger: as of now when confirmed, which only the leader
	// can, and otherwise as this node has it.
	Save(ctx context.Context, confirmed bool) (io.WriterTo, error)
	// Restore replaces the ledger by a saved one, frozen. of names the cluster
	// that the snapshot is of, if that is another.
	Restore(ctx context.Context, by remedy.Actor, saved []byte, of string) (RestoreReport, error)
	// StepDown has this node, which leads, end its process in order, so that
	// another leads: that voter, or whoever is most up to date.
	StepDown(ctx context.Context, by remedy.Actor, to string) (RaftPeer, error)
}

// Operator is what people look after the cluster itself with.
type Operator interface {
	Members
	Vault
}

type peerInput struct {
	Peer string `path:"peer" maxLength:"255" doc:"the name or id of a member"`
}

type saveInput struct {
	Stale bool `query:"stale" doc:"as this node has it, without asking the leader"`
}

type restoreInput struct {
	Cluster string `query:"cluster" maxLength:"255" doc:"the cluster that the snapshot is of, if it is another"`
	RawBody []byte `contentType:"application/octet-stream"`
}

// operatorRoutes registers what is about the cluster itself.
func (s *surface) operatorRoutes(api huma.API) {
	route(api, http.MethodGet, "/operator/raft/peers", "list-raft-peers", "The members of the cluster, as this node sees them", func(ctx context.Context, _ *none) (*RaftPeers, error) {
		if err := s.operated(); err != nil {
			return nil, err
		}
		r, why := s.raft(), ""
		if err := s.Node.Ready(); err != nil {
			why = err.Error()
		}
		return &RaftPeers{
			Schema: SchemaRaftPeers, ServedAt: s.now(), Node: s.Node.ID, ClusterID: s.Ledger.Status().ClusterID,
			LeaderID: r.LeaderID, Term: r.Term, Peers: list(s.Operator.Peers(ctx)), Why: why,
		}, nil
	})
	route(api, http.MethodGet, "/operator/autopilot/state", "get-autopilot-state", "How well the cluster would stand a loss", func(ctx context.Context, _ *none) (*Autopilot, error) {
		if err := s.operated(); err != nil {
			return nil, err
		}
		return s.autopilot(s.Operator.Peers(ctx)), nil
	})
	route(api, http.MethodPost, "/operator/raft/peers", "join-raft-peer", "Make a configured node a voter", func(ctx context.Context, in *bodyInput[JoinRequest]) (*RaftChange, error) {
		return s.change(ctx, "joined", "add the node "+in.Body.Name, func(ctx context.Context, by remedy.Actor) (RaftPeer, error) {
			return s.Operator.Join(ctx, by, in.Body.Name)
		})
	})
	route(api, http.MethodDelete, "/operator/raft/peers/{peer}", "remove-raft-peer", "Remove a member for good", func(ctx context.Context, in *peerInput) (*RaftChange, error) {
		return s.change(ctx, "removed", "remove the node "+in.Peer, func(ctx context.Context, by remedy.Actor) (RaftPeer, error) {
			return s.Operator.Remove(ctx, by, in.Peer)
		})
	})
	route(api, http.MethodPost, "/operator/raft/transfer-leader", "transfer-leader", "Have the leader's process end in order, so that another node leads", func(ctx context.Context, in *bodyInput[TransferRequest]) (*RaftChange, error) {
		return s.change(ctx, "stepping_down", "hand over the leadership", func(ctx context.Context, by remedy.Actor) (RaftPeer, error) {
			return s.Operator.StepDown(ctx, by, in.Body.To)
		})
	})
	s.snapshotRoutes(api)
}

// operated refuses where there is nothing to operate with.
func (s *surface) operated() error {
	if s.Operator == nil {
		return problem(http.StatusServiceUnavailable, engine.RefusedTransient, "this warden has no cluster to look after: ask one that `warden agent` runs")
	}
	return nil
}

// change changes the members, and answers with what they are then.
func (s *surface) change(ctx context.Context, did, what string, do func(context.Context, remedy.Actor) (RaftPeer, error)) (*RaftChange, error) {
	if err := s.operated(); err != nil {
		return nil, err
	}
	var p RaftPeer
	err := s.write(ctx, what, func(ctx context.Context, by remedy.Actor) error {
		var err error
		p, err = do(ctx, by)
		return err
	})
	if err != nil {
		return nil, err
	}
	return &RaftChange{Schema: SchemaRaftChange, Did: did, Peer: p.Node, ID: p.ID, Voters: list(s.Ledger.Status().Voters)}, nil
}

// snapshotRoutes registers the ledger as a whole.
func (s *surface) snapshotRoutes(api huma.API) {
	huma.Register(api, huma.Operation{
		OperationID: "save-snapshot", Method: http.MethodGet, Path: "/api/v1" + snapshotPath, Summary: "The whole ledger, as it can be put back",
	}, func(ctx context.Context, in *saveInput) (*huma.StreamResponse, error) {
		if err := s.operated(); err != nil {
			return nil, err
		}
		// All that warden remembers is for people who can be told apart.
		if _, err := actor(ctx); err != nil {
			return nil, err
		}
		w, err := s.Operator.Save(ctx, !in.Stale)
		if err != nil {
			return nil, refused(err)
		}
		var b bytes.Buffer
		if _, err := w.WriteTo(&b); err != nil {
			return nil, problem(http.StatusInternalServerError, CodeInternal, err.Error())
		}
		return &huma.StreamResponse{Body: func(c huma.Context) {
			c.SetHeader("Content-Type", "application/octet-stream")
			_, _ = b.WriteTo(c.BodyWriter()) // the caller hung up
		}}, nil
	})
	huma.Register(api, huma.Operation{
		OperationID: "restore-snapshot", Method: http.MethodPost, Path: "/api/v1" + snapshotPath, Summary: "Replace the whole ledger by a saved one, frozen",
		MaxBodyBytes: maxSnapshot, BodyReadTimeout: readTimeout,
	}, func(ctx context.Context, in *restoreInput) (*answer[RestoreReport], error) {
		if err := s.operated(); err != nil {
			return nil, err
		}
		var done RestoreReport
		err := s.write(ctx, fmt.Sprintf("restore a snapshot of %d bytes", len(in.RawBody)), func(ctx context.Context, by remedy.Actor) error {
			var err error
			done, err = s.Operator.Restore(ctx, by, in.RawBody, in.Cluster)
			return err
		})
		if err != nil {
			return nil, err
		}
		done.Schema = SchemaRestore
		return &answer[RestoreReport]{Body: done}, nil
	})
}

// autopilot sums the members up.
func (s *surface) autopilot(peers []RaftPeer) *Autopilot {
	out := &Autopilot{Schema: SchemaAutopilot, ServedAt: s.now(), Node: s.Node.ID, Healthy: true, Voters: []remedy.NodeID{}, Servers: list(peers)}
	healthy := 0
	for _, p := range peers {
		if p.State == "leader" {
			out.LeaderID = p.ID
		}
		if p.Voter {
			out.Voters = append(out.Voters, p.ID)
			if p.Healthy {
				healthy++
			}
		}
		out.Healthy = out.Healthy && p.Healthy
	}
	out.Healthy = out.Healthy && out.LeaderID != ""
	if out.LeaderID != "" {
		out.FailureTolerance = max(0, healthy-(len(out.Voters)/2+1))
	}
	return out
}
