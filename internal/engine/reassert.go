package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

const (
	// pollsBefore is how many polls before a reload what it forgot must have
	// been seen intact, at the earliest.
	pollsBefore = 2
	// reloadSlack is how long before the poll that saw the old process the new
	// one may have begun: it reads its configuration before it takes over, and
	// tells its age in whole seconds.
	reloadSlack = 30 * time.Second
	// lifeSlack is what a process' age, told in whole seconds, may be off by.
	lifeSlack = 2 * time.Second
	// reassertWithin is how long what was forgotten may wait for its putting
	// back. Afterwards the host has been in service for so long that it needs
	// new evidence, or a person.
	reassertWithin = 10 * time.Minute
)

// intact is what this tenure knows of a case on one load balancer: the process
// that last had the host as wanted, when that was seen, and the rounds since
// that could not see it.
type intact struct {
	life   remedy.Life
	at     time.Time
	mono   time.Duration // of the same instant; a clock that is set moves it not
	missed []time.Time   // the first pollsBefore of them
}

// intacts is that by case and load balancer. It is guarded by Engine.mu.
type intacts map[remedy.CaseID]map[string]intact

// of returns what is known of a case.
func (m intacts) of(id remedy.CaseID) map[string]intact {
	if m[id] == nil {
		m[id] = map[string]intact{}
	}
	return m[id]
}

// keep forgets the cases that are over.
func (m intacts) keep(open []*ledger.Case) {
	for id := range m {
		if !slices.ContainsFunc(open, func(c *ledger.Case) bool { return c.ID == id }) {
			delete(m, id)
		}
	}
}

// forgets reports whether a load balancer, asked now, forgot at a reload what
// it was seen to have: another process answers, it began after the old one was
// last seen, and not more than one round in between could not see it. The host
// has to be where it was before the action. The old one must have been seen no
// longer than pollsBefore polls before the new one began, by the wall clock and
// by the one that nobody sets: rounds that never ran, or came to nothing, saw
// nothing either. Everything else is another hand.
func (k intact) forgets(b remedy.Balancer, before []remedy.BalancerState, now clock.Reading, poll time.Duration) bool {
	life, known := b.Life.Get()
	if !known || k.life.ID == "" || life.ID == k.life.ID || life.Since.Before(k.at.Add(-reloadSlack)) {
		return false
	}
	ago := max(now.Wall.Sub(life.Since), 0)
	if most := pollsBefore*poll + lifeSlack; life.Since.Sub(k.at) > most || now.Mono-ago-k.mono > most {
		return false
	}
	missed := 0
	for _, at := range k.missed {
		if at.Before(life.Since) {
			missed++
		}
	}
	return missed < pollsBefore && wasThere(before, b)
}

// wasThere reports whether the load balancer has the host in the state that it
// had before the action: what a reload falls back to. What its configuration
// says otherwise is for its owners to know.
func wasThere(before []remedy.BalancerState, b remedy.Balancer) bool {
	return slices.Contains(before, remedy.BalancerState{Name: b.Name, Admin: b.Admin})
}

// survey holds what the load balancers say against what is remembered of a
// case. It returns those that forgot at a reload what the case did, sorted, and
// those that show another hand.
func (m intacts) survey(c *ledger.Case, o remedy.Observation, now clock.Reading, poll time.Duration) (forgot, reversed []string) {
	taken, seen := c.Taken(), m.of(c.ID)
	if taken == nil || !taken.TakesOut {
		return nil, nil
	}
	for _, b := range o.Balancers {
		wanted, known := b.AsWanted.Get()
		life, _ := b.Life.Get()
		committed := c.Forgotten != nil && slices.Contains(c.Forgotten.Balancers, b.Name)
		switch {
		case !known:
		case slices.Contains(taken.Spared, b.Name) && wanted: // another hand's, and nothing to put back
		case wanted:
			seen[b.Name] = intact{life: life, at: now.Wall, mono: now.Mono}
		case committed && wasThere(taken.Balancers, b), !committed && seen[b.Name].forgets(b, taken.Balancers, now, poll):
			forgot = append(forgot, b.Name)
		default:
			delete(seen, b.Name)
			reversed = append(reversed, b.Name)
		}
	}
	slices.Sort(forgot)
	return forgot, reversed
}

// missed notes that a round could not see what the load balancers have.
func (m intacts) missed(id remedy.CaseID, now time.Time) {
	for name, k := range m[id] {
		if len(k.missed) < pollsBefore {
			k.missed = append(slices.Clone(k.missed), now)
			m[id][name] = k
		}
	}
}

// remembered says what follows from what was forgotten: nil and false when
// nothing was, so that what is observed speaks for itself.
func (e *Engine) remembered(ctx context.Context, c *ledger.Case, o remedy.Observation, now time.Time) (b ledger.Body, waits bool) {
	forgot, back := e.intact.survey(c, o, e.Clock.Read(), e.Config().interval())
	e.spare(ctx, c, o, back)
	reversed := len(back) > 0
	f := c.Forgotten
	switch {
	case len(forgot) == 0 || reversed:
		if f == nil {
			return nil, false
		}
		note := "it is there again"
		if reversed {
			note = "another hand has been there"
		}
		return &ledger.CaseForgot{Case: c.ID, Note: note}, false
	case f == nil || !slices.Equal(f.Balancers, forgot):
		return &ledger.CaseForgot{Case: c.ID, Balancers: forgot, Note: lives(o, forgot)}, true
	case now.Sub(f.At) >= reassertWithin:
		delete(e.intact, c.ID) // from here on it is as nobody's reload left it
		note := "not put back within " + remedy.Span(reassertWithin) + suffixed(f.Why)
		if o.Partial() {
			return &ledger.CaseForgot{Case: c.ID, Note: note}, false
		}
		return &ledger.CaseClose{Case: c.ID, Outcome: remedy.OutcomeReturned, Note: note}, false
	}
	return nil, true
}

func suffixed(why string) string {
	if why == "" {
		return ""
	}
	return " (" + why + ")"
}

// lives names the processes that took over.
func lives(o remedy.Observation, names []string) string {
	var parts []string
	for _, b := range o.Balancers {
		if life, known := b.Life.Get(); known && slices.Contains(names, b.Name) {
			parts = append(parts, life.ID)
		}
	}
	return strings.Join(parts, ", ")
}

// putBack starts the putting back of what load balancers forgot, once a round,
// and tells once what keeps it from it. The caller holds e.mu.
func (e *Engine) putBack(ctx context.Context, cfg *Config) {
	for _, name := range sorted(cfg.Pools) {
		for _, c := range e.Ledger.Pool(name, e.Clock.Now()).Open {
			f := c.Forgotten
			if f == nil || f.Cancelled || (c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying) || e.tried[c.ID] == e.rounds+1 {
				continue
			}
			e.tried[c.ID] = e.rounds + 1
			why, stands := e.opposed(c)
			if !stands {
				err := e.start(ctx, cfg, startOrder{c: c, kind: remedy.KindReassert, by: remedy.Warden()})
				why, stands = obstacle(err)
				if err != nil {
					e.Logger.Info("not put back", zap.Stringer("case", c.ID), zap.Error(err))
				}
			}
			if !stands || f.Why != "" {
				continue
			}
			if err := e.commit(ctx, remedy.Warden(), &ledger.CaseForgot{Case: c.ID, Balancers: f.Balancers, Blocked: why}); err != nil {
				e.Logger.Warn("what keeps a case from being put back is not committed yet", zap.Stringer("case", c.ID), zap.Error(err))
			}
		}
	}
}

// opposed words a person's word against the case, which nothing is put back
// against: nobody tries, and they hear it once. Who asked for the action by hand
// is no detector.
func (e *Engine) opposed(c *ledger.Case) (string, bool) {
	said, against := e.Ledger.Against(c)
	if !against || c.Manual != nil {
		return "", false
	}
	return said.Words(), true
}

// obstacle words what keeps a case from being put back, where that is worth
// telling: what passes by itself in the next round isn't.
func obstacle(err error) (string, bool) {
	r, ok := errors.AsType[*Refusal](err)
	switch {
	case !ok, r.Code == RefusedTransient, r.Code == ledger.RefusedSlot, r.Code == ledger.RefusedLock:
		return "", false
	case r.Decision != nil && r.Decision.Waiting:
		return "", false
	}
	return r.Reason, true
}

// priorOfForgotten is the state a reassert starts from: on the load balancers
// that forgot it, and on no other, the host has to be back where it was.
func priorOfForgotten(x *execution, o remedy.Observation, body *ledger.ExecStart) error {
	taken, f := x.c.Taken(), x.c.Forgotten
	if taken == nil || f == nil {
		return refusal(ledger.RefusedNothing, "no load balancer has forgotten what %s did", x.c.ID)
	}
	for _, b := range o.Balancers {
		switch wanted, known := b.AsWanted.Get(); {
		case !known:
			return refusal(RefusedBackend, "%s can't say what state %s is in: %s", b.Name, x.c.Host, b.AsWanted.Why)
		case wanted:
		case slices.Contains(f.Balancers, b.Name) && wasThere(taken.Balancers, b):
			body.Balancers = append(body.Balancers, remedy.BalancerState{Name: b.Name, Admin: b.Admin})
		default:
			return refusal(ledger.RefusedDecided, "another hand has put %s into %q on %s", x.c.Host, b.Admin, b.Name)
		}
	}
	x.balancers = body.Balancers
	return nil
}

// reversal words how a host came back by another hand; "" when it hasn't, or
// not on all of its load balancers: what is still out is still warden's.
func reversal(c *ledger.Case, o remedy.Observation) string {
	taken := c.Taken()
	if taken != nil && !taken.TakesOut {
		return "" // what took nothing out can't come back: it failed again
	}
	if wanted, known := o.AsWanted.Get(); !known || wanted {
		return ""
	}
	if o.Partial() {
		return leftToOthers(taken, o)
	}
	if gone := departedFrom(taken, o); len(gone) > 0 {
		return fmt.Sprintf("its pool moved: it is in %q on the load balancers the config has now, and may be out still on %s: put it back there by hand", o.Admin, strings.Join(gone, ", "))
	}
	return fmt.Sprintf("another hand put it into %q", o.Admin)
}

// departedFrom lists the load balancers that the host was taken out on and that
// are asked no more.
func departedFrom(taken *ledger.Execution, o remedy.Observation) []string {
	var gone []string
	if taken == nil || len(o.Balancers) == 0 {
		return nil
	}
	for _, b := range taken.Ours() {
		if !slices.ContainsFunc(o.Balancers, func(now remedy.Balancer) bool { return now.Name == b.Name }) {
			gone = append(gone, b.Name)
		}
	}
	return gone
}

// leftToOthers words that a host is back wherever warden took it out, and still
// out where another hand did; "" when that isn't so.
func leftToOthers(taken *ledger.Execution, o remedy.Observation) string {
	if taken == nil || len(taken.Spared) == 0 {
		return ""
	}
	back := missed(o)
	for _, b := range taken.Ours() {
		if !slices.Contains(back, b.Name) {
			return ""
		}
	}
	return fmt.Sprintf("another hand put it back wherever warden had taken it out; it is in %q, and that is another hand's too", o.Admin)
}

// spare commits and tells, once, on which load balancers another hand put back
// a host that warden took out, while it is out on others still. An undo leaves
// them alone from then on, whatever becomes of the host there.
func (e *Engine) spare(ctx context.Context, c *ledger.Case, o remedy.Observation, back []string) {
	taken := c.Taken()
	fresh := slices.DeleteFunc(slices.Clone(back), func(name string) bool {
		return !slices.ContainsFunc(taken.Ours(), func(b remedy.BalancerState) bool { return b.Name == name })
	})
	if len(fresh) == 0 || !o.Partial() {
		return
	}
	b := &ledger.CaseSpare{Case: c.ID, Balancers: fresh, Note: fmt.Sprintf(
		"%s of %s is back on some of its load balancers by another hand (%s): it takes traffic, counts as out, and `warden undo %s` puts back the rest",
		c.Host, c.ID, cmp.Or(o.Admin, "nobody says where"), c.ID)}
	if err := e.commit(ctx, remedy.Warden(), b); err != nil {
		e.Logger.Warn("a host that is half back is not told yet", zap.Stringer("case", c.ID), zap.Error(err))
	}
}
