package engine

import (
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// weighed is what a host's decision rests on.
type weighed struct {
	q     ledger.FactsQuery
	facts ledger.Facts
	now   due
	// j is the judgement to decide on: on the shadow budget, as it is after what
	// was counted before in this round.
	j *judgement
	// decide says that there is something to decide; else held that another case's
	// rehearsed slot holds the host out, or aborted that a real execution would have been
	// called off.
	decide, aborted bool
}

// weigh gathers what the decision on a bad host rests on. It has no effect.
func (e *Engine) weigh(r *round, s subject, again *judgement, l *ledger.Ledger) weighed {
	j, c, spec := s.j, s.c, s.j.detector.Spec()
	host := s.host()
	x := weighed{j: j, q: ledger.FactsQuery{
		Pool: j.Pool, Host: host, Action: spec.Proposes, Detector: spec.Name,
		Now: r.now, CommonModeWindow: spec.CommonModeWindow,
	}}
	action := r.cfg.Actions[x.q.Action]
	effective := min(l.Level(x.q.Action, x.q.Pool), r.cfg.level(x.q.Action, x.q.Pool))
	x.q.Shadow = effective < remedy.LevelConfirm
	x.facts = l.Facts(x.q)
	if c == nil && x.facts.Quiet != nil && r.now.Before(x.facts.Quiet.Until) {
		return x // denied, expired or undone: not asked again yet
	}
	x.now = due{
		count: c == nil || c.CountedAt.IsZero() || r.now.Sub(c.CountedAt) >= max(action.Cooldown, x.facts.Cooldown),
		tell:  x.facts.LastTold.IsZero() || r.now.Sub(x.facts.LastTold) >= action.ComplainEvery,
	}
	if x.q.Shadow {
		counted := c != nil && !c.CountedAt.IsZero()
		held := heldOut(x.facts, x.q.Host)
		x.now.count = x.now.count && !held // as long as its slot lasts, a real one would be out
		if counted && !x.now.count {
			if !x.now.tells(effective) && c.CountedLevel == effective && c.Decision != nil && c.Decision.Level == effective {
				return x // counted, and nothing changes until the cooldown has passed
			}
			x.q.ExceptCase = c.ID // its own shadow START is not in its way
			x.facts = l.Facts(x.q)
			held = heldOut(x.facts, x.q.Host)
		}
		if held {
			return x // another case holds it out: to this one it is gone
		}
		if g, ok := again.finding(host); !ok || g.Verdict != remedy.VerdictBad {
			// A real one would have been called off. It is remembered as bad all
			// the same, as it would be then.
			x.aborted = c == nil
			return x
		}
		x.j = again
	}
	x.decide = true
	return x
}

// due says what a case's time has come for.
type due struct{ count, tell bool }

// tells reports whether a complaint is due at the level.
func (d due) tells(l remedy.Level) bool { return d.tell && l == remedy.LevelNotify }

// complains reports whether a complaint is due about what was decided: at notify, and of
// a question that nobody could answer, which the ledger may find out of one that is put.
func (d due) complains(b *ledger.CaseJudge) bool {
	return d.tells(b.Decision.Level) || d.tell && (b.Ask != nil || b.Unasked.Stuck())
}
