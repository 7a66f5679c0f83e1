package engine

import (
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestTimeGoesOnForCouriersInAQuietCluster: nothing is committed for an hour, and
// what a courier waits for, or gives up after, comes all the same.
func TestTimeGoesOnForCouriersInAQuietCluster(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		r.must(r.e.ReportConfig(r.ctx()))
		r.rounds(10 * time.Minute)
		index, from := r.l.Status().Index, r.clk.Now()
		r.rounds(time.Hour)
		if r.l.Status().Index != index {
			t.Fatal("something was committed: this shows nothing")
		}
		if got := r.e.owed(ledger.SurfacePagerDuty, 0).Now; got.Sub(from) < 59*time.Minute {
			t.Errorf("an hour later it is %s, and was %s", got, from)
		}
	}, level(remedy.LevelNotify))
}
