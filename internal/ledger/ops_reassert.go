package ledger

import (
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// reassertEvery is how often a case's effect may be put back after load
// balancers forgot it: once in so long.
const reassertEvery = time.Hour

// Forgotten says that load balancers forgot at a reload what a case had done.
// While it stands, what they say of the host is nobody's reversal.
type Forgotten struct {
	At time.Time `json:"at"`
	// Balancers are the ones that forgot it, sorted.
	Balancers []string `json:"balancers"`
	// Why is what kept warden from putting it back, as it was told; empty
	// while nothing did.
	Why string `json:"why,omitempty"`
	// Cancelled says that a person called the putting back off.
	Cancelled bool `json:"cancelled,omitempty"`
}

// CaseForgot commits that load balancers forgot what a case had done, why it
// is not put back yet, or that there is nothing to put back any more. The
// engine has seen it: intact, at most two polls before the reload.
type CaseForgot struct {
	Case remedy.CaseID `json:"case"`
	// Balancers are those that forgot it; empty says that it is over, since
	// another hand has been there, or the time for it has passed.
	Balancers []string `json:"balancers,omitempty"`
	// Blocked is why it can't be put back now. The first is told.
	Blocked string `json:"blocked,omitempty"`
	Note    string `json:"note,omitempty"`
}

func (*CaseForgot) kind() string { return "case.forgot" }

func (b *CaseForgot) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageVerifying && c.Stage != remedy.StageOut:
		return refuse(RefusedStage, "%s is %s: nothing that it did can have been forgotten", c.ID, c.Stage)
	case c.Taken() == nil || !c.Taken().TakesOut:
		return refuse(RefusedStage, "%s took no host out: there is nothing to keep out", c.ID)
	case len(b.Balancers) == 0 && c.Forgotten == nil:
		return refuse(RefusedNothing, "nothing of %s is forgotten", c.ID)
	}
	c = m.edit(c, x)
	if len(b.Balancers) == 0 {
		c.Forgotten = nil
		c.event(x, "not put back any more"+suffix(b.Note))
		return done(c.ID)
	}
	names := slices.Clone(b.Balancers)
	slices.Sort(names)
	names = slices.Compact(names)
	f := Forgotten{At: x.at}
	if c.Forgotten != nil {
		f = *c.Forgotten
	}
	if !slices.Equal(f.Balancers, names) {
		c.event(x, "forgotten at a reload by "+strings.Join(names, ", ")+suffix(b.Note))
	}
	f.Balancers = names
	if b.Blocked != "" && f.Why == "" {
		f.Why = b.Blocked
		c.event(x, "not put back: "+b.Blocked)
		m.notify(Notice{Kind: NoticeForgotten, Case: c.ID, Pool: c.Pool, Page: true, Detail: b.Blocked}, x)
	}
	c.Forgotten = &f
	return done(c.ID)
}

// Taken returns the newest execution that did what the action does, as opposed
// to undoing it or putting it back, or nil. Its prior state is what an undo
// restores.
func (c *Case) Taken() *Execution {
	for i := len(c.Executions) - 1; i >= 0; i-- {
		if k := c.Executions[i].Kind; k != remedy.KindUndo && k != remedy.KindReassert {
			return &c.Executions[i]
		}
	}
	return nil
}

// Reasserted is when the case's effect was last put back, or may have been;
// zero when it never was. What was called off doesn't count.
func (c *Case) Reasserted() time.Time {
	for _, e := range slices.Backward(c.Executions) {
		if e.Kind == remedy.KindReassert && e.Outcome != remedy.OutcomeAborted {
			return e.StartedAt
		}
	}
	return time.Time{}
}

// admitReassert checks what binds the putting back of what was forgotten: stops,
// people's words against it, floors and slots, and once an hour. It needs no evidence, for the case has
// its own, and takes no new slot, for the case kept it.
func (m *machine) admitReassert(b *ExecStart, c *Case, p *pool, l Limits, x step) Result {
	switch last := c.Reasserted(); {
	case c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying:
		return refuse(RefusedStage, "%s is %s: only what a case did can be put back", c.ID, c.Stage)
	case !b.TakesOut:
		return refuse(RefusedBad, "what takes no host out is not put back")
	case c.Forgotten == nil:
		return refuse(RefusedNothing, "no load balancer has forgotten what %s did: there is nothing to put back", c.ID)
	case c.Forgotten.Cancelled:
		return refuse(RefusedDecided, "%s called it off", c.Cancel.By.Name)
	case m.freeze != nil:
		return refuse(RefusedFrozen, "frozen by %s: %s", m.freeze.By.Name, remedy.Bare(m.freeze.Reason))
	case b.PlanHash == "" || b.PlanHash != c.PlanHash:
		return refuse(RefusedApproval, "the plan changed since it was done: leave it, or run it by hand")
	case !last.IsZero() && x.at.Sub(last) < reassertEvery:
		return refuse(RefusedPace, "it was put back at %s already, and that is done once an hour", last.Format(timeLayout))
	}
	if w := m.opposes(c); w != nil {
		return refuse(RefusedApproval, "%s: it is put back by hand, or not at all", w.Words())
	}
	if h := m.hold(c.Pool, c.Host); h != nil {
		return refuse(RefusedHeld, "%s is held by %s: %s", h.what(), h.By.Name, remedy.Bare(h.Reason))
	}
	if level := m.effective(c.Action, c.Pool); c.Manual == nil && level < remedy.LevelConfirm {
		return refuse(RefusedLevel, "%s is at %s in pool %s", c.Action, level, c.Pool)
	}
	if !p.Size.usable() {
		return refuse(RefusedLimit, "the size of pool %s isn't known: %s", p.Name, p.Size.why())
	}
	return m.admitOut(b, c, p, l)
}

// finishReassert ends the putting back. Whatever came of it, the case stays
// open and keeps its slot: its host is out, or was to be.
func (m *machine) finishReassert(c *Case, b *ExecFinish, x step) Result {
	switch b.Outcome { //exhaustive:ignore // mayEnd lets only these pass
	case remedy.OutcomeDone:
		c.Stage, c.Outcome, c.Forgotten = remedy.StageVerifying, "", nil
		return done(c.ID) // its verdict is told
	case remedy.OutcomeAborted:
		c.Stage = remedy.StageOut
		if c.Outcome == "" {
			c.Stage = remedy.StageVerifying // whether the action took is still to be seen
		}
		if f := c.Forgotten; f != nil && c.Cancels(c.Execution().Token) {
			again := *f
			again.Cancelled = true
			c.Forgotten = &again
		}
		return done(c.ID) // what stands in its way is told with Forgotten
	case remedy.OutcomeFailed, remedy.OutcomePartial:
		c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomeUnverified, b.Note
		if b.Outcome == remedy.OutcomePartial {
			c.Outcome = remedy.OutcomePartial
		}
	case remedy.OutcomeUnknown:
		c.Note = b.Note
	}
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Page: true, Detail: b.Note}, x)
	return done(c.ID)
}
