package ledger_test

import (
	"time"

	"warden/internal/ledger"
	"warden/internal/trust"
)

// labelled notes who says that the detector is wrong about the case.
func (c *caseAccount) labelled(b *ledger.CaseLabel, by string, at time.Time) {
	_, said := c.wrong[by]
	switch {
	case b.Label != trust.Wrong:
		delete(c.wrong, by)
	case !said || c.approved && c.approvedAt.After(c.wrong[by]): // said again after a yes
		if c.wrong == nil {
			c.wrong = map[string]time.Time{}
		}
		c.wrong[by] = at
	}
}

// opposed holds a START on a detector's word, and one that puts back, to what people say of it.
func (c *caseAccount) opposed(fail func(string, ...any)) {
	for who, since := range c.wrong {
		if c.ask == nil || !c.approved || !c.approvedAt.After(since) {
			fail("while %s says since %v that the detector is wrong, approved %v at %v", who, since, c.approved, c.approvedAt)
		}
	}
}
