package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"

	"warden/actions"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// several is some engines over one ledger and one load balancer, of which at
// most one leads at a time. What a node does in its tenure it may go on doing
// after it.
type several struct {
	*rig
	mu     sync.Mutex
	leader int // -1 for nobody
	nodes  []*member
}

// member is one node: its engine, and its way to the outside, on which it may be
// made to stand still.
type member struct {
	s    *several
	i    int
	e    *Engine
	stop context.CancelFunc // ends its tenure
	// ended is closed when its newest tenure is over.
	ended chan struct{}

	mu     sync.Mutex
	n      int // steps so far
	at     int // the step at which then runs; 0 never
	then   func()
	step   string        // what that step was
	paused chan struct{} // closed when it goes on
}

// passes is a step of the node's: what may happen between any two of them
// happens here.
func (m *member) passes(name string) {
	m.mu.Lock()
	m.n++
	var then func()
	if m.n == m.at {
		then, m.step = m.then, name
	}
	m.mu.Unlock()
	if then != nil {
		then()
	}
	m.mu.Lock()
	paused := m.paused
	m.mu.Unlock()
	if paused != nil {
		<-paused
	}
}

// stand makes the node stand still, and resume has it go on.
func (m *member) stand() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.paused = make(chan struct{})
}

func (m *member) resume() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.paused != nil {
		close(m.paused)
		m.paused = nil
	}
}

func (m *member) leads() bool {
	m.s.mu.Lock()
	defer m.s.mu.Unlock()
	return m.s.leader == m.i
}

// Commit implements Log.
func (m *member) Commit(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	kinds := make([]string, len(e.Ops))
	for i, op := range e.Ops {
		kinds[i] = op.Kind
	}
	what := "commit of " + strings.Join(kinds, ",")
	m.passes("before " + what)
	if !m.leads() {
		return ledger.Applied{}, fmt.Errorf("%w: %s does not lead", ErrNotCommitted, m.e.Node)
	}
	applied, err := m.s.log.Commit(ctx, e)
	m.passes("after " + what)
	return applied, err
}

// Relay implements Log.
func (m *member) Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	m.passes("relay")
	m.s.mu.Lock()
	nobody := m.s.leader < 0
	m.s.mu.Unlock()
	if nobody {
		return ledger.Applied{}, fmt.Errorf("%w: there is no leader", ErrNotCommitted)
	}
	return m.s.log.Commit(ctx, e)
}

// Verify implements Log.
func (m *member) Verify(context.Context) error {
	m.passes("before verify")
	leads := m.leads()
	m.passes("after verify")
	if !leads {
		return errTest
	}
	return nil
}

// reach is a node's way to the load balancer.
type reach struct {
	actions.Action
	m *member
}

func (a reach) Plan(ctx context.Context, p remedy.PoolName, h remedy.HostName) (remedy.Plan, error) {
	a.m.passes("before plan")
	return a.Action.Plan(ctx, p, h)
}

func (a reach) Observe(ctx context.Context, p remedy.PoolName, h []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	a.m.passes("before observe")
	seen, err := a.Action.Observe(ctx, p, h)
	a.m.passes("after observe")
	return seen, err
}

func (a reach) Apply(ctx context.Context, j actions.Job) (actions.Report, error) {
	a.m.passes("before apply")
	r, err := a.Action.Apply(ctx, j)
	a.m.passes("after apply")
	return r, err
}

func (a reach) Undo(ctx context.Context, j actions.Job) (actions.Report, error) {
	a.m.passes("before undo")
	r, err := a.Action.Undo(ctx, j)
	a.m.passes("after undo")
	return r, err
}

// newSeveral makes n engines that follow.
func newSeveral(ctx context.Context, r *rig, n int) *several {
	s := &several{rig: r, leader: -1}
	r.e = nil
	r.log.arrivals = NewArrivals(r.l, r.clk)
	for i := range n {
		m := &member{s: s, i: i}
		cfg := *r.cfg
		a := cfg.Actions[drain]
		a.Action = reach{r.lb, m}
		cfg.Actions = map[remedy.ActionName]Action{drain: a}
		m.e = New(Options{
			Log: m, Ledger: r.l, Clock: r.clk, Announcer: r.ear, Logger: zap.NewNop(), Node: remedy.NodeID(fmt.Sprintf("n%d-aaaa", i+1)),
			Arrived: r.log.arrivals.Arrived,
		}, &cfg)
		s.nodes = append(s.nodes, m)
		go m.e.Follow(ctx)
	}
	return s
}

// elect has a node lead; depose ends the present tenure.
func (s *several) elect(ctx context.Context, i int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.leader = i
	m := s.nodes[i]
	var tenure context.Context
	tenure, m.stop = context.WithCancel(ctx)
	before := m.ended
	ended := make(chan struct{})
	m.ended = ended
	go func() {
		defer close(ended)
		if before != nil {
			<-before // the cluster begins no tenure before the last has ended
		}
		s.must(m.e.Run(tenure))
	}()
}

func (s *several) depose() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leader >= 0 {
		s.nodes[s.leader].stop()
	}
	s.leader = -1
}

// settled holds what must be true in the end, however often leadership changed:
// no token had two effects, every effect had a START, every execution has a
// verdict or a person, nothing is left running. late is how many effects came
// after their execution had been given up.
func (s *several) settled(t *testing.T, when string) (late int) {
	t.Helper()
	seen := map[remedy.Token]int{}
	for _, j := range slices.Concat(s.lb.applied, s.lb.undone) {
		if seen[j.Token]++; seen[j.Token] > 1 {
			t.Errorf("%s: two effects of execution %s", when, j.Token)
		}
	}
	paged := map[remedy.CaseID]bool{}
	for _, m := range s.ear.heard {
		paged[m.Notice.Case] = paged[m.Notice.Case] || m.Notice.Page
	}
	began := map[remedy.Token]bool{}
	for _, c := range s.l.Cases(ledger.CaseFilter{}) {
		for _, x := range c.Executions {
			began[x.Token] = true
			switch {
			case x.Outcome == "":
				t.Errorf("%s: execution %s of %s never ended", when, x.Token, c.ID)
			case x.Outcome == remedy.OutcomeUnknown && !paged[c.ID]:
				t.Errorf("%s: %s is unknown and nobody was paged", when, c.ID)
			case x.Outcome == remedy.OutcomeAborted && seen[x.Token] > 0:
				late++
				if !paged[c.ID] || x.Late == "" {
					t.Errorf("%s: the effect of %s was late, and nobody was told", when, x.Token)
				}
			}
		}
	}
	for token := range seen {
		if !began[token] {
			t.Errorf("%s: an effect without a START, %s", when, token)
		}
	}
	for _, m := range s.nodes {
		m.e.mu.Lock()
		if len(m.e.running) > 0 {
			t.Errorf("%s: %s still runs %v", when, m.e.Node, m.e.running)
		}
		m.e.mu.Unlock()
	}
	if n := len(s.l.Pending()); n > 0 {
		t.Errorf("%s: %d notices were never told", when, n)
	}
	return late
}

// change is how leadership changes at a step: the leader may stand still until
// long after, and may be the one that leads again in the end.
type change struct{ stands, back, ages bool }

// failover is one host's story at auto, in which the leader is deposed at a step.
// It returns how many steps there were without that.
func failover(t *testing.T, at int, how change) (steps int) {
	t.Helper()
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		r.lb.ages, r.lb.linger = how.ages, 10*time.Second
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		s := newSeveral(ctx, r, 2)
		first := s.nodes[0]
		s.elect(ctx, 0)
		pass(time.Minute)
		r.bad(3)
		first.mu.Lock()
		first.n, first.at = 0, at
		first.then = func() {
			s.depose()
			if how.stands {
				first.stand()
			}
			r.clk.AfterFunc(time.Second, func() { s.elect(ctx, 1) })
		}
		first.mu.Unlock()
		pass(3 * time.Minute)
		first.mu.Lock()
		steps = first.n
		first.mu.Unlock()
		pass(3 * time.Minute)
		first.resume()
		pass(time.Minute)
		if how.back {
			s.depose()
			pass(time.Second)
			s.elect(ctx, 0)
		}
		pass(4 * time.Minute)
		when := fmt.Sprintf("leadership changed at step %d, %s (%+v)", at, first.step, how)
		late := s.settled(t, when)
		if late > 0 && (!how.stands || first.step != "before apply") {
			t.Errorf("%s: a late effect", when)
		}
		if c := r.last(3); how.ages && c.Stage != remedy.StageOut && c.Outcome != remedy.OutcomeSuperseded {
			t.Errorf("%s: the host's case is %s, %s (%s)", when, c.Stage, c.Outcome, c.Note)
		}
		if r.lb.admin(r.host(3)) != "drain" && how.ages {
			t.Errorf("%s: the host is %s", when, r.lb.admin(r.host(3)))
		}
	})
	return steps
}

// Leadership changes between any two steps of an execution, the leader that was
// stands still or goes on, and leads again or not: nothing is done twice, nothing
// is lost, and an effect is late only where the leader stood still after its last
// check.
func TestLeadershipChangesAtEveryStep(t *testing.T) {
	t.Parallel()
	for _, how := range []change{{}, {stands: true}, {stands: true, back: true}, {back: true}, {stands: true, ages: true}, {ages: true}} {
		t.Run(fmt.Sprintf("%+v", how), func(t *testing.T) {
			t.Parallel()
			steps := failover(t, 0, how)
			if steps < 60 {
				t.Fatalf("only %d steps", steps)
			}
			for at := 1; at <= steps; at++ {
				failover(t, at, how)
			}
		})
	}
}
