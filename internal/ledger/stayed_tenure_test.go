package ledger_test

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// leads begins the tenure of the rig's next term.
func (r *rig) leads() {
	r.t.Helper()
	r.term++
	r.ok(&ledger.TenureBegin{})
}

// sees commits a verdict that decides nothing.
func (r *rig) sees(host remedy.HostName, v remedy.Verdict) remedy.CaseID {
	r.t.Helper()
	b := judge(host, remedy.LevelNotify)
	b.Finding, b.Decision, b.Plan = finding(host, v), nil, nil
	return r.ok(b)
}

// hasStayed checks whether a CaseStayed would be taken now, on this ledger and on
// one that was restored from its snapshot.
func (r *rig) hasStayed(id remedy.CaseID, want bool) {
	r.t.Helper()
	back := ledger.New()
	if err := back.Restore(bytes.NewReader(snapshotOf(r.t, r.l))); err != nil {
		r.t.Fatal(err)
	}
	for _, l := range []*ledger.Ledger{r.l, back} {
		if got := slices.Contains(l.Unstayed(r.now), id); got != want {
			c := r.get(id)
			r.t.Fatalf("%s has stayed bad: %v, not bad for %s, since %s", id, got, c.NotBadFor, c.NotBadSince)
		}
	}
	if !want {
		r.refused(ledger.RefusedStage, remedy.Warden(), &ledger.CaseStayed{Case: id})
	}
}

// TestAnOutageIsNotStayingBad: time in which nobody led is none in which a host was
// seen to stay bad, whatever its verdict was before.
func TestAnOutageIsNotStayingBad(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	r.pass(5 * time.Minute)
	r.long(6 * time.Hour) // no quorum, no leader, no round
	r.leads()
	r.sees("h1", remedy.VerdictUnknown)
	r.long(3*time.Hour + 55*time.Minute)
	r.sees("h1", remedy.VerdictBad)
	r.pass(10 * time.Minute)
	r.hasStayed(id, false)
	r.long(3*time.Hour + 50*time.Minute - time.Second)
	r.hasStayed(id, false)
	r.pass(time.Second)
	r.hasStayed(id, true)
	r.ok(&ledger.CaseStayed{Case: id})
	r.label(id, trust.Right, trust.SourceStayed)
}

// TestATenureCountsItsOwnTime: what an earlier leader saw counts neither for a case
// nor against it.
func TestATenureCountsItsOwnTime(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		seen remedy.Verdict // before the outage
		was  time.Duration  // not bad before that
	}{
		{"bad before", remedy.VerdictBad, 0},
		{"between for ten hours, then bad", remedy.VerdictBad, 10 * time.Hour},
		{"not bad as the outage began", remedy.VerdictUnknown, time.Hour},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			r := trusting(t, remedy.LevelNotify)
			id := r.ok(judge("h1", remedy.LevelNotify, counted))
			if c.was > 0 {
				r.sees("h1", remedy.VerdictUnknown)
				r.long(c.was)
			}
			r.sees("h1", c.seen)
			r.long(3 * time.Hour)
			r.leads()
			r.sees("h1", remedy.VerdictBad)
			r.long(4*time.Hour - time.Second)
			r.hasStayed(id, false)
			r.pass(time.Second)
			r.hasStayed(id, true)
		})
	}
}

// TestNoTenureHasSeenNothing: a leader that the ledger doesn't know of has looked at
// nothing, however long ago another one began.
func TestNoTenureHasSeenNothing(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	r.long(5 * time.Hour)
	r.hasStayed(id, true)
	r.term++
	r.sees("h1", remedy.VerdictBad)
	if r.l.Led() {
		t.Error("the new leader has not said so")
	}
	r.hasStayed(id, false)
	r.ok(&ledger.TenureBegin{})
	if !r.l.Led() {
		t.Error("the new leader has said so")
	}
	r.hasStayed(id, false)
}

// TestASavedStateHasSeenNothing: between saving a state and going on from it nobody
// looked at that one.
func TestASavedStateHasSeenNothing(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelNotify)
	id := r.ok(judge("h1", remedy.LevelNotify, counted))
	r.long(time.Hour)
	saved := snapshotOf(t, r.l)
	r.long(6 * time.Hour)
	a := adoption(r)
	out := &rig{t: t, l: adopted(t, r.l, saved, a), now: r.now, term: r.term, index: a.Index}
	if !out.l.Led() {
		t.Error("it is the same leader as before")
	}
	out.sees("h1", remedy.VerdictBad)
	out.hasStayed(id, false)
	out.long(4 * time.Hour)
	out.hasStayed(id, true)
}
