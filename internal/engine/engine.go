// Package engine is the flow, run by the leader: it asks the sources, has the
// detectors judge and the policy decide, carries out what the ledger admits,
// verifies it and tells people. detect.go, propose.go, decide.go, execute.go,
// verify.go and record.go are its stages; this file holds their order.
//
// The engine holds no truth: everything that matters is committed to the
// ledger before it is acted on. See DESIGN.md.
package engine

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Log is the replicated log as the engine needs it.
type Log interface {
	// Commit proposes an entry and returns once it is applied on this node. An
	// error may mean that nobody knows whether it was committed: only the
	// ledger tells.
	Commit(ctx context.Context, e ledger.Entry) (ledger.Applied, error)
	// Relay has the leader commit an entry: on the leader it is Commit, and any
	// other node hands it on. Only what a node may say for itself is taken: its
	// own report, FINISHED of an execution of its own, a freeze file that it saw,
	// a notice of a reload. The results are the leader's; this node may apply the
	// entry a moment later. An error that wraps ErrNotCommitted means that the
	// entry is certainly in no log, now and later: there is no leader, it can't
	// be reached, or it refused. After any other nobody knows.
	Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error)
	// Verify returns nil once this node certainly led after the call and has
	// applied everything that was committed before it.
	Verify(ctx context.Context) error
}

// Options is what an Engine is made of. All fields are required, Spawn apart.
type Options struct {
	Log       Log
	Ledger    *ledger.Ledger
	Clock     clock.Clock
	Announcer chat.Announcer
	Logger    *zap.Logger
	Node      remedy.NodeID
	// Spawn starts an execution. Nil means a goroutine of its own; simulate
	// runs executions in line, so that a stepped clock sees them end.
	Spawn func(func())
}

// Engine runs rounds while this node leads. Its exported methods may be called
// from any goroutine.
type Engine struct {
	Options
	config atomic.Pointer[Config]
	view   atomic.Pointer[View]
	kick   chan struct{}
	work   sync.WaitGroup // running executions
	// pools is used by the goroutine that runs rounds, and by no other.
	pools map[remedy.PoolName]*poolMemory
	// verdicts is used by rounds alone, too.
	verdicts spareVerdicts

	// mu serialises what is decided and started, so that each decision sees
	// what the one before committed. It is not held while sources are asked.
	mu sync.Mutex
	// admit is false from SIGTERM on: nothing new starts.
	admit atomic.Bool
	// warm is whether one complete round has run in this tenure; drift how far
	// wall and monotonic time have moved apart.
	warm     atomic.Bool
	drift    atomic.Int64
	reloaded atomic.Bool // the config was reloaded since the last round
	// explaining is held while history is judged again for somebody.
	explaining sync.Mutex
	voice      voice
	outSeen    outSeen
	// stamps is a copy of what is known of the clock, for stamping entries.
	stampMu sync.Mutex
	stamps  clockWatch
	tenure
}

// tenure is what the engine remembers while it leads, and nothing else: all of
// it can be rebuilt. Guarded by Engine.mu.
type tenure struct {
	rounds  int
	clocks  clockWatch
	stepped string   // what to tell of a clock that stepped; empty when told
	late    bool     // the clock is behind committed time, and that was told
	queue   []func() // executions whose START is committed, to be spawned
	// running are the executions this process carries out; seen is when this
	// tenure first noticed each executing case that it doesn't carry out.
	running map[remedy.CaseID]remedy.Token
	seen    map[remedy.CaseID]sighting
	// intact is what was seen of the hosts that are out: see reassert.go. tried
	// is the round in which a case was last to be put back.
	intact intacts
	tried  map[remedy.CaseID]int
	blind  map[remedy.SourceName]bool
	deaf   map[remedy.PoolName]bool // pools whose load balancer can't be asked
	// called are the cases that don't get going: see called.go.
	called map[remedy.CaseID]calledOff
	// lent is what detectors that were lent said last.
	lent map[lentTo]*remedy.Judgement
	// leads is nil as long as this tenure lasts; there is none before the
	// first round. It is not the context of whoever asks for something: a
	// person who hangs up doesn't end a tenure.
	leads func() error
}

// sighting is when an execution without a runner was first seen.
type sighting struct {
	token remedy.Token
	at    clock.Reading
	next  time.Duration // wait before the next look
	due   time.Duration // monotonic time of the next look
}

// New returns an engine that does nothing until Run or Round.
func New(o Options, cfg *Config) *Engine {
	if o.Spawn == nil {
		o.Spawn = func(f func()) { go f() }
	}
	e := &Engine{Options: o, kick: make(chan struct{}, 1)}
	e.outSeen.newest = map[remedy.PoolName]uint64{}
	e.config.Store(cfg)
	e.admit.Store(true)
	e.reset()
	return e
}

// reset forgets everything of an earlier tenure.
func (e *Engine) reset() {
	e.tenure = tenure{
		clocks:  newClockWatch(e.Clock.Read()),
		running: map[remedy.CaseID]remedy.Token{},
		seen:    map[remedy.CaseID]sighting{},
		intact:  intacts{}, tried: map[remedy.CaseID]int{},
		blind:  map[remedy.SourceName]bool{},
		deaf:   map[remedy.PoolName]bool{},
		called: map[remedy.CaseID]calledOff{},
		lent:   map[lentTo]*remedy.Judgement{},
	}
	e.pools = map[remedy.PoolName]*poolMemory{}
	e.warm.Store(false)
	e.drift.Store(0)
	e.stampMu.Lock()
	e.stamps = e.clocks
	e.stampMu.Unlock()
	e.view.Store(&View{})
	again := uint64(0)
	for _, n := range e.Ledger.Pending() {
		again = max(again, n.Seq)
	}
	e.voice.reset(again)
	for _, r := range e.Ledger.Status().Reports {
		if r.Node == e.Node && r.ConfigHash != e.Config().Hash {
			e.reloaded.Store(true) // edited while this node didn't run, or didn't lead
		}
	}
}

// verifyEvery is how often what was just done is looked at again, between
// rounds.
const verifyEvery = 2 * time.Second

// Run runs rounds until ctx ends, which it does when leadership does. It waits
// for the executions it started: losing leadership kills no effect.
func (e *Engine) Run(ctx context.Context) error {
	e.mu.Lock()
	e.reset()
	e.leads = ctx.Err
	e.mu.Unlock()
	defer e.idle()
	e.Logger.Info("tenure began")
	for ctx.Err() == nil {
		e.Round(ctx)
		e.rest(ctx)
	}
	e.Logger.Info("tenure ended", zap.Error(context.Cause(ctx)))
	return nil
}

// rest waits for the next aligned instant, looking after what is unfinished
// meanwhile.
func (e *Engine) rest(ctx context.Context) {
	interval := e.Config().interval()
	now := e.Clock.Now()
	next := now.Truncate(interval).Add(interval)
	for ctx.Err() == nil && e.Clock.Now().Before(next) {
		wait := next.Sub(e.Clock.Now())
		if e.unfinished() {
			wait = min(wait, verifyEvery)
		}
		select {
		case <-ctx.Done():
			return
		case <-e.kick:
			e.attend(ctx)
		case <-e.Clock.After(wait):
			if e.unfinished() {
				e.attend(ctx)
			}
		}
	}
}

// attend does what can't wait for the next round: starts what was approved,
// verifies what was done and tells what happened.
func (e *Engine) attend(ctx context.Context) {
	e.locked(func() {
		cfg := e.Config()
		e.verify(ctx, cfg, false)
		e.putBack(ctx, cfg)
		e.startReady(ctx, cfg)
		e.announce(ctx)
	})
}

// locked runs f under the lock and then spawns the executions it started:
// after the lock is free, since an execution may run in line.
func (e *Engine) locked(f func()) {
	e.mu.Lock()
	f()
	queue := e.queue
	e.queue = nil
	e.mu.Unlock()
	for _, run := range queue {
		e.Spawn(run)
	}
}

// Kick makes the engine look for something to do before the next round.
func (e *Engine) Kick() {
	select {
	case e.kick <- struct{}{}:
	default:
	}
}

// Config returns the config in force.
func (e *Engine) Config() *Config { return e.config.Load() }

// Reconfigure puts a new config in force and commits its report, so that a
// lower level or a stricter limit holds from now on.
func (e *Engine) Reconfigure(ctx context.Context, cfg *Config) error {
	e.config.Store(cfg) // at once: a demotion waits for no lock
	e.mu.Lock()
	defer e.mu.Unlock()
	e.reloaded.Store(true)
	err := e.report(ctx, cfg)
	e.Kick()
	return err
}

// Drain admits nothing new and waits for the running executions, or for ctx.
func (e *Engine) Drain(ctx context.Context) error {
	e.admit.Store(false)
	idle := make(chan struct{})
	go func() {
		e.idle()
		close(idle)
	}()
	select {
	case <-idle:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// idle waits for the running executions. The lock is taken once so that a
// start that is under way has been counted, or refused.
func (e *Engine) idle() {
	e.locked(func() {})
	e.work.Wait()
}

// Round does one round, in the order the flow has: detect, propose, decide,
// record, execute, verify, tell.
func (e *Engine) Round(ctx context.Context) {
	cfg := e.Config()
	e.readClock(cfg)
	r := e.detect(ctx, cfg)
	e.locked(func() {
		e.leads = ctx.Err
		if !e.conclude(ctx, cfg, r) && r.reloaded {
			e.reloaded.Store(true) // the next round has to know of it still
		}
		r.results = nil // the view keeps the round, and needs the answers no more
	})
}

// conclude is the second half of a round, from what was seen to what is done.
// It reports whether the round was recorded.
func (e *Engine) conclude(ctx context.Context, cfg *Config, r *round) bool {
	if cfg != e.Config() || ctx.Err() != nil {
		return false // reloaded or deposed meanwhile: the next round sees it afresh
	}
	if err := e.report(ctx, cfg); err != nil {
		e.Logger.Warn("the round is dropped: the config can't be reported", zap.Error(err))
		return false
	}
	e.outSeen.mu.Lock()
	for name, p := range r.pools {
		p.outdated = !e.outSeen.current(name, p.at)
	}
	facts, ends := e.propose(r)
	preview := e.Ledger
	if len(facts) > 0 {
		preview = e.Ledger.Preview(r.now, remedy.Warden(), facts...)
	}
	bodies := slices.Concat(facts, e.decide(ctx, r, preview), ends)
	err := e.commit(ctx, remedy.Warden(), bodies...)
	if err == nil {
		for name, p := range r.pools {
			e.outSeen.newest[name] = max(e.outSeen.newest[name], p.at)
		}
	}
	e.outSeen.mu.Unlock()
	if err != nil {
		e.Logger.Warn("the round was not recorded, and nothing follows from it", zap.Error(err))
		return false
	}
	e.blind, e.deaf, e.stepped = r.blind, r.deaf, ""
	e.publish(r)
	e.rounds++
	if r.complete {
		e.warm.Store(true)
	}
	e.verify(ctx, cfg, true)
	e.putBack(ctx, cfg)
	e.startReady(ctx, cfg)
	e.announce(ctx)
	return true
}

// sorted returns a map's keys in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
