package engine

import (
	"context"
	"slices"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// looks remembers what each backend said of a pool, so that looking at many of
// its hosts asks it once, about all of them. A nil looks asks every time.
type looks struct {
	about map[lookAt][]remedy.HostName
	seen  map[lookAt]look
}

type lookAt struct {
	action remedy.ActionName
	pool   remedy.PoolName
}

type look struct {
	hosts map[remedy.HostName]remedy.Observation
	err   error
}

// looksAt gathers the hosts of the cases that are to be looked at, so that each
// backend is asked about its own at once. The caller holds e.mu.
func (e *Engine) looksAt(open []*ledger.Case, all bool) *looks {
	l := &looks{about: map[lookAt][]remedy.HostName{}, seen: map[lookAt]look{}}
	for _, c := range open {
		due := c.Stage == remedy.StageVerifying || (all && c.Stage == remedy.StageOut)
		if c.Stage == remedy.StageExecuting {
			due = e.running[c.ID] != c.Execution().Token
		}
		at := lookAt{c.Action, c.Pool}
		if due && !slices.Contains(l.about[at], c.Host) {
			l.about[at] = append(l.about[at], c.Host)
		}
	}
	return l
}

// observeWith observes one host of an execution, and with it those that are to be
// looked at as well.
func (e *Engine) observeWith(ctx context.Context, x *execution) (map[remedy.HostName]remedy.Observation, error) {
	at, hosts := lookAt{x.c.Action, x.c.Pool}, []remedy.HostName{x.c.Host}
	together := x.looks != nil && slices.Contains(x.looks.about[at], x.c.Host)
	if together {
		if known, ok := x.looks.seen[at]; ok {
			return known.hosts, known.err
		}
		hosts = slices.Clone(x.looks.about[at])
	}
	// A name that the inventory no longer has reaches no backend.
	hosts = slices.DeleteFunc(hosts, func(h remedy.HostName) bool { return e.departed(x.c.Pool, h) })
	bounded, cancel := context.WithTimeout(ctx, x.action.Spec.Timeout)
	defer cancel()
	seen, err := x.action.Observe(bounded, x.c.Pool, hosts)
	e.took(x.action.Spec.Timeout)
	if together {
		x.looks.seen[at] = look{seen, err}
	}
	return seen, err
}

// verifyBy asks an action's own command whether its effect took.
func (e *Engine) verifyBy(ctx context.Context, ask func(context.Context, remedy.PoolName, remedy.HostName) remedy.Fact[bool], x *execution) remedy.Fact[bool] {
	if e.departed(x.c.Pool, x.c.Host) {
		return remedy.Unknown[bool](string(x.c.Host) + " left the inventory, so nothing is run on it")
	}
	bounded, cancel := clock.WithTimeout(ctx, e.Clock, x.action.Spec.Timeout)
	defer cancel()
	defer e.took(x.action.Spec.Timeout)
	return ask(bounded, x.c.Pool, x.c.Host)
}

// lists reports whether the newest round's inventory has the host. Only such a
// host is planned for or acted on.
func (e *Engine) lists(pool remedy.PoolName, host remedy.HostName) bool {
	p := e.view.Load().round.pool(pool)
	return p != nil && p.lists(host)
}

// departed reports whether the newest round has a list of the pool's hosts that
// is believed, and the host is not on it. What warden once did to a host may be looked at and
// undone while nobody can say who is in the pool, or the list has shrunk, for the host was on the list
// when it was acted on; but not once the list says that its name is no longer
// the pool's, for then it may be somebody else's.
func (e *Engine) departed(pool remedy.PoolName, host remedy.HostName) bool {
	p := e.view.Load().round.pool(pool)
	return p != nil && p.believed && !p.lists(host)
}
