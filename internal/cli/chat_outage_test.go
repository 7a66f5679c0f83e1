package cli

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// TestDecisionsWhileSlackIsAway has Slack fail on three real daemons while
// questions are asked and answered by command: each answer counts, on all nodes,
// and afterwards Slack has one message a case that asks nothing.
func TestDecisionsWhileSlackIsAway(t *testing.T) {
	t.Parallel()
	c := newChatTrio(t)
	leader, follower := c.leader(theThree()...)
	c.poses(leader, question{host: "web-1"}, theThree()...)
	before := len(c.fake.Messages(fakeslack.Ops))
	ids := map[remedy.CaseID]bool{}
	for i, x := range []struct {
		name  string
		begin func()
	}{
		{"refused", func() { c.fake.Down(0) }},
		{"a page of HTML", func() { c.fake.Fail("", fakeslack.HTML(), -1) }},
		{"revoked", func() { c.fake.Revoke("xoxb-fake") }},
	} {
		x.begin()
		id := c.posed(leader, question{host: remedy.HostName(fmt.Sprintf("web-%d", i+2))})
		ids[id] = true
		c.eventually("the follower knows the case", func() bool { _, ok := c.nodes[follower].d.ledger.Case(id); return ok })
		c.must(follower, "deny", id.String(), "--reason", "not-now")
		if k := c.answered(id, theThree()...); k.Answer.Approve || k.Answer.By.Via != "cli" {
			t.Errorf("%s: %+v", x.name, k.Answer)
		}
		if n := len(c.fake.Messages(fakeslack.Ops)); n != before {
			t.Errorf("%s: %d messages and not %d", x.name, n, before)
		}
	}
	c.fake.Restore("xoxb-fake")
	c.fake.Heal()
	c.eventually("every case is told, and nothing is owed", func() bool {
		all := c.fake.Messages(fakeslack.Ops)
		for id := range ids {
			if !slices.ContainsFunc(all, func(m fakeslack.Message) bool { return strings.Contains(string(m.Blocks), id.String()) }) {
				return false
			}
		}
		return len(c.nodes[leader].d.ledger.PendingFor("slack")) == 0
	})
	if n := len(c.fake.Messages(fakeslack.Ops)); n > before+len(ids)+2 {
		t.Errorf("%d messages for %d cases: history, and not last states", n-before, len(ids))
	}
	for id := range ids {
		if m, ok := c.card(id); ok {
			t.Errorf("%s still asks: %s", id, m.Blocks)
		}
	}
}
