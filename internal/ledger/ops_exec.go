package ledger

import (
	"fmt"
	"slices"
	"time"

	"warden/internal/remedy"
)

// startHorizon is how long STARTs are remembered for cooldowns. It bounds
// cooldown_per_host, which the config holds to less.
const startHorizon = 30 * 24 * time.Hour

func (p *pool) addStart(s Start, now time.Time) {
	p.Starts = slices.DeleteFunc(p.Starts, func(o Start) bool {
		return now.Sub(o.At) > startHorizon && (o.Shadow || !o.EndedAt.IsZero())
	})
	p.Starts = append(p.Starts, s)
}

// ExecStart is START: it admits one execution, or refuses it. The term and
// index of the entry that holds it are the execution's token, so it must stand
// alone in its entry. Every limit is counted here, in Apply, from committed
// facts only.
type ExecStart struct {
	Case        remedy.CaseID        `json:"case"`
	Kind        remedy.ExecutionKind `json:"kind"`
	PlanHash    string               `json:"plan_hash,omitempty"`
	Basis       remedy.Basis         `json:"basis"`
	StartWithin time.Duration        `json:"start_within"`
	RunWithin   time.Duration        `json:"run_within"`
	TakesOut    bool                 `json:"takes_out,omitempty"`
	// BadOthers is how many other hosts of the pool are bad now.
	BadOthers int `json:"bad_others,omitempty"`
	// UndoReason is what the person said, for an undo.
	UndoReason remedy.UndoReason `json:"undo_reason,omitempty"`
	// Prior is the state an undo restores.
	Prior string `json:"prior,omitempty"`
}

func (*ExecStart) kind() string { return "exec.start" }

func (b *ExecStart) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	if c == nil {
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	}
	p := m.pool(c.Pool)
	if r := m.admit(b, c, p, x); !r.OK {
		return r
	}
	c = m.edit(c, x)
	attempt := 1
	for _, e := range c.Executions {
		if e.Kind == b.Kind {
			attempt++
		}
	}
	by := x.by
	if b.Kind == remedy.KindAct && c.Answer != nil {
		by = c.Answer.By
	}
	c.Executions = append(c.Executions, Execution{
		Token: remedy.Token{Term: x.term, Index: x.index}, Attempt: attempt, Kind: b.Kind, By: by,
		PlanHash: b.PlanHash, StartedAt: x.at, StartWithin: b.StartWithin, RunWithin: b.RunWithin,
		TakesOut: b.TakesOut, Prior: b.Prior,
	})
	c.Stage = remedy.StageExecuting
	if b.Kind == remedy.KindUndo {
		c.UndoReason = b.UndoReason
	} else {
		c.BadOthers = b.BadOthers
		p.endShadow(c.Host, x.at)
		p.addStart(Start{Case: c.ID, Host: c.Host, Action: c.Action, Detector: c.Detector, At: x.at, TakesOut: b.TakesOut}, x.at)
	}
	c.event(x, "START "+string(b.Kind))
	m.moved(p)
	m.global++
	m.notify(Notice{Kind: NoticeStarted, Case: c.ID, Pool: c.Pool}, x)
	return done(c.ID)
}

// admit is the one gate: it refuses a START that any committed fact forbids.
func (m *machine) admit(b *ExecStart, c *Case, p *pool, x step) Result {
	if !x.alone {
		return refuse(RefusedBad, "START must stand alone in its entry: its index is the token")
	}
	if now := (remedy.Basis{Pool: p.Rev, Global: m.global}); b.Basis != now {
		return refuse(RefusedBasis, "the world moved since the decision (pool %d, global %d; now %d, %d)", b.Basis.Pool, b.Basis.Global, now.Pool, now.Global)
	}
	running, lock := m.running(p, c.Host, 0)
	if lock != 0 {
		return refuse(RefusedLock, "%s is executing on %s: wait for it, or resolve it if it is unknown", lock, c.Host)
	}
	limits, known := m.limits(p.Name)
	if !known {
		return refuse(RefusedLimit, "no node has reported limits for pool %s", p.Name)
	}
	if running >= limits.MaxConcurrent {
		return refuse(RefusedSlot, "%d of %d executions are running in pool %s: wait", running, limits.MaxConcurrent, p.Name)
	}
	if b.Kind == remedy.KindUndo {
		if c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying {
			return refuse(RefusedStage, "%s is %s: only a host that is out because of it can be put back", c.ID, c.Stage)
		}
		if !x.by.Person {
			return refuse(RefusedPerson, "only a person may put a host back")
		}
		return done(c.ID)
	}
	if r := m.admitForward(b, c, x); !r.OK {
		return r
	}
	if b.TakesOut {
		return m.admitOut(c, p, limits)
	}
	return done(c.ID)
}

// admitForward checks what binds an action but not an undo.
func (m *machine) admitForward(b *ExecStart, c *Case, x step) Result {
	if m.freeze != nil {
		return refuse(RefusedFrozen, "frozen by %s: %s", m.freeze.By.Name, m.freeze.Reason)
	}
	if b.PlanHash == "" || b.PlanHash != c.PlanHash {
		return refuse(RefusedApproval, "the plan changed: decide again")
	}
	switch b.Kind {
	case remedy.KindManual:
		if c.Manual == nil || c.Stage != remedy.StageProposed {
			return refuse(RefusedStage, "%s was not asked for by hand", c.ID)
		}
		if h := m.hold(c.Pool, c.Host); h != nil && !slices.Contains(c.Manual.Acknowledged, "hold") {
			return refuse(RefusedHeld, "%s is held by %s: %s", h.what(), h.By.Name, h.Reason)
		}
		return done(c.ID)
	case remedy.KindAct:
		if h := m.hold(c.Pool, c.Host); h != nil {
			return refuse(RefusedHeld, "%s is held by %s: %s", h.what(), h.By.Name, h.Reason)
		}
		return m.admitLevel(c, x)
	case remedy.KindUndo:
	}
	return refuse(RefusedBad, "%q is not a kind of execution that acts", b.Kind)
}

// admitLevel checks the rung: auto acts by itself, confirm needs a fitting
// approval that has not expired.
func (m *machine) admitLevel(c *Case, x step) Result {
	level := m.effective(c.Action, c.Pool)
	switch {
	case c.Stage == remedy.StageWaiting && level >= remedy.LevelConfirm:
		switch {
		case c.Answer == nil || !c.Answer.Approve || c.Answer.PlanHash != c.PlanHash || c.Ask == nil || c.Ask.PlanHash != c.PlanHash:
			return refuse(RefusedApproval, "%s has no approval for plan %s", c.ID, c.PlanHash)
		case !x.at.Before(c.Ask.ExpiresAt):
			return refuse(RefusedExpired, "the approval of %s expired at %s", c.ID, c.Ask.ExpiresAt.Format(timeLayout))
		}
		return done(c.ID)
	case c.Stage == remedy.StageProposed && level == remedy.LevelAuto && c.Manual == nil:
		if c.Decision == nil || c.Decision.Level != remedy.LevelAuto {
			return refuse(RefusedLevel, "%s was not decided at auto", c.ID)
		}
		return done(c.ID)
	case c.Stage == remedy.StageProposed || c.Stage == remedy.StageWaiting:
		return refuse(RefusedLevel, "%s is at %s in pool %s", c.Action, level, c.Pool)
	}
	return refuse(RefusedStage, "%s is %s", c.ID, c.Stage)
}

// admitOut counts the out-slot: the same arithmetic as policy's pool_floor and
// max_out, on committed facts.
func (m *machine) admitOut(c *Case, p *pool, l Limits) Result {
	switch {
	case !p.Size.Known || p.Size.Stale || p.Size.Blocked != "":
		return refuse(RefusedLimit, "the size of pool %s isn't known: %s", p.Name, p.Size.why())
	}
	out, already := m.outCount(p, outQuery{except: c.Host, now: m.time})
	if already {
		return done(c.ID)
	}
	n := p.Size.N
	allowed := min(l.MaxOut, fractionOf(l.MaxOutFraction, n))
	switch {
	case out+1 > allowed:
		return refuse(RefusedLimit, "%d hosts of pool %s are out and %d may be", out, p.Name, allowed)
	case n-out-1 < l.MinInService:
		return refuse(RefusedLimit, "%d of %d hosts would stay in service and the floor is %d", n-out-1, n, l.MinInService)
	}
	return done(c.ID)
}

// fractionOf rounds a share of n down; the epsilon keeps 0.1 × 10 at 1.
func fractionOf(fraction float64, n int) int { return int(fraction*float64(n) + 1e-9) }

func (s sizeState) why() string {
	switch {
	case !s.Known:
		return "its inventory has not been read yet"
	case s.Stale:
		return "its inventory is stale"
	default:
		return s.Blocked
	}
}

// ExecFinish is FINISHED: how an execution ended. Any node may commit it, by
// token; the first wins, except that a person's or a later observation's word
// replaces "unknown".
type ExecFinish struct {
	Case    remedy.CaseID  `json:"case"`
	Token   remedy.Token   `json:"token"`
	Outcome remedy.Outcome `json:"outcome"`
	Prior   string         `json:"prior,omitempty"`
	Output  string         `json:"output,omitempty"`
	Note    string         `json:"note,omitempty"`
	// Recovered says, for an aborted execution, that the host was good again.
	Recovered bool `json:"recovered,omitempty"`
	// Stale says, for an aborted execution, that the plan had changed since
	// it was shown: the case closes as stale and is asked about afresh.
	Stale bool `json:"stale,omitempty"`
	// QuietFor is the action's cooldown, for an undo without a reason.
	QuietFor time.Duration `json:"quiet_for,omitempty"`
}

func (*ExecFinish) kind() string { return "exec.finish" }

func (b *ExecFinish) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageExecuting || c.Execution().Token != b.Token:
		return refuse(RefusedDecided, "execution %s of %s is finished already", b.Token, c.ID)
	case c.UnknownExecution() && b.Outcome == remedy.OutcomeUnknown:
		return done(c.ID)
	}
	c = m.edit(c, x)
	p := m.pool(c.Pool)
	e := c.Execution()
	e.Outcome, e.FinishedAt, e.Output, e.Note = b.Outcome, x.at, b.Output, b.Note
	if b.Prior != "" {
		e.Prior = b.Prior
	}
	m.bump(counterActions, []string{"action", string(c.Action), "pool", string(c.Pool), "trigger", string(e.Kind), "result", string(b.Outcome)})
	c.event(x, "FINISHED "+string(b.Outcome)+suffix(b.Note))
	m.moved(p)
	m.global++
	if e.Kind == remedy.KindUndo {
		return m.finishUndo(c, p, b, x)
	}
	return m.finishAct(c, p, b, x)
}

func suffix(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

func (m *machine) finishAct(c *Case, p *pool, b *ExecFinish, x step) Result {
	page := false
	switch b.Outcome {
	case remedy.OutcomeDone, remedy.OutcomePartial:
		c.Stage, c.Outcome = remedy.StageVerifying, ""
		p.endStart(c.ID, x.at)
		return done(c.ID)
	case remedy.OutcomeAborted:
		p.dropStart(c.ID)
		m.aborted(c, p, b, x)
	case remedy.OutcomeFailed:
		p.endStart(c.ID, x.at)
		m.close(c, remedy.OutcomeFailed, b.Note, x)
		page = true
	case remedy.OutcomeUnknown:
		p.endStart(c.ID, x.at)
		c.Outcome, c.Note = remedy.OutcomeUnknown, b.Note
		page = true
	default:
		return refuse(RefusedBad, "%q is not how an execution ends", b.Outcome)
	}
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Page: page, Detail: b.Note}, x)
	return done(c.ID)
}

// aborted puts a case back where it was before START, or closes it.
func (m *machine) aborted(c *Case, p *pool, b *ExecFinish, x step) {
	switch {
	case b.Recovered:
		m.close(c, remedy.OutcomeSelfRecovered, b.Note, x)
	case b.Stale:
		m.close(c, remedy.OutcomeStale, b.Note, x)
	case c.Manual != nil:
		m.close(c, remedy.OutcomeAborted, b.Note, x)
	default:
		c.Stage, c.Outcome, c.Note = remedy.StageDetected, remedy.OutcomeAborted, b.Note
		if c.Ask != nil {
			// The person said yes and the start was called off: the approval
			// stays valid until it expires.
			c.Stage = remedy.StageWaiting
		}
	}
	m.moved(p)
}

func (m *machine) finishUndo(c *Case, p *pool, b *ExecFinish, x step) Result {
	page := false
	switch b.Outcome {
	case remedy.OutcomeDone:
		if c.UndoReason == "" {
			p.setQuiet(Quiet{Host: c.Host, Action: c.Action, Until: x.at.Add(b.QuietFor), Why: "undone without a reason"}, x.at)
		}
		m.close(c, remedy.OutcomeUndone, string(c.UndoReason), x)
	case remedy.OutcomeAborted, remedy.OutcomeFailed:
		c.Stage, c.Note = remedy.StageOut, b.Note
	case remedy.OutcomeUnknown:
		c.Note, page = b.Note, true
	default:
		return refuse(RefusedBad, "%q is not how an undo ends", b.Outcome)
	}
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Page: page, Detail: b.Note}, x)
	return done(c.ID)
}

// endStart stamps the end of the case's running START: what settle counts from.
func (p *pool) endStart(id remedy.CaseID, at time.Time) {
	for i := range p.Starts {
		if s := &p.Starts[i]; s.Case == id && !s.Shadow && s.EndedAt.IsZero() {
			s.EndedAt = at
		}
	}
}

// dropStart forgets the case's running START: an aborted execution frees
// rate, attempt and cooldown.
func (p *pool) dropStart(id remedy.CaseID) {
	p.Starts = slices.DeleteFunc(p.Starts, func(s Start) bool { return s.Case == id && !s.Shadow && s.EndedAt.IsZero() })
}

// ExecVerdict commits whether an execution took: the wanted state is there and
// traffic is gone.
type ExecVerdict struct {
	Case remedy.CaseID `json:"case"`
	Took bool          `json:"took"`
	// Returned says that the wanted state is gone again: another hand took it.
	Returned bool   `json:"returned,omitempty"`
	Note     string `json:"note,omitempty"`
}

func (*ExecVerdict) kind() string { return "exec.verdict" }

func (b *ExecVerdict) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageVerifying:
		return refuse(RefusedStage, "%s is %s and not verifying", c.ID, c.Stage)
	}
	c = m.edit(c, x)
	p := m.pool(c.Pool)
	a := c.Acted()
	a.Took = remedy.Known(b.Took)
	page := !b.Took
	switch {
	case b.Returned:
		m.close(c, remedy.OutcomeReturned, b.Note, x)
	case !a.TakesOut && b.Took:
		m.close(c, remedy.OutcomeDone, b.Note, x)
	case !a.TakesOut:
		m.close(c, remedy.OutcomeUnverified, b.Note, x)
	case b.Took:
		c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomeDone, b.Note
		c.event(x, "verified: took"+suffix(b.Note))
	default:
		c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomeUnverified, b.Note
		c.event(x, "not verified"+suffix(b.Note))
	}
	m.moved(p)
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Page: page, Detail: b.Note}, x)
	return done(c.ID)
}

// ExecHelped commits whether the action helped: after the settle time no more
// of the others are bad than before.
type ExecHelped struct {
	Case   remedy.CaseID `json:"case"`
	Helped bool          `json:"helped"`
	Note   string        `json:"note,omitempty"`
}

func (*ExecHelped) kind() string { return "exec.helped" }

func (b *ExecHelped) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	if c == nil {
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	}
	c = m.edit(c, x)
	c.Helped = remedy.Known(b.Helped)
	if !b.Helped {
		c.event(x, "did not help"+suffix(b.Note))
		m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Detail: b.Note}, x)
	}
	return done(c.ID)
}

// Resolve is a person saying where a host of unknown execution outcome is.
type Resolve struct {
	Case remedy.CaseID `json:"case"`
	// Out says that the host is out of service because of the case; otherwise
	// it is in service and the case is over.
	Out    bool   `json:"out"`
	Reason string `json:"reason,omitempty"`
}

func (*Resolve) kind() string { return "resolve" }

func (b *Resolve) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may resolve")
	case !c.UnknownExecution():
		return refuse(RefusedStage, "%s is %s and its outcome is not unknown: there is nothing to resolve", c.ID, c.Stage)
	}
	c = m.edit(c, x)
	p := m.pool(c.Pool)
	note := fmt.Sprintf("resolved by %s", x.by.Name) + suffix(b.Reason)
	c.Execution().Note = note
	if b.Out {
		c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomeDone, note
		c.event(x, "resolved as out")
	} else {
		m.close(c, remedy.OutcomeFailed, note, x)
		if c.Execution().Kind == remedy.KindUndo {
			c.Outcome = remedy.OutcomeUndone
		}
	}
	m.moved(p)
	m.global++
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Detail: note}, x)
	return done(c.ID)
}
