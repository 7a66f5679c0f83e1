package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestACrowdPushesNobodyOut: however many say that the detector is wrong, on whichever
// of a host's cases and in whichever order, and however many of them take that back:
// whoever was heard and didn't still keeps warden from acting.
func TestACrowdPushesNobodyOut(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		people := rapid.Permutation(names(rapid.IntRange(2, 10).Draw(t, "people"))).Draw(t, "order")
		crowds(t, people, rapid.IntRange(1, 2).Draw(t, "cases"), rapid.SampledFrom(people).Draw(t, "stays"))
	})
}

// TestALargeCrowdPushesNobodyOut: the same of more than are kept of one case.
func TestALargeCrowdPushesNobodyOut(t *testing.T) {
	t.Parallel()
	for _, cases := range []int{1, 3} {
		people := names(90)
		for _, stays := range []string{people[0], people[41], people[89]} {
			crowds(t, people, cases, stays)
		}
	}
}

// crowds has people say wrong of the cases of one host, one after the other, and all
// but one of those who were heard take it back.
func crowds(t reporter, people []string, cases int, stays string) {
	r := trusting(t, remedy.LevelAuto)
	said := map[string]remedy.CaseID{}
	for i := range cases {
		id := r.ok(judge("h1", remedy.LevelAuto, counted))
		for _, who := range people[i*len(people)/cases : (i+1)*len(people)/cases] {
			if res := r.as(person(who), lowers(id, trust.Wrong)).Results[0]; res.OK {
				said[who] = id
			}
			r.pass(time.Second)
		}
		r.closed(id, remedy.OutcomeSelfRecovered)
		r.pass(time.Minute)
	}
	if len(said) < min(len(people), 40) || cases > 2 && len(said) != len(people) {
		t.Fatalf("%d of %d were heard", len(said), len(people))
	}
	_, heard := said[stays] // or else they were told that there is no room
	next := r.ok(judge("h1", remedy.LevelAuto, counted))
	for _, who := range people {
		if on, heard := said[who]; heard && who != stays {
			r.okAs(person(who), &ledger.CaseLabel{Case: on, Withdraw: true})
		}
	}
	if o, is := r.l.Against(r.get(next)); is != heard || is && o.By != stays {
		t.Fatalf("against it is %+v, and %s never took their word back", o, stays)
	}
	if heard {
		r.refused(ledger.RefusedApproval, remedy.Warden(), r.starting(next))
		r.okAs(person(stays), &ledger.CaseLabel{Case: said[stays], Withdraw: true})
	}
	r.start(next, remedy.Warden())
}

func names(n int) []string {
	out := make([]string, n)
	for i := range out {
		out[i] = fmt.Sprintf("p%02d", i)
	}
	return out
}

// TestWhoComesTooLateIsTold: a label that binds nothing and for which there is no room
// says so, and what to do; another's is not in its place.
func TestWhoComesTooLateIsTold(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	r.okAs(person("early"), lowers(id, trust.Wrong))
	var late string
	for _, who := range names(70) {
		if res := r.as(person(who), lowers(id, trust.Unclear)).Results[0]; !res.OK {
			late = res.Reason
		}
	}
	if want := "so many people say unclear about W-1 that no more are kept, and one more would change nothing: `warden show W-1` says who they are"; late != want {
		t.Errorf("told %q, want %q", late, want)
	}
	r.refused(ledger.RefusedBad, person("early"), lowers(id, trust.Unclear))
	r.okAs(person("early"), &ledger.CaseLabel{Case: id, Withdraw: true})
	r.label(id, trust.Unclear, trust.SourcePerson)
	r.okAs(alice(), &ledger.CaseLabel{Case: id, Label: trust.Right})
	restored(t, r.l)
}
