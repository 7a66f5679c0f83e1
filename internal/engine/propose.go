package engine

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// maxOpenCases bounds a pool's open cases. When more hosts than this are bad
// at once, common mode has long taken warden's hands off, and further cases
// would only make the ledger grow.
const maxOpenCases = 100

// maxStormCases bounds the cases that are opened while common mode is on: a few
// to look at. All of them would say the same, cost as much as the fleet is
// large, and leave nothing to decide.
const maxStormCases = 20

// propose turns what a round saw into the facts it commits: sizes, out-sets,
// storms, restraints that expired and cases that are over. Decisions about
// the cases that go on follow in decide, on a ledger that has these facts.
// The ends, which come last in the entry, are those that a person would have
// to bring about after an action: a host that is good frees its shadow slot
// for the next round, as it would if somebody put it back now.
func (e *Engine) propose(r *round) (facts, ends []ledger.Body) {
	facts = append(e.clockNotice(), e.expire(r)...)
	for _, name := range sorted(r.pools) {
		p := r.pools[name]
		status := e.Ledger.Pool(name, r.now)
		sized := status
		if p.size != nil {
			facts = append(facts, p.size)
			sized = e.Ledger.Preview(r.now, remedy.Warden(), p.size).Pool(name, r.now)
		}
		p.believe(sized)
		facts = append(facts, outChanges(p, status)...)
		for i := range p.judgements {
			j := &p.judgements[i]
			facts = append(facts, e.storm(r, p, j)...)
			facts = append(facts, heard(p, j, status)...)
		}
		ends = append(ends, e.shadowEnds(r, p, status)...)
		f, l := e.closings(r, p, status)
		facts, ends = append(facts, f...), append(ends, l...)
	}
	for _, c := range e.strays(r.cfg) {
		switch c.Stage {
		case remedy.StageDetected, remedy.StageProposed, remedy.StageWaiting:
			facts = append(facts, &ledger.CaseClose{Case: c.ID, Outcome: remedy.OutcomeSuperseded, Note: "the config no longer has pool " + string(c.Pool)})
		case remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut, remedy.StageClosed: // verify looks after them
		}
	}
	facts = append(facts, e.stayed(r)...)
	facts = append(facts, e.sourceNotices(r)...)
	return append(facts, e.balancerNotices(r)...), ends
}

// expire ends restraints whose time has come, and forgets old cases.
func (e *Engine) expire(r *round) []ledger.Body {
	var bodies []ledger.Body
	s := e.Ledger.Status()
	sure := e.mayExpire(r.cfg) // a clock that jumped ends nobody's freeze
	if sure && s.Freeze != nil && !s.Freeze.Until.IsZero() && !r.now.Before(s.Freeze.Until) {
		bodies = append(bodies, &ledger.RestraintExpire{Freeze: true})
	}
	for _, h := range s.Holds {
		if sure && !r.now.Before(h.Until) {
			bodies = append(bodies, &ledger.RestraintExpire{Pool: h.Pool, Host: h.Host})
		}
	}
	if r.cfg.FreezeFile != nil && (s.Freeze == nil || !s.Freeze.Until.IsZero()) {
		if there, err := r.cfg.FreezeFile(); err == nil && there {
			bodies = append(bodies, &ledger.FreezeSet{Reason: "the freeze file is there"})
		}
	}
	if keep := r.cfg.KeepClosed; sure && keep > 0 && !s.OldestClosed.IsZero() && r.now.Sub(s.OldestClosed) > keep {
		bodies = append(bodies, &ledger.CasesForget{Before: r.now.Add(-keep)})
	}
	return bodies
}

// shadowed reports whether an action is below confirm in a pool, so that its
// decisions are taken against the shadow budget.
func (e *Engine) shadowed(cfg *Config, action remedy.ActionName, pool remedy.PoolName) bool {
	return min(e.Ledger.Level(action, pool), cfg.level(action, pool)) < remedy.LevelConfirm
}

// commonMode counts the hosts past the threshold now together with those
// warden took out within the window. It is unknown while the source can't be
// believed.
func commonMode(l *ledger.Ledger, j *judgement, now time.Time, shadow bool) (badNow, bad, limit int, known bool) {
	spec := j.detector.Spec()
	if fresh, ok := j.SourceFresh.Get(); !ok || !fresh {
		return 0, 0, 0, false
	}
	f := l.Facts(ledger.FactsQuery{
		Pool: j.Pool, Action: spec.Proposes, Detector: spec.Name, Now: now,
		CommonModeWindow: spec.CommonModeWindow, Shadow: shadow,
	})
	if !f.SizeKnown {
		return 0, 0, 0, false
	}
	s := j.sums(shadow)
	return s.badNow, badUnion(j, shadow, f), policy.CommonModeLimit(f.N, spec.MaxBadFraction), true
}

// room is how many cases a pool may have open before no more are opened.
func (e *Engine) room(r *round, p *poolRound, preview *ledger.Ledger) int {
	for i := range p.judgements {
		j := &p.judgements[i]
		shadow := e.shadowed(r.cfg, j.detector.Spec().Proposes, p.name)
		if _, bad, limit, known := commonMode(preview, j, r.now, shadow); known && bad > limit {
			return maxStormCases
		}
	}
	return maxOpenCases
}

// badUnion counts the hosts bad now or taken out within the window, each once.
func badUnion(j *judgement, shadow bool, f ledger.Facts) int {
	n := j.sums(shadow).badNow
	for _, h := range f.TakenOut {
		if !j.isBadNow(h, shadow) {
			n++
		}
	}
	return n
}

// storm commits that common mode began or ended.
func (e *Engine) storm(r *round, p *poolRound, j *judgement) []ledger.Body {
	spec := j.detector.Spec()
	shadow := e.shadowed(r.cfg, spec.Proposes, p.name)
	badNow, bad, limit, known := commonMode(e.Ledger, j, r.now, shadow)
	if !known {
		return nil // a storm neither begins nor ends on what can't be read
	}
	on := bad > limit
	f := e.Ledger.Facts(ledger.FactsQuery{Pool: p.name, Action: spec.Proposes, Detector: spec.Name, Now: r.now})
	if f.Storm.On == on {
		return nil
	}
	b := &ledger.Storm{Pool: p.name, Detector: spec.Name, On: on, Page: !shadow}
	if on {
		more := ""
		if bad > badNow {
			more = fmt.Sprintf(", %d more taken out within %s", bad-badNow, remedy.Span(spec.CommonModeWindow))
		}
		b.Detail = fmt.Sprintf("%s: %d of %d hosts are bad at once%s, and %d may be: this is not a host problem, hands off", spec.Name, badNow, f.N, more, limit)
	}
	return []ledger.Body{b}
}

// heard notes hosts that are good again: their question may be asked afresh.
func heard(p *poolRound, j *judgement, status ledger.PoolStatus) []ledger.Body {
	var bodies []ledger.Body
	spec := j.detector.Spec()
	for _, q := range status.Quiets {
		if f, ok := j.finding(q.Host); ok && f.Verdict == remedy.VerdictGood && q.Action == spec.Proposes {
			bodies = append(bodies, &ledger.HostGood{Pool: p.name, Host: q.Host, Action: q.Action})
		}
	}
	return bodies
}

// shadowEnds ends the shadow slots of hosts that are good again by the word of
// the detector whose finding began them.
func (e *Engine) shadowEnds(r *round, p *poolRound, status ledger.PoolStatus) []ledger.Body {
	if len(status.ShadowOut) == 0 {
		return nil
	}
	var bodies []ledger.Body
	for _, s := range e.Ledger.Starts(p.name) {
		if !s.Shadow || s.EndedSlot || !r.now.Before(s.Until) {
			continue
		}
		if j := p.judgement(s.Detector); j != nil {
			if f, ok := j.finding(s.Host); ok && f.Verdict == remedy.VerdictGood {
				bodies = append(bodies, &ledger.ShadowEnd{Pool: p.name, Host: s.Host})
			}
		}
	}
	return bodies
}

// closings ends the open cases that are over. Those whose host recovered come
// last, like the other ends.
func (e *Engine) closings(r *round, p *poolRound, status ledger.PoolStatus) (facts, ends []ledger.Body) {
	for _, c := range status.Open {
		b := e.closing(r, p, c)
		if b == nil {
			continue
		}
		if shut, ok := b.(*ledger.CaseClose); ok && shut.Outcome == remedy.OutcomeSelfRecovered {
			ends = append(ends, b)
		} else {
			facts = append(facts, b)
		}
	}
	return facts, ends
}

func (e *Engine) closing(r *round, p *poolRound, c *ledger.Case) ledger.Body {
	shut := func(o remedy.Outcome, f *remedy.Finding, note string) ledger.Body {
		return &ledger.CaseClose{Case: c.ID, Outcome: o, Note: note, Finding: f}
	}
	switch c.Stage {
	case remedy.StageExecuting, remedy.StageVerifying, remedy.StageClosed:
		return nil // these end with their execution
	case remedy.StageOut:
		if p.believed && !p.lists(c.Host) {
			return shut(remedy.OutcomeGone, nil, "the host left the inventory")
		}
		return nil // verify.go watches hosts that are out
	case remedy.StageDetected, remedy.StageProposed, remedy.StageWaiting:
	}
	if p.believed && !p.lists(c.Host) {
		return shut(remedy.OutcomeGone, nil, "the host left the inventory")
	}
	if c.Manual != nil && c.Stage != remedy.StageWaiting {
		if e.entryTime().Sub(c.ChangedAt) > time.Minute {
			return shut(remedy.OutcomeCancelled, nil, "asked for by hand and never started")
		}
		return nil
	}
	sure := e.mayExpire(r.cfg)
	if sure && c.Stage == remedy.StageWaiting && c.Ask != nil && !r.now.Before(c.Ask.ExpiresAt) {
		return &ledger.CaseExpire{Case: c.ID, QuietFor: r.cfg.Actions[c.Action].Cooldown}
	}
	if c.Manual != nil {
		return nil // what a person asked for is no detector's
	}
	j := p.judgement(c.Detector)
	if j == nil || j.detector.Spec().Proposes != c.Action {
		return shut(remedy.OutcomeSuperseded, nil, "the config no longer has detector "+string(c.Detector)+" propose it here")
	}
	f, ok := j.finding(c.Host)
	if !ok {
		return nil
	}
	switch f.Verdict {
	case remedy.VerdictGood:
		return shut(remedy.OutcomeSelfRecovered, &f, "it recovered by itself")
	case remedy.VerdictOut:
		return &ledger.CaseClose{
			Case: c.ID, Outcome: remedy.OutcomeSuperseded, Note: "another hand took it out of service", Finding: &f,
			Crowd: e.Ledger.Floor().Version >= trustSince && e.fireIsFought(r, c.Pool, c.Host, c.Action, c.Detector),
		}
	case remedy.VerdictUnknown:
		if sure && !c.UnknownSince.IsZero() && r.now.Sub(c.UnknownSince) >= r.cfg.UnknownClose {
			return shut(remedy.OutcomeNoData, &f, "unknown for "+remedy.Span(r.cfg.UnknownClose)+": "+f.Reason)
		}
	case remedy.VerdictBad:
	}
	return e.reconsider(r.cfg, c, r.now)
}

// believe says whether the inventory's list is whole, by what is committed of
// the pool's size.
func (p *poolRound) believe(sized ledger.PoolStatus) {
	p.believed = len(p.hosts) > 0 && sized.Known && !sized.Stale && sized.Blocked == ""
}

// lists reports whether the inventory has the host. Its list is by name.
func (p *poolRound) lists(h remedy.HostName) bool {
	_, ok := slices.BinarySearchFunc(p.hosts, h, func(i inventory.Host, h remedy.HostName) int { return cmp.Compare(i.Name, h) })
	return ok
}

// judgement finds a detector's word on the pool.
func (p *poolRound) judgement(name remedy.DetectorName) *judgement {
	for i := range p.judgements {
		if p.judgements[i].Detector == name {
			return &p.judgements[i]
		}
	}
	return nil
}

// sourceNotices tells once when a source goes blind, and when it sees again.
func (e *Engine) sourceNotices(r *round) []ledger.Body {
	blind := r.sources()
	var bodies []ledger.Body
	r.blind = make(map[remedy.SourceName]bool, len(blind))
	for _, name := range sorted(blind) {
		why := blind[name]
		r.blind[name] = why != ""
		if (why != "") == e.blind[name] {
			continue
		}
		detail := fmt.Sprintf("source %s can be believed again", name)
		if why != "" {
			detail = fmt.Sprintf("source %s can't be believed (%s): everything on it is unknown, and nobody is touched", name, why)
		}
		bodies = append(bodies, e.sourceNotice(name, why != "", detail))
	}
	return append(bodies, e.sourcesGone(r.cfg)...)
}
