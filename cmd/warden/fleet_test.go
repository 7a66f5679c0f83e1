//go:build integration

package main_test

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/internal/realtest"
)

// The canaries: what every host should receive, and what a healthy one does.
// A healthy host receives a tenth more than it should, so that a scrape which
// comes late on a busy machine doesn't make it look worse than it is.
const (
	expectPerMinute = 600
	healthyRate     = 1.1 * expectPerMinute / 60
)

// world is one real Prometheus and the hosts it scrapes, every second. Tests
// share it and have a fleet each.
type world struct {
	prometheus *realtest.Prometheus

	mu     sync.Mutex
	fleets []*fleet
}

func newWorld(t *testing.T) *world {
	t.Helper()
	w := &world{}
	exporter := realtest.StartExporter(t, "")
	exporter.SetFunc(w.page)
	w.prometheus = realtest.StartPrometheus(t, realtest.PrometheusOptions{
		Targets: map[string][]string{"canary": {exporter.Address}},
	})
	w.scraped(t)
	return w
}

// scraped waits until Prometheus scrapes: it begins five seconds after its
// start.
func (w *world) scraped(t *testing.T) {
	t.Helper()
	eventually(t, "Prometheus scrapes", func() error {
		resp, err := http.Get(w.prometheus.URL + "/api/v1/query?query=up==1")
		if err != nil {
			return err
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err == nil && !strings.Contains(string(body), "canary") {
			err = fmt.Errorf("it answers %s", body)
		}
		return err
	})
}

// page is what the exporter shows: all fleets, as they are at this moment.
func (w *world) page() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var b strings.Builder
	b.WriteString("# TYPE canary_received_total counter\n# TYPE canary_heartbeat gauge\n")
	for _, f := range w.fleets {
		f.write(&b, time.Now())
	}
	return b.String()
}

// fleet is the canary data of one pool's hosts, on real time.
type fleet struct {
	name  string
	hosts []string
	// stamped fleets export explicit timestamps: what a remote system last
	// knew, which Prometheus goes on answering for five minutes.
	stamped bool

	mu       sync.Mutex
	canaries []*canary
	// frozen and frozenHeart are when the data, or the heartbeat, stopped
	// being renewed; zero while they are.
	frozen, frozenHeart time.Time
}

// canary is one host's counter.
type canary struct {
	rate  float64 // a second
	value float64
	at    time.Time
	gone  bool
}

// fleet adds the hosts web-01, web-02, ... to the world. Names of fleets are
// unique; a fleet of n hosts is healthy at first.
func (w *world) fleet(name string, n int, stamped bool) *fleet {
	f := &fleet{name: name, stamped: stamped}
	for i := range n {
		f.hosts = append(f.hosts, fmt.Sprintf("web-%02d", i+1))
		f.canaries = append(f.canaries, &canary{rate: healthyRate, at: time.Now()})
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fleets = append(w.fleets, f)
	return f
}

// fall makes hosts receive this share of what a healthy one does, from now on.
// All of them fall in the same instant.
func (f *fleet) fall(share float64, hosts ...int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	now := time.Now()
	for _, i := range hosts {
		f.canaries[i].run(now)
		f.canaries[i].rate = share * healthyRate
	}
}

// run counts up to now.
func (c *canary) run(now time.Time) {
	c.value += c.rate * now.Sub(c.at).Seconds()
	c.at = now
}

func (f *fleet) write(b *strings.Builder, now time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, c := range f.canaries {
		if f.frozen.IsZero() {
			c.run(now)
		}
		if !c.gone {
			fmt.Fprintf(b, "canary_received_total{pool=%q,host=%q} %f%s\n", f.name, f.hosts[i], c.value, f.stamp(now, f.frozen))
		}
	}
	fmt.Fprintf(b, "canary_heartbeat{pool=%q} 1%s\n", f.name, f.stamp(now, f.frozenHeart))
}

func (f *fleet) stamp(now, frozen time.Time) string {
	switch {
	case !f.stamped:
		return ""
	case !frozen.IsZero():
		now = frozen
	}
	return fmt.Sprintf(" %d", now.UnixMilli())
}

// source is the address of the world's Prometheus; empty when it has none.
func (w *world) source() string {
	if w.prometheus == nil {
		return ""
	}
	return w.prometheus.URL
}
