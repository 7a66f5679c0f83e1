package engine

import (
	"testing"
	"time"

	"warden/internal/chat/slack"
	"warden/internal/remedy"
)

// A home is one person's: questions that they may answer and have not, what they
// approved, and, for everybody, what is out and the levels in force.
func TestTheHomeOfAPerson(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		id := r.reaches(3, remedy.StageWaiting).ID
		who := func(name string) remedy.Actor { return remedy.Actor{Name: name, Via: "slack", Person: true} }
		counts := func(name string) [3]int {
			h := slack.HomeOf(r.l, who(name))
			return [3]int{len(h.Waiting), len(h.Approved), len(h.Out)}
		}
		for name, want := range map[string][3]int{"alice": {1, 0, 0}, "nobody": {0, 0, 0}} {
			if got := counts(name); got != want {
				t.Errorf("%s, while it waits: %v, want %v", name, got, want)
			}
		}
		r.must(r.says("alice", id, true))
		if got := counts("alice"); got[0] != 0 || got[1] != 1 {
			t.Errorf("alice, who said yes: %v", got)
		}
		r.rounds(10 * time.Minute)
		for name, want := range map[string][3]int{"alice": {0, 1, 1}, "nobody": {0, 0, 1}} {
			if got := counts(name); got != want {
				t.Errorf("%s, once it is out: %v, want %v (%s)", name, got, want, r.last(3).Stage)
			}
		}
		ladder := slack.HomeOf(r.l, who("nobody")).Ladder
		if len(ladder) == 0 || ladder[0].Level != remedy.LevelConfirm || ladder[0].Action != drain || ladder[0].Pool != ingest {
			t.Errorf("the ladder is %+v", ladder)
		}
	}, level(remedy.LevelConfirm))
}
