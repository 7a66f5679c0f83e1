package engine

import (
	"errors"
	"fmt"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// clicker is somebody whom Slack vouches for.
func clicker(name string) remedy.Actor {
	return remedy.Actor{Name: name, Keys: []string{"slack:" + name}, Via: "slack", Person: true}
}

// tally counts the entries of a kind that are in the log.
func (r *rig) tally(kind string) *int {
	n := 0
	r.log.fault = func(e ledger.Entry) fault {
		if hasOp(e, kind) {
			n++
		}
		return noFault
	}
	return &n
}

// Whatever is said of clicks, by whichever node, the log takes no more of it than
// the ledger's bounds; also while the ledger can't count, since nothing is applied.
func TestClicksDontFillTheLog(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.must(r.e.ReportConfig(r.ctx()))
		n := r.tally(ledger.KindClicksRefused)
		for i := range 300 {
			b := &ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: ledger.ClickNobody, User: fmt.Sprint("U", i/2)}
			if i%3 == 0 {
				b = &ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Rest: []ledger.ClickCount{{Kind: ledger.ClickNobody, N: i + 1}}}
			}
			var err error
			if i%2 == 0 {
				err = r.e.RefusedClicks(r.ctx(), b)
			} else {
				_, err = r.e.Relayed(r.ctx(), node, b)
			}
			if _, refused := errors.AsType[*Refusal](err); err != nil && !refused {
				t.Fatal(err)
			}
		}
		if *n != ledger.MaxClicksTold+1 {
			t.Errorf("%d entries, want %d and a count", *n, ledger.MaxClicksTold)
		}
		if _, err := r.e.Relayed(r.ctx(), node, &ledger.ClicksRefused{Surface: "slack", Kind: "forged"}, &ledger.ClicksRefused{Surface: "slack", Kind: "nobody"}); err == nil {
			t.Error("two in one entry were taken")
		}
	})
	story(t, func(r *rig) {
		r.must(r.e.ReportConfig(r.ctx()))
		n := 0
		r.log.fault = func(ledger.Entry) fault { n++; return lost }
		for i := range 300 {
			_ = r.e.RefusedClicks(r.ctx(), &ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: ledger.ClickNobody, User: fmt.Sprint("U", i)})
		}
		if n > mostProposed {
			t.Errorf("%d entries whose fate nobody knows", n)
		}
	})
}

// A click that the ledger would refuse makes no entry, says what the entry would
// have said, and one that it would take is decided by its place in the log.
func TestRefusedClicksMakeNoEntry(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.bad(1)
		id := r.reaches(1, remedy.StageWaiting).ID
		n := r.tally("case.answer")
		c, _ := r.l.Case(id)
		yes := ledger.CaseAnswer{Case: id, Approve: true, PlanHash: c.PlanHash}
		r.e.callOut(r.ctx()) // it leads, and has applied the log
		for range 50 {
			wantRefused(t, r.e.Answer(r.ctx(), clicker("mallory"), yes), ledger.RefusedPerson)
		}
		if *n != 0 {
			t.Errorf("%d entries for clicks of somebody who may not", *n)
		}
		wantRefused(t, r.e.Answer(r.ctx(), named("mallory"), yes), ledger.RefusedPerson)
		if *n != 1 {
			t.Errorf("at a socket there are %d entries, want 1", *n)
		}
		for range 50 { // the same again is acknowledged, and is in the log once
			r.must(r.e.Answer(r.ctx(), clicker("carol"), yes))
		}
		if *n != 2 {
			t.Errorf("%d entries, want 2", *n)
		}
		c, _ = r.l.Case(id)
		if c.Answer == nil || c.Answer.By.Name != "carol" {
			t.Errorf("%+v", c.Answer)
		}
		for range 50 {
			wantRefused(t, r.e.Answer(r.ctx(), clicker("dave"), ledger.CaseAnswer{Case: id, PlanHash: c.PlanHash}), ledger.RefusedDecided)
		}
		if *n != 2 {
			t.Errorf("%d entries after 50 that came too late, want 2", *n)
		}
	}, level(remedy.LevelConfirm), acting(func(a *Action) { a.Approvers = []string{"slack:carol", "slack:dave"} }))
}

// A leader that has not applied the log, or may lead no more, foretells nothing: a
// click is decided by its place in the log then.
func TestALaggingLeaderForetellsNothing(t *testing.T) {
	t.Parallel()
	for name, lag := range map[string]func(r *rig){
		"its tenure has not begun": func(*rig) {},
		"it has still to read the log": func(r *rig) {
			r.e.callOut(r.ctx())
			r.e.Ledger = ledger.New()
		},
	} {
		story(t, func(r *rig) {
			r.bad(1)
			id := r.reaches(1, remedy.StageWaiting).ID
			n := r.tally("case.answer")
			lag(r)
			_ = r.e.Answer(r.ctx(), clicker("carol"), ledger.CaseAnswer{Case: id}) // what it knows of it comes later
			r.e.Ledger = r.l
			if c, _ := r.l.Case(id); *n != 1 || c.Answer == nil {
				t.Errorf("%s: %d entries; %+v", name, *n, c.Answer)
			}
		}, level(remedy.LevelConfirm), acting(func(a *Action) { a.Approvers = []string{"slack:carol"} }))
	}
}
