package webhook

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestEventsAreWordedSo has an event of each kind, as a receiver gets it.
func TestEventsAreWordedSo(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 11, 20, 3, minute, 0, 0, time.UTC) }
	sam := remedy.Actor{Name: "sam", Person: true}
	of := func(stage remedy.Stage, outcome remedy.Outcome, change ...func(*ledger.Case)) *ledger.Case {
		c := &ledger.Case{
			ID: 1042, Pool: "edge", Host: "web-07", Action: "drain", Detector: "canary_missing", Stage: stage, Outcome: outcome, OpenedAt: at(6), ChangedAt: at(16), Note: "PLANTED",
		}
		c.Opened = &remedy.Finding{
			Detector: c.Detector, Pool: c.Pool, Host: c.Host, At: at(11), Verdict: remedy.VerdictBad, Value: remedy.Known(0.08),
			Term: remedy.Term{Unit: "of expected canary data", Bad: 0.5, Clear: 0.8}, Window: 10 * time.Minute, For: 5 * time.Minute, BadSince: at(6), BadNow: true, Newest: at(10),
		}
		c.Plan = &remedy.Plan{Action: c.Action, Pool: c.Pool, Host: c.Host, Summary: "drain web-07", Steps: []string{"PLANTED"}, ManualHint: "PLANTED"}
		c.PlanHash = c.Plan.Hash()
		c.Ask = &ledger.Ask{PlanHash: c.PlanHash, Approvers: []string{"sam"}, AskedAt: at(12), ExpiresAt: at(32)}
		for _, f := range change {
			f(c)
		}
		return c
	}
	ran := func(outcome remedy.Outcome) func(*ledger.Case) {
		took := remedy.Unknown[bool]("")
		if outcome == remedy.OutcomeDone {
			took = remedy.Known(true)
		}
		return func(c *ledger.Case) {
			c.Answer = &ledger.CaseReply{Approve: true, By: sam, At: at(14), Reason: "PLANTED"}
			c.Executions = []ledger.Execution{{Kind: remedy.KindAct, By: sam, StartedAt: at(15), Outcome: outcome, TakesOut: true, Took: took, Output: "PLANTED", Note: "PLANTED"}}
		}
	}
	denied := func(c *ledger.Case) { c.Answer = &ledger.CaseReply{By: sam, At: at(14), Reason: "PLANTED"} }
	var out strings.Builder
	for _, tt := range []struct {
		name   string
		kind   ledger.NoticeKind
		c      *ledger.Case
		detail string
	}{
		{"complaint", ledger.NoticeComplaint, of(remedy.StageProposed, "", func(c *ledger.Case) { c.Ask = nil }), ""},
		{"question", ledger.NoticeQuestion, of(remedy.StageWaiting, ""), ""},
		{"announced", ledger.NoticeAnnounced, of(remedy.StageWaiting, "", func(c *ledger.Case) {
			c.Ask, c.Veto = nil, &ledger.Veto{Announcement: ledger.Announcement{PlanHash: c.PlanHash, For: 5 * time.Minute}, EndsAt: at(17)}
		}), ""},
		{"put off", ledger.NoticePutOff, of(remedy.StageDetected, "", func(c *ledger.Case) { c.Snooze = &ledger.Snooze{By: sam, Until: at(50)} }), ""},
		{"answered", ledger.NoticeAnswered, of(remedy.StageClosed, remedy.OutcomeDenied, denied), ""},
		{"started", ledger.NoticeStarted, of(remedy.StageExecuting, "", ran("")), ""},
		{"done", ledger.NoticeOutcome, of(remedy.StageOut, remedy.OutcomeDone, ran(remedy.OutcomeDone)), ""},
		{"failed", ledger.NoticeOutcome, of(remedy.StageClosed, remedy.OutcomeFailed, ran(remedy.OutcomeFailed)), ""},
		{"nobody knows", ledger.NoticeOutcome, of(remedy.StageExecuting, "", ran(remedy.OutcomeUnknown)), ""},
		{"expired", ledger.NoticeOutcome, of(remedy.StageClosed, remedy.OutcomeExpired), ""},
		{"forgotten", ledger.NoticeForgotten, of(remedy.StageOut, remedy.OutcomeDone, ran(remedy.OutcomeDone)), ""},
		{"common mode", ledger.NoticeStorm, nil, "9 of 40 hosts bad by canary_missing"},
		{"pool", ledger.NoticePool, nil, "the inventory of edge is blocked"},
		{"stop", ledger.NoticeStop, nil, "frozen by sam: PLANTED"},
		{"source", ledger.NoticeSource, nil, "prometheus can't be believed: PLANTED"},
		{"config", ledger.NoticeConfig, nil, "n2 has a new config"},
		{"demoted", ledger.NoticeDemoted, nil, "drain on edge was lowered to notify: PLANTED"},
		{"reviewed", ledger.NoticeReviewed, nil, "sam reviewed drain on edge: PLANTED"},
		{"label", ledger.NoticeLabel, of(remedy.StageOut, remedy.OutcomeDone, ran(remedy.OutcomeDone)), ""},
	} {
		m := chat.Message{Notice: ledger.Notice{Seq: 57, At: at(15), Kind: tt.kind, Pool: "edge", Detail: tt.detail, Page: tt.kind == ledger.NoticeStorm}, Case: tt.c, Level: remedy.LevelConfirm}
		if tt.c != nil {
			m.Notice.Case = tt.c.ID
		}
		if tt.kind == ledger.NoticeDemoted {
			m.Demotion = &trust.Demotion{Action: "drain", Pool: "edge", To: remedy.LevelNotify, From: remedy.LevelConfirm, At: at(15), By: remedy.Warden(), Why: trust.WhyWrong, Case: 1042, Reason: "PLANTED"}
		}
		body, err := newEvent(m, Cluster{Name: "prod", ID: "k3v9"}, 0).body()
		if err != nil || len(body) > maxBody || bytes.Contains(body, []byte("PLANTED")) {
			t.Errorf("%s: %v, %s", tt.name, err, body)
		}
		var pretty bytes.Buffer
		if err := json.Indent(&pretty, body, "", "  "); err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&out, "# %s\n%s\n\n", tt.name, pretty.String())
	}
	const file = "testdata/events.txt"
	golden.Check(t, flag.Lookup("update").Value.String() == "true", file, out.String())
}
