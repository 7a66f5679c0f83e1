package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/remedy"
)

// maxProbe is the longest answer to a probe, in bytes.
const maxProbe = 64 << 10

// probeAnswer is what a node tells its peers of itself.
type probeAnswer struct {
	Name string        `json:"name"`
	ID   remedy.NodeID `json:"id"`
	// ClusterID is the cluster it belongs to, founds, or is being added to.
	ClusterID string `json:"cluster_id,omitempty"`
	// Founded says whether it has a log.
	Founded bool `json:"founded"`
	// Peers are the names that its config lists, sorted.
	Peers []string `json:"peers"`
	// Leader is the leader it knows of, and ContactMS how long ago it heard of
	// it; 0 on the leader.
	Leader    remedy.NodeID `json:"leader,omitempty"`
	ContactMS int64         `json:"contact_ms,omitempty"`
	Leads     bool          `json:"leads,omitempty"`
	Term      uint64        `json:"term"`
	Last      uint64        `json:"last"`
	Commit    uint64        `json:"commit"`
	// FreeBytes is what is left on its data directory's disk.
	FreeBytes uint64 `json:"free_bytes"`
	// CommandVersion is the newest entry version it knows.
	CommandVersion int `json:"command_version,omitempty"`
}

// sighting is the newest answer of a peer, or why there is none.
type sighting struct {
	answer probeAnswer
	at     time.Time // of the newest answer; zero when there was none
	err    error     // of the newest probe
}

// view is what this node last heard of its peers, by name.
type view struct {
	mu    sync.Mutex
	peers map[string]sighting
}

func (v *view) of(name string) sighting {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.peers[name]
}

func (v *view) saw(name string, a probeAnswer, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	s := v.peers[name]
	if s.err = err; err == nil {
		s.answer, s.at = a, time.Now()
	}
	v.peers[name] = s
}

func (n *Node) answerProbe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(n.probeSelf()); err != nil {
		n.log.Debug("a peer's probe could not be answered", zap.Error(err))
	}
}

func (n *Node) probeSelf() probeAnswer {
	_, leader := n.raft.LeaderWithID()
	a := probeAnswer{
		ID: n.id, ClusterID: n.record.cluster(), Founded: n.record.founded(),
		Leader: remedy.NodeID(leader), Leads: n.raft.State() == raft.Leader, Term: n.raft.CurrentTerm(),
		Last: n.raft.LastIndex(), Commit: n.raft.CommitIndex(), CommandVersion: n.commandVersion,
	}
	if n.ring != nil {
		a.Name, a.Peers = n.ring.roster.self.Name, n.ring.roster.names()
		slices.Sort(a.Peers)
	}
	if contact := n.raft.LastContact(); !a.Leads && !contact.IsZero() {
		a.ContactMS = time.Since(contact).Milliseconds()
	}
	if free, err := n.tune.free(n.record.dir); err == nil {
		a.FreeBytes = free
	}
	return a
}

// probe asks one peer what it is, and remembers the answer.
func (n *Node) probe(ctx context.Context, name string) (probeAnswer, error) {
	a, err := n.askProbe(ctx, name)
	if err == nil && !n.roster().is(a.Name, name) {
		err = fmt.Errorf("%s answers that it is %s: correct the addresses in [cluster] peers", name, a.Name)
	}
	n.ring.view.saw(name, a, err)
	return a, err
}

func (n *Node) askProbe(ctx context.Context, name string) (a probeAnswer, err error) {
	ctx, cancel := context.WithTimeout(ctx, n.tune.probeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+name+ProbePath, http.NoBody)
	if err != nil {
		return a, err
	}
	res, err := n.ring.client.RoundTrip(req)
	if err != nil {
		return a, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	if res.StatusCode != http.StatusOK {
		return a, fmt.Errorf("%s answers %s", name, res.Status)
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxProbe)).Decode(&a); err != nil {
		return a, fmt.Errorf("%s answers what can't be read: %w", name, err)
	}
	return a, nil
}

func (n *Node) roster() *roster { return n.ring.roster }

// is reports whether a node that calls itself said is the peer of that name.
func (r *roster) is(said, name string) bool {
	p, ok := r.find(said)
	return ok && p.Name == name
}

// probeAll asks all other peers at once.
func (n *Node) probeAll(ctx context.Context) map[string]sighting {
	var group sync.WaitGroup
	for _, p := range n.roster().others() {
		group.Go(func() { _, _ = n.probe(ctx, p.Name) }) // the view keeps the error
	}
	group.Wait()
	out := map[string]sighting{}
	for _, p := range n.roster().others() {
		out[p.Name] = n.ring.view.of(p.Name)
	}
	return out
}

// watchPeers keeps the view fresh, and sees that this node is ready when it is, so
// that nobody has to ask twice.
func (n *Node) watchPeers() {
	for n.ring.conns.pause(n.tune.probeEvery) {
		n.probeAll(n.ring.conns.ctx)
		_ = n.Ready() // remembered there
	}
}
