package ledger

import (
	"slices"
	"strings"

	"warden/internal/remedy"
)

// CaseSpare commits that another hand put a host back on some of the load
// balancers that the case took it out on. From then on what is there is that
// hand's: an undo leaves it alone, even where the host is out again.
type CaseSpare struct {
	Case remedy.CaseID `json:"case"`
	// Balancers are those where the host was seen back.
	Balancers []string `json:"balancers"`
	// Note is told to people, once.
	Note string `json:"note,omitempty"`
}

func (*CaseSpare) kind() string { return "case.spare" }

func (b *CaseSpare) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case c.Stage != remedy.StageVerifying && c.Stage != remedy.StageOut:
		return refuse(RefusedStage, "%s is %s: nothing that it did can be put back by another hand", c.ID, c.Stage)
	case c.Taken() == nil:
		return refuse(RefusedStage, "%s did nothing", c.ID)
	}
	fresh := slices.DeleteFunc(slices.Clone(b.Balancers), func(name string) bool { return !named(c.Taken().Ours(), name) })
	if len(fresh) == 0 {
		return done(c.ID)
	}
	c = m.edit(c, x)
	c.Taken().spare(fresh)
	c.event(x, "put back by another hand on "+strings.Join(fresh, ", "))
	m.notify(Notice{Kind: NoticePool, Case: c.ID, Pool: c.Pool, Detail: b.Note}, x)
	return done(c.ID)
}

// Ours are the load balancers where what the execution did still stands, as far
// as anybody saw, each with the state that an undo restores there. It is empty
// as well for a backend that doesn't tell its load balancers apart.
func (e *Execution) Ours() []remedy.BalancerState {
	return slices.DeleteFunc(slices.Clone(e.Balancers), func(b remedy.BalancerState) bool { return slices.Contains(e.Spared, b.Name) })
}

// spare adds load balancers of the execution to those that an undo leaves alone.
func (e *Execution) spare(names []string) {
	spared := slices.Clone(e.Spared) // the slice may be another view's
	for _, name := range names {
		if named(e.Balancers, name) {
			spared = append(spared, name)
		}
	}
	slices.Sort(spared)
	e.Spared = slices.Compact(spared)
}

// named reports whether a load balancer is among them.
func named(all []remedy.BalancerState, name string) bool {
	return slices.ContainsFunc(all, func(b remedy.BalancerState) bool { return b.Name == name })
}
