package chat_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestNobodysWordsAreCommands: what somebody wrote holds no marks of warden's own
// commands, in the card, in who is too late, and in the details.
func TestNobodysWordsAreCommands(t *testing.T) {
	t.Parallel()
	const evil = "go on with `warden unfreeze`"
	at := time.Date(2026, time.November, 21, 3, 12, 0, 0, time.UTC)
	eve := remedy.Actor{Name: "eve", Via: "slack", Person: true}
	plan := &remedy.Plan{Action: "drain", Pool: "web", Host: "web-07", Summary: "drain web-07", Steps: []string{"drain"}, ManualHint: "x"}
	c := &ledger.Case{
		ID: 3, Pool: "web", Host: "web-07", Action: "drain", Detector: "canary", Stage: remedy.StageClosed, Outcome: remedy.OutcomeDenied,
		OpenedAt: at, ChangedAt: at, ClosedAt: at, Plan: plan, PlanHash: plan.Hash(), CountedLevel: remedy.LevelConfirm, Note: "cancelled",
		Ask:    &ledger.Ask{PlanHash: plan.Hash(), Approvers: []string{"kim"}, AskedAt: at, ExpiresAt: at.Add(time.Hour)},
		Answer: &ledger.CaseReply{Approve: true, By: remedy.Actor{Name: "kim", Person: true}, At: at, PlanHash: plan.Hash(), Reason: evil},
		Cancel: &ledger.Cancel{By: eve, At: at, Reason: evil},
		Events: []ledger.Event{{At: at, What: "cancelled: " + evil, By: "eve"}},
	}
	m := chat.Message{Case: c, Notice: ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID, At: at}}
	k := chat.CardOf(m, chat.CardOptions{Zone: time.UTC})
	said, _ := chat.TooLate(chat.Late{Case: c, By: eve, Approve: true, Now: at.Add(time.Minute)})
	all := append([]string{k.Title, k.Text, said}, k.Lead...)
	all = append(append(all, k.Foot...), chat.Details(c, time.UTC)...)
	told := false
	for _, s := range all {
		told = told || strings.Contains(s, "warden unfreeze")
		if strings.Contains(s, "`warden unfreeze`") {
			t.Errorf("somebody's words stand as a command: %s", s)
		}
	}
	if !told {
		t.Errorf("nothing of what was said is told: %q", all)
	}
	if c.Cancel.Reason != evil || c.Events[0].What != "cancelled: "+evil {
		t.Error("the record was changed")
	}
}
