package ledger

import (
	"slices"
	"strings"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// against is a person's word that the detector is wrong about a case, or about the
// one before it, the newest one that counts; nil where nobody says so, or where all who
// approved did so after it. Nothing is done on the detector's word against it: what a
// gate or a limit can't see, they have.
func (m *machine) against(c *Case) *Objection {
	last := newest(m.objections(c))
	if last == nil {
		return nil
	}
	yes := c.Approved()
	if len(yes) > 0 && !slices.ContainsFunc(yes, func(a CaseReply) bool { return !a.At.After(last.At) }) {
		return nil
	}
	return last
}

// opposes is a word that keeps warden from doing anything more on a case by
// itself. What a person asked for by hand is no detector's, and nil.
func (m *machine) opposes(c *Case) *Objection {
	if c.Manual != nil {
		return nil
	}
	return m.against(c)
}

// Against returns the word of a person that keeps warden from acting on the case:
// they say that its detector is wrong about it, or about the one before it, and nobody
// approved since.
func (l *Ledger) Against(c *Case) (Objection, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if w := l.m.against(c); w != nil {
		return *w, true
	}
	return Objection{}, false
}

// Words are the words of wrong that are kept against the host and action of a case, by
// speaker and case, also those that bind nothing at present.
func (l *Ledger) Words(c *Case) []Objection {
	l.mu.RLock()
	defer l.mu.RUnlock()
	var all []Objection
	for _, w := range l.m.findPool(c.Pool).wordsOn(c.Host, c.Action) {
		all = append(all, w.Objection)
	}
	return all
}

// repeats reports whether a speaker says once more what they said last. Who says
// wrong again after somebody said yes has said something new: that they heard the
// yes, and that it is wrong all the same.
//
// The yes is that to an open case that the word binds, which may be a later one.
func (m *machine) repeats(c *Case, last *trust.Statement, said trust.Statement) bool {
	if last == nil || !said.Repeats(*last) {
		return false
	}
	yes := m.subjects(c)
	if len(yes) == 0 {
		yes = []*Case{c}
	}
	return said.Label != trust.Wrong || !slices.ContainsFunc(yes, func(c *Case) bool {
		return slices.ContainsFunc(c.Approved(), func(a CaseReply) bool { return a.At.After(last.At) })
	})
}

// voidYes takes back what was approved before somebody said that the detector is
// wrong about the case. The question stays: who knows better says yes again. It
// returns what it did in words that go on a line, or nothing. The case is an
// editable copy.
func (m *machine) voidYes(c *Case, x step) string {
	if c.Stage != remedy.StageWaiting || c.Ask == nil || c.Ask.ByHand || c.Answer == nil && len(c.Approvals) == 0 {
		return ""
	}
	w := m.against(c)
	if w == nil {
		return ""
	}
	var names []string
	for _, a := range c.Approved() {
		names = append(names, a.By.Name)
	}
	c.Answer, c.Approvals = nil, nil
	void := "the yes of " + strings.Join(names, " and ") + " counts no more"
	c.event(x, void+": "+w.By+" says that the detector is wrong")
	return "; " + void
}

// justSaid reports whether a word against the case is of this very instant: a yes
// of that instant could not be told from one that was given before.
func (m *machine) justSaid(c *Case, x step) bool {
	w := m.against(c)
	return w != nil && !c.Ask.ByHand && !x.at.After(w.At)
}
