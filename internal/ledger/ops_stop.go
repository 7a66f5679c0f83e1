package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
)

// FreezeSet stops all acting. Detection and complaining go on. A zero Until
// lasts until somebody unfreezes, and so does the freeze of a freeze file.
type FreezeSet struct {
	Reason string    `json:"reason"`
	Until  time.Time `json:"until,omitzero"`
}

func (*FreezeSet) kind() string { return "freeze.set" }

func (b *FreezeSet) apply(m *machine, x step) Result {
	if m.freeze != nil {
		// A freeze is never shortened by another one.
		longer := b.Until.IsZero() || (!m.freeze.Until.IsZero() && b.Until.After(m.freeze.Until))
		if !longer || (m.freeze.Until.IsZero() && b.Until.IsZero()) {
			return done(0)
		}
	}
	m.freeze = &Freeze{By: x.by, Reason: b.Reason, Since: x.at, Until: stamp(b.Until)}
	m.global++
	m.notify(Notice{Kind: NoticeStop, Detail: "frozen by " + x.by.Name + ": " + b.Reason}, x)
	return done(0)
}

// FreezeLift is a person ending the freeze.
type FreezeLift struct{}

func (*FreezeLift) kind() string { return "freeze.lift" }

func (*FreezeLift) apply(m *machine, x step) Result {
	switch {
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may unfreeze")
	case m.freeze == nil:
		return refuse(RefusedNothing, "not frozen: there is nothing to lift")
	}
	m.freeze = nil
	m.global++
	m.notify(Notice{Kind: NoticeStop, Detail: "unfrozen by " + x.by.Name}, x)
	return done(0)
}

// HoldSet keeps warden's hands off a host, or off a whole pool when Host is
// empty, until an instant.
type HoldSet struct {
	Pool   remedy.PoolName `json:"pool"`
	Host   remedy.HostName `json:"host,omitempty"`
	Reason string          `json:"reason"`
	Until  time.Time       `json:"until"`
}

func (*HoldSet) kind() string { return "hold.set" }

func (b *HoldSet) apply(m *machine, x step) Result {
	h := Hold{Pool: b.Pool, Host: b.Host, By: x.by, Reason: b.Reason, Since: x.at, Until: stamp(b.Until)}
	switch {
	case b.Pool == "":
		return refuse(RefusedBad, "a hold needs a pool: to stop everything, freeze")
	case !h.Until.After(x.at):
		return refuse(RefusedBad, "a hold must end in the future")
	}
	if longer := m.holdAtLeast(h, x); longer != nil {
		return refuse(RefusedDecided, "%s holds it until %s already: release it first to shorten it", longer.By.Name, longer.Until.Format(timeLayout))
	}
	return done(0)
}

// holdAtLeast sets the hold, unless there is one that lasts longer, which it
// returns: a hold is never shortened by another one.
func (m *machine) holdAtLeast(h Hold, x step) *Hold {
	i, ok := m.holdIndex(h.Pool, h.Host)
	switch {
	case ok && m.holds[i].Until.After(h.Until):
		return &m.holds[i]
	case ok:
		m.holds[i] = h
	default:
		m.holds = slices.Insert(m.holds, i, h)
	}
	m.moved(m.pool(h.Pool))
	m.notify(Notice{Kind: NoticeStop, Pool: h.Pool, Detail: "hold on " + h.what() + " by " + h.By.Name + ": " + h.Reason}, x)
	return nil
}

func (m *machine) holdIndex(p remedy.PoolName, h remedy.HostName) (int, bool) {
	return slices.BinarySearchFunc(m.holds, Hold{Pool: p, Host: h}, func(a, b Hold) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Host, b.Host))
	})
}

func (h Hold) what() string {
	if h.Host == "" {
		return "pool " + string(h.Pool)
	}
	return string(h.Host)
}

// hold finds what holds a host: its own hold, or its pool's; nil without one.
func (m *machine) hold(p remedy.PoolName, h remedy.HostName) *Hold {
	for _, host := range []remedy.HostName{h, ""} {
		if i, ok := m.holdIndex(p, host); ok {
			return &m.holds[i]
		}
	}
	return nil
}

// HoldRelease is a person ending a hold.
type HoldRelease struct {
	Pool remedy.PoolName `json:"pool"`
	Host remedy.HostName `json:"host,omitempty"`
}

func (*HoldRelease) kind() string { return "hold.release" }

func (b *HoldRelease) apply(m *machine, x step) Result {
	if !x.by.Person {
		return refuse(RefusedPerson, "only a person may release a hold")
	}
	i, ok := m.holdIndex(b.Pool, b.Host)
	if !ok {
		return refuse(RefusedNothing, "%s is not held: there is nothing to release", Hold{Pool: b.Pool, Host: b.Host}.what())
	}
	what := m.holds[i].what()
	m.holds = slices.Delete(m.holds, i, i+1)
	m.moved(m.pool(b.Pool))
	m.notify(Notice{Kind: NoticeStop, Pool: b.Pool, Detail: what + " released by " + x.by.Name}, x)
	return done(0)
}

// RestraintExpire ends a freeze or a hold whose time has come. Restraints end
// by this committed operation only, never by the passing of time alone.
type RestraintExpire struct {
	Freeze bool            `json:"freeze,omitempty"`
	Pool   remedy.PoolName `json:"pool,omitempty"`
	Host   remedy.HostName `json:"host,omitempty"`
}

func (*RestraintExpire) kind() string { return "restraint.expire" }

func (b *RestraintExpire) apply(m *machine, x step) Result {
	if b.Freeze {
		if m.freeze == nil || m.freeze.Until.IsZero() || m.freeze.Until.After(x.at) {
			return refuse(RefusedStage, "the freeze has not expired")
		}
		m.freeze = nil
		m.global++
		m.notify(Notice{Kind: NoticeStop, Detail: "the freeze has expired"}, x)
		return done(0)
	}
	i, ok := m.holdIndex(b.Pool, b.Host)
	if !ok || m.holds[i].Until.After(x.at) {
		return refuse(RefusedStage, "the hold has not expired")
	}
	what := m.holds[i].what()
	m.holds = slices.Delete(m.holds, i, i+1)
	m.moved(m.pool(b.Pool))
	m.notify(Notice{Kind: NoticeStop, Pool: b.Pool, Detail: "the hold on " + what + " has expired"}, x)
	return done(0)
}

// NoticeReceipt says that the console has told all notices up to a sequence
// number.
type NoticeReceipt struct {
	Upto uint64 `json:"upto"`
}

func (*NoticeReceipt) kind() string { return "notice.receipt" }

func (b *NoticeReceipt) apply(m *machine, x step) Result {
	m.told(SurfaceConsole, func(n Notice) bool { return n.Seq <= b.Upto }, x)
	return done(0)
}

// NoticeAdd adds a notice that is not about a change of the ledger itself,
// such as a source that went blind.
type NoticeAdd struct {
	Kind   NoticeKind      `json:"kind"`
	Pool   remedy.PoolName `json:"pool,omitempty"`
	Case   remedy.CaseID   `json:"case,omitempty"`
	Page   bool            `json:"page,omitempty"`
	Detail string          `json:"detail"`
	// Source is the source that it is about, which can't be believed from now on
	// where Blind is set, and can again where it isn't.
	Source remedy.SourceName `json:"source,omitempty"`
	Blind  bool              `json:"blind,omitempty"`
}

func (*NoticeAdd) kind() string { return "notice.add" }

func (b *NoticeAdd) since() int {
	if b.Source != "" || b.Blind {
		return 3
	}
	return 1
}

func (b *NoticeAdd) apply(m *machine, x step) Result {
	if b.Source != "" {
		m.sawSource(b.Source, b.Blind, b.Detail, x)
	}
	m.notify(Notice{Kind: b.Kind, Pool: b.Pool, Case: b.Case, Page: b.Page, Detail: b.Detail}, x)
	return done(b.Case)
}
