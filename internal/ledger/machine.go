package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// machine is the state itself. It is single-threaded: Ledger holds the lock.
// All collections are sorted slices, so that nothing ever depends on the order
// of a map.
type machine struct {
	index, term uint64
	needs       int // the highest version of any entry so far
	time        time.Time
	clusterID   string
	chain       string
	lastCase    remedy.CaseID
	lastNotice  uint64
	global      uint64
	voters      []remedy.NodeID // sorted
	invited     []remedy.NodeID // sorted; warden itself may make voters of them
	reports     []NodeReport    // by node, of voters only
	waivers     []Waiver        // by node, of voters only
	freeze      *Freeze
	holds       []Hold  // by pool, host
	pools       []*pool // by name
	cases       caseList
	notices     []Notice
	counters    []counter // by key
	// trustReports are by node, of voters only.
	trustReports []TrustReport
	latches      []Latch // by byLatch; see breaker.go
	resets       []Reset // by pool, the newest of each
	// records and runs are the evidence, by key. What they point to is never
	// changed: it is replaced, as cases are.
	records []*trust.Record
	runs    []*trust.Runs
	// demotions and grants are by action, pool; lastClaim numbers what was claimed.
	demotions []trust.Demotion
	grants    []trust.Grant
	lastClaim uint64
	// adopted is where in the log a saved state was gone on from last; 0 if never.
	// Executions that began before may be unknown to it.
	adopted uint64
	// talk, posts and summaries are what people are told, and where; posts are by
	// byPost, summaries by date. No list is changed in place.
	talk      talk
	posts     []Post
	summaries []Summary
	// happenings are by the time they began. forgot is up to when closed cases may
	// have been forgotten; zero while none was.
	happenings []Happening
	forgot     time.Time
	// tenure is who leads; see looksFrom.
	tenure tenure
	// clicks is what was said of clicks that did nothing, by byClick: of the last
	// hour before the newest, and never changed in place.
	clicks []clickTold

	// oldestClosed is when the closed case that ended first did. It follows
	// from cases and is kept so that nobody has to look through all of them.
	oldestClosed time.Time
	// executing has every case that is executing, in all pools, ascending, and
	// perhaps some that no longer are. It follows from cases, as well.
	executing []remedy.CaseID
}

// pool is one pool's share of the state.
type pool struct {
	Name   remedy.PoolName `json:"name"`
	Rev    uint64          `json:"rev"`
	Size   sizeState       `json:"size"`
	Out    []OutFact       `json:"out,omitempty"`    // by host
	Starts []Start         `json:"starts,omitempty"` // by time
	Quiets []Quiet         `json:"quiets,omitempty"` // by host, action
	Storms []StormState    `json:"storms,omitempty"` // by detector
	Told   []told          `json:"told,omitempty"`   // by host, action
	Open   []remedy.CaseID `json:"open,omitempty"`   // ascending
	Hands  []handed        `json:"hands,omitempty"`  // by time, from version 3 on
	Words  []word          `json:"words,omitempty"`  // by host, action, speaker, case, from version 3 on
	Spoken time.Time       `json:"spoken,omitzero"`  // when the newest word was said, also one that ended since: see sayable
}

// sizeState is what the ledger knows of a pool's inventory.
type sizeState struct {
	Known bool `json:"known,omitempty"`
	N     int  `json:"n"`
	Stale bool `json:"stale,omitempty"`
	// Blocked says why the pool is blocked: its inventory shrank. From is the
	// size it must come back to, within the allowance.
	Blocked string   `json:"blocked,omitempty"`
	From    int      `json:"from,omitempty"`
	Sizes   []sizeAt `json:"sizes,omitempty"`
}

type sizeAt struct {
	At time.Time `json:"at"`
	N  int       `json:"n"`
}

// told remembers the last complaint about a host and action.
type told struct {
	Host   remedy.HostName   `json:"host"`
	Action remedy.ActionName `json:"action"`
	At     time.Time         `json:"at"`
}

// step is the context one operation is applied in.
type step struct {
	index, term uint64
	at          time.Time
	by          remedy.Actor
	node        remedy.NodeID
	alone       bool // the entry holds this operation only
	also        *[]string
}

// led notes what an operation leads to, for its result.
func (x step) led(format string, args ...any) {
	if x.also != nil {
		*x.also = append(*x.also, fmt.Sprintf(format, args...))
	}
}

func newMachine() *machine { return &machine{} }

// pool returns the pool's record, made on first use.
func (m *machine) pool(name remedy.PoolName) *pool {
	i, ok := slices.BinarySearchFunc(m.pools, name, func(p *pool, n remedy.PoolName) int { return cmp.Compare(p.Name, n) })
	if ok {
		return m.pools[i]
	}
	p := &pool{Name: name}
	m.pools = slices.Insert(m.pools, i, p)
	return p
}

// findPool returns the pool's record, or an empty one that is not kept.
func (m *machine) findPool(name remedy.PoolName) *pool {
	i, ok := slices.BinarySearchFunc(m.pools, name, func(p *pool, n remedy.PoolName) int { return cmp.Compare(p.Name, n) })
	if ok {
		return m.pools[i]
	}
	return &pool{Name: name}
}

// find returns the case, or nil.
func (m *machine) find(id remedy.CaseID) *Case { return m.cases.find(id) }

// openCase returns the open case of a host and action, or nil.
func (m *machine) openCase(p *pool, host remedy.HostName, action remedy.ActionName) *Case {
	for _, id := range p.Open {
		if c := m.find(id); c != nil && c.Host == host && c.Action == action {
			return c
		}
	}
	return nil
}

// edit returns a copy of the case that may be changed, and puts it in the
// old one's place. Slices inside are clipped, so that appending copies them.
func (m *machine) edit(c *Case, x step) *Case {
	n := *c
	n.Executions = slices.Clone(c.Executions)
	n.Events = slices.Clip(c.Events)
	n.ChangedAt = x.at
	m.cases.replace(&n)
	return &n
}

// event adds a line to the case's timeline.
func (c *Case) event(x step, what string) {
	if len(c.Events) >= maxEvents {
		half := maxEvents / 2
		kept := slices.Clone(c.Events[:half])
		kept = append(kept, Event{At: c.Events[half].At, What: "(older lines dropped)"})
		c.Events = append(kept, c.Events[len(c.Events)-half+2:]...)
	}
	c.Events = append(c.Events, Event{At: x.at, What: what, By: x.by.Name})
}

// open makes a new case and gives it an id.
func (m *machine) open(p *pool, c Case, x step) *Case {
	m.lastCase++
	c.ID = m.lastCase
	c.OpenedAt, c.ChangedAt = x.at, x.at
	m.cases.add(&c)
	p.Open = append(p.Open, c.ID)
	return &c
}

// close ends the case, which must be an editable copy.
func (m *machine) close(c *Case, outcome remedy.Outcome, note string, x step) {
	c.Stage, c.Outcome, c.Note, c.ClosedAt = remedy.StageClosed, outcome, note, x.at
	p := m.pool(c.Pool)
	if i, ok := slices.BinarySearch(p.Open, c.ID); ok {
		p.Open = slices.Delete(p.Open, i, i+1)
	}
	what := "closed: " + string(outcome)
	if note != "" {
		what += ", " + note
	}
	c.event(x, what)
	m.ended(c, outcome, x)
	m.outlives(c)
	m.bump(counterCases, caseLabels(c), "outcome", string(outcome))
	if outcome == remedy.OutcomeUndone || outcome == remedy.OutcomeReturned {
		p.back(c.ID, x.at)
	}
	if m.oldestClosed.IsZero() {
		m.oldestClosed = x.at // committed time never goes back
	}
}

// recount finds the closed case that ended first, and those that are executing.
func (m *machine) recount() {
	m.oldestClosed, m.executing = time.Time{}, nil
	for c := range m.cases.all() {
		if c.Stage == remedy.StageExecuting {
			m.executing = append(m.executing, c.ID)
		}
		if !c.Open() && (m.oldestClosed.IsZero() || c.ClosedAt.Before(m.oldestClosed)) {
			m.oldestClosed = c.ClosedAt
		}
	}
}

// moved records that something an admission depends on has changed.
func (m *machine) moved(p *pool) { p.Rev++ }

func (m *machine) notify(n Notice, x step) { m.notifyOn(m.talk.Surfaces, n, x) }

// notifyOn owes a notice to some surfaces only; none is the console.
func (m *machine) notifyOn(where []Surface, n Notice, x step) {
	m.lastNotice++
	n.Seq, n.At = m.lastNotice, x.at
	n.Owed = slices.Clone(where)
	m.notices = append(m.notices, n)
	if len(m.notices) > MaxNotices {
		m.notices = slices.Delete(m.notices, 0, len(m.notices)-MaxNotices)
	}
}

// MaxNotices bounds what waits to be told; the oldest are dropped first, and
// the ledger's cases still hold everything they said.
const MaxNotices = 1000

// outQuery says what outHosts lists.
type outQuery struct {
	own        remedy.CaseID // a case whose running execution is left out
	shadow     bool          // count what shadow executions hold out, too
	exceptCase remedy.CaseID // a case whose shadow executions are left out
	now        time.Time
}

// countOut counts hosts that are out, but for one, and reports whether that one
// is out as well.
func countOut(out []outHost, except remedy.HostName) (n int, exceptOut bool) {
	exceptOut = slices.ContainsFunc(out, func(o outHost) bool { return o.host == except })
	if exceptOut {
		return len(out) - 1, true
	}
	return len(out), false
}

// holdsOut reports whether the case itself keeps an out-slot: its host is out
// because of it, or may be.
func holdsOut(c *Case) bool {
	switch c.Stage {
	case remedy.StageOut:
		return true
	case remedy.StageExecuting, remedy.StageVerifying:
		a := c.Acted()
		return a == nil || a.TakesOut
	case remedy.StageDetected, remedy.StageProposed, remedy.StageWaiting, remedy.StageClosed:
		return false
	}
	return false
}

func (s Start) shadowOut(now time.Time) bool {
	return s.Shadow && s.TakesOut && !s.EndedSlot && now.Before(s.Until)
}

// backAt is when the host of a take-out was back in service; zero when it isn't,
// as far as anybody knows. The host of a shadow execution is back when its slot
// has ended.
func (s Start) backAt(now time.Time) time.Time {
	switch {
	case !s.TakesOut:
		return time.Time{}
	case s.Shadow && s.BackAt.IsZero() && !now.Before(s.Until):
		return s.Until
	}
	return s.BackAt
}

// back records that the host which a case took out is in service again. What
// an earlier attempt of the case did is not known to have taken it out.
func (p *pool) back(id remedy.CaseID, at time.Time) {
	for i, s := range slices.Backward(p.Starts) {
		if s.Case == id && !s.Shadow && s.TakesOut {
			p.Starts[i].BackAt = at
			return
		}
	}
}

// running counts the executions of the pool that hold a concurrency slot, and
// finds the one that holds the host's lock, in whichever pool that is: one name
// is one machine, and upper and lower case are one. The case own is left out.
func (m *machine) running(p *pool, host remedy.HostName, own remedy.CaseID) (n int, lock remedy.CaseID) {
	for _, id := range m.executing {
		c := m.find(id)
		if c == nil || c.ID == own || c.Stage != remedy.StageExecuting {
			continue
		}
		if c.Pool == p.Name && !c.UnknownExecution() {
			n++
		}
		if strings.EqualFold(string(c.Host), string(host)) {
			lock = c.ID
		}
	}
	return n, lock
}

// executes adds a case to those that are executing, and drops those that
// aren't any more. The list is made anew: readers and previews share the old one.
func (m *machine) executes(id remedy.CaseID) {
	next := make([]remedy.CaseID, 0, len(m.executing)+1)
	for _, other := range m.executing {
		if c := m.find(other); other != id && c != nil && c.Stage == remedy.StageExecuting {
			next = append(next, other)
		}
	}
	i, _ := slices.BinarySearch(next, id)
	m.executing = slices.Insert(next, i, id)
}
