package ledger_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// shown is an answer to a case's question as somebody sees it now.
func (r *rig) shown(id remedy.CaseID, approve bool) *ledger.CaseAnswer {
	r.t.Helper()
	c := r.get(id)
	if c.Question() == 0 {
		r.t.Fatalf("%s asks nothing: %+v", id, c)
	}
	return &ledger.CaseAnswer{Case: id, Approve: approve, PlanHash: c.PlanHash, Question: c.Question(), Seen: r.l.Standing(c).Newest}
}

// TestAnAnswerIsToTheQuestionThatWasShown: what was said to an earlier question of a
// case, and is committed when the case asks another of the same plan, decides nothing.
func TestAnAnswerIsToTheQuestionThatWasShown(t *testing.T) {
	t.Parallel()
	ask := func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "kim"))) }
	again := func(r *rig, id remedy.CaseID) {
		r.pass(10 * time.Minute)
		if got := ask(r); got != id {
			r.t.Fatalf("%s asks, and not %s", got, id)
		}
	}
	asleep := func(r *rig, id remedy.CaseID) {
		r.okAs(bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(5 * time.Minute)})
	}
	announce := func(r *rig) remedy.CaseID { return r.ok(judge("h1", remedy.LevelAuto, announced)) }
	tests := []struct {
		name  string
		first func(*rig) remedy.CaseID
		late  func(*rig, remedy.CaseID) ledger.Body // as it was shown
		then  func(*rig, remedy.CaseID)             // what happens before it is committed
		code  string
	}{
		{"a yes to this one", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, true) }, func(r *rig, _ remedy.CaseID) { r.pass(time.Minute) }, ""},
		{"a no to this one", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, false) }, func(r *rig, _ remedy.CaseID) { r.pass(time.Minute) }, ""},
		{"a yes, asked again", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, true) }, func(r *rig, id remedy.CaseID) { asleep(r, id); again(r, id) }, ledger.RefusedSuperseded},
		{"a no, asked again", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, false) }, func(r *rig, id remedy.CaseID) { asleep(r, id); again(r, id) }, ledger.RefusedSuperseded},
		{"a delay, asked again", ask, func(r *rig, id remedy.CaseID) ledger.Body {
			return &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Hour), Question: r.get(id).Question()}
		}, func(r *rig, id remedy.CaseID) { asleep(r, id); again(r, id) }, ledger.RefusedSuperseded},
		{"a yes that doesn't say to which, asked again", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.yes(id) }, func(r *rig, id remedy.CaseID) { asleep(r, id); again(r, id) }, ""},
		{"a yes, of two, asked further", func(r *rig) remedy.CaseID { return ask(r) }, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, true) }, func(r *rig, _ remedy.CaseID) { r.wants(2, 0) }, ""},
		{"a no to an announcement, now a question", announce, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, false) }, func(r *rig, id remedy.CaseID) {
			r.ok(&ledger.CaseReconsider{Case: id, Why: "the level fell"})
			again(r, id)
		}, ledger.RefusedSuperseded},
		{"a no to an announcement, announced again", announce, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, false) }, func(r *rig, id remedy.CaseID) {
			r.ok(&ledger.CaseReconsider{Case: id, Why: "too late"})
			r.pass(time.Minute)
			announce(r)
		}, ""},
		{"a no to a question, now announced", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, false) }, func(r *rig, id remedy.CaseID) {
			asleep(r, id)
			r.pass(10 * time.Minute)
			announce(r)
		}, ""},
		{"a yes, by hand now", ask, func(r *rig, id remedy.CaseID) ledger.Body { return r.shown(id, true) }, func(r *rig, id remedy.CaseID) {
			r.wants(2, 0)
			p := plan("h1")
			r.okAs(person("kim"), &ledger.ManualOpen{
				Pool: pool, Host: "h1", Action: drain, Reason: "x", Plan: *p, Decision: *decision(remedy.LevelAuto),
				Ask: &ledger.Ask{PlanHash: p.Hash(), Approvers: []string{"alice", "kim"}, ExpiresAt: r.now.Add(time.Hour)},
			})
		}, ledger.RefusedSuperseded},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelAuto)
			id := tt.first(r)
			late := tt.late(r, id)
			tt.then(r, id)
			was := r.get(id)
			if tt.code == "" {
				r.okAs(alice(), late)
				restored(t, r.l)
				return
			}
			res := r.refused(tt.code, alice(), late)
			for _, want := range []string{"superseded", "asked again at " + was.Ask.AskedAt.Format("2006-01-02 15:04:05Z"), "warden show " + id.String()} {
				if !strings.Contains(res.Reason, want) {
					t.Errorf("it says %q, and nothing of %q", res.Reason, want)
				}
			}
			if c := r.get(id); c.Stage != remedy.StageWaiting || c.Answer != nil || len(c.Approvals) != 0 || c.Snooze != nil {
				t.Errorf("it counted: %+v", c)
			}
			r.okAs(alice(), r.shown(id, true))
		})
	}
}

// Each question of a case has a number of its own, also where committed time stands
// still, and none before every voter's build knows what it is.
func TestQuestionsAreNumbered(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	old := r.ok(judge("h0", remedy.LevelConfirm, r.asks("alice")))
	if c := r.get(old); c.Question() != 0 || c.Ask.AskedAt.IsZero() {
		t.Errorf("before version 3: %+v", c.Ask)
	}
	r.okAs(alice(), r.yes(old))
	r.wants(0, 0)
	id := r.ok(judge("h1", remedy.LevelConfirm, func(b *ledger.CaseJudge) { b.Ask = &ledger.Ask{Notice: 99}; r.asks("alice")(b) }))
	first := r.get(id).Question()
	if n := r.ofKind(ledger.NoticeQuestion); first == 0 || first != n[len(n)-1].Seq {
		t.Errorf("the question is %d, told by %+v", first, n)
	}
	r.okAs(bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Millisecond)})
	r.pass(time.Millisecond)
	r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	if again := r.get(id).Question(); again <= first {
		t.Errorf("the questions are %d and %d", first, again)
	}
	restored(t, r.l)
}

// TestAYesPassesOverNothingUnread: a yes to a message that doesn't show what somebody
// else said since is refused, with who said it; one to a message that shows it counts.
func TestAYesPassesOverNothingUnread(t *testing.T) {
	t.Parallel()
	for _, needed := range []int{1, 2} {
		r := trusting(t, remedy.LevelConfirm)
		r.wants(needed, 0)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "kim", "lee")))
		early, no := r.shown(id, true), r.shown(id, false)
		r.pass(time.Second)
		r.okAs(bob(), lowers(id, trust.Wrong))
		r.pass(time.Second)
		res := r.refused(ledger.RefusedUnread, alice(), early)
		if want := "bob says that the detector is wrong about " + id.String(); !strings.Contains(res.Reason, want) || !strings.Contains(res.Reason, "look again") || !strings.Contains(res.Reason, "then approve") {
			t.Errorf("it says %q", res.Reason)
		}
		yes := r.shown(id, true)
		r.pass(time.Second)
		r.okAs(person("dora"), lowers(id, trust.Wrong)) // one more, while alice reads bob's
		r.pass(time.Second)
		if res := r.refused(ledger.RefusedUnread, alice(), yes); !strings.Contains(res.Reason, "dora says") {
			t.Errorf("it says %q", res.Reason)
		}
		r.okAs(alice(), r.shown(id, true))
		if needed == 2 {
			// Who is asked next is shown what the first has passed over.
			said := r.l.Standing(r.get(id))
			if want := "dora says that the detector is wrong about " + id.String() + "; bob says that the detector is wrong about " + id.String(); said.Words != want {
				t.Errorf("the second is shown %q, want %q", said.Words, want)
			}
			r.refused(ledger.RefusedUnread, person("kim"), early)
			r.okAs(person("kim"), r.shown(id, true))
		}
		if said := r.l.Standing(r.get(id)); said.Words != "" || !said.Newest.IsZero() {
			t.Errorf("after everybody's yes: %+v", said)
		}
		r.start(id, remedy.Warden())
		restored(t, r.l)

		id = r.ok(judge("h2", remedy.LevelConfirm, r.asks("alice", "kim")))
		r.okAs(bob(), lowers(id, trust.Wrong))
		r.pass(time.Second)
		no.Case, no.Question, no.PlanHash = id, r.get(id).Question(), r.get(id).PlanHash
		r.okAs(alice(), no) // a no passes over nobody
	}
}

// TestAYesFromBeforeOnesOwnWord: a yes that alice tapped before she said wrong, and that
// is committed after it, is older than what she says; having looked again, she says yes.
func TestAYesFromBeforeOnesOwnWord(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	early := r.shown(id, true)
	r.pass(time.Second)
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	r.pass(time.Second)
	res := r.refused(ledger.RefusedUnread, alice(), early)
	if want := "alice said at "; !strings.HasPrefix(res.Reason, want) || !strings.Contains(res.Reason, "look again, with `warden show "+id.String()+"`, then approve") {
		t.Errorf("it says %q", res.Reason)
	}
	r.okAs(alice(), r.shown(id, true))
	r.start(id, remedy.Warden())
	restored(t, r.l)
}

// TestTwoWordsOfOneInstant: where committed time stands still, a yes that was shown one
// of two words of an instant passes over neither the other, nor one that came in the
// place of one that was taken back.
func TestTwoWordsOfOneInstant(t *testing.T) {
	t.Parallel()
	for _, back := range []bool{false, true} {
		r := trusting(t, remedy.LevelAuto)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "kim")))
		r.pass(time.Minute)
		r.okAs(person("bob"), lowers(id, trust.Wrong))
		seen := r.shown(id, true)
		if back {
			r.okAs(person("bob"), &ledger.CaseLabel{Case: id, Withdraw: true})
			restored(t, r.l)
		}
		r.okAs(person("carol"), lowers(id, trust.Wrong))
		r.pass(time.Minute)
		r.refused(ledger.RefusedUnread, alice(), seen)
		r.okAs(alice(), r.shown(id, true))
		r.start(id, remedy.Warden())
	}
}

// A word about the case before stands against the next, which shows it.
func TestStandingShowsWhatACaseBeginsWith(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	first := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	for _, who := range []string{"bob", "carol", "dora", "eve"} {
		r.okAs(person(who), lowers(first, trust.Wrong))
		r.pass(time.Second)
	}
	r.closed(first, remedy.OutcomeSelfRecovered)
	r.pass(time.Hour)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
	said := r.l.Standing(r.get(id))
	if !strings.HasPrefix(said.Words, "eve says that the detector is wrong about "+first.String()+"; dora says") || !strings.HasSuffix(said.Words, "; and 1 more say so") {
		t.Errorf("it shows %q", said.Words)
	}
	if night := r.l.Night(t0()).Standing; len(night) != 1 || night[id] != said {
		t.Errorf("a summary shows %+v", night)
	}
	b := r.shown(id, true)
	b.Seen = b.Seen.Add(-time.Millisecond)
	r.refused(ledger.RefusedUnread, alice(), b)
	r.okAs(alice(), r.shown(id, true))
	if said := r.l.Standing(r.get(first)); said != (ledger.Standing{}) {
		t.Errorf("of a closed case: %+v", said)
	}
}
