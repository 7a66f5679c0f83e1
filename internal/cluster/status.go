package cluster

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"

	"warden/internal/remedy"
)

// Status is how this node sees itself and the cluster at one moment. Its
// fields are read one after another, so they may be one step apart.
type Status struct {
	ID remedy.NodeID
	// Leader is what this node believes: true is no licence to act.
	Leader bool
	// LeaderID is the leader this node knows of; empty if none.
	LeaderID remedy.NodeID
	Term     uint64
	// CommitIndex is the last entry this node knows to be committed.
	CommitIndex uint64
	// AppliedIndex is CommitIndex when the machine has applied everything
	// committed that is for it, and the last entry it applied otherwise.
	AppliedIndex uint64
	// LastSnapshotIndex and LastSnapshotAt are of the newest snapshot on disk;
	// zero when there is none.
	LastSnapshotIndex uint64
	LastSnapshotAt    time.Time
	// Voters are the voting members, sorted, this node included.
	Voters []remedy.NodeID
	// LastContact is when this node last heard from a leader: now, on the
	// leader; zero when it never did.
	LastContact time.Time
	// Quorum says that this node leads, or heard from a leader a moment ago:
	// what is asked of the cluster has a chance. It is no licence to act.
	Quorum bool
	// FailureTolerance is how many more voters may fail before nothing can be
	// committed, going by what this node last heard of them; negative when
	// nothing can be now.
	FailureTolerance int
}

// Status reports on the node. It reads the list of snapshots from the disk.
func (n *Node) Status() (Status, error) {
	_, leader := n.raft.LeaderWithID()
	s := Status{
		ID:          n.id,
		Leader:      n.raft.State() == raft.Leader,
		LeaderID:    remedy.NodeID(leader),
		Term:        n.raft.CurrentTerm(),
		CommitIndex: n.raft.CommitIndex(),
		Voters:      n.voters(),
		LastContact: n.raft.LastContact(),
	}
	if s.Leader {
		s.LastContact = time.Now()
	}
	s.Quorum = s.Leader || (s.LeaderID != "" && time.Since(s.LastContact) < 2*n.tune.heartbeat)
	s.FailureTolerance = tolerance(n.lastSeen())
	lag, err := n.lag(s.CommitIndex)
	if err != nil {
		return s, err
	}
	s.AppliedIndex = s.CommitIndex - lag
	snaps, err := n.stores.snaps.List()
	if err != nil {
		return s, fmt.Errorf("list the snapshots: %w", err)
	}
	if len(snaps) > 0 {
		s.LastSnapshotIndex, s.LastSnapshotAt = snaps[0].Index, snapshotTime(snaps[0].ID)
	}
	return s, nil
}

// lag is how many entries the machine is behind the commit index.
func (n *Node) lag(commit uint64) (uint64, error) {
	waiting, err := n.lastCommand(commit)
	if err != nil || waiting == 0 {
		return 0, err
	}
	done, _ := n.fsm.position()
	return commit - min(done, commit), nil
}

func (n *Node) voters() []remedy.NodeID {
	var ids []remedy.NodeID
	for _, s := range n.raft.GetConfiguration().Configuration().Servers {
		if s.Suffrage == raft.Voter {
			ids = append(ids, remedy.NodeID(s.ID))
		}
	}
	slices.Sort(ids)
	return ids
}

// snapshotTime reads the time from a snapshot's name, term-index-milliseconds;
// zero if it has none.
func snapshotTime(id string) time.Time {
	ms, err := strconv.ParseInt(id[strings.LastIndexByte(id, '-')+1:], 10, 64)
	if err != nil {
		return time.Time{}
	}
	return time.UnixMilli(ms).UTC()
}

// metrics are the node's; the gauges are read from raft when they are scraped.
type metrics struct {
	changes    prometheus.Counter
	registerer prometheus.Registerer
	registered []prometheus.Collector
}

func newMetrics(n *Node, reg prometheus.Registerer) (*metrics, error) {
	m := &metrics{
		registerer: reg,
		changes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "warden_leadership_changes_total",
			Help: "How often this node has become the leader or stopped being it since it started.",
		}),
	}
	if reg == nil {
		return m, nil
	}
	gauge := func(name, help string, value func() float64) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value)
	}
	collectors := append(watchReach(n),
		m.changes,
		gauge("warden_raft_is_leader", "1 while this node believes that it leads, else 0.", func() float64 {
			if n.raft.State() == raft.Leader {
				return 1
			}
			return 0
		}),
		gauge("warden_raft_term", "The current raft term.", func() float64 { return float64(n.raft.CurrentTerm()) }),
		gauge("warden_raft_peers", "Voting members of the cluster, this node included.", func() float64 { return float64(len(n.voters())) }),
		gauge("warden_raft_commit_apply_lag", "Committed log entries that this node has not applied yet; -1 when the log can't be read.", func() float64 {
			lag, err := n.lag(n.raft.CommitIndex())
			if err != nil {
				return -1
			}
			return float64(lag)
		}),
	)
	if n.ring != nil {
		collectors = append(collectors, n.ring.door.refused.count)
	}
	for _, c := range collectors {
		if err := reg.Register(c); err != nil {
			m.unregister()
			return nil, fmt.Errorf("register the cluster's metrics: %w: this is a bug in warden, report it", err)
		}
		m.registered = append(m.registered, c)
	}
	return m, nil
}

func (m *metrics) unregister() {
	for _, c := range m.registered {
		m.registerer.Unregister(c)
	}
	m.registered = nil
}
