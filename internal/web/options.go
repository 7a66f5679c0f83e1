package web

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Shower is the engine as far as it shows what is. It never changes anything.
type Shower interface {
	// Config is the config in force on this node.
	Config() *engine.Config
	// View is what the newest round saw.
	View() *engine.View
	// LocalRounds counts the rounds that were evaluated without leading.
	LocalRounds() int64
	// Find says which pool or host a word means.
	Find(word string, pool remedy.PoolName) (engine.Target, error)
	// Now decides afresh a case that waits; false for any other.
	Now(id remedy.CaseID) (remedy.Decision, bool)
	// PreviewRun and PreviewUndo say what would be done.
	PreviewRun(ctx context.Context, q engine.RunRequest) (engine.Preview, error)
	PreviewUndo(id remedy.CaseID) (engine.Preview, error)
	// Explain says what was made of a host at an instant, or would have been.
	Explain(ctx context.Context, q engine.ExplainQuery) (*engine.Explanation, error)
	Try(ctx context.Context, q engine.TrialQuery) (*engine.Trial, error)
}

// CaseDesk is the engine as far as people act on hosts through it. Its errors
// are *engine.Refusal, or wrap engine.ErrNotCommitted, or leave it open whether
// anything was committed.
type CaseDesk interface {
	Answer(ctx context.Context, by remedy.Actor, a ledger.CaseAnswer) error
	Resolve(ctx context.Context, by remedy.Actor, b ledger.Resolve) error
	Cancel(ctx context.Context, by remedy.Actor, b ledger.CaseCancel) error
	Snooze(ctx context.Context, by remedy.Actor, b ledger.CaseSnooze, d time.Duration) error
	Undo(ctx context.Context, by remedy.Actor, id remedy.CaseID, reason remedy.UndoReason) error
	RunByHand(ctx context.Context, by remedy.Actor, q engine.RunRequest) (remedy.CaseID, error)
}

// StopDesk is the engine as far as people hold it back, and let it go again.
// Its errors are those of CaseDesk.
type StopDesk interface {
	Hold(ctx context.Context, by remedy.Actor, t engine.Target, reason string, until time.Time) error
	Release(ctx context.Context, by remedy.Actor, t engine.Target) error
	Freeze(ctx context.Context, by remedy.Actor, reason string, until time.Time) error
	Unfreeze(ctx context.Context, by remedy.Actor) error
	AcceptPool(ctx context.Context, by remedy.Actor, pool remedy.PoolName) error
	ResetBreaker(ctx context.Context, by remedy.Actor, pool remedy.PoolName, comment string, seen time.Time) error
}

// TrustDesk is the engine as far as people say whose word counts, and how right
// it was. Its errors are those of CaseDesk.
type TrustDesk interface {
	Label(ctx context.Context, by remedy.Actor, b ledger.CaseLabel) error
	Demote(ctx context.Context, by remedy.Actor, b ledger.TrustDemote) error
	Review(ctx context.Context, by remedy.Actor, b ledger.TrustReview) error
	Waive(ctx context.Context, by remedy.Actor, node, reason string) error
	Unwaive(ctx context.Context, by remedy.Actor, node string) error
}

// Engine is what a *engine.Engine is to this package.
type Engine interface {
	Shower
	CaseDesk
	StopDesk
	TrustDesk
	SummaryDesk
}

// Build says which build this is.
type Build struct{ Version, Revision, GoVersion string }

// ReloadState is how the newest reload of the config went.
type ReloadState struct {
	OK bool
	At time.Time // of the newest good one
}

// Reloaded is what a reload put in force.
type Reloaded struct {
	Hash    string
	Changes config.Changes
	// InForce says of each change what comes of it in the cluster; an element is
	// empty where there is nothing to say, and a nil slice says nothing of any.
	InForce []string
	// Gates says of each change that raises a level what its gate says, in the
	// same way.
	Gates []string
	// Moves are the levels in force that are others now although their level in
	// the file is not: for [policy] is another one.
	Moves    []engine.Move
	Warnings config.Report
}

// ReloadRefused is a config file with errors in it. Nothing of it is in force.
type ReloadRefused struct{ Report config.Report }

// Error says the first of them, and how many there are.
func (r *ReloadRefused) Error() string { return r.Report.Err().Error() }

// Node is the node as the process that runs it knows it. All functions are
// called at every request that needs them, from any goroutine.
type Node struct {
	ID remedy.NodeID
	// AuditPath is where the node writes its audit files; empty for nowhere.
	AuditPath string
	// Cluster returns the cluster's name: a reload may change it.
	Cluster func() string
	// Raft returns the raft status. On an error what could be read is shown.
	Raft func() (RaftStatus, error)
	// Leader returns the leader that this node knows of and, if it knows none,
	// since when. It costs next to nothing. Nil takes what Raft says.
	Leader func() (id remedy.NodeID, noneSince time.Time)
	// Ready returns nil once the config is loaded and the log replayed. It
	// doesn't ask for a leader: a node without one is ready to vote. While it
	// returns a *Behind reads are answered, marked with it. An error that wraps
	// ErrNoCluster will not pass by itself, and any other soon.
	Ready func() error
	// Outline is the config in force.
	Outline func() config.Outline
	// Reload puts the config file in force, all of it or nothing, and says what
	// that changed. by asked for it. Its error is a *ReloadRefused when the file
	// is what is wrong.
	Reload func(ctx context.Context, by remedy.Actor) (Reloaded, error)
	// Reloaded says how the newest reload went.
	Reloaded func() ReloadState
	// Troubles are what this node can't do just now, beside what else the status
	// says. Nil for none.
	Troubles func() []Trouble
}

// Peers is the rest of the cluster, as far as this surface needs it.
type Peers interface {
	// Forward sends a request, with this body, to another node, once, and
	// returns the answer's status, headers and body. An error that wraps
	// engine.ErrNotCommitted says that it certainly never got there.
	Forward(ctx context.Context, to remedy.NodeID, r *http.Request, body []byte) (status int, header http.Header, answer []byte, err error)
	// Speaks reports whether the verified peer of a request's connection is the
	// voter of that id.
	Speaks(ctx context.Context, id remedy.NodeID) bool
}

// Options is what a Server is made of. All fields are required, Listen,
// Lifecycle, Peers and Operator apart.
type Options struct {
	// Socket is the path of the unix socket, at most about 100 bytes long. It
	// is made with mode 0660 in a directory that must exist.
	Socket string
	// Listen is the loopback address of the read-only TCP listener, such as
	// "127.0.0.1:9723"; empty for none.
	Listen string
	// Lifecycle allows POST /-/reload over TCP too.
	Lifecycle bool
	Engine    Engine
	Ledger    *ledger.Ledger
	Node      Node
	// Peers are the other nodes; nil on a node that is alone, which has nobody
	// to forward to.
	Peers Peers
	// Operator looks after the cluster itself; nil where there is none to.
	Operator Operator
	Build    Build
	Clock    clock.Clock
	Logger   *zap.Logger
	// Registry is shown on /metrics. Open registers this package's collector
	// on it, and Close unregisters it.
	Registry *prometheus.Registry
}

// check finds what is missing: a nil that would only show at the first request.
func (o *Options) check() error {
	switch {
	case o.Socket == "":
		return errors.New("no path for the unix socket: set web.socket")
	case o.Engine == nil, o.Ledger == nil, o.Clock == nil, o.Logger == nil, o.Registry == nil,
		o.Node.Cluster == nil, o.Node.Raft == nil, o.Node.Ready == nil, o.Node.Reload == nil, o.Node.Outline == nil, o.Node.Reloaded == nil:
		return errors.New("web.Options is incomplete; this is a bug, please report it")
	}
	return nil
}
