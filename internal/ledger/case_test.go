package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func TestJudgeMovesTheStage(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		body    *ledger.CaseJudge
		stage   remedy.Stage
		outcome remedy.Outcome
		notice  ledger.NoticeKind
	}{
		{"not decided", judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = nil }), remedy.StageDetected, "", ""},
		{"blocked", judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }), remedy.StageDetected, "", ""},
		{"metric-only", judge("h1", remedy.LevelMetricOnly), remedy.StageProposed, remedy.OutcomeCounted, ""},
		{"notify, not due", judge("h1", remedy.LevelNotify), remedy.StageProposed, remedy.OutcomeTold, ""},
		{"notify, due", judge("h1", remedy.LevelNotify, func(b *ledger.CaseJudge) { b.Tell = true }), remedy.StageProposed, remedy.OutcomeTold, ledger.NoticeComplaint},
		{"confirm, no question", judge("h1", remedy.LevelConfirm), remedy.StageProposed, "", ""},
		{"confirm", judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) {
			b.Ask = &ledger.Ask{PlanHash: plan("h1").Hash(), Approvers: []string{"alice"}, ExpiresAt: t0().Add(time.Minute)}
		}), remedy.StageWaiting, "", ledger.NoticeQuestion},
		{"confirm, nobody to ask", judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) {
			b.Ask = &ledger.Ask{PlanHash: plan("h1").Hash(), ExpiresAt: t0().Add(time.Minute)}
		}), remedy.StageProposed, "", ""},
		{"confirm, about another plan", judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) {
			b.Ask = &ledger.Ask{PlanHash: "other", Approvers: []string{"alice"}, ExpiresAt: t0().Add(time.Minute)}
		}), remedy.StageProposed, "", ""},
		{"confirm, about no plan", judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) {
			b.Plan, b.Ask = nil, &ledger.Ask{Approvers: []string{"alice"}, ExpiresAt: t0().Add(time.Minute)}
		}), remedy.StageProposed, "", ""},
		{"auto", judge("h1", remedy.LevelAuto), remedy.StageProposed, "", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			id := r.ok(tt.body)
			c := r.stage(id, tt.stage, tt.outcome)
			if id != 1 || !c.Open() || c.OpenedAt != t0() || c.Opened == nil || c.Latest == nil {
				t.Errorf("the case was not opened as it should be: %+v", c)
			}
			pending := r.l.Pending()
			if tt.notice == "" && len(pending) != 0 || tt.notice != "" && (len(pending) != 1 || pending[0].Kind != tt.notice || pending[0].Case != id) {
				t.Errorf("notices are %+v, want one of kind %q", pending, tt.notice)
			}
		})
	}
}

func TestOnlyABadHostOpensACase(t *testing.T) {
	t.Parallel()
	for _, v := range []remedy.Verdict{remedy.VerdictUnknown, remedy.VerdictGood, remedy.VerdictOut} {
		r := newRig(t)
		r.refused(ledger.RefusedNoCase, remedy.Warden(), judge("h1", remedy.LevelAuto, func(b *ledger.CaseJudge) { b.Finding.Verdict = v }))
	}
}

func TestOneOpenCaseAHostAndAction(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.ok(judge("h1", remedy.LevelNotify))
	if again := r.ok(judge("h1", remedy.LevelNotify)); again != first {
		t.Errorf("a second case %s was opened beside %s", again, first)
	}
	other := r.ok(judge("h1", remedy.LevelNotify, func(b *ledger.CaseJudge) { b.Action = "restart" }))
	if other == first {
		t.Error("another action shares the case")
	}
	r.ok(&ledger.CaseClose{Case: first, Outcome: remedy.OutcomeSelfRecovered})
	if next := r.ok(judge("h1", remedy.LevelNotify)); next <= other {
		t.Errorf("case ids went from %s to %s", other, next)
	}
}

func TestUnknownSinceIsWhenItBecameUnknown(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	say := func(v remedy.Verdict) *ledger.Case {
		r.pass(time.Minute)
		return r.get(r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Finding.Verdict, b.Decision = v, nil })))
	}
	say(remedy.VerdictBad)
	since := say(remedy.VerdictUnknown).UnknownSince
	if since != r.now {
		t.Errorf("unknown since %v, want %v", since, r.now)
	}
	if c := say(remedy.VerdictUnknown); c.UnknownSince != since {
		t.Error("unknown again moved the time it is unknown since")
	}
	if c := say(remedy.VerdictBad); !c.UnknownSince.IsZero() {
		t.Error("bad again is still unknown since")
	}
}

func TestAWaitingCaseIsNotDecidedAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	ask := r.get(id).Ask
	r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = blocked("rate") }))
	if c := r.stage(id, remedy.StageWaiting, ""); c.Ask != ask {
		t.Error("the question changed while it waited")
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	yes := func(b *ledger.CaseAnswer) { b.Approve = true }
	tests := []struct {
		name  string
		by    remedy.Actor
		wait  time.Duration
		body  func(*ledger.CaseAnswer)
		code  string
		stage remedy.Stage
		out   remedy.Outcome
	}{
		{"approved", alice(), 0, yes, "", remedy.StageWaiting, ""},
		{"approved at the last moment", alice(), 30*time.Minute - time.Millisecond, yes, "", remedy.StageWaiting, ""},
		{"too late", alice(), 30 * time.Minute, yes, ledger.RefusedExpired, remedy.StageWaiting, ""},
		{"denied too late", bob(), 30 * time.Minute, nil, ledger.RefusedExpired, remedy.StageWaiting, ""},
		{"denied", alice(), 0, nil, "", remedy.StageClosed, remedy.OutcomeDenied},
		{"anybody may deny", bob(), 0, nil, "", remedy.StageClosed, remedy.OutcomeDenied},
		{"wrong person", bob(), 0, yes, ledger.RefusedPerson, remedy.StageWaiting, ""},
		{"warden itself", remedy.Warden(), 0, yes, ledger.RefusedPerson, remedy.StageWaiting, ""},
		{"not a person, by an approver's name", remedy.Actor{Name: "alice"}, 0, yes, ledger.RefusedPerson, remedy.StageWaiting, ""},
		{"wrong plan", alice(), 0, func(b *ledger.CaseAnswer) { b.Approve, b.PlanHash = true, "other" }, ledger.RefusedApproval, remedy.StageWaiting, ""},
		{"no plan", alice(), 0, func(b *ledger.CaseAnswer) { b.Approve, b.PlanHash = true, "" }, ledger.RefusedApproval, remedy.StageWaiting, ""},
		{"no such case", alice(), 0, func(b *ledger.CaseAnswer) { b.Case = 99 }, ledger.RefusedNoCase, remedy.StageWaiting, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t, at(remedy.LevelConfirm))
			id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "@sre")))
			r.pass(tt.wait)
			b := &ledger.CaseAnswer{Case: id, PlanHash: r.get(id).PlanHash, QuietFor: time.Hour}
			if tt.body != nil {
				tt.body(b)
			}
			if tt.code != "" {
				r.refused(tt.code, tt.by, b)
			} else {
				r.okAs(tt.by, b)
				if a := r.get(id).Answer; a == nil || a.By.Name != tt.by.Name || a.Approve != b.Approve || !a.At.Equal(r.now) {
					t.Errorf("the answer is kept as %+v", a)
				}
				if n := r.ofKind(ledger.NoticeAnswered); len(n) != 1 {
					t.Errorf("an answer makes one notice, got %d", len(n))
				}
			}
			r.stage(id, tt.stage, tt.out)
			if quiet := r.facts().Quiet; (quiet != nil) != (tt.out == remedy.OutcomeDenied) {
				t.Errorf("quiet is %+v", quiet)
			}
		})
	}
}

func TestTheFirstAnswerWins(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		r := newRig(t, at(remedy.LevelConfirm))
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "bob")))
		hash := r.get(id).PlanHash
		r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: first, PlanHash: hash})
		for _, second := range []bool{true, false} {
			res := r.refused(ledger.RefusedDecided, bob(), &ledger.CaseAnswer{Case: id, Approve: second, PlanHash: hash})
			if !strings.Contains(res.Reason, "alice") {
				t.Errorf("the refusal doesn't say who answered: %s", res.Reason)
			}
		}
	}
}

func TestNothingToAnswer(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.refused(ledger.RefusedStage, alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
}

func TestExpiry(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	silent := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	yes := r.ok(judge("h2", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: yes, Approve: true, PlanHash: r.get(yes).PlanHash})
	r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.CaseExpire{Case: 99})
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseExpire{Case: silent})
	r.pass(30 * time.Minute)
	r.ok(&ledger.CaseExpire{Case: silent, QuietFor: time.Hour}, &ledger.CaseExpire{Case: yes, QuietFor: time.Hour})
	for id, note := range map[remedy.CaseID]string{silent: "nobody answered", yes: "approved, but it could not start before it expired"} {
		if c := r.stage(id, remedy.StageClosed, remedy.OutcomeExpired); c.Note != note {
			t.Errorf("%s closed with %q, want %q", id, c.Note, note)
		}
	}
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseExpire{Case: silent})
	if q := r.facts().Quiet; q == nil || !q.Until.Equal(r.now.Add(time.Hour)) {
		t.Errorf("an expired question is not quiet until then: %+v", q)
	}
	r.ok(&ledger.HostGood{Pool: pool, Host: "h1", Action: drain})
	if q := r.facts().Quiet; q != nil {
		t.Errorf("the host was good and is still quiet: %+v", q)
	}
}

func TestCloseRefusals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.CaseClose{Case: 9, Outcome: remedy.OutcomeGone})
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.CaseClose{Case: id, Outcome: "bored"})
	tok := r.start(id, remedy.Warden())
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseClose{Case: id, Outcome: remedy.OutcomeGone})
	r.finish(id, tok, remedy.OutcomeFailed)
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseClose{Case: id, Outcome: remedy.OutcomeGone})
}

// A host that warden took out is still out, whatever the evidence says of it:
// only what says that the host is back, or gone, may free its slot.
func TestClosingWhileTheHostIsOut(t *testing.T) {
	t.Parallel()
	may := []remedy.Outcome{remedy.OutcomeReturned, remedy.OutcomeGone, remedy.OutcomeUndone, remedy.OutcomeCancelled, remedy.OutcomeSuperseded}
	for _, o := range remedy.Outcomes() {
		r := newRig(t)
		id := r.drained("h1")
		if slices.Contains(may, o) {
			before := r.facts().Basis
			r.ok(&ledger.CaseClose{Case: id, Outcome: o})
			if f := r.facts(); f.HostOut || f.Basis == before {
				t.Errorf("closing as %s freed nothing, or moved no basis", o)
			}
			continue
		}
		r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseClose{Case: id, Outcome: o})
	}
}

// What nobody was told of ends without a word.
func TestClosingIsToldWhenOpeningWas(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		level remedy.Level
		tell  bool
		want  int
	}{
		{"counted", remedy.LevelMetricOnly, false, 0},
		{"told", remedy.LevelNotify, true, 1},
	}
	for _, tt := range tests {
		r := newRig(t, at(tt.level))
		id := r.ok(judge("h1", tt.level, shadowed, func(b *ledger.CaseJudge) { b.Tell = tt.tell }))
		r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSelfRecovered})
		if got := len(r.ofKind(ledger.NoticeOutcome)); got != tt.want {
			t.Errorf("%s: %d notices of the end, want %d", tt.name, got, tt.want)
		}
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	ask := func() *ledger.ManualOpen {
		return &ledger.ManualOpen{Pool: pool, Host: "h1", Action: drain, Reason: "disk", Plan: *plan("h1"), Decision: *decision(remedy.LevelAuto)}
	}
	t.Run("opens a case of its own", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, at(remedy.LevelMetricOnly))
		r.refused(ledger.RefusedPerson, remedy.Warden(), ask())
		no := ask()
		no.Decision = *blocked("freeze")
		r.refused(ledger.RefusedBad, alice(), no)
		id := r.okAs(alice(), ask())
		if c := r.stage(id, remedy.StageProposed, ""); c.Detector != "" || c.Manual == nil || c.Manual.By.Name != "alice" || c.Manual.Reason != "disk" {
			t.Errorf("the case is %+v", c)
		}
		// The engine proposes the START as itself: the run is still alice's.
		tok := r.start(id, remedy.Warden(), manual)
		if x := r.get(id).Execution(); x.By.Name != "alice" || x.Kind != remedy.KindManual {
			t.Errorf("the execution is by %s, want alice", x.By.Name)
		}
		r.refused(ledger.RefusedStage, bob(), ask())
		r.finish(id, tok, remedy.OutcomeAborted)
		r.stage(id, remedy.StageClosed, remedy.OutcomeAborted)
	})
	t.Run("takes over an open case and its question", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, at(remedy.LevelConfirm))
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
		if got := r.okAs(bob(), ask()); got != id {
			t.Fatalf("opened %s beside %s", got, id)
		}
		if c := r.stage(id, remedy.StageProposed, ""); c.Ask != nil || c.Detector != canary {
			t.Errorf("the case is %+v", c)
		}
		r.refused(ledger.RefusedStage, alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: plan("h1").Hash()})
	})
	t.Run("not while it is out", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.drained("h1")
		r.refused(ledger.RefusedStage, alice(), ask())
	})
}

func TestForget(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var ids []remedy.CaseID
	for _, h := range []remedy.HostName{"h1", "h2", "h3"} {
		ids = append(ids, r.ok(judge(h, remedy.LevelNotify)))
	}
	open := ids[0]
	r.pass(time.Minute)
	r.ok(&ledger.CaseClose{Case: ids[2], Outcome: remedy.OutcomeSelfRecovered})
	r.pass(time.Minute)
	r.ok(&ledger.CaseClose{Case: ids[1], Outcome: remedy.OutcomeSelfRecovered})
	if s := r.l.Status(); s.Cases != 3 || !s.OldestClosed.Equal(t0().Add(time.Minute)) {
		t.Errorf("the oldest closed of %d cases ended at %v", s.Cases, s.OldestClosed)
	}
	kept := r.get(ids[2])
	r.ok(&ledger.CasesForget{Before: r.now})
	if _, there := r.l.Case(ids[2]); there {
		t.Error("a closed case was not forgotten")
	}
	if kept.Outcome != remedy.OutcomeSelfRecovered {
		t.Error("a case somebody was reading changed")
	}
	if s := r.l.Status(); s.Cases != 2 || !s.OldestClosed.Equal(r.now) {
		t.Errorf("after forgetting, the oldest closed of %d cases ended at %v", s.Cases, s.OldestClosed)
	}
	r.pass(time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now})
	r.stage(open, remedy.StageProposed, remedy.OutcomeTold)
	if s := r.l.Status(); s.Cases != 1 || !s.OldestClosed.IsZero() {
		t.Errorf("%d cases left, oldest closed %v", s.Cases, s.OldestClosed)
	}
	if next := r.ok(judge("h2", remedy.LevelNotify)); next != 4 {
		t.Errorf("an id was used again: %s", next)
	}
}

// A case that blinks for days must not grow without end.
func TestATimelineIsBounded(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	var id remedy.CaseID
	for i := range 400 {
		r.pass(10 * time.Second)
		by := []string{"rate", "settle"}[i%2]
		id = r.ok(judge("h1", 0, func(b *ledger.CaseJudge) { b.Decision = blocked(by) }))
	}
	ev := r.get(id).Events
	if len(ev) > 64 || ev[0].What != "opened" || ev[len(ev)-1].What != "blocked by settle" {
		t.Errorf("the timeline has %d lines, from %q to %q", len(ev), ev[0].What, ev[len(ev)-1].What)
	}
	dropped := 0
	for i, e := range ev {
		if e.What == "(older lines dropped)" {
			dropped++
		}
		if i > 0 && e.At.Before(ev[i-1].At) {
			t.Errorf("line %d is older than the one before it", i)
		}
	}
	if dropped != 1 {
		t.Errorf("%d lines say that lines were dropped, want 1", dropped)
	}
}
