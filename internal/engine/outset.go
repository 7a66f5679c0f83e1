package engine

import (
	"context"
	"slices"

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
	if !p.seen {
		return nil
	}
	var set []ledger.OutFact
	var gone []remedy.HostName
	for i, h := range p.hosts {
		admin := p.admin[i]
		if p.states[i] == remedy.ServiceUnknown {
			admin = adminUnlisted
		}
		k, ok := slices.BinarySearchFunc(status.Out, h.Name, outByHost)
		switch {
		case p.states[i] == remedy.ServiceIn && ok:
			gone = append(gone, h.Name)
		case p.states[i] != remedy.ServiceIn && (!ok || status.Out[k].Admin != admin):
			set = append(set, ledger.OutFact{Host: h.Name, Admin: admin})
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
		return refusal(RefusedBackend, "the load balancer of pool %s can't be asked who is in service", pool)
	}
	// Hosts that came back are left to the next round, which sees them as well
	// and may have looked later than this.
	bodies := slices.DeleteFunc(outChanges(p, e.Ledger.Pool(pool, e.Clock.Now())), func(b ledger.Body) bool {
		o, ok := b.(*ledger.PoolOut)
		return ok && len(o.Clear) > 0
	})
	return e.commit(ctx, remedy.Warden(), bodies...)
}
