package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"warden/internal/remedy"
)

// check holds a restored machine to what every operation relies on: records in
// order, each once, and cases that fit their stage and their pool. A snapshot
// that doesn't is not one that any build wrote.
func (m *machine) check() error {
	if !rising(m.voters, cmp.Compare[remedy.NodeID]) || !rising(m.invited, cmp.Compare[remedy.NodeID]) ||
		!rising(m.reports, func(a, b NodeReport) int { return cmp.Compare(a.Node, b.Node) }) ||
		!rising(m.holds, func(a, b Hold) int { return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Host, b.Host)) }) ||
		!rising(m.pools, func(a, b *pool) int { return cmp.Compare(a.Name, b.Name) }) ||
		!rising(m.notices, func(a, b Notice) int { return cmp.Compare(a.Seq, b.Seq) }) ||
		!rising(m.counters, func(a, b counter) int { return cmp.Compare(a.Key, b.Key) }) {
		return errors.New("its records are out of order")
	}
	if !rising(m.waivers, func(a, b Waiver) int { return cmp.Compare(a.Node, b.Node) }) {
		return errors.New("its waivers are out of order")
	}
	if !rising(m.latches, byLatch) || !rising(m.resets, byReset) {
		return errors.New("its latches are out of order")
	}
	for _, w := range m.waivers {
		if _, voter := slices.BinarySearch(m.voters, w.Node); !voter {
			return fmt.Errorf("it has a waiver of %s, which is not a voter", w.Node)
		}
	}
	for _, r := range m.reports {
		if _, voter := slices.BinarySearch(m.voters, r.Node); !voter {
			return fmt.Errorf("it has a report of %s, which is not a voter", r.Node)
		}
	}
	if err := m.checkTalk(); err != nil {
		return err
	}
	if err := m.checkTrust(); err != nil {
		return err
	}
	last := remedy.CaseID(0)
	for c := range m.cases.all() {
		if c.ID <= last {
			return errors.New("its cases are out of order")
		}
		last = c.ID
	}
	for c := range m.cases.all() {
		if c.Question() > m.lastNotice {
			return fmt.Errorf("the question of %s was told by notice %d, and the last is %d", c.ID, c.Question(), m.lastNotice)
		}
	}
	if last > m.lastCase {
		return fmt.Errorf("%s is beyond the last case, %s", last, m.lastCase)
	}
	if n := len(m.notices); n > 0 && m.notices[n-1].Seq > m.lastNotice {
		return fmt.Errorf("notice %d is beyond the last, %d", m.notices[n-1].Seq, m.lastNotice)
	}
	listed := 0
	for _, p := range m.pools {
		if err := m.checkPool(p); err != nil {
			return err
		}
		listed += len(p.Open)
	}
	open := 0
	for c := range m.cases.all() {
		if err := c.check(); err != nil {
			return err
		}
		if c.Open() {
			open++
		}
	}
	if open != listed {
		return fmt.Errorf("%d cases are open and the pools list %d", open, listed)
	}
	return nil
}

// checkPool holds a pool's own lists to their order, and its open cases to
// being cases of its own that are open.
func (m *machine) checkPool(p *pool) error {
	if !rising(p.Open, cmp.Compare[remedy.CaseID]) ||
		!rising(p.Words, compareWords) ||
		!rising(p.Out, func(a, b OutFact) int { return cmp.Compare(a.Host, b.Host) }) ||
		!rising(p.Storms, func(a, b StormState) int { return cmp.Compare(a.Detector, b.Detector) }) ||
		!slices.IsSortedFunc(p.Starts, func(a, b Start) int { return a.At.Compare(b.At) }) {
		return fmt.Errorf("the records of pool %s are out of order", p.Name)
	}
	for _, w := range p.Words {
		if w.Until.IsZero() && !m.isAbout(p, &w) {
			return fmt.Errorf("what %s says of %s, which is not open, would stand without end", w.By, w.About)
		}
	}
	for _, id := range p.Open {
		if c := m.find(id); c == nil || !c.Open() || c.Pool != p.Name {
			return fmt.Errorf("pool %s lists %s, which is not an open case of it", p.Name, id)
		}
	}
	return nil
}

// check holds a case to what its stage needs.
func (c *Case) check() error {
	if !slices.Contains(remedy.Stages(), c.Stage) {
		return fmt.Errorf("%s is at stage %q, which nobody knows", c.ID, c.Stage)
	}
	acted := c.Stage == remedy.StageExecuting || c.Stage == remedy.StageVerifying || c.Stage == remedy.StageOut
	if acted && c.Acted() == nil {
		return fmt.Errorf("%s is %s and has no execution", c.ID, c.Stage)
	}
	return c.checkWaiting()
}

// rising reports whether every element is greater than the one before it.
func rising[T any](all []T, compare func(a, b T) int) bool {
	for i := 1; i < len(all); i++ {
		if compare(all[i-1], all[i]) >= 0 {
			return false
		}
	}
	return true
}
