package engine

import (
	"cmp"
	"time"

	"warden/internal/remedy"
)

// turn says when a host's turn is, where not all may be acted on at once: hosts
// that were not acted on before come first, the oldest case of them foremost;
// then those whose last action is longest ago. It must be the same for real
// actions and for shadow ones, whose cases stay open where real ones are
// closed by an undo and opened anew: so once there was an action, the age of
// the case says nothing.
type turn struct {
	action remedy.ActionName
	host   remedy.HostName
	last   time.Time
	open   remedy.CaseID
}

type turnKey struct {
	action remedy.ActionName
	host   remedy.HostName
}

func (t turn) key() turnKey { return turnKey{t.action, t.host} }

func (t turn) compare(o turn) int {
	if c := t.last.Compare(o.last); c != 0 {
		return c
	}
	if t.last.IsZero() && t.open != o.open {
		return cmp.Compare(t.open, o.open)
	}
	return cmp.Compare(t.host, o.host)
}

// turns finds when each action last started on each host of a pool.
func (e *Engine) turns(pool remedy.PoolName, shadow bool) map[turnKey]time.Time {
	out := map[turnKey]time.Time{}
	for _, s := range e.Ledger.Starts(pool) {
		if shadow || !s.Shadow {
			out[turnKey{s.Action, s.Host}] = s.At // they come by time
		}
	}
	return out
}
