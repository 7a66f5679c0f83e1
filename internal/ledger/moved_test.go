package ledger_test

import (
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// TestAMovedCaseSplitsNoEpisode: a START that counts for the detector as it is now
// takes its case out of the middle of an afternoon, which stays one.
func TestAMovedCaseSplitsNoEpisode(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelConfirm)
	step := trust.DefaultRules().EpisodeGap * 3 / 4
	var ids []remedy.CaseID
	for _, h := range []remedy.HostName{"h1", "h2", "h3"} {
		ids = append(ids, r.ok(judge(h, remedy.LevelConfirm, r.asks("alice"), func(b *ledger.CaseJudge) { b.Ask.ExpiresAt = r.now.Add(8 * time.Hour) })))
		r.long(step)
	}
	holds := func(digest string, episodes, cases int) {
		t.Helper()
		restored(t, r.l)
		e := r.evidence()
		all := slices.Concat(e.Current, e.Older)
		i := slices.IndexFunc(all, func(r trust.Record) bool { return r.Digest == digest })
		if i < 0 {
			t.Fatalf("there is no record of %s", digest)
		}
		if n := trust.Count(all[i], time.Time{}, e.Rules); n.Episodes != episodes || n.Cases != cases || n.Unlabelled != episodes {
			t.Errorf("%s: %+v, want %d episodes of %d cases", digest, n.Tally, episodes, cases)
		}
	}
	holds("d1", 1, 3)
	r.ok(trustOf(n1, digest("d2")))
	for i, at := range []int{1, 0, 2} { // the middle one, then the rest
		r.okAs(alice(), r.yes(ids[at]))
		r.pass(time.Second)
		r.start(ids[at], remedy.Warden(), func(b *ledger.ExecStart) {
			f := finding(r.get(ids[at]).Host, remedy.VerdictBad)
			b.Digest, b.Finding = "d2", &f
		})
		if i == 0 {
			holds("d1", 1, 2)
			holds("d2", 1, 1)
		}
	}
	holds("d1", 0, 0)
	holds("d2", 1, 3)
}
