package pager

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// StateOf is what the ledger says, for the pools of the config in force. What a
// round saw is for the caller to add.
func StateOf(l *ledger.Ledger, pools []remedy.PoolName, now time.Time) State {
	st := State{
		Now: now, Labelled: map[remedy.CaseID]bool{}, Standing: map[remedy.CaseID]ledger.Standing{}, Latches: l.Breakers().Latches, Demotions: l.Demotions(),
		Waiting: map[ledger.Surface]time.Time{}, Configs: map[remedy.NodeID]string{}, Posts: l.Posts(ledger.SurfacePagerDuty),
	}
	st.Cases = casesOf(l, now, st.Posts)
	for _, c := range st.Cases {
		if c.Acted() != nil && labelled(l, c) {
			st.Labelled[c.ID] = true
		}
		if said := l.Standing(c); c.Stage == remedy.StageWaiting && said.Words != "" {
			st.Standing[c.ID] = said
		}
	}
	for _, name := range pools {
		st.Pools = append(st.Pools, l.Pool(name, now))
	}
	surfaces, _ := l.Surfaces()
	for _, s := range surfaces {
		if owed := l.PendingFor(s); len(owed) > 0 {
			st.Waiting[s] = owed[0].At
		}
	}
	for _, r := range l.Status().Reports {
		st.Configs[r.Node] = r.ConfigHash
	}
	return st
}

// casesOf are the cases that alerts and notes may be about, by id: those that are
// open, changed within a day, or have an alert.
func casesOf(l *ledger.Ledger, now time.Time, posts []ledger.Post) []*ledger.Case {
	out := slices.Concat(l.Cases(ledger.CaseFilter{Open: true}), l.Cases(ledger.CaseFilter{Since: now.Add(-keepFor)}))
	for _, p := range posts {
		if id, err := remedy.ParseCaseID(p.ID); err == nil && p.Case == 0 {
			if c, ok := l.Case(id); ok {
				out = append(out, c)
			}
		}
	}
	slices.SortFunc(out, func(a, b *ledger.Case) int { return cmp.Compare(a.ID, b.ID) })
	return slices.CompactFunc(out, func(a, b *ledger.Case) bool { return a.ID == b.ID })
}

// labelled reports whether a person has said of a case whether warden was right.
func labelled(l *ledger.Ledger, c *ledger.Case) bool {
	e, ok := l.Trust(c.Action, c.Pool)
	if !ok {
		return false
	}
	for _, r := range slices.Concat(e.Current, e.Older) {
		for i := range r.Cases {
			if r.Cases[i].Case == c.ID {
				return slices.ContainsFunc(r.Cases[i].Said, func(s trust.Statement) bool { return s.Source == trust.SourcePerson })
			}
		}
	}
	return false
}
