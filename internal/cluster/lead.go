package cluster

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// leadership is the newest thing raft said about who leads. Raft blocks when
// its notifications are not read, so one goroutine does nothing but move them
// here, and here the newest wins.
type leadership struct {
	mu      sync.Mutex
	leads   bool
	changed chan struct{} // closed at the next change
}

// set stores what raft said and wakes everybody who watches. Saying the same
// twice counts as a change: leadership was lost and won again in between.
func (l *leadership) set(leads bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.leads = leads
	if l.changed != nil {
		close(l.changed)
		l.changed = nil
	}
}

// watch returns the current state and a channel that is closed when it changes.
func (l *leadership) watch() (leads bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.changed == nil {
		l.changed = make(chan struct{})
	}
	return l.leads, l.changed
}

// followLeadership is the one reader of raft's notifications.
func (n *Node) followLeadership(notify <-chan bool) {
	for {
		select {
		case leads := <-notify:
			if n.calls.isClosing() {
				leads = false
			}
			n.metrics.changes.Inc()
			n.lead.set(leads)
		case <-n.calls.down:
			return
		}
	}
}

// Lead runs fn whenever this node leads, one tenure at a time, until ctx ends
// or the node is shut down, and returns nil then. Before fn is called, the
// machine has applied everything that earlier leaders committed. The context
// that fn gets ends when ctx does, or with ErrLeadershipLost as its cause as
// soon as leadership may be lost; fn must then return. If it does not within
// 10 s after a loss, the process exits: better no engine than two. A tenure
// that this node can't begin within a minute ends the process as well. When
// fn returns by itself while this node still leads, Lead returns its error,
// nil included, and leads no more. Only one Lead may run at a time.
func (n *Node) Lead(ctx context.Context, fn func(ctx context.Context, term uint64) error) error {
	if !n.leading.CompareAndSwap(false, true) {
		return errors.New("Lead is running already: this is a bug in warden, report it")
	}
	defer n.leading.Store(false)
	for {
		leads, changed := n.lead.watch()
		if n.calls.isClosing() || ctx.Err() != nil {
			return nil
		}
		if !leads {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		term, err := n.begin(ctx, changed)
		if err != nil {
			return err
		}
		if term == 0 {
			continue
		}
		if over, err := n.tenure(ctx, term, changed, fn); over {
			return err
		}
	}
}

// begin brings the machine up to date for a new tenure and returns its term,
// or 0 when there is none after all.
func (n *Node) begin(ctx context.Context, changed <-chan struct{}) (uint64, error) {
	bctx, cancel := context.WithTimeout(ctx, n.tune.barrierDeadline)
	defer cancel()
	term := n.raft.CurrentTerm()
	err := n.barrier(bctx, term)
	select {
	case <-changed:
		return 0, nil
	default:
	}
	switch {
	case err == nil:
		return term, nil
	case ctx.Err() != nil, errors.Is(err, ErrClosed):
		return 0, nil
	case errors.Is(err, ErrNotLeader):
		// Raft has said so to us and will say so to the watcher; until then
		// there is nothing to do.
		select {
		case <-changed:
		case <-bctx.Done():
		}
		if bctx.Err() == nil || ctx.Err() != nil {
			return 0, nil
		}
	}
	n.stop("this node was elected but can't lead, so it stops: check the disk and the load of this machine, then start warden again",
		zap.Uint64("term", term), zap.Error(err))
	return 0, fmt.Errorf("begin to lead in term %d: %w", term, err)
}

// tenure runs fn for one term. It reports whether Lead is over, and with what.
func (n *Node) tenure(ctx context.Context, term uint64, lost <-chan struct{}, fn func(context.Context, uint64) error) (bool, error) {
	tctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	done := make(chan error, 1)
	go func() { done <- fn(tctx, term) }()
	n.log.Info("this node leads", zap.Uint64("term", term))
	var grace <-chan time.Time
	for {
		select {
		case err := <-done:
			if n.lostBy(term, lost) {
				cancel(ErrLeadershipLost)
			}
			n.log.Info("this node's tenure has ended", zap.Uint64("term", term), zap.NamedError("cause", context.Cause(tctx)))
			return n.tenureEnd(ctx, tctx, term, err)
		case <-lost:
			cancel(ErrLeadershipLost)
			lost = nil
			grace = time.After(n.tune.tenureGrace)
		case <-grace:
			n.stop("this node lost leadership and its tenure did not end in time, so it stops: it starts again by itself under systemd; report this as a bug",
				zap.Uint64("term", term), zap.Duration("waited", n.tune.tenureGrace))
			return true, fmt.Errorf("the tenure of term %d did not end within %s of losing leadership", term, n.tune.tenureGrace)
		}
	}
}

// lostBy reports whether the tenure of term is over for raft. Raft fails what
// is in flight before it says that it lost, so fn may know first.
func (n *Node) lostBy(term uint64, lost <-chan struct{}) bool {
	select {
	case <-lost:
		return true
	default:
		return n.raft.State() != raft.Leader || n.raft.CurrentTerm() != term
	}
}

// tenureEnd sorts what fn returned. After a loss its error is only worth a
// line in the log, since failing is what everything does then.
func (n *Node) tenureEnd(ctx, tctx context.Context, term uint64, err error) (bool, error) {
	if errors.Is(context.Cause(tctx), ErrLeadershipLost) {
		if err != nil {
			n.log.Debug("the lost tenure ended with an error", zap.Uint64("term", term), zap.Error(err))
		}
		return false, nil
	}
	if err == nil || (ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx)))) {
		return true, nil
	}
	return true, fmt.Errorf("lead in term %d: %w", term, err)
}
