package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// CaseJudge commits what a round found and decided about one host and action.
// It opens a case for a bad host that has none, and otherwise updates the open
// one. The engine sends it only when something changed.
type CaseJudge struct {
	Pool     remedy.PoolName     `json:"pool"`
	Host     remedy.HostName     `json:"host"`
	Action   remedy.ActionName   `json:"action"`
	Detector remedy.DetectorName `json:"detector"`
	Digest   string              `json:"digest"`
	Finding  remedy.Finding      `json:"finding"`
	// Decision and Plan are nil when the case was not decided this round:
	// because the verdict became unknown, or the case is waiting or out.
	Decision *remedy.Decision `json:"decision,omitempty"`
	Plan     *remedy.Plan     `json:"plan,omitempty"`
	// Ask is set when the decision is to ask a person.
	Ask *Ask `json:"ask,omitempty"`
	// Unasked says, at confirm, why nobody is asked.
	Unasked *Unasked `json:"unasked,omitempty"`
	// Announce is set when the decision is to act once people could say no.
	Announce *Announcement `json:"announce,omitempty"`
	// Count says that this is a new would-have-acted: once a case, and again
	// after the cooldown.
	Count bool `json:"count,omitempty"`
	// Tell says that a complaint is due: at notify, and where nobody could answer the
	// question that is asked above it.
	Tell bool `json:"tell,omitempty"`
	// Shadow says that the decision was taken against the shadow budget, so
	// that counting starts a shadow execution that ends after ShadowOut.
	Shadow    bool          `json:"shadow,omitempty"`
	ShadowOut time.Duration `json:"shadow_out,omitempty"`
	// TakesOut is as in ExecStart, for the shadow budget.
	TakesOut bool `json:"takes_out,omitempty"`
	// Domain is the host's failure domain, for the shadow budget.
	Domain string `json:"domain,omitempty"`
	// Opinions are what the other voters said of the host where they were not of
	// one mind with the leader, in the order of their ids; at most maxOpinions.
	Opinions []remedy.HostOpinion `json:"opinions,omitempty"`
	// BadHosts is how many hosts of the pool were bad in this round, this one
	// included; 0 when it isn't said, and while a voter knows no version 3.
	BadHosts int `json:"bad_hosts,omitempty"`
}

// maxOpinions bounds the opinions that a case keeps: a cluster is smaller.
const maxOpinions = 16

func (*CaseJudge) kind() string { return "case.judge" }

func (b *CaseJudge) since() int {
	if b.Ask.extended() || b.Unasked != nil || b.Announce != nil || b.BadHosts != 0 {
		return 3
	}
	return 1
}

func (b *CaseJudge) apply(m *machine, x step) Result {
	p := m.pool(b.Pool)
	c := m.openCase(p, b.Host, b.Action)
	if c == nil {
		if b.Finding.Verdict != remedy.VerdictBad {
			return refuse(RefusedNoCase, "only a bad host opens a case")
		}
		c = m.open(p, Case{
			Pool: b.Pool, Host: b.Host, Action: b.Action, Detector: b.Detector, Digest: b.Digest,
			Stage: remedy.StageDetected, Opened: &b.Finding,
		}, x)
		c.event(x, "opened")
		m.begins(c, p, x)
	} else {
		c = m.edit(c, x)
	}
	c.judge(b, x)
	if b.Decision != nil {
		m.decide(c, p, b, x)
	}
	return done(c.ID)
}

// judge stores the finding.
func (c *Case) judge(b *CaseJudge, x step) {
	if c.Latest != nil && c.Latest.Verdict != b.Finding.Verdict {
		c.event(x, "verdict "+b.Finding.Verdict.String())
	}
	c.Latest = &b.Finding
	switch {
	case b.Finding.Verdict != remedy.VerdictUnknown:
		c.UnknownSince = time.Time{}
	case c.UnknownSince.IsZero():
		c.UnknownSince = x.at
	}
	bad := b.Finding.Verdict == remedy.VerdictBad
	switch {
	case c.ProposedAt.IsZero(): // it is no evidence yet, and never is in an older build's log
	case !bad && c.NotBadSince.IsZero():
		c.NotBadSince = x.at
	case bad && !c.NotBadSince.IsZero():
		c.NotBadFor += x.at.Sub(c.NotBadSince)
		c.NotBadSince = time.Time{}
		if c.Stage == remedy.StageWaiting || c.Stage == remedy.StageExecuting {
			c.NotBadSince = x.at // nobody looks again before it is decided
		}
	}
}

// decide stores the decision and what follows from it at once.
func (m *machine) decide(c *Case, p *pool, b *CaseJudge, x step) {
	switch c.Stage {
	case remedy.StageDetected, remedy.StageProposed:
	case remedy.StageWaiting, remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut, remedy.StageClosed:
		return // not decided while it waits, runs or is over
	}
	d := b.Decision
	if c.Decision == nil || c.Decision.BlockedBy != d.BlockedBy || c.Decision.Level != d.Level {
		c.event(x, describe(d))
		if d.BlockedBy != "" {
			m.bump(counterBlocks, []string{"guardrail", d.BlockedBy, "action", string(c.Action), "pool", string(c.Pool)})
		}
	}
	c.Decision, c.Opinions = d, b.Opinions[:min(len(b.Opinions), maxOpinions)]
	if b.Plan != nil {
		c.Plan, c.PlanHash = b.Plan, b.Plan.Hash()
	}
	was := c.Unasked
	c.noteUnasked(b.Unasked, x)
	if !d.Allowed() {
		c.Stage = remedy.StageDetected
		return
	}
	c.Stage = remedy.StageProposed
	if b.Count {
		m.count(c, p, b, x)
	}
	switch d.Level {
	case remedy.LevelMetricOnly:
		c.Outcome = remedy.OutcomeCounted
	case remedy.LevelNotify:
		m.complain(c, p, b, "", x)
	case remedy.LevelConfirm:
		m.put(c, b, was, x)
	case remedy.LevelAuto:
		c.Outcome = "" // the START that follows says the rest
		switch {
		case c.Undelivered:
			m.put(c, b, was, x)
		case b.Announce != nil:
			m.announce(c, b.Announce, x)
		}
	case remedy.LevelBlocked:
	}
	if c.Unasked.Stuck() { // above notify, people hear of it at least as at notify
		m.complain(c, p, b, NotAsked+c.Unasked.Why, x)
	}
	if c.Stage == remedy.StageWaiting { // asked about, or announced
		m.proposed(c, b.digest(c), c.Latest, d.Effective, b.BadHosts, x)
		m.isAskedAbout(c, x)
		c.unwatched(x)
	}
}

// complain tells people, where that is due, of a host that nothing is done about and nobody
// is asked about. why says what else is in the way than the level; empty for nothing.
func (m *machine) complain(c *Case, p *pool, b *CaseJudge, why string, x step) {
	c.Outcome = remedy.OutcomeTold
	if b.Tell {
		p.setTold(c.Host, c.Action, x.at)
		m.notify(Notice{Kind: NoticeComplaint, Case: c.ID, Pool: c.Pool, Detail: why}, x)
	}
}

// notBad is for how long, in all, this tenure didn't see a case's host bad since it was proposed.
func (c *Case) notBad(at time.Time) time.Duration {
	if c.NotBadSince.IsZero() {
		return c.NotBadFor
	}
	return c.NotBadFor + at.Sub(c.NotBadSince)
}

// unwatched notes that a case waits, or is acted on: nobody judges it meanwhile, so the time until
// it is found bad again is none in which it was seen to be.
func (c *Case) unwatched(x step) {
	if !c.ProposedAt.IsZero() && c.NotBadSince.IsZero() {
		c.NotBadSince = x.at
	}
}

// digest is that of the detector by whose word the case is proposed: of two that
// feed one case, the one that opened it owns the label.
func (b *CaseJudge) digest(c *Case) string {
	if b.Detector == c.Detector {
		return b.Digest
	}
	return c.Digest
}

func describe(d *remedy.Decision) string {
	switch {
	case d.BlockedBy != "" && d.Waiting:
		return "waiting for " + d.BlockedBy
	case d.BlockedBy != "":
		return "blocked by " + d.BlockedBy
	default:
		return "decided: " + d.Level.String()
	}
}

// count counts a would-have-acted or would-have-asked and, below confirm,
// starts the shadow execution that takes at once.
func (m *machine) count(c *Case, p *pool, b *CaseJudge, x step) {
	if b.Decision.WouldAct {
		m.bump(counterWouldHaveActed, caseLabels(c))
	} else {
		m.bump(counterWouldHaveAsked, caseLabels(c))
	}
	c.CountedAt, c.CountedLevel = x.at, b.Decision.Effective
	m.proposed(c, b.digest(c), c.Latest, b.Decision.Effective, b.BadHosts, x)
	if b.Shadow && b.Decision.WouldAct && b.Decision.Effective < remedy.LevelConfirm {
		p.endShadow(c.Host, x.at)
		p.addStart(Start{
			Case: c.ID, Host: c.Host, Action: c.Action, Detector: c.Detector, At: x.at, EndedAt: x.at,
			TakesOut: b.TakesOut || m.takesOut(c.Action), Domain: b.Domain, Shadow: true, Until: after(x.at, b.ShadowOut),
		}, x.at)
	}
}

func (p *pool) setTold(host remedy.HostName, action remedy.ActionName, at time.Time) {
	p.Told = slices.DeleteFunc(p.Told, func(t told) bool {
		return (t.Host == host && t.Action == action) || at.Sub(t.At) > startHorizon
	})
	p.Told = append(p.Told, told{Host: host, Action: action, At: at})
}

// CaseAnswer is a person's answer to a question. The first committed answer
// wins, by whatever way it came.
type CaseAnswer struct {
	Case     remedy.CaseID `json:"case"`
	Approve  bool          `json:"approve"`
	PlanHash string        `json:"plan_hash,omitempty"`
	Reason   string        `json:"reason,omitempty"`
	// QuietFor is the action's cooldown: how long a denied host isn't asked
	// about again, unless it was good in between.
	QuietFor time.Duration `json:"quiet_for,omitempty"`
	// Lowers says, of a denial, that the person may not approve: see
	// trust.Statement. Since version 3.
	Lowers bool `json:"lowers,omitempty"`
	// Question is Case.Question of what was answered, as it was shown: an answer to
	// another is refused. 0 doesn't say. Since version 3.
	Question uint64 `json:"question,omitempty"`
	// Seen is, with Question, the Standing.Newest that was shown: a yes doesn't pass over
	// what anybody said since, who says yes among them. Zero where nothing was. Since version 3.
	Seen time.Time `json:"seen,omitzero"`
}

func (*CaseAnswer) kind() string { return "case.answer" }

func (b *CaseAnswer) since() int {
	if b.Lowers || b.Question != 0 || !b.Seen.IsZero() {
		return 3
	}
	return 1
}

func (b *CaseAnswer) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	if c != nil && b.Approve {
		c = m.knowing(c, x.by)
	}
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may answer")
	case c.Stage != remedy.StageWaiting || c.Ask == nil && c.Veto == nil:
		if c.Answer != nil {
			return refuse(RefusedDecided, "%s answered already at %s", c.Answer.By.Name, c.Answer.At.Format(timeLayout))
		}
		return refuse(RefusedStage, "%s is %s: there is nothing to answer; %s", c.ID, c.Stage, c.instead())
	case c.Ask == nil && b.Approve:
		return refuse(RefusedStage, "%s asks nobody, it is announced: it acts by itself once people could say no", c.ID)
	case c.Ask == nil: // a no to an announcement, which anybody may say
	case !x.at.Before(c.Ask.ExpiresAt):
		return refuse(RefusedExpired, "the question expired at %s", c.Ask.ExpiresAt.Format(timeLayout))
	case c.Answer != nil:
		return refuse(RefusedDecided, "%s answered already at %s", c.Answer.By.Name, c.Answer.At.Format(timeLayout))
	case c.superseded(b.Question) != nil:
		return *c.superseded(b.Question)
	case b.Approve && !x.by.MayApprove(c.Ask.Approvers):
		return refuse(RefusedPerson, "%s may not approve %s: ask one of %s", x.by.Name, c.ID, strings.Join(c.AskedOf(), ", "))
	case b.Approve && b.PlanHash != c.Ask.PlanHash:
		return refuse(RefusedApproval, "the plan is %s and not %q: look at it again with `warden show %s`", c.Ask.PlanHash, b.PlanHash, c.ID)
	case b.Approve && c.requested(x.by):
		return refuse(RefusedPerson, "%s asked for it, and somebody else has to say yes%s: one of %s", c.Manual.By.Name, c.mayBe(x.by), strings.Join(c.AskedOf(), ", "))
	case b.Approve && m.justSaid(c, x):
		return refuse(RefusedApproval, "%s said at this moment that the detector is wrong about %s: look, then say yes again", m.against(c).By, m.against(c).About)
	case m.passedOver(c, b, x) != nil:
		return *m.passedOver(c, b, x)
	case b.Approve && c.Ask.NeededYes() > 1:
		return m.collect(c, b, x)
	}
	c = m.edit(c, x)
	c.Answer = &CaseReply{Approve: b.Approve, By: x.by, At: x.at, PlanHash: b.PlanHash, Reason: b.Reason}
	m.answered(c, b, x)
	m.notify(Notice{Kind: NoticeAnswered, Case: c.ID, Pool: c.Pool}, x)
	if b.Approve {
		c.event(x, "approved")
		return done(c.ID)
	}
	c.event(x, "denied")
	if c.Ask == nil || !c.Ask.ByHand { // else nothing but a person's wish was denied
		m.pool(c.Pool).setQuiet(Quiet{Host: c.Host, Action: c.Action, Until: after(x.at, b.QuietFor), Why: "denied by " + x.by.Name}, x.at)
	}
	m.close(c, remedy.OutcomeDenied, b.Reason, x)
	return done(c.ID)
}

// CaseExpire closes a case whose question nobody answered in time, or whose
// approval could not be used before it expired.
type CaseExpire struct {
	Case     remedy.CaseID `json:"case"`
	QuietFor time.Duration `json:"quiet_for,omitempty"`
}

func (*CaseExpire) kind() string { return "case.expire" }

func (b *CaseExpire) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageWaiting || c.Ask == nil:
		return refuse(RefusedStage, "%s is not waiting", c.ID)
	case x.at.Before(c.Ask.ExpiresAt):
		return refuse(RefusedStage, "%s has not expired", c.ID)
	}
	note := "nobody answered"
	if c.Answer != nil {
		note = "approved, but it could not start before it expired"
	} else if n := len(c.Approved()); n > 0 {
		note = fmt.Sprintf("%d of %d approved", n, c.Ask.Needed)
	}
	c = m.edit(c, x)
	if !c.Ask.ByHand {
		m.pool(c.Pool).setQuiet(Quiet{Host: c.Host, Action: c.Action, Until: after(x.at, b.QuietFor), Why: "the question expired"}, x.at)
	}
	m.close(c, remedy.OutcomeExpired, note, x)
	m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool}, x)
	return done(c.ID)
}

// CaseClose ends a case that is not executing: the host recovered by itself,
// came back by another hand, left the inventory, or had no data for too long.
type CaseClose struct {
	Case    remedy.CaseID  `json:"case"`
	Outcome remedy.Outcome `json:"outcome"`
	Note    string         `json:"note,omitempty"`
	// Finding is the evidence for the end, such as the good finding.
	Finding *remedy.Finding `json:"finding,omitempty"`
	// Crowd says, where another hand took the host out, that this says nothing of
	// the host: a deploy is going on, for a query of `block_when` fires.
	Crowd bool `json:"crowd,omitempty"`
}

func (*CaseClose) kind() string { return "case.close" }

func (b *CaseClose) since() int {
	if b.Crowd {
		return 3
	}
	return 1
}

func (b *CaseClose) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !c.Open():
		return refuse(RefusedStage, "%s is closed already", c.ID)
	case c.Stage == remedy.StageExecuting:
		return refuse(RefusedStage, "%s is executing: it ends with its execution", c.ID)
	case !slices.Contains(remedy.Outcomes(), b.Outcome):
		return refuse(RefusedBad, "%q is not an outcome", b.Outcome)
	case (c.Stage == remedy.StageVerifying || c.Stage == remedy.StageOut) && !slices.Contains(endsOut(), b.Outcome):
		return refuse(RefusedStage, "%s is %s: %s does not say that its host is back, or gone", c.ID, c.Stage, b.Outcome)
	}
	wasOut := holdsOut(c)
	silent := c.Stage == remedy.StageDetected || (c.Stage == remedy.StageProposed && c.CountedLevel < remedy.LevelNotify)
	c = m.edit(c, x)
	if b.Finding != nil {
		c.Latest = b.Finding
	}
	p := m.pool(c.Pool)
	if b.Outcome == remedy.OutcomeSuperseded && b.Finding != nil && b.Finding.Verdict == remedy.VerdictOut {
		m.takenByHand(c, p, b.Crowd, x)
	}
	m.close(c, b.Outcome, b.Note, x)
	if wasOut {
		m.moved(p)
	}
	if b.Outcome == remedy.OutcomeSelfRecovered || b.Outcome == remedy.OutcomeGone {
		p.endShadow(c.Host, x.at)
	}
	if !silent {
		m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool}, x)
	}
	return done(c.ID)
}

// endsOut are the outcomes that may close a case whose host warden took out:
// they say that somebody put it back, that it is gone, or that a person or the
// config took the case away. Evidence about the host, or the lack of it, frees
// no slot.
func endsOut() []remedy.Outcome {
	return []remedy.Outcome{
		remedy.OutcomeReturned, remedy.OutcomeGone, remedy.OutcomeUndone, remedy.OutcomeCancelled, remedy.OutcomeSuperseded,
	}
}

// CasesForget drops closed cases that ended before an instant.
type CasesForget struct {
	Before time.Time `json:"before"`
}

func (*CasesForget) kind() string { return "cases.forget" }

func (b *CasesForget) apply(m *machine, x step) Result {
	before := m.cases.n
	m.cases.drop(func(c *Case) bool { return !c.Open() && c.ClosedAt.Before(b.Before) })
	m.forgets(before-m.cases.n, b.Before, x)
	m.recount()
	m.forgetPosts()
	m.sweep(x.at)
	return done(0)
}
