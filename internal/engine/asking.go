package engine

import (
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/cron"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// QuietHours is when people are called less.
type QuietHours struct {
	cron.Span
	// Defer says that nothing is asked while they last; otherwise it is asked,
	// and Mention is whom the question may call.
	Defer   bool
	Mention remedy.Mention
	// Text says it for people: "22:00 to 08:00 Europe/Dublin, ask_silently".
	Text string
}

// asksSince is the entry version that knows several approvals, announcements
// and snoozes.
const asksSince = 3

// staleFor is how long after a question went stale the one that follows says
// what changed.
const staleFor = time.Hour

// wants is what the config and all voters' reports want of asking about an
// action in a pool.
func (e *Engine) wants(cfg *Config, action remedy.ActionName, pool remedy.PoolName) ledger.Asking {
	a := cfg.Actions[action]
	w := e.Ledger.Asking(action, pool)
	return ledger.Asking{Approvals: max(w.Approvals, a.Approvals), AnnounceFor: max(w.AnnounceFor, a.AnnounceFor)}
}

// put fills in what an allowed decision at confirm or auto leads to: a question,
// an announcement, or why it is neither. It needs the judgement's plan.
func (e *Engine) put(r *round, b *ledger.CaseJudge, c *ledger.Case) {
	if b.Plan == nil || c.Asleep(r.now) {
		return
	}
	w := e.wants(r.cfg, b.Action, b.Pool)
	undelivered := c != nil && c.Undelivered
	switch level := b.Decision.Level; {
	case level == remedy.LevelConfirm, level == remedy.LevelAuto && undelivered:
		b.Ask, b.Unasked = e.question(r.cfg, r.now, b, c, w)
		if b.Unasked != nil && !e.asks() {
			e.Logger.Warn("nobody is asked", zap.String("action", string(b.Action)), zap.String("host", string(b.Host)), zap.String("why", b.Unasked.Why))
			b.Unasked = nil
		}
	case level == remedy.LevelAuto && w.AnnounceFor > 0:
		if !e.asks() {
			e.Logger.Warn("nothing is announced, and so nothing is done, before every node knows announcements: upgrade them", zap.String("action", string(b.Action)))
			return
		}
		b.Announce = &ledger.Announcement{PlanHash: b.Plan.Hash(), For: w.AnnounceFor, Within: r.cfg.Actions[b.Action].ExpiresAfter, Who: r.cfg.Actions[b.Action].who()}
		if q := r.cfg.Quiet; q != nil {
			if _, quiet := q.Open(r.now); quiet {
				b.Announce.Mention = q.calls()
			}
		}
	}
}

// who is who may say yes to it, with where each came from as far as that is known.
func (a Action) who() []remedy.Approver {
	if len(a.Who) > 0 {
		return a.Who
	}
	var out []remedy.Approver
	for _, match := range a.Approvers {
		out = append(out, remedy.Approver{Match: match})
	}
	return out
}

// calls is whom quiet hours leave to be called.
func (q *QuietHours) calls() remedy.Mention {
	if q.Defer {
		return remedy.MentionNobody
	}
	return q.Mention
}

// asks reports whether every voter knows the entries with which people are asked.
func (e *Engine) asks() bool { return e.Ledger.Floor().Version >= asksSince }

// question is what is put to people about a judgement, or why nothing is. Quiet hours that
// put questions off put off as well that people are told of one which nobody could answer,
// unless they were told before.
func (e *Engine) question(cfg *Config, now time.Time, b *ledger.CaseJudge, c *ledger.Case, w ledger.Asking) (*ledger.Ask, *ledger.Unasked) {
	a := cfg.Actions[b.Action]
	ask := &ledger.Ask{PlanHash: b.Plan.Hash(), Approvers: a.Approvers, ExpiresAt: e.asOf().Add(a.ExpiresAfter)}
	var later *ledger.Unasked
	if q := cfg.Quiet; q != nil && e.asks() {
		if until, quiet := q.Open(now); quiet && q.Defer {
			later = &ledger.Unasked{Why: "quiet hours", Until: until}
		} else if quiet {
			ask.Mention = q.Mention
		}
	}
	told := c != nil && c.Unasked.Stuck()
	if why := e.unanswerable(cfg, b.Action, b.Pool, w.Approvals, nil); why != "" && (told || later == nil) {
		return nil, &ledger.Unasked{Why: why}
	}
	if !e.asks() {
		if w.Approvals > 1 {
			return nil, &ledger.Unasked{Why: "not every node knows what two approvals are: upgrade them"}
		}
		return ask, nil
	}
	if later != nil {
		return nil, later
	}
	e.extend(cfg, ask, a, w.Approvals)
	if last := e.staleBefore(b, now); last != nil {
		ask.After, ask.Changes = last.ID, policy.Changes(*last.Decision, *b.Decision, *last.Plan, *b.Plan)
	}
	return ask, nil
}

// extend adds to a question what older builds don't know.
func (*Engine) extend(cfg *Config, ask *ledger.Ask, a Action, approvals int) {
	ask.Who, ask.Aliases = a.Who, cfg.Aliases // who is one person matters once more people are wanted, too
	if approvals > 1 {
		ask.Needed = approvals
	}
}

// unanswerable says why nobody could answer a question so that it counts, where that is
// known: by this config, and by what the files of all voters say of who is one person,
// as the ledger would judge it. requester is who asked for it by hand.
func (e *Engine) unanswerable(cfg *Config, action remedy.ActionName, pool remedy.PoolName, approvals int, requester *remedy.Actor) string {
	a := cfg.Actions[action]
	if len(a.Approvers) == 0 {
		return fmt.Sprintf("nobody may say yes: the file of %s names no approvers", e.Node)
	}
	if approvals < 2 {
		return ""
	}
	return e.Ledger.Unanswerable(action, pool, ledger.Ask{Approvers: a.Approvers, Who: a.Who, Aliases: cfg.Aliases, Needed: approvals}, requester)
}

// staleBefore is the case of this host and action that went stale just before,
// or nil.
func (e *Engine) staleBefore(b *ledger.CaseJudge, now time.Time) *ledger.Case {
	last := e.Ledger.Cases(ledger.CaseFilter{Pool: b.Pool, Host: b.Host, Action: b.Action, Since: now.Add(-staleFor), Limit: 2})
	i := slices.IndexFunc(last, func(c *ledger.Case) bool { return !c.Open() })
	if i < 0 || last[i].Outcome != remedy.OutcomeStale || last[i].Decision == nil || last[i].Plan == nil || now.Sub(last[i].ClosedAt) > staleFor {
		return nil
	}
	return last[i]
}

// sameUnasked reports whether the case says already why nobody is asked.
func sameUnasked(c *ledger.Case, u *ledger.Unasked) bool {
	if c == nil || c.Unasked == nil || u == nil {
		return u == nil && (c == nil || c.Unasked == nil)
	}
	return c.Unasked.Why == u.Why && c.Unasked.Until.Equal(u.Until.Truncate(time.Millisecond))
}

// mayStart reports whether a case may be tried to start by itself, and as what:
// one at auto that needs no announcement, one that was announced long enough,
// or one that people said yes to.
func (e *Engine) mayStart(cfg *Config, c *ledger.Case, now time.Time) (startOrder, bool) {
	o := startOrder{c: c, kind: remedy.KindAct, by: remedy.Warden()}
	_, against := e.Ledger.Against(c)
	switch {
	case against && c.Manual == nil:
		return o, false // the decision says so, and an approver decides
	case c.Stage == remedy.StageWaiting && c.Veto != nil:
		return o, !c.Veto.Open(now) && !c.Veto.Over(now)
	case c.Stage == remedy.StageWaiting && o.approved() && c.Ask != nil && c.Ask.ByHand && c.Manual != nil:
		o.kind, o.by, o.acked = remedy.KindManual, c.Manual.By, e.Ledger.Acknowledged(c)
		return o, true
	case c.Stage == remedy.StageWaiting:
		return o, o.approved()
	}
	auto := c.Stage == remedy.StageProposed && c.Manual == nil && c.Decision != nil && c.Decision.Level == remedy.LevelAuto
	return o, auto && !c.Undelivered && !c.Asleep(now) && e.wants(cfg, c.Action, c.Pool).AnnounceFor == 0
}

// reconsider takes an announcement back that can't be acted on any more.
func (e *Engine) reconsider(cfg *Config, c *ledger.Case, now time.Time) ledger.Body {
	if c.Stage != remedy.StageWaiting || c.Veto == nil {
		return nil
	}
	level := min(e.Ledger.Level(c.Action, c.Pool), cfg.level(c.Action, c.Pool))
	said, against := e.Ledger.Against(c)
	switch {
	case against:
		return &ledger.CaseReconsider{Case: c.ID, Why: said.Words()}
	case level < remedy.LevelAuto:
		return &ledger.CaseReconsider{Case: c.ID, Why: fmt.Sprintf("%s is at %s now", c.Action, level)}
	case !e.mayExpire(cfg):
		return nil
	case c.Veto.Lost(now):
		return &ledger.CaseReconsider{Case: c.ID, Undelivered: true, Why: "it could not be delivered for " + remedy.Span(c.Veto.Within) + ": a person has to say yes"}
	case c.Veto.Over(now):
		return &ledger.CaseReconsider{Case: c.ID, Why: "it could not start for " + remedy.Span(c.Veto.Within) + " after its time"}
	}
	return nil
}
