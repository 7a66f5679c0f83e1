package engine

import (
	"cmp"
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"go.uber.org/zap"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// subject is one finding that may be worth deciding about, with its open case.
type subject struct {
	n int // which of the pool's judgements
	j *judgement
	k int          // the host's place in it
	c *ledger.Case // nil when there is none
	// turn orders those that have a case, or were acted on before.
	turn turn
}

// host is whom it is about.
func (s subject) host() remedy.HostName { return s.j.Roster.Name(s.k) }

// decide decides every bad host's case afresh, against the preview: the ledger
// as the round's facts will leave it. It returns what changed.
func (e *Engine) decide(ctx context.Context, r *round, preview *ledger.Ledger) []ledger.Body {
	var bodies []ledger.Body
	for _, name := range sorted(r.pools) {
		p := r.pools[name]
		open := preview.Pool(name, r.now).Open
		room := e.room(r, p, preview) - len(open)
		again := p.judgements
		for s := range e.subjects(r, p, open, func() bool { return room <= 0 }) {
			if s.c == nil && room <= 0 {
				continue
			}
			b := e.decideHost(ctx, r, s, &again[s.n], preview)
			if b == nil {
				continue
			}
			if s.c == nil {
				room--
			}
			bodies = append(bodies, b)
			if b.Count && b.Shadow {
				// What this case takes of the shadow budget, the next one sees.
				preview = preview.Preview(r.now, remedy.Warden(), b)
				again = without(r, again, s.host(), b.TakesOut)
			}
		}
	}
	return bodies
}

// without has the detectors judge again as if the host had been taken out, the
// way a real execution judges again once the one before it is done. What was
// judged at first stays as it is.
func without(r *round, all []judgement, host remedy.HostName, takesOut bool) []judgement {
	if !takesOut {
		return all
	}
	out := make([]judgement, len(all))
	for n := range all {
		j := &all[n]
		if !j.shadowed {
			out[n] = *j // real decisions never see shadow executions
			continue
		}
		view := j.view
		view.Hosts = slices.Clone(view.Hosts)
		if i, ok := j.Of(host); ok {
			view.Hosts[i].ShadowOut = true
		}
		out[n] = judge(j.detector, view, j.At, r.results, nil)
		out[n].observed, out[n].shadowed = j.observed, true
	}
	return out
}

// subjects goes over what is to be decided about, in the order in which
// startReady would start it. While full says that the pool has no room for more
// cases, only those that are open are decided about. In a storm nearly all
// hosts are bad and next to none has a history: they come as the roster has
// them, without being sorted, and only as far as there is room.
func (e *Engine) subjects(r *round, p *poolRound, open []*ledger.Case, full func() bool) iter.Seq[subject] {
	known := e.known(r, p, open)
	var told []subject // those with a case or a history
	hosts := 0
	for n := range p.judgements {
		j := &p.judgements[n]
		hosts = max(hosts, len(j.Verdicts))
		for h, t := range known[n] {
			if k, ok := j.Of(h); ok && worthDeciding(j.Verdicts[k].Verdict, t.c, j.Detector) && (t.c != nil || !full()) {
				told = append(told, subject{n: n, j: j, k: k, c: t.c, turn: t.turn})
			}
		}
	}
	slices.SortFunc(told, func(a, b subject) int { return cmp.Or(a.turn.compare(b.turn), cmp.Compare(a.n, b.n)) })
	late := slices.IndexFunc(told, func(s subject) bool { return !s.turn.last.IsZero() })
	if late < 0 {
		late = len(told)
	}
	return func(yield func(subject) bool) {
		for _, s := range told[:late] {
			if !yield(s) {
				return
			}
		}
		for k := 0; k < hosts && !full(); k++ {
			for n := range p.judgements {
				j := &p.judgements[n]
				if k >= len(j.Verdicts) || j.Verdicts[k].Verdict != remedy.VerdictBad {
					continue
				}
				if _, ok := known[n][j.Roster.Name(k)]; !ok && !yield(subject{n: n, j: j, k: k}) {
					return
				}
			}
		}
		for _, s := range told[late:] {
			if !yield(s) {
				return
			}
		}
	}
}

// knownHost is a host that has an open case, or was acted on before.
type knownHost struct {
	turn turn
	c    *ledger.Case // nil when there is none
}

// known finds them for the action of each of the pool's judgements.
func (e *Engine) known(r *round, p *poolRound, open []*ledger.Case) []map[remedy.HostName]knownHost {
	out := make([]map[remedy.HostName]knownHost, len(p.judgements))
	acted, both := e.turns(p.name, false), e.turns(p.name, true)
	for n := range p.judgements {
		action := p.judgements[n].detector.Spec().Proposes
		last := acted
		if e.shadowed(r.cfg, action, p.name) {
			last = both
		}
		out[n] = map[remedy.HostName]knownHost{}
		for key, at := range last {
			if key.action == action {
				out[n][key.host] = knownHost{turn: turn{action: action, host: key.host, last: at, open: math.MaxUint64}}
			}
		}
		for _, c := range open {
			if c.Action == action {
				out[n][c.Host] = knownHost{turn: turn{action: action, host: c.Host, last: last[turnKey{action, c.Host}], open: c.ID}, c: c}
			}
		}
	}
	return out
}

// worthDeciding reports whether a finding can change anything: a bad host
// without a case opens one, and a case that is decided afresh each round
// belongs to the detector that opened it.
func worthDeciding(v remedy.Verdict, c *ledger.Case, d remedy.DetectorName) bool {
	switch v {
	case remedy.VerdictGood, remedy.VerdictOut:
		return false
	case remedy.VerdictUnknown:
		return c != nil && c.Detector == d && decidable(c) && c.Latest != nil && c.Latest.Verdict != remedy.VerdictUnknown
	case remedy.VerdictBad:
		return c == nil || (c.Detector == d && decidable(c))
	}
	return false
}

// decidable reports whether the case is one that is decided afresh every round.
func decidable(c *ledger.Case) bool {
	return (c.Stage == remedy.StageDetected || c.Stage == remedy.StageProposed) && c.Manual == nil
}

// decideHost returns what is to be committed about one host, or nil when
// nothing changed.
func (e *Engine) decideHost(ctx context.Context, r *round, s subject, again *judgement, l *ledger.Ledger) *ledger.CaseJudge {
	j, c, spec := s.j, s.c, s.j.detector.Spec()
	f := j.Finding(s.k)
	judged := &ledger.CaseJudge{
		Pool: j.Pool, Host: f.Host, Action: spec.Proposes, Detector: spec.Name, Digest: spec.Digest, Finding: f,
	}
	if f.Verdict == remedy.VerdictUnknown {
		return judged // remembered, so that unknown_close can count from here
	}
	undecided := judged
	if c == nil || (c.Latest != nil && c.Latest.Verdict == f.Verdict) {
		undecided = nil // not even the verdict is new
	}
	x := e.weigh(r, s, again, l)
	switch {
	case x.aborted:
		return judged
	case !x.decide:
		return undecided
	}
	s.j = x.j
	if !e.decideCase(ctx, r, s, x, judged, l) {
		return undecided
	}
	return judged
}

// decideCase fills in the decision on a bad host. It reports whether it is
// worth committing.
func (e *Engine) decideCase(ctx context.Context, r *round, s subject, x weighed, b *ledger.CaseJudge, l *ledger.Ledger) bool {
	facts, q, now := x.facts, x.q, x.now
	action, c := r.cfg.Actions[q.Action], s.c
	w := e.world(r.cfg, s.j, facts, q, r.now)
	w.Domains, w.Blocks = r.pools[q.Pool].domains(facts, q.Host), r.blocking(r.cfg)
	w.SecondOpinion, b.Opinions = e.secondOpinion(r.cfg, r, s.j, q.Host)
	proposal := r.proposal(q, facts)
	d := policy.Decide(proposal, w)
	b.Decision, b.Shadow, b.ShadowOut, b.TakesOut = &d, q.Shadow, r.cfg.ShadowOut, proposal.TakesOut
	if c == nil || c.ProposedAt.IsZero() {
		b.BadHosts = e.badHosts(s.j, q.Shadow)
	}
	if q.Shadow {
		b.Domain = r.pools[q.Pool].domain(facts.Limits.DomainLabel, q.Host)
	}
	if d.Allowed() {
		b.Plan = e.plan(ctx, r.pools[q.Pool], action, q.Host)
		// Without a plan nothing would have been done, nor anybody asked.
		b.Count = now.count && b.Plan != nil && (d.WouldAct || d.WouldAsk)
		e.put(r, b, c)
		b.Tell = now.complains(b)
	}
	worth := c == nil || (d.Allowed() && c.Stage == remedy.StageDetected) || b.Count || b.Tell || b.Ask != nil || b.Announce != nil || !sameUnasked(c, b.Unasked) ||
		!sameDecision(c.Decision, &d) || (b.Plan != nil && b.Plan.Hash() != c.PlanHash)
	if worth && len(facts.Rehearsed) > 0 {
		e.markRehearsed(&d, r, s.j, proposal, w, facts, q, l)
	}
	return worth
}

// proposal is what a detector wants done.
func (r *round) proposal(q ledger.FactsQuery, f ledger.Facts) policy.Proposal {
	return policy.Proposal{
		Kind: remedy.KindAct, Pool: q.Pool, Host: q.Host, Action: q.Action, Detector: q.Detector,
		TakesOut: r.cfg.Actions[q.Action].Spec.TakesOut || f.TakesOut,
	}
}

// sameDecision compares what matters: effects and levels, not words, for those
// name ages that move every second.
func sameDecision(a, b *remedy.Decision) bool {
	if a == nil || a.Level != b.Level || a.Effective != b.Effective || a.BlockedBy != b.BlockedBy || len(a.Answers) != len(b.Answers) {
		return false
	}
	for i := range a.Answers {
		if a.Answers[i].Effect != b.Answers[i].Effect {
			return false
		}
	}
	return true
}

// plan asks the backend what the action would change; nil when it can't say,
// in which case nobody is asked and nothing is started.
// A host that the pool's inventory does not list is planned for by nobody.
func (e *Engine) plan(ctx context.Context, p *poolRound, a Action, host remedy.HostName) *remedy.Plan {
	if p == nil || !p.lists(host) {
		e.Logger.Warn("no plan is made for a host that is not in the inventory", zap.String("host", string(host)))
		return nil
	}
	bounded, cancel := context.WithTimeout(ctx, a.Spec.Timeout)
	defer cancel()
	defer e.took(a.Spec.Timeout)
	plan, err := a.Plan(bounded, p.name, host)
	if err != nil {
		e.Logger.Warn("no plan can be made", zap.String("pool", string(p.name)), zap.String("host", string(host)), zap.Error(err))
		return nil
	}
	return &plan
}

// world gathers what a decision depends on. The judgement may be nil, for a
// person's request in a pool that no detector judges.
func (e *Engine) world(cfg *Config, j *judgement, f ledger.Facts, q ledger.FactsQuery, now time.Time) policy.World {
	pool := cfg.Pools[q.Pool]
	w := policy.World{
		Now:        now,
		Effective:  remedy.Known(min(f.Effective, cfg.level(q.Action, q.Pool))),
		Freeze:     remedy.Known(stopOfFreeze(f.Freeze)),
		FreezeFile: e.freezeFile(cfg),
		Hold:       remedy.Known(stopOfHold(f.Hold)),
		Breaker:    remedy.Known(breakerOf(j, f)),
		Lock:       remedy.Known(policy.Lock{Case: f.Lock}),
		Running:    remedy.Known(f.Running),
		Rate: remedy.Known(policy.Rate{
			PoolHour: f.PoolHour, PoolDay: f.PoolDay, ClusterHour: f.ClusterHourly, ClusterDay: f.ClusterDaily,
		}),
		LastOnHost: remedy.Known(f.LastOnHost),
		LastInPool: remedy.Known(f.LastInPool),
		Attempts:   remedy.Known(f.Attempts),
		Flaps:      remedy.Known(f.Flaps),
		Windows:    remedy.Known(cfg.Windows),
		WarmedUp:   remedy.Known(e.warm.Load() || (f.Case != nil && f.Case.Ask != nil)),
		// The ledger's committed out-set is what the load balancer said; an
		// assumed pool has nobody to say it.
		InServiceKnown: inServiceKnown(cfg, q, j),
		Clock:          e.clockFact(cfg),
		Demoted:        demotedFact(f),
		TrustGate:      e.gateFact(cfg, f),
	}
	if pool.ProtectedBy != nil {
		w.Protected = remedy.Known(pool.ProtectedBy(q.Host))
	}
	switch {
	case !f.SizeKnown:
		w.Pool = remedy.Unknown[policy.Pool](f.SizeWhy)
	case len(cfg.observers(q.Pool)) == 0 && !pool.AssumeInService:
		w.Pool = remedy.Unknown[policy.Pool]("no load balancer says who is in service, and the pool doesn't assume it")
	default:
		w.Pool = remedy.Known(policy.Pool{N: f.N, Out: f.Out, HostOut: f.HostOut})
	}
	if f.LimitsKnown {
		w.Limits = remedy.Known(policy.Limits{
			MinInService: f.Limits.MinInService, MaxOut: f.Limits.MaxOut, MaxOutFraction: f.Limits.MaxOutFraction,
			MaxConcurrent: f.Limits.MaxConcurrent, PerHour: f.Limits.PerHour, PerDay: f.Limits.PerDay,
			ClusterPerHour: f.ClusterHour, ClusterPerDay: f.ClusterDay,
			CooldownPerHost: max(f.Cooldown, cfg.Actions[q.Action].Cooldown), SettleAfterAction: f.Limits.SettleAfterAction,
			MaxAttempts: f.Limits.MaxAttempts, FlapLimit: f.Limits.FlapLimit,
		})
	}
	e.evidence(&w, cfg, j, f, q)
	return w
}

// inServiceKnown is whether the load balancer says who is in service. It is
// unknown while a backend can't be asked, or doesn't know the host.
func inServiceKnown(cfg *Config, q ledger.FactsQuery, j *judgement) remedy.Fact[bool] {
	if cfg.Pools[q.Pool].AssumeInService || len(cfg.observers(q.Pool)) == 0 {
		return remedy.Known(false)
	}
	if cfg.Actions[q.Action].Spec.Blind {
		return remedy.Unknown[bool]("nothing can be asked whether " + string(q.Action) + " took")
	}
	if j == nil {
		return remedy.Known(true)
	}
	if !j.observed {
		return remedy.Unknown[bool]("the load balancer can't be asked")
	}
	if i, ok := j.Of(q.Host); ok && j.view.Hosts[i].State == remedy.ServiceUnknown {
		return remedy.Unknown[bool]("the load balancer doesn't know this host")
	}
	return remedy.Known(true)
}

// evidence fills in what comes from the detector's judgement.
func (e *Engine) evidence(w *policy.World, cfg *Config, j *judgement, f ledger.Facts, q ledger.FactsQuery) {
	if j == nil {
		if len(cfg.detectorsOf(q.Pool)) == 0 && f.SizeKnown {
			// Nothing watches this pool, so nothing can say that it is a storm.
			w.CommonMode = remedy.Known(policy.CommonMode{N: f.N, MaxFraction: 1})
		}
		return
	}
	spec := j.detector.Spec()
	s := j.sums(q.Shadow)
	w.Evidence = remedy.Known(policy.Evidence{At: j.At, MaxAge: cfg.maxEvidenceAge(j.detector)})
	if fresh, ok := j.SourceFresh.Get(); ok {
		age, _ := j.SourceAge.Get()
		src := policy.Source{Fresh: fresh, Age: age, MaxStaleness: cfg.Sources[spec.Source].MaxStaleness}
		if !fresh {
			src.Why = "its canary_target is not fresh"
		}
		w.Source = remedy.Known(src)
	} else {
		w.Source = remedy.Unknown[policy.Source](j.SourceFresh.Why)
	}
	w.Coverage = remedy.Known(policy.Coverage{InService: s.inService, Uncovered: s.uncovered, Min: spec.MinCoverage})
	if fresh, ok := j.SourceFresh.Get(); ok && fresh && f.SizeKnown {
		w.CommonMode = remedy.Known(policy.CommonMode{
			Bad: badUnion(j, q.Shadow, f), N: f.N, MaxFraction: spec.MaxBadFraction,
			Storm: f.Storm.On, EndedAt: f.Storm.EndedAt, Cooldown: spec.StormCooldown,
		})
	}
}
