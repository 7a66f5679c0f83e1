//go:build figures

package cli

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
	"warden/simulate/fleet"
)

// TestDrainedFigures measures the whole way on three real daemons with a
// detector, Socket Mode and a balancer of the simulated fleet: from a host's
// last good sample and from the round that finds it bad to the question in
// Slack, and from the click that says yes to the drained server. It measures as
// often as WARDEN_BENCH_CHAT says, and asserts nothing, so only `make
// bench-chat` builds it.
func TestDrainedFigures(t *testing.T) {
	t.Parallel()
	runs, err := strconv.Atoi(os.Getenv("WARDEN_BENCH_CHAT"))
	if err != nil || runs < 1 {
		runs = 1 // so that it is known to work
	}
	world, err := fleet.New(fleet.Options{Pool: "web", Backend: "be_web", N: runs + 20, ScrapeInterval: time.Second, SocketDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := world.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	limits := fmt.Sprintf("min_in_service     = 2\nmax_out_of_service = %d\nmax_actions_per_hour = %d\nmax_actions_per_day = %d\nsettle_after_action = \"1s\"", runs+10, 10*runs, 10*runs)
	c := newChatTrio(t,
		"url  = \"http://127.0.0.1:1\"", fmt.Sprintf("url  = %q\ncanary_target = \"canary_heartbeat\"", world.PrometheusURL()),
		"hosts = [\"web-1\", \"web-2\", \"web-3\", \"web-4\"]", "hosts = [\n"+hostLines(world.Hosts())+"\n]",
		"min_in_service     = 2\nmax_out_of_service = 1", limits,
		"query   = \"canary_received_total\"", "query   = 'canary_received_total{pool=\"web\"}'\nhost_regex = '^([^.:]+)'\nwindow = \"10s\"\nmin_points = 4\nmax_bad_fraction = 0.9",
		"for     = \"5m\"", "for     = \"4s\"\ninterval = \"1s\"",
		"policy    = \"notify\"", "policy    = \"confirm\"",
		"approvers = [\"sam\"]", "approvers = [\"slack:@oncall-ops\"]",
		"unix:/nowhere/haproxy.sock", world.HAProxyAddress(),
	)
	nodes := c.connections()
	var fromSample, fromRound, drained []time.Duration
	for i := range runs {
		host := remedy.HostName(world.Hosts()[i])
		bad := time.Now()
		if err := world.SetHealth(string(host), 0); err != nil {
			t.Fatal(err)
		}
		var m fakeslack.Message
		var id remedy.CaseID
		c.eventually(fmt.Sprintf("%s is asked about", host), func() bool {
			for _, k := range c.nodes["n1"].d.ledger.Cases(ledger.CaseFilter{Host: host}) {
				id = k.ID
			}
			var ok bool
			m, ok = c.card(id)
			return id != 0 && ok
		})
		seen := time.Now()
		k, _ := c.nodes["n1"].d.ledger.Case(id)
		fromSample, fromRound = append(fromSample, seen.Sub(bad)), append(fromRound, seen.Sub(k.OpenedAt))
		begun := time.Now()
		c.via(nodes[i%len(nodes)], c.held(fakeslack.Alice, m, "warden.approve"))
		c.eventually(fmt.Sprintf("%s is drained", host), func() bool { return world.Servers()[string(host)].Admin != fleet.Ready })
		drained = append(drained, time.Since(begun))
		// Well again, it is not one of many that are bad at once.
		if err := world.SetHealth(string(host), 1); err != nil {
			t.Fatal(err)
		}
	}
	for _, figure := range []struct {
		what string
		all  []time.Duration
	}{
		{"last good sample to question in Slack", fromSample},
		{"round that finds it bad to question in Slack", fromRound},
		{"click to drained host", drained},
	} {
		slices.Sort(figure.all)
		t.Logf("%s: median %s, worst %s of %d", figure.what, figure.all[len(figure.all)/2].Round(time.Millisecond),
			figure.all[len(figure.all)-1].Round(time.Millisecond), len(figure.all))
	}
	if what := c.fake.Breaches(); len(what) > 0 {
		t.Errorf("rules of Slack's were broken: %+v", what)
	}
}
