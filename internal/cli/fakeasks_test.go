package cli

import (
	"net/http"
	"slices"
	"time"

	"warden/internal/chat"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// hostileReason is what somebody may put where a reason goes.
const hostileReason = "fine\x1b[2J\x1b]0;owned\a\u202e\nW-1 approved by root\r"

// asks adds one case of each sort that is not decided by one person's yes.
func (f *fakeAPI) asks() {
	at := func(d time.Duration) time.Time { return fakeNow.Add(d) }
	put := func(id remedy.CaseID, host remedy.HostName, stage remedy.Stage, change func(c *ledger.Case)) {
		plan := fakePlan(host)
		c := &ledger.Case{
			ID: id, Pool: "ingest", Host: host, Action: "drain", Detector: "canary_missing", Stage: stage, OpenedAt: at(-5 * time.Minute), ChangedAt: at(-time.Minute),
			Decision: fakeDecision(remedy.LevelConfirm), Opened: fakeFinding(host, 0.44, 5*time.Minute), Latest: fakeFinding(host, 0.41, 6*time.Minute), Plan: plan, PlanHash: plan.Hash(),
		}
		change(c)
		f.cases[id] = c
	}
	two := func(c *ledger.Case) {
		c.Ask = twoAsk(c.PlanHash)
		c.Ask.Needed = 2
	}
	veto := func(within time.Duration, delivered bool) func(*ledger.Case) {
		return func(c *ledger.Case) {
			v := ledger.Announcement{PlanHash: c.PlanHash, For: 10 * time.Minute, Within: 20 * time.Minute}
			c.Decision = fakeDecision(remedy.LevelAuto)
			c.Decision.Effective = remedy.LevelAuto
			c.Veto = &ledger.Veto{Announcement: v, Notice: 7, AnnouncedAt: at(-2 * time.Minute)}
			if delivered {
				c.Veto.DeliveredAt, c.Veto.EndsAt = at(within-v.For), at(within)
			}
		}
	}
	put(1070, "ingest-21", remedy.StageWaiting, two)
	put(1071, "ingest-22", remedy.StageWaiting, veto(8*time.Minute, true))
	put(1072, "ingest-23", remedy.StageWaiting, veto(0, false))
	put(1073, "ingest-24", remedy.StageClosed, func(c *ledger.Case) {
		c.Outcome, c.ClosedAt, c.Note = remedy.OutcomeStale, at(-time.Minute), "the plan changed after it was asked about"
	})
	put(1074, "ingest-24", remedy.StageWaiting, func(c *ledger.Case) {
		two(c)
		c.Ask.After, c.Ask.Changes = 1073, []string{"step 1 is `set server be_ingest/ingest-24 state maint`, it was `set server be_ingest/ingest-24 state drain`", "bad hosts: 1 of 40 then, 3 of 40 now"}
	})
	put(1075, "ingest-25", remedy.StageProposed, func(c *ledger.Case) {
		c.Unasked = &ledger.Unasked{Why: "quiet hours", Until: at(4 * time.Hour)}
	})
	put(1076, "ingest-26", remedy.StageWaiting, func(c *ledger.Case) {
		two(c)
		c.Approvals = []ledger.CaseReply{{Approve: true, By: person("fran"), At: at(-2 * time.Minute), PlanHash: c.PlanHash, Reason: hostileReason}}
		c.Events = []ledger.Event{{At: at(-2 * time.Minute), What: "approved, 1 of 2", By: "fran"}}
	})
}

// twoAsk is a question to three.
func twoAsk(hash string) *ledger.Ask {
	return &ledger.Ask{
		PlanHash: hash, Approvers: []string{"fran", "kim", "sam"}, AskedAt: fakeNow.Add(-3 * time.Minute), ExpiresAt: fakeNow.Add(17 * time.Minute),
		Who: []remedy.Approver{{Match: "fran", Role: "oncall"}, {Match: "kim", Role: "oncall"}, {Match: "sam"}},
	}
}

// user is who asks: sam, but where a script says otherwise.
func (f *fakeAPI) user() remedy.Actor {
	if f.as != "" {
		return person(f.as)
	}
	return person("sam")
}

// ranOut ends the window of an announcement, and does what it announced.
func (f *fakeAPI) ranOut(id remedy.CaseID) {
	c := f.cases[id]
	c.Stage, c.Outcome = remedy.StageOut, remedy.OutcomeDone
	c.Executions = []ledger.Execution{{
		Token: remedy.Token{Term: 3, Index: 71}, Attempt: 1, Kind: remedy.KindAct, By: remedy.Warden(), TakesOut: true, Prior: "ready",
		StartedAt: fakeNow.Add(-time.Minute), FinishedAt: fakeNow.Add(-50 * time.Second), Outcome: remedy.OutcomeDone, Took: remedy.Known(true),
	}}
}

// byHandOfTwo has a run ask others, as an action with two approvals does.
func (f *fakeAPI) byHandOfTwo(c *ledger.Case) {
	c.Stage, c.Executions, c.Decision = remedy.StageWaiting, nil, fakeDecision(remedy.LevelConfirm)
	c.Ask = twoAsk(c.PlanHash)
	c.Ask.Needed, c.Ask.ByHand, c.Ask.AskedAt, c.Ask.ExpiresAt = 1, true, fakeNow, fakeNow.Add(20*time.Minute)
}

// several answers for a case that one yes does not decide: with false it is none.
func (f *fakeAPI) several(c *ledger.Case, q web.ApproveRequest) (bool, error) {
	by := f.user()
	late := func(code string) error {
		words, repeated := chat.TooLate(chat.Late{Case: c, By: by, Approve: true, Now: fakeNow, Next: f.next24(c)})
		if repeated {
			return nil
		}
		return refuse(http.StatusConflict, code, words)
	}
	switch {
	case f.against[c.ID].Words != "" && (q.Question != c.Question() || !q.Seen.Equal(f.against[c.ID].Newest)):
		return true, refuse(http.StatusConflict, ledger.RefusedUnread, f.against[c.ID].Words+", and what you said yes to did not show it: look again, then approve")
	case c.Veto != nil, c.Outcome == remedy.OutcomeStale, c.Unasked != nil, c.Snooze != nil, c.Outcome == remedy.OutcomeDenied:
		return true, late(ledger.RefusedStage)
	case c.Ask == nil || len(c.Ask.Who) == 0:
		return false, nil
	case c.Answer != nil:
		return true, late(ledger.RefusedDecided)
	case !by.MayApprove(c.Ask.Approvers):
		return true, refuse(http.StatusForbidden, engine.RefusedNotYours, by.Name+" may not approve "+c.ID.String()+": ask one of fran, kim, sam")
	case q.PlanHash != c.Ask.PlanHash:
		return true, refuse(http.StatusConflict, ledger.RefusedApproval, "the plan is "+c.Ask.PlanHash+` and not "`+q.PlanHash+`": look at it again`)
	case c.Ask.ByHand && c.Manual.By.Name == by.Name:
		return true, refuse(http.StatusForbidden, ledger.RefusedPerson, by.Name+" asked for it, and somebody else has to say yes: one of fran, kim, sam")
	case slices.ContainsFunc(c.Approvals, func(a ledger.CaseReply) bool { return a.By.Name == by.Name }):
		return true, late(ledger.RefusedDecided)
	}
	reply := ledger.CaseReply{Approve: true, By: by, At: fakeNow, PlanHash: q.PlanHash, Reason: q.Reason}
	c.Approvals = append(c.Approvals, reply)
	if len(c.Approved()) >= c.Ask.NeededYes() {
		c.Answer = &reply
	}
	return true, nil
}

// next24 is the case that asks instead of a stale one.
func (f *fakeAPI) next24(c *ledger.Case) *ledger.Case {
	if c.ID == 1073 {
		return f.cases[1074]
	}
	return nil
}

// unsnoozable says why a case can't be put off, as the daemon does; "" if it can.
func unsnoozable(c *ledger.Case) string {
	switch {
	case c.Asleep(fakeNow):
		return c.Snooze.By.Name + " put it off until " + c.Snooze.Until.Format("2006-01-02T15:04:05Z") + " already"
	case c.Answer != nil && c.Stage == remedy.StageWaiting:
		return c.Answer.By.Name + " approved it, and it is being carried out: stop it with `warden cancel " + c.ID.String() + "`"
	case c.Stage != remedy.StageWaiting:
		return c.ID.String() + " is " + string(c.Stage) + ": there is no question to put off; `warden show " + c.ID.String() + "` says how it stands"
	case c.Ask != nil && c.Ask.ByHand:
		return c.ID.String() + " was asked for by " + c.Manual.By.Name + " by hand: deny it, and they can ask again"
	}
	return ""
}

// answerOfOthers has the others answer a run by hand, as fate wills.
func (f *fakeAPI) answerOfOthers(c *ledger.Case) {
	reply := ledger.CaseReply{By: person("fran"), At: fakeNow, PlanHash: c.PlanHash, Reason: "known-work"}
	switch f.fate {
	case "agreed":
		reply.Approve, reply.Reason = true, ""
		c.Approvals, c.Answer, f.fate = []ledger.CaseReply{reply}, &reply, ""
	case "denied":
		c.Answer, c.Note, c.Stage, c.Outcome, c.ClosedAt = &reply, reply.Reason, remedy.StageClosed, remedy.OutcomeDenied, fakeNow
	case "lapsed":
		c.Note, c.Stage, c.Outcome, c.ClosedAt = "nobody answered", remedy.StageClosed, remedy.OutcomeExpired, fakeNow
	}
}
