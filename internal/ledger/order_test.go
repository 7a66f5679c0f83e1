package ledger_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// inChat is somebody of whom nothing but an id in a chat is known.
func inChat(id string) remedy.Actor {
	return remedy.Actor{Name: "slack:" + id, Keys: []string{"slack:" + id}, Via: "slack", Person: true}
}

// TestOrderOfAnswers: whether two people said yes doesn't depend on the order in which
// they and others did; a unix user may be either of two whom a chat tells apart.
func TestOrderOfAnswers(t *testing.T) {
	t.Parallel()
	all := []remedy.Actor{person("fran"), person("fran-adm"), person("kim"), inChat("U1"), inChat("U2"), {Name: "fran", Keys: []string{"slack:U1", "fran@x"}, Person: true}}
	aliases := []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}, Email: "fran@x"}}
	names := []string{"fran", "fran-adm", "kim", "slack:U1", "slack:U2"}
	rapid.Check(t, func(rt *rapid.T) {
		who := rapid.SliceOfNDistinct(rapid.IntRange(0, len(all)-1), 1, len(all), rapid.ID).Draw(rt, "who")
		known := aliases[:rapid.IntRange(0, 1).Draw(rt, "known")]
		ask := &ledger.Ask{PlanHash: "p", Approvers: names, Needed: 2, Aliases: known}
		counts := func(order []int) int {
			c := &ledger.Case{PlanHash: "p", Ask: ask}
			for _, i := range order {
				c.Approvals = append(c.Approvals, ledger.CaseReply{Approve: true, By: all[i], PlanHash: "p"})
			}
			if n := len(c.Approved()) + len(c.Doubtful()); n > len(order) {
				rt.Fatalf("%d of %d", n, len(order))
			}
			return len(c.Approved())
		}
		other := rapid.Permutation(who).Draw(rt, "order")
		if a, b := counts(who), counts(other); a != b {
			rt.Fatalf("%v count as %d, and %v as %d", who, a, other, b)
		}
	})
}

// TestAUnixUserFirst: two people of a chat are two, also where a unix user who may be
// either said yes before them; they are told that they don't count yet.
func TestAUnixUserFirst(t *testing.T) {
	t.Parallel()
	for _, order := range [][]remedy.Actor{
		{person("fran"), inChat("U1"), inChat("U2")}, {inChat("U1"), person("fran"), inChat("U2")},
	} {
		r := newRig(t, at(remedy.LevelConfirm))
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "slack:U1", "slack:U2"), func(b *ledger.CaseJudge) { b.Ask.Needed = 2 }))
		for i, by := range order {
			r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
			r.okAs(by, r.yes(id))
			if i < 2 {
				r.refused(ledger.RefusedDecided, by, r.yes(id))
			}
			c := r.get(id)
			if n := len(c.Approved()); n != []int{1, 1, 2}[i] || len(c.Doubtful()) != []int{0, 1, 0}[min(i, 2)] && i < 2 {
				t.Errorf("after %d: %d count, %+v", i+1, n, c.Doubtful())
			}
			if said := c.Events[len(c.Events)-1].What; i == 1 && !strings.Contains(said, "may be "+order[0].Name) {
				t.Errorf("it says %q", said)
			}
		}
		restored(t, r.l)
		r.start(id, remedy.Warden())
	}
}

// TestADoubtfulCrowd: the yes that don't count are bounded.
func TestADoubtfulCrowd(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("@ops", "slack:@ops"), func(b *ledger.CaseJudge) { b.Ask.Needed = 40 }))
	said := 0
	for i := range 40 {
		by := inChat(string(rune('A' + i)))
		by.Keys = append(by.Keys, "slack:@ops")
		if i%2 == 0 {
			by = remedy.Actor{Name: by.Name, Groups: []string{"ops"}, Person: true}
		}
		if r.as(by, &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash}).Results[0].OK {
			said++
		}
	}
	if n := len(r.get(id).Approvals); n != said || n > 36 || n < 30 {
		t.Errorf("%d were kept of %d", n, said)
	}
}

// TestAnAliasThatComesLater: who turns out to be one person since the question was
// asked, by any voter's file, counts once, whenever that is said, and after a restart.
func TestAnAliasThatComesLater(t *testing.T) {
	t.Parallel()
	says := func(r *rig, unix ...string) {
		b := &ledger.TrustReport{Node: n1, ConfigHash: strings.Join(unix, " "), Rungs: []ledger.TrustRung{{Action: drain, Pool: pool, Approvals: 2}}}
		if len(unix) > 0 {
			b.Aliases = []remedy.Alias{{Person: "fran", Unix: unix}}
		}
		r.ok(b)
	}
	for _, before := range []int{0, 1, 2} { // how many said yes before the file is read
		r := newRig(t, at(remedy.LevelConfirm))
		says(r)
		id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "fran-adm", "kim")))
		two := []remedy.Actor{person("fran"), person("fran-adm")}
		for _, by := range two[:before] {
			r.okAs(by, r.yes(id))
		}
		if before == 2 && r.get(id).Answer == nil {
			t.Fatal("two unix users whom no file joins are two")
		}
		asked := len(r.ofKind(ledger.NoticeQuestion))
		says(r, "fran", "fran-adm")
		says(r) // taking it out of the file again doesn't make them two
		for i, by := range two[before:] {
			if r.as(by, r.yes(id)).Results[0].OK != (before+i == 0) {
				t.Errorf("%d before: %+v", before, r.get(id).Approvals)
			}
		}
		restored(t, r.l)
		if c := r.get(id); c.Answer != nil || len(c.Approved()) != 1 {
			t.Errorf("%d before: %+v, %d count", before, c.Answer, len(c.Approved()))
		}
		if n := len(r.ofKind(ledger.NoticeQuestion)); n != asked+before/2 {
			t.Errorf("%d before: asked %d times more", before, n-asked)
		}
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(id))
		r.okAs(person("kim"), r.yes(id))
		r.start(id, remedy.Warden())
	}
}

// TestAnAliasForWhoAskedByHand: whoever asked can't say the yes that they need under
// a name that turns out to be theirs, and a question that nobody else may answer then
// is taken back.
func TestAnAliasForWhoAskedByHand(t *testing.T) {
	t.Parallel()
	for _, others := range [][]string{{"kim"}, nil} {
		r := newRig(t, at(remedy.LevelConfirm))
		r.wants(2, 0)
		p := plan("h1")
		id := r.okAs(person("fran"), &ledger.ManualOpen{
			Pool: pool, Host: "h1", Action: drain, Reason: "work", Plan: *p, Decision: *decision(remedy.LevelAuto),
			Ask: &ledger.Ask{PlanHash: p.Hash(), Approvers: slices.Concat([]string{"fran", "fran-adm"}, others), ExpiresAt: r.now.Add(time.Hour)},
		})
		r.okAs(person("fran-adm"), r.yes(id))
		r.ok(&ledger.TrustReport{Node: n1, Rungs: []ledger.TrustRung{{Action: drain, Pool: pool, Approvals: 2}}, Aliases: []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}}})
		if c := r.get(id); len(others) == 0 {
			if c.Outcome != remedy.OutcomeCancelled {
				t.Errorf("%s %s: nobody can answer it", c.Stage, c.Outcome)
			}
			continue
		}
		r.refused(ledger.RefusedApproval, person("fran"), r.starting(id, manual))
		r.okAs(person("kim"), r.yes(id))
		r.start(id, person("fran"), manual)
	}
}

// TestNeverMet: a question that no two people can answer is not put on.
func TestNeverMet(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "slack:U1")))
	r.wants(2, 0)
	if c := r.get(id); c.Ask != nil {
		t.Errorf("%s %+v", c.Stage, c.Ask)
	}
	id = r.ok(judge("h2", remedy.LevelConfirm, r.asks("fran", "slack:U1"), func(b *ledger.CaseJudge) {
		b.Ask.Aliases = []remedy.Alias{{Person: "fran", Unix: []string{"fran"}, Email: "fran@x"}}
	}))
	r.wants(3, 0)
	r.wants(2, 0)
	if c := r.get(id); c.Ask != nil {
		t.Errorf("three of two: %s %+v", c.Stage, c.Ask)
	}
}
