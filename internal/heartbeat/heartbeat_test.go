package heartbeat

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"warden/internal/clock"
)

// secretPath is what of the address must not come out.
const secretPath = "ping-PLANTED-0123"

// watcher is an outside watcher: a server that counts who asked it.
type watcher struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func newWatcher(t *testing.T) *watcher {
	t.Helper()
	w := &watcher{}
	w.Server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		w.asked.Add(1)
		if r.Method != http.MethodGet || r.URL.Path != "/"+secretPath {
			t.Errorf("%s %s: not what was configured", r.Method, r.URL)
		}
		if answer := w.answer.Load(); answer != nil {
			(*answer)(rw, r)
		}
	}))
	t.Cleanup(w.Close)
	return w
}

func (w *watcher) answers(f http.HandlerFunc) { w.answer.Store(&f) }

func (w *watcher) address() string { return w.URL + "/" + secretPath }

// node is a node as the heartbeat sees it.
type node struct {
	leads      atomic.Bool
	evaluation atomic.Int64
	mu         sync.Mutex
	verify     func(ctx context.Context) error
	verified   int
}

func (n *node) Verify(ctx context.Context) error {
	n.mu.Lock()
	n.verified++
	f := n.verify
	n.mu.Unlock()
	if f == nil {
		return nil
	}
	return f(ctx)
}

func (n *node) verifies(f func(ctx context.Context) error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.verify = f
}

// pulse is one node's heartbeat on a stepped clock.
type pulse struct {
	*Heartbeat
	t     *testing.T
	node  *node
	clock *clock.Stepped
	logs  *observer.ObservedLogs
}

var start = time.Date(2026, 11, 21, 3, 12, 0, 0, time.UTC)

// newPulse runs the heartbeat of a node that leads and evaluates.
func newPulse(t *testing.T, c *clock.Stepped, settings func() Settings) *pulse {
	t.Helper()
	core, logs := observer.New(zap.DebugLevel)
	p := &pulse{t: t, node: &node{}, clock: c, logs: logs}
	p.node.leads.Store(true)
	p.node.evaluation.Store(1)
	var err error
	p.Heartbeat, err = New(Options{
		Settings: settings, Leading: p.node.leads.Load, Verify: p.node.Verify, Evaluation: p.node.evaluation.Load,
		Registry: prometheus.NewRegistry(), Clock: c, Logger: zap.New(core),
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// run runs until the test ends, and returns once the heartbeat waits.
func (p *pulse) run() {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	done := make(chan struct{})
	before := p.clock.Waiters()
	go func() { defer close(done); p.Run(ctx) }()
	p.t.Cleanup(func() { cancel(); <-done })
	waits(p.t, p.clock, before+1)
}

// waits waits until so many heartbeats sleep.
func waits(t *testing.T, c *clock.Stepped, n int) {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); c.Waiters() != n; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d heartbeats wait, not %d", c.Waiters(), n)
		}
	}
}

// pass lets intervals pass one by one, with an evaluation in each.
func (p *pulse) pass(intervals int) {
	p.t.Helper()
	for range intervals {
		p.node.evaluation.Add(1)
		p.stand(1)
	}
}

// stand lets intervals pass without an evaluation.
func (p *pulse) stand(intervals int) {
	p.t.Helper()
	for range intervals {
		n := p.clock.Waiters()
		p.clock.Advance(time.Minute)
		waits(p.t, p.clock, n)
	}
}

func (p *pulse) withheldFor(reason string) float64 {
	return testutil.ToFloat64(p.meters.withheld.WithLabelValues(reason))
}

func everyMinute(w *watcher) func() Settings {
	return func() Settings {
		return Settings{URL: func() (string, error) { return w.address(), nil }, Interval: time.Minute, Round: 30 * time.Second}
	}
}

func TestBeatsWhileItLeadsAndEvaluates(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), everyMinute(w))
	p.run()
	p.pass(5)
	if w.asked.Load() != 5 || testutil.ToFloat64(p.meters.sent) != 5 {
		t.Errorf("%d asked, %v sent in five intervals", w.asked.Load(), testutil.ToFloat64(p.meters.sent))
	}
	if got, want := testutil.ToFloat64(p.meters.last), float64(start.Add(5*time.Minute).Unix()); got != want {
		t.Errorf("last success at %v, want %v", got, want)
	}
	if p.logs.Len() != 0 {
		t.Errorf("it logs what is as it should be: %v", p.logs.All())
	}
}

func TestSilentWhenNotLeading(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), everyMinute(w))
	p.node.leads.Store(false)
	p.run()
	p.pass(3)
	if w.asked.Load() != 0 || p.withheldFor(notLeading) != 3 {
		t.Errorf("%d asked, %v withheld", w.asked.Load(), p.withheldFor(notLeading))
	}
	if p.node.verified != 0 {
		t.Errorf("a follower asked the others %d times whether it leads", p.node.verified)
	}
}

// A leader that is cut off believes that it leads for a while yet; only a
// majority knows.
func TestSilentWithoutAMajority(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), everyMinute(w))
	p.run()
	p.pass(1)
	p.node.verifies(func(context.Context) error { return errors.New("no majority") })
	p.pass(3)
	if w.asked.Load() != 1 || p.withheldFor(notConfirmed) != 3 {
		t.Errorf("%d asked, %v withheld", w.asked.Load(), p.withheldFor(notConfirmed))
	}
	p.node.verifies(nil)
	p.pass(1)
	if w.asked.Load() != 2 {
		t.Error("it stays silent though the majority is back")
	}
}

// A confirmation that never comes is none, and ends with the interval.
func TestVerifyThatHangs(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), func() Settings {
		s := everyMinute(w)()
		s.Interval = time.Second
		return s
	})
	p.node.verifies(func(ctx context.Context) error { <-ctx.Done(); return context.Cause(ctx) })
	p.run()
	p.clock.Advance(time.Second)
	waits(t, p.clock, 1) // it gave up, and waits for the next interval
	if w.asked.Load() != 0 || p.withheldFor(notConfirmed) != 1 {
		t.Errorf("%d asked, %v withheld", w.asked.Load(), p.withheldFor(notConfirmed))
	}
}

// A round that hangs leaves two intervals, and then there is silence, whatever
// the wall clock says, until one is complete again.
func TestSilentWhenTheRoundHangs(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), everyMinute(w))
	p.run()
	p.pass(2)
	p.stand(1)
	if w.asked.Load() != 3 {
		t.Errorf("%d asked one interval after the last evaluation", w.asked.Load())
	}
	p.clock.Skew(-24 * time.Hour)
	p.stand(5)
	if w.asked.Load() != 3 || p.withheldFor(notEvaluated) != 5 {
		t.Errorf("%d asked, %v withheld while the round hangs", w.asked.Load(), p.withheldFor(notEvaluated))
	}
	p.pass(1)
	if w.asked.Load() != 4 {
		t.Error("it stays silent though the loop goes on")
	}
}

// A new tenure has completed nothing yet.
func TestSilentBeforeTheFirstEvaluation(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), everyMinute(w))
	p.node.evaluation.Store(0)
	p.run()
	p.stand(2)
	if w.asked.Load() != 0 {
		t.Errorf("%d asked before anything was evaluated", w.asked.Load())
	}
}

// Where rounds are further apart than heartbeats, those count.
func TestSlowRounds(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	p := newPulse(t, clock.NewStepped(start), func() Settings {
		s := everyMinute(w)()
		s.Round = 5 * time.Minute
		return s
	})
	p.run()
	p.pass(1)
	p.stand(9)
	if w.asked.Load() != 10 {
		t.Errorf("%d asked in ten minutes after a round of five", w.asked.Load())
	}
	p.stand(1)
	if w.asked.Load() != 10 {
		t.Error("it goes on though two rounds are missing")
	}
}

// Two nodes, one watcher: at each interval exactly the one that leads asks.
func TestLeaderChange(t *testing.T) {
	t.Parallel()
	a, b := newWatcher(t), newWatcher(t) // so that the test can tell who asked
	c := clock.NewStepped(start)
	p, q := newPulse(t, c, everyMinute(a)), newPulse(t, c, everyMinute(b))
	q.node.leads.Store(false)
	q.node.evaluation.Store(0)
	p.run()
	q.run()
	asked := func() [2]int64 { return [2]int64{a.asked.Load(), b.asked.Load()} }
	p.pass(2)
	if asked() != [2]int64{2, 0} {
		t.Errorf("asked %v", asked())
	}
	// p is cut off: it believes in itself still, and the majority leads with q.
	p.node.verifies(func(context.Context) error { return errors.New("no majority") })
	q.node.leads.Store(true)
	for range 3 {
		q.node.evaluation.Add(1)
		p.pass(1)
	}
	if asked() != [2]int64{2, 3} {
		t.Errorf("asked %v after the change", asked())
	}
	p.node.leads.Store(false)
	q.node.evaluation.Add(1)
	p.pass(1)
	if asked() != [2]int64{2, 4} {
		t.Errorf("asked %v when the old leader knows", asked())
	}
}

// A watcher that hangs, and one that never ends its answer, end with the
// interval; and with the process at once.
func TestWatcherThatHangs(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	release := make(chan struct{})
	w.answers(func(rw http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	})
	t.Cleanup(func() { close(release) })
	p := newPulse(t, clock.NewStepped(start), func() Settings {
		s := everyMinute(w)()
		s.Interval, s.Round = time.Second, time.Second
		return s
	})
	p.run()
	p.node.evaluation.Add(1)
	p.clock.Advance(time.Second)
	waits(t, p.clock, 1)
	if testutil.ToFloat64(p.meters.failed) != 1 {
		t.Error("an answer that never came is not counted as a failure")
	}

	ctx, cancel := context.WithCancel(t.Context())
	before := w.asked.Load()
	done := make(chan error, 1)
	go func() { done <- get(ctx, p.client, w.address()) }()
	for end := time.Now().Add(30 * time.Second); w.asked.Load() == before; <-time.After(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nobody asked")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, errCalledOff) {
		t.Errorf("called off: %v", err)
	}
}

// An address that can't be read is a failure like any other.
func TestAddressThatCantBeRead(t *testing.T) {
	t.Parallel()
	p := newPulse(t, clock.NewStepped(start), func() Settings {
		return Settings{URL: func() (string, error) { return "", errors.New("the file is gone") }, Interval: time.Minute}
	})
	p.run()
	p.pass(2)
	if testutil.ToFloat64(p.meters.failed) != 2 || p.logs.Len() != 1 {
		t.Errorf("%v failed, %d lines", testutil.ToFloat64(p.meters.failed), p.logs.Len())
	}
}

func TestFollowsAReload(t *testing.T) {
	t.Parallel()
	w := newWatcher(t)
	var on atomic.Bool
	p := newPulse(t, clock.NewStepped(start), func() Settings {
		s := everyMinute(w)()
		if !on.Load() {
			s.URL = nil
		}
		return s
	})
	p.run()
	p.pass(2)
	if w.asked.Load() != 0 || testutil.ToFloat64(p.meters.interval) != 0 {
		t.Errorf("%d asked though it is off", w.asked.Load())
	}
	on.Store(true)
	p.pass(2)
	if w.asked.Load() != 2 || testutil.ToFloat64(p.meters.interval) != 60 {
		t.Errorf("%d asked, interval %v", w.asked.Load(), testutil.ToFloat64(p.meters.interval))
	}
	on.Store(false)
	p.pass(2)
	if w.asked.Load() != 2 {
		t.Error("it goes on though it was turned off")
	}
}
