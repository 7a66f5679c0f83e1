package ledger

import (
	"fmt"
	"time"

	"warden/internal/remedy"
)

// MaxSnooze bounds a snooze whatever the config says.
const MaxSnooze = 24 * time.Hour

// CaseSnooze takes a question, or an announcement, back until an instant. It only
// delays, so anybody may. What is asked or announced then is decided afresh, if the
// host is still bad.
type CaseSnooze struct {
	Case   remedy.CaseID `json:"case"`
	Until  time.Time     `json:"until"`
	Reason string        `json:"reason,omitempty"`
	// Question is Case.Question of what was put off, as it was shown: another is not. 0
	// doesn't say.
	Question uint64 `json:"question,omitempty"`
}

func (*CaseSnooze) kind() string { return "case.snooze" }
func (*CaseSnooze) since() int   { return 3 }

func (b *CaseSnooze) apply(m *machine, x step) Result {
	c, until := m.find(b.Case), stamp(b.Until)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may put a question off")
	case c.Asleep(x.at):
		return refuse(RefusedDecided, "%s put it off until %s already", c.Snooze.By.Name, c.Snooze.Until.Format(timeLayout))
	case c.Stage != remedy.StageWaiting || c.Ask == nil && c.Veto == nil:
		return refuse(RefusedStage, "%s is %s: there is no question to put off; %s", c.ID, c.Stage, c.instead())
	case c.Answer != nil:
		return refuse(RefusedDecided, "%s approved it at %s, and it is being carried out: stop it with `warden cancel %s`", c.Answer.By.Name, c.Answer.At.Format(timeLayout), c.ID)
	case c.superseded(b.Question) != nil:
		return *c.superseded(b.Question)
	case c.Ask != nil && c.Ask.ByHand:
		return refuse(RefusedStage, "%s was asked for by %s by hand: deny it, and they can ask again", c.ID, c.Manual.By.Name)
	case c.Ask != nil && !x.at.Before(c.Ask.ExpiresAt):
		return refuse(RefusedExpired, "the question expired at %s", c.Ask.ExpiresAt.Format(timeLayout))
	case !until.After(x.at) || until.After(after(x.at, MaxSnooze)):
		return refuse(RefusedBad, "it is put off for more than nothing and for %s at most", MaxSnooze)
	}
	announced := c.Veto != nil
	c = m.edit(c, x)
	c.unquestion()
	c.Stage, c.Outcome = remedy.StageProposed, ""
	c.Snooze = &Snooze{By: x.by, At: x.at, Until: until, Reason: b.Reason, Announced: announced}
	c.event(x, "put off until "+until.Format(timeLayout)+suffix(b.Reason))
	m.notify(Notice{Kind: NoticePutOff, Case: c.ID, Pool: c.Pool}, x)
	return done(c.ID)
}

// instead is what can be done about a case that isn't waiting for an answer.
func (c *Case) instead() string {
	// Here the others have nothing to stop or to put back.
	//exhaustive:ignore
	switch c.Stage {
	case remedy.StageExecuting:
		return fmt.Sprintf("`warden cancel %s` stops it if its effect hasn't begun", c.ID)
	case remedy.StageVerifying, remedy.StageOut:
		return fmt.Sprintf("`warden undo %s` puts %s back", c.ID, c.Host)
	}
	return fmt.Sprintf("`warden show %s` says how it stands", c.ID)
}

// CaseReconsider takes an announcement back, so that its case is decided
// afresh: because nobody could be told, because the level fell, or because the
// action could not start in time after its window.
type CaseReconsider struct {
	Case remedy.CaseID `json:"case"`
	// Undelivered says that the announcement reached nobody in time: from now on
	// the case is asked about, and a person has to say yes.
	Undelivered bool   `json:"undelivered,omitempty"`
	Why         string `json:"why"`
}

func (*CaseReconsider) kind() string { return "case.reconsider" }
func (*CaseReconsider) since() int   { return 3 }

func (b *CaseReconsider) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageWaiting || c.Veto == nil:
		return refuse(RefusedStage, "%s is %s and not announced", c.ID, c.Stage)
	case b.Undelivered && !c.Veto.Lost(x.at):
		return refuse(RefusedStage, "the announcement of %s may still be delivered, or was", c.ID)
	}
	told := !c.Veto.DeliveredAt.IsZero()
	c = m.edit(c, x)
	c.unquestion()
	c.Stage, c.Outcome = remedy.StageProposed, ""
	c.Undelivered = c.Undelivered || b.Undelivered
	c.event(x, "the announcement was taken back: "+b.Why)
	if told {
		m.notify(Notice{Kind: NoticePutOff, Case: c.ID, Pool: c.Pool, Detail: b.Why}, x)
	}
	return done(c.ID)
}
