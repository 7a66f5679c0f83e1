package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// saysOne has a voter report that an action needs two people, and who is one.
func (r *rig) saysOne(node remedy.NodeID, aliases ...remedy.Alias) {
	r.t.Helper()
	hash := fmt.Sprint(aliases)
	r.ok(&ledger.TrustReport{Node: node, ConfigHash: hash, Rungs: []ledger.TrustRung{{Action: drain, Pool: pool, Approvals: 2}}, Aliases: aliases})
}

// secondVoter makes n2 a voter.
func (r *rig) secondVoter() {
	r.t.Helper()
	r.okAs(alice(), &ledger.VoterAdd{Node: "n2", MaxVersion: ledger.Version}, report("n2", setup{level: remedy.LevelConfirm, limits: roomy()}))
}

var franIsKim = remedy.Alias{Person: "fran", Unix: []string{"fran", "kim"}}

// TestNothingIsAskedThatNobodyCanMeet: where another voter's file says that those who may
// answer are one person, the judgement's question isn't put: the case says why and whose
// file it is, once, however often it is judged. With that voter gone it is put.
func TestNothingIsAskedThatNobodyCanMeet(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	r.secondVoter()
	r.saysOne(n1)
	r.saysOne("n2", franIsKim)
	asks := judge("h1", remedy.LevelConfirm, r.asks("fran", "kim"), func(b *ledger.CaseJudge) { b.Ask.Needed = 2 })
	const why = "2 people have to say yes, and 1 may: the file of n2 says that fran and kim are one person"
	var id remedy.CaseID
	for range 3 {
		id = r.ok(asks)
		c := r.get(id)
		if c.Stage != remedy.StageProposed || c.Ask != nil || c.Unasked == nil || c.Unasked.Why != why {
			t.Fatalf("%s, asks %+v, not asked: %+v", c.Stage, c.Ask, c.Unasked)
		}
	}
	if n := r.said(id, "warden", "not asked: "+why); n != 1 {
		t.Errorf("it says so %d times: %+v", n, r.get(id).Events)
	}
	if n := len(r.ofKind(ledger.NoticeQuestion)); n != 0 {
		t.Errorf("%d questions were told", n)
	}
	if got := r.l.Unanswerable(drain, pool, *asks.Ask, nil); got != why {
		t.Errorf("the ledger says %q", got)
	}
	restored(t, r.l)
	p := plan("h2")
	byHand := &ledger.ManualOpen{
		Pool: pool, Host: "h2", Action: drain, Reason: "work", Plan: *p, Decision: *decision(remedy.LevelAuto),
		Ask: &ledger.Ask{PlanHash: p.Hash(), Approvers: []string{"fran", "kim"}, ExpiresAt: r.now.Add(time.Hour)},
	}
	if res := r.refused(ledger.RefusedApproval, person("fran"), byHand); !strings.Contains(res.Reason, why) {
		t.Errorf("by hand it says %q", res.Reason)
	}
	r.okAs(alice(), &ledger.VoterRemove{Node: "n2"})
	r.ok(asks)
	r.stage(id, remedy.StageWaiting, "")
	r.okAs(person("fran"), r.yes(id))
	r.okAs(person("kim"), r.yes(id))
	r.start(id, remedy.Warden())
	if r.get(r.okAs(person("fran"), byHand)).Ask == nil {
		t.Error("by hand nobody is asked")
	}
}

// TestAQuestionThatCantBeMetAnyMore: it is taken back with who says so, and not put again.
func TestAQuestionThatCantBeMetAnyMore(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	r.secondVoter()
	r.saysOne("n2")
	asks := judge("h1", remedy.LevelConfirm, r.asks("fran", "kim"), func(b *ledger.CaseJudge) { b.Ask.Needed = 2 })
	id := r.ok(asks)
	r.stage(id, remedy.StageWaiting, "")
	r.saysOne("n2", franIsKim)
	r.ok(asks)
	c := r.get(id)
	if c.Stage != remedy.StageProposed || c.Ask != nil || c.Unasked == nil {
		t.Errorf("%s, asks %+v, not asked: %+v", c.Stage, c.Ask, c.Unasked)
	}
	if n := len(r.ofKind(ledger.NoticeQuestion)); n != 1 {
		t.Errorf("%d questions were told", n)
	}
	off := r.ofKind(ledger.NoticePutOff)
	if len(off) != 1 || !strings.HasSuffix(off[0].Detail, "the file of n2 says that fran and kim are one person") {
		t.Errorf("told: %+v", off)
	}
}

// TestOnlyWhoIsConcernedIsJoined: a question learns who is one person of those whom it
// asks, and of those who answer as members of a group once they do, and no more.
func TestOnlyWhoIsConcernedIsJoined(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	var all []remedy.Alias
	for i := range 300 {
		name := "p" + fmt.Sprint(i)
		all = append(all, remedy.Alias{Person: name, Unix: []string{name, name + "-adm"}, Email: name + "@example.net"})
	}
	r.saysOne(n1, all...)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice", "p7", "@ops"), func(b *ledger.CaseJudge) { b.Ask.Needed = 3 }))
	names := func() (out []string) {
		for _, one := range r.get(id).Ask.Aliases {
			out = append(out, one.Person)
		}
		return out
	}
	if got := names(); !slices.Equal(got, []string{"p7"}) {
		t.Errorf("asked, it knows %v", got)
	}
	in := func(name string) remedy.Actor { return remedy.Actor{Name: name, Groups: []string{"ops"}, Person: true} }
	r.okAs(in("p9"), r.yes(id))
	r.saysOne(n1) // what was said of p9 stays with the question
	r.refused(ledger.RefusedDecided, in("p9-adm"), r.yes(id))
	r.okAs(in("p3"), r.yes(id))
	if got := names(); !slices.Equal(got, []string{"p7", "p9"}) {
		t.Errorf("answered, it knows %v", got)
	}
	r.okAs(person("alice"), r.yes(id))
	restored(t, r.l)
	r.start(id, remedy.Warden())
}

// TestAQuestionLearnsABoundedLot: a file that is edited again and again has the question
// taken back and put anew, and not grow with each.
func TestAQuestionLearnsABoundedLot(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "kim", "lee"), func(b *ledger.CaseJudge) { b.Ask.Needed = 2 }))
	for i := range 100 {
		r.saysOne(n1, remedy.Alias{Person: "fran", Unix: []string{"fran", fmt.Sprint("fran", i)}})
		c := r.get(id)
		if c.Ask == nil {
			if n := r.said(id, "warden", "has changed too often since"); n != 1 || i < 60 {
				t.Errorf("taken back after %d edits: %+v", i, c.Events)
			}
			return
		}
	}
	t.Errorf("it knows %d", len(r.get(id).Ask.Aliases))
}

// orders are all orders of some names.
func orders(names []string) (out [][]string) {
	if len(names) == 0 {
		return [][]string{nil}
	}
	for i, first := range names {
		for _, rest := range orders(slices.Delete(slices.Clone(names), i, i+1)) {
			out = append(out, append([]string{first}, rest...))
		}
	}
	return out
}

// TestTwoFilesKnowOnePersonTogether: of one person with several unix users, of which each
// voter's file knows some, one counts, in whatever order they come and whichever voter's
// file it is that the question was put by.
func TestTwoFilesKnowOnePersonTogether(t *testing.T) {
	t.Parallel()
	one := func(unix ...string) remedy.Alias { return remedy.Alias{Person: unix[0], Unix: unix} }
	for _, tt := range []struct {
		name    string
		n1, n2  []remedy.Alias
		answers []string
	}{
		{"a name in both", []remedy.Alias{one("fran", "fran-adm")}, []remedy.Alias{one("fran-adm", "froot")}, []string{"fran", "fran-adm", "froot"}},
		{"the same, and she has not come by it", []remedy.Alias{one("fran", "fran-adm")}, []remedy.Alias{one("fran-adm", "froot")}, []string{"fran", "froot"}},
		{"the other way", []remedy.Alias{one("fran-adm", "froot")}, []remedy.Alias{one("fran", "fran-adm")}, []string{"fran", "froot"}},
		{"by an alias that names neither", []remedy.Alias{one("fran", "f1"), one("f2", "froot")}, []remedy.Alias{one("f1", "f2")}, []string{"fran", "froot"}},
		{
			"an address in both",
			[]remedy.Alias{{Person: "fran", Unix: []string{"fran"}, Email: "fran@x"}},
			[]remedy.Alias{{Person: "root", Unix: []string{"froot"}, Email: "fran@x"}},
			[]string{"fran", "froot"},
		},
	} {
		for _, order := range orders(tt.answers) {
			t.Run(tt.name+": "+strings.Join(order, ", "), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, at(remedy.LevelConfirm))
				r.secondVoter()
				r.saysOne(n1, tt.n1...)
				r.saysOne("n2", tt.n2...)
				in := func(name string) remedy.Actor { return remedy.Actor{Name: name, Groups: []string{"ops"}, Person: true} }
				id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("@ops"), func(b *ledger.CaseJudge) { b.Ask.Needed, b.Ask.Aliases = 2, tt.n1 }))
				for n, who := range order {
					if n == 0 {
						r.okAs(in(who), r.yes(id))
					} else {
						r.refused(ledger.RefusedDecided, in(who), r.yes(id))
					}
				}
				if res := r.as(remedy.Warden(), r.starting(id)).Results[0]; res.OK {
					t.Errorf("it started on the yes of one: %+v", r.get(id).Approvals)
				}
				restored(t, r.l)
				r.okAs(in("kim"), r.yes(id))
				r.start(id, remedy.Warden())
			})
		}
	}
}

// TestFilesTogetherLeaveNobody: where only the files of several voters together say that
// those who may answer are one person, nothing is asked, and the case says whose they are.
func TestFilesTogetherLeaveNobody(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	r.secondVoter()
	r.saysOne(n1, remedy.Alias{Person: "fran", Unix: []string{"fran", "fran-adm"}})
	r.saysOne("n2", remedy.Alias{Person: "fran", Unix: []string{"fran-adm", "froot"}})
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("fran", "froot"), func(b *ledger.CaseJudge) { b.Ask.Needed = 2 }))
	why := "2 people have to say yes, and 1 may: the files of " + string(n1) + " and n2 together say that fran and froot are one person"
	if c := r.get(id); c.Ask != nil || c.Unasked == nil || c.Unasked.Why != why {
		t.Errorf("asks %+v, not asked: %+v", c.Ask, c.Unasked)
	}
}
