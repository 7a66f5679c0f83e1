package webhook

import (
	"strings"
	"testing"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestNobodysReasonsGoOut: an event says what happened and not what somebody said
// of it, whatever kind it is of and however its case ended.
func TestNobodysReasonsGoOut(t *testing.T) {
	t.Parallel()
	const said = "customer ACME is suing us"
	goes := func(m chat.Message) string {
		t.Helper()
		b, err := newEvent(m, Cluster{Name: "prod", ID: "x"}, 0).body()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(b), "ACME") {
			t.Errorf("%s", b)
		}
		return string(b)
	}
	for detail, want := range map[string]string{
		"W-3 is approved and waits: freeze: frozen by kim: " + said: "W-3 is approved and waits",
		"frozen by kim: " + said:                                    "rozen by kim",
		"hold on web-07 by kim: " + said:                            "old on web-07 by kim",
		"kim reviewed drain on edge: " + said + "; and more":        "eviewed drain on edge",
		"n2 no longer counts, waived by kim: " + said + " moved":    "waived by kim",
		"kim reset the breaker of all pools: " + said + " (3 ...)":  "reset the breaker",
	} {
		stop := chat.Message{Notice: ledger.Notice{Seq: 1, Kind: ledger.NoticeStop, Case: 3, Detail: detail}, Case: &ledger.Case{ID: 3, Pool: "edge", Host: "web-07", Action: "drain", Stage: remedy.StageWaiting}}
		if got := goes(stop); !strings.Contains(got, "W-3") {
			t.Errorf("of a case: %s", got)
		}
		for _, kind := range []ledger.NoticeKind{ledger.NoticeStop, ledger.NoticeReviewed, ledger.NoticeConfig, ledger.NoticeDemoted} {
			for _, pool := range []remedy.PoolName{"", "edge"} {
				if got := goes(chat.Message{Notice: ledger.Notice{Seq: 1, Kind: kind, Pool: pool, Detail: detail}}); !strings.Contains(got, want) {
					t.Errorf("%s on %q: %s, without %q", kind, pool, got, want)
				}
			}
		}
	}
	kim := remedy.Actor{Name: "kim", Person: true}
	for _, kind := range []ledger.NoticeKind{
		ledger.NoticeQuestion, ledger.NoticeAnnounced, ledger.NoticePutOff, ledger.NoticeAnswered, ledger.NoticeStarted, ledger.NoticeOutcome,
		ledger.NoticeForgotten, ledger.NoticeLabel, ledger.NoticeComplaint, ledger.NoticeDemoted,
	} {
		for _, outcome := range []remedy.Outcome{
			remedy.OutcomeDone, remedy.OutcomeFailed, remedy.OutcomeUnknown, remedy.OutcomeAborted, remedy.OutcomeDenied, remedy.OutcomeCancelled,
			remedy.OutcomeUndone, remedy.OutcomeExpired, remedy.OutcomeReturned, remedy.OutcomeUnverified, remedy.OutcomePartial,
		} {
			for _, does := range []remedy.ExecutionKind{remedy.KindAct, remedy.KindUndo, remedy.KindManual} {
				c := &ledger.Case{
					ID: 3, Pool: "edge", Host: "web-07", Action: "drain", Stage: remedy.StageClosed, Outcome: outcome, Note: said,
					Answer: &ledger.CaseReply{By: kim, Reason: said}, Manual: &ledger.ManualRun{By: kim, Reason: said},
					Executions: []ledger.Execution{{Kind: does, By: remedy.Warden(), Outcome: outcome, Note: said, Output: said}},
				}
				goes(chat.Message{
					Notice: ledger.Notice{Seq: 1, Kind: kind, Case: 3, Pool: "edge", Detail: said}, Case: c,
					Demotion: &trust.Demotion{Action: "drain", Pool: "edge", Why: trust.WhyPerson, By: kim, Reason: said},
				})
				if c.Note == "" || c.Executions[0].Note == "" {
					t.Fatal("the case itself was changed")
				}
			}
		}
	}
}
