package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"warden/actions"
	"warden/detectors"
	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fleet"
)

// BenchmarkRoundOnTheWire is one whole round of production code: the queries
// go over HTTP to answers that a simulated Prometheus gave once, are decoded,
// judged and decided, and what changed would be committed. Only the load
// balancer's answer is at hand already.
func BenchmarkRoundOnTheWire(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) { benchmarkRound(b, n) })
	}
}

func benchmarkRound(b *testing.B, n int) {
	b.Helper()
	clk := clock.NewStepped(time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC))
	hosts := make([]string, n)
	for i := range hosts {
		hosts[i] = fmt.Sprintf("h%06d", i)
	}
	world, err := fleet.New(fleet.Options{Pool: "web", Hosts: hosts, Clock: clk, ScrapeInterval: 15 * time.Second})
	if err != nil {
		b.Fatal(err)
	}
	if err := world.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer world.Close()
	replay := &recorded{target: world.PrometheusURL(), answers: map[string][]byte{}}
	server := httptest.NewServer(replay)
	defer server.Close()

	e := benchmarkEngine(b, clk, server.URL, hosts)
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	e.Round(ctx) // records the answers, and commits the pool's size
	if got := len(e.View().Judgements("web")); got != 1 {
		b.Fatalf("%d judgements", got)
	}
	for _, f := range e.View().Judgements("web")[0].Findings() {
		if f.Verdict != remedy.VerdictGood {
			b.Fatalf("%s is %s (%s)", f.Host, f.Verdict, f.Reason)
		}
	}
	e.Round(ctx) // from now on only what may have changed is asked for
	replay.sent.Store(0)
	began, rounds := cpuTime(b), 0
	b.ReportAllocs()
	for b.Loop() {
		e.Round(ctx)
		rounds++
	}
	b.ReportMetric(float64(replay.sent.Load())/1e6/float64(rounds), "MB/round")
	b.ReportMetric(float64((cpuTime(b)-began).Milliseconds())/float64(rounds), "cpu-ms/round")
}

// cpuTime is how much CPU time this process took. The answering server is in
// it, which copies what it has at hand.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// benchmarkEngine builds the engine of a config file on a ledger without raft.
func benchmarkEngine(b *testing.B, clk clock.Clock, url string, hosts []string) *engine.Engine {
	b.Helper()
	var list bytes.Buffer
	for _, h := range hosts {
		fmt.Fprintf(&list, "%q,", h)
	}
	text := fmt.Sprintf(`config_version = 1
[sources.prometheus]
type = "prometheus"
url = %q
timeout = "5m"
canary_target = 'canary_heartbeat{job="canary"}'
[pools.web]
inventory = { type = "static", hosts = [%s] }
min_in_service = 1
max_out_of_service = 1
[detectors.canary_missing]
type = "canary"
source = "prometheus"
pools = ["web"]
propose = "drain"
query = 'canary_received_total{pool="web"}'
host_regex = '^([^.:]+)'
expect_per_minute = 60
[actions.drain]
type = "haproxy"
address = "unix:/nowhere"
backend = "web"
`, url, list.String())
	file, report := config.Parse("bench.toml", []byte(text), config.Options{IsSelector: detectors.IsSelector})
	if err := report.Err(); err != nil {
		b.Fatal(err)
	}
	cfg, err := builder{clock: clk}.build(file)
	if err != nil {
		b.Fatal(err)
	}
	seen := make(map[remedy.HostName]remedy.Observation, len(hosts))
	for _, h := range hosts {
		seen[remedy.HostName(h)] = remedy.Observation{State: remedy.ServiceIn, Admin: "ready", AsWanted: remedy.Known(false)}
	}
	drain := cfg.Actions["drain"]
	drain.Action = atHand{Action: drain.Action, seen: seen}
	cfg.Actions["drain"] = drain
	led := ledger.New()
	log := &directLog{ledger: led}
	found, err := ledger.NewEntry(clk.Now(), remedy.Warden(), "n1", &ledger.ClusterInit{ClusterID: "bench", Voters: []remedy.NodeID{"n1"}})
	if err != nil {
		b.Fatal(err)
	}
	if _, err := log.Commit(b.Context(), found); err != nil {
		b.Fatal(err)
	}
	return engine.New(engine.Options{
		Log: log, Ledger: led, Clock: clk, Announcer: chat.NewConsole(io.Discard, chat.ConsoleOptions{}),
		Logger: zap.NewNop(), Node: "n1", Spawn: func(f func()) { f() },
	}, cfg)
}

// recorded answers from memory what the target answered once.
type recorded struct {
	target string

	mu      sync.Mutex
	answers map[string][]byte
	sent    atomic.Int64 // bytes
}

func (r *recorded) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	key := q.URL.Path + "?" + string(body)
	r.mu.Lock()
	answer, known := r.answers[key]
	r.mu.Unlock()
	if !known {
		resp, err := http.Post(r.target+q.URL.Path, q.Header.Get("Content-Type"), bytes.NewReader(body))
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer resp.Body.Close()
		if answer, err = io.ReadAll(resp.Body); err != nil || resp.StatusCode != http.StatusOK {
			http.Error(w, fmt.Sprintf("%s %v %.300s", resp.Status, err, answer), http.StatusBadGateway)
			return
		}
		r.mu.Lock()
		r.answers[key] = answer
		r.mu.Unlock()
	}
	w.Header().Set("Content-Type", "application/json")
	r.sent.Add(int64(len(answer)))
	_, _ = w.Write(answer)
}

// atHand is an action whose backend's answer needs no asking.
type atHand struct {
	actions.Action
	seen map[remedy.HostName]remedy.Observation
}

func (a atHand) Observe(context.Context, remedy.PoolName, []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	return a.seen, nil
}

// directLog applies entries to the ledger without a log.
type directLog struct {
	ledger *ledger.Ledger
	index  uint64
}

func (l *directLog) Commit(_ context.Context, e ledger.Entry) (ledger.Applied, error) {
	data, err := e.Encode()
	if err != nil {
		return ledger.Applied{}, err
	}
	l.index++
	applied, ok := l.ledger.Apply(l.index, 1, data).(ledger.Applied)
	if !ok {
		return ledger.Applied{}, fmt.Errorf("entry %d: no answer", l.index)
	}
	return applied, nil
}

func (l *directLog) Relay(ctx context.Context, e ledger.Entry) (ledger.Applied, error) {
	return l.Commit(ctx, e)
}

func (*directLog) Verify(context.Context) error { return nil }
