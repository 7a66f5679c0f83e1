package engine

import (
	"context"
	"fmt"
	"time"

	"warden/detectors"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// past is what the ledger's cases still say of one pool's earlier days.
type past struct {
	cases []*ledger.Case
	// kept is since when closed cases are certainly still there.
	kept time.Time
}

func pastOf(cases []*ledger.Case, cfg *Config, now time.Time) past {
	p := past{cases: cases}
	if cfg.KeepClosed > 0 {
		p.kept = now.Add(-cfg.KeepClosed)
	}
	return p
}

// out reports whether warden had the host out at an instant.
func (p past) out(host remedy.HostName, at time.Time) bool {
	for _, c := range p.cases {
		a := c.Acted()
		if c.Host != host || a == nil || !a.TakesOut || a.Outcome == remedy.OutcomeAborted || a.Outcome == remedy.OutcomeFailed {
			continue
		}
		if !a.StartedAt.After(at) && (c.Open() || c.ClosedAt.After(at)) {
			return true
		}
	}
	return false
}

// guardrails says what each would have answered about the end of a run, with
// today's limits, as far as cases tell. What they don't tell is unknown.
func (p past) guardrails(freeze *ledger.Freeze, cfg *Config, spec detectors.Spec, t Target, run *BadRun, n int) []Recalled {
	at := run.To
	limits := cfg.Pools[t.Pool].Limits
	var all []Recalled
	say := func(name string, blocks bool, limit, format string, args ...any) {
		r := Recalled{Guardrail: name, Answer: "allow", Observed: fmt.Sprintf(format, args...), Limit: limit}
		if blocks {
			r.Answer = "block"
		}
		all = append(all, r)
	}
	unknown := func(name, why string) {
		all = append(all, Recalled{Guardrail: name, Answer: "unknown", Observed: why})
	}
	if freeze != nil && !freeze.Since.After(at) {
		say("freeze", true, "", "frozen by %s since %s: %s", freeze.By.Name, freeze.Since.Format(time.RFC3339), freeze.Reason)
	} else {
		unknown("freeze", "earlier freezes are not kept")
	}
	unknown("hold", "earlier holds are not kept")
	if by := cfg.Pools[t.Pool].ProtectedBy; by != nil {
		pattern := by(t.Host)
		say("protected", pattern != "", "", "%s", protectedWords(pattern))
	}
	limit := policy.CommonModeLimit(n, spec.MaxBadFraction)
	say("common_mode", run.PoolBad > limit, fmt.Sprintf("%d", limit), "%d of %d hosts bad at once", run.PoolBad, n)
	unknown("pool_floor", "who was out by another hand then is not kept")
	if at.Before(p.kept) {
		unknown("cooldown", "cases that old have been forgotten")
		unknown("rate", "cases that old have been forgotten")
		return all
	}
	p.counted(cfg, spec, t, at, limits, say)
	return all
}

// recall says what the guardrails would have answered that depend on the config,
// the instant and a source's history alone. Those that are not configured are
// left out.
func (e *Engine) recall(ctx context.Context, cfg *Config, t Target, spec detectors.Spec, at time.Time) []Recalled {
	r := &round{cfg: cfg}
	// Of the past nothing is remembered, and asking what is would forget what
	// the rounds need.
	r.blocks = cfg.blocks(at, e.fetchFresh(ctx, cfg, cfg.blockQueries(at)))
	d := policy.Decide(policy.Proposal{
		Kind: remedy.KindAct, Pool: t.Pool, Host: t.Host, Action: spec.Proposes, Detector: spec.Name,
	}, policy.World{Now: at, Windows: remedy.Known(cfg.Windows), Blocks: r.blocking(cfg)})
	var all []Recalled
	for _, a := range d.Answers {
		if (a.Guardrail != "windows" || len(cfg.Windows) == 0) && (a.Guardrail != "block_when" || len(cfg.BlockWhen) == 0) {
			continue
		}
		said := Recalled{Guardrail: a.Guardrail, Answer: "block", Observed: a.Observed, Limit: a.Limit}
		switch {
		case a.Unreadable:
			said.Answer = "unknown"
		case a.Effect == remedy.EffectAllow:
			said.Answer = "allow"
		case a.Effect == remedy.EffectCap:
			said.Answer, said.Observed = "cap", a.Observed+": at most "+a.Cap.String()
		}
		all = append(all, said)
	}
	return all
}

func protectedWords(pattern string) string {
	if pattern == "" {
		return "not on the protected list of today"
	}
	return "on the protected list of today: " + pattern
}

// counted answers for the guardrails that count STARTs, and for a person's no.
func (p past) counted(cfg *Config, spec detectors.Spec, t Target, at time.Time, limits ledger.Limits, say func(name string, blocks bool, limit, format string, args ...any)) {
	cooldown := cfg.Actions[spec.Proposes].Cooldown
	var last time.Time
	hour, day, out := 0, 0, 0
	for _, c := range p.cases {
		for _, x := range c.Executions {
			if x.Kind == remedy.KindUndo || x.Outcome == remedy.OutcomeAborted || x.StartedAt.After(at) {
				continue
			}
			age := at.Sub(x.StartedAt)
			if age < time.Hour {
				hour++
			}
			if age < 24*time.Hour {
				day++
			}
			if c.Host == t.Host && c.Action == spec.Proposes && x.StartedAt.After(last) {
				last = x.StartedAt
			}
		}
		if c.Host != t.Host && p.out(c.Host, at) {
			out++
		}
		closed := !c.Open() && !c.ClosedAt.After(at) && at.Sub(c.ClosedAt) < cooldown
		quiet := c.Outcome == remedy.OutcomeDenied || c.Outcome == remedy.OutcomeExpired || c.Outcome == remedy.OutcomeCancelled
		if c.Host == t.Host && c.Action == spec.Proposes && closed && quiet {
			say("quiet", true, cooldown.String(), "%s was %s at %s, and not asked about again before it was good", c.ID, c.Outcome, c.ClosedAt.Format(time.RFC3339))
		}
	}
	if out+1 > limits.MaxOut {
		// Another hand may have had more out: only a block is certain.
		say("max_out", true, fmt.Sprintf("%d", limits.MaxOut), "%d out by warden then", out)
	}
	if last.IsZero() {
		say("cooldown", false, cooldown.String(), "nothing had run on this host")
	} else {
		say("cooldown", at.Sub(last) < cooldown, remedy.Span(cooldown), "last ran %s before", remedy.Span(at.Sub(last)))
	}
	say("rate", hour >= limits.PerHour || day >= limits.PerDay, fmt.Sprintf("%d an hour, %d a day", limits.PerHour, limits.PerDay), "%d in the hour, %d in the day before", hour, day)
}
