package engine

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
)

// handOver is how long a tenure waits for a local round that it has called off
// to let go. What doesn't by then is left to itself, without a say.
const handOver = time.Second

// firstLocal is how long a node waits before its first local round: longer than
// an election takes, so that a node that is to lead asks nobody twice.
const firstLocal = 2 * time.Second

// errCalledOff is why a local round ends early.
var errCalledOff = errors.New("this node leads now")

// baton is the right to run rounds, and the memory that goes with it. A tenure
// has it from its beginning to its end, a local round as long as it takes, and
// never two at once.
type baton struct {
	mu sync.Mutex
	// memory is nil while a local round has it.
	memory *memory
	leads  bool
	// stop calls off the local round that is under way.
	stop context.CancelCauseFunc
	// changed is closed and made anew when any of the above changes.
	changed chan struct{}
}

func (b *baton) change(f func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	f()
	close(b.changed)
	b.changed = make(chan struct{})
}

// lead takes the baton for a tenure. A local round that doesn't let go in time
// keeps its memory, and nobody looks at either any more.
func (b *baton) lead(c clock.Clock) {
	var free bool
	var changed <-chan struct{}
	b.change(func() {
		b.leads = true
		if b.stop != nil {
			b.stop(errCalledOff)
		}
		free = b.memory != nil
	})
	patience := c.After(handOver)
	for !free {
		b.mu.Lock()
		free, changed = b.memory != nil, b.changed
		b.mu.Unlock()
		if free {
			return
		}
		select {
		case <-changed:
		case <-patience:
			b.change(func() {
				if b.memory == nil {
					b.memory = newMemory()
				}
			})
		}
	}
}

// follow gives the baton back at the end of a tenure.
func (b *baton) follow() { b.change(func() { b.leads = false }) }

// borrow takes the baton for one local round, whose context ends when a tenure
// wants it; done gives it back. memory is nil while a tenure has it.
func (b *baton) borrow(ctx context.Context) (round context.Context, m *memory, done func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.leads || b.memory == nil {
		return nil, nil, nil
	}
	m, b.memory = b.memory, nil
	round, stop := context.WithCancelCause(ctx)
	b.stop = stop
	return round, m, func() {
		stop(nil)
		b.change(func() {
			b.stop = nil
			if b.memory == nil { // it was not left to itself
				b.memory = m
			}
		})
	}
}

// state is whether a tenure has the baton, and a channel that is closed when
// that may have changed.
func (b *baton) state() (leads bool, changed <-chan struct{}) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.leads, b.changed
}

// Follow runs local rounds while this node does not lead, until ctx ends. A
// local round asks, observes and judges as a tenure's does, and what it saw is
// shown; it commits nothing, decides nothing and starts nothing. So a node that
// takes over knows its inventories and has its sources' caches warm, and one
// that is asked for a second opinion has looked for itself. It is called once,
// beside Run.
func (e *Engine) Follow(ctx context.Context) {
	next := e.Clock.Now().Add(firstLocal)
	for ctx.Err() == nil {
		leads, changed := e.baton.state()
		var due <-chan time.Time
		if !leads {
			due = e.Clock.After(next.Sub(e.Clock.Now()))
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
			continue
		case <-due:
		}
		if round, m, done := e.baton.borrow(ctx); m != nil {
			e.localRound(round, m)
			done()
		}
		interval := e.Config().interval()
		next = e.Clock.Now().Truncate(interval).Add(interval)
	}
}

// localRound is a round of a node that does not lead.
func (e *Engine) localRound(ctx context.Context, m *memory) {
	cfg := e.Config()
	r := e.detect(ctx, cfg, m, false)
	for _, name := range sorted(r.pools) {
		p := r.pools[name]
		p.believe(e.Ledger.Pool(name, r.now))
	}
	r.results = nil
	if cfg.FreezeFile != nil {
		e.relayFreeze(ctx, cfg)
	}
	published := false
	e.mu.Lock()
	// A tenure calls the round off before it takes the lock.
	if published = ctx.Err() == nil && cfg == e.Config(); published {
		e.locals.Add(1)
		e.publish(r, &View{Local: true})
	}
	e.mu.Unlock()
	if published {
		e.over()
	}
}

// over notes that a round has come to its end.
func (e *Engine) over() { e.evaluated.Store(new(e.Clock.Read())) }

// LastRound is when this node's newest round came to its end, whether it led or
// not; false before the first. For a watchdog: rounds that don't end any more
// mean that this process watches over nothing.
func (e *Engine) LastRound() (clock.Reading, bool) {
	if at := e.evaluated.Load(); at != nil {
		return *at, true
	}
	return clock.Reading{}, false
}

// LocalRounds counts the rounds that this process evaluated without leading.
func (e *Engine) LocalRounds() int64 { return e.locals.Load() }

// relayFreeze has the leader freeze everything when this node's freeze file is
// there, or can't be looked for: a node that can't read its own off switch may
// have been told to stop. Only a person lifts it.
func (e *Engine) relayFreeze(ctx context.Context, cfg *Config) {
	there, err := cfg.FreezeFile()
	frozen := e.Ledger.Status().Freeze
	if (!there && err == nil) || (frozen != nil && frozen.Until.IsZero()) {
		return
	}
	reason := "the freeze file is there on " + string(e.Node)
	if err != nil {
		reason = string(e.Node) + " can't tell whether its freeze file is there: " + err.Error()
	}
	if _, err := e.say(ctx, &ledger.FreezeSet{Reason: reason}); err != nil {
		e.Logger.Error("this node's freeze file asks to freeze, and the leader doesn't know it yet", zap.Error(err))
	}
}
