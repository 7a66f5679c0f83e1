package ledger_test

import (
	"fmt"
	"testing"

	"warden/internal/ledger"
)

// Each surface keeps its newest receipts: what Slack says pushes out nothing that
// stands for an alert that is open in PagerDuty, which nobody would end then.
func TestNoSurfaceForgetsForAnother(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(&ledger.SurfacesSet{Surfaces: []ledger.Surface{ledger.SurfaceConsole, ledger.SurfacePagerDuty, ledger.SurfaceSlack}, Asks: ledger.SurfaceSlack})
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfacePagerDuty, Posts: []ledger.Post{{Key: "alert/warden/prod/demoted/edge/drain", Place: "k", Hash: "m"}}})
	var all []ledger.Post
	for i := range 1001 {
		all = append(all, ledger.Post{Key: fmt.Sprintf("digest/aa/%04d", i), ID: "1"})
	}
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: all[:1]})
	r.ok(&ledger.NoticeDelivered{Surface: ledger.SurfaceSlack, Posts: all[1:]})
	if _, ok := r.l.Post(ledger.SurfacePagerDuty, "alert/warden/prod/demoted/edge/drain"); !ok {
		t.Error("the receipt of an open alert is gone")
	}
	if n := len(r.l.Posts(ledger.SurfaceSlack)); n != 1000 {
		t.Errorf("Slack has %d receipts", n)
	}
}
