package engine

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// sortedSubjects is subjects the slow way: all of them by their turn.
func (e *Engine) sortedSubjects(r *round, p *poolRound, open []*ledger.Case) []subject {
	known := e.known(r, p, open)
	var out []subject
	for n := range p.judgements {
		j := &p.judgements[n]
		for k := range j.Verdicts {
			h := j.Roster.Name(k)
			t, ok := known[n][h]
			if !ok {
				t.turn = turn{action: drain, host: h, open: ^remedy.CaseID(0)}
			}
			if worthDeciding(j.Verdicts[k].Verdict, t.c, j.Detector) {
				out = append(out, subject{n: n, j: j, k: k, c: t.c, turn: t.turn})
			}
		}
	}
	slices.SortStableFunc(out, func(a, b subject) int { return a.turn.compare(b.turn) })
	return out
}

// TestSubjectsComeInTurn: whoever has a case or was acted on, hosts come in the
// order in which sorting all of them would put them.
func TestSubjectsComeInTurn(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		r := newRig(rt, func(s *setup) {
			s.n, s.level = 20, rapid.SampledFrom([]remedy.Level{remedy.LevelMetricOnly, remedy.LevelConfirm, remedy.LevelAuto}).Draw(rt, "level")
			s.canary.MaxBadFraction, s.shadowOut = 1, time.Minute
		})
		bad := map[int]bool{}
		for range rapid.IntRange(1, 6).Draw(rt, "steps") {
			for range rapid.IntRange(0, 4).Draw(rt, "changes") {
				i := rapid.IntRange(0, 19).Draw(rt, "host")
				if bad[i] = !bad[i]; bad[i] {
					r.bad(i)
				} else {
					r.good(i)
				}
			}
			r.clk.Advance(time.Duration(rapid.IntRange(4, 30).Draw(rt, "later")) * time.Minute)
			seen := r.e.detect(t.Context(), r.cfg, r.e.baton.memory, false)
			p := seen.pools[ingest]
			open := r.l.Pool(ingest, r.clk.Now()).Open
			want := r.e.sortedSubjects(seen, p, open)
			got := slices.Collect(r.e.subjects(seen, p, open, func() bool { return false }))
			same := func(a, b subject) bool { return a.n == b.n && a.k == b.k && a.c == b.c }
			if !slices.EqualFunc(got, want, same) {
				rt.Fatalf("got  %+v\nwant %+v", got, want)
			}
			full := slices.Collect(r.e.subjects(seen, p, open, func() bool { return true }))
			if want = slices.DeleteFunc(want, func(s subject) bool { return s.c == nil }); !slices.EqualFunc(full, want, same) {
				rt.Fatalf("a full pool gets %+v\nwant %+v", full, want)
			}
			r.turn()
			r.turn()
		}
	})
}
