package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/failpoint"
	"warden/internal/remedy"
)

// The process's exit status when a node stops itself.
const (
	exitFailure = 1
	// exitAgain is for a node that is well, and whose raft is not: starting
	// again is all it takes. The unit does so at this status.
	exitAgain = 75
)

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
	// Peers are all nodes of the cluster, this one included. Without any this
	// node is the only voter of its own cluster and opens no port.
	Peers []Peer
	// Listen is where to listen for peers, as HOST:PORT; empty for this node's
	// own address in Peers.
	Listen string
	// Credentials are for connections with peers. Required with Peers.
	Credentials Credentials
	// Timing is the set of raft's timeouts with Peers; empty for TimingDefault.
	Timing Timing
	// CommandVersion is the newest version of entries that the Machine knows,
	// as peers are told.
	CommandVersion int
	// Recovered is called with the Machine at the end of the log when a person
	// asked for a recovery, and returns the state that the new cluster goes on
	// from. It may be called again after a crash. Without it none can be done.
	Recovered func(Recovery) (io.WriterTo, error)
	// Network makes the connections; nil for TCP.
	Network Network
	// Exit ends the process when the node can't go on: a disk that fails or
	// hangs, an entry that can't be applied, a tenure that won't end. Nil
	// means os.Exit.
	Exit func(code int)
}

// Node is this process's part in the cluster. All methods may be called from
// any goroutine.
type Node struct {
	id     remedy.NodeID
	tune   tuning
	log    *zap.Logger
	stop   stopFunc
	again  stopFunc // ends the process to be started again
	lock   *dirLock
	record *record
	stores *stores
	fsm    *fsm
	raft   *raft.Raft
	ring   *ring // nil without peers

	peerAPI        handlerSlot
	commandVersion int
	members        sync.Mutex            // one change of the members at a time
	asked          chan struct{}         // closed when this node should end
	leaving        atomic.Pointer[aside] // why, and who should lead then

	lead    leadership
	leading atomic.Bool   // a Lead loop runs
	up      atomic.Bool   // raft was started
	atOpen  uint64        // the last entry in the log when the node was opened
	joined  atomic.Uint64 // the last entry the cluster had when a node without a log joined it
	caught  atomic.Bool   // everything up to atOpen, or joined, is applied
	opened  time.Time
	waits   atomic.Pointer[string] // what it takes to be in a cluster, as people were told
	ready   atomic.Uint64          // the term in which this node has applied all earlier ones

	metrics *metrics

	calls     calls
	closeOnce sync.Once
	closeErr  error
	wg        sync.WaitGroup
}

// Open starts the node on its data directory. A node without peers founds a
// cluster of one voter at the first start; one with peers listens, and founds
// one when all of them are empty and its name is the lowest, or waits to be
// added. Everything that was ever acknowledged is there again before the node
// first leads. Open does not wait for leadership. The context bounds opening
// only. An error names what to do about it, and nothing is left running or
// locked then.
func Open(ctx context.Context, o Options) (*Node, error) { return open(ctx, o, production(o)) }

func open(ctx context.Context, o Options, tune tuning) (node *Node, err error) {
	if err := o.complete(); err != nil {
		return nil, err
	}
	log := o.Logger.Named("cluster")
	n := &Node{
		tune: tune, log: log, stop: newStop(log, o.Exit), again: newStopWith(log, o.Exit, exitAgain),
		calls: newCalls(), commandVersion: o.CommandVersion,
		asked: make(chan struct{}),
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, n.release())
		}
	}()
	if err := n.openDir(o); err != nil {
		return nil, err
	}
	raftLog := newRaftLogger(o.Logger)
	n.stores, err = openStores(o.Dir, n.guard(), raftLog, tune.wrapLog, n.record.stored)
	if err != nil {
		return nil, err
	}
	var trans raft.Transport
	if len(o.Peers) == 0 {
		// One voter needs no port. The transport only ever carries this address.
		_, trans = raft.NewInmemTransport(raft.ServerAddress(n.id))
	} else {
		if n.ring, err = openRing(ctx, o, tune, n.record, raftLog, log); err != nil {
			return nil, err
		}
		trans = n.ring.trans
	}
	notify := make(chan bool, 64)
	conf := raftConfig(o, n.id, tune)
	conf.NotifyCh, conf.Logger = notify, raftLog
	if err := n.recoverIfAsked(o, conf, trans); err != nil {
		return nil, err
	}
	at, err := n.settle(conf, trans)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("open the raft log: %w", context.Cause(ctx))
	}
	n.fsm = newFSM(o.Machine, n.stop)
	if err := n.stores.dropOvertaken(n.fsm, log); err != nil {
		return nil, fmt.Errorf("%w: check the disk below %s", err, o.Dir)
	}
	if n.atOpen, err = n.stores.logs.LastIndex(); err != nil {
		return nil, fmt.Errorf("read the raft log: %w", err)
	}
	n.stores.logs = installLog{LogStore: n.stores.logs, fsm: n.fsm, emptied: n.checkInstalled}
	if err := n.startRaft(o.Dir, conf, trans); err != nil {
		return nil, err
	}
	n.opened = time.Now()
	n.up.Store(true)
	if err := n.checkMembership(o.Dir, at); err != nil {
		return nil, err
	}
	if n.metrics, err = newMetrics(n, o.Registerer); err != nil {
		return nil, err
	}
	n.wg.Go(func() { n.followLeadership(notify) })
	if n.ring != nil {
		n.ring.serve(n)
		n.ring.wg.Go(n.watchPeers)
		if at == stateEmpty || at == stateJoining {
			n.ring.wg.Go(n.bootstrap)
		}
	}
	return n, nil
}

// openDir makes the data directory this process's own and reads who it is.
func (n *Node) openDir(o Options) error {
	if err := prepareDir(o.Dir); err != nil {
		return err
	}
	var err error
	if n.lock, err = lockDir(o.Dir); err != nil {
		return err
	}
	id, err := loadIdentity(o.Dir, o.NodeName)
	if err != nil {
		return err
	}
	n.id, n.record = id.ID, newRecord(o.Dir, id)
	return checkSpace(o.Dir, n.tune.free)
}

// settle brings an interrupted founding to its end, and founds where there are
// no peers to ask. It says what the node has then.
func (n *Node) settle(conf *raft.Config, trans raft.Transport) (state, error) {
	at, err := n.stores.inspect(n.record)
	if err != nil {
		return at, err
	}
	if at != stateMember {
		if err := n.stores.own(n.id); err != nil {
			return at, fmt.Errorf("write down whose raft log this is: %w: check the disk below %s", err, n.record.dir)
		}
	}
	if at == stateFounding || (at == stateEmpty && n.ring == nil) {
		cluster, err := mintCluster()
		if err != nil {
			return at, err
		}
		if err := n.record.found(cluster, nil); err != nil {
			return at, err
		}
		at = stateMember
		return at, n.stores.found(n.record, func(c raft.Configuration) error {
			return raft.BootstrapCluster(conf, n.stores.logs, n.stores.stable, n.stores.snaps, trans, c)
		})
	}
	return at, nil
}

// checkMembership holds what the log says of the members against node.json and
// the config.
func (n *Node) checkMembership(dir string, at state) error {
	servers := n.raft.GetConfiguration().Configuration().Servers
	mine := slices.ContainsFunc(servers, func(s raft.Server) bool { return s.ID == raft.ServerID(n.id) })
	switch {
	case at != stateMember && n.ring != nil:
		return nil
	case n.ring == nil && (len(servers) > 1 || at != stateMember):
		return fmt.Errorf("the raft log below %s is of a cluster of several nodes and the config has no [cluster] peers: set them, or move all of %s away to start as a new node with an empty ledger", dir, dir)
	case mine:
		return n.stores.own(n.id)
	}
	// A log that says whose it is may be of a node that was removed, or that
	// is being added. One from before it said so is somebody else's.
	if owner, err := n.stores.stable.Get(ownerKey); err != nil || len(owner) == 0 {
		return errors.Join(err, fmt.Errorf("the raft log below %s belongs to another node than %s: restore %s and the log from the same backup", dir, n.id, identityFile))
	}
	n.log.Warn("this node is not a member of the cluster as its log has it: it was removed, or is being added", zap.String("node", string(n.id)))
	return nil
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
	// A leader that was removed steps down and answers what it is asked; the
	// process decides when it ends.
	c.ShutdownOnRemove = false
	return c
}

// startRaft restores the machine and starts raft. Raft panics, in this
// goroutine, when its log has a hole; that becomes an error.
func (n *Node) startRaft(dir string, conf *raft.Config, trans raft.Transport) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the raft log below %s is damaged: %v: %s; nothing in it has been changed", dir, p, mend(dir))
		}
	}()
	r, err := raft.NewRaft(conf, n.fsm, n.stores.logs, n.stores.stable, n.stores.snaps, trans)
	if err != nil {
		return fmt.Errorf("start raft on %s: %w: start the newest warden that has run on this data directory; if this is it, %s", dir, err, mend(dir))
	}
	n.raft = r
	return nil
}

// ID is this node's raft server id. It never changes.
func (n *Node) ID() remedy.NodeID { return n.id }
