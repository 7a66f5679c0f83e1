package telemetry

import (
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
)

// registry has one metric of each sort that matters.
func registry(t *testing.T) *prometheus.Registry {
	t.Helper()
	reg := prometheus.NewRegistry()
	counter := func(name string, labels ...string) *prometheus.CounterVec {
		v := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: name}, labels)
		reg.MustRegister(v)
		return v
	}
	gauge := func(name string, labels ...string) *prometheus.GaugeVec {
		v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: name}, labels)
		reg.MustRegister(v)
		return v
	}
	// Written in another order than the alphabet's.
	counter("warden_would_have_acted_total", "pool", "detector", "action").WithLabelValues("ingest", "canary_missing", "drain").Add(3)
	counter("warden_cases_total", "pool", "outcome").WithLabelValues("web.eu north", "").Inc()
	counter("warden_leadership_changes_total").WithLabelValues().Add(2)
	gauge("warden_frozen").WithLabelValues().Set(1)
	gauge("warden_raft_term").WithLabelValues().Set(7)
	gauge("warden_build_info", "version").WithLabelValues("v1.2").Set(1)
	gauge("warden_host_out", "host", "case").WithLabelValues("h1", "W-1").Set(1)
	gauge("warden_source_last_point_age_seconds", "source").WithLabelValues("söurce/1").Set(math.NaN())
	gauge("warden_hosts", "pool").WithLabelValues("größe/1").Set(1e15)
	gauge("process_open_fds").WithLabelValues().Set(12)
	gauge("go_goroutines").WithLabelValues().Set(5)
	h := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "warden_source_request_duration_seconds", Help: "h"}, []string{"source"})
	reg.MustRegister(h)
	h.WithLabelValues("prom").Observe(0.25)
	h.WithLabelValues("prom").Observe(0.5)
	return reg
}

const ofNodeWant = `ops.warden.prod.nodes.node-1_example.process_open_fds 12 1700000000
ops.warden.prod.nodes.node-1_example.leadership_changes 2 1700000000
ops.warden.prod.nodes.node-1_example.raft_term 7 1700000000
ops.warden.prod.nodes.node-1_example.source_request_duration_seconds_count.prom 2 1700000000
ops.warden.prod.nodes.node-1_example.source_request_duration_seconds_sum.prom 0.75 1700000000
`

const ofClusterWant = `ops.warden.prod.cases.none.web_eu_north 1 1700000000
ops.warden.prod.frozen 1 1700000000
ops.warden.prod.hosts.gr__e_1 1000000000000000 1700000000
ops.warden.prod.would_have_acted.drain.canary_missing.ingest 3 1700000000
`

func TestCollect(t *testing.T) {
	t.Parallel()
	for _, leading := range []bool{true, false} {
		want := ofNodeWant
		if leading {
			want += ofClusterWant
		}
		b, err := collect(registry(t), naming{root: "ops.warden.prod", node: "node-1.example", leading: leading}, 1_700_000_000)
		if err != nil {
			t.Fatal(err)
		}
		wanted := map[string]bool{}
		for line := range strings.Lines(want) {
			wanted[line] = true
		}
		got := map[string]bool{}
		for line := range strings.Lines(b.text.String()) {
			got[line] = true
		}
		if d := cmp.Diff(wanted, got); d != "" || b.lines != len(wanted) || b.dropped != 0 {
			t.Errorf("leading %v: %d lines, %d dropped\n%s", leading, b.lines, b.dropped, d)
		}
	}
}

func TestCollectIsCapped(t *testing.T) {
	t.Parallel()
	reg := prometheus.NewRegistry()
	v := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "warden_hosts", Help: "h"}, []string{"pool"})
	reg.MustRegister(v)
	for i := range maxLines + 7 {
		v.WithLabelValues(string(rune('a'+i%26)) + strings.Repeat("x", i%13) + "-" + string(rune(0x4e00+i))).Set(1)
	}
	b, err := collect(reg, naming{root: "w.c", leading: true}, 1)
	if err != nil || b.lines != maxLines || b.dropped != 7 {
		t.Errorf("%d lines, %d dropped, %v", b.lines, b.dropped, err)
	}
}

func TestCollectKeepsWhatItGets(t *testing.T) {
	t.Parallel()
	reg := registry(t)
	reg.MustRegister(broken{})
	b, err := collect(reg, naming{root: "w.c", node: "n", leading: true}, 1)
	if err == nil || b.lines == 0 {
		t.Errorf("%d lines beside the error %v", b.lines, err)
	}
}

// broken is a collector that fails, as one does for a label that isn't UTF-8.
type broken struct{}

func (broken) Describe(out chan<- *prometheus.Desc) { out <- brokenDesc() }

func (broken) Collect(out chan<- prometheus.Metric) {
	out <- prometheus.NewInvalidMetric(brokenDesc(), errGone)
}

func brokenDesc() *prometheus.Desc { return prometheus.NewDesc("warden_odd", "odd", nil, nil) }
