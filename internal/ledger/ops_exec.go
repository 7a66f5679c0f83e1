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
	// TakesOut is the proposer's word. An action takes its host out also when any
	// voter's report says so, or when none names it.
	TakesOut bool `json:"takes_out,omitempty"`
	// Target is the digest of what the proposer's config has the action act on.
	Target string `json:"target,omitempty"`
	// Domain is the host's failure domain, worded by Domain.
	Domain string `json:"domain,omitempty"`
	// BadOthers is how many other hosts of the pool are bad now.
	BadOthers int `json:"bad_others,omitempty"`
	// UndoReason is what the person said, for an undo.
	UndoReason remedy.UndoReason `json:"undo_reason,omitempty"`
	// Prior is the state an undo restores, and Balancers the same for each
	// load balancer, where the backend tells them apart. A reassert names those
	// that it is about.
	Prior     string                 `json:"prior,omitempty"`
	Balancers []remedy.BalancerState `json:"balancers,omitempty"`
	// Digest is that of the case's detector as it judged when this was decided, and
	// Finding what it found then: the evidence counts for what is acted by. Both
	// since version 3, for an act only.
	Digest  string          `json:"digest,omitempty"`
	Finding *remedy.Finding `json:"finding,omitempty"`
}

func (*ExecStart) kind() string { return "exec.start" }

func (b *ExecStart) since() int {
	if b.Digest != "" || b.Finding != nil {
		return 3
	}
	return 1
}

func (b *ExecStart) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	if c == nil {
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	}
	p := m.pool(c.Pool)
	said := *b
	said.TakesOut = b.TakesOut || b.Kind != remedy.KindUndo && m.takesOut(c.Action)
	b = &said
	if r := m.admit(b, c, p, x); !r.OK {
		return r
	}
	level := m.effective(c.Action, c.Pool)
	c = m.edit(c, x)
	attempt := 1
	for _, e := range c.Executions {
		if e.Kind == b.Kind {
			attempt = e.Attempt + 1
		}
	}
	by := x.by
	switch {
	case b.Kind == remedy.KindAct && c.Answer != nil:
		by = c.startedBy(c.Answer.By)
	case b.Kind == remedy.KindManual:
		by = c.startedBy(c.Manual.By)
	}
	c.trimExecutions()
	c.Executions = append(c.Executions, Execution{
		Token: remedy.Token{Term: x.term, Index: x.index}, Attempt: attempt, Kind: b.Kind, By: by,
		PlanHash: b.PlanHash, StartedAt: x.at, StartWithin: b.StartWithin, RunWithin: b.RunWithin,
		TakesOut: b.TakesOut, Node: x.node, Target: b.Target, Domain: b.Domain, Prior: b.Prior, Balancers: b.Balancers,
	})
	c.Stage = remedy.StageExecuting
	c.unwatched(x)
	m.executes(c.ID)
	switch b.Kind {
	case remedy.KindUndo:
		before := c.UndoReason
		c.UndoReason = b.UndoReason
		m.undone(c, before, b.UndoReason, x)
	case remedy.KindReassert: // it takes no slot and counts towards no rate, for the case did
	case remedy.KindAct, remedy.KindManual:
		c.BadOthers = b.BadOthers
		if b.Kind == remedy.KindAct {
			m.actedBy(c, b, x)
		}
		p.endShadow(c.Host, x.at)
		p.addStart(Start{Case: c.ID, Host: c.Host, Action: c.Action, Detector: c.Detector, At: x.at, TakesOut: b.TakesOut}, x.at)
	}
	c.event(x, "START "+string(b.Kind))
	m.moved(p)
	m.global++
	m.notify(Notice{Kind: NoticeStarted, Case: c.ID, Pool: c.Pool}, x)
	if m.learns() {
		if g, detail := m.broken(c, p, level, x); g != "" {
			m.violated(g, c.Pool, c.ID, detail, x)
		}
	}
	return done(c.ID)
}

// maxExecutions is how many executions of a case are kept when nearly all of
// them were called off, as when every round's second look finds no data.
const maxExecutions = 32

// trimExecutions drops the oldest execution that was called off, to make room.
// What did anything is never dropped. The slice is the case's own copy.
func (c *Case) trimExecutions() {
	if len(c.Executions) < maxExecutions {
		return
	}
	aborted := func(e Execution) bool { return e.Outcome == remedy.OutcomeAborted }
	if i := slices.IndexFunc(c.Executions, aborted); i >= 0 {
		c.Executions = slices.Delete(c.Executions, i, i+1)
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
	// Spared names the load balancers on which the execution changed nothing,
	// where the backend tells them apart: an undo leaves them alone.
	Spared []string `json:"spared,omitempty"`
	// Recovered says, for an aborted execution, that the host was good again.
	Recovered bool `json:"recovered,omitempty"`
	// Stale says, for an aborted execution, that the plan had changed since
	// it was shown: the case closes as stale and is asked about afresh.
	Stale bool `json:"stale,omitempty"`
	// QuietFor is the action's cooldown: how long an undo without a reason
	// holds its host.
	QuietFor time.Duration `json:"quiet_for,omitempty"`
}

func (*ExecFinish) kind() string { return "exec.finish" }

func (b *ExecFinish) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.cameLate(b):
		return m.late(c, b, x)
	case c.unstarted(b) && m.adopted > 0 && b.Token.Index <= m.adopted:
		return m.leftBehind(c, b, x)
	case c.unstarted(b):
		m.violated(GuaranteeStart, c.Pool, c.ID, fmt.Sprintf("an execution %s on %s ended as %s, and no START of %s began it", b.Token, c.Host, b.Outcome, c.ID), x)
		return refuse(RefusedDecided, "no execution %s of %s was begun: look at %s", b.Token, c.ID, c.Host)
	case c.Stage != remedy.StageExecuting || c.Execution().Token != b.Token:
		return refuse(RefusedDecided, "execution %s of %s is finished already", b.Token, c.ID)
	case !c.Execution().mayEnd(b.Outcome):
		return refuse(RefusedBad, "%q is not how an execution of kind %s ends", b.Outcome, c.Execution().Kind)
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
	e.spare(b.Spared)
	m.bump(counterActions, []string{"action", string(c.Action), "pool", string(c.Pool), "trigger", string(e.Kind), "result", string(b.Outcome)})
	c.event(x, "FINISHED "+string(b.Outcome)+suffix(b.Note))
	if c.Cancels(e.Token) && b.Outcome != remedy.OutcomeAborted {
		c.event(x, "the cancel came too late: the effect had begun")
	}
	m.moved(p)
	m.global++
	m.ran(c, e, b.Outcome, e.Took, x)
	m.acts(c, x)
	if b.Outcome == remedy.OutcomeDone || b.Outcome == remedy.OutcomePartial {
		m.overruled(c, e)
	}
	switch e.Kind {
	case remedy.KindUndo:
		return m.finishUndo(c, b, x)
	case remedy.KindReassert:
		return m.finishReassert(c, b, x)
	case remedy.KindAct, remedy.KindManual:
	}
	return m.finishAct(c, p, b, x)
}

// cameLate reports whether FINISHED tells of an effect of an execution that had
// been given up: its node stood still between its last check and the effect, for
// longer than a successor waits.
func (c *Case) cameLate(b *ExecFinish) bool {
	i := c.executed(b.Token)
	return i >= 0 && c.Executions[i].Outcome == remedy.OutcomeAborted && c.Executions[i].Late == "" &&
		b.Outcome != remedy.OutcomeAborted && c.Executions[i].mayEnd(b.Outcome)
}

// unstarted reports whether FINISHED tells of an effect that no START of the case
// began. Where executions may have been dropped for their number, nobody knows.
func (c *Case) unstarted(b *ExecFinish) bool {
	did := slices.Contains([]remedy.Outcome{remedy.OutcomeDone, remedy.OutcomePartial, remedy.OutcomeUnknown}, b.Outcome)
	return did && len(c.Executions) < maxExecutions && c.executed(b.Token) < 0
}

// executed finds an execution of the case by its token; -1 when there is none.
func (c *Case) executed(t remedy.Token) int {
	return slices.IndexFunc(c.Executions, func(e Execution) bool { return e.Token == t })
}

// late records an effect that came late, and has a person look. Nothing else
// changes: what the host is in, rounds observe.
func (m *machine) late(c *Case, b *ExecFinish, x step) Result {
	c = m.edit(c, x)
	e := &c.Executions[c.executed(b.Token)]
	e.Late = b.Outcome
	m.acts(c, x)
	detail := "an execution on " + string(c.Host) + " that had been given up had its effect late (" + string(b.Outcome) + "): look at the host"
	c.event(x, "FINISHED late: "+string(b.Outcome)+suffix(b.Note))
	m.notify(Notice{Kind: NoticeStop, Case: c.ID, Pool: c.Pool, Page: true, Detail: c.ID.String() + ": " + detail}, x)
	m.violated(GuaranteeOnTime, c.Pool, c.ID, detail, x)
	return done(c.ID)
}

// mayEnd reports whether the outcome is one that an execution can have. An
// undo that reached some backends only is of unknown outcome: its host is
// neither out nor in.
func (e *Execution) mayEnd(o remedy.Outcome) bool {
	if o == remedy.OutcomePartial {
		return e.Kind != remedy.KindUndo
	}
	return slices.Contains([]remedy.Outcome{
		remedy.OutcomeDone, remedy.OutcomeAborted, remedy.OutcomeFailed, remedy.OutcomeUnknown,
	}, o)
}

func suffix(note string) string {
	if note == "" {
		return ""
	}
	return ": " + note
}

func (m *machine) finishAct(c *Case, p *pool, b *ExecFinish, x step) Result {
	page := false
	switch b.Outcome { //exhaustive:ignore // mayEnd lets only these pass
	case remedy.OutcomeDone:
		c.Stage, c.Outcome = remedy.StageVerifying, ""
		p.endStart(c.ID, x.at)
		return done(c.ID)
	case remedy.OutcomePartial:
		// Nobody presses on with it, so there is nothing to wait for. Its host is
		// half out: it keeps its slot, and a person says what becomes of it.
		p.endStart(c.ID, x.at)
		if !c.Execution().TakesOut {
			m.close(c, remedy.OutcomePartial, b.Note, x)
		} else {
			c.Stage, c.Outcome, c.Note = remedy.StageOut, remedy.OutcomePartial, b.Note
		}
		page = true
	case remedy.OutcomeAborted:
		p.dropStart(c)
		m.aborted(c, p, b, x)
	case remedy.OutcomeFailed:
		p.endStart(c.ID, x.at)
		m.close(c, remedy.OutcomeFailed, b.Note, x)
		page = true
	case remedy.OutcomeUnknown:
		p.endStart(c.ID, x.at)
		c.Outcome, c.Note = remedy.OutcomeUnknown, b.Note
		page = true
	}
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Page: page, Detail: b.Note}, x)
	if page && c.Execution().Kind == remedy.KindAct {
		m.failing(c, x)
	}
	return done(c.ID)
}

// aborted puts a case back where it was before START, or closes it.
func (m *machine) aborted(c *Case, p *pool, b *ExecFinish, x step) {
	switch {
	case b.Recovered:
		m.close(c, remedy.OutcomeSelfRecovered, b.Note, x)
	case c.Cancels(c.Execution().Token):
		m.closeCancelled(c, x)
	case b.Stale:
		m.close(c, remedy.OutcomeStale, b.Note, x)
	case c.Manual != nil:
		m.close(c, remedy.OutcomeAborted, b.Note, x)
	case m.resetSince(c):
		m.close(c, remedy.OutcomeSuperseded, discarded, x)
	default:
		c.Stage, c.Outcome, c.Note = remedy.StageDetected, remedy.OutcomeAborted, b.Note
		if c.Ask != nil || c.Veto != nil {
			// The person said yes and the start was called off: the approval
			// stays valid until it expires, and an announcement as long.
			c.Stage = remedy.StageWaiting
			c.unwatched(x)
			m.voidYes(c, x)
			if m.isStricter(c, x.at) {
				m.askFurther(c, x)
			}
		}
	}
	m.moved(p)
}

func (m *machine) finishUndo(c *Case, b *ExecFinish, x step) Result {
	page := false
	switch b.Outcome { //exhaustive:ignore // mayEnd lets only these pass
	case remedy.OutcomeDone:
		m.holdReversed(c, b.QuietFor, x)
		m.close(c, remedy.OutcomeUndone, string(c.UndoReason), x)
	case remedy.OutcomeAborted, remedy.OutcomeFailed:
		c.Stage, c.Note = remedy.StageOut, b.Note
		if c.Outcome == "" {
			c.Stage = remedy.StageVerifying // whether the action took is still to be seen
		}
	case remedy.OutcomeUnknown:
		c.Note, page = b.Note, true
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

// holdReversed holds the host of an undo that gave no reason, in the name of
// the person who undid it. That the host is good now doesn't lift it: the
// person put it back because they think it is.
func (m *machine) holdReversed(c *Case, d time.Duration, x step) {
	until := after(x.at, max(d, m.cooldown(c.Action, c.Pool)))
	if c.UndoReason != "" || !until.After(x.at) {
		return
	}
	m.holdAtLeast(Hold{
		Pool: c.Pool, Host: c.Host, By: c.Execution().By, Since: x.at, Until: until,
		Reason: "undone without a reason (" + c.ID.String() + ")",
	}, x)
}

// dropStart forgets the START of the case's newest execution: an aborted
// execution frees rate, attempt and cooldown, even one that was of unknown
// outcome for a while.
func (p *pool) dropStart(c *Case) {
	at := c.Execution().StartedAt
	p.Starts = slices.DeleteFunc(p.Starts, func(s Start) bool { return s.Case == c.ID && !s.Shadow && s.At.Equal(at) })
}
