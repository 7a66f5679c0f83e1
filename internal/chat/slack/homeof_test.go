package slack

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// A question of two is not asked again of who has answered it under another name,
// whatever their address is by now, nor of who asked for it.
func TestWhoseTurnItIs(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)
	aliases := []remedy.Alias{{Person: "fran", Unix: []string{"fran", "root-fran"}, Email: "fran@example.net"}}
	unix := func(name string) remedy.Actor { return remedy.Actor{Name: name, Via: "socket", Person: true} }
	slackAs := func(name, id string) remedy.Actor {
		return remedy.Actor{Name: name, Keys: []string{"slack:" + id, "slack:@oncall-ops", name}, Via: "slack", Person: true}
	}
	alice := slackAs("alice@example.net", "U0ALICE")
	for name, tt := range map[string]struct {
		said, opens remedy.Actor
		byHand      bool
		turn, yes   bool
	}{
		"another":             {unix("root-fran"), alice, false, true, false},
		"an alias":            {unix("root-fran"), slackAs("fran@example.net", "U0FRAN"), false, false, true},
		"another address":     {slackAs("kim@example.net", "U0KIM"), slackAs("k.new@example.net", "U0KIM"), false, false, true},
		"a group in common":   {slackAs("kim@example.net", "U0KIM"), alice, false, true, false},
		"themselves":          {alice, alice, false, false, true},
		"may be, but counts":  {unix("zoe"), alice, false, true, false},
		"who asked for it":    {slackAs("kim@example.net", "U0KIM"), alice, true, false, false},
		"no approver of this": {unix("root-fran"), unix("eve"), false, false, false},
	} {
		c := &ledger.Case{
			ID: 3, Stage: remedy.StageWaiting, PlanHash: "p",
			Ask:       &ledger.Ask{PlanHash: "p", Approvers: []string{"slack:@oncall-ops", "root-fran", "zoe"}, Needed: 3, Aliases: aliases, AskedAt: now, ByHand: tt.byHand},
			Approvals: []ledger.CaseReply{{Approve: true, By: tt.said, At: now, PlanHash: "p"}},
		}
		if tt.byHand {
			c.Manual = &ledger.ManualRun{By: alice}
		}
		if got := waitsFor(c, tt.opens); got != tt.turn {
			t.Errorf("%s: it is their turn: %t, want %t", name, got, tt.turn)
		}
		if got := approvedBy(c, tt.opens); got != tt.yes {
			t.Errorf("%s: they said yes: %t, want %t", name, got, tt.yes)
		}
	}
}
