package ledger_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

func both() *ledger.SurfacesSet {
	return &ledger.SurfacesSet{Surfaces: []ledger.Surface{ledger.SurfaceSlack, ledger.SurfaceConsole}, Asks: ledger.SurfaceSlack}
}

func seqs(all []ledger.Notice) (out []uint64) {
	for _, n := range all {
		out = append(out, n.Seq)
	}
	return out
}

// owed fails unless a surface is owed exactly these notices.
func (r *rig) owed(s ledger.Surface, want ...uint64) {
	r.t.Helper()
	if got := seqs(r.l.PendingFor(s)); !slices.Equal(got, want) {
		r.t.Errorf("%s is owed %v, want %v", s, got, want)
	}
}

func TestEachSurfaceIsToldAtItsOwnPace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: "before there was Slack"})
	r.ok(both())
	r.owed(ledger.SurfaceSlack)
	r.owed(ledger.SurfaceConsole, 1)
	for range 3 {
		r.ok(&ledger.NoticeAdd{Kind: ledger.NoticeSource})
	}
	r.ok(&ledger.NoticeReceipt{Upto: 3})
	r.owed(ledger.SurfaceConsole, 4)
	r.owed(ledger.SurfaceSlack, 2, 3, 4)
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Seqs: []uint64{4, 2}})
	r.owed(ledger.SurfaceSlack, 3)
	r.restore()
	r.owed(ledger.SurfaceSlack, 3)
	r.owed(ledger.SurfaceConsole, 4)
	r.ok(&ledger.SurfacesSet{Surfaces: []ledger.Surface{ledger.SurfaceConsole}, Asks: ledger.SurfaceConsole})
	r.owed(ledger.SurfaceSlack)
	r.owed(ledger.SurfaceConsole, 4)
	r.ok(&ledger.NoticeReceipt{Upto: 4})
	if p := r.l.Pending(); len(p) != 0 {
		t.Errorf("still pending: %+v", p)
	}
	r.refused(ledger.RefusedBad, alice(), both())
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.SurfacesSet{Surfaces: []ledger.Surface{ledger.SurfaceConsole}, Asks: ledger.SurfaceSlack})
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.SurfacesSet{})
}

// The window in which people can say no begins when they were told where they
// are asked, and not with the console.
func TestAVetoBeginsWithTheSurfaceThatAsks(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(both())
	id := r.ok(judge("h1", remedy.LevelAuto, announced))
	begun := func() bool { return !r.get(id).Veto.DeliveredAt.IsZero() }
	said := r.get(id).Veto.Notice
	r.ok(&ledger.NoticeReceipt{Upto: said})
	if begun() {
		t.Error("the console's receipt began the window")
	}
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack})
	if begun() {
		t.Error("a receipt of nothing began the window")
	}
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Seqs: []uint64{said}})
	if !begun() {
		t.Error("Slack's receipt didn't begin the window")
	}
}

func TestPosts(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(both())
	id := r.ok(judge("h1", remedy.LevelAuto))
	key := "case/" + id.String()
	first := ledger.Post{Key: key, Case: id, Place: "C1", ID: "1.1", Hash: "a"}
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: []ledger.Post{first}})
	got, ok := r.l.Post(ledger.SurfaceSlack, key)
	if !ok || got.ID != "1.1" || got.Surface != ledger.SurfaceSlack || !got.At.Equal(r.now) {
		t.Fatalf("the receipt is %+v", got)
	}
	if _, ok := r.l.Post(ledger.SurfacePagerDuty, key); ok {
		t.Error("one surface's receipt is another's")
	}
	second := first
	second.ID, second.Hash = "1.2", "b"
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: []ledger.Post{second, {Key: "case/W-99", Case: 99, ID: "x"}}})
	if all := r.l.Posts(ledger.SurfaceSlack); len(all) != 1 || all[0].ID != "1.2" {
		t.Errorf("posts: %+v", all)
	}
	r.restore()
	if all := r.l.Posts(ledger.SurfaceSlack); len(all) != 1 || all[0].ID != "1.2" {
		t.Errorf("after a restore: %+v", all)
	}
	r.ok(&ledger.CaseClose{Case: id, Outcome: remedy.OutcomeGone})
	r.pass(time.Hour)
	r.ok(&ledger.CasesForget{Before: r.now})
	if all := r.l.Posts(ledger.SurfaceSlack); len(all) != 0 {
		t.Errorf("the case is forgotten and its receipt isn't: %+v", all)
	}
	for i := range 1100 {
		r.pass(time.Second)
		r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: []ledger.Post{{Key: fmt.Sprintf("alert/%d", i), ID: "1"}}})
	}
	if all := r.l.Posts(ledger.SurfaceSlack); len(all) != 1000 {
		t.Errorf("%d receipts are kept", len(all))
	}
	if _, ok := r.l.Post(ledger.SurfaceSlack, "alert/99"); ok {
		t.Error("the oldest is kept")
	}
	if _, ok := r.l.Post(ledger.SurfaceSlack, "alert/1099"); !ok {
		t.Error("the newest isn't kept")
	}
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: []ledger.Post{{Key: "alert/1099", Gone: true}}})
	if _, ok := r.l.Post(ledger.SurfaceSlack, "alert/1099"); ok {
		t.Error("what was taken down is kept")
	}
	r.refused(ledger.RefusedBad, alice(), &ledger.NoticeDelivered{Surface: ledger.SurfaceSlack})
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: []ledger.Post{{Key: strings.Repeat("k", 201)}}})
}

func TestASummaryIsDueOnceADate(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	begun := r.now
	r.pass(time.Hour)
	r.ok(&ledger.SummaryDue{Date: "2026-03-02", From: begun, To: r.now})
	first := r.now
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.SummaryDue{Date: "2026-03-02", From: begun, To: r.now})
	r.refused(ledger.RefusedDecided, remedy.Warden(), &ledger.SummaryDue{Date: "2026-03-01", From: begun, To: r.now})
	r.long(24 * time.Hour)
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.SummaryDue{Date: "2026-3-3", From: begun, To: r.now})
	r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.SummaryDue{Date: "2026-03-03", From: begun, To: r.now.Add(time.Minute)})
	r.ok(&ledger.SummaryDue{Date: "2026-03-03", From: begun, To: r.now})
	r.restore()
	all := r.l.Summaries()
	if len(all) != 2 || !all[1].From.Equal(first) || !all[1].To.Equal(r.now) {
		t.Errorf("the second doesn't cover what came since the first: %+v", all)
	}
	if n := r.ofKind(ledger.NoticeSummary); len(n) != 2 || n[1].Detail != "2026-03-03" {
		t.Errorf("notices: %+v", n)
	}
}

// A key that a surface vouches for is held against the approvers like a name is.
// No build before version 3 knows it.
func TestKeysOfAnActor(t *testing.T) {
	t.Parallel()
	fran := remedy.Actor{Name: "fran@example.net", Keys: []string{"slack:U1", "slack:@oncall"}, Person: true}
	for want, may := range map[string]bool{"slack:U1": true, "slack:@oncall": true, "fran@example.net": true, "@oncall": false, "oncall": false, "slack:U2": false} {
		if fran.MayApprove([]string{want}) != may {
			t.Errorf("an approver %q: %v", want, !may)
		}
	}
	e, err := ledger.NewEntry(t0(), fran, n1, &ledger.FreezeSet{Reason: "x"})
	if err != nil || e.V != 3 {
		t.Errorf("an entry with keys has version %d, %v", e.V, err)
	}
}
