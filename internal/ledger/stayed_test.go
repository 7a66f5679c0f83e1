package ledger_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// Nobody judges a host while people are asked about it: that time is none in
// which it was seen to stay bad, though its newest verdict says bad.
func TestWaitingIsNotStayingBad(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	id := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice"), func(b *ledger.CaseJudge) { b.Ask.ExpiresAt = r.now.Add(20 * time.Hour) }))
	r.long(6 * time.Hour)
	if got := r.l.Unstayed(r.now); len(got) != 0 {
		t.Errorf("%v stayed bad while nobody looked", got)
	}
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseStayed{Case: id})
	r.okAs(bob(), &ledger.CaseSnooze{Case: id, Until: r.now.Add(time.Minute)})
	r.ok(judge("h1", remedy.LevelNotify, counted))
	if got := r.l.Unstayed(r.now); len(got) != 0 {
		t.Errorf("%v stayed bad for all the time in which nobody looked", got)
	}
	if c := r.get(id); c.NotBadFor != 6*time.Hour {
		t.Errorf("nobody looked for %s", c.NotBadFor)
	}
}

// Whatever people have said, there is room for what warden saw, and it says it once.
func TestStayedBadBesideManySpeakers(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	for i := range 2 * trust.MaxSaid {
		r.as(person(fmt.Sprint("p", i)), &ledger.CaseLabel{Case: id, Label: trust.Wrong})
	}
	r.long(5 * time.Hour)
	if !slices.Contains(r.l.Unstayed(r.now), id) {
		t.Error("warden has nothing to say")
	}
	r.ok(&ledger.CaseStayed{Case: id})
	if slices.Contains(r.l.Unstayed(r.now), id) {
		t.Error("warden says again what it said")
	}
	s, _ := r.sample(id)
	if !slices.ContainsFunc(s.Said, func(o trust.Statement) bool { return o.Source == trust.SourceStayed }) {
		t.Errorf("warden wasn't heard: %+v", s.Said)
	}
}
