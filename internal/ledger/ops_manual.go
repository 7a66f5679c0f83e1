package ledger

import (
	"fmt"
	"slices"

	"warden/internal/remedy"
)

// ManualOpen opens a case for a person's `warden run`, or puts the run on the
// open case of that host and action.
type ManualOpen struct {
	Pool         remedy.PoolName   `json:"pool"`
	Host         remedy.HostName   `json:"host"`
	Action       remedy.ActionName `json:"action"`
	Reason       string            `json:"reason"`
	Acknowledged []string          `json:"acknowledged,omitempty"`
	Plan         remedy.Plan       `json:"plan"`
	Decision     remedy.Decision   `json:"decision"`
	// Ask is set where somebody else has to say yes to it.
	Ask *Ask `json:"ask,omitempty"`
	// Once names the preview that it was asked for on, of which one run comes at most,
	// whoever taps and on whatever node; empty for a command, which is its own. At most 64
	// bytes. Since version 3.
	Once string `json:"once,omitempty"`
}

func (*ManualOpen) kind() string { return "manual.open" }

func (b *ManualOpen) since() int {
	if b.Ask != nil || b.Once != "" {
		return 3
	}
	return 1
}

// maxOnce bounds a preview's name, and maxUsed how many a case remembers beside its
// newest run's.
const (
	maxOnce = 64
	maxUsed = 8
)

// ranOn is the case on which the run of a preview was asked for; nil for none.
func (m *machine) ranOn(once string) *Case {
	if once == "" {
		return nil
	}
	for c := range m.cases.all() {
		if r := c.Manual; r != nil && (r.Once == once || slices.Contains(r.Used, once)) {
			return c
		}
	}
	return nil
}

func (b *ManualOpen) apply(m *machine, x step) Result {
	if !x.by.Person {
		return refuse(RefusedPerson, "only a person may run an action by hand")
	}
	if !b.Decision.Allowed() {
		return refuse(RefusedBad, "the decision does not allow it")
	}
	if n := m.approvals(b.Action, b.Pool); b.Ask == nil && n > 1 {
		return refuse(RefusedApproval, "%s needs %d people: ask for it, and somebody else says yes", b.Action, n)
	}
	if b.Ask != nil && (len(b.Ask.Approvers) == 0 || b.Ask.PlanHash == "" || b.Ask.PlanHash != b.Plan.Hash()) {
		return refuse(RefusedBad, "nobody can be asked, or there is no plan to ask about")
	}
	if b.Ask != nil && m.learns() {
		asked := *b.Ask
		asked.ByHand = true
		if _, why := m.wanted(&Case{Pool: b.Pool, Action: b.Action, Manual: &ManualRun{By: x.by}}, asked); why != "" {
			return refuse(RefusedApproval, "nobody else can say yes to it so that it counts: %s", why)
		}
	}
	if len(b.Once) > maxOnce {
		return refuse(RefusedBad, "the name of a preview has %d bytes at most", maxOnce)
	}
	if was := m.ranOn(b.Once); was != nil {
		return refuse(RefusedDecided, "what this preview showed was asked for already, as %s: see `warden show %s`, and ask for a new preview to run it again", was.ID, was.ID)
	}
	p := m.pool(b.Pool)
	c := m.openCase(p, b.Host, b.Action)
	if c == nil {
		c = m.open(p, Case{Pool: b.Pool, Host: b.Host, Action: b.Action}, x)
	} else {
		switch c.Stage {
		case remedy.StageDetected, remedy.StageProposed, remedy.StageWaiting:
			c = m.edit(c, x)
		case remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut, remedy.StageClosed:
			return refuse(RefusedStage, "%s has it %s already: see `warden show %s`", c.ID, c.Stage, c.ID)
		}
	}
	var used []string
	if was := c.Manual; was != nil && was.Once != "" {
		used = append(slices.Clone(was.Used[max(0, len(was.Used)-maxUsed+1):]), was.Once)
	} else if was != nil {
		used = was.Used
	}
	c.Stage, c.Manual = remedy.StageProposed, &ManualRun{By: x.by, Reason: b.Reason, Acknowledged: b.Acknowledged, Once: b.Once, Used: used}
	if m.learns() {
		c.Manual.At = x.at
	}
	c.Decision, c.Plan, c.PlanHash = &b.Decision, &b.Plan, b.Plan.Hash()
	c.unquestion()
	c.event(x, fmt.Sprintf("asked for by hand: %s", b.Reason))
	if b.Ask != nil {
		ask := *b.Ask
		ask.ByHand = true
		m.asks(c, ask, x)
		m.notify(Notice{Kind: NoticeQuestion, Case: c.ID, Pool: c.Pool}, x)
	}
	return done(c.ID)
}
