package web

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestExplain asks the real engine about instants with and without a case.
func TestExplain(t *testing.T) {
	w := newWorld(t, remedy.LevelConfirm, me(t))
	c := w.serve()
	ctx := t.Context()
	wantAPI(t, second(c.Explain(ctx, "h07", "", w.clock.Now(), "")), http.StatusServiceUnavailable, engine.RefusedTransient) // no round yet
	w.rounds(4)
	quiet := w.clock.Now().Add(-time.Minute)
	w.setBad("h07")
	w.rounds(2)
	w.clock.Advance(time.Hour)
	got, err := c.Explain(ctx, "h07", "ingest", quiet.Add(-time.Hour), "10m")
	if err != nil || len(got.Cases) != 0 || len(got.Recomputed) != 1 || got.Recomputed[0].Closest == nil || !got.Recomputed[0].Closest.Proposed {
		// The world's judge has no history: it says of any instant what it says now.
		t.Fatalf("%+v %v", got, err)
	}
	if len(got.Recomputed[0].Guardrails) == 0 || !got.At.Equal(quiet.Add(-time.Hour)) || got.To.Sub(got.From) != 20*time.Minute {
		t.Errorf("%+v", got)
	}
	if got, err = c.Explain(ctx, "h07", "", w.clock.Now().Add(-time.Minute), ""); err != nil || len(got.Cases) != 1 || len(got.Recomputed) != 0 {
		t.Errorf("%+v %v", got, err)
	}
	wantAPI(t, second(c.Explain(ctx, "h99", "", quiet, "")), http.StatusNotFound, engine.RefusedNotFound)
	wantAPI(t, second(c.Explain(ctx, "h07", "", quiet, "soon")), http.StatusUnprocessableEntity, CodeInvalid)
	wantAPI(t, second(c.Explain(ctx, "h07", "", quiet, "7d")), http.StatusUnprocessableEntity, ledger.RefusedBad)
	wantAPI(t, second(c.Explain(ctx, "h07", "", w.clock.Now().Add(time.Hour), "")), http.StatusUnprocessableEntity, ledger.RefusedBad)
	// It asks the sources, so TCP, which can't tell who asks, doesn't.
	err = second(w.tcp().Explain(ctx, "h07", "", quiet, ""))
	wantAPI(t, err, http.StatusForbidden, CodeNobody)
	if !strings.Contains(err.Error(), "use the unix socket") {
		t.Error(err)
	}
}
