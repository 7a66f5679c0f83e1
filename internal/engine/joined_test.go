package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestAnotherVoterSaysTheyAreOne: where nobody could say the second yes by what another
// voter's file says, nobody is asked, round after round, and the case says whose file it
// is, once; a question that is out is taken back, and asked again once the file is mended.
func TestAnotherVoterSaysTheyAreOne(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		three(r)
		says := func(aliases ...remedy.Alias) {
			b := r.cfg.TrustReport(n2)
			b.Aliases = aliases
			r.commit(b)
		}
		says()
		r.commit(r.cfg.TrustReport(n3))
		r.bad(1)
		id := r.reaches(1, remedy.StageWaiting).ID
		says(remedy.Alias{Person: "fran", Unix: []string{"fran", "kim"}})
		r.rounds(10 * time.Minute)
		c := r.last(1)
		const why = "2 people have to say yes, and 1 may: the file of n2-bbbb says that fran and kim are one person"
		if c.ID != id || c.Stage != remedy.StageProposed || c.Unasked == nil || c.Unasked.Why != why {
			t.Fatalf("%s %s, not asked: %+v", c.ID, c.Stage, c.Unasked)
		}
		said := slices.DeleteFunc(slices.Clone(c.Events), func(x ledger.Event) bool { return x.What != "asked" && !strings.HasPrefix(x.What, "not asked") })
		if len(said) != 2 {
			t.Errorf("it goes on saying so: %+v", c.Events)
		}
		says()
		r.reaches(1, remedy.StageWaiting)
	}, level(remedy.LevelConfirm), twoOf("fran", "kim"))
}
