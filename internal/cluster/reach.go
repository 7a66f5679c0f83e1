package cluster

import (
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/remedy"
)

// reach is whom this node can't reach while it leads. Raft says so at each
// heartbeat that fails, and at the first that doesn't again.
type reach struct {
	mu      sync.Mutex
	failing map[raft.ServerID]bool
}

// hear takes one thing raft says of itself. It is an observer's filter, since
// raft calls that while it speaks: what goes to an observer's channel may be
// dropped. It wants nothing to be sent.
func (r *reach) hear(o *raft.Observation) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch said := o.Data.(type) {
	case raft.FailedHeartbeatObservation:
		r.failing[said.PeerID] = true
	case raft.ResumedHeartbeatObservation:
		delete(r.failing, said.PeerID)
	case raft.PeerObservation: // it came or went, and starts afresh when it comes back
		delete(r.failing, said.Peer.ID)
	case raft.RaftState:
		clear(r.failing) // of another tenure
	}
	return false
}

// tolerance is how many more of these voters may fail, this node being the
// leader, before the rest are no majority; negative when they are none already.
func (r *reach) tolerance(voters []remedy.NodeID) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	majority := len(voters)/2 + 1
	lost := slices.DeleteFunc(slices.Clone(voters), func(v remedy.NodeID) bool { return !r.failing[raft.ServerID(v)] })
	return len(voters) - len(lost) - majority
}

// watchReach makes the metrics of who reaches whom.
func watchReach(n *Node) []prometheus.Collector {
	r := &reach{failing: map[raft.ServerID]bool{}}
	n.raft.RegisterObserver(raft.NewObserver(nil, false, r.hear))
	opened := time.Now()
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "warden_raft_leader_known",
			Help: "1 while this node leads or hears from a leader, else 0.",
		}, func() float64 {
			if _, leader := n.raft.LeaderWithID(); leader == "" {
				return 0
			}
			return 1
		}),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "warden_raft_last_contact_seconds",
			Help: "How long ago this node last heard from a leader, or was started without ever having; 0 while it leads.",
		}, func() float64 {
			if n.raft.State() == raft.Leader {
				return 0
			}
			last := n.raft.LastContact()
			if last.IsZero() {
				last = opened
			}
			return time.Since(last).Seconds()
		}),
		toleranceOf{n, r},
	}
}

// toleranceOf shows the tolerance while the node leads: nobody else knows it.
type toleranceOf struct {
	node  *Node
	reach *reach
}

func (toleranceOf) desc() *prometheus.Desc {
	return prometheus.NewDesc("warden_raft_failure_tolerance",
		"How many more voters may fail before warden stops acting, as the leader sees it; only the leader says so.", nil, nil)
}

// Describe implements prometheus.Collector.
func (t toleranceOf) Describe(out chan<- *prometheus.Desc) { out <- t.desc() }

// Collect implements prometheus.Collector.
func (t toleranceOf) Collect(out chan<- prometheus.Metric) {
	if t.node.raft.State() == raft.Leader {
		out <- prometheus.MustNewConstMetric(t.desc(), prometheus.GaugeValue, float64(t.reach.tolerance(t.node.voters())))
	}
}
