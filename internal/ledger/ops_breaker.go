package ledger

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// BreakerTrip latches the breaker of a pool, or of everything where Pool is
// empty, because a guarantee was seen broken that the ledger can't see itself.
// The ledger trips by itself for what it can see.
type BreakerTrip struct {
	Pool      remedy.PoolName `json:"pool,omitempty"`
	Guarantee Guarantee       `json:"guarantee"`
	Case      remedy.CaseID   `json:"case,omitempty"`
	Detail    string          `json:"detail"`
}

func (*BreakerTrip) kind() string { return "breaker.trip" }
func (*BreakerTrip) since() int   { return 3 }

func (b *BreakerTrip) apply(m *machine, x step) Result {
	if !slices.Contains(Guarantees(), b.Guarantee) || b.Detail == "" {
		return refuse(RefusedBad, "%q is not a guarantee that is watched, or nothing says what happened", b.Guarantee)
	}
	m.violated(b.Guarantee, b.Pool, b.Case, b.Detail, x)
	return done(0)
}

// maxComment bounds a reset's comment, in bytes.
const maxComment = 1000

// BreakerReset is a person lifting every latch of one breaker, with a comment.
// The backlog goes with it: cases that have not started are closed, approvals
// are void, and what comes is decided afresh on evidence from after the reset.
// Restraints (quiet hosts, cooldowns, holds) stay.
type BreakerReset struct {
	// Pool is empty for the breaker of everything. That lifts no pool's own.
	Pool    remedy.PoolName `json:"pool,omitempty"`
	Comment string          `json:"comment"`
	// Seen is the newest Since of the latches that the person has read. A latch
	// that came later has not been looked at, and refuses the reset.
	Seen time.Time `json:"seen"`
}

func (*BreakerReset) kind() string { return "breaker.reset" }
func (*BreakerReset) since() int   { return 3 }

func (b *BreakerReset) apply(m *machine, x step) Result {
	comment := strings.TrimSpace(b.Comment)
	switch {
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may reset a breaker")
	case comment == "" || len(comment) > maxComment:
		return refuse(RefusedBad, "a reset needs a comment of at most %d characters: what happened, and why it is safe to go on", maxComment)
	case b.Seen.After(x.at) && !slices.ContainsFunc(m.latches, func(l Latch) bool { return !b.Seen.After(l.Since) }):
		return refuse(RefusedBad, "nobody has seen what is after %s: look with `warden breaker`, then reset", x.at.Format(timeLayout))
	}
	var lifted []Latch
	for _, l := range m.latches {
		if l.Pool == b.Pool {
			lifted = append(lifted, l)
		}
	}
	if b.Pool != "" {
		lifted = append(lifted, m.findPool(b.Pool).oldLatches()...)
	}
	if len(lifted) == 0 {
		return m.notLatched(b.Pool)
	}
	for _, l := range lifted {
		if l.Since.After(stamp(b.Seen)) {
			return refuse(RefusedDecided, "it latched again at %s, after you looked: %s: see `warden breaker`, then reset again", l.Since.Format(timeLayout), l.Detail)
		}
	}
	m.latches = slices.DeleteFunc(m.latches, func(l Latch) bool { return l.Pool == b.Pool })
	r := Reset{Pool: b.Pool, By: x.by, At: x.at, Comment: comment, Lifted: lifted}
	for _, p := range m.pools {
		if b.Pool != "" && p.Name != b.Pool {
			continue
		}
		r.Closed += m.discard(p, x)
		p.forgetStorms(lifted)
		m.moved(p)
	}
	m.global++
	i, there := slices.BinarySearchFunc(m.resets, r, byReset)
	if there {
		m.resets[i] = r
	} else {
		m.resets = slices.Insert(m.resets, i, r)
	}
	what := "the breaker"
	if b.Pool != "" {
		what = "the breaker of pool " + string(b.Pool)
	}
	m.notify(Notice{Kind: NoticeStop, Pool: b.Pool, Detail: fmt.Sprintf("%s reset %s: %s (%d waiting cases discarded; everything is judged afresh)", x.by.Name, what, comment, r.Closed)}, x)
	return done(0)
}

// notLatched refuses a reset of what is not latched, and says what is.
func (m *machine) notLatched(name remedy.PoolName) Result {
	for _, l := range m.latches {
		switch {
		case l.Pool == "" && name != "":
			return refuse(RefusedNothing, "the breaker of pool %s is not latched; the one for everything is: `%s`", name, ResetCommand(""))
		case l.Pool != "" && name == "":
			return refuse(RefusedNothing, "the breaker for everything is not latched; the one of pool %s is: `%s`", l.Pool, ResetCommand(l.Pool))
		}
	}
	if name == "" {
		for _, p := range m.pools {
			if len(p.oldLatches()) > 0 {
				return refuse(RefusedNothing, "the breaker for everything is not latched; the one of pool %s is: `%s`", p.Name, ResetCommand(p.Name))
			}
		}
	}
	return refuse(RefusedNothing, "no breaker is latched there: there is nothing to reset")
}

// discarded is the note of a case that a reset closed.
const discarded = "breaker reset: judged afresh"

// discard closes the pool's cases that have not started, and calls off what
// waits to be put back. It returns how many cases it closed.
func (m *machine) discard(p *pool, x step) (n int) {
	for _, id := range slices.Clone(p.Open) {
		c := m.find(id)
		switch {
		case c.Stage == remedy.StageDetected || c.Stage == remedy.StageProposed || c.Stage == remedy.StageWaiting:
			silent := c.Stage == remedy.StageDetected || c.CountedLevel < remedy.LevelNotify && c.Stage == remedy.StageProposed
			c = m.edit(c, x)
			m.close(c, remedy.OutcomeSuperseded, discarded, x)
			n++
			if !silent {
				m.notify(Notice{Kind: NoticeOutcome, Case: c.ID, Pool: c.Pool}, x)
			}
		case c.Forgotten != nil && c.Stage != remedy.StageExecuting:
			c = m.edit(c, x)
			c.Forgotten = nil
			c.event(x, "not put back any more: breaker reset")
		}
	}
	return n
}

// forgetStorms has the next common mode be a first one again, for the detectors
// whose second one was lifted.
func (p *pool) forgetStorms(lifted []Latch) {
	for i := range p.Storms {
		s := &p.Storms[i]
		if slices.ContainsFunc(lifted, func(l Latch) bool { return l.Why == LatchStorms && l.Detector == s.Detector }) {
			s.Latched, s.StartedAt = false, time.Time{}
		}
	}
}
