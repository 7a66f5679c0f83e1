package ledger

import "warden/internal/remedy"

// admit is the one gate: it refuses a START that any committed fact forbids.
func (m *machine) admit(b *ExecStart, c *Case, p *pool, x step) Result {
	if !x.alone {
		return refuse(RefusedBad, "START must stand alone in its entry: its index is the token")
	}
	if now := (remedy.Basis{Pool: p.Rev, Global: m.global}); b.Basis != now {
		return refuse(RefusedBasis, "the world moved since the decision (pool %d, global %d; now %d, %d)", b.Basis.Pool, b.Basis.Global, now.Pool, now.Global)
	}
	running, lock := m.running(p, c.Host, 0)
	if lock != 0 {
		return refuse(RefusedLock, "%s is executing on %s: wait for it, or resolve it if it is unknown", lock, c.Host)
	}
	limits, known := m.limits(p.Name)
	if !known {
		return refuse(RefusedLimit, "no node has reported limits for pool %s", p.Name)
	}
	if r := m.admitLatched(b, c); !r.OK {
		return r
	}
	if running >= limits.MaxConcurrent {
		return refuse(RefusedSlot, "%d of %d executions are running in pool %s: wait", running, limits.MaxConcurrent, p.Name)
	}
	if b.Kind == remedy.KindReassert {
		return m.admitReassert(b, c, p, limits, x)
	}
	if b.Kind == remedy.KindUndo {
		if c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying {
			return refuse(RefusedStage, "%s is %s: only a host that is out because of it can be put back", c.ID, c.Stage)
		}
		if !x.by.Person {
			return refuse(RefusedPerson, "only a person may put a host back")
		}
		return done(c.ID)
	}
	if r := m.admitForward(b, c, x); !r.OK {
		return r
	}
	if !p.Size.usable() {
		return refuse(RefusedLimit, "the size of pool %s isn't known: %s", p.Name, p.Size.why())
	}
	if b.TakesOut {
		return m.admitOut(b, c, p, limits)
	}
	return done(c.ID)
}

// admitForward checks what binds an action but not an undo.
func (m *machine) admitForward(b *ExecStart, c *Case, x step) Result {
	if m.freeze != nil {
		return refuse(RefusedFrozen, "frozen by %s: %s", m.freeze.By.Name, remedy.Bare(m.freeze.Reason))
	}
	if b.PlanHash == "" || b.PlanHash != c.PlanHash {
		return refuse(RefusedApproval, "the plan changed: decide again")
	}
	switch b.Kind {
	case remedy.KindManual:
		asked := c.Stage == remedy.StageWaiting && c.Ask != nil && c.Ask.ByHand
		if c.Manual == nil || c.Stage != remedy.StageProposed && !asked {
			return refuse(RefusedStage, "%s was not asked for by hand", c.ID)
		}
		if n := m.approvals(c.Action, c.Pool); !asked && n > 1 {
			return refuse(RefusedApproval, "%s needs %d people, and one asked for %s", c.Action, n, c.ID)
		}
		if r := m.admitApproved(c, x); asked && !r.OK {
			return r
		}
		if h := m.unknownHold(c); h != nil {
			return refuse(RefusedHeld, "%s is held by %s: %s", h.what(), h.By.Name, remedy.Bare(h.Reason))
		}
		return done(c.ID)
	case remedy.KindAct:
		if h := m.hold(c.Pool, c.Host); h != nil {
			return refuse(RefusedHeld, "%s is held by %s: %s", h.what(), h.By.Name, remedy.Bare(h.Reason))
		}
		if c.Latest == nil || c.Latest.Verdict != remedy.VerdictBad {
			return refuse(RefusedVerdict, "the newest verdict on %s is not bad: nothing acts on it", c.Host)
		}
		if w := m.against(c); w != nil {
			return refuse(RefusedApproval, "%s: an approver says yes to it after that, or lifts it with `%s`, or it isn't done", w.Words(), w.Lift())
		}
		return m.admitLevel(c, x)
	case remedy.KindUndo, remedy.KindReassert:
	}
	return refuse(RefusedBad, "%q is not a kind of execution that acts", b.Kind)
}

// admitLevel checks the rung: auto acts by itself, confirm needs a fitting
// approval that has not expired.
func (m *machine) admitLevel(c *Case, x step) Result {
	level := m.effective(c.Action, c.Pool)
	switch {
	case c.Ask != nil && c.Ask.ByHand:
		return refuse(RefusedStage, "%s was asked for by hand: no detector starts it", c.ID)
	case c.Stage == remedy.StageWaiting && c.Veto != nil:
		return m.admitAnnounced(c, level, x)
	case c.Stage == remedy.StageWaiting && level >= remedy.LevelConfirm:
		return m.admitApproved(c, x)
	case c.Stage == remedy.StageProposed && level == remedy.LevelAuto && c.Manual == nil:
		if c.Decision == nil || c.Decision.Level != remedy.LevelAuto {
			return refuse(RefusedLevel, "%s was not decided at auto", c.ID)
		}
		return m.admitUnasked(c, x)
	case c.Stage == remedy.StageProposed || c.Stage == remedy.StageWaiting:
		return refuse(RefusedLevel, "%s is at %s in pool %s", c.Action, level, c.Pool)
	}
	return refuse(RefusedStage, "%s is %s", c.ID, c.Stage)
}

// admitOut counts the out-slot: the same arithmetic as policy's pool_floor,
// max_out and failure_domain, on committed facts. The slot that a case kept is
// left out when it puts its own effect back: a host whose drain was forgotten
// is in service, whatever its case says.
func (m *machine) admitOut(b *ExecStart, c *Case, p *pool, l Limits) Result {
	q := outQuery{now: m.time}
	if b.Kind == remedy.KindReassert {
		q.own = c.ID
	}
	hosts := m.outHosts(p, q, l.DomainLabel)
	out, already := countOut(hosts, c.Host)
	n := p.Size.N
	allowed := min(l.MaxOut, fractionOf(l.MaxOutFraction, n))
	switch {
	case out+1 > allowed:
		return refuse(RefusedLimit, "%d hosts of pool %s are out and %d may be", out, p.Name, allowed)
	case !already && n-out-1 < l.MinInService:
		return refuse(RefusedLimit, "%d of %d hosts would stay in service and the floor is %d", n-out-1, n, l.MinInService)
	}
	return admitDomain(b, c, hosts, l)
}

// fractionOf rounds a share of n down; the epsilon keeps 0.1 × 10 at 1. What is
// not a share above 0 leaves nothing.
func fractionOf(fraction float64, n int) int {
	switch {
	case n <= 0 || !(fraction > 0):
		return 0
	case fraction >= 1:
		return n
	}
	// The conversion keeps the product from being fused with the sum on some
	// processors: all nodes must count alike.
	return int(float64(fraction*float64(n)) + 1e-9)
}

// usable reports whether the pool's size may be counted with.
func (s sizeState) usable() bool { return s.Known && !s.Stale && s.Blocked == "" }

func (s sizeState) why() string {
	switch {
	case !s.Known:
		return "its inventory has not been read yet"
	case s.Stale:
		return "its inventory is stale"
	default:
		return s.Blocked
	}
}
