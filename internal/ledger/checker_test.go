package ledger_test

import (
	"slices"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// checker judges a history from the outside: it reads the entries and their
// results, never the ledger, and keeps its own account of who is out, what runs
// and what restrains. It knows nothing of how the ledger keeps its state.
type checker struct {
	tb      reporter
	time    time.Time
	ledIn   uint64    // the newest term whose leader said so
	ledFrom time.Time // when
	voters  []remedy.NodeID
	clicks  []said
	invited []remedy.NodeID
	waived  map[remedy.NodeID]bool
	reports map[remedy.NodeID]*ledger.NodeReport
	left    map[rungName]remedy.Level // by demotions and gates
	frozen  bool
	held    map[[2]string]bool // pool, host
	pools   map[remedy.PoolName]*poolAccount
	cases   map[remedy.CaseID]*caseAccount
	tokens  []remedy.Token
	starts  int
	breakers
	words
	lastWord map[remedy.PoolName]time.Time
	// reasserts are those of the STARTs that put something back.
	reasserts int
}

type poolAccount struct {
	out   map[remedy.HostName]string // and where each stands
	sizes []sizeAccount              // since a person last accepted one
	from  int                        // the size it must come back to; 0 while not blocked
	stale bool
}

type sizeAccount struct {
	at time.Time
	n  int
}

// phase is where a case's effects stand.
type phase int

const (
	idle phase = iota
	running
	unknown
	effective // done, verified or not: the host is not as it was
	over
)

type caseAccount struct {
	pool          remedy.PoolName
	host          remedy.HostName
	action        remedy.ActionName
	phase         phase
	before        phase // before the START that runs
	takesOut      bool
	domain, stood string // where its host stood at its newest START that was no undo, and at the one before
	manual        *ledger.ManualOpen
	verdict       remedy.Verdict
	level         remedy.Level
	plan          string
	ask           *ledger.Ask
	asks          int            // how many questions it has asked
	read          map[uint64]int // which of them is shown by a number, to who has read it
	approved      bool
	approvedAt    time.Time
	opened        time.Time
	halfDone      bool // it ended as partial
	// forgot says that load balancers forgot what it did; back is when that was
	// put back last, and running reasserts.
	forgot    bool
	found     time.Time // what was judged last
	began     time.Time // its newest START
	taken     time.Time // its newest START that was no undo and put nothing back
	back      []time.Time
	reasserts bool
}

func newChecker(tb reporter) *checker {
	tb.Helper()
	return &checker{
		tb: tb, reports: map[remedy.NodeID]*ledger.NodeReport{}, waived: map[remedy.NodeID]bool{}, held: map[[2]string]bool{},
		breakers: newBreakers(), words: words{}, lastWord: map[remedy.PoolName]time.Time{}, pools: map[remedy.PoolName]*poolAccount{}, cases: map[remedy.CaseID]*caseAccount{},
	}
}

func (k *checker) pool(name remedy.PoolName) *poolAccount {
	if k.pools[name] == nil {
		k.pools[name] = &poolAccount{out: map[remedy.HostName]string{}}
	}
	return k.pools[name]
}

// entry takes in one applied entry.
func (k *checker) entry(e ledger.Entry, bodies []ledger.Body, a ledger.Applied) {
	k.tb.Helper()
	at := e.At
	if at.Before(k.time) {
		at = k.time
	}
	_, accept := bodies[0].(*ledger.ClockAccept)
	if gap := !k.time.IsZero() && at.Sub(k.time) > ledger.MaxGap; gap && (len(bodies) != 1 || !accept) {
		for _, r := range a.Results {
			if r.Code != ledger.RefusedClock {
				k.tb.Fatalf("time stepped from %v to %v and the answer was %+v", k.time, at, r)
			}
		}
		return
	}
	k.time = at
	before := k.levels()
	defer func() { k.raised(before, bodies, a, e.By) }()
	for i, b := range bodies {
		if a.Results[i].OK {
			k.take(b, a.Results[i].Case, e.By, a.Token(), len(bodies) == 1)
			k.unasked(a.Results[i].Also)
		} else if a.Results[i].Code == ledger.RefusedClock {
			k.tb.Fatalf("a step of %v was refused", at.Sub(k.time))
		}
	}
}

// take takes in one operation that was not refused.
func (k *checker) take(b ledger.Body, id remedy.CaseID, by remedy.Actor, tok remedy.Token, alone bool) {
	k.tb.Helper()
	c := k.cases[id]
	was := idle
	if c != nil {
		was = c.phase
	}
	defer func() { k.spoken(b, id, by, was) }()
	switch b := b.(type) {
	case *ledger.TenureBegin:
		k.ledIn, k.ledFrom = tok.Term, k.time
	case *ledger.CaseStayed:
		if k.ledIn != tok.Term || k.time.Sub(k.ledFrom) < 5*time.Minute {
			k.tb.Fatalf("%s has stayed bad in term %d, whose leader of %d began at %v, and it is %v", id, tok.Term, k.ledIn, k.ledFrom, k.time)
		}
	case *ledger.ClusterInit:
		k.voters, k.invited = b.Voters, b.Invited
	case *ledger.VoterAdd:
		k.voterAdded(b.Node, by)
	case *ledger.VoterRemove:
		k.voterRemoved(b.Node, by)
	case *ledger.NodeReport:
		k.reports[b.Node] = b
		delete(k.waived, b.Node)
	case *ledger.NodeWaive:
		k.waive(b, by)
	case *ledger.NodeUnwaive:
		delete(k.waived, b.Node)
	case *ledger.FreezeSet:
		k.frozen = true
	case *ledger.FreezeLift:
		k.frozen = false
	case *ledger.HoldSet:
		k.held[[2]string{string(b.Pool), string(b.Host)}] = true
	case *ledger.HoldRelease:
		delete(k.held, [2]string{string(b.Pool), string(b.Host)})
	case *ledger.RestraintExpire:
		if b.Freeze {
			k.frozen = false
		} else {
			delete(k.held, [2]string{string(b.Pool), string(b.Host)})
		}
	case *ledger.PoolSize:
		k.pool(b.Pool).size(b, k.time)
	case *ledger.PoolAccept:
		p := k.pool(b.Pool)
		p.sizes, p.from = []sizeAccount{{k.time, p.n()}}, 0
	case *ledger.PoolOut:
		for _, o := range b.Set {
			k.pool(b.Pool).out[o.Host] = o.Domain
		}
		for _, h := range b.Clear {
			delete(k.pool(b.Pool).out, h)
		}
	case *ledger.CaseJudge:
		k.judge(b, id)
	case *ledger.ManualOpen:
		if c == nil {
			c = &caseAccount{pool: b.Pool, host: b.Host, action: b.Action, opened: k.time}
			k.cases[id] = c
		}
		c.manual, c.plan, c.ask, c.approved = b, b.Plan.Hash(), nil, false
	case *ledger.CaseAnswer:
		if !b.Approve {
			k.shown(b, id, by)
			c.phase = over
			return
		}
		if !by.MayApprove(c.ask.Approvers) || b.PlanHash != c.ask.PlanHash || !k.time.Before(c.ask.ExpiresAt) {
			k.tb.Fatalf("%s was approved by %s, plan %q, at %v, and the question was %+v", id, by.Name, b.PlanHash, k.time, c.ask)
		}
		k.shown(b, id, by)
		c.approved, c.approvedAt = true, k.time
	case *ledger.CaseExpire, *ledger.CaseClose:
		c.phase = over
	case *ledger.CaseForgot:
		if c.phase != effective || !c.takesOut {
			k.tb.Fatalf("%s at phase %d was forgotten: %+v", id, c.phase, b)
		}
		c.forgot = len(b.Balancers) > 0
	case *ledger.CaseCancel:
		if !by.Person {
			k.tb.Fatalf("%s was cancelled by nobody", id)
		}
		if c.phase == idle {
			c.phase = over
		}
	case *ledger.Storm:
		k.storm(b)
	case *ledger.StormReset:
		k.stormReset(b)
	case *ledger.BreakerTrip:
		k.trip(b.Pool)
	case *ledger.BreakerReset:
		k.reset(b, by)
	case *ledger.ExecStart:
		k.start(b, id, by, tok, alone)
	case *ledger.ExecFinish:
		switch {
		case c.phase == running, c.phase == unknown:
			c.finish(b, k.resetAt(c.pool))
		case b.Outcome == remedy.OutcomeAborted: // else it came late, and changes nothing
			k.tb.Fatalf("%s was called off twice", id)
		default:
			k.trip(c.pool)
		}
	case *ledger.ExecVerdict:
		if b.Returned || !c.takesOut {
			c.phase = over
		}
	case *ledger.Resolve:
		c.phase, c.forgot = over, false
		if b.Out {
			c.phase, c.takesOut = effective, true
		}
	}
}

func (k *checker) judge(b *ledger.CaseJudge, id remedy.CaseID) {
	c := k.cases[id]
	if c == nil {
		c = &caseAccount{pool: b.Pool, host: b.Host, action: b.Action, opened: k.time}
		k.cases[id] = c
	}
	c.verdict, c.found = b.Finding.Verdict, b.Finding.At
	if c.phase != idle || c.ask != nil || b.Decision == nil {
		return // not decided while it waits, runs or is over
	}
	c.level = b.Decision.Level
	if b.Plan != nil {
		c.plan = b.Plan.Hash()
	}
	if c.level == remedy.LevelConfirm && b.Ask != nil && b.Ask.PlanHash == c.plan && c.plan != "" && len(b.Ask.Approvers) > 0 {
		c.ask, c.approved = b.Ask, false
		c.asks++
	}
}

// start holds an admitted START against everything that must stop one.
func (k *checker) start(b *ledger.ExecStart, id remedy.CaseID, by remedy.Actor, tok remedy.Token, alone bool) {
	k.tb.Helper()
	c := k.cases[id]
	fail := func(format string, args ...any) {
		k.tb.Helper()
		k.tb.Fatalf("START of %s (%s on %s in %s) was admitted: "+format, append([]any{id, b.Kind, c.host, c.pool}, args...)...)
	}
	k.starts++
	if !alone {
		fail("beside other operations")
	}
	if n := len(k.tokens); n > 0 && (tok.Index <= k.tokens[n-1].Index || tok.Term < k.tokens[n-1].Term) {
		fail("token %s after %s", tok, k.tokens[n-1])
	}
	k.tokens = append(k.tokens, tok)
	limits, reported := k.limits(c.pool)
	if !reported {
		fail("without any limits")
	}
	slots := 0
	for other, o := range k.cases {
		if o.pool == c.pool && o.phase == running {
			slots++
		}
		if o.host == c.host && (o.phase == running || o.phase == unknown) {
			fail("%s executes on the host, or may have", other)
		}
	}
	if slots+1 > limits.MaxConcurrent {
		fail("%d are running and %d may", slots, limits.MaxConcurrent)
	}
	k.latched(b, c, fail)
	c.before, c.phase, c.reasserts = c.phase, running, b.Kind == remedy.KindReassert
	if c.reasserts {
		c.domain, c.stood = b.Domain, c.domain
		k.reassert(b, c, fail)
		k.room(c, limits, fail)
		return
	}
	if b.Kind == remedy.KindUndo {
		if c.before != effective || !by.Person {
			fail("by %+v at phase %d", by, c.before)
		}
		return
	}
	if c.before != idle {
		fail("at phase %d", c.before)
	}
	c.takesOut, c.domain = b.TakesOut || k.takesOut(c.action), b.Domain
	k.forward(b, c, fail)
	if c.takesOut {
		k.room(c, limits, fail)
	}
}

// forward checks what binds everything but an undo.
func (k *checker) forward(b *ledger.ExecStart, c *caseAccount, fail func(string, ...any)) {
	held := k.held[[2]string{string(c.pool), string(c.host)}] || k.held[[2]string{string(c.pool), ""}]
	switch {
	case k.frozen:
		fail("while frozen")
	case !k.pool(c.pool).known():
		fail("with an inventory nobody can believe")
	case b.PlanHash == "" || b.PlanHash != c.plan:
		fail("with plan %q, it is %q", b.PlanHash, c.plan)
	case b.Kind == remedy.KindManual:
		if c.manual == nil || held && !slices.Contains(c.manual.Acknowledged, "hold") {
			fail("by hand: asked for %v, held %v", c.manual != nil, held)
		}
		return
	case held:
		fail("while held")
	case c.verdict != remedy.VerdictBad:
		fail("with verdict %s", c.verdict)
	}
	k.opposed(c, fail)
	level := k.level(c.action, c.pool)
	asked := c.ask != nil
	approved := asked && c.approved && c.ask.PlanHash == b.PlanHash && k.time.Before(c.ask.ExpiresAt) && level >= remedy.LevelConfirm
	auto := !asked && level == remedy.LevelAuto && c.level == remedy.LevelAuto
	if !approved && !auto {
		fail("at level %s, decided %s, asked %v, approved %v", level, c.level, asked, c.approved)
	}
}

// room counts the pool as if the host were out.
func (k *checker) room(c *caseAccount, l ledger.Limits, fail func(string, ...any)) {
	p := k.pool(c.pool)
	out := map[remedy.HostName][]string{} // what is said of where each stands
	for h, domain := range p.out {
		out[h] = []string{domain}
	}
	for _, o := range k.cases {
		if o != c && o.pool == c.pool && o.takesOut && (o.phase == running || o.phase == unknown || o.phase == effective) {
			out[o.host] = append(out[o.host], o.domain)
		}
	}
	_, already := out[c.host]
	out[c.host] = []string{c.domain}
	k.racks(out, l, fail)
	twentieths := int(l.MaxOutFraction*20 + 0.5) // histories use whole ones only
	switch {
	case len(out) > l.MaxOut:
		fail("%d would be out and max_out_of_service is %d", len(out), l.MaxOut)
	case len(out) > p.n()*twentieths/20:
		fail("%d would be out and max_out_fraction leaves %d of %d", len(out), p.n()*twentieths/20, p.n())
	case !already && p.n()-len(out) < l.MinInService:
		fail("%d of %d would stay and the floor is %d", p.n()-len(out), p.n(), l.MinInService)
	}
}

// racks counts in how many racks hosts are out: what was observed first, then
// what was said at START.
func (k *checker) racks(out map[remedy.HostName][]string, l ledger.Limits, fail func(string, ...any)) {
	if l.DomainLabel == "" {
		return
	}
	racks := map[string]bool{}
	for h, said := range out {
		i := slices.IndexFunc(said, func(s string) bool { return strings.HasPrefix(s, l.DomainLabel+"=") })
		if i < 0 {
			fail("nobody knows the %s of %s, which would be out", l.DomainLabel, h)
			return
		}
		racks[said[i]] = true
	}
	if len(racks) > l.MaxDomains {
		fail("hosts of %d racks would be out and %d may be: %v", len(racks), l.MaxDomains, racks)
	}
}

// limits takes the strictest of each.
func (k *checker) limits(pool remedy.PoolName) (out ledger.Limits, found bool) {
	for _, r := range k.reports {
		for _, p := range r.Pools {
			if p.Pool != pool {
				continue
			}
			l := p.Limits
			if found {
				l.MinInService, l.MaxOut = max(l.MinInService, out.MinInService), min(l.MaxOut, out.MaxOut)
				l.MaxOutFraction, l.MaxConcurrent = min(l.MaxOutFraction, out.MaxOutFraction), min(l.MaxConcurrent, out.MaxConcurrent)
				switch {
				case l.DomainLabel == "" || out.DomainLabel != "" && l.DomainLabel != out.DomainLabel:
					// None of them, or two that no host can have at once.
					l.DomainLabel, l.MaxDomains = out.DomainLabel+l.DomainLabel, out.MaxDomains
				case out.DomainLabel != "":
					l.MaxDomains = min(l.MaxDomains, out.MaxDomains)
				}
			}
			out, found = l, true
		}
	}
	return out, found
}
