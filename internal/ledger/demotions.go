package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

func compareDemotions(a, b trust.Demotion) int {
	return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Pool, b.Pool))
}

// demotionIndex is where the demotion of an action × pool is, or would be.
func (m *machine) demotionIndex(action remedy.ActionName, pool remedy.PoolName) (int, bool) {
	return slices.BinarySearchFunc(m.demotions, trust.Demotion{Action: action, Pool: pool}, compareDemotions)
}

// demotion is that of an action × pool, or nil.
func (m *machine) demotion(action remedy.ActionName, pool remedy.PoolName) *trust.Demotion {
	i, ok := m.demotionIndex(action, pool)
	if !ok {
		return nil
	}
	return &m.demotions[i]
}

// standing is the level that a demotion has to be below: what the files that
// are known ask for, after demotions and verdicts. What is low for now only,
// because a voter is silent or a claim waits for its verdict, hides no mistake.
func (m *machine) standing(action remedy.ActionName, pool remedy.PoolName) remedy.Level {
	level := m.spoken(action, pool)
	if d := m.demotion(action, pool); d != nil {
		level = min(level, d.To)
	}
	if g := m.grant(action, pool); g != nil && g.Judged {
		level = min(level, g.To)
	}
	return level
}

// maxCauses bounds the causes of one demotion; the first one is kept beside them.
const maxCauses = 16

// demote takes a level from an action × pool, if that lowers it, and says so. The
// level before is the standing one, or a higher one that d.From says. A
// cause that comes while it is demoted already is kept beside the first, and
// said as well, also where the level doesn't move: a review has to have seen it.
// The rules' word for "don't" is LevelBlocked.
func (m *machine) demote(d trust.Demotion, x step) {
	if !m.learns() || d.To == remedy.LevelBlocked {
		return
	}
	standing := m.standing(d.Action, d.Pool)
	d.From, d.At, d.By = max(d.From, standing), x.at, x.by
	d.To = max(d.To, remedy.LevelMetricOnly)
	i, there := m.demotionIndex(d.Action, d.Pool)
	if newest := stamp(x.at); there && !m.demotions[i].Newest().Before(newest) {
		// A review names the newest cause that was seen by its instant, and committed
		// time stands still while a leader's clock is behind: no two are of one.
		d.At = m.demotions[i].Newest().Add(time.Millisecond)
	}
	lowers := d.To < standing || !there && d.To < d.From
	if there {
		d.To = min(d.To, m.demotions[i].To)
	}
	switch {
	case !there && !lowers, there && !lowers && m.demotions[i].Blames(d.Why, d.Case):
		return
	case there:
		m.demotions[i] = caused(m.demotions[i], d)
	default:
		m.demotions = slices.Insert(m.demotions, i, caused(d, d))
	}
	m.global++
	if lowers {
		m.bump(counterDemotions, []string{"action", string(d.Action), "pool", string(d.Pool), "why", d.Why})
		if d.Why != trust.WhyPerson {
			x.led("%s on %s was demoted from %s to %s", d.Action, d.Pool, d.From, d.To)
		}
	}
	m.notify(Notice{Kind: NoticeDemoted, Case: d.Case, Pool: d.Pool, Detail: demotedWords(d, lowers)}, x)
}

// caused is a demotion with another cause, and the lower level of both. What it
// had is never changed: readers share it.
func caused(d, by trust.Demotion) trust.Demotion {
	d.To = min(d.To, by.To)
	d.Causes = append(slices.Clone(d.Causes), trust.Cause{At: by.At, By: by.By, Why: by.Why, Case: by.Case, Reason: by.Reason})
	d.Causes = d.Causes[max(0, len(d.Causes)-maxCauses):]
	return d
}

// demotedWords say a demotion in a line; or a cause that came while it was there.
func demotedWords(d trust.Demotion, lowers bool) string {
	why := map[string]string{
		trust.WhyWrong: "an action was wrong", trust.WhyRegretted: "an action was undone as was-fine",
		trust.WhyUnverified: "an action was not seen to take", trust.WhyFailed: "actions failed",
		trust.WhyPerson: d.By.Name + " said so",
	}[d.Why]
	if d.Case != 0 {
		why += " (" + d.Case.String() + ")"
	}
	if !lowers {
		return fmt.Sprintf("%s on %s stays at %s at most, and there is more to look at: %s%s; `warden trust %s --pool %s` shows all of it",
			d.Action, d.Pool, d.To, why, suffix(d.Reason), d.Action, d.Pool)
	}
	return fmt.Sprintf("%s on %s is %s at most now, it was %s: %s%s; it stays so until somebody runs `warden promote %s --pool %s --review --reason TEXT`",
		d.Action, d.Pool, d.To, d.From, why, suffix(d.Reason), d.Action, d.Pool)
}

// demoteFor is demote about a case, by what the rules leave. What counts is the
// level at which it was acted on, also where a person has lowered the file since:
// otherwise it would depend on whether the label or the edit came first, and the
// file could go back up without anybody having looked.
func (m *machine) demoteFor(c *Case, to remedy.Level, why, reason string, x step) {
	d := trust.Demotion{Action: c.Action, Pool: c.Pool, To: to, Why: why, Case: c.ID, Reason: reason}
	if c.Decision != nil && c.actedItself() {
		d.From = c.Decision.Effective // it is not decided again once it was acted on
	}
	m.demote(d, x)
}

// isAsked reports whether any report names the action × pool.
func (m *machine) isAsked(action remedy.ActionName, pool remedy.PoolName) bool {
	for _, r := range m.reports {
		for _, l := range r.Levels {
			if l.Action == action && l.Pool == pool {
				return true
			}
		}
	}
	return false
}

// TrustDemote is a person lowering an action × pool at once, until a review.
// Anybody may: it only ever takes.
type TrustDemote struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	To     remedy.Level      `json:"to"`
	Reason string            `json:"reason"`
}

func (*TrustDemote) kind() string { return "trust.demote" }
func (*TrustDemote) since() int   { return 3 }

func (b *TrustDemote) apply(m *machine, x step) Result {
	switch level := m.standing(b.Action, b.Pool); {
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may lower a level by word: warden lowers its own for a mistake")
	case !m.isAsked(b.Action, b.Pool):
		return refuse(RefusedNothing, "no file has %s on %s: see `warden policy list`", b.Action, b.Pool)
	case b.Reason == "":
		return refuse(RefusedBad, "a demotion needs a reason: people will ask")
	case b.To < remedy.LevelMetricOnly || b.To > remedy.LevelAuto:
		return refuse(RefusedBad, "%s is no level to go down to: use metric-only, notify or confirm", b.To)
	case b.To >= level:
		return refuse(RefusedNothing, "%s on %s is at %s already: name a lower level", b.Action, b.Pool, level)
	}
	m.demote(trust.Demotion{Action: b.Action, Pool: b.Pool, To: b.To, Why: trust.WhyPerson, Reason: b.Reason}, x)
	return done(0)
}

// TrustReview is a person who has looked: it lifts the demotion of one action ×
// pool, and has the gate judged again where gates are enforced: what showed the
// mistake is evidence, too. Until that verdict nothing rises. The engine lets only
// those review who may approve the action.
type TrustReview struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	Reason string            `json:"reason"`
	// Seen is when the newest cause came that the person was shown: see
	// trust.Demotion.Newest. A cause that came later has not been looked at, and
	// refuses the review. Zero where there is no demotion.
	Seen time.Time `json:"seen,omitzero"`
}

func (*TrustReview) kind() string { return "trust.review" }
func (*TrustReview) since() int   { return 3 }

func (b *TrustReview) apply(m *machine, x step) Result {
	i, demoted := m.demotionIndex(b.Action, b.Pool)
	g := m.grant(b.Action, b.Pool)
	held := g != nil && g.Judged && g.To < m.spoken(b.Action, b.Pool)
	switch {
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may review a demotion")
	case !demoted && !held:
		return refuse(RefusedNothing, "nothing lowers %s on %s: what its level is, the files say", b.Action, b.Pool)
	case b.Reason == "":
		return refuse(RefusedBad, "a review needs a reason: say what you looked at")
	case b.Seen.After(x.at) && (!demoted || b.Seen.After(m.demotions[i].Newest())): // causes of one instant are told apart by later ones
		return refuse(RefusedBad, "nobody has seen what is after %s: look with `warden trust %s --pool %s`, then review", x.at.Format(timeLayout), b.Action, b.Pool)
	case demoted && m.demotions[i].Newest().After(stamp(b.Seen)):
		last := m.demotions[i].Last()
		return refuse(RefusedDecided, "there is more to look at than you were shown: at %s %s; see `warden trust %s --pool %s`, then review again",
			last.At.Format(timeLayout), last.Because(), b.Action, b.Pool)
	}
	before := m.levels()
	words := fmt.Sprintf("%s reviewed %s on %s: %s", x.by.Name, b.Action, b.Pool, b.Reason)
	if g != nil {
		if demoted {
			*g = m.bounded(*g, min(g.To, m.demotions[i].To))
		}
		m.lastClaim++
		g.At, g.Claim, g.Revision, g.Judged, g.Said = x.at, m.lastClaim, 0, false, ""
		words += "; its gate is judged again"
	}
	if demoted {
		m.demotions = slices.Delete(m.demotions, i, i+1)
	}
	m.global++
	m.notify(Notice{Kind: NoticeReviewed, Pool: b.Pool, Detail: words + m.recordWords(b.Action, b.Pool) + m.movedSince(before)}, x)
	return done(0)
}

// recordWords say in whole cases what is on record about an action × pool, for
// those who read of a review.
func (m *machine) recordWords(action remedy.ActionName, pool remedy.PoolName) string {
	right, wrong, all := 0, 0, 0
	from, to := m.recordsOf(action, pool)
	for _, r := range m.records[from:to] {
		if !r.Gone.IsZero() {
			continue
		}
		for i := range r.Cases {
			all++
			switch r.Cases[i].Label() {
			case trust.Right:
				right++
			case trust.Wrong:
				wrong++
			case trust.Unclear, trust.Unlabelled:
			}
		}
	}
	cases := "cases"
	if all == 1 {
		cases = "case"
	}
	return fmt.Sprintf("\non record: %d %s, %d of them right and %d wrong", all, cases, right, wrong)
}
