package ledger

import (
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// Night is what a morning summary is worked out from: a copy of one state, which
// stays as it is.
type Night struct {
	// Now is the committed time.
	Now time.Time
	// Cases are those that are open, or changed since the asked instant, by rising
	// id. They must not be changed.
	Cases []*Case
	// Standing is what people say against those that wait for an answer, by id; none for
	// nothing.
	Standing map[remedy.CaseID]Standing
	// Forgot is up to when closed cases may have been forgotten; zero while none was.
	Forgot time.Time
	Holds  []Hold
	Freeze *Freeze
	// Latches are what the breaker holds back.
	Latches []Latch
	Voters  []remedy.NodeID
	Reports []NodeReport
	Waivers []Waiver
	// Pools have their name, size, inventory and storms; nothing else is filled in.
	Pools []PoolStatus
	// Trust is what is known of every action × pool.
	Trust      []trust.Evidence
	Happenings []Happening
	Summaries  []Summary
}

// Night gathers what a morning summary needs to know of cases that changed since
// an instant, from one state.
func (l *Ledger) Night(since time.Time) Night {
	l.mu.RLock()
	defer l.mu.RUnlock()
	m := l.m
	n := Night{
		Now: m.time, Forgot: m.forgot, Holds: slices.Clone(m.holds), Latches: slices.Clone(m.latches),
		Voters: slices.Clone(m.voters), Reports: slices.Clone(m.reports), Waivers: slices.Clone(m.waivers),
		Happenings: slices.Clone(m.happenings), Summaries: slices.Clone(m.summaries), Standing: map[remedy.CaseID]Standing{},
	}
	if m.freeze != nil {
		n.Freeze = new(*m.freeze)
	}
	for c := range m.cases.all() {
		if c.Open() || !c.ChangedAt.Before(since) {
			n.Cases = append(n.Cases, c)
			if said := m.saidAgainst(c); c.Stage == remedy.StageWaiting && said.Words != "" {
				n.Standing[c.ID] = said
			}
		}
	}
	for _, p := range m.pools {
		n.Pools = append(n.Pools, PoolStatus{Name: p.Name, N: p.Size.N, Known: p.Size.Known, Stale: p.Size.Stale, Blocked: p.Size.Blocked, Storms: slices.Clone(p.Storms)})
	}
	for _, at := range m.levels() {
		n.Trust = append(n.Trust, m.evidence(at.action, at.pool))
	}
	return n
}
