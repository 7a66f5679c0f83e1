//go:build integration

package telemetry

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/realtest"
)

// A counter is read back from a real carbon through graphite-web, also after
// carbon was restarted.
func TestCarbonHasTheCounter(t *testing.T) {
	t.Parallel()
	g := realtest.StartGraphite(t)
	reg := prometheus.NewRegistry()
	acted := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "warden_would_have_acted_total", Help: "h"}, []string{"pool", "detector", "action"})
	reg.MustRegister(acted)
	acted.WithLabelValues("ingest", "canary_missing", "drain").Add(3)
	m, err := New(Options{
		Settings: func() Settings {
			return Settings{Enabled: true, Address: g.Line, Prefix: "ops.warden", Cluster: "prod", Interval: time.Second}
		},
		Leading: func() bool { return true }, Node: "n1", Registry: reg, Clock: clock.System(), Logger: zap.NewNop(),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); m.Run(ctx) }()
	defer func() { cancel(); <-done }()

	const path = "ops.warden.prod.would_have_acted.drain.canary_missing.ingest"
	g.WaitNewest(path, 3)
	g.StopCarbon()
	acted.WithLabelValues("ingest", "canary_missing", "drain").Add(2)
	for end := time.Now().Add(15 * time.Second); testutil.ToFloat64(m.dropped) == 0; <-time.After(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("nothing was dropped though carbon is gone")
		}
	}
	g.StartCarbon()
	g.WaitNewest(path, 5)
	g.WaitNewest("ops.warden.prod.nodes.n1.telemetry_lines_dropped", testutil.ToFloat64(m.dropped))
}
