package ledger_test

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func on(asks ledger.Surface, all ...ledger.Surface) *ledger.SurfacesSet {
	return &ledger.SurfacesSet{Surfaces: all, Asks: asks}
}

// toldOn is what a surface is owed, as kind and case.
func (r *rig) toldOn(s ledger.Surface) map[remedy.CaseID]ledger.NoticeKind {
	out := map[remedy.CaseID]ledger.NoticeKind{}
	for _, n := range r.l.PendingFor(s) {
		if _, twice := out[n.Case]; twice {
			r.t.Errorf("%s is owed more than one notice of %s", s, n.Case)
		}
		out[n.Case] = n.Kind
	}
	return out
}

// A surface that is new is owed what people still have to answer, and, where they
// are asked, what is out; nothing of what is over, and nobody else hears of it
// twice.
func TestANewSurfaceIsToldWhatWaits(t *testing.T) {
	t.Parallel()
	for _, told := range []bool{true, false} {
		r := newRig(t)
		out := r.drained("h3")
		r.pass(10 * time.Minute)
		asked := r.ok(judge("h1", remedy.LevelConfirm, r.asks("alice")))
		gone := r.ok(judge("h4", remedy.LevelConfirm, r.asks("alice")))
		r.ok(&ledger.CaseClose{Case: gone, Outcome: remedy.OutcomeGone})
		yes := r.ok(judge("h5", remedy.LevelConfirm, r.asks("alice")))
		r.okAs(alice(), r.yes(yes))
		if told {
			r.ok(&ledger.NoticeReceipt{Upto: r.l.LastNotice()})
		}
		r.ok(on(ledger.SurfaceConsole, ledger.SurfaceConsole, ledger.SurfacePagerDuty))
		r.wantTold(ledger.SurfacePagerDuty, map[remedy.CaseID]ledger.NoticeKind{asked: ledger.NoticeQuestion})
		r.ok(on(ledger.SurfaceSlack, ledger.SurfaceConsole, ledger.SurfacePagerDuty, ledger.SurfaceSlack))
		r.wantTold(ledger.SurfaceSlack, map[remedy.CaseID]ledger.NoticeKind{asked: ledger.NoticeQuestion, out: ledger.NoticeOutcome})
		r.wantTold(ledger.SurfacePagerDuty, map[remedy.CaseID]ledger.NoticeKind{asked: ledger.NoticeQuestion})
		if n := len(r.l.PendingFor(ledger.SurfaceConsole)); told && n != 0 {
			t.Errorf("the console is owed %d again", n)
		}
		last := r.l.LastNotice()
		r.restore()
		// The same surfaces once more, and one that leaves, owe nobody anything.
		r.ok(on(ledger.SurfaceSlack, ledger.SurfaceConsole, ledger.SurfacePagerDuty, ledger.SurfaceSlack))
		r.ok(on(ledger.SurfaceSlack, ledger.SurfaceConsole, ledger.SurfaceSlack))
		r.wantTold(ledger.SurfaceSlack, map[remedy.CaseID]ledger.NoticeKind{asked: ledger.NoticeQuestion, out: ledger.NoticeOutcome})
		if got := r.l.LastNotice(); got != last {
			t.Errorf("%d notices were made for no new surface", got-last)
		}
		if told && !r.get(asked).Open() {
			t.Error("the question is gone")
		}
	}
}

func (r *rig) wantTold(s ledger.Surface, want map[remedy.CaseID]ledger.NoticeKind) {
	r.t.Helper()
	got := r.toldOn(s)
	for id, kind := range want {
		if got[id] != kind {
			r.t.Errorf("%s is owed %q of %s, want %q", s, got[id], id, kind)
		}
	}
	for id, kind := range got {
		if _, ok := want[id]; !ok {
			r.t.Errorf("%s is owed %q of %s, want nothing", s, kind, id)
		}
	}
}

// An announcement that nobody has seen yet begins its window on the surface that
// asks from now on, although it is new; one that was seen keeps its window.
func TestAnAnnouncementMovesToTheSurfaceThatAsks(t *testing.T) {
	t.Parallel()
	for _, seen := range []bool{false, true} {
		r := newRig(t)
		id := r.ok(judge("h1", remedy.LevelAuto, announced))
		if seen {
			r.ok(&ledger.NoticeReceipt{Upto: r.get(id).Veto.Notice})
		}
		ends := r.get(id).Veto.EndsAt
		r.pass(time.Second)
		r.ok(both())
		owed := r.l.PendingFor(ledger.SurfaceSlack)
		if len(owed) != 1 || owed[0].Kind != ledger.NoticeAnnounced || (owed[0].Seq == r.get(id).Veto.Notice) == seen {
			t.Fatalf("seen %t: Slack is owed %+v, the announcement is notice %d", seen, owed, r.get(id).Veto.Notice)
		}
		r.ok(&ledger.NoticeReceipt{Upto: r.l.LastNotice()})
		if got := r.get(id).Veto.EndsAt; !got.Equal(ends) {
			t.Errorf("seen %t: the console moved the window to %s", seen, got)
		}
		r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Seqs: []uint64{owed[0].Seq}})
		if got := r.get(id).Veto.EndsAt; got.IsZero() || seen && !got.Equal(ends) {
			t.Errorf("seen %t: the window ends at %s, and ended at %s", seen, got, ends)
		}
	}
}
