package annotate

import (
	"flag"
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/golden"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// TestMarksAreWordedSo has a mark of everything that is one, as Graphite and Grafana
// get it.
func TestMarksAreWordedSo(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 11, 20, 3, minute, 0, 0, time.UTC) }
	sam := remedy.Actor{Name: "sam", Person: true}
	run := func(kind remedy.ExecutionKind, by remedy.Actor, outcome remedy.Outcome, took remedy.Fact[bool]) ledger.Execution {
		return ledger.Execution{Kind: kind, By: by, StartedAt: at(15), FinishedAt: at(16), Outcome: outcome, Took: took, TakesOut: true, Note: "PLANTED", Output: "PLANTED"}
	}
	nobody := remedy.Unknown[bool]("")
	of := func(stage remedy.Stage, outcome remedy.Outcome, all ...ledger.Execution) *ledger.Case {
		c := &ledger.Case{
			ID: 3, Pool: "edge", Host: "web-07", Action: "drain", Detector: "canary_missing", Stage: stage, Outcome: outcome, OpenedAt: at(6), ChangedAt: at(16), Executions: all, Note: "PLANTED",
			Opened: &remedy.Finding{
				Detector: "canary_missing", Pool: "edge", Host: "web-07", At: at(11), Verdict: remedy.VerdictBad, Value: remedy.Known(0.08),
				Term: remedy.Term{Unit: "of expected canary data", Bad: 0.5, Clear: 0.8}, Window: 10 * time.Minute, For: 5 * time.Minute, BadSince: at(6), BadNow: true, Newest: at(10),
			},
		}
		if stage == remedy.StageClosed {
			c.ClosedAt = at(40)
		}
		return c
	}
	act := run(remedy.KindAct, remedy.Warden(), remedy.OutcomeDone, remedy.Known(true))
	undo := run(remedy.KindUndo, sam, remedy.OutcomeDone, remedy.Known(true))
	undo.StartedAt = at(39)
	late := run(remedy.KindAct, remedy.Warden(), remedy.OutcomeUnknown, nobody)
	late.Late = remedy.OutcomeDone
	approved := of(remedy.StageOut, remedy.OutcomeDone, act)
	approved.Answer = &ledger.CaseReply{Approve: true, By: sam, Reason: "PLANTED"}
	var out strings.Builder
	show := func(name string, all []Mark) {
		fmt.Fprintf(&out, "# %s\n", name)
		for _, m := range all {
			if len(m.Text) > maxText || len(m.Data) > maxData || strings.Contains(m.Text+m.Data, "PLANTED") {
				t.Errorf("%s: %+v", name, m)
			}
			fmt.Fprintf(&out, "%s", m.At.Format(time.TimeOnly))
			if !m.Until.IsZero() {
				fmt.Fprintf(&out, " to %s", m.Until.Format(time.TimeOnly))
			}
			fmt.Fprintf(&out, "  %s\n", m.Text)
			if m.Data != "" {
				fmt.Fprintf(&out, "  %s\n", strings.ReplaceAll(m.Data, "\n", "\n  "))
			}
			fmt.Fprintf(&out, "  tags: %s\n", strings.Join(m.Tags, " "))
		}
		out.WriteByte('\n')
	}
	for _, tt := range []struct {
		name string
		c    *ledger.Case
	}{
		{"nothing was done", of(remedy.StageClosed, remedy.OutcomeExpired)},
		{"called off", of(remedy.StageDetected, "", run(remedy.KindAct, remedy.Warden(), remedy.OutcomeAborted, nobody))},
		{"by itself", of(remedy.StageOut, remedy.OutcomeDone, act)},
		{"approved", approved},
		{"by hand", of(remedy.StageOut, remedy.OutcomeDone, run(remedy.KindManual, sam, remedy.OutcomeDone, remedy.Known(true)))},
		{"did not take", of(remedy.StageOut, remedy.OutcomeUnverified, run(remedy.KindAct, remedy.Warden(), remedy.OutcomeDone, remedy.Known(false)))},
		{"partial", of(remedy.StageOut, remedy.OutcomePartial, run(remedy.KindAct, remedy.Warden(), remedy.OutcomePartial, nobody))},
		{"failed", of(remedy.StageClosed, remedy.OutcomeFailed, run(remedy.KindAct, remedy.Warden(), remedy.OutcomeFailed, nobody))},
		{"nobody knows", of(remedy.StageExecuting, "", run(remedy.KindAct, remedy.Warden(), remedy.OutcomeUnknown, nobody))},
		{"known late", of(remedy.StageOut, remedy.OutcomeDone, late)},
		{"put back after a reload", of(remedy.StageOut, remedy.OutcomeDone, act, run(remedy.KindReassert, remedy.Warden(), remedy.OutcomeDone, remedy.Known(true)))},
		{"undone", of(remedy.StageClosed, remedy.OutcomeUndone, act, undo)},
		{"put back by somebody else", of(remedy.StageClosed, remedy.OutcomeReturned, act)},
	} {
		show(tt.name+", with regions", ofCase(tt.c, []string{"warden"}, true))
		show(tt.name+", with points", ofCase(tt.c, []string{"warden"}, false))
	}
	for _, n := range []struct {
		kind   ledger.NoticeKind
		detail string
	}{
		{ledger.NoticeStop, "frozen by sam: deploy"}, {ledger.NoticeStorm, "9 of 40 hosts bad by canary_missing"}, {ledger.NoticeConfig, "n2 has a new config"},
		{ledger.NoticeReviewed, "sam reviewed drain on edge: looked"}, {ledger.NoticeSource, "prometheus can't be believed"},
	} {
		show("a notice: "+string(n.kind), []Mark{ofNotice(chat.Message{Notice: ledger.Notice{Seq: 4, At: at(15), Kind: n.kind, Pool: "edge", Detail: n.detail}}, []string{"warden"})})
	}
	const file = "testdata/marks.txt"
	golden.Check(t, *update, file, out.String())
}
