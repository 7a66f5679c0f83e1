//go:build integration

package main_test

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// idleConfig watches a pool whose source and load balancer aren't there: what
// it costs to run warden and have nothing to do.
const idleConfig = `config_version = 1
[sources.prometheus]
type = "prometheus"
url  = "http://127.0.0.1:9"
[pools.web]
inventory          = { type = "static", hosts = ["web-1", "web-2", "web-3"] }
min_in_service     = 2
max_out_of_service = 1
[detectors.canary_missing]
type     = "canary"
source   = "prometheus"
pools    = ["web"]
propose  = "drain"
query    = "canary_received_total"
expect_per_minute = 60
interval = "1s"
window   = "10s"
for      = "5s"
[actions.drain]
type    = "haproxy"
address = "tcp://127.0.0.1:9"
backend = "be_web"
`

// BenchmarkStartToReady measures from the start of the process to the first
// good answer of /-/ready, on an empty data directory and again on the same
// one, and the resident memory after some idle rounds.
func BenchmarkStartToReady(b *testing.B) {
	dir := b.TempDir()
	config := filepath.Join(dir, "warden.toml")
	if err := os.WriteFile(config, []byte(idleConfig), 0o600); err != nil {
		b.Fatal(err)
	}
	info, err := os.Stat(binary())
	if err != nil {
		b.Fatal(err)
	}
	var ready time.Duration
	var rss float64
	for i := 0; b.Loop(); i++ {
		took, memory := startOnce(b, dir, config, i)
		ready += took
		rss = max(rss, memory)
	}
	b.ReportMetric(float64(ready.Milliseconds())/float64(b.N), "ms/ready")
	b.ReportMetric(rss, "MB-rss")
	b.ReportMetric(float64(info.Size())/1e6, "MB-binary")
}

// startOnce starts a daemon, waits until it is ready and idle, and ends it.
func startOnce(b *testing.B, dir, config string, i int) (ready time.Duration, rss float64) {
	b.Helper()
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		b.Fatal(err)
	}
	defer log.Close()
	cmd := exec.Command(binary(), "agent", "--config.file", config, "--storage.path", filepath.Join(dir, "data"),
		"--web.listen-address", "127.0.0.1:0", "--web.socket", filepath.Join(dir, fmt.Sprintf("s%d", i)), "--node.name", "bench", "--log.format", "json")
	cmd.Stderr = log
	began := time.Now()
	if err := cmd.Start(); err != nil {
		b.Fatal(err)
	}
	defer func() {
		_ = cmd.Process.Signal(os.Interrupt)
		_ = cmd.Wait()
	}()
	deadline := began.Add(20 * time.Second)
	var address string
	for address == "" && time.Now().Before(deadline) {
		address = listenAddress(log.Name())
	}
	for time.Now().Before(deadline) {
		resp, err := http.Get("http://" + address + "/-/ready")
		if err != nil {
			continue
		}
		_ = resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			ready = time.Since(began)
			break
		}
	}
	if ready == 0 {
		b.Fatalf("not ready within 20s: see %s", log.Name())
	}
	// Idle: some rounds later.
	<-time.After(5 * time.Second)
	return ready, residentMB(b, cmd.Process.Pid)
}

// listenAddress finds where the daemon listens in its log.
func listenAddress(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	_, after, found := strings.Cut(string(text), `"listen_address":"`)
	if !found {
		return ""
	}
	address, _, _ := strings.Cut(after, `"`)
	return address
}

// residentMB reads a process's resident memory.
func residentMB(tb testing.TB, pid int) float64 {
	tb.Helper()
	f, err := os.Open(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		tb.Fatal(err)
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if rest, ok := strings.CutPrefix(s.Text(), "VmRSS:"); ok {
			kb, err := strconv.ParseFloat(strings.TrimSuffix(strings.TrimSpace(rest), " kB"), 64)
			if err != nil {
				tb.Fatal(err)
			}
			return kb / 1024
		}
	}
	tb.Fatal("no VmRSS")
	return 0
}
