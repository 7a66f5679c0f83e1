package cluster

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/failpoint"
	"warden/internal/remedy"
)

// exitFailure is the process's exit status when a node stops itself.
const exitFailure = 1

// The defaults of Options.
const (
	// DefaultSnapshotThreshold is how many entries are logged before a snapshot.
	DefaultSnapshotThreshold = 8192
	// MaxEntry is the largest entry, in bytes, that Propose accepts. A bigger
	// one could fail in the log store, and a failing log store stops the node.
	MaxEntry = 1 << 20
)

// The errors of this package that callers tell apart.
var (
	// ErrNotLeader means that this node does not lead: the entry was certainly
	// not proposed, or the read not confirmed.
	ErrNotLeader = errors.New("this node is not the leader")
	// ErrBusy means that the entry was certainly not proposed, since the log
	// did not take it in time.
	ErrBusy = errors.New("the log is busy: nothing was proposed")
	// ErrUnsure means that the entry may or may not be committed, now or
	// later. Only the ledger can tell which.
	ErrUnsure = errors.New("it is not known whether the entry was committed")
	// ErrClosed means that the node has been shut down: nothing was proposed.
	ErrClosed = errors.New("this node has shut down")
	// ErrTooBig means that an entry is larger than MaxEntry: it was not proposed.
	ErrTooBig = errors.New("the entry is too big")
	// ErrLeadershipLost is the cause with which a tenure's context ends when
	// this node has, or may have, stopped leading.
	ErrLeadershipLost = errors.New("leadership lost")
)

// Options is what a Node is made of.
type Options struct {
	// Dir is the data directory. It is made, with mode 0700, if it does not
	// exist. Required.
	Dir string
	// NodeName is the configured name of this node; the server id is this and
	// eight digits minted at the first start. Required.
	NodeName string
	// Machine is what is replicated. The node owns it from Open on. Required.
	Machine Machine
	// Logger receives this package's lines and raft's. Required.
	Logger *zap.Logger
	// Registerer gets the node's metrics until Shutdown; nil registers none.
	Registerer prometheus.Registerer
	// SnapshotThreshold is how many entries are logged before a snapshot is
	// taken; 0 means DefaultSnapshotThreshold.
	SnapshotThreshold uint64
	// TrailingLogs is how many entries stay in the log behind a snapshot; 0
	// means twice SnapshotThreshold, which reaches back to the snapshot before.
	TrailingLogs uint64
	// Exit ends the process when the node can't go on: a disk that fails or
	// hangs, an entry that can't be applied, a tenure that won't end. Nil
	// means os.Exit.
	Exit func(code int)
}

// tuning is what tests turn and nothing else does.
type tuning struct {
	heartbeat, election, lease time.Duration
	writeDeadline              time.Duration // a longer write to the log stops the process
	tenureGrace                time.Duration // a tenure that takes longer to end stops the process
	barrierDeadline            time.Duration // a leader that can't catch up with its own log stops
	proposeDeadline            time.Duration // to enqueue, when the caller's context has no deadline
	drain                      time.Duration // at shutdown, for raft to answer what it was asked
	free                       func(dir string) (uint64, error)
	wrapLog                    func(raft.LogStore) raft.LogStore
}

// production is for a lone voter, which is all there is so far: nobody else can
// be the leader, so that a short wait before standing costs nothing and a
// restart is over sooner. Several voters need longer ones.
func production() tuning {
	return tuning{
		heartbeat: 60 * time.Millisecond, election: 60 * time.Millisecond, lease: 50 * time.Millisecond,
		writeDeadline: 10 * time.Second, tenureGrace: 10 * time.Second,
		barrierDeadline: time.Minute, proposeDeadline: 10 * time.Second, drain: 2 * time.Second,
		free:    freeBytes,
		wrapLog: func(s raft.LogStore) raft.LogStore { return s },
	}
}

// Node is this process's part in the cluster. All methods may be called from
// any goroutine.
type Node struct {
	id     remedy.NodeID
	tune   tuning
	log    *zap.Logger
	stop   stopFunc
	lock   *dirLock
	stores *stores
	fsm    *fsm
	raft   *raft.Raft

	lead    leadership
	leading atomic.Bool   // a Lead loop runs
	atOpen  uint64        // the last entry in the log when the node was opened
	caught  atomic.Bool   // everything up to atOpen is applied
	ready   atomic.Uint64 // the term in which this node has applied all earlier ones

	metrics *metrics

	calls     calls
	closeOnce sync.Once
	closeErr  error
	wg        sync.WaitGroup
}

// Open starts the node on its data directory. It founds a cluster of one voter
// at the first start; after that, everything that was ever acknowledged is
// there again before the node first leads. It does not wait for leadership.
// The context bounds opening only. An error names what to do about it, and
// nothing is left running or locked then.
func Open(ctx context.Context, o Options) (*Node, error) { return open(ctx, o, production()) }

func open(ctx context.Context, o Options, tune tuning) (node *Node, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	log := o.Logger.Named("cluster")
	n := &Node{
		tune: tune, log: log, stop: newStop(log, o.Exit),
		calls: newCalls(),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.release())
		}
	}()
	if err := prepareDir(o.Dir); err != nil {
		return nil, err
	}
	if n.lock, err = lockDir(o.Dir); err != nil {
		return nil, err
	}
	id, err := loadIdentity(o.Dir, o.NodeName)
	if err != nil {
		return nil, err
	}
	n.id = id.ID
	if err := checkSpace(o.Dir, tune.free); err != nil {
		return nil, err
	}
	raftLog := newRaftLogger(o.Logger)
	n.stores, err = openStores(o.Dir, guard{deadline: tune.writeDeadline, stop: n.stop}, raftLog, tune.wrapLog)
	if err != nil {
		return nil, err
	}
	// One voter needs no port. The transport only ever carries this address;
	// a cluster of several will replace it by one that listens.
	_, trans := raft.NewInmemTransport(raft.ServerAddress(n.id))
	notify := make(chan bool, 64)
	conf := raftConfig(o, n.id, tune)
	conf.NotifyCh, conf.Logger = notify, raftLog
	if err := n.stores.found(o.Dir, &id, conf, trans); err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open the raft log: %w", context.Cause(ctx))
	}
	if n.atOpen, err = n.stores.logs.LastIndex(); err != nil {
		return nil, fmt.Errorf("read the raft log: %w", err)
	}
	n.fsm = newFSM(o.Machine, n.stop)
	if err := n.startRaft(o.Dir, conf, trans); err != nil {
		return nil, err
	}
	if n.metrics, err = newMetrics(n, o.Registerer); err != nil {
		return nil, err
	}
	n.wg.Go(func() { n.followLeadership(notify) })
	return n, nil
}

func (o *Options) complete() error {
	switch {
	case o.Dir == "":
		return errors.New("no data directory: set one")
	case !nodeNamePattern.MatchString(o.NodeName):
		return fmt.Errorf("%q is not a node name: use up to 63 letters, digits, dots, dashes and underscores, with a letter or digit first and last", o.NodeName)
	case o.Machine == nil || o.Logger == nil:
		return errors.New("cluster.Options needs a Machine and a Logger: this is a bug in warden, report it")
	}
	if o.SnapshotThreshold == 0 {
		o.SnapshotThreshold = failpoint.Setting("WARDEN_SNAPSHOT_THRESHOLD", DefaultSnapshotThreshold)
	}
	if o.TrailingLogs == 0 {
		o.TrailingLogs = failpoint.Setting("WARDEN_TRAILING_LOGS", 2*o.SnapshotThreshold)
	}
	if o.Exit == nil {
		o.Exit = os.Exit
	}
	return nil
}

func raftConfig(o Options, id remedy.NodeID, tune tuning) *raft.Config {
	c := raft.DefaultConfig() // pre-vote is on in it
	c.LocalID = raft.ServerID(id)
	c.HeartbeatTimeout, c.ElectionTimeout, c.LeaderLeaseTimeout = tune.heartbeat, tune.election, tune.lease
	c.BatchApplyCh = true
	c.SnapshotThreshold, c.TrailingLogs = o.SnapshotThreshold, o.TrailingLogs
	c.SnapshotInterval = time.Duration(failpoint.Setting("WARDEN_SNAPSHOT_SECONDS", uint64(c.SnapshotInterval/time.Second))) * time.Second
	c.NoLegacyTelemetry = true
	return c
}

// startRaft restores the machine and starts raft. Raft panics, in this
// goroutine, when its log has a hole; that becomes an error.
func (n *Node) startRaft(dir string, conf *raft.Config, trans raft.Transport) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the raft log below %s is damaged: %v: restore the data directory from a backup; nothing in it has been changed", dir, p)
		}
	}()
	r, err := raft.NewRaft(conf, n.fsm, n.stores.logs, n.stores.stable, n.stores.snaps, trans)
	if err != nil {
		return fmt.Errorf("start raft on %s: %w: start the newest warden that has run on this data directory; if this is it, restore the directory from a backup", dir, err)
	}
	n.raft = r
	for _, s := range r.GetConfiguration().Configuration().Servers {
		if s.ID == conf.LocalID {
			return nil
		}
	}
	return fmt.Errorf("the raft log below %s belongs to another node than %s: restore %s and the log from the same backup", dir, conf.LocalID, identityFile)
}

// ID is this node's raft server id. It never changes.
func (n *Node) ID() remedy.NodeID { return n.id }

// Shutdown stops the node and releases its data directory. Tenures end with
// ErrLeadershipLost as their cause; stop what Lead runs first to end in order.
// When ctx ends before raft has stopped, the directory stays locked until the
// process dies. Later calls return what the first one did.
func (n *Node) Shutdown(ctx context.Context) error {
	n.closeOnce.Do(func() { n.closeErr = n.shutdown(ctx) })
	return n.closeErr
}

func (n *Node) shutdown(ctx context.Context) error {
	idle := n.calls.close()
	n.lead.set(false)
	select {
	case <-idle:
	case <-time.After(n.tune.drain):
	case <-ctx.Done():
	}
	stopped := make(chan error, 1)
	go func() { stopped <- n.raft.Shutdown().Error() }()
	select {
	case err := <-stopped:
		close(n.calls.down)
		n.wg.Wait()
		return errors.Join(err, n.releaseStopped())
	case <-ctx.Done():
		close(n.calls.down)
		return fmt.Errorf("stop raft: %w", context.Cause(ctx))
	}
}

// release undoes what a failed open has done so far.
func (n *Node) release() error {
	if n.raft == nil {
		return n.releaseStopped()
	}
	return errors.Join(n.raft.Shutdown().Error(), n.releaseStopped())
}

func (n *Node) releaseStopped() error {
	var errs []error
	if n.metrics != nil {
		n.metrics.unregister()
	}
	if n.stores != nil {
		errs = append(errs, n.stores.wal.Close())
	}
	if n.lock != nil {
		errs = append(errs, n.lock.release())
	}
	return errors.Join(errs...)
}
