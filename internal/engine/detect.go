package engine

import (
	"cmp"
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/detectors"
	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
	"warden/policy"
)

// parallelFetches is how many queries one source answers at a time.
const parallelFetches = 4

// inventoryTimeout bounds one reading of an inventory, in real time.
const inventoryTimeout = 10 * time.Second

// memory is what rounds keep from one to the next: whoever has the baton has it.
type memory struct {
	pools    map[remedy.PoolName]*poolMemory
	verdicts spareVerdicts
	cfg      *Config // the newest round's
}

func newMemory() *memory { return &memory{pools: map[remedy.PoolName]*poolMemory{}} }

// poolMemory is what is kept of a pool between rounds: the inventory's
// last good list and when it was read.
type poolMemory struct {
	tracker *inventory.Tracker
	read    time.Time
	// roster is the list's names, the same one for as long as they are the same,
	// so that whose a series is has to be worked out once.
	roster *remedy.Roster
}

// listed is the roster of a list of hosts.
func (m *poolMemory) listed(hosts []inventory.Host) *remedy.Roster {
	names := make([]remedy.HostName, len(hosts))
	for i, h := range hosts {
		names[i] = h.Name
	}
	if m.roster == nil || !m.roster.Equal(names) {
		m.roster = remedy.NewRoster(names)
	}
	return m.roster
}

// round is what one round saw. It is built by detect and read by the stages
// behind it.
type round struct {
	cfg   *Config
	now   time.Time
	began looked // see unwatched
	pools map[remedy.PoolName]*poolRound
	// complete says that every detector judged with an answer to each query.
	complete bool
	// reloaded says that the config was reloaded since the tenure's round before,
	// reread that inventories are to be read again for that, or another, reason.
	reloaded, reread bool
	memory           *memory
	// blocks is what block_when's queries say.
	blocks []policy.Block
	// opinions is what the other voters say.
	opinions map[opinionOf]opinion
	// results are the answers, kept until the round is concluded.
	results remedy.Results
	// blind are the sources that could not be believed, and deaf the pools
	// whose load balancer could not be asked; set by propose.
	blind map[remedy.SourceName]bool
	deaf  map[remedy.PoolName]bool
}

// poolRound is one pool's share of a round.
type poolRound struct {
	name remedy.PoolName
	// hosts is the inventory's list; size what the ledger is to be told.
	hosts  []inventory.Host
	roster *remedy.Roster
	size   *ledger.PoolSize
	// observed is what each action's backend says; a missing action could not
	// be asked.
	observed map[remedy.ActionName]map[remedy.HostName]remedy.Observation
	// states and admin are the combined service states, in the order of hosts.
	states []remedy.ServiceState
	admin  []string
	// half says which hosts take traffic through some of their load balancers
	// only: they are judged like any other, and count as out.
	half []bool
	// seen says that the backends answered, so that states is worth committing.
	seen bool
	// at orders this observation among all; outdated says that a newer one was
	// committed meanwhile. failed says why a backend could not be asked.
	at       uint64
	outdated bool
	failed   map[remedy.ActionName]string
	// believed says that the inventory's list is whole: not stale, and not
	// shrunk without anybody having accepted it. Set by propose.
	believed   bool
	judgements []judgement
	// probe is what the pool's probe says of its hosts, those that are out as
	// well; nil while none is out, or the pool has none.
	probe *remedy.Judgement
}

// judgement is one detector's word on the pool.
type judgement struct {
	detector detectors.Detector
	remedy.Judgement
	view remedy.PoolView
	// shadowed says that the detector's action is below confirm here, so that
	// its view marks what shadow executions hold out. Real decisions never see
	// them.
	shadowed bool
	// observed says that every backend of the pool answered this round.
	observed bool
	// real and shadow are what the guardrails count, without and with the
	// hosts that shadow executions hold out.
	real, shadow sums
}

// sums is what the guardrails count on the real budget, or on the shadow one.
func (j *judgement) sums(shadow bool) sums {
	if shadow {
		return j.shadow
	}
	return j.real
}

// othersBad counts the hosts but one that are past the threshold now.
func (j *judgement) othersBad(but remedy.HostName) int {
	if j == nil {
		return 0
	}
	n := j.real.badNow
	if j.isBadNow(but, false) {
		n--
	}
	return n
}

// sums is what the guardrails count over one pool's findings.
type sums struct {
	inService, uncovered, badNow int
}

// isBadNow reports whether a host is past the threshold now, on the real
// budget or on the shadow one.
func (j *judgement) isBadNow(h remedy.HostName, shadow bool) bool {
	i, ok := j.Of(h)
	return ok && j.Verdicts[i].BadNow && j.view.Hosts[i].State != remedy.ServiceOut && (!shadow || !j.view.Hosts[i].ShadowOut)
}

// finding is the word on a host with its evidence.
func (j *judgement) finding(h remedy.HostName) (remedy.Finding, bool) {
	i, ok := j.Of(h)
	if !ok {
		return remedy.Finding{}, false
	}
	return j.Finding(i), true
}

// detect reads inventories and load balancers, fetches each distinct query
// once and has every detector judge its pools.
func (e *Engine) detect(ctx context.Context, cfg *Config, m *memory, reloaded bool) *round {
	r := &round{
		cfg: cfg, now: e.Clock.Now(), pools: map[remedy.PoolName]*poolRound{}, complete: true,
		reloaded: reloaded, reread: reloaded || m.cfg != cfg, memory: m,
	}
	for _, name := range sorted(cfg.Pools) {
		p := &poolRound{name: name}
		e.readInventory(ctx, cfg, p, r)
		e.observe(ctx, cfg, p)
		r.pools[name] = p
	}
	var queries []remedy.Query
	type job struct {
		d    detectors.Detector
		p    *poolRound
		view remedy.PoolView
		at   time.Time
		// shadowed says that the detector's action is below confirm here.
		shadowed bool
	}
	var jobs []job
	for _, d := range cfg.Detectors {
		spec := d.Spec()
		if spec.Proposes == "" {
			continue // it judges when somebody asks: see lend.go
		}
		for _, name := range spec.Pools {
			p, ok := r.pools[name]
			if !ok {
				continue
			}
			shadowed := e.shadowed(cfg, spec.Proposes, name)
			j := job{d: d, p: p, view: e.poolView(p, r, shadowed), at: judgedAt(r.now, spec.Interval), shadowed: shadowed}
			queries = append(queries, d.Queries(j.view, j.at)...)
			jobs = append(jobs, j)
		}
	}
	probes := e.probes(cfg, r)
	for _, p := range probes {
		queries = append(queries, p.d.Queries(p.view, p.at)...)
	}
	r.results = e.fetch(ctx, cfg, append(queries, cfg.blockQueries(r.now)...))
	r.blocks = cfg.blocks(r.now, r.results)
	for _, p := range probes {
		p.p.probe = new(p.d.Judge(p.view, p.at, r.results, nil))
	}
	for _, j := range jobs {
		v := judge(j.d, j.view, j.at, r.results, m.verdicts.take(j.view.N()))
		v.observed, v.shadowed = j.p.seen, j.shadowed
		if !v.SourceFresh.IsKnown() {
			r.complete = false
		}
		j.p.judgements = append(j.p.judgements, v)
	}
	m.cfg = cfg
	return r
}

// judge has one detector judge one pool, and counts.
func judge(d detectors.Detector, view remedy.PoolView, at time.Time, results remedy.Results, buf []remedy.HostVerdict) judgement {
	v := judgement{detector: d, Judgement: d.Judge(view, at, results, buf), view: view}
	for i := range v.Verdicts {
		v.real.add(view.Hosts[i], &v.Verdicts[i])
		if !view.Hosts[i].ShadowOut {
			v.shadow.add(view.Hosts[i], &v.Verdicts[i])
		}
	}
	return v
}

func (s *sums) add(h remedy.HostView, f *remedy.HostVerdict) {
	if h.State == remedy.ServiceOut {
		return
	}
	if h.State == remedy.ServiceIn {
		s.inService++
		if !f.Covered() {
			s.uncovered++
		}
	}
	if f.BadNow {
		s.badNow++
	}
}

// judgedAt is the instant a round judges: one step behind the clock, aligned
// to the interval, so that what is asked for has arrived.
func judgedAt(now time.Time, interval time.Duration) time.Time {
	return now.Add(-interval).Truncate(interval)
}

// fetch asks a round's queries, of which sources may remember a part.
func (e *Engine) fetch(ctx context.Context, cfg *Config, queries []remedy.Query) remedy.Results {
	return e.fetchFrom(ctx, cfg, queries, func(s source.Source) source.Source { return s })
}

// fetchFresh asks the servers for everything: nothing is done on what is
// remembered.
func (e *Engine) fetchFresh(ctx context.Context, cfg *Config, queries []remedy.Query) remedy.Results {
	return e.fetchFrom(ctx, cfg, queries, source.Fresh)
}

func (e *Engine) fetchFrom(ctx context.Context, cfg *Config, queries []remedy.Query, which func(source.Source) source.Source) remedy.Results {
	sources := make(map[remedy.SourceName]source.Source, len(cfg.Sources))
	for name, s := range cfg.Sources {
		// A question may be asked twice, by POST and by GET.
		sources[name] = stepping{which(s.Source), func() { e.took(2 * s.Timeout) }}
	}
	defer e.beat()
	return source.FetchAll(ctx, sources, queries, parallelFetches)
}

// readInventory refreshes the pool's list of hosts when that is due.
func (e *Engine) readInventory(ctx context.Context, cfg *Config, p *poolRound, r *round) {
	mem := r.memory.pools[p.name]
	if mem == nil {
		mem = &poolMemory{tracker: &inventory.Tracker{}}
		r.memory.pools[p.name] = mem
	}
	pool, now := cfg.Pools[p.name], r.now
	if mem.read.IsZero() || r.reread || now.Sub(mem.read) >= pool.Refresh || now.Before(mem.read) {
		bounded, cancel := context.WithTimeout(ctx, inventoryTimeout)
		hosts, err := pool.Inventory.Hosts(bounded)
		cancel()
		e.beat()
		if err != nil {
			e.Logger.Warn("the inventory can't be read", zap.String("pool", string(p.name)), zap.Error(err))
		}
		if ctx.Err() == nil { // a round that was called off says nothing of the inventory
			mem.tracker.Update(hosts, err)
			mem.read = now
		}
	}
	state := mem.tracker.State()
	p.hosts, p.roster = state.Hosts, mem.listed(state.Hosts)
	known := e.Ledger.Pool(p.name, now)
	accepted := pool.Static && (r.reloaded || !known.Known)
	switch {
	case state.Stale && !known.Stale:
		p.size = &ledger.PoolSize{Pool: p.name, Stale: true}
	case !state.Usable():
	case !known.Known || known.Stale || known.N != len(p.hosts) || (accepted && known.Blocked != ""):
		p.size = &ledger.PoolSize{Pool: p.name, N: len(p.hosts), Accepted: accepted}
	}
}

// observe asks every backend of the pool who is in service.
func (e *Engine) observe(ctx context.Context, cfg *Config, p *poolRound) {
	p.at = e.outSeen.begin()
	p.observed, p.failed = map[remedy.ActionName]map[remedy.HostName]remedy.Observation{}, map[remedy.ActionName]string{}
	p.states, p.admin, p.half = make([]remedy.ServiceState, len(p.hosts)), make([]string, len(p.hosts)), make([]bool, len(p.hosts))
	names := cfg.observers(p.name)
	hosts := make([]remedy.HostName, len(p.hosts))
	for i, h := range p.hosts {
		hosts[i] = h.Name
	}
	for _, name := range names {
		a := cfg.Actions[name]
		bounded, cancel := context.WithTimeout(ctx, a.Spec.Timeout)
		seen, err := a.Observe(bounded, p.name, hosts)
		cancel()
		e.took(a.Spec.Timeout)
		if err != nil {
			e.Logger.Warn("the backend can't be observed", zap.String("pool", string(p.name)), zap.String("action", string(name)), zap.Error(err))
			p.failed[name] = err.Error()
			continue
		}
		p.observed[name] = seen
	}
	p.seen = len(names) > 0 && len(p.observed) == len(names)
	assume := cfg.Pools[p.name].AssumeInService
	var out []ledger.OutFact
	var taken map[remedy.HostName]remedy.CaseID
	if assume {
		status := e.Ledger.Pool(p.name, e.Clock.Now())
		taken = takenOut(status.Open)
		if !p.seen {
			// What is known to be out isn't assumed to be in while a backend
			// can't be asked.
			out = status.Out
		}
	}
	for i, h := range p.hosts {
		state := remedy.ServiceUnknown
		for _, name := range names {
			o, ok := p.observed[name][h.Name]
			if !ok {
				continue
			}
			// One backend that says out is enough; in needs no contradiction.
			if o.State == remedy.ServiceOut || state == remedy.ServiceUnknown {
				state = o.State
				p.admin[i] = o.Admin
			}
			p.half[i] = p.half[i] || o.HalfOut()
		}
		if state == remedy.ServiceUnknown && assume {
			switch id, held := taken[h.Name]; {
			case held:
				state, p.admin[i] = remedy.ServiceOut, "out for "+id.String()
			case !outOf(out, h.Name):
				state = remedy.ServiceIn
			}
		}
		p.states[i] = state
	}
}

// takenOut lists the hosts that are out because of a case, by warden's own
// record. In a pool where in service is assumed nothing else says so.
func takenOut(open []*ledger.Case) map[remedy.HostName]remedy.CaseID {
	out := map[remedy.HostName]remedy.CaseID{}
	for _, c := range open {
		if a := c.Acted(); a != nil && a.TakesOut && (c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying) {
			out[c.Host] = c.ID
		}
	}
	return out
}

// poolView is the pool as a detector sees it. While a backend can't be asked,
// the committed out-set stands in for it. What shadow executions hold out is
// marked only for a detector whose own action is decided on the shadow budget.
func (e *Engine) poolView(p *poolRound, r *round, shadowed bool) remedy.PoolView {
	status := e.Ledger.Pool(p.name, r.now)
	view := remedy.PoolView{Name: p.name, Hosts: make([]remedy.HostView, len(p.hosts)), Roster: p.roster}
	for i, h := range p.hosts {
		state := p.states[i]
		if k, ok := slices.BinarySearchFunc(status.Out, h.Name, outByHost); state == remedy.ServiceUnknown && ok && status.Out[k].Admin != adminUnlisted {
			state = remedy.ServiceOut
		}
		_, held := slices.BinarySearch(status.ShadowOut, h.Name)
		view.Hosts[i] = remedy.HostView{Name: h.Name, State: state, ShadowOut: held && shadowed}
	}
	return view
}

// outOf reports whether the host is in the out-set, which is sorted by host.
func outOf(out []ledger.OutFact, h remedy.HostName) bool {
	_, ok := slices.BinarySearchFunc(out, h, outByHost)
	return ok
}

func outByHost(o ledger.OutFact, h remedy.HostName) int { return cmp.Compare(o.Host, h) }
