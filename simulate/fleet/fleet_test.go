package fleet_test

import (
	"bytes"
	"encoding/json"
	"io"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/clock"
	"warden/simulate/fleet"
)

// three is when the fleets of these tests begin; their history reaches back.
var three = time.Date(2026, 11, 21, 3, 0, 0, 0, time.UTC)

func start(t *testing.T, change func(*fleet.Options)) (*fleet.Fleet, *clock.Stepped) {
	t.Helper()
	clk := clock.NewStepped(three)
	opts := fleet.Options{N: 3, Seed: 7, Clock: clk, SocketDir: t.TempDir()}
	if change != nil {
		change(&opts)
	}
	f, err := fleet.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f, clk
}

// reply is Prometheus' envelope.
type reply struct {
	Status    string
	ErrorType string
	Error     string
	Data      struct {
		ResultType string
		Result     json.RawMessage
	}
}

// line is one series of an answer, each point as "seconds value".
type line struct {
	Metric map[string]string
	Points []string
}

func get(t *testing.T, base, path string, form url.Values) (int, reply) {
	t.Helper()
	resp, err := http.Get(base + path + "?" + form.Encode())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var r reply
	if err := json.Unmarshal(body, &r); err != nil {
		t.Fatalf("%s: %v in %q", path, err, body)
	}
	return resp.StatusCode, r
}

// lines decodes a vector or a matrix, sorted by labels.
func lines(t *testing.T, r reply) []line {
	t.Helper()
	if r.Status != "success" {
		t.Fatalf("%s: %s", r.ErrorType, r.Error)
	}
	if r.Data.ResultType == "scalar" {
		var pair []json.RawMessage
		if err := json.Unmarshal(r.Data.Result, &pair); err != nil {
			t.Fatal(err)
		}
		return []line{{Points: []string{words(t, pair)}}}
	}
	var series []struct {
		Metric map[string]string
		Value  []json.RawMessage
		Values [][]json.RawMessage
	}
	if err := json.Unmarshal(r.Data.Result, &series); err != nil {
		t.Fatal(err)
	}
	out := []line{}
	for _, s := range series {
		l := line{Metric: s.Metric}
		if s.Value != nil {
			s.Values = append(s.Values, s.Value)
		}
		for _, pair := range s.Values {
			l.Points = append(l.Points, words(t, pair))
		}
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b line) int {
		ja, _ := json.Marshal(a.Metric)
		jb, _ := json.Marshal(b.Metric)
		return bytes.Compare(ja, jb)
	})
	return out
}

func words(t *testing.T, pair []json.RawMessage) string {
	t.Helper()
	var value string
	if len(pair) != 2 {
		t.Fatalf("a point of %d values", len(pair))
	}
	if err := json.Unmarshal(pair[1], &value); err != nil {
		t.Fatal(err)
	}
	return string(pair[0]) + " " + value
}

func instant(t *testing.T, f *fleet.Fleet, query string, at time.Time) []line {
	t.Helper()
	_, r := get(t, f.PrometheusURL(), "/api/v1/query", url.Values{"query": {query}, "time": {stamp(at)}})
	return lines(t, r)
}

func stamp(at time.Time) string {
	return strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', -1, 64)
}

// value is the one value of an answer with one point.
func value(t *testing.T, ls []line) float64 {
	t.Helper()
	if len(ls) != 1 || len(ls[0].Points) != 1 {
		t.Fatalf("not one value: %v", ls)
	}
	_, text, _ := strings.Cut(ls[0].Points[0], " ")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestHealthShowsInIncrease(t *testing.T) {
	f, clk := start(t, nil)
	query := `increase(canary_received_total{instance="web-2:9100"}[5m])`
	if got := value(t, instant(t, f, query, clk.Now())); math.Abs(got-300) > 2 {
		t.Errorf("healthy: %v, want about 300", got)
	}
	if err := f.SetHealth("web-2", 0.25); err != nil {
		t.Fatal(err)
	}
	clk.Advance(10 * time.Minute)
	if got := value(t, instant(t, f, query, clk.Now())); math.Abs(got-75) > 2 {
		t.Errorf("at a quarter: %v, want about 75", got)
	}
	if got := value(t, instant(t, f, query, three)); math.Abs(got-300) > 2 {
		t.Errorf("the past changed: %v", got)
	}
	if err := f.Restart("web-2"); err != nil {
		t.Fatal(err)
	}
	f.Heal()
	clk.Advance(10 * time.Minute)
	if got := value(t, instant(t, f, query, clk.Now())); math.Abs(got-300) > 2 {
		t.Errorf("healed: %v", got)
	}
	// Others were never touched, and 1 h and more of history is there.
	for back := range 60 {
		at := three.Add(-time.Duration(back) * time.Minute)
		if got := value(t, instant(t, f, `sum(increase(canary_received_total{pool="web"}[5m]))`, at)); math.Abs(got-900) > 4 {
			t.Errorf("%d min before the start: %v", back, got)
		}
	}
}

func TestARestartIsACounterReset(t *testing.T) {
	f, clk := start(t, nil)
	if err := f.Restart("web-1"); err != nil {
		t.Fatal(err)
	}
	clk.Advance(2 * time.Minute)
	sel := `canary_received_total{instance="web-1:9100"}`
	if v := value(t, instant(t, f, sel, clk.Now())); v > 120 {
		t.Errorf("the counter stands at %v after 2 minutes", v)
	}
	// The last sample before the reset is added back. What was counted between
	// that sample and the reset is lost: at most one interval's worth.
	if v := value(t, instant(t, f, "increase("+sel+"[4m])", clk.Now())); v < 220 || v > 242 {
		t.Errorf("increase over a reset: %v", v)
	}
}

func TestVanishedSeries(t *testing.T) {
	f, clk := start(t, nil)
	sel := func(host string) string { return `canary_received_total{instance="` + host + `:9100"}` }
	for host, marker := range map[string]bool{"web-1": true, "web-2": false} {
		if err := f.Vanish(host, marker); err != nil {
			t.Fatal(err)
		}
	}
	clk.Advance(time.Minute)
	if got := instant(t, f, sel("web-1"), clk.Now()); len(got) != 0 {
		t.Errorf("with a marker it is gone at once: %v", got)
	}
	if got := instant(t, f, sel("web-2"), clk.Now()); len(got) != 1 {
		t.Errorf("without one it is held for the lookback: %v", got)
	}
	age := float64(clk.Now().UnixMilli())/1000 - value(t, instant(t, f, "timestamp("+sel("web-2")+")", clk.Now()))
	if age < 60 || age > 75 {
		t.Errorf("timestamp shows an age of %v s", age)
	}
	if got := value(t, instant(t, f, "count_over_time("+sel("web-1")+"[5m])", clk.Now())); got != 16 {
		t.Errorf("a marker is no sample: %v", got)
	}
	clk.Advance(5 * time.Minute)
	if got := instant(t, f, sel("web-2"), clk.Now()); len(got) != 0 {
		t.Errorf("after the lookback: %v", got)
	}
	if got := instant(t, f, "count_over_time("+sel("web-1")+"[5m])", clk.Now()); len(got) != 0 {
		t.Errorf("an empty window has no value: %v", got)
	}
	if err := f.SetHealth("web-1", 1); err != nil {
		t.Fatal(err)
	}
	clk.Advance(20 * time.Second)
	if got := instant(t, f, sel("web-1"), clk.Now()); len(got) != 1 {
		t.Errorf("back: %v", got)
	}
}

func TestHeartbeat(t *testing.T) {
	f, clk := start(t, nil)
	query := `timestamp(canary_heartbeat{job="canary"})`
	if age := float64(clk.Now().Unix()) - value(t, instant(t, f, query, clk.Now())); age < 0 || age > 15 {
		t.Errorf("age %v s", age)
	}
	if err := f.StopHeartbeat(true); err != nil {
		t.Fatal(err)
	}
	clk.Advance(6 * time.Minute)
	if got := instant(t, f, query, clk.Now()); len(got) != 0 {
		t.Errorf("stopped: %v", got)
	}
}

func TestNothingIsThereBeforeItsTime(t *testing.T) {
	f, clk := start(t, nil)
	later := clk.Now().Add(time.Hour)
	if got := instant(t, f, "canary_heartbeat", later); len(got) != 0 {
		t.Errorf("samples from the future: %v", got)
	}
	// The clock may jump, and back: history stays what it was.
	before := instant(t, f, "canary_received_total[10m]", three)
	clk.Skew(3 * time.Hour)
	if err := f.SetHealth("web-1", 0); err != nil {
		t.Fatal(err)
	}
	clk.Skew(-3 * time.Hour)
	if d := cmp.Diff(before, instant(t, f, "canary_received_total[10m]", three)); d != "" {
		t.Error(d)
	}
}

// Prometheus 3 leaves the left end of every window out.
func TestVersion3LeavesTheLeftEndOut(t *testing.T) {
	for v3, want := range map[bool]float64{false: 5, true: 4} {
		f, clk := start(t, func(o *fleet.Options) { o.PrometheusV3 = v3 })
		newest := value(t, instant(t, f, "timestamp(canary_heartbeat)", clk.Now()))
		at := time.UnixMilli(int64(math.Round(newest * 1000)))
		if got := value(t, instant(t, f, "count_over_time(canary_heartbeat[1m])", at)); got != want {
			t.Errorf("v3 %v: %v samples of 15 s in a minute that begins and ends at one, want %v", v3, got, want)
		}
		// All the growth of a minute is there either way.
		if got := value(t, instant(t, f, "increase(canary_heartbeat[1m])", at)); math.Abs(got-60) > 1e-9 {
			t.Errorf("v3 %v: increase %v", v3, got)
		}
		if err := f.StopHeartbeat(true); err != nil {
			t.Fatal(err)
		}
		clk.Advance(10 * time.Minute)
		if got := len(instant(t, f, "canary_heartbeat", at.Add(5*time.Minute))); got != map[bool]int{false: 1, true: 0}[v3] {
			t.Errorf("v3 %v: %d series exactly at the end of the lookback", v3, got)
		}
	}
}

func TestOneSeedOneFleet(t *testing.T) {
	answers := func(seed uint64) []line {
		f, clk := start(t, func(o *fleet.Options) { o.Seed = seed })
		return instant(t, f, `{__name__=~"canary_.+"}[1m]`, clk.Now())
	}
	if d := cmp.Diff(answers(1), answers(1)); d != "" {
		t.Error(d)
	}
	if cmp.Equal(answers(1), answers(2)) {
		t.Error("two seeds give one fleet")
	}
}

func TestRangeQueriesEqualInstantOnes(t *testing.T) {
	f, clk := start(t, nil)
	if err := f.Vanish("web-2", true); err != nil {
		t.Fatal(err)
	}
	clk.Advance(7 * time.Minute)
	end := clk.Now()
	for _, query := range []string{
		"canary_received_total", "increase(canary_received_total[2m])", "count_over_time(canary_received_total[90s])",
		"timestamp(canary_received_total)", "sum by (pool) (increase(canary_received_total[1m]))", "timestamp(sum(canary_received_total))", "42",
	} {
		_, r := get(t, f.PrometheusURL(), "/api/v1/query_range", url.Values{
			"query": {query}, "start": {stamp(end.Add(-10 * time.Minute))}, "end": {stamp(end)}, "step": {"30"},
		})
		byRange, byInstant := map[string]string{}, map[string]string{}
		for _, l := range lines(t, r) {
			name, _ := json.Marshal(l.Metric)
			for _, p := range l.Points {
				at, v, _ := strings.Cut(p, " ")
				byRange[at+string(name)] = v
			}
		}
		for at := end.Add(-10 * time.Minute); !at.After(end); at = at.Add(30 * time.Second) {
			for _, l := range instant(t, f, query, at) {
				if l.Metric == nil {
					l.Metric = map[string]string{}
				}
				name, _ := json.Marshal(l.Metric)
				_, v, _ := strings.Cut(l.Points[0], " ")
				byInstant[stamp(at)+string(name)] = v
			}
		}
		if d := cmp.Diff(byInstant, byRange); d != "" || len(byRange) == 0 {
			t.Errorf("%s: %s", query, d)
		}
	}
}

func TestBrokenMetrics(t *testing.T) {
	f, clk := start(t, nil)
	client := &http.Client{Timeout: 100 * time.Millisecond}
	ask := func() (*http.Response, error) {
		return client.Get(f.PrometheusURL() + "/api/v1/query?query=canary_heartbeat")
	}
	f.BreakMetrics(fleet.Metrics503)
	if resp, err := ask(); err != nil || resp.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("503: %v, %v", resp, err)
	}
	f.BreakMetrics(fleet.MetricsHTML)
	if resp, err := ask(); err != nil || resp.StatusCode != http.StatusOK || !strings.HasPrefix(resp.Header.Get("Content-Type"), "text/html") {
		t.Errorf("html: %v, %v", resp, err)
	}
	f.BreakMetrics(fleet.MetricsHang)
	if _, err := ask(); err == nil {
		t.Error("hang: an answer")
	}
	f.BreakMetrics(fleet.MetricsFrozen)
	clk.Advance(time.Hour)
	now := clk.Now()
	if got, old := instant(t, f, "canary_received_total", now), instant(t, f, "canary_received_total", three); len(got) != 3 ||
		!strings.HasPrefix(got[0].Points[0], stamp(now)+" ") || strings.Fields(got[0].Points[0])[1] != strings.Fields(old[0].Points[0])[1] {
		t.Errorf("frozen: %v, was %v", got, old)
	}
	if at := value(t, instant(t, f, "timestamp(canary_heartbeat)", now)); at > float64(three.Unix()) {
		t.Errorf("frozen: a sample of %v", at)
	}
	f.BreakMetrics(fleet.MetricsSilent)
	clk.Advance(10 * time.Minute)
	if got := instant(t, f, "canary_heartbeat", clk.Now()); len(got) != 0 {
		t.Errorf("silent: %v", got)
	}
	f.Heal()
	clk.Advance(time.Minute)
	if got := instant(t, f, "canary_heartbeat", clk.Now()); len(got) != 1 {
		t.Errorf("healed: %v", got)
	}
	if got := value(t, instant(t, f, "count_over_time(canary_heartbeat[11m])", clk.Now())); got != 4 {
		t.Errorf("the gap was filled: %v samples", got)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	for name, opts := range map[string]fleet.Options{
		"host": {Hosts: []string{"a b"}}, "twice": {Hosts: []string{"a", "a"}}, "pool": {Pool: "x;y"}, "time": {History: -1},
	} {
		if _, err := fleet.New(opts); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	f, _ := start(t, nil)
	for name, err := range map[string]error{
		"SetHealth": f.SetHealth("nobody", 1), "NaN": f.SetHealth("web-1", math.NaN()), "Vanish": f.Vanish("nobody", true),
		"SetDown": f.SetDown("nobody", true), "HoldSessions": f.HoldSessions("nobody", 1), "again": f.Start(t.Context()),
	} {
		if err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
