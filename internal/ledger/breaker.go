package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// Latch is one reason for which the breaker of a pool, or of everything, is
// latched: warden does nothing there by itself until a person resets it with a
// comment. It has no end of its own.
type Latch struct {
	// Pool is empty for a latch that holds everywhere.
	Pool remedy.PoolName `json:"pool,omitempty"`
	Why  LatchWhy        `json:"why"`
	// Guarantee is which promise was seen broken; empty for common mode.
	Guarantee Guarantee `json:"guarantee,omitempty"`
	// Detector is whose common mode it was; empty for a guarantee.
	Detector remedy.DetectorName `json:"detector,omitempty"`
	// Case is the case it showed on; 0 for none.
	Case   remedy.CaseID `json:"case,omitempty"`
	Since  time.Time     `json:"since"`
	Detail string        `json:"detail,omitempty"`
}

// LatchWhy says what latched a breaker.
type LatchWhy string

// Why a breaker latches.
const (
	LatchStorms    LatchWhy = "second_common_mode" // a second common mode within 24 h
	LatchGuarantee LatchWhy = "guarantee"          // a promise was seen broken
)

// Guarantee names a promise that the ledger can see broken while it runs. See
// docs/guarantees.md for the promises.
type Guarantee string

// The guarantees that are watched.
const (
	GuaranteeStart  Guarantee = "effect_without_start" // G1: FINISHED of an execution that no START began
	GuaranteeSingle Guarantee = "one_execution"        // G2: two executions on one host
	GuaranteeLimits Guarantee = "limits"               // G3: a START past floor, out-slots or concurrency
	GuaranteeStop   Guarantee = "stop"                 // G8: a START while frozen or held
	GuaranteeRung   Guarantee = "rung"                 // G13: a START that neither its rung nor a person allowed
	GuaranteeState  Guarantee = "same_state"           // G34: the nodes' states differ, and no majority agrees
	GuaranteeOnTime Guarantee = "on_time"              // G35: an effect of an execution that had been given up
)

// Guarantees lists all that are watched, by the promise's number. The slice is
// the caller's.
func Guarantees() []Guarantee {
	return []Guarantee{GuaranteeStart, GuaranteeSingle, GuaranteeLimits, GuaranteeStop, GuaranteeRung, GuaranteeState, GuaranteeOnTime}
}

// Reset is a person's newest reset of a pool's breaker, or of the one for
// everything when Pool is empty. What was found or approved up to At acts no
// more.
type Reset struct {
	Pool    remedy.PoolName `json:"pool,omitempty"`
	By      remedy.Actor    `json:"by"`
	At      time.Time       `json:"at"`
	Comment string          `json:"comment"`
	// Lifted is what was latched, Closed how many cases were discarded.
	Lifted []Latch `json:"lifted,omitempty"`
	Closed int     `json:"closed,omitempty"`
}

// Breakers is every latch in force and the newest reset of each breaker.
type Breakers struct {
	Latches []Latch `json:"latches,omitempty"`
	Resets  []Reset `json:"resets,omitempty"`
}

// BreakerFacts is what a decision about one pool depends on.
type BreakerFacts struct {
	// Latches hold warden back until a person resets them.
	Latches []Latch
	// ResetAt is when somebody last did; zero if never. What was found or done
	// until then acts no more.
	ResetAt time.Time
}

// Breakers returns what is latched, a pool's after what holds everywhere, and
// who reset what last. It is a copy.
func (l *Ledger) Breakers() Breakers {
	l.mu.RLock()
	defer l.mu.RUnlock()
	b := Breakers{Latches: slices.Clone(l.m.latches), Resets: slices.Clone(l.m.resets)}
	for _, p := range l.m.pools {
		b.Latches = append(b.Latches, p.oldLatches()...)
	}
	slices.SortStableFunc(b.Latches, byLatch)
	return b
}

// Latches returns the latches that bind the pool: its own and those that hold
// everywhere.
func (l *Ledger) Latches(pool remedy.PoolName) []Latch {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.latchesOn(pool)
}

// maxLatches bounds the latches of one breaker. It is latched by any of them.
const maxLatches = 16

func byLatch(a, b Latch) int {
	return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Why, b.Why), cmp.Compare(a.Guarantee, b.Guarantee),
		cmp.Compare(a.Detector, b.Detector), cmp.Compare(a.Case, b.Case))
}

func byReset(a, b Reset) int { return cmp.Compare(a.Pool, b.Pool) }

// latchesOn lists what binds a pool, new slices only.
func (m *machine) latchesOn(name remedy.PoolName) []Latch {
	var out []Latch
	for _, l := range m.latches {
		if l.Pool == "" || l.Pool == name {
			out = append(out, l)
		}
	}
	return append(out, m.findPool(name).oldLatches()...)
}

// oldLatches are those of common mode that entries before version 3 left.
func (p *pool) oldLatches() []Latch {
	var out []Latch
	for _, s := range p.Storms {
		if s.Latched {
			out = append(out, Latch{Pool: p.Name, Why: LatchStorms, Detector: s.Detector, Since: s.StartedAt, Detail: s.Detail})
		}
	}
	return out
}

// resetAt is when the breaker that binds a pool was last reset; zero if never.
func (m *machine) resetAt(name remedy.PoolName) time.Time {
	var at time.Time
	for _, r := range m.resets {
		if r.Pool == "" || r.Pool == name {
			at = later(at, r.At)
		}
	}
	return at
}

// resetSince reports whether the breaker was reset after the case's newest
// START: what that rested on counts no more.
func (m *machine) resetSince(c *Case) bool {
	at := m.resetAt(c.Pool)
	return !at.IsZero() && !c.Execution().StartedAt.After(at)
}

// trip latches a breaker. Latched for the same reason already, it is so as of now,
// with the newest words: who looked before has not seen this. Of too many, the one
// that has been there for longest makes room, and the newest are there to be read.
// It reports false where it was latched for that reason, and before version 3, when
// nothing of it is kept.
func (m *machine) trip(l Latch, x step) bool {
	if !m.learns() {
		return false
	}
	l.Since = x.at
	i, there := slices.BinarySearchFunc(m.latches, l, byLatch)
	if there {
		m.latches[i] = l
		m.latchMoved(l.Pool, x)
		return false
	}
	if oldest := m.oldestLatch(l.Pool); oldest >= 0 {
		m.latches = slices.Delete(m.latches, oldest, oldest+1)
		i, _ = slices.BinarySearchFunc(m.latches, l, byLatch)
	}
	m.latches = slices.Insert(m.latches, i, l)
	m.latchMoved(l.Pool, x)
	return true
}

// latchMoved has every decision that a breaker binds be taken again.
func (m *machine) latchMoved(pool remedy.PoolName, x step) {
	if pool == "" {
		m.global++
		x.led("the breaker of everything latched")
	} else {
		m.moved(m.pool(pool))
		x.led("the breaker of pool %s latched", pool)
	}
}

// oldestLatch is the place of the latch of a breaker that makes room for another,
// or -1 while there is room.
func (m *machine) oldestLatch(pool remedy.PoolName) int {
	oldest, same := -1, 0
	for i, o := range m.latches {
		if o.Pool != pool {
			continue
		}
		same++
		if oldest < 0 || o.Since.Before(m.latches[oldest].Since) {
			oldest = i
		}
	}
	if same < maxLatches {
		return -1
	}
	return oldest
}

// violated latches for a promise that was seen broken, and has a person come.
func (m *machine) violated(g Guarantee, p remedy.PoolName, id remedy.CaseID, detail string, x step) {
	l := Latch{Pool: p, Why: LatchGuarantee, Guarantee: g, Case: id, Detail: detail}
	if !m.trip(l, x) {
		return
	}
	where := "everywhere"
	if p != "" {
		where = "in pool " + string(p)
	}
	m.notify(Notice{Kind: NoticeStop, Case: id, Pool: p, Page: true, Detail: fmt.Sprintf(
		"hands off %s: a guarantee was violated (%s): %s. It stays until somebody runs `%s`", where, g, detail, ResetCommand(p))}, x)
}

// leftBehind is an end of an execution that a saved state doesn't know, which was
// gone on from since: its START is in the log that was left, and no promise was
// broken. What it did is in no case, so people are told, once for each.
func (m *machine) leftBehind(c *Case, b *ExecFinish, x step) Result {
	detail := fmt.Sprintf("an execution %s on %s ended as %s; it began before a saved state was gone on from, and that doesn't know it: look at the host", b.Token, c.Host, b.Outcome)
	if !slices.ContainsFunc(c.Events, func(e Event) bool { return e.What == detail }) {
		c = m.edit(c, x)
		c.event(x, detail)
		m.notify(Notice{Kind: NoticeStop, Case: c.ID, Pool: c.Pool, Page: true, Detail: c.ID.String() + ": " + detail}, x)
	}
	return refuse(RefusedDecided, "%s of %s: %s", b.Outcome, c.ID, detail)
}

// ResetCommand is what a person types to reset a pool's breaker, or the one for
// everything when p is empty.
func ResetCommand(p remedy.PoolName) string {
	if p == "" {
		return "warden breaker reset --comment TEXT"
	}
	return "warden breaker reset --pool " + string(p) + " --comment TEXT"
}

// admitLatched refuses what a latched breaker holds back: what warden would do
// by itself, and a person's run until they have said that they know. It is also
// what keeps a START from resting on what was there before the newest reset.
func (m *machine) admitLatched(b *ExecStart, c *Case) Result {
	if !m.learns() || b.Kind == remedy.KindUndo {
		return done(c.ID)
	}
	var l *Latch
	if all := m.latchesOn(c.Pool); b.Kind == remedy.KindManual {
		l = m.unknownLatch(c)
	} else if len(all) > 0 {
		l = &all[0]
	}
	if l != nil {
		return refuse(RefusedLatched, "the breaker is latched since %s: %s: see `warden breaker`", l.Since.Format(timeLayout), l.Detail)
	}
	reset := m.resetAt(c.Pool)
	switch {
	case reset.IsZero():
	case b.Kind == remedy.KindAct && (c.Latest == nil || !c.Latest.At.After(reset)):
		return refuse(RefusedVerdict, "the breaker was reset at %s, and nothing newer says that %s is bad", reset.Format(timeLayout), c.Host)
	case b.Kind == remedy.KindReassert && (c.Taken() == nil || !c.Taken().StartedAt.After(reset)):
		return refuse(RefusedLatched, "it was done before the breaker was reset, at %s, and is not put back since: decide by hand", reset.Format(timeLayout))
	case c.Ask != nil && !c.Ask.AskedAt.After(reset), c.Veto != nil && !c.Veto.AnnouncedAt.After(reset):
		return refuse(RefusedApproval, "the breaker was reset at %s, and what was asked or announced about %s before is void", reset.Format(timeLayout), c.ID)
	}
	return done(c.ID)
}

// broken holds a START that was just admitted against what is promised of it,
// counted once more and in another way than admission does: a mistake there
// must not stay unseen. The level is what was in force when it was admitted. It
// returns what is wrong, or nothing.
func (m *machine) broken(c *Case, p *pool, level remedy.Level, x step) (Guarantee, string) {
	e := c.Execution()
	running, lower := 0, strings.ToLower(string(c.Host))
	var out []string // the hosts that are out or may be, in lower case
	already := false // by something else than this START
	for _, q := range m.pools {
		for _, id := range q.Open {
			o := m.find(id)
			if o == nil {
				continue
			}
			host := strings.ToLower(string(o.Host))
			if o.ID != c.ID && o.Stage == remedy.StageExecuting && host == lower {
				return GuaranteeSingle, fmt.Sprintf("%s and %s are both executing on %s", o.ID, c.ID, c.Host)
			}
			if q != p {
				continue
			}
			if last := o.Execution(); o.Stage == remedy.StageExecuting && last.Outcome == "" {
				running++
			}
			if a := o.Acted(); a != nil && a.TakesOut && slices.Contains([]remedy.Stage{remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut}, o.Stage) {
				already = already || o.ID != c.ID && host == lower
				out = append(out, host)
			}
		}
	}
	limits, _ := m.limits(p.Name)
	if running > limits.MaxConcurrent {
		return GuaranteeLimits, fmt.Sprintf("%d executions run in pool %s and %d may", running, p.Name, limits.MaxConcurrent)
	}
	if e.Kind == remedy.KindUndo {
		return "", ""
	}
	if m.freeze != nil {
		return GuaranteeStop, fmt.Sprintf("%s started while frozen by %s", c.ID, m.freeze.By.Name)
	}
	for _, h := range m.holds {
		binds := h.Pool == c.Pool && (h.Host == "" || h.Host == c.Host)
		if !binds || e.Kind == remedy.KindManual && c.Manual != nil && !h.Since.After(c.Manual.At) {
			continue
		}
		return GuaranteeStop, fmt.Sprintf("%s started while held by %s", c.ID, h.By.Name)
	}
	if e.Kind == remedy.KindAct && level != remedy.LevelAuto {
		yes := c.Answer != nil && c.Answer.Approve && c.Ask != nil && x.at.Before(c.Ask.ExpiresAt)
		if !yes || level != remedy.LevelConfirm {
			return GuaranteeRung, fmt.Sprintf("%s started at %s without a person's yes", c.ID, level)
		}
	}
	if !e.TakesOut {
		return "", ""
	}
	for _, o := range p.Out {
		host := strings.ToLower(string(o.Host))
		already = already || host == lower
		out = append(out, host)
	}
	slices.Sort(out)
	n := len(slices.Compact(out))
	switch most := min(limits.MaxOut, fractionOf(limits.MaxOutFraction, p.Size.N)); {
	case n > most:
		return GuaranteeLimits, fmt.Sprintf("%d hosts of pool %s are out with %s, and %d may be", n, p.Name, c.ID, most)
	case !already && p.Size.N-n < limits.MinInService:
		return GuaranteeLimits, fmt.Sprintf("%d of %d hosts of pool %s stay in service with %s, and the floor is %d", p.Size.N-n, p.Size.N, p.Name, c.ID, limits.MinInService)
	}
	return "", ""
}

// mergeLatches is every latch of either; of two for one reason, the newer, which
// fewer have seen.
func mergeLatches(a, b []Latch) []Latch {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y Latch) int { return cmp.Or(byLatch(x, y), y.Since.Compare(x.Since)) })
	return slices.CompactFunc(all, func(x, y Latch) bool { return byLatch(x, y) == 0 })
}

// mergeResets is the newest reset of each breaker of either.
func mergeResets(a, b []Reset) []Reset {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y Reset) int { return cmp.Or(byReset(x, y), y.At.Compare(x.At)) })
	return slices.CompactFunc(all, func(x, y Reset) bool { return byReset(x, y) == 0 })
}
