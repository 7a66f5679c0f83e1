package cli

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/cluster"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/peer"
	"warden/internal/remedy"
)

// peersOf makes this node's way to ask the others.
func (d *daemon) peersOf() *peer.Client {
	return peer.NewClient(peer.ClientOptions{
		Transport: peerTransport{d.node.PeerTransport()}, Node: d.node.ID(), Voters: d.node.Voters,
		Leader: func() remedy.NodeID {
			id, _ := d.node.Leader()
			return id
		},
		Clock: d.Clock, Logger: d.Logger.Named("peer"),
	})
}

// voters are the others as the engine asks them; none on a node that is alone.
func (d *daemon) voters() engine.Voters {
	if d.tls == nil {
		return nil
	}
	return d.peers
}

// servePeers has the other nodes answered from now on.
func (d *daemon) servePeers() {
	own := peer.NewServer(peer.ServerOptions{
		Node: d.node.ID(), Committer: d.engine, Witness: d.engine, Clock: d.Clock, Logger: d.Logger.Named("peer"),
		Speaks: d.node.Speaks, Hashes: d.hashes,
	})
	mux := http.NewServeMux()
	mux.Handle(peer.Prefix, own)
	mux.Handle("/", d.server.PeerHandler())
	d.node.ServePeers(mux)
}

// peerTransport tells a request that was sent to nobody from one whose fate is
// unknown.
type peerTransport struct{ http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (t peerTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := t.RoundTripper.RoundTrip(r)
	if cluster.Unreachable(err) {
		err = fmt.Errorf("%w: %w", peer.ErrUnsent, err)
	}
	return resp, err
}

// webPeers are the other nodes as the HTTP surface needs them.
type webPeers struct {
	*peer.Client
	node *cluster.Node
}

// Speaks implements web.Peers.
func (p webPeers) Speaks(ctx context.Context, id remedy.NodeID) bool { return p.node.Speaks(ctx, id) }

// The pace of reporting. A node whose file nobody knows counts as metric-only,
// so it is looked after soon, and again and again.
const (
	reportEvery   = 2 * time.Second
	reportAtMost  = 5 * time.Second
	reportWithin  = 15 * time.Second
	maxUntold     = 16
	maxTold       = 32 << 10 // a reload that changes more is told cut short
	reportAtFirst = 100 * time.Millisecond
)

// spokesman is the engine as far as it speaks for its node.
type spokesman interface {
	// Reported reports whether the ledger has this node's config.
	Reported() bool
	// ReportConfig has it committed.
	ReportConfig(ctx context.Context) error
	// Tell has people told of something.
	Tell(ctx context.Context, kind ledger.NoticeKind, detail string) error
}

// reporter keeps this node's config committed, whoever leads, and sees to it
// that what a reload changed is told.
type reporter struct {
	says   spokesman
	clock  clock.Clock
	logger *zap.Logger
	nudge  chan struct{}
	why    string // why it was not reported, as logged last; run's own

	mu     sync.Mutex
	untold []string
}

func newReporter(says spokesman, c clock.Clock, l *zap.Logger) *reporter {
	return &reporter{says: says, clock: c, logger: l, nudge: make(chan struct{}, 1)}
}

// tell queues what a reload changed, and has it told, and the config reported,
// as soon as somebody leads.
func (r *reporter) tell(told string) {
	r.mu.Lock()
	if told != "" {
		if len(told) > maxTold {
			told = strings.ToValidUTF8(told[:maxTold], "") + "\n... `warden config show` on the node says the rest"
		}
		r.untold = append(r.untold, told)
		if n := len(r.untold) - maxUntold; n > 0 {
			r.logger.Warn("what a reload changed is told to nobody: there has been no leader for so long", zap.Strings("dropped", r.untold[:n]))
			r.untold = r.untold[n:]
		}
	}
	r.mu.Unlock()
	select {
	case r.nudge <- struct{}{}:
	default:
	}
}

// run reports at the start, at each nudge and whenever the ledger differs, less
// often the longer that fails, until ctx ends.
func (r *reporter) run(ctx context.Context) {
	wait, pause := reportAtFirst, reportEvery
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.nudge:
		case <-r.clock.After(wait):
		}
		if r.keep(ctx) {
			wait, pause = reportEvery, reportEvery
			continue
		}
		wait, pause = pause, min(2*pause, reportAtMost)
	}
}

// keep says what is still to be said; false when some of it is still not.
func (r *reporter) keep(ctx context.Context) bool {
	ctx, cancel := context.WithTimeout(ctx, reportWithin)
	defer cancel()
	if !r.says.Reported() {
		if err := r.says.ReportConfig(ctx); err != nil {
			level := zap.DebugLevel
			if why := err.Error(); why != r.why {
				level, r.why = zap.InfoLevel, why
			}
			r.logger.Log(level, "this node's config is not reported yet", zap.Error(err))
			return false
		}
		r.why = ""
		r.logger.Info("this node's config is reported")
	}
	for {
		r.mu.Lock()
		if len(r.untold) == 0 {
			r.mu.Unlock()
			return true
		}
		next := r.untold[0]
		r.mu.Unlock()
		err := r.says.Tell(ctx, ledger.NoticeConfig, next)
		if errors.Is(err, engine.ErrNotCommitted) || errors.Is(err, engine.ErrBusy) {
			return false
		}
		if err != nil { // told or not: twice would be worse than in the log alone
			r.logger.Warn("it is not known whether people were told what the reload changed", zap.String("told", next), zap.Error(err))
		}
		r.mu.Lock()
		r.untold = r.untold[1:]
		r.mu.Unlock()
	}
}
