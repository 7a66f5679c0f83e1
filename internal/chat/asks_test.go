package chat_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// askExamples are the messages about questions that several people answer, that
// are put off, or that are announced instead.
func askExamples() []example {
	fran, kim, sam := person("fran"), person("kim"), person("sam")
	two := func(c *ledger.Case) {
		asked(c)
		c.Ask.Needed = 2
		c.Ask.Approvers = []string{"fran", "kim", "@sre"}
		c.Ask.Who = []remedy.Approver{{Match: "fran", Person: "fran", Email: "fran@example.net", Role: "oncall"}, {Match: "kim", Role: "oncall"}, {Match: "@sre"}}
	}
	one := func(c *ledger.Case) {
		two(c)
		c.Approvals = []ledger.CaseReply{{Approve: true, By: fran, At: at(3, 14, 0), PlanHash: c.PlanHash}}
	}
	both := func(c *ledger.Case) {
		one(c)
		c.Approvals = append(c.Approvals, ledger.CaseReply{Approve: true, By: kim, At: at(3, 14, 30), PlanHash: c.PlanHash})
		c.Answer = &c.Approvals[1]
	}
	announced := func(c *ledger.Case) {
		c.Stage, c.Veto = remedy.StageWaiting, &ledger.Veto{
			Announcement: ledger.Announcement{PlanHash: c.PlanHash, For: 5 * time.Minute, Within: 20 * time.Minute},
			Notice:       7, AnnouncedAt: at(3, 12, 0),
		}
	}
	heard := func(c *ledger.Case) {
		announced(c)
		c.Veto.DeliveredAt, c.Veto.EndsAt = at(3, 12, 5), at(3, 17, 5)
	}
	quiet := func(m remedy.Mention) func(*ledger.Case) {
		return func(c *ledger.Case) { asked(c); c.Ask.Mention = m }
	}
	oncall := []remedy.Approver{{Match: "fran", Person: "fran", Email: "fran@example.net", Role: "oncall"}, {Match: "@sre"}}
	hushed := func(who []remedy.Approver) func(*ledger.Case) {
		return func(c *ledger.Case) { announced(c); c.Veto.Mention, c.Veto.Who = remedy.MentionOnCall, who }
	}
	back := of(ledger.NoticePutOff, "taken back", func(c *ledger.Case) { c.Stage = remedy.StageProposed })
	back.m.Notice.Detail = "drain is at confirm now"
	return []example{
		of(ledger.NoticeQuestion, "two people", two),
		of(ledger.NoticeQuestion, "two people, told after the first", one),
		of(ledger.NoticeAnswered, "the first of two", one),
		of(ledger.NoticeAnswered, "the second of two", both),
		of(ledger.NoticeQuestion, "by hand", func(c *ledger.Case) {
			two(c)
			c.Ask.Needed, c.Ask.ByHand, c.Manual = 0, true, &ledger.ManualRun{By: sam, Reason: "kernel upgrade"}
		}),
		of(ledger.NoticeQuestion, "asked afresh", asked, func(c *ledger.Case) {
			c.Ask.After, c.Ask.Changes = 2, []string{"2 more hosts went bad (3 of 40)", "floor distance 8 -> 7", "no longer: set server edge/web-07 state drain", "new: set server edge/web-07 state maint"}
		}),
		of(ledger.NoticeQuestion, "quiet hours, silent", quiet(remedy.MentionNobody)),
		of(ledger.NoticeQuestion, "quiet hours, on-call", quiet(remedy.MentionOnCall), func(c *ledger.Case) { c.Ask.Who = oncall }),
		of(ledger.NoticeQuestion, "quiet hours, with nobody on call", quiet(remedy.MentionOnCall)),
		of(ledger.NoticeQuestion, "put off since", func(c *ledger.Case) {
			c.Stage, c.Snooze = remedy.StageProposed, &ledger.Snooze{By: kim, At: at(3, 13, 0), Until: at(3, 43, 0)}
		}),
		of(ledger.NoticePutOff, "put off", func(c *ledger.Case) {
			c.Stage, c.Snooze = remedy.StageProposed, &ledger.Snooze{By: kim, At: at(3, 13, 0), Until: at(3, 43, 0), Reason: "deploy"}
		}),
		of(ledger.NoticePutOff, "put off, and asked again since", asked),
		back,
		of(ledger.NoticeAnnounced, "announced", announced),
		of(ledger.NoticeAnnounced, "told again", heard),
		of(ledger.NoticeAnnounced, "quiet hours, announced to on-call", hushed(oncall)),
		of(ledger.NoticeAnnounced, "quiet hours, announced with nobody on call", hushed(oncall[1:])),
		of(ledger.NoticeAnnounced, "denied since", heard, denied),
	}
}

// Only questions and announcements call anybody, and quiet hours say whom.
func TestCalls(t *testing.T) {
	t.Parallel()
	for _, x := range askExamples() {
		want := remedy.MentionNobody
		switch c := x.m.Case; {
		case x.m.Notice.Kind == ledger.NoticeQuestion && c.Ask != nil:
			want = c.Ask.Mention
		case x.m.Notice.Kind == ledger.NoticeAnnounced && c.Veto != nil:
			want = c.Veto.Mention
		}
		if got := x.m.Calls(); got != want {
			t.Errorf("%s calls %q, want %q", x.name, got, want)
		}
	}
}

// An answer that comes too late is told in one sentence what holds now, and
// what can still be done; the same answer again has succeeded.
func TestTooLate(t *testing.T) {
	t.Parallel()
	fran, kim := person("fran"), person("kim")
	now := at(3, 20, 0)
	yes := func(c *ledger.Case) {
		asked(c)
		c.Answer = &ledger.CaseReply{Approve: true, By: kim, At: at(3, 19, 56), PlanHash: c.PlanHash}
	}
	stage := func(s remedy.Stage) func(*ledger.Case) { return func(c *ledger.Case) { yes(c); c.Stage = s } }
	next := newCase(asked, func(c *ledger.Case) {
		c.ID, c.Ask.After, c.Ask.Changes = 9, 3, []string{"2 more hosts went bad (3 of 40)"}
	})
	for name, x := range map[string]struct {
		c        *ledger.Case
		by       remedy.Actor
		deny     bool
		next     *ledger.Case
		want     string
		repeated bool
	}{
		"somebody was faster":     {c: newCase(yes), by: fran, want: "kim approved W-3 4s before you; it starts by itself; `warden cancel W-3` stops it"},
		"a no after a yes":        {c: newCase(yes), by: fran, deny: true, want: "kim approved W-3 4s before you; it starts by itself; `warden cancel W-3` stops it"},
		"it executes":             {c: newCase(stage(remedy.StageExecuting)), by: fran, want: "kim approved W-3 4s before you; it is executing; `warden cancel W-3` stops it if its effect hasn't begun"},
		"it is out":               {c: newCase(stage(remedy.StageOut)), by: fran, want: "kim approved W-3 4s before you; web-07 is out because of it; `warden undo W-3` puts it back"},
		"the same again":          {c: newCase(stage(remedy.StageOut)), by: kim, want: "you approved W-3 at 03:19:56 UTC already; web-07 is out because of it; `warden undo W-3` puts it back", repeated: true},
		"changed their mind":      {c: newCase(yes), by: kim, deny: true, want: "you approved W-3 at 03:19:56 UTC already; it starts by itself; `warden cancel W-3` stops it"},
		"denied":                  {c: newCase(denied), by: fran, want: "kim denied W-3 6m before you; nothing is done; `warden run drain web-07 --pool edge --reason ...` does it now"},
		"expired":                 {c: newCase(asked, closed(remedy.OutcomeExpired, "nobody answered")), by: fran, want: "W-3 expired at 03:20:00 UTC (nobody answered) and nothing was done; `warden run drain web-07 --pool edge --reason ...` does it now"},
		"expired, not closed yet": {c: newCase(asked, func(c *ledger.Case) { c.Ask.ExpiresAt = at(3, 19, 0) }), by: fran, want: "the question of W-3 expired at 03:19:00 UTC and nothing was done; `warden run drain web-07 --pool edge --reason ...` does it now"},
		"expired, asked again":    {c: newCase(asked, closed(remedy.OutcomeExpired, "")), by: fran, next: next, want: "W-3 expired at 03:20:00 UTC and nothing was done; W-9 asks instead, since then 2 more hosts went bad (3 of 40): `warden show W-9`"},
		"stale":                   {c: newCase(yes, closed(remedy.OutcomeStale, "")), by: fran, next: next, want: "the plan of W-3 is stale and nothing was done; W-9 asks instead, since then 2 more hosts went bad (3 of 40): `warden show W-9`"},
		"superseded":              {c: newCase(asked, closed(remedy.OutcomeSuperseded, "another hand took it out of service")), by: fran, want: "W-3 was superseded at 03:20:00 UTC: another hand took it out of service; nothing is left to answer"},
		"cancelled":               {c: newCase(asked, closed(remedy.OutcomeCancelled, "by kim")), by: fran, want: "W-3 was cancelled at 03:20:00 UTC by kim; `warden run drain web-07 --pool edge --reason ...` does it now"},
		"well again":              {c: newCase(asked, closed(remedy.OutcomeSelfRecovered, "")), by: fran, want: "web-07 recovered by itself at 03:20:00 UTC, so nothing is left to answer"},
		"put off": {c: newCase(func(c *ledger.Case) {
			c.Stage, c.Snooze = remedy.StageProposed, &ledger.Snooze{By: kim, Until: at(3, 43, 0)}
		}), by: fran, want: "kim put W-3 off until 03:43:00 UTC: if web-07 is still bad then, it is asked again; `warden run drain web-07 --pool edge --reason ...` does it now"},
		"not asked before morning": {c: newCase(func(c *ledger.Case) {
			c.Stage, c.Unasked = remedy.StageProposed, &ledger.Unasked{Why: "quiet hours", Until: at(8, 0, 0)}
		}), by: fran, want: "W-3 is not asked yet: quiet hours, until 08:00:00 UTC; `warden run drain web-07 --pool edge --reason ...` does it now"},
		"nobody could say yes": {c: newCase(func(c *ledger.Case) {
			c.Stage, c.Unasked = remedy.StageProposed, &ledger.Unasked{Why: "2 people have to say yes, and 1 may (the file of n2 wants 2)"}
		}), by: fran, want: "W-3 is not asked: 2 people have to say yes, and 1 may (the file of n2 wants 2). Mend what the file says, then `warden reload` on that node: I ask then. If it is gone for good: `warden operator raft remove-peer`"},
		"announced": {c: newCase(func(c *ledger.Case) {
			c.Stage, c.Veto = remedy.StageWaiting, &ledger.Veto{DeliveredAt: at(3, 19, 0), EndsAt: at(3, 24, 0)}
		}), by: fran, want: "W-3 needs no yes: it acts by itself at 03:24:00 UTC unless somebody says no; `warden deny W-3 --reason ...` stops it"},
		"still open": {c: newCase(asked), by: fran, want: ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, repeated := chat.TooLate(chat.Late{Case: x.c, By: x.by, Approve: !x.deny, Now: now, Next: x.next})
			if got != x.want || repeated != x.repeated {
				t.Errorf("got  %q (%v)\nwant %q (%v)", got, repeated, x.want, x.repeated)
			}
			if strings.Contains(got, "\n") {
				t.Error("it is more than one line")
			}
		})
	}
}
