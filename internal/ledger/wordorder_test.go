package ledger_test

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestWordsOfDifferentPeopleComeInAnyOrder: however what three people say of two cases
// is interleaved, with the end of the later one, the same stands against the next.
func TestWordsOfDifferentPeopleComeInAnyOrder(t *testing.T) {
	t.Parallel()
	words := []trust.Label{trust.Unlabelled, trust.Right, trust.Unclear, trust.Wrong}
	type say struct {
		who, on int // on is 0 for the end of the second case
		what    trust.Label
	}
	run := func(t *testing.T, denied bool, order []say) (by []string) {
		t.Helper()
		r := trusting(t, remedy.LevelAuto)
		var on [3]remedy.CaseID
		if denied {
			on[1] = r.falseAlarm()
			r.goodAgain()
		} else {
			on[1] = r.ok(judge("h1", remedy.LevelAuto, counted))
			r.closed(on[1], remedy.OutcomeSelfRecovered)
		}
		on[2] = r.ok(judge("h1", remedy.LevelAuto, counted))
		who := []remedy.Actor{alice(), bob(), person("carol")}
		for _, s := range order {
			r.pass(time.Second)
			if s.on == 0 {
				r.closed(on[2], remedy.OutcomeSelfRecovered)
				continue
			}
			r.as(who[s.who], &ledger.CaseLabel{
				Case: on[s.on], Label: s.what, Withdraw: s.what == trust.Unlabelled, Lowers: s.who != 0 && s.what != trust.Unlabelled,
			})
		}
		id := r.ok(judge("h1", remedy.LevelAuto, counted))
		for _, a := range who {
			if r.as(alice(), &ledger.CaseLabel{Case: id, Withdraw: true, Of: a.Name, Seen: r.saidBy(id, a.Name)}).Results[0].OK && a.Name != "alice" ||
				a.Name == "alice" && r.as(alice(), &ledger.CaseLabel{Case: id, Withdraw: true}).Results[0].OK {
				by = append(by, a.Name)
			}
		}
		return by
	}
	rapid.Check(t, func(rt *rapid.T) {
		denied := rapid.Bool().Draw(rt, "denied")
		queues := [][]say{{{on: 0}}}
		for who := range 3 {
			var q []say
			for range rapid.IntRange(0, 3).Draw(rt, "words") {
				s := say{who, rapid.IntRange(1, 2).Draw(rt, "on"), rapid.SampledFrom(words).Draw(rt, "what")}
				if s.what == trust.Right && who != 0 {
					s.what = trust.Unclear
				}
				q = append(q, s)
			}
			queues = append(queues, q)
		}
		seed := rapid.Uint64().Draw(rt, "seed")
		var want []string
		for i := range uint64(2) {
			rng, left, order := rand.New(rand.NewPCG(seed, i)), append([][]say(nil), queues...), []say(nil)
			for n := 1 + len(queues[1]) + len(queues[2]) + len(queues[3]); len(order) < n; {
				if j := rng.IntN(len(left)); len(left[j]) > 0 {
					order, left[j] = append(order, left[j][0]), left[j][1:]
				}
			}
			got := run(t, denied, order)
			if i == 0 {
				want = got
			} else if strings.Join(got, ",") != strings.Join(want, ",") {
				rt.Fatalf("denied %v: after %v the words of %v stand, and of %v in another order", denied, order, got, want)
			}
		}
	})
}
