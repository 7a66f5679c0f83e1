package ledger_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// What an execution didn't change, and what another hand put back, isn't ours
// to undo; it is told once, and a view that was read before stays as it was.
func TestSpared(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	id := r.ok(judge("h1", remedy.LevelAuto))
	r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseSpare{Case: id, Balancers: []string{"a"}})
	r.refused(ledger.RefusedNoCase, remedy.Warden(), &ledger.CaseSpare{Case: 99})
	tok := r.start(id, remedy.Warden(), func(b *ledger.ExecStart) {
		b.Balancers = []remedy.BalancerState{{Name: "a", Admin: "ready"}, {Name: "b", Admin: "ready"}, {Name: "c", Admin: "drain"}}
	})
	r.finish(id, tok, remedy.OutcomeDone, func(b *ledger.ExecFinish) { b.Spared = []string{"c", "nowhere"} })
	ours := func(c *ledger.Case, want ...string) {
		t.Helper()
		var got []string
		for _, b := range c.Taken().Ours() {
			got = append(got, b.Name)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Error(d)
		}
	}
	before := r.get(id)
	ours(before, "a", "b")
	told := len(r.ofKind(ledger.NoticePool))
	for range 2 {
		r.ok(&ledger.CaseSpare{Case: id, Balancers: []string{"a", "c", "elsewhere"}, Note: "half back"})
	}
	ours(r.get(id), "b")
	ours(before, "a", "b")
	if n := r.ofKind(ledger.NoticePool); len(n) != told+1 || n[told].Case != id || n[told].Detail != "half back" {
		t.Errorf("told %+v", n)
	}
}

// An attempt counts for a day, and not a moment longer.
func TestAttemptsCountForADay(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.drained("h1")
	for ago, want := range map[time.Duration]int{24*time.Hour - time.Second: 1, 24 * time.Hour: 0, 25 * time.Hour: 0} {
		if f := r.facts(func(q *ledger.FactsQuery) { q.Now = r.now.Add(ago) }); f.Attempts != want {
			t.Errorf("after %v: %d attempts, want %d", ago, f.Attempts, want)
		}
	}
}
