//go:build integration

package fleet_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"warden/internal/realtest"
	"warden/simulate/fleet"
)

func TestRealRuntimeAPI(t *testing.T) {
	h := realtest.StartHAProxy(t, realtest.HAProxyOptions{Servers: []string{"h1", "h2"}, Check: true})
	checkRuntime(t, func() net.Conn { return dial(t, "unix", h.Socket) })
}

// realPrometheus starts the Debian Prometheus over a copy of the fleet's
// history: the same samples in blocks of its own.
func realPrometheus(t *testing.T, f *fleet.Fleet, at time.Time) string {
	t.Helper()
	dir := t.TempDir()
	var text strings.Builder
	for metric, kind := range map[string]string{"canary_received": "counter", "canary_heartbeat": "gauge"} {
		name := metric
		if kind == "counter" {
			name += "_total"
		}
		fmt.Fprintf(&text, "# TYPE %s %s\n", metric, kind)
		for _, l := range instant(t, f, name+"[1d]", at) {
			var labels []string
			for k, v := range l.Metric {
				if k != "__name__" {
					labels = append(labels, fmt.Sprintf("%s=%q", k, v))
				}
			}
			for _, p := range l.Points {
				seconds, value, _ := strings.Cut(p, " ")
				fmt.Fprintf(&text, "%s{%s} %s %s\n", name, strings.Join(labels, ","), value, seconds)
			}
		}
	}
	text.WriteString("# EOF\n")
	write := func(name, body string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(body), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	metrics, config := write("history.om", text.String()), write("prometheus.yml", "global: {}\n")
	data := filepath.Join(dir, "data")
	if out, err := exec.Command("/usr/bin/promtool", "tsdb", "create-blocks-from", "openmetrics", metrics, data).CombinedOutput(); err != nil {
		t.Fatalf("promtool: %v: %s", err, out)
	}
	address := realtest.Address(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("/usr/bin/prometheus", "--config.file="+config, "--storage.tsdb.path="+data,
		"--web.listen-address="+address, "--storage.tsdb.retention.time=100y", "--log.level=warn")
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatalf("no Prometheus to compare with: %v; apt-get install --no-install-recommends prometheus", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait(); _ = log.Close() })
	for end := time.Now().Add(20 * time.Second); ; {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusOK {
				return "http://" + address
			}
		}
		if time.Now().After(end) {
			said, _ := os.ReadFile(log.Name())
			t.Fatalf("Prometheus did not come up: %v; it said %s", err, said)
		}
		<-time.After(50 * time.Millisecond)
	}
}

// TestRealPrometheus asks the fleet and the real Prometheus, over the same
// samples, the same questions: every form the fleet knows, on healthy, limping,
// stopped, restarted and late series, at aligned and odd instants.
func TestRealPrometheus(t *testing.T) {
	f, clk := start(t, func(o *fleet.Options) { o.N, o.History = 6, 30*time.Minute })
	for _, err := range []error{f.SetHealth("web-2", 0.3), f.Vanish("web-3", false), f.Restart("web-4"), f.SetHealth("web-5", 0)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	clk.Advance(12 * time.Minute)
	if err := f.SetHealth("web-3", 1); err != nil {
		t.Fatal(err)
	}
	f.BreakMetrics(fleet.MetricsSilent)
	clk.Advance(3 * time.Minute)
	f.BreakMetrics(fleet.MetricsWork)
	clk.Advance(10 * time.Minute)
	prometheus := realPrometheus(t, f, clk.Now())
	checkRefusals(t, prometheus)

	// A sample's own instant shows which end of a window is open.
	edge := strings.Fields(instant(t, f, `canary_heartbeat[1m]`, clk.Now())[0].Points[0])[0]
	edgeAt, err := strconv.ParseFloat(edge, 64)
	if err != nil {
		t.Fatal(err)
	}
	onEdge := time.UnixMilli(int64(edgeAt * 1000))
	instants := []time.Time{onEdge, onEdge.Add(5 * time.Minute), onEdge.Add(time.Minute), onEdge.Add(15 * time.Second), onEdge.Add(5*time.Minute + time.Millisecond)}
	for back := 0; back < 50; back += 3 {
		instants = append(instants, clk.Now().Add(-time.Duration(back)*time.Minute+1234*time.Millisecond))
	}
	near := cmpopts.EquateApprox(1e-12, 0)
	points := cmp.Transformer("point", func(p string) [2]float64 {
		a, b, _ := strings.Cut(p, " ")
		at, _ := strconv.ParseFloat(a, 64)
		v, _ := strconv.ParseFloat(b, 64)
		return [2]float64{at, v}
	})
	elements := cmp.FilterPath(func(p cmp.Path) bool {
		return strings.HasSuffix(p.GoString(), "]") && strings.Contains(p.GoString(), "Points")
	}, points)
	compared := 0
	for _, query := range []string{
		`canary_received_total`, `canary_received_total{instance="web-2:9100"}`, `canary_received_total{instance!="web-2:9100",pool="web"}`,
		`canary_received_total{instance=~"web-[1-3]:.*"}`, `canary_received_total{instance!~"web-[1-3]:.*"}`, `{__name__=~"canary_.+"}`, `canary_received_total{job=""}`,
		`canary_received_total{instance="web-99:9100"}`, `{__name__="canary_heartbeat",job='canary'}`, "canary_heartbeat{job=`canary`,}",
		`increase(canary_received_total[5m])`, `increase(canary_received_total[1m])`, `increase(canary_received_total[15s])`, `increase(canary_received_total[16s])`, `increase(canary_received_total[20m])`, `increase(canary_received_total[1h])`, `increase(canary_heartbeat[1m30s])`,
		`count_over_time(canary_received_total[5m])`, `count_over_time(canary_received_total[15s])`, `count_over_time(canary_heartbeat[1h])`,
		`timestamp(canary_received_total)`, `timestamp(canary_heartbeat{job="canary"})`, `timestamp(sum(canary_heartbeat))`,
		`sum(increase(canary_received_total[5m]))`, `sum by (pool) (increase(canary_received_total[5m]))`, `sum(canary_received_total) by (instance,)`,
		`sum without (instance) (canary_received_total)`, `sum by (nothing) (canary_received_total)`, `1`, `-2.5e3`, `(canary_heartbeat)`, ` Inf `,
	} {
		ask := func(path string, form url.Values) {
			t.Helper()
			form.Set("query", query)
			_, want := get(t, prometheus, path, form)
			_, got := get(t, f.PrometheusURL(), path, form)
			if want.Status != got.Status || want.ErrorType != got.ErrorType || want.Data.ResultType != got.Data.ResultType {
				t.Errorf("%s %v: real %s %s %s, fleet %s %s %s", query, form, want.Status, want.ErrorType, want.Error, got.Status, got.ErrorType, got.Error)
				return
			}
			if want.Status != "success" {
				return
			}
			a, b := lines(t, want), lines(t, got)
			for _, l := range a {
				compared += len(l.Points)
			}
			if d := cmp.Diff(a, b, near, elements); d != "" {
				t.Errorf("%s %v (-real +fleet): %s", query, form, d)
			}
		}
		for _, at := range instants {
			ask("/api/v1/query", url.Values{"time": {stamp(at)}})
		}
		ask("/api/v1/query_range", url.Values{"start": {stamp(three.Add(-40 * time.Minute))}, "end": {stamp(clk.Now().Add(10 * time.Minute))}, "step": {"17.5"}})
		ask("/api/v1/query_range", url.Values{"start": {edge}, "end": {stamp(onEdge.Add(6 * time.Minute))}, "step": {"15s"}})
	}
	for _, query := range []string{`canary_received_total[2m]`, `{__name__=~"canary_.*"}[1m]`} {
		form := url.Values{"query": {query}, "time": {stamp(clk.Now())}}
		_, want := get(t, prometheus, "/api/v1/query", form)
		_, got := get(t, f.PrometheusURL(), "/api/v1/query", form)
		if d := cmp.Diff(lines(t, want), lines(t, got), near, elements); d != "" {
			t.Errorf("%s (-real +fleet): %s", query, d)
		}
	}
	if compared < 5000 {
		t.Errorf("only %d points were compared", compared)
	}
}
