package slack

import (
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Sample is one thing to show: a case in a state, or a notice that is about none.
type Sample struct {
	// Name is the message's kind in a word, such as "question".
	Name string
	// Case is nil for what is about none; Notice is then what is told.
	Case   *ledger.Case
	Notice ledger.Notice
	// Repeat is how many complaints about the host there were; 0 for one.
	Repeat int
	// Morning is what a summary says; nil for what is none.
	Morning *chat.Morning
	// Incident is PagerDuty's about the case's host; nil for none.
	Incident *chat.Incident
}

// Message is what a courier would be given.
func (s Sample) Message() chat.Message {
	m := chat.Message{Notice: s.Notice, Case: s.Case, Incident: s.Incident, Morning: s.Morning, Level: remedy.LevelConfirm, Sure: "57 of 58 right in 90 d; at least 90.9% (95% confidence)"}
	if c := s.Case; c != nil {
		m.Notice = ledger.Notice{Kind: ledger.NoticeOutcome, Case: c.ID, Pool: c.Pool}
		if c.Ask != nil && c.Answer == nil && c.Open() {
			m.Notice.Kind = ledger.NoticeQuestion
		}
		if c.CountedLevel != 0 {
			m.Level = c.CountedLevel
		}
	}
	m.Notice.At = sampleTime(3, 12, 5)
	return m
}

func sampleTime(hour, minute, second int) time.Time {
	return time.Date(2026, 11, 20, hour, minute, second, 0, time.UTC)
}

func samplePerson(name string) remedy.Actor {
	return remedy.Actor{Name: name, Via: "slack", Person: true}
}

func sampleRun(kind remedy.ExecutionKind, o remedy.Outcome, output string) ledger.Execution {
	x := ledger.Execution{
		Token: remedy.Token{Term: 2, Index: 40}, Attempt: 1, Kind: kind, By: samplePerson("sam"), StartedAt: sampleTime(3, 15, 0), StartWithin: 30 * time.Second, RunWithin: time.Minute,
		TakesOut: true, Outcome: o, Output: output,
	}
	if o != "" {
		x.FinishedAt = sampleTime(3, 15, 2)
	}
	if o == remedy.OutcomeDone {
		x.Took, x.TookAt = remedy.Known(true), sampleTime(3, 16, 20)
	}
	return x
}

// sampleQuestion is W-3, which asks to drain web-07.
func sampleQuestion() *ledger.Case {
	plan := &remedy.Plan{
		Action: "drain", Pool: "edge", Host: "web-07", Steps: []string{"set server edge/web-07 state drain"}, UndoSteps: []string{"set server edge/web-07 state ready"},
		Summary: "drain web-07 in HAProxy backend edge", ManualHint: "enc remove edge web-07",
	}
	f := &remedy.Finding{
		Detector: "canary_missing", Pool: "edge", Host: "web-07", At: sampleTime(3, 11, 0), Verdict: remedy.VerdictBad, Value: remedy.Known(0.08),
		Term: remedy.Term{Unit: "of expected canary data", Bad: 0.5, Clear: 0.8}, Window: 10 * time.Minute, For: 5 * time.Minute, BadSince: sampleTime(3, 6, 0), BadNow: true, Newest: sampleTime(3, 10, 50), Points: 20,
	}
	allow := func(g, observed, limit string) remedy.Answer {
		return remedy.Answer{Guardrail: g, Effect: remedy.EffectAllow, Cap: remedy.LevelAuto, Observed: observed, Limit: limit}
	}
	return &ledger.Case{
		ID: 3, Pool: "edge", Host: "web-07", Action: "drain", Detector: "canary_missing", Stage: remedy.StageWaiting, OpenedAt: sampleTime(3, 11, 30), ChangedAt: sampleTime(3, 12, 0),
		Opened: f, Latest: f, Plan: plan, PlanHash: plan.Hash(),
		Decision: &remedy.Decision{Level: remedy.LevelConfirm, Effective: remedy.LevelConfirm, WouldAct: true, Answers: []remedy.Answer{
			allow("freeze", "not frozen", ""), allow("common_mode", "1 of 10 bad", "2 (20 %)"), allow("pool_floor", "9 of 10 in service after this", "floor 6"), allow("max_out", "1 of 10 out after this", "2"),
		}},
		Ask:    &ledger.Ask{PlanHash: plan.Hash(), Approvers: []string{"slack:@oncall-ops", "fran"}, AskedAt: sampleTime(3, 12, 0), ExpiresAt: sampleTime(3, 32, 0)},
		Events: []ledger.Event{{At: sampleTime(3, 11, 30), What: "detected"}, {At: sampleTime(3, 12, 0), What: "asked"}},
	}
}

// Samples are every message that people see, each time anew: the first is a case
// that asks, and the others what becomes of such a one. The golden files show how
// they look, and `warden chat preview` with somebody's own settings.
func Samples() []Sample {
	q := sampleQuestion()
	with := func(change func(*ledger.Case)) *ledger.Case {
		n := *q
		change(&n)
		return &n
	}
	yes := func(n *ledger.Case) {
		n.Answer = &ledger.CaseReply{Approve: true, By: samplePerson("sam"), At: sampleTime(3, 14, 0), PlanHash: n.PlanHash}
	}
	closed := func(o remedy.Outcome, note string) func(*ledger.Case) {
		return func(n *ledger.Case) {
			n.Stage, n.Outcome, n.Note, n.ClosedAt = remedy.StageClosed, o, note, sampleTime(3, 32, 0)
		}
	}
	bare := func(n *ledger.Case) { n.Ask = nil; n.CountedLevel = remedy.LevelNotify; n.Stage = remedy.StageProposed }
	paged := &chat.Incident{ID: "Q2K5M8XW3T", Link: "https://acme.pagerduty.com/incidents/Q2K5M8XW3T"}
	return []Sample{
		{Name: "question", Case: q},
		{Name: "question_paged", Case: q, Incident: paged},
		{Name: "question_two", Case: with(func(n *ledger.Case) {
			a := *n.Ask
			a.Needed, a.Changes, a.After = 2, []string{"2 more hosts went bad (3 of 40)"}, 2
			n.Ask, n.Approvals = &a, []ledger.CaseReply{{Approve: true, By: samplePerson("fran"), At: sampleTime(3, 13, 0), PlanHash: n.PlanHash}}
		})},
		{Name: "announced", Case: with(func(n *ledger.Case) {
			n.Ask = nil
			n.Veto = &ledger.Veto{Announcement: ledger.Announcement{PlanHash: n.PlanHash, For: 5 * time.Minute, Within: 20 * time.Minute, Who: []remedy.Approver{{Match: "slack:@oncall-ops", Role: "oncall"}, {Match: "fran", Email: "fran@example.net"}}}, AnnouncedAt: sampleTime(3, 12, 0)}
		})},
		{Name: "approved", Case: with(yes)},
		{Name: "executing", Case: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Executions = remedy.StageExecuting, []ledger.Execution{sampleRun(remedy.KindAct, "", "")}
		})},
		{Name: "verifying", Case: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Executions = remedy.StageVerifying, []ledger.Execution{sampleRun(remedy.KindAct, remedy.OutcomeDone, "")}
		})},
		{Name: "done", Case: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Outcome, n.Executions = remedy.StageOut, remedy.OutcomeDone, []ledger.Execution{sampleRun(remedy.KindAct, remedy.OutcomeDone, "")}
		})},
		{Name: "done_auto", Case: with(func(n *ledger.Case) {
			x := sampleRun(remedy.KindAct, remedy.OutcomeDone, "")
			x.By = remedy.Warden()
			n.Ask, n.Stage, n.Outcome, n.Executions = nil, remedy.StageOut, remedy.OutcomeDone, []ledger.Execution{x}
		})},
		{Name: "unverified", Case: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Outcome, n.Note, n.Executions = remedy.StageOut, remedy.OutcomeUnverified, "still 8% of its traffic after 3m", []ledger.Execution{sampleRun(remedy.KindAct, remedy.OutcomeUnverified, "")}
		})},
		{Name: "failed", Case: with(func(n *ledger.Case) {
			yes(n)
			closed(remedy.OutcomeFailed, "enc: exit 1")(n)
			n.Executions = []ledger.Execution{sampleRun(remedy.KindAct, remedy.OutcomeFailed, "pushing\nremote rejected (non-fast-forward)\n")}
		})},
		{Name: "unknown", Case: with(func(n *ledger.Case) {
			yes(n)
			n.Stage, n.Executions = remedy.StageExecuting, []ledger.Execution{sampleRun(remedy.KindAct, remedy.OutcomeUnknown, "")}
		})},
		{Name: "undone", Case: with(func(n *ledger.Case) {
			yes(n)
			closed(remedy.OutcomeUndone, "")(n)
			u := sampleRun(remedy.KindUndo, remedy.OutcomeDone, "")
			u.By, u.TakesOut, u.StartedAt = samplePerson("kim"), false, sampleTime(9, 40, 0)
			n.UndoReason, n.Executions = remedy.UndoFixed, []ledger.Execution{sampleRun(remedy.KindAct, remedy.OutcomeDone, ""), u}
		})},
		{Name: "expired", Case: with(closed(remedy.OutcomeExpired, ""))},
		{Name: "stale", Case: with(closed(remedy.OutcomeStale, "2 more hosts went bad (3 of 40)"))},
		{Name: "denied", Case: with(func(n *ledger.Case) {
			n.Answer = &ledger.CaseReply{By: samplePerson("kim"), At: sampleTime(3, 14, 0), Reason: "known work"}
			closed(remedy.OutcomeDenied, "known work")(n)
		})},
		{Name: "recovered", Case: with(closed(remedy.OutcomeSelfRecovered, ""))},
		{Name: "snoozed", Case: with(func(n *ledger.Case) {
			n.Ask, n.Stage, n.Snooze = nil, remedy.StageProposed, &ledger.Snooze{By: samplePerson("kim"), At: sampleTime(3, 13, 0), Until: sampleTime(3, 43, 0), Reason: "deploy"}
		})},
		{Name: "complaint", Case: with(bare)},
		{Name: "complaint_second", Case: with(bare), Repeat: 2},
		{Name: "complaint_third", Case: with(bare), Repeat: 3},
		{Name: "complaint_unasked", Case: with(func(n *ledger.Case) {
			bare(n)
			n.CountedLevel, n.Outcome = remedy.LevelConfirm, remedy.OutcomeTold
			n.Unasked = &ledger.Unasked{Why: "2 people have to say yes, and 1 may (the file of n2 wants 2)"}
		})},
		{Name: "complaint_recovered", Case: with(func(n *ledger.Case) { bare(n); closed(remedy.OutcomeSelfRecovered, "")(n) })},
		{Name: "common_mode", Notice: ledger.Notice{Kind: ledger.NoticeStorm, Pool: "edge", Page: true, Detail: "common mode: 4 of 10 hosts look bad at once (limit 2)"}},
		{Name: "frozen", Notice: ledger.Notice{Kind: ledger.NoticeStop, Detail: "frozen by kim: network work"}},
		{Name: "summary", Notice: ledger.Notice{Kind: ledger.NoticeSummary, Detail: SampleMorning().Date}, Morning: SampleMorning()},
		{Name: "reloaded", Notice: ledger.Notice{Kind: ledger.NoticeConfig, Detail: "config of n1 reloaded by kim: stricter\ndrain on edge: auto to confirm"}},
	}
}
