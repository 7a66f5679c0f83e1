//go:build integration && failpoints

package main_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/internal/realtest"
	"warden/internal/remedy"
)

// killsVariable is how often TestApprovedIsActedOnByTheNext kills the leader.
const killsVariable = "WARDEN_BENCH_KILLS"

// actedOnConfig asks a person about each host whose load is too high. What else
// could hold up one host after another is out of the way.
const actedOnConfig = `
[log]
level  = "debug"
format = "json"

[sources.prometheus]
type          = "prometheus"
url           = "{{ .Source }}"
timeout       = "2s"
canary_target = 'load_heartbeat'
max_staleness = "4s"

[pools.web]
inventory            = { type = "static", hosts = [{{ range .Hosts }}"{{ . }}", {{ end }}] }
min_in_service       = {{ .MinInService }}
max_out_of_service   = {{ .MaxOut }}
max_actions_per_hour = {{ .MaxPerHour }}
max_actions_per_day  = {{ .MaxPerHour }}
settle_after_action  = "1s"

[detectors.load]
type             = "threshold"
source           = "prometheus"
pools            = ["web"]
propose          = "drain"
query            = 'load'
host_label       = "host"
interval         = "1s"
for              = "1s"
bad_above        = 5
max_bad_fraction = 1.0

[actions.drain]
type              = "haproxy"
policy            = "confirm"
approvers         = ["{{ .Approver }}"]
address           = "unix:{{ .Address }}"
backend           = "{{ .Backend }}"
timeout           = "5s"
start_within      = "5s"
took_within       = "10s"
cooldown_per_host = "1h"
`

// loads are the hosts' load, as a real Prometheus scrapes it.
type loads struct {
	mu   sync.Mutex
	high map[string]bool
}

func (l *loads) set(host string, high bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.high[host] = high
}

func (l *loads) page(hosts []string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var b strings.Builder
	b.WriteString("# TYPE load gauge\n# TYPE load_heartbeat gauge\nload_heartbeat 1\n")
	for _, h := range hosts {
		value := 1
		if l.high[h] {
			value = 9
		}
		fmt.Fprintf(&b, "load{host=%q} %d\n", h, value)
	}
	return b.String()
}

// A leader that dies, or stands still, right before START of what a person approved leaves it to
// the next, which does it by itself, once. How long that takes is printed:
// `make bench-failover` kills it fifty times.
func TestApprovedIsActedOnByTheNext(t *testing.T) {
	timings := []string{"lan"}
	if os.Getenv(killsVariable) != "" {
		timings = append(timings, "default")
	}
	t.Parallel()
	for _, timing := range timings {
		t.Run(timing, func(t *testing.T) { actedOn(t, timing) })
	}
}

// actedOn kills the leader of a cluster with this timing.
func actedOn(t *testing.T, timing string) {
	t.Helper()
	kills := 2
	if text := os.Getenv(killsVariable); text != "" {
		var err error
		if kills, err = strconv.Atoi(text); err != nil || kills < 1 {
			t.Fatalf("%s=%q is no number of kills", killsVariable, text)
		}
	}
	var hosts []string
	stops := max(1, kills/5)
	for i := range kills + stops {
		hosts = append(hosts, fmt.Sprintf("web-%02d", i+1))
	}
	for i := range 3 {
		hosts = append(hosts, fmt.Sprintf("spare-%02d", i+1))
	}
	l := &loads{high: map[string]bool{}}
	exporter := realtest.StartExporter(t, "")
	exporter.SetFunc(func() string { return l.page(hosts) })
	w := &world{prometheus: realtest.StartPrometheus(t, realtest.PrometheusOptions{Targets: map[string][]string{"load": {exporter.Address}}})}
	f := &fleet{name: "load", hosts: hosts}
	b := newBalancer(t, f)
	s := w.settings(t, "confirm", f, b)
	s.MinInService, s.MaxOut, s.MaxPerHour, s.Template = 1, kills+stops, 1000, actedOnConfig
	c := newTrio(t, s.text(t))
	for _, a := range c.nodes {
		text, err := os.ReadFile(a.config)
		if err != nil {
			t.Fatal(err)
		}
		a.write(strings.Replace(string(text), `timing = "lan"`, fmt.Sprintf("timing = %q", timing), 1))
		c.armable(a)
	}
	c.agreed(3, 3)
	lost := map[string]*losses{"kill": {}, "stop": {}}
	var ready []time.Duration
	for i, host := range hosts[:kills+stops] {
		fault := "kill"
		if i >= kills {
			fault = "stop"
		}
		l.set(host, true)
		leader, _ := c.agreed(3, 3)
		asked := leader.staged(host, remedy.StageWaiting)
		fired := c.failsAt(leader, fault, func() *exec.Cmd {
			approve := exec.CommandContext(t.Context(), binary(), "approve", asked.ID.String(), "--plan-hash", asked.PlanHash)
			approve.Env = []string{"WARDEN_SOCKET=" + leader.socket, "TZ=UTC"}
			return approve
		})
		var done time.Time
		eventually(t, host+" is drained", func() error {
			n, at := b.gate.last()
			if n <= i {
				return errors.New("HAProxy has heard nothing")
			}
			done = at
			return nil
		})
		led := fired.led(t)
		lost[fault].leads, lost[fault].acted = append(lost[fault].leads, led.Sub(fired.at)), append(lost[fault].acted, done.Sub(fired.at))
		t.Logf("%s: %s; another led after %v, HAProxy had the drain after %v", host, fault, led.Sub(fired.at), done.Sub(fired.at))
		leader.kill()
		arm(leader, "")
		started := time.Now()
		c.armable(leader)
		for leader.client.Ready(t.Context()) != nil {
			if <-time.After(2 * time.Millisecond); time.Since(started) > patience {
				t.Fatalf("%s is not ready", leader.name)
			}
		}
		ready = append(ready, time.Since(started))
		next, _ := c.agreed(3, 3)
		next.staged(host, remedy.StageOut)
		l.set(host, false)
	}
	want := []string(nil)
	for _, host := range hosts[:kills+stops] {
		want = append(want, b.set(host, "drain"))
	}
	if got := b.gate.sent(); !slices.Equal(got, want) {
		t.Errorf("HAProxy was told %q, want %q", got, want)
	}
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		t.Fatal(err)
	}
	var rss float64
	for _, a := range c.nodes {
		rss = max(rss, residentMB(t, a.cmd.Process.Pid))
	}
	fmt.Printf("timing %s, started again until ready: %s; resident memory of the biggest node %.1f MB\n", timing, spread(ready), rss)
	for fault, x := range lost {
		fmt.Printf("timing %s, %s, %d times; until another node leads: %s; until HAProxy has the drain: %s; load after: %s", timing, fault, len(x.leads), spread(x.leads), spread(x.acted), text)
	}
}

// spread is the median, p90 and worst.
func spread(all []time.Duration) string {
	slices.Sort(all)
	at := func(share int) time.Duration { return all[max(0, (len(all)*share+99)/100-1)].Round(time.Millisecond) }
	return fmt.Sprintf("median %v, p90 %v, worst %v", at(50), at(90), at(100))
}

func (a *agent) armedFile() string { return filepath.Join(a.dir, "armed") }
func (a *agent) firedFile() string { return filepath.Join(a.dir, "fired") }

// armable starts a daemon that a test arms while it runs.
func (c *trio) armable(a *agent) {
	a.launch("WARDEN_FAILPOINT_FILE="+a.armedFile(), "WARDEN_FAILPOINT_LOG="+a.firedFile())
}

// arm replaces what a running daemon is armed with, in one step.
func arm(a *agent, spec string) {
	a.t.Helper()
	if err := os.WriteFile(a.armedFile()+".new", []byte(spec), 0o600); err != nil {
		a.t.Fatal(err)
	}
	if err := os.Rename(a.armedFile()+".new", a.armedFile()); err != nil {
		a.t.Fatal(err)
	}
}

// losses are how long it took, each time.
type losses struct{ leads, acted []time.Duration }

// firing is a point that has fired on a node, and what the others had said by
// then.
type firing struct {
	at    time.Time
	trio  *trio
	node  *agent
	heard map[*agent]int
}

// failsAt has a running leader fail right before START, by what leads to it,
// and waits until it has.
func (c *trio) failsAt(leader *agent, fault string, by func() *exec.Cmd) *firing {
	c.t.Helper()
	f := c.expect(leader, "before-start="+fault)
	cmd := by()
	if err := cmd.Start(); err != nil {
		c.t.Fatal(err)
	}
	c.t.Cleanup(func() { _ = cmd.Wait() }) // it gets an answer or none
	f.await()
	return f
}

// expect arms a node.
func (c *trio) expect(a *agent, spec string) *firing {
	c.t.Helper()
	f := &firing{trio: c, node: a, heard: map[*agent]int{}}
	for _, n := range c.nodes {
		f.heard[n] = len(n.stderr.text())
	}
	if err := os.Remove(a.firedFile()); err != nil && !errors.Is(err, os.ErrNotExist) {
		c.t.Fatal(err)
	}
	arm(a, fmt.Sprintf("%s # %d\n", spec, time.Now().UnixNano()))
	return f
}

// await waits until it has fired.
func (f *firing) await() {
	f.trio.t.Helper()
	eventually(f.trio.t, f.node.name+" fails", func() error {
		info, err := os.Stat(f.node.firedFile())
		if err == nil {
			f.at = info.ModTime()
		}
		return err
	})
}

// led is when another node first said that it leads, its barrier done.
func (f *firing) led(t *testing.T) time.Time {
	t.Helper()
	var first time.Time
	eventually(t, "another node says that it leads", func() error {
		for _, a := range f.trio.nodes {
			if a == f.node {
				continue
			}
			for line := range strings.Lines(a.stderr.text()[f.heard[a]:]) {
				var said struct {
					Msg  string    `json:"msg"`
					Time time.Time `json:"time"`
				}
				if json.Unmarshal([]byte(line), &said) == nil && said.Msg == "this node leads" && (first.IsZero() || said.Time.Before(first)) {
					first = said.Time
				}
			}
		}
		if first.IsZero() {
			return errors.New("nobody did")
		}
		return nil
	})
	return first
}

// last is how many lines with commands HAProxy has carried out, and when the
// newest was.
func (g *gate) last() (int, time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.answered) == 0 {
		return 0, time.Time{}
	}
	return len(g.answered), g.answered[len(g.answered)-1]
}
