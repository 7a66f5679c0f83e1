package cluster

import (
	"time"

	"github.com/hashicorp/raft"
)

// tuning is what tests turn and nothing else does.
type tuning struct {
	heartbeat, election, lease time.Duration
	writeDeadline              time.Duration // a longer write to the log stops the process
	leaderWriteDeadline        time.Duration // the same while this node leads and others could; 0 for none
	tenureGrace                time.Duration // a tenure that takes longer to end stops the process
	barrierDeadline            time.Duration // a leader that can't catch up with its own log stops
	proposeDeadline            time.Duration // to enqueue, when the caller's context has no deadline
	drain                      time.Duration // at shutdown, for raft to answer what it was asked
	handOver                   time.Duration // at shutdown, for another voter to take over
	free                       func(dir string) (uint64, error)
	spaceEvery                 time.Duration // how often a node looks whether its disk is about to be full
	alone                      time.Duration // after its start, until a node that knows no leader shows what it has
	wrapLog                    func(raft.LogStore) raft.LogStore

	// With peers only.
	rpcTimeout     time.Duration // for one message of raft and its answer; what is sent meanwhile waits
	dialTimeout    time.Duration // to connect to a peer, TLS and preface included
	handshake      time.Duration // for a peer to get through the door
	unanswered     time.Duration // how long TCP waits for an acknowledgement
	probeTimeout   time.Duration
	probeEvery     time.Duration // how often the others are asked what they are
	bootstrapEvery time.Duration // the same, while there is no log
	keepEvery      time.Duration // how often the leader holds raft's members against the ledger's
}

// production is what Open uses. A lone voter has nobody to disagree with, so
// that a short wait before standing costs nothing and a restart is over
// sooner; several need the time that a vote takes on a loaded machine.
func production(o Options) tuning {
	t := tuning{
		heartbeat: 60 * time.Millisecond, election: 60 * time.Millisecond, lease: 50 * time.Millisecond,
		writeDeadline: 10 * time.Second, tenureGrace: 10 * time.Second,
		barrierDeadline: time.Minute, proposeDeadline: 10 * time.Second, drain: 2 * time.Second, handOver: 2 * time.Second,
		free: freeBytes, spaceEvery: 500 * time.Millisecond, alone: 3 * time.Second,
		wrapLog: func(s raft.LogStore) raft.LogStore { return s },

		rpcTimeout: 10 * time.Second, dialTimeout: 2 * time.Second, handshake: 10 * time.Second, unanswered: 3 * time.Second,
		probeTimeout: 3 * time.Second, probeEvery: 2 * time.Second, bootstrapEvery: 500 * time.Millisecond, keepEvery: time.Second,
	}
	switch {
	case len(o.Peers) == 0:
		return t
	case o.Timing == TimingTogether:
		t.heartbeat, t.election, t.lease = time.Second, time.Second, 800*time.Millisecond
		return t
	case o.Timing == TimingLAN:
		t.heartbeat, t.election, t.lease = 150*time.Millisecond, 150*time.Millisecond, 100*time.Millisecond
	default:
		t.heartbeat, t.election, t.lease = 300*time.Millisecond, 300*time.Millisecond, 200*time.Millisecond
	}
	// With an election, which takes two timeouts as a rule, 3 s at most. A disk
	// under load takes a second for an fsync now and then.
	t.leaderWriteDeadline = 2 * time.Second
	return t
}
