package engine

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"warden/actions"
	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// errTest is what the fakes fail with.
var errTest = errors.New("the fake was told to fail")

// killed is what a hook panics with to end the engine at that very step.
type killed struct{ at string }

// hooks counts the steps between which a process may die, and dies at one.
type hooks struct {
	mu  sync.Mutex
	n   int
	die int // the step to die at; 0 never
	// meet is the step at which meets runs, beside the engine; 0 never.
	meet  int
	meets func()
	names []string
}

func (h *hooks) hit(name string) {
	h.mu.Lock()
	h.n++
	n, die, meet, meets := h.n, h.die, h.meet, h.meets
	h.names = append(h.names, name)
	h.mu.Unlock()
	switch {
	case n != meet:
	case strings.Contains(name, " commit "):
		go meets() // the log is locked here: it is next
	default:
		meets()
	}
	if n == die {
		panic(killed{name})
	}
}

// fault is how a commit goes wrong.
type fault int

const (
	noFault  fault = iota
	lost           // nothing is committed
	unsure         // it is committed, and an error is returned
	notLeads       // nothing is committed, and the node leads no more
)

// memLog is a Log that applies to one ledger what it encodes and decodes.
type memLog struct {
	mu      sync.Mutex
	l       *ledger.Ledger
	hooks   *hooks
	index   uint64
	term    uint64 // of entries; 1 where it is not set
	entries []ledger.Entry
	fault   func(e ledger.Entry) fault
	verify  func() error
	// arrivals, when set, is what entries are applied through.
	arrivals *Arrivals
}

func (m *memLog) Commit(_ context.Context, e ledger.Entry) (ledger.Applied, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	kinds := make([]string, len(e.Ops))
	for i, op := range e.Ops {
		kinds[i] = op.Kind
	}
	what := "commit " + strings.Join(kinds, ",")
	m.hooks.hit("before " + what)
	how := noFault
	if m.fault != nil {
		how = m.fault(e)
	}
	switch how {
	case lost:
		return ledger.Applied{}, errTest
	case notLeads:
		return ledger.Applied{}, fmt.Errorf("%w: %w", ErrNotCommitted, errTest)
	case noFault, unsure:
	}
	data, err := e.Encode()
	if err != nil {
		return ledger.Applied{}, err
	}
	if len(data) > 1<<20 { // as the real log has it
		return ledger.Applied{}, fmt.Errorf("%w: %d bytes are too many", ErrNotCommitted, len(data))
	}
	m.index++
	apply := m.l.Apply
	if m.arrivals != nil {
		apply = m.arrivals.Apply
	}
	applied := apply(m.index, max(m.term, 1), data).(ledger.Applied)
	m.entries = append(m.entries, e)
	m.hooks.hit("after " + what)
	if how == unsure {
		return ledger.Applied{}, errTest
	}
	return applied, nil
}

// Relay is Commit: the tests' node is the leader, or nobody is.
func (m *memLog) Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	return m.Commit(ctx, e)
}

func (m *memLog) Verify(context.Context) error {
	m.hooks.hit("verify")
	if m.verify != nil {
		return m.verify()
	}
	return nil
}

// hasOp reports whether an entry holds an operation of the kind.
func hasOp(e ledger.Entry, kind string) bool {
	return slices.ContainsFunc(e.Ops, func(o ledger.Op) bool { return o.Kind == kind })
}

// state is what a host's series do from an instant on.
type state struct {
	from  time.Time
	ratio float64
	gone  bool
}

// series is a source that answers the canary detector's queries from what each
// host was told to do.
type series struct {
	mu      sync.Mutex
	hosts   []remedy.HostName
	states  map[remedy.HostName][]state
	dead    bool // every query fails
	stale   bool // the canary_target is old
	fetched int
	// kept is what hosts did when remember was called, for Fetch to answer by
	// as a cache would; only Fresh answers by what they do.
	kept map[remedy.HostName][]state
}

// set lets a host behave from an instant on.
func (s *series) set(h remedy.HostName, from time.Time, ratio float64, gone bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states[h] = append(s.states[h], state{from: from, ratio: ratio, gone: gone})
}

func (s *series) at(h remedy.HostName, t time.Time) state {
	now := state{ratio: 1}
	states := s.states
	if s.kept != nil {
		states = s.kept
	}
	for _, st := range states[h] {
		if !st.from.After(t) {
			now = st
		}
	}
	return now
}

// Fetch implements source.Source.
func (s *series) Fetch(_ context.Context, q remedy.Query) remedy.Result {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer(q)
}

// answer answers a query. The caller holds mu.
func (s *series) answer(q remedy.Query) remedy.Result {
	s.fetched++
	if s.dead {
		return remedy.Result{Failed: "the source is down: start it"}
	}
	target := strings.Contains(q.Expr, "canary_target")
	hosts := s.hosts
	if target {
		hosts = []remedy.HostName{"target"}
	}
	var all []remedy.Series
	for _, h := range hosts {
		one := remedy.Series{Labels: map[string]string{"instance": string(h)}}
		for at := q.Start; !at.After(q.End); at = at.Add(q.Step) {
			st := s.at(h, at)
			var v float64
			switch {
			case target && s.stale:
				v = float64(at.Unix() - 3600)
			case strings.HasPrefix(q.Expr, "timestamp("):
				if st.gone {
					continue
				}
				v = float64(at.Unix() - 5)
			case strings.HasPrefix(q.Expr, "increase("):
				if st.gone {
					continue
				}
				v = st.ratio * 60
			case strings.HasSuffix(q.Expr, "[1h])"):
				v = 240
			default: // samples within the window or the quiet time
				if st.gone && at.Sub(st.from) >= time.Minute {
					continue
				}
				v = 4
			}
			one.Points = append(one.Points, remedy.Point{At: at.UnixMilli(), Value: v})
		}
		if len(one.Points) > 0 {
			all = append(all, one)
		}
	}
	return remedy.Result{Frame: remedy.NewFrame(q, all)}
}

// server is one host at the fake balancer.
type server struct {
	admin   string
	changed time.Time
	busy    time.Time // sessions are open until then
}

// balancer is an Action over a fake load balancer.
type balancer struct {
	mu      sync.Mutex
	clk     clock.Clock
	hooks   *hooks
	spec    actions.Spec
	servers map[remedy.HostName]*server
	// linger is how long a drained host keeps its sessions.
	linger time.Duration
	// ages says whether the backend knows when it last changed a host.
	ages bool
	// down lets every question fail; blur keeps AsWanted unknown.
	down, blur bool
	suffix     string // changes the plan
	// effect is what Apply and Undo do instead of setting the state.
	effect func(ctx context.Context, set func()) error
	// between runs before each Observe.
	between func()
	applied []actions.Job
	undone  []actions.Job
	asked   int
}

func (b *balancer) Plan(_ context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	b.hooks.hit("plan")
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.down {
		return remedy.Plan{}, fmt.Errorf("%w: down", actions.ErrBackend)
	}
	return remedy.Plan{
		Action: b.spec.Name, Pool: pool, Host: host, Steps: []string{"set " + string(host) + " drain" + b.suffix},
		UndoSteps: []string{"set " + string(host) + " ready"}, Summary: "drain " + string(host),
	}, nil
}

func (b *balancer) Observe(context.Context, remedy.PoolName, []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	b.hooks.hit("observe")
	b.mu.Lock()
	between := b.between
	b.mu.Unlock()
	if between != nil {
		between()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked++
	if b.down {
		return nil, fmt.Errorf("%w: down", actions.ErrBackend)
	}
	now := b.clk.Now()
	out := make(map[remedy.HostName]remedy.Observation, len(b.servers))
	for h, s := range b.servers {
		o := remedy.Observation{State: remedy.ServiceIn, Admin: s.admin, Rate: remedy.Known[int64](0)}
		if s.admin != "ready" {
			o.State = remedy.ServiceOut
		}
		sessions := int64(0)
		if s.admin == "ready" || now.Before(s.busy) {
			sessions = 3
		}
		o.Sessions = remedy.Known(sessions)
		if !b.blur {
			o.AsWanted = remedy.Known(s.admin == "drain")
			o.Took = remedy.Known(s.admin == "drain" && sessions == 0)
		}
		if b.ages {
			o.LastChange = remedy.Known(s.changed)
		}
		out[h] = o
	}
	return out, nil
}

func (b *balancer) Apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	b.hooks.hit("before apply")
	b.mu.Lock()
	b.applied = append(b.applied, job)
	effect := b.effect
	b.mu.Unlock()
	set := func() { b.set(job.Host, "drain") }
	var err error
	if effect != nil {
		err = effect(ctx, set)
	} else {
		set()
	}
	b.hooks.hit("after apply")
	return actions.Report{Output: "ok"}, err
}

func (b *balancer) Undo(ctx context.Context, job actions.Job) (actions.Report, error) {
	b.hooks.hit("before undo")
	b.mu.Lock()
	b.undone = append(b.undone, job)
	effect := b.effect
	b.mu.Unlock()
	set := func() { b.set(job.Host, job.Prior) }
	var err error
	if effect != nil {
		err = effect(ctx, set)
	} else {
		set()
	}
	b.hooks.hit("after undo")
	return actions.Report{Output: "ok"}, err
}

// set changes a host's administrative state.
func (b *balancer) set(h remedy.HostName, admin string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := b.clk.Now()
	b.servers[h] = &server{admin: admin, changed: now, busy: now.Add(b.linger)}
}

func (b *balancer) admin(h remedy.HostName) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.servers[h].admin
}

func (b *balancer) acts() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.applied)
}

// list is an inventory that tests edit.
type list struct {
	mu    sync.Mutex
	hosts []remedy.HostName
	racks map[remedy.HostName]string
	err   error
}

func (l *list) Hosts(context.Context) ([]inventory.Host, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	out := make([]inventory.Host, len(l.hosts))
	for i, h := range l.hosts {
		out[i] = inventory.Host{Name: h}
		if rack := l.racks[h]; rack != "" {
			out[i].Labels = map[string]string{"rack": rack}
		}
	}
	return out, l.err
}

func (l *list) keep(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.hosts = l.hosts[:n]
}

// ear is an announcer that remembers.
type ear struct {
	mu    sync.Mutex
	hooks *hooks
	heard []chat.Message
	err   error
}

func (a *ear) Announce(_ context.Context, m chat.Message) error {
	a.hooks.hit("before announce")
	a.mu.Lock()
	if a.err != nil {
		a.mu.Unlock()
		return a.err
	}
	a.heard = append(a.heard, m)
	a.mu.Unlock()
	a.hooks.hit("after announce")
	return nil
}

// count returns how many notices of a kind were heard.
func (a *ear) count(k ledger.NoticeKind) int {
	a.mu.Lock()
	defer a.mu.Unlock()
	n := 0
	for _, m := range a.heard {
		if m.Notice.Kind == k {
			n++
		}
	}
	return n
}

// pages returns what asked for a person's attention.
func (a *ear) pages() []ledger.Notice {
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []ledger.Notice
	for _, m := range a.heard {
		if m.Notice.Page {
			out = append(out, m.Notice)
		}
	}
	return out
}
