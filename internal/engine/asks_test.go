package engine

import (
	"errors"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/cron"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

func named(name string) remedy.Actor { return remedy.Actor{Name: name, Via: "cli", Person: true} }

// acting changes the rig's one action.
func acting(f func(*Action)) func(*setup) {
	return func(s *setup) {
		before := s.config
		s.config = func(c *Config) {
			if before != nil {
				before(c)
			}
			a := c.Actions[drain]
			f(&a)
			c.Actions[drain] = a
		}
	}
}

func twoOf(who ...string) func(*setup) {
	return acting(func(a *Action) { a.Approvals, a.Approvers = 2, who })
}

// says has a person answer a case, and lets what follows run.
func (r *rig) says(who string, id remedy.CaseID, yes bool) error {
	c, _ := r.l.Case(id)
	var err error
	r.do(func() {
		err = r.e.Answer(r.ctx(), named(who), ledger.CaseAnswer{Case: id, Approve: yes, PlanHash: c.PlanHash, Reason: "not-now"})
		r.attend()
	})
	return err
}

func (r *rig) snooze(id remedy.CaseID, d time.Duration) error {
	var err error
	r.do(func() {
		err = r.e.Snooze(r.ctx(), named("bob"), ledger.CaseSnooze{Case: id, Reason: "deploy"}, d)
		r.attend()
	})
	return err
}

func wantRefused(t *testing.T, err error, code string, words ...string) {
	t.Helper()
	got, ok := errors.AsType[*Refusal](err)
	if !ok || got.Code != code {
		t.Fatalf("%v, want it refused as %q", err, code)
	}
	for _, w := range words {
		if !strings.Contains(got.Reason, w) {
			t.Errorf("%q doesn't say %q", got.Reason, w)
		}
	}
}

// Two people, with another leader between them: what the first said is in the
// ledger.
func TestTwoApprovalsSurviveALeaderChange(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		if c.Ask.Needed != 2 {
			t.Fatalf("%+v", c.Ask)
		}
		r.must(r.says("fran", c.ID, true))
		r.must(r.says("fran", c.ID, true)) // the same again has succeeded
		r.rounds(2 * time.Minute)
		if got := r.last(1); got.Stage != remedy.StageWaiting || len(got.Approvals) != 1 {
			t.Fatalf("after one yes: %s, %+v", got.Stage, got.Approvals)
		}
		r.restart()
		r.rounds(2 * step)
		r.must(r.says("kim", c.ID, true))
		out := r.reaches(1, remedy.StageOut)
		if by := out.Acted().By.Name; by != "fran and kim" {
			t.Errorf("by %s", by)
		}
		wantRefused(t, r.says("sam", c.ID, true), ledger.RefusedDecided, "kim approved", "before you", "warden undo")
		r.must(r.says("kim", c.ID, true)) // what kim wanted has been done
		wantRefused(t, r.says("kim", c.ID, false), ledger.RefusedDecided, "you approved")
	}, level(remedy.LevelConfirm), twoOf("fran", "kim", "sam"))
}

// Where nobody could say the second yes, nobody is asked, and the case says why.
func TestTwoApprovalsOfOnePerson(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageProposed)
		if c.Unasked == nil || !strings.Contains(c.Unasked.Why, "2 people have to say yes, and 1 may") {
			t.Errorf("%+v", c.Unasked)
		}
		r.rounds(2 * time.Minute)
		said := slices.DeleteFunc(slices.Clone(r.last(1).Events), func(x ledger.Event) bool { return !strings.HasPrefix(x.What, "not asked") })
		if len(said) != 1 {
			t.Errorf("it goes on saying so: %+v", said)
		}
	}, level(remedy.LevelConfirm), twoOf("fran"))
}

// A run by hand of such an action asks the others, and starts on their yes.
func TestRunByHandAsksOthers(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.rounds(2 * time.Minute)
		run := func(who string, host int) (id remedy.CaseID, err error) {
			r.do(func() {
				id, err = r.e.RunByHand(r.ctx(), named(who), RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(host)}, Reason: "work"})
				r.attend()
			})
			return id, err
		}
		id, err := run("fran", 2)
		r.must(err)
		r.rounds(5 * time.Minute)
		if c := r.last(2); c.Stage != remedy.StageWaiting || !c.Ask.ByHand || len(c.Executions) > 0 {
			t.Fatalf("%s %+v", c.Stage, c.Ask)
		}
		wantRefused(t, r.says("fran", id, true), ledger.RefusedPerson, "somebody else")
		r.restart()
		r.rounds(2 * step)
		r.must(r.says("kim", id, true))
		if by := r.reaches(2, remedy.StageOut).Acted(); by.By.Name != "fran and kim" || by.Kind != remedy.KindManual {
			t.Errorf("%+v", by)
		}
		id, err = run("fran", 3)
		r.must(err)
		r.rounds(31 * time.Minute)
		if c := r.last(3); c.ID != id || c.Outcome != remedy.OutcomeExpired {
			t.Errorf("nobody answered: %s/%s", c.Stage, c.Outcome)
		}
	}, level(remedy.LevelConfirm), twoOf("fran", "kim"), limits(func(l *ledger.Limits) { l.SettleAfterAction = 0 }))
}

// A question that was put off is asked again at its time, by whoever leads
// then, and not when the host got well.
func TestSnoozeIsAskedAgain(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1, 2)
		one, two := r.reaches(1, remedy.StageWaiting), r.reaches(2, remedy.StageWaiting)
		wantRefused(t, r.snooze(one.ID, 5*time.Hour), ledger.RefusedBad, "4h")
		r.must(r.snooze(one.ID, 30*time.Minute))
		r.must(r.snooze(two.ID, 30*time.Minute))
		wantRefused(t, r.says("alice", one.ID, true), ledger.RefusedStage, "bob put", "warden run")
		r.rounds(10 * time.Minute)
		r.good(2)
		r.restart()
		r.rounds(18 * time.Minute)
		if c := r.last(1); c.Stage != remedy.StageProposed || c.Snooze == nil || c.Ask != nil {
			t.Fatalf("%s %+v", c.Stage, c.Snooze)
		}
		if c := r.last(2); c.Outcome != remedy.OutcomeSelfRecovered {
			t.Fatalf("%s %s", c.Stage, c.Outcome)
		}
		r.rounds(4 * time.Minute)
		c := r.last(1)
		if c.ID != one.ID || c.Stage != remedy.StageWaiting || c.Snooze != nil || c.Ask.AskedAt.Before(one.Ask.AskedAt.Add(30*time.Minute)) {
			t.Fatalf("%s %+v", c.Stage, c.Ask)
		}
		r.must(r.says("alice", c.ID, true))
		wantRefused(t, r.snooze(c.ID, time.Minute), ledger.RefusedStage)
		r.reaches(1, remedy.StageOut)
	}, level(remedy.LevelConfirm), func(s *setup) { s.config = func(c *Config) { c.MaxSnooze = 4 * time.Hour } })
}

func announcing(d time.Duration) func(*setup) {
	return acting(func(a *Action) { a.AnnounceFor = d })
}

// At auto with announce_for nothing happens before people could have said no,
// whoever leads when their time is over.
func TestVetoWindowEnds(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		if c.Veto == nil || c.Veto.DeliveredAt.IsZero() || len(c.Veto.Who) == 0 || c.Veto.Who[0].Match != "alice" {
			t.Fatalf("%+v", c.Veto)
		}
		r.rounds(4 * time.Minute)
		if c := r.last(1); c.Stage != remedy.StageWaiting || len(c.Executions) > 0 {
			t.Fatalf("%s %+v", c.Stage, c.Executions)
		}
		r.restart()
		out := r.reaches(1, remedy.StageOut)
		x := out.Acted()
		if x.StartedAt.Before(c.Veto.EndsAt) || x.StartedAt.After(c.Veto.EndsAt.Add(2*time.Minute)) || x.By.Person {
			t.Errorf("it started at %s, and people had until %s: %+v", x.StartedAt, c.Veto.EndsAt, x)
		}
	}, announcing(5*time.Minute))
}

// Anybody's no ends it; a freeze holds it back past its time, and then it is
// announced anew.
func TestVetoIsStopped(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		wantRefused(t, r.says("alice", c.ID, true), ledger.RefusedStage, "needs no yes")
		r.must(r.says("eve", c.ID, false))
		if c := r.last(1); c.Outcome != remedy.OutcomeDenied {
			t.Errorf("%s/%s", c.Stage, c.Outcome)
		}
		r.bad(2)
		two := r.reaches(2, remedy.StageWaiting)
		r.must(r.e.Freeze(r.ctx(), alice(), "work", time.Time{}))
		r.rounds(37 * time.Minute)
		if c := r.last(2); c.ID != two.ID || len(c.Executions) > 0 || c.Veto != nil {
			t.Fatalf("frozen: %s %+v", c.Stage, c.Veto)
		}
		r.must(r.e.Unfreeze(r.ctx(), alice()))
		again := r.reaches(2, remedy.StageWaiting)
		if again.ID != two.ID || again.Veto.Notice == two.Veto.Notice {
			t.Errorf("it wasn't announced anew: %+v", again.Veto)
		}
		r.reaches(2, remedy.StageOut)
	}, announcing(5*time.Minute))
}

// A level that falls in the window takes the announcement back, and asks.
func TestVetoLevelFalls(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		s := defaults()
		s.level = remedy.LevelConfirm
		announcing(5 * time.Minute)(&s)
		r.must(r.e.Reconfigure(r.ctx(), r.config(s)))
		r.rounds(2 * step)
		if got := r.last(1); got.ID != c.ID || got.Stage != remedy.StageWaiting || got.Ask == nil || got.Veto != nil {
			t.Fatalf("%s %+v %+v", got.Stage, got.Ask, got.Veto)
		}
		r.rounds(10 * time.Minute)
		if got := r.last(1); len(got.Executions) > 0 {
			t.Errorf("%+v", got.Executions)
		}
	}, announcing(5*time.Minute))
}

func (a *ear) deafen(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.err = err
}

// While nobody hears anything the window doesn't begin; after a while it is a
// question that a person has to answer.
func TestVetoUndelivered(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.ear.deafen(errors.New("deaf"))
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.rounds(29 * time.Minute)
		if c := r.last(1); c.Veto == nil || !c.Veto.DeliveredAt.IsZero() {
			t.Fatalf("%s %+v", c.Stage, c.Veto)
		}
		r.rounds(4 * time.Minute)
		if got := r.last(1); got.ID != c.ID || got.Ask == nil || !got.Undelivered {
			t.Fatalf("%s %+v", got.Stage, got.Ask)
		}
		r.ear.deafen(nil)
		r.rounds(10 * time.Minute)
		if got := r.last(1); got.Stage != remedy.StageWaiting || len(got.Executions) > 0 {
			t.Fatalf("%s %+v", got.Stage, got.Executions)
		}
		r.must(r.says("alice", c.ID, true))
		r.reaches(1, remedy.StageOut)
	}, announcing(5*time.Minute))
}

// In quiet hours that defer, the case says until when it isn't asked, and is
// asked then; a run by hand is possible all the while.
func TestQuietHours(t *testing.T) {
	t.Parallel()
	span := func(from, to string) cron.Span {
		f, err1 := cron.Parse(from)
		u, err2 := cron.Parse(to)
		if err1 != nil || err2 != nil {
			t.Fatal(err1, err2)
		}
		return cron.Span{From: f, To: u, Zone: time.UTC}
	}
	night := span("0 22 * * *", "0 10 * * *") // the rig's story begins at 09:00
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageProposed)
		if c.Unasked == nil || c.Unasked.Why != "quiet hours" || c.Unasked.Until.Hour() != 10 {
			t.Fatalf("%+v", c.Unasked)
		}
		wantRefused(t, r.says("alice", c.ID, true), ledger.RefusedStage, "not asked yet: quiet hours", "warden run")
		r.restart()
		r.rounds(65 * time.Minute)
		if c := r.last(1); c.Stage != remedy.StageWaiting || c.Ask.AskedAt.Hour() != 10 || c.Ask.ExpiresAt.Sub(c.Ask.AskedAt) != 30*time.Minute || c.Unasked != nil {
			t.Fatalf("%s %+v", c.Stage, c.Ask)
		}
	}, level(remedy.LevelConfirm), func(s *setup) { s.config = func(c *Config) { c.Quiet = &QuietHours{Span: night, Defer: true} } })
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.ear.mu.Lock()
		asked := slices.ContainsFunc(r.ear.heard, func(m chat.Message) bool {
			return m.Notice.Kind == ledger.NoticeQuestion && m.Calls() == remedy.MentionNobody
		})
		r.ear.mu.Unlock()
		if c.Ask.Mention != remedy.MentionNobody || !asked {
			t.Errorf("%+v", c.Ask)
		}
	}, level(remedy.LevelConfirm), func(s *setup) {
		s.config = func(c *Config) { c.Quiet = &QuietHours{Span: night, Mention: remedy.MentionNobody} }
	})
}

// A plan that changed between the question and the effect is asked about anew,
// with what changed.
func TestStaleSaysWhatChanged(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		r.bad(2, 3)
		r.rounds(3 * time.Minute)
		r.lb.suffix = " force"
		r.must(r.says("alice", c.ID, true))
		r.rounds(2 * step)
		next := r.last(1)
		if old, _ := r.l.Case(c.ID); old.Outcome != remedy.OutcomeStale || next.ID == c.ID || next.Ask == nil {
			t.Fatalf("%s, then %s %+v", old.Outcome, next.ID, next.Ask)
		}
		said := strings.Join(next.Ask.Changes, "; ")
		for _, want := range []string{"2 more hosts went bad (3 of 20)", "no longer: ", "new: ", " force"} {
			if next.Ask.After != c.ID || !strings.Contains(said, want) {
				t.Errorf("after %s, %q doesn't say %q", next.Ask.After, said, want)
			}
		}
		wantRefused(t, r.says("bob", c.ID, true), ledger.RefusedDecided, "stale", next.ID.String()+" asks instead", "2 more hosts")
	}, level(remedy.LevelConfirm), func(s *setup) { s.n = 20 })
}

// A file that is edited to want two people binds the question that is out, and one
// person with two users doesn't become two by it.
func TestMorePeopleThanWereAsked(t *testing.T) {
	t.Parallel()
	who := acting(func(a *Action) { a.Approvers = []string{"fran", "fran-adm", "kim"} })
	story(t, func(r *rig) {
		t := r.t
		r.cfg.Aliases = []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}}
		r.bad(3)
		id := r.reaches(3, remedy.StageWaiting).ID
		next := *r.cfg
		next.Hash, next.Actions = "two people", maps.Clone(r.cfg.Actions)
		a := next.Actions[drain]
		a.Approvals = 2
		next.Actions[drain] = a
		r.cfg = &next
		r.must(r.e.Reconfigure(r.ctx(), &next))
		r.must(r.says("fran", id, true))
		wantRefused(t, r.says("fran-adm", id, true), ledger.RefusedDecided, "1 of 2, by fran")
		r.rounds(2 * step)
		if r.lb.acts() != 0 {
			t.Fatal("it acts on one yes")
		}
		r.must(r.says("kim", id, true))
		r.rounds(2 * step)
		if r.lb.acts() != 1 {
			t.Errorf("%d acts after two said yes: %+v", r.lb.acts(), r.last(3))
		}
	}, level(remedy.LevelConfirm), rules(nil), who)
}

// TestAnAnnouncementIsPutOff: what acts by itself can be put off as a question can, by
// anybody, and the button that its card offers does so. It is announced again when the
// time is over, and acts when that was in vain.
func TestAnAnnouncementIsPutOff(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		c := r.reaches(1, remedy.StageWaiting)
		k := chat.CardOf(r.e.message(ledger.Notice{Case: c.ID, Kind: ledger.NoticeAnnounced}, 0), chat.CardOptions{})
		if !slices.ContainsFunc(k.Buttons, func(b chat.Button) bool { return b.Verb == chat.VerbSnooze }) {
			t.Fatalf("the card offers no delay: %+v", k.Buttons)
		}
		if err := r.e.Snooze(r.ctx(), clicker("carol"), ledger.CaseSnooze{Case: c.ID, Question: c.Question()}, 30*time.Minute); err != nil {
			t.Fatal(err)
		}
		r.rounds(29 * time.Minute)
		if n := r.lb.acts(); n > 0 {
			t.Errorf("%d acts were done while it was put off", n)
		}
		r.reaches(1, remedy.StageWaiting)
		if c, _ := r.e.Ledger.Case(c.ID); c.Veto == nil {
			t.Errorf("it is not announced again: %+v", c)
		}
		r.rounds(10 * time.Minute)
		if n := r.lb.acts(); n != 1 {
			t.Errorf("announced again and not stopped, it acted %d times", n)
		}
	}, announcing(5*time.Minute))
}
