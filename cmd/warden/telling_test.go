//go:build integration && !failpoints

package main_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// What only the stories need, and not the crash matrix.

// startAgent is a running node.
func startAgent(t *testing.T, s settings) *agent {
	t.Helper()
	a := newAgent(t, s)
	a.start()
	return a
}

// verdicts waits until so many hosts have this verdict.
func (a *agent) verdicts(verdict string, n int) {
	a.t.Helper()
	eventually(a.t, fmt.Sprintf("%d hosts are %s", n, verdict), func() error {
		s, err := a.client.Status(a.t.Context())
		if err != nil {
			return err
		}
		if len(s.Pools) != 1 || !s.Warm || s.Pools[0].Verdicts[verdict] != n {
			return fmt.Errorf("pools %+v, warm %v", s.Pools, s.Warm)
		}
		return nil
	})
}

// hush forgets what the console has said so far.
func (a *agent) hush() { a.heard = len(a.stdout.text()) }

// metrics is what /metrics says over TCP: one value for each series.
func (a *agent) metrics() map[string]string {
	a.t.Helper()
	resp, err := http.Get("http://" + a.listen + "/metrics")
	if err != nil {
		a.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		a.t.Fatal(err)
	}
	out := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if i := strings.LastIndexByte(strings.TrimSpace(line), ' '); i > 0 && line[0] != '#' {
			out[line[:i]] = strings.TrimSpace(line[i:])
		}
	}
	return out
}

// counters are the metrics that live in the ledger.
func (a *agent) counters() map[string]string {
	a.t.Helper()
	out := map[string]string{}
	for series, value := range a.metrics() {
		name, _, _ := strings.Cut(series, "{")
		switch name {
		case "warden_would_have_acted_total", "warden_would_have_asked_total", "warden_cases_total", "warden_actions_total", "warden_guardrail_blocks_total":
			out[series] = value
		}
	}
	return out
}

// series is one series' value; "" when there is none.
func (a *agent) series(name string) string {
	a.t.Helper()
	return a.metrics()[name]
}

// status is what `show stat` says of one host now.
func (b *balancer) status(t *testing.T, host string) string {
	t.Helper()
	return b.Stat()[host]["status"]
}

// untouched asserts that nothing ever changed.
func (b *balancer) untouched(t *testing.T) {
	t.Helper()
	b.onlyChanged(t, nil)
}

// close makes commands wait from now on, and open lets them pass.
func (g *gate) close() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.shut = make(chan struct{})
}

// vanish ends the hosts' series; the heartbeat goes on.
func (f *fleet) vanish(hosts ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, i := range hosts {
		f.canaries[i].gone = true
	}
}

// freeze stops renewing a stamped fleet: Prometheus hears the same samples
// with the same timestamps again and again. The heartbeat is a part of it or
// goes on.
func (f *fleet) freeze(heartToo bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, c := range f.canaries {
		c.run(now)
	}
	f.frozen = now
	if heartToo {
		f.frozenHeart = now
	}
}
