//go:build integration && !failpoints

package main_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest"
	"warden/internal/remedy"
	"warden/internal/web"
)

// dryRun is a real daemon at metric-only, which is how people begin: it judges
// and decides about every host of the fleet, and does nothing.
type dryRun struct {
	tb     testing.TB
	pid    int
	url    string
	client *web.Client
	log    string
	stop   func()
}

// startDryRun starts one over the data, in a directory of its own.
func startDryRun(tb testing.TB, data *canaryData, p *realtest.Prometheus, all []judge, late string) *dryRun {
	tb.Helper()
	dir, err := os.MkdirTemp("", "w") //nolint:usetesting // the test's own directory has too long a name for a socket
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = os.RemoveAll(dir) })
	config := filepath.Join(dir, "warden.toml")
	if err := os.WriteFile(config, []byte(dryRunConfig(tb, dir, data, p.URL, all, late)), 0o600); err != nil {
		tb.Fatal(err)
	}
	d := &dryRun{tb: tb, log: filepath.Join(dir, "log")}
	log, err := os.Create(d.log)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = log.Close() })
	socket := filepath.Join(dir, "w.sock")
	cmd := exec.Command(binary(), "agent", "--config.file", config, "--storage.path", filepath.Join(dir, "data"),
		"--web.listen-address", "127.0.0.1:0", "--web.socket", socket, "--node.name", "n1", "--log.format", "json")
	cmd.Env, cmd.Stdout, cmd.Stderr = []string{"TZ=UTC"}, log, log
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	d.pid = cmd.Process.Pid
	ended := false
	d.stop = func() {
		if !ended {
			ended = true
			_ = cmd.Process.Kill() // it may have ended by itself
			_ = cmd.Wait()         // killed: that it says so is no news
		}
	}
	tb.Cleanup(d.stop)
	if d.client, err = web.NewClient(socket); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(d.client.Close)
	d.until("the daemon is ready", time.Minute, func() error { return d.client.Ready(tb.Context()) })
	d.url = "http://" + listenAddress(d.log)
	return d
}

// dryRunConfig watches the pools by the judges.
func dryRunConfig(tb testing.TB, dir string, data *canaryData, source string, all []judge, late string) string {
	tb.Helper()
	var b, pools strings.Builder
	fmt.Fprintf(&b, "config_version = 1\n[sources.prometheus]\ntype = \"prometheus\"\nurl = %q\ntimeout = \"2m\"\ncanary_target = 'canary_heartbeat'\n"+
		"max_series = 2000000\nmax_bytes = 1073741824\nlate_within = %q\n", source, late)
	data.pools(func(name string, from, to int) {
		hosts := make([]string, 0, to-from)
		for i := from; i < to; i++ {
			hosts = append(hosts, hostName(i))
		}
		list, err := json.Marshal(hosts)
		if err == nil {
			err = os.WriteFile(filepath.Join(dir, name+".json"), list, 0o600)
		}
		if err != nil {
			tb.Fatal(err)
		}
		fmt.Fprintf(&b, "[pools.%s]\ninventory = { type = \"file\", path = %q }\nmin_in_service = 1\nmax_out_of_service = %d\nassume_in_service = true\n",
			name, filepath.Join(dir, name+".json"), max(1, (to-from)/100))
		fmt.Fprintf(&pools, "%q, ", name)
	})
	for _, j := range all {
		b.WriteString(j.detector(data.step, pools.String()))
	}
	b.WriteString("[actions.drain]\ntype = \"exec\"\nrun = [\"/bin/true\", \"{{ .Host }}\"]\nundo_hint = \"none\"\n")
	return b.String()
}

// until waits until look returns nil.
func (d *dryRun) until(what string, within time.Duration, look func() error) {
	d.tb.Helper()
	for end := time.Now().Add(within); ; {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			text, _ := os.ReadFile(d.log) // it only explains
			d.tb.Fatalf("%s: not within %v: %v; it said:\n%s", what, within, err, tail(string(text), 4000))
		}
		<-time.After(100 * time.Millisecond)
	}
}

// bad are the hosts that a detector finds bad in the newest round.
func (d *dryRun) bad(data *canaryData, all []judge) map[string]map[string]bool {
	d.tb.Helper()
	out := map[string]map[string]bool{}
	for _, j := range all {
		out[j.name] = map[string]bool{}
	}
	data.pools(func(name string, _, _ int) {
		hosts, err := d.client.Hosts(d.tb.Context(), web.HostQuery{Pool: remedy.PoolName(name), Bad: true})
		if err != nil {
			d.tb.Fatal(err)
		}
		for _, h := range hosts.Hosts {
			for _, f := range h.Findings {
				if f.Verdict == remedy.VerdictBad.String() {
					out[string(f.Detector)][string(h.Host)] = true
				}
			}
		}
	})
	return out
}
