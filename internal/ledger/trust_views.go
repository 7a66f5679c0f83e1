package ledger

import (
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// Reported returns the lowest level of the voters' files for an action in a
// pool: what it would be without demotions and gates.
func (l *Ledger) Reported(action remedy.ActionName, pool remedy.PoolName) remedy.Level {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.filed(action, pool)
}

// Trust returns all that is known of an action in a pool; false when no report
// names it.
func (l *Ledger) Trust(action remedy.ActionName, pool remedy.PoolName) (trust.Evidence, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if !l.m.isAsked(action, pool) {
		return trust.Evidence{}, false
	}
	return l.m.evidence(action, pool), true
}

// Trusts returns the same for every action × pool that any report names, by
// action and pool.
func (l *Ledger) Trusts() []trust.Evidence {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []trust.Evidence
	for _, at := range l.m.levels() {
		out = append(out, l.m.evidence(at.action, at.pool))
	}
	return out
}

// Demotions returns all demotions, by action and pool.
func (l *Ledger) Demotions() []trust.Demotion {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.m.demotions)
}

// Claims returns the grants that wait for a verdict, by action and pool; none
// while a voter's file is known in part only, for then nobody can judge.
func (l *Ledger) Claims() []trust.Grant {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if l.m.unread() != "" {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(l.m.grants), func(g trust.Grant) bool { return g.Judged })
}

// Unstayed returns the open cases of which a CaseStayed would be taken at the
// instant, ascending.
func (l *Ledger) Unstayed(now time.Time) []remedy.CaseID {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var out []remedy.CaseID
	if !l.m.learns() {
		return nil
	}
	for _, p := range l.m.pools {
		for _, id := range p.Open {
			if c := l.m.find(id); c != nil && l.m.unstayed(c, now) {
				out = append(out, id)
			}
		}
	}
	slices.Sort(out)
	return out
}

// Rules returns how trust is earned and lost: the strictest that any voter
// reported.
func (l *Ledger) Rules() trust.Rules {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return l.m.rules()
}

// TrustReports returns the voters' words on trust, by node.
func (l *Ledger) TrustReports() []TrustReport {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.m.trustReports)
}

// evidence gathers what is known of an action × pool.
func (m *machine) evidence(action remedy.ActionName, pool remedy.PoolName) trust.Evidence {
	e := trust.Evidence{
		Action: action, Pool: pool, Reported: m.filed(action, pool), Effective: m.effective(action, pool), Rules: m.rules(),
		Runs: trust.Runs{RunKey: trust.RunKey{Action: action, Pool: pool}},
	}
	if d := m.demotion(action, pool); d != nil {
		e.Demotion = new(*d)
	}
	if g := m.grant(action, pool); g != nil {
		e.Grant = new(*g)
	}
	var current []TrustDetector
	rungs, undo, found := 0, 0, false
	for i := range m.trustReports {
		t := &m.trustReports[i]
		rung, ok := t.find(action, pool)
		if _, waived := m.waiverIndex(t.Node); waived || !ok {
			continue
		}
		rungs++
		if rung.HasUndo {
			undo++
		}
		current = append(current, rung.Detectors...)
		k := trust.RunKey{Action: action, Pool: pool, Target: rung.Target}
		j, ok := slices.BinarySearchFunc(m.runs, k, func(r *trust.Runs, k trust.RunKey) int { return compareRunKeys(r.RunKey, k) })
		// Where files differ, the action is the one that came last.
		if ok && (!found || m.runs[j].Since.After(e.Runs.Since)) {
			e.Runs, found = *m.runs[j], true
			e.Runs.Runs = slices.Clone(e.Runs.Runs)
		}
	}
	e.HasUndo = rungs > 0 && undo == rungs
	from, to := m.recordsOf(action, pool)
	for _, r := range m.records[from:to] {
		r := copied(r)
		if slices.Contains(current, TrustDetector{Name: r.Detector, Digest: r.Digest}) {
			e.Current = append(e.Current, r)
		} else {
			e.Older = append(e.Older, r)
		}
	}
	return e
}

// copied is a record to be kept and not changed: its statements are shared, for
// they never change.
func copied(r *trust.Record) trust.Record {
	n := *r
	n.Cases, n.Moved = slices.Clone(r.Cases), slices.Clone(r.Moved)
	return n
}
