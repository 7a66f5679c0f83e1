package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// adminUnlisted is what the out-set says of a host that the load balancer
// does not know, or can't tell the state of. Nobody knows that it takes
// traffic, so the floor and the out-slots count it as out.
const adminUnlisted = "unknown"

// outPerOp bounds the hosts in one operation, so that an entry stays small
// when a whole fleet changes at once.
const outPerOp = 1000

// outChanges is how the observed out-set differs from the committed one. What
// could not be observed stays as it was, and so do hosts that an inventory
// which isn't believed no longer lists.
func outChanges(p *poolRound, status ledger.PoolStatus) []ledger.Body {
	if !p.seen || p.outdated {
		return nil
	}
	var set []ledger.OutFact
	var gone []remedy.HostName
	for i, h := range p.hosts {
		admin := p.admin[i]
		if p.states[i] == remedy.ServiceUnknown {
			admin = adminUnlisted
		}
		domain := ledger.Domain(status.DomainLabel, h.Labels[status.DomainLabel])
		k, ok := slices.BinarySearchFunc(status.Out, h.Name, outByHost)
		switch {
		case p.states[i] == remedy.ServiceIn && !p.half[i] && ok:
			gone = append(gone, h.Name)
		case (p.states[i] != remedy.ServiceIn || p.half[i]) && (!ok || status.Out[k].Admin != admin || status.Out[k].Domain != domain):
			set = append(set, ledger.OutFact{Host: h.Name, Admin: admin, Domain: domain})
		}
	}
	if p.believed {
		for _, o := range status.Out {
			if !p.lists(o.Host) {
				gone = append(gone, o.Host)
			}
		}
	}
	// Who is out comes first: between two entries the ledger may think too few
	// are in service, and never too many.
	var bodies []ledger.Body
	for part := range slices.Chunk(set, outPerOp) {
		bodies = append(bodies, &ledger.PoolOut{Pool: p.name, Set: part})
	}
	for part := range slices.Chunk(gone, outPerOp) {
		bodies = append(bodies, &ledger.PoolOut{Pool: p.name, Clear: part})
	}
	return bodies
}

// outSeen orders what was seen of each pool, so that an older look never
// undoes what a newer one committed. Its lock is held from the comparison with
// the ledger to the commit; Engine.mu, where it is held too, comes first.
type outSeen struct {
	mu lock
	// clock counts observations as they begin; newest has, for each pool, the
	// one whose out-set was committed last.
	clock  atomic.Uint64
	newest map[remedy.PoolName]uint64
}

// begin numbers an observation that is about to begin.
func (s *outSeen) begin() uint64 { return s.clock.Add(1) }

// current reports whether an observation is as new as the newest that was
// committed for the pool. The lock must be held.
func (s *outSeen) current(pool remedy.PoolName, at uint64) bool { return at >= s.newest[pool] }

// look asks the pool's load balancers now, and commits what changed since the
// newest round, so that the floor and the out-slots are counted on what is
// and not on what was. A pool that nobody can be asked about is left to the
// guardrails.
func (e *Engine) look(ctx context.Context, cfg *Config, pool remedy.PoolName) error {
	newest := e.view.Load().round.pool(pool)
	if newest == nil || len(cfg.observers(pool)) == 0 {
		return nil
	}
	p := &poolRound{name: pool, hosts: newest.hosts}
	e.observe(ctx, cfg, p)
	if !p.seen {
		return refusal(RefusedBackend, "the load balancer of pool %s can't be asked who is in service: %s", pool, p.blindness())
	}
	e.outSeen.mu.Lock()
	defer e.outSeen.mu.Unlock()
	if !e.outSeen.current(pool, p.at) {
		return nil // a newer look was committed meanwhile
	}
	e.outSeen.newest[pool] = p.at
	// Hosts that came back are left to the next round: counting one too many
	// as out is safe.
	bodies := slices.DeleteFunc(outChanges(p, e.Ledger.Pool(pool, e.Clock.Now())), func(b ledger.Body) bool {
		o, ok := b.(*ledger.PoolOut)
		return ok && len(o.Clear) > 0
	})
	return e.commit(ctx, remedy.Warden(), bodies...)
}

// blindness words which backends could not be asked, and why.
func (p *poolRound) blindness() string {
	var parts []string
	for _, name := range sorted(p.failed) {
		parts = append(parts, fmt.Sprintf("action %s: %s", name, p.failed[name]))
	}
	return strings.Join(parts, "; ")
}

// balancerNotices tells once when a load balancer can't be asked any more, and
// when it answers again.
func (e *Engine) balancerNotices(r *round) []ledger.Body {
	var bodies []ledger.Body
	r.deaf = map[remedy.PoolName]bool{}
	for _, name := range sorted(r.pools) {
		p := r.pools[name]
		r.deaf[name] = len(p.failed) > 0
		switch {
		case r.deaf[name] == e.deaf[name]:
		case r.deaf[name]:
			bodies = append(bodies, &ledger.NoticeAdd{Kind: ledger.NoticePool, Pool: name, Detail: "its load balancer can't be asked who is in service, so nothing is started (" + p.blindness() + ")"})
		default:
			bodies = append(bodies, &ledger.NoticeAdd{Kind: ledger.NoticePool, Pool: name, Detail: "its load balancer answers again"})
		}
	}
	return bodies
}
