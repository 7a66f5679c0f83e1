package ledger_test

import (
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestWhoseYesCounts: of all that may stand in a case, as an older build or a
// damaged state might have it, only a yes of an approver to the present plan counts,
// once a person, and not that of who asked for it by hand.
func TestWhoseYesCounts(t *testing.T) {
	t.Parallel()
	yes := func(who, plan string) ledger.CaseReply {
		return ledger.CaseReply{Approve: true, By: person(who), At: t0(), PlanHash: plan}
	}
	no := yes("kim", "p")
	no.Approve = false
	anybody := remedy.Actor{Name: "kim"} // no person
	for _, tt := range []struct {
		name   string
		given  []ledger.CaseReply
		byHand string
		plan   string
		want   []string
	}{
		{name: "approvers", given: []ledger.CaseReply{yes("fran", "p"), yes("kim", "p")}, want: []string{"fran", "kim"}},
		{name: "no approver", given: []ledger.CaseReply{yes("eve", "p"), yes("kim", "p")}, want: []string{"kim"}},
		{name: "no person", given: []ledger.CaseReply{{Approve: true, By: anybody, PlanHash: "p"}}},
		{name: "a no", given: []ledger.CaseReply{no}},
		{name: "another plan", given: []ledger.CaseReply{yes("fran", "q"), yes("kim", "p")}, want: []string{"kim"}},
		{name: "a plan that was asked about and is no more", given: []ledger.CaseReply{yes("fran", "p"), yes("kim", "q")}, plan: "q"},
		{name: "twice", given: []ledger.CaseReply{yes("fran", "p"), yes("fran", "p")}, want: []string{"fran"}},
		{name: "two users of one person", given: []ledger.CaseReply{yes("fran-adm", "p"), yes("fran", "p")}, want: []string{"fran-adm"}},
		{name: "who asked for it", given: []ledger.CaseReply{yes("fran", "p"), yes("kim", "p")}, byHand: "fran", want: []string{"kim"}},
		{name: "another user of who asked for it", given: []ledger.CaseReply{yes("fran-adm", "p"), yes("kim", "p")}, byHand: "fran", want: []string{"kim"}},
	} {
		c := &ledger.Case{
			PlanHash: "p", Approvals: tt.given,
			Ask: &ledger.Ask{
				PlanHash: "p", Approvers: []string{"fran", "fran-adm", "kim"}, Needed: 2,
				Aliases: []remedy.Alias{{Person: "fran", Unix: []string{"fran", "fran-adm"}}},
			},
		}
		if tt.plan != "" {
			c.PlanHash = tt.plan
		}
		if tt.byHand != "" {
			c.Ask.ByHand, c.Manual = true, &ledger.ManualRun{By: person(tt.byHand)}
		}
		var got []string
		for _, a := range c.Approved() {
			got = append(got, a.By.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s: %q count, want %q", tt.name, got, tt.want)
		}
		if len(tt.given) == 1 || tt.name == "no approver" { // alone, as where one yes is enough
			c.Answer, c.Approvals = &tt.given[0], nil
			if n := len(c.Approved()); n != 0 {
				t.Errorf("%s: %d count of one", tt.name, n)
			}
		}
	}
}

// TestACrowdThatComesLater: that somebody took a host out says that its detector
// was right, unless others of its pool went out around then, before or after.
func TestACrowdThatComesLater(t *testing.T) {
	t.Parallel()
	out := func(hosts ...remedy.HostName) *ledger.PoolOut {
		b := &ledger.PoolOut{Pool: pool}
		for _, h := range hosts {
			b.Set = append(b.Set, ledger.OutFact{Host: h})
		}
		return b
	}
	for _, tt := range []struct {
		name          string
		before, after time.Duration // when another host went out; 0 for none
		crowd         bool
	}{
		{name: "alone"},
		{name: "before", before: 30 * time.Minute, crowd: true},
		{name: "long before", before: 30*time.Minute + time.Second},
		{name: "later", after: 30 * time.Minute, crowd: true},
		{name: "much later", after: 30*time.Minute + time.Second},
	} {
		r := trusting(t, remedy.LevelNotify)
		id := r.ok(judge("h1", remedy.LevelNotify, counted))
		if tt.before > 0 {
			r.ok(out("h2"))
			r.long(tt.before)
			r.ok(out())
		}
		found := finding("h1", remedy.VerdictOut)
		r.ok(out("h1"), &ledger.CaseClose{Case: id, Outcome: remedy.OutcomeSuperseded, Finding: &found})
		if tt.after > 0 {
			r.label(id, trust.Right, trust.SourceHand)
			r.long(tt.after)
			r.ok(out("h1", "h3"))
		}
		s, _ := r.sample(id)
		if want := map[bool]trust.Label{true: trust.Unlabelled, false: trust.Right}[tt.crowd]; s.Label() != want || s.Crowd != tt.crowd {
			t.Errorf("%s: %q, crowd %v: %+v", tt.name, s.Label(), s.Crowd, s.Said)
		}
		restored(t, r.l)
	}
}
