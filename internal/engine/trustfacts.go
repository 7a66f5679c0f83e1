package engine

import (
	"context"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/policy"
)

// demotedFact is what was taken from an action × pool, or by a person from the case.
func demotedFact(f ledger.Facts) remedy.Fact[policy.Demoted] {
	var d policy.Demoted
	if f.Demoted != nil {
		d = policy.Demoted{To: f.Demoted.To, At: f.Demoted.At, Why: f.Demoted.Because()}
	}
	if f.Against != nil {
		d.Against, d.Lift = f.Against.Words(), f.Against.Lift()
	}
	return remedy.Known(d)
}

// gateFact is what an enforced gate leaves of an action × pool. Where this node's
// file enforces its gates and the ledger hasn't got its word, as in a cluster that
// has just been founded or upgraded, what its levels are no verdict has said.
func (e *Engine) gateFact(cfg *Config, f ledger.Facts) remedy.Fact[policy.TrustGate] {
	if cfg.Trust.Enforce {
		if said, ok := e.Ledger.TrustReport(e.Node); !ok || said.ConfigHash != cfg.Hash || !said.Rules.Enforce {
			return remedy.Unknown[policy.TrustGate]("this node's file enforces its gates, and not every voter can be told of that yet: no gate has been judged")
		}
	}
	if f.Grant == nil {
		return remedy.Known(policy.TrustGate{})
	}
	return remedy.Known(policy.TrustGate{Enforced: true, To: f.Grant.To, Wants: f.Reported, Judged: f.Grant.Judged, Said: f.Grant.Said})
}

// verdicts judges what waits for it: the leader counts the committed evidence,
// and the verdict is committed. A clock that jumped judges nothing, for what is
// old enough, and what is too old, depends on it.
func (e *Engine) verdicts(r *round, led *ledger.Ledger) []ledger.Body {
	if !e.mayExpire(r.cfg) {
		return nil
	}
	return verdictsOf(led, r.now)
}

// judgements is how often a round judges one claim at most.
const judgements = 3

// judgeClaims judges what is still claimed once the round is recorded: a word that
// came in between refused its verdict. Where words keep coming the next round goes
// on; until then the claim leaves the lower level.
func (e *Engine) judgeClaims(ctx context.Context, r *round) {
	for range judgements - 1 {
		v := e.verdicts(r, e.Ledger)
		if len(v) == 0 {
			return
		}
		if err := e.commit(ctx, remedy.Warden(), v...); err != nil {
			e.Logger.Warn("a gate was not judged, and waits for the next round", zap.Error(err))
			return
		}
	}
}

// verdictsOf are the verdicts on all that waits for one, by the evidence of an
// instant. What is foreseen of a config is judged by it as well.
func verdictsOf(led *ledger.Ledger, now time.Time) []ledger.Body {
	var out []ledger.Body
	for _, claimed := range led.Claims() {
		// The claim is read with the evidence it is judged by, at one index.
		in, ok := led.Trust(claimed.Action, claimed.Pool)
		if !ok || in.Grant == nil || in.Grant.Judged {
			continue
		}
		g := in.Grant
		to, all := trust.Allowed(in.Rules, in, now)
		b := &ledger.TrustJudge{Action: g.Action, Pool: g.Pool, Claim: g.Claim, Revision: g.Revision, To: to}
		// The verdict that decides is the first that is not met of those asked
		// for, or the one for the highest of them.
		for _, v := range all {
			if v.To <= in.Reported && (b.Said == "" || v.To <= to+1) {
				b.Said = v.Brief()
			}
		}
		out = append(out, b)
	}
	return out
}

// stayed says of hosts that stayed bad for long, with nothing done, that their
// detector was right: of those that this very round finds bad, not while a clock
// may have jumped, not before this tenure has looked for that long, and not while
// something is wrong with more than the host.
func (e *Engine) stayed(r *round) []ledger.Body {
	if !e.mayExpire(r.cfg) || e.began.IsZero() || r.now.Sub(e.began) < e.Ledger.Rules().StayedBad {
		return nil // before this tenure began, perhaps nobody looked
	}
	var out []ledger.Body
	for _, id := range e.Ledger.Unstayed(r.now) {
		c, ok := e.Ledger.Case(id)
		if !ok || r.pools[c.Pool] == nil {
			continue
		}
		j := r.pools[c.Pool].judgement(c.Detector)
		if j == nil {
			continue
		}
		f, ok := j.finding(c.Host)
		if !ok || f.Verdict != remedy.VerdictBad || e.fireIsFought(r, c.Pool, c.Host, c.Action, c.Detector) || e.manyAreBad(r, j) {
			continue
		}
		out = append(out, &ledger.CaseStayed{Case: id})
	}
	return out
}

// fireIsFought reports whether a block_when that is about the host fires, or
// can't be told.
func (e *Engine) fireIsFought(r *round, pool remedy.PoolName, host remedy.HostName, action remedy.ActionName, d remedy.DetectorName) bool {
	p := policy.Proposal{Kind: remedy.KindAct, Pool: pool, Host: host, Action: action, Detector: d}
	answers := policy.Decide(p, policy.World{Now: r.now, Blocks: r.blocking(r.cfg)}).Answers
	i := slices.IndexFunc(answers, func(a remedy.Answer) bool { return a.Guardrail == "block_when" })
	return i < 0 || answers[i].Cap < remedy.LevelAuto
}

// manyAreBad reports whether common mode is on, or can't be told.
func (e *Engine) manyAreBad(r *round, j *judgement) bool {
	shadow := e.shadowed(r.cfg, j.detector.Spec().Proposes, j.Pool)
	_, bad, limit, known := commonMode(e.Ledger, j, r.now, shadow)
	if !known || bad > limit {
		return true
	}
	f := e.Ledger.Facts(ledger.FactsQuery{Pool: j.Pool, Action: j.detector.Spec().Proposes, Detector: j.detector.Spec().Name, Now: r.now})
	return f.Storm.On
}

// badHosts is how many hosts of the pool are past the threshold, for evidence;
// 0, which says nothing, while a voter couldn't read it.
func (e *Engine) badHosts(j *judgement, shadow bool) int {
	if e.Ledger.Floor().Version < trustSince {
		return 0
	}
	return j.sums(shadow).badNow
}

// demotedMessage adds to a message what a demotion is about: the newest of its
// case, or of its pool where a person spoke of no case.
func (e *Engine) demotedMessage(m *chat.Message) {
	for _, d := range e.Ledger.Demotions() {
		of, ok := d.Of(m.Notice.Case)
		if ok && d.Pool == m.Notice.Pool && (m.Demotion == nil || of.At.After(m.Demotion.At)) {
			m.Demotion = &of
		}
	}
	if m.Demotion == nil || m.Case == nil || m.Demotion.Why != trust.WhyWrong && m.Demotion.Why != trust.WhyRegretted {
		return
	}
	cfg := e.Config()
	in, known := e.Ledger.Trust(m.Case.Action, m.Case.Pool)
	if !known {
		return
	}
	// The case is in the record of the detector that proposed it, or that acted on it;
	// it may have been changed since, by whoever wants no more of such cases.
	for _, r := range slices.Concat(in.Current, in.Older) {
		i := slices.IndexFunc(r.Cases, func(s trust.Sample) bool { return s.Case == m.Case.ID })
		if i < 0 {
			continue
		}
		now := cfg.Settings(r.Detector)
		if d, ok := cfg.detector(r.Detector); ok && d.Spec().Digest == r.Digest {
			m.Cause = trust.ExplainWrong(trust.Suggest(r, r.Cases[i], now))
		} else {
			m.Cause = trust.ExplainChanged(r, r.Cases[i], now)
		}
		return
	}
}

// Settings are those of a detector that another value might have kept a mistake
// away with; zero ones, which suggest nothing, for a detector that is not in the
// config.
func (c *Config) Settings(name remedy.DetectorName) trust.Settings {
	d, ok := c.detector(name)
	if !ok {
		return trust.Settings{}
	}
	s := d.Spec()
	return trust.Settings{BadBelow: s.BadBelow, BadAbove: s.BadAbove, For: s.For, MaxBadFraction: s.MaxBadFraction}
}
