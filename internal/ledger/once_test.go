package ledger_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Of one preview comes one run at most, whoever taps and whenever: also when the host is
// back, and when others were run on the case meanwhile.
func TestAPreviewIsRunOnce(t *testing.T) {
	t.Parallel()
	r := trusting(t, remedy.LevelAuto)
	run := func(host remedy.HostName, once string) *ledger.ManualOpen {
		return &ledger.ManualOpen{Pool: pool, Host: host, Action: drain, Reason: "x", Plan: *plan(host), Decision: *decision(remedy.LevelAuto), Once: once}
	}
	byHand := func(b *ledger.ExecStart) { b.Kind = remedy.KindManual }
	id := r.okAs(alice(), run("h1", "p1"))
	res := r.refused(ledger.RefusedDecided, bob(), run("h1", "p1"))
	if !strings.Contains(res.Reason, "asked for already, as "+id.String()) || !strings.Contains(res.Reason, "new preview") {
		t.Errorf("it says %q", res.Reason)
	}
	if got := r.okAs(bob(), run("h1", "p2")); got != id { // as long as it hasn't begun
		t.Fatalf("%s, and not %s", got, id)
	}
	r.refused(ledger.RefusedDecided, bob(), run("h1", "p1"))
	r.finish(id, r.start(id, remedy.Warden(), byHand), remedy.OutcomeDone)
	r.closed(id, remedy.OutcomeReturned)
	r.pass(time.Minute)
	for _, once := range []string{"p1", "p2"} {
		r.refused(ledger.RefusedDecided, alice(), run("h1", once))
	}
	r.refused(ledger.RefusedBad, alice(), run("h1", strings.Repeat("x", 65)))
	restored(t, r.l)
	r.okAs(alice(), run("h1", "p3"))
	other := r.okAs(alice(), run("h2", ""))
	r.okAs(alice(), run("h2", "")) // a command is its own
	for i := range 20 {
		r.okAs(alice(), run("h2", fmt.Sprint("q", i)))
	}
	if m := r.get(other).Manual; m.Once != "q19" || len(m.Used) != 8 || m.Used[7] != "q18" {
		t.Errorf("%+v", m)
	}
}
