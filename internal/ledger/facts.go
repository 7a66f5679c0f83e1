package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// Facts is what the ledger knows that a decision about one host and action
// depends on. It is a copy: it stays as it was when the ledger moves on, and
// Basis says so to START.
type Facts struct {
	Basis     remedy.Basis
	Effective remedy.Level
	// Reported is the lowest level of the voters' files; Demoted and Grant, nil
	// where there is none, are what is left of it.
	Reported remedy.Level
	Demoted  *trust.Demotion
	Grant    *trust.Grant
	Freeze   *Freeze
	Hold     *Hold
	// Limits and whether any voter reported them.
	Limits      Limits
	LimitsKnown bool
	ClusterHour int // cluster-wide limits; 0 when not configured
	ClusterDay  int
	Cooldown    time.Duration
	// TakesOut says that the action takes its host out of service, by the word of
	// any voter; an action that nobody reported does.
	TakesOut bool
	// N is the committed pool size; SizeKnown is false, and SizeWhy says why,
	// while the inventory is stale, empty or shrunk.
	N         int
	SizeKnown bool
	SizeWhy   string
	// Out counts hosts that are out, executing or of unknown outcome, each
	// once, the asked host excluded; HostOut is whether that host is one.
	Out     int
	HostOut bool
	// OutDomains are the failure domains that hosts which are out stand in, the
	// asked host's left out; DomainLost is one of them of which nobody knows
	// where it stands. Both are empty for a pool without domains.
	OutDomains []string
	DomainLost remedy.HostName
	Running    int
	Lock       remedy.CaseID
	// Rates within the hour and day before the asked instant.
	PoolHour, PoolDay           int
	ClusterHourly, ClusterDaily int
	// Attempts counts the STARTs on the host in the last day, Flaps those
	// take-outs of it that ended in the last day with the host back.
	Attempts, Flaps int
	LastOnHost      time.Time
	LastInPool      time.Time
	Storm           StormState
	Breaker         BreakerFacts
	// TakenOut are the hosts warden took out on the detector's word within
	// the common-mode window, returned or not.
	TakenOut []remedy.HostName
	// ShadowOut are the hosts that shadow executions hold out now.
	ShadowOut []remedy.HostName
	// Rehearsed are the newest cases, newest first, whose shadow executions may
	// be counted in here; empty on the real budget.
	Rehearsed []remedy.CaseID
	Quiet     *Quiet
	LastTold  time.Time
	Case      *Case // the open case, or nil
	// Against is a person's word that the detector is wrong about Case, or about the
	// one before it, and which nobody has approved since; nil without one.
	Against *Objection
}

// FactsQuery says what facts are wanted.
type FactsQuery struct {
	Pool     remedy.PoolName
	Host     remedy.HostName
	Action   remedy.ActionName
	Detector remedy.DetectorName
	// Now is the instant that windows are counted back from.
	Now time.Time
	// CommonModeWindow is how far back TakenOut looks.
	CommonModeWindow time.Duration
	// Shadow asks for the shadow budget: shadow and real entries together.
	// Without it shadow entries are not seen at all.
	Shadow bool
	// ExceptCase leaves out the shadow entries of one case: its own.
	ExceptCase remedy.CaseID
	// Own leaves out the running execution of one case, as if it had not been
	// started: its lock, slot, out-slot and START. The last gate before an
	// effect asks this way, so that an execution doesn't block itself.
	Own remedy.CaseID
}

// Facts answers the query from the present state.
func (l *Ledger) Facts(q FactsQuery) Facts {
	l.mu.RLock()
	defer l.mu.RUnlock()
	m, p := l.m, l.m.findPool(q.Pool)
	f := Facts{
		Basis:     remedy.Basis{Pool: p.Rev, Global: m.global},
		Effective: m.effective(q.Action, q.Pool),
		Reported:  m.filed(q.Action, q.Pool),
		Cooldown:  m.cooldown(q.Action, q.Pool),
		TakesOut:  m.takesOut(q.Action),
		N:         p.Size.N,
		SizeKnown: p.Size.usable(),
		SizeWhy:   p.Size.why(),
		Case:      m.openCase(p, q.Host, q.Action),
	}
	if d := m.demotion(q.Action, q.Pool); d != nil {
		f.Demoted = new(*d)
	}
	if g := m.grant(q.Action, q.Pool); g != nil {
		f.Grant = new(*g)
	}
	if f.Case != nil {
		f.Against = m.against(f.Case)
	} else {
		f.Against = m.objected(p, q.Host, q.Action)
	}
	if m.freeze != nil {
		f.Freeze = new(*m.freeze)
	}
	if h := m.hold(q.Pool, q.Host); h != nil {
		f.Hold = new(*h)
	}
	f.Limits, f.LimitsKnown = m.limits(q.Pool)
	f.Breaker = BreakerFacts{Latches: m.latchesOn(q.Pool), ResetAt: m.resetAt(q.Pool)}
	f.ClusterHour, f.ClusterDay = m.clusterRates()
	out := m.outHosts(p, outQuery{own: q.Own, shadow: q.Shadow, exceptCase: q.ExceptCase, now: q.Now}, f.Limits.DomainLabel)
	f.Out, f.HostOut = countOut(out, q.Host)
	if f.Limits.DomainLabel != "" {
		f.OutDomains, f.DomainLost = domainsOf(out, q.Host)
	}
	f.Running, f.Lock = m.running(p, q.Host, q.Own)
	m.rates(&f, p, q)
	for _, s := range p.Storms {
		if s.Detector == q.Detector {
			f.Storm = s
		}
	}
	for _, o := range p.Quiets {
		if o.Host == q.Host && o.Action == q.Action {
			f.Quiet = new(o)
		}
	}
	for _, t := range p.Told {
		if t.Host == q.Host && t.Action == q.Action {
			f.LastTold = t.At
		}
	}
	return f
}

// maxRehearsed bounds the cases that a decision names.
const maxRehearsed = 20

// rates fills in everything that is counted over STARTs.
func (m *machine) rates(f *Facts, p *pool, q FactsQuery) {
	for _, other := range m.pools {
		for _, s := range slices.Backward(other.Starts) {
			age := q.Now.Sub(s.At)
			if other != p && age >= 24*time.Hour {
				break // they are by time, and no window reaches further back
			}
			if s.Shadow && (!q.Shadow || s.Case == q.ExceptCase) {
				continue
			}
			if !s.Shadow && q.Own != 0 && s.Case == q.Own && s.EndedAt.IsZero() {
				continue
			}
			counts := other == p && (age < 24*time.Hour || s.Host == q.Host) || f.ClusterHour > 0 || f.ClusterDay > 0
			if s.Shadow && counts {
				f.Rehearsed = append(f.Rehearsed, s.Case)
			}
			if age < time.Hour {
				f.ClusterHourly++
			}
			if age < 24*time.Hour {
				f.ClusterDaily++
			}
			if other != p {
				continue
			}
			if age < time.Hour {
				f.PoolHour++
			}
			if age < 24*time.Hour {
				f.PoolDay++
			}
			f.LastInPool = later(f.LastInPool, later(s.At, s.EndedAt))
			if s.Host == q.Host {
				f.onHost(s, q)
			}
			if s.TakesOut && s.Detector == q.Detector && q.Detector != "" && age < q.CommonModeWindow {
				f.TakenOut = append(f.TakenOut, s.Host)
			}
			if s.shadowOut(q.Now) {
				f.ShadowOut = append(f.ShadowOut, s.Host)
			}
		}
	}
	slices.Sort(f.Rehearsed)
	slices.Reverse(f.Rehearsed)
	f.Rehearsed = slices.Compact(f.Rehearsed)
	f.Rehearsed = f.Rehearsed[:min(len(f.Rehearsed), maxRehearsed)]
	slices.Sort(f.TakenOut)
	f.TakenOut = slices.Compact(f.TakenOut)
	slices.Sort(f.ShadowOut)
	f.ShadowOut = slices.Compact(f.ShadowOut)
}

// onHost counts one START on the asked host.
func (f *Facts) onHost(s Start, q FactsQuery) {
	if s.Action == q.Action {
		f.LastOnHost = later(f.LastOnHost, s.At)
	}
	if q.Now.Sub(s.At) < 24*time.Hour {
		f.Attempts++
	}
	if back := s.backAt(q.Now); !back.IsZero() && q.Now.Sub(back) < 24*time.Hour {
		f.Flaps++
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// PoolStatus is one pool as the ledger knows it.
type PoolStatus struct {
	Name    remedy.PoolName `json:"name"`
	N       int             `json:"n"`
	Known   bool            `json:"known"`
	Stale   bool            `json:"stale,omitempty"`
	Blocked string          `json:"blocked,omitempty"`
	Out     []OutFact       `json:"out,omitempty"`
	// DomainLabel is the label that says which failure domain a host stands in,
	// by the strictest report; empty when the pool has none.
	DomainLabel string       `json:"failure_domain_label,omitempty"`
	Storms      []StormState `json:"storms,omitempty"`
	Quiets      []Quiet      `json:"quiets,omitempty"`
	// ShadowOut are the hosts that shadow executions hold out at the asked
	// instant.
	ShadowOut []remedy.HostName `json:"shadow_out,omitempty"`
	// Open are the pool's open cases.
	Open []*Case `json:"open,omitempty"`
	Rev  uint64  `json:"rev"`
}

// Pool returns one pool's status; an unknown pool has Known false.
func (l *Ledger) Pool(name remedy.PoolName, now time.Time) PoolStatus {
	l.mu.RLock()
	defer l.mu.RUnlock()
	p := l.m.findPool(name)
	s := PoolStatus{
		Name: p.Name, N: p.Size.N, Known: p.Size.Known, Stale: p.Size.Stale, Blocked: p.Size.Blocked,
		Out: slices.Clone(p.Out), Storms: slices.Clone(p.Storms), Quiets: slices.Clone(p.Quiets), Rev: p.Rev,
	}
	limits, _ := l.m.limits(name)
	s.DomainLabel = limits.DomainLabel
	for _, st := range p.Starts {
		if st.shadowOut(now) {
			s.ShadowOut = append(s.ShadowOut, st.Host)
		}
	}
	slices.Sort(s.ShadowOut)
	s.ShadowOut = slices.Compact(s.ShadowOut)
	for _, id := range p.Open {
		if c := l.m.find(id); c != nil {
			s.Open = append(s.Open, c)
		}
	}
	return s
}

// Case returns a case by id.
func (l *Ledger) Case(id remedy.CaseID) (*Case, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	c := l.m.find(id)
	return c, c != nil
}

// CaseFilter narrows Cases; zero fields match everything.
type CaseFilter struct {
	Pool   remedy.PoolName
	Host   remedy.HostName
	Action remedy.ActionName
	Stage  remedy.Stage
	// Open keeps open cases only.
	Open bool
	// Since keeps cases that changed at or after the instant.
	Since time.Time
	// Limit bounds the number of cases, the newest being kept; 0 means all.
	Limit int
}

// Cases returns the matching cases, newest first.
func (l *Ledger) Cases(f CaseFilter) []*Case {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []*Case
	all := l.m.cases.newest()
	if f.Open {
		all = slices.Values(l.m.openCases(f.Pool))
	}
	for c := range all {
		if (f.Pool != "" && c.Pool != f.Pool) || (f.Host != "" && c.Host != f.Host) ||
			(f.Action != "" && c.Action != f.Action) || (f.Stage != "" && c.Stage != f.Stage) ||
			c.ChangedAt.Before(f.Since) {
			continue
		}
		out = append(out, c)
		if f.Limit > 0 && len(out) == f.Limit {
			break
		}
	}
	return out
}

// openCases are the open cases of a pool, or of all, newest first.
func (m *machine) openCases(name remedy.PoolName) []*Case {
	var out []*Case
	for _, p := range m.pools {
		if name != "" && p.Name != name {
			continue
		}
		for _, id := range p.Open {
			out = append(out, m.find(id))
		}
	}
	slices.SortFunc(out, func(a, b *Case) int { return cmp.Compare(b.ID, a.ID) })
	return out
}

// Status is the ledger as a whole.
type Status struct {
	Index     uint64    `json:"index"`
	Term      uint64    `json:"term"`
	Time      time.Time `json:"time,omitzero"`
	ClusterID string    `json:"cluster_id,omitempty"`
	Chain     string    `json:"chain,omitempty"`
	// Voters are the nodes that count, sorted; Invited those that the founder saw
	// and that warden itself may still make voters.
	Voters  []remedy.NodeID `json:"voters,omitempty"`
	Invited []remedy.NodeID `json:"invited,omitempty"`
	Freeze  *Freeze         `json:"freeze,omitempty"`
	Holds   []Hold          `json:"holds,omitempty"`
	Reports []NodeReport    `json:"reports,omitempty"`
	// Waivers are the voters whose word on levels doesn't count for now.
	Waivers []Waiver `json:"waivers,omitempty"`
	// Needs is the highest version of any entry so far: a build that knows less
	// can't be a member.
	Needs int `json:"needs,omitempty"`
	Cases int `json:"cases"`
	// OldestClosed is when the closed case that ended first did; zero if none.
	OldestClosed time.Time `json:"oldest_closed,omitzero"`
}

// Status returns the ledger's overall state.
func (l *Ledger) Status() Status {
	l.mu.RLock()
	defer l.mu.RUnlock()
	m := l.m
	s := Status{
		Index: m.index, Term: m.term, Time: m.time, ClusterID: m.clusterID, Chain: m.chain,
		Voters: slices.Clone(m.voters), Invited: slices.Clone(m.invited), Holds: slices.Clone(m.holds), Reports: slices.Clone(m.reports), Waivers: slices.Clone(m.waivers), Needs: m.needs, Cases: m.cases.n,
		OldestClosed: m.oldestClosed,
	}
	if m.freeze != nil {
		s.Freeze = new(*m.freeze)
	}
	return s
}

// Level returns the effective level of an action in a pool.
func (l *Ledger) Level(action remedy.ActionName, pool remedy.PoolName) remedy.Level {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.effective(action, pool)
}

// Pending returns the notices that no receipt covers yet, oldest first.
func (l *Ledger) Pending() []Notice {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.m.notices)
}

// Starts returns the pool's remembered STARTs, shadow ones included, by time.
func (l *Ledger) Starts(pool remedy.PoolName) []Start {
	l.mu.RLock()
	defer l.mu.RUnlock()
	out := slices.Clone(l.m.findPool(pool).Starts)
	slices.SortStableFunc(out, func(a, b Start) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case)) })
	return out
}

// Preview returns a ledger that is as this one would be after the bodies were
// applied at the instant, without changing this one. The engine decides on a
// preview of a round's facts, so that facts and decisions share one entry.
func (l *Ledger) Preview(at time.Time, by remedy.Actor, bodies ...Body) *Ledger {
	l.mu.RLock()
	m := l.m.clone()
	l.mu.RUnlock()
	x := step{index: m.index + 1, term: m.term, at: later(m.time, stamp(at)), by: by}
	m.time = x.at
	for _, b := range bodies {
		m.needs = max(m.needs, since(b))
	}
	for _, b := range bodies {
		b.apply(&m, x)
	}
	return &Ledger{m: &m}
}
