package slack_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

// A preview's button runs what it showed for a quarter of an hour, also where the reason
// is given later than it was tapped; each preview has a name of its own, by which one run
// comes of it.
func TestAPreviewAges(t *testing.T) {
	t.Parallel()
	clk := clock.NewStepped(at(3, 12, 5))
	w := newWorldAt(t, clk)
	w.run()
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	show := func(n int) string {
		t.Helper()
		if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "drain web-09"); err != nil {
			t.Fatal(err)
		}
		w.until("the preview", func() bool {
			clk.Advance(time.Second)
			return len(w.fake.Messages(fakeslack.Ops)) == n
		})
		return w.fake.Messages(fakeslack.Ops)[n-1].TS
	}
	tap := func(who, ts string) {
		t.Helper()
		if _, err := w.fake.Click(who, fakeslack.Ops, ts, "warden.run"); err != nil {
			t.Fatal(err)
		}
	}
	reason := func(who string) {
		t.Helper()
		w.until("the dialog", func() bool { _, ok := w.fake.Modal(who); return ok })
		if _, err := w.fake.SubmitView(who, map[string]string{"reason": "fan is loud"}); err != nil {
			t.Fatal(err)
		}
	}
	first := show(1)
	tap(fakeslack.Alice, first)
	reason(fakeslack.Alice)
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	clk.Advance(10 * time.Minute)
	tap(fakeslack.Bob, first)
	reason(fakeslack.Bob)
	w.until("the second wish", func() bool { return len(w.asked()) == 2 })
	second := show(2)
	tap(fakeslack.Alice, second)
	reason(fakeslack.Alice)
	w.until("the third wish", func() bool { return len(w.asked()) == 3 })
	x := w.asked()
	if x[0].Once == "" || x[0].Once != x[1].Once || x[0].Once == x[2].Once || len(x[0].Once) > 64 || x[0].Question != 0 {
		t.Errorf("two taps on one preview, and one on another: %q, %q, %q", x[0].Once, x[1].Once, x[2].Once)
	}
	tap(fakeslack.Carol, second) // the dialog stands open for too long
	w.until("the dialog", func() bool { _, ok := w.fake.Modal(fakeslack.Carol); return ok })
	clk.Advance(20 * time.Minute)
	reason(fakeslack.Carol)
	if said := w.told(fakeslack.Carol, 1); !strings.Contains(said, "his preview is of 03:") || !strings.Contains(said, "nothing was done") || !strings.Contains(said, "run drain web-09") {
		t.Errorf("carol is told %q", said)
	}
	tap(fakeslack.Bob, second)
	if said := w.told(fakeslack.Bob, 1); !strings.Contains(said, "counts for 15m") {
		t.Errorf("bob is told %q", said)
	}
	if n := len(w.asked()); n != 3 {
		t.Errorf("the desk was asked %d times", n)
	}
	for _, c := range w.audited(2) {
		if c.Kind != ledger.ClickOutdated || c.Verb != "run" {
			t.Errorf("audited: %+v", c)
		}
	}
	w.clean()
}
