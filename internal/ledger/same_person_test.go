package ledger_test

import (
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestOneHumanOfTwoNames holds that what may be two names of one person counts
// once, where two people have to agree, and that two people are two.
func TestOneHumanOfTwoNames(t *testing.T) {
	t.Parallel()
	inSlack := func(name, id string, more ...string) remedy.Actor {
		return remedy.Actor{Name: name, Keys: append([]string{"slack:" + id, "slack:@oncall-ops"}, more...), Via: "slack", Person: true}
	}
	onHost := func(name string) remedy.Actor {
		return remedy.Actor{Name: name, UID: 1000, Groups: []string{"ops"}, Via: "cli", Person: true}
	}
	known := []remedy.Alias{{Person: "fran", Unix: []string{"fran"}, Email: "fran@example.net"}}
	for _, tt := range []struct {
		name    string
		a, b    remedy.Actor
		aliases []remedy.Alias
		want    int
	}{
		{"a Slack user whose address changed between two taps", inSlack("fran@example.net", "U1", "fran@example.net"), inSlack("slack:U1", "U1"), nil, 1},
		{"a known one whose address changed", inSlack("fran", "U1", "fran@example.net"), inSlack("new@example.net", "U1", "new@example.net"), known, 1},
		{"two Slack users of one address", inSlack("fran@example.net", "U1", "fran@example.net"), inSlack("fran@example.net", "U2", "fran@example.net"), nil, 1},
		{"a unix user and an account of whom the config says nothing", onHost("fran"), inSlack("fran@example.net", "U1", "fran@example.net"), nil, 1},
		{"the same, known", onHost("fran"), inSlack("fran", "U1", "fran@example.net"), known, 1},
		{"the same by the address alone", onHost("fran"), inSlack("slack:U1", "U1", "fran@example.net"), known, 1},
		{"a unix user without an address in the config", onHost("fran"), inSlack("kim@example.net", "U2", "kim@example.net"), []remedy.Alias{{Person: "fran", Unix: []string{"fran", "root"}}}, 1},
		{"a known unix user and somebody else", onHost("fran"), inSlack("kim@example.net", "U2", "kim@example.net"), known, 2},
		{"a known unix user, and an account without an address", onHost("fran"), inSlack("slack:U1", "U1"), known, 1},
		{"two of one user group", inSlack("fran@example.net", "U1", "fran@example.net"), inSlack("kim@example.net", "U2", "kim@example.net"), nil, 2},
		{"two unix users", onHost("fran"), onHost("kim"), nil, 2},
	} {
		for range 2 {
			c := &ledger.Case{PlanHash: "p", Ask: &ledger.Ask{PlanHash: "p", Approvers: []string{"@ops", "slack:@oncall-ops"}, Needed: 2, Aliases: tt.aliases}}
			for _, by := range []remedy.Actor{tt.a, tt.b} {
				c.Approvals = append(c.Approvals, ledger.CaseReply{Approve: true, By: by, PlanHash: "p"})
			}
			if n := len(c.Approved()); n != tt.want {
				t.Errorf("%s: they count as %d people, want %d", tt.name, n, tt.want)
			}
			c.Ask.ByHand, c.Manual, c.Approvals = true, &ledger.ManualRun{By: tt.a}, c.Approvals[1:]
			if n := len(c.Approved()); n != tt.want-1 {
				t.Errorf("%s: asked for by the one, the other counts as %d, want %d", tt.name, n, tt.want-1)
			}
			tt.a, tt.b = tt.b, tt.a
		}
	}
}
