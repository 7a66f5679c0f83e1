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

// Options is what an Engine is made of. All fields are required but those that
// say otherwise.
type Options struct {
	Log       Log
	Ledger    *ledger.Ledger
	Clock     clock.Clock
	Announcer chat.Announcer
	Logger    *zap.Logger
	Node      remedy.NodeID
	// Voters is the rest of the cluster; nil while there is nobody else.
	Voters Voters
	// Arrived is when and how this node learnt of an execution: see Arrivals. Nil
	// means when the tenure first saw it, which is later.
	Arrived func(remedy.Token) (Arrival, bool)
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
	// baton is the right to run rounds.
	baton baton

	// mu serialises what is decided and started, so that each decision sees
	// what the one before committed. It is not held while sources are asked.
	mu lock
	// admit is false from SIGTERM on: nothing new starts. gone is closed once
	// nobody waits any longer for what runs.
	admit atomic.Bool
	gone  chan struct{}
	leave sync.Once
	// warm is whether one complete round has run in this tenure; drift how far
	// wall and monotonic time have moved apart.
	warm  atomic.Bool
	drift atomic.Int64
	// clocksSeen is how this node's clock compared when the round began.
	clocksSeen atomic.Pointer[comparedClocks]
	reloaded   atomic.Bool // the config was reloaded since the last round
	// evaluated is when the newest round was over, a local one included; nil
	// before the first. locals counts those.
	evaluated atomic.Pointer[clock.Reading]
	locals    atomic.Int64
	// explaining is held while history is judged again for somebody.
	explaining sync.Mutex
	voice      voice
	post       post
	outSeen    outSeen
	pulse      atomic.Uint64 // see pulse.go
	silence    silence       // see unseen.go
	clicks     clickGate
	// stamps is a copy of what is known of the clock, for stamping entries.
	stampMu sync.Mutex
	stamps  clockWatch
	// running are the executions that this process carries out, of whatever
	// tenure: losing leadership ends none. Guarded by mu.
	running map[remedy.CaseID]remedy.Token
	tenure
}

// tenure is what the engine remembers while it leads, and nothing else: all of
// it can be rebuilt. Guarded by Engine.mu.
type tenure struct {
	rounds  int
	began   time.Time // the first round that was recorded since nobody looked
	unseen            // see unseen.go
	clocks  clockWatch
	stepped string // what to tell of a clock that stepped; empty when told
	late    bool   // the clock is behind committed time, and that was told
	// lateAt is the monotonic time at which it was last found to be; nil for never.
	lateAt *time.Duration
	queue  []func() // executions whose START is committed, to be spawned
	// seen is when this tenure first noticed each executing case that this
	// process doesn't carry out.
	seen map[remedy.CaseID]sighting
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
	next  time.Duration // wait before the next look
	due   time.Duration // monotonic time of the next look
	// arrived is when this node learnt of it.
	arrived Arrival
}

// New returns an engine that does nothing until Run or Round.
func New(o Options, cfg *Config) *Engine {
	if o.Spawn == nil {
		o.Spawn = func(f func()) { go f() }
	}
	e := &Engine{Options: o, kick: make(chan struct{}, 1), gone: make(chan struct{})}
	e.mu, e.outSeen.mu = newLock(), newLock()
	e.outSeen.newest = map[remedy.PoolName]uint64{}
	e.running = map[remedy.CaseID]remedy.Token{}
	e.baton.memory, e.baton.changed = newMemory(), make(chan struct{})
	e.view.Store(&View{})
	e.config.Store(cfg)
	e.admit.Store(true)
	e.reset()
	return e
}

// reset forgets everything of an earlier tenure. What rounds remember, and what
// the newest of them saw, stays: only nothing is decided on that.
func (e *Engine) reset() {
	e.tenure = tenure{
		clocks: newClockWatch(e.Clock.Read()),
		seen:   map[remedy.CaseID]sighting{},
		intact: intacts{}, tried: map[remedy.CaseID]int{},
		blind:  e.blindness(),
		deaf:   map[remedy.PoolName]bool{},
		called: map[remedy.CaseID]calledOff{},
		lent:   map[lentTo]*remedy.Judgement{},
	}
	e.warm.Store(false)
	e.drift.Store(0)
	e.clocksSeen.Store(aloneClock())
	e.stampMu.Lock()
	e.stamps = e.clocks
	e.stampMu.Unlock()
	e.foresee()
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

// Run runs rounds until ctx ends, which it does when leadership does. It calls
// off a local round that is under way, and waits for none of the executions
// that it started: losing leadership kills no effect, and each commits its own
// end, by whoever leads then. Drain waits for them.
func (e *Engine) Run(ctx context.Context) error {
	e.baton.lead(e.Clock)
	defer e.baton.follow()
	e.mu.Lock()
	e.reset()
	e.leads = ctx.Err
	e.mu.Unlock()
	e.callOut(ctx)
	defer e.callBack()
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
		e.looksOn()
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
	e.beat()
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

// Drain admits nothing new and waits for the running executions, or for ctx:
// what has not ended by then is left to the next leader.
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
		e.leave.Do(func() { close(e.gone) })
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
	cfg, m := e.Config(), e.baton.memory
	e.readClock(cfg)
	e.beat()
	began := e.watching()
	clocks := make(chan *comparedClocks, 1)
	go func() { clocks <- e.compareClocks(ctx, cfg) }() // they need not wait for the sources
	r := e.detect(ctx, cfg, m, e.reloaded.Swap(false))
	r.began = began
	e.clocksSeen.Store(<-clocks)
	e.askOthers(ctx, r)
	e.locked(func() {
		e.leads = ctx.Err
		if !e.conclude(ctx, cfg, r) && r.reloaded {
			e.reloaded.Store(true) // the next round has to know of it still
		}
		r.results = nil // the view keeps the round, and needs the answers no more
	})
	e.over()
}

// conclude is the second half of a round, from what was seen to what is done.
// It reports whether the round was recorded.
func (e *Engine) conclude(ctx context.Context, cfg *Config, r *round) bool {
	e.recorded = false
	if cfg != e.Config() || ctx.Err() != nil {
		return false // reloaded or deposed meanwhile: the next round sees it afresh
	}
	if err := e.report(ctx, cfg); err != nil {
		e.Logger.Warn("the round is dropped: the config can't be reported", zap.Error(err))
		return false
	}
	e.unwatched(cfg, r.began)
	e.outSeen.mu.Lock()
	for name, p := range r.pools {
		p.outdated = !e.outSeen.current(name, p.at)
	}
	facts, ends := e.propose(r)
	if b := e.surfaces(cfg); b != nil {
		facts = append([]ledger.Body{b}, facts...) // what this round tells is owed there
	}
	preview := e.Ledger
	if len(facts) > 0 {
		preview = e.Ledger.Preview(r.now, remedy.Warden(), facts...)
	}
	if v := e.verdicts(r, preview); len(v) > 0 { // by all that this entry says before them
		facts, preview = append(facts, v...), preview.Preview(r.now, remedy.Warden(), v...)
	}
	bodies := slices.Concat(e.tenureBegins(), facts, e.decide(ctx, r, preview), ends, e.summaryDue(cfg))
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
	e.lastLook, e.lookAgain, e.recorded = e.watching(), false, true
	if e.rounds++; e.began.IsZero() {
		e.began = e.lastLook.stamp
	}
	e.publish(r, &View{Rounds: e.rounds, Warm: e.warm.Load() || r.complete})
	if r.complete {
		e.warm.Store(true)
	}
	e.judgeClaims(ctx, r)
	e.verify(ctx, cfg, true)
	e.putBack(ctx, cfg)
	e.startReady(ctx, cfg)
	e.announce(ctx)
	e.looksOn()
	return true
}

// sorted returns a map's keys in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
