package ledger

import (
	"fmt"
	"time"

	"warden/internal/remedy"
)

// neededNow is how many different people have to say yes to the case's question:
// what was wanted when it was asked, or what the voters' files want now where that
// is more.
func (m *machine) neededNow(c *Case) int {
	now := m.approvals(c.Action, c.Pool)
	if c.Ask.ByHand {
		now-- // who asked for it is one of them
	}
	return max(c.Ask.NeededYes(), now)
}

// stricter binds what is out already to what the voters' files want now, where
// that is more than when it was asked or announced.
func (m *machine) stricter(x step) {
	for _, c := range m.openCases("") {
		if c.Stage == remedy.StageWaiting && m.isStricter(c, x.at) {
			m.askFurther(m.edit(c, x), x)
		}
	}
}

// isStricter reports whether the files want more than the case waits for.
func (m *machine) isStricter(c *Case, now time.Time) bool {
	return c.Ask != nil && (m.neededNow(c) > c.Ask.NeededYes() || len(c.joined(m.trustReports)) > len(c.Ask.Aliases)) || c.Veto != nil && !c.Veto.Over(now) && m.announceFor(c.Action, c.Pool) > c.Veto.For
}

// askFurther has a case that waits, an editable copy, wait for what the files
// want now: for more people, where those who said yes count still, for other people
// where two turn out to be one, or for longer.
func (m *machine) askFurther(c *Case, x step) {
	if c.Ask != nil {
		ask := *c.Ask
		ask.Needed, ask.Aliases = m.neededNow(c), c.joined(m.trustReports)
		if m.overJoined(c, ask.Aliases) {
			m.unaskable(c, "what the voters' files say of who is one person has changed too often since", x)
			return
		}
		if ask.Needed == c.Ask.NeededYes() {
			ask.Needed = c.Ask.Needed // as it was written
		}
		m.askOthers(c, &ask, x)
	}
	if d := m.announceFor(c.Action, c.Pool); c.Veto != nil && d > c.Veto.For {
		v := *c.Veto
		v.For = d
		if !v.DeliveredAt.IsZero() {
			v.EndsAt = after(v.DeliveredAt, d)
		}
		c.Veto = &v
		c.event(x, fmt.Sprintf("people have %s now to say no", d))
	}
}

// askOthers puts a stricter question in the place of a case's, where it makes any
// difference to those who were asked. The case is an editable copy.
func (m *machine) askOthers(c *Case, ask *Ask, x step) {
	was, before, needed := c.Ask.NeededYes(), len(c.Approved()), ask.NeededYes()
	given := c.Ask.Aliases
	c.Ask = ask
	if _, most := c.people(needed); most < needed {
		m.unaskable(c, fmt.Sprintf("%d different people have to say yes now, and %d of those who were asked may", needed, most)+m.whoStops(c, given), x)
		return
	}
	n := len(c.Approved())
	if needed == was && n == before {
		return
	}
	if n < needed {
		switch {
		case needed == 1: // what was said turns out to be who asked for it
			c.Approvals = nil
		case c.Answer != nil && len(c.Approvals) == 0:
			c.Approvals = []CaseReply{*c.Answer}
		}
		c.Answer = nil
	}
	what := fmt.Sprintf("%d different people have to say yes now, and %d did", needed, n)
	if needed == 1 {
		what = "somebody else has to say yes now"
	}
	if n < before {
		what += ": a file says that some of them are one person"
	}
	c.event(x, what)
	m.notify(Notice{Kind: NoticeQuestion, Case: c.ID, Pool: c.Pool}, x)
}

// people counts the different people whose yes to the case's question may count, as
// far as want: who they are at least, and who they may be once they come.
func (c *Case) people(want int) (least, most int) {
	return remedy.PeopleAmong(c.MayAnswer(), c.Ask.Aliases, want)
}

// unaskable takes a question back that those who were asked can't answer any more so
// that it counts: the case is decided afresh, and asks whom the files name now. What
// was asked for by hand is its person's to ask for again.
func (m *machine) unaskable(c *Case, why string, x step) {
	byHand := c.Ask.ByHand
	c.unquestion()
	x.led("the question of %s was taken back", c.ID)
	c.event(x, "the question was taken back: "+why)
	if byHand {
		m.close(c, remedy.OutcomeCancelled, why, x)
		m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool, Detail: why}, x)
		return
	}
	c.Stage, c.Outcome = remedy.StageProposed, ""
	m.notify(Notice{Kind: NoticePutOff, Case: c.ID, Pool: c.Pool, Detail: why}, x)
}

// admitApproved checks that everybody who has to has said yes, to this plan,
// and that the question has not expired.
func (m *machine) admitApproved(c *Case, x step) Result {
	if c.Ask == nil || c.Ask.PlanHash != c.PlanHash {
		return refuse(RefusedApproval, "%s has no approval for plan %s", c.ID, c.PlanHash)
	}
	if !x.at.Before(c.Ask.ExpiresAt) {
		return refuse(RefusedExpired, "the approval of %s expired at %s", c.ID, c.Ask.ExpiresAt.Format(timeLayout))
	}
	if n, needed := len(c.Approved()), m.neededNow(c); n < needed {
		return refuse(RefusedApproval, "%s has %d of %d approvals for plan %s", c.ID, n, needed, c.PlanHash)
	}
	if c.Answer == nil || !c.Answer.Approve || c.Answer.PlanHash != c.PlanHash {
		return refuse(RefusedApproval, "%s has no approval for plan %s", c.ID, c.PlanHash)
	}
	return done(c.ID)
}

// admitAnnounced checks that the window is over in which people could say no.
func (m *machine) admitAnnounced(c *Case, level remedy.Level, x step) Result {
	switch v, d := c.Veto, m.announceFor(c.Action, c.Pool); {
	case level != remedy.LevelAuto:
		return refuse(RefusedLevel, "%s is at %s in pool %s: an announcement is not enough", c.Action, level, c.Pool)
	case v.PlanHash != c.PlanHash:
		return refuse(RefusedApproval, "%s was announced with another plan: announce it again", c.ID)
	case v.EndsAt.IsZero():
		return refuse(RefusedApproval, "the announcement of %s was not delivered yet: nobody could say no", c.ID)
	case v.Over(x.at):
		return refuse(RefusedExpired, "the announcement of %s is too old: announce it again", c.ID)
	case v.Open(x.at):
		return refuse(RefusedApproval, "people may say no to %s until %s", c.ID, v.EndsAt.Format(timeLayout))
	case x.at.Before(after(v.DeliveredAt, d)):
		return refuse(RefusedApproval, "people may say no to %s for %s, until %s", c.ID, d, after(v.DeliveredAt, d).Format(timeLayout))
	}
	return done(c.ID)
}
