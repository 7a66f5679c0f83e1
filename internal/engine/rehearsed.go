package engine

import (
	"slices"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// rehearsed is what an answer carries that counts what was not done.
const rehearsed = " (rehearsed)"

// markRehearsed marks the answers that count actions which were only rehearsed:
// those that would read otherwise without them. The world is the one that the
// decision was taken on.
func (e *Engine) markRehearsed(d *remedy.Decision, r *round, j *judgement, p policy.Proposal, w policy.World, facts ledger.Facts, q ledger.FactsQuery, l *ledger.Ledger) {
	q.Shadow = false
	done := l.Facts(q)
	actual := e.world(r.cfg, j, done, q, r.now)
	actual.Domains, actual.Blocks = r.pools[q.Pool].domains(done, q.Host), w.Blocks
	// These are read afresh each time, and have nothing to do with it.
	actual.Clock, actual.FreezeFile, actual.SecondOpinion = w.Clock, w.FreezeFile, w.SecondOpinion
	would := policy.Decide(p, actual)
	for i := range d.Answers {
		a := &d.Answers[i]
		if b := would.Answers[i]; a.Observed != b.Observed || a.Effect != b.Effect {
			a.Observed += rehearsed
			d.Rehearsed = facts.Rehearsed
		}
	}
}

// heldOut reports whether a shadow execution holds the host out.
func heldOut(f ledger.Facts, h remedy.HostName) bool {
	_, held := slices.BinarySearch(f.ShadowOut, h)
	return held
}
