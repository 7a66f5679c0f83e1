package cli

import (
	"encoding/json"
	"fmt"
	"os/user"
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
	"warden/simulate/fleet"
)

// fleetTrio is a chatTrio with the simulated fleet as source and load balancer. What
// it finds is asked about, and this user may say yes by command.
type fleetTrio struct {
	*chatTrio
	world *fleet.Fleet
}

func newFleetTrio(t *testing.T, hosts int, words ...string) *fleetTrio {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	world, err := fleet.New(fleet.Options{Pool: "web", Backend: "be_web", N: hosts, ScrapeInterval: time.Second, DrainTime: time.Second, SocketDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	if err := world.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(world.Close)
	return &fleetTrio{newChatTrio(t, append(words,
		"url  = \"http://127.0.0.1:1\"", fmt.Sprintf("url  = %q\ncanary_target = \"canary_heartbeat\"", world.PrometheusURL()),
		"hosts = [\"web-1\", \"web-2\", \"web-3\", \"web-4\"]", "hosts = [\n"+hostLines(world.Hosts())+"\n]",
		"min_in_service     = 2\nmax_out_of_service = 1",
		fmt.Sprintf("min_in_service     = 2\nmax_out_of_service = %d\nmax_actions_per_hour = 100\nmax_actions_per_day = 100\nsettle_after_action = \"1s\"", hosts/2),
		"query   = \"canary_received_total\"", "query   = 'canary_received_total{pool=\"web\"}'\nhost_regex = '^([^.:]+)'\nwindow = \"10s\"\nmin_points = 4\nmax_bad_fraction = 0.9",
		"for     = \"5m\"", "for     = \"4s\"\ninterval = \"1s\"",
		"policy    = \"notify\"", "policy    = \"confirm\"",
		"approvers = [\"sam\"]", fmt.Sprintf("approvers = [%q, \"slack:@oncall-ops\"]", me.Username),
		"unix:/nowhere/haproxy.sock", world.HAProxyAddress(),
	)...), world}
}

// sickens has a host's canaries go missing.
func (c *fleetTrio) sickens(host string) {
	c.t.Helper()
	if err := c.world.SetHealth(host, 0); err != nil {
		c.t.Fatal(err)
	}
}

// waiting is the case about a host that waits for an answer, on all nodes.
func (c *fleetTrio) waiting(host string) remedy.CaseID {
	c.t.Helper()
	var id remedy.CaseID
	defer func() {
		if c.t.Failed() {
			_, out, _ := c.run("n1", "cases")
			_, why, _ := c.run("n1", "explain", host)
			c.t.Log(out, why)
		}
	}()
	c.eventually(host+" is asked about", func() bool {
		return !slices.ContainsFunc(theThree(), func(name string) bool {
			all := c.nodes[name].d.ledger.Cases(ledger.CaseFilter{Host: remedy.HostName(host)})
			if len(all) == 0 || all[0].Stage != remedy.StageWaiting || all[0].Ask == nil {
				return true
			}
			id = all[0].ID
			return false
		})
	})
	return id
}

// approves says yes by command, and waits until the host is out and the case says so.
func (c *fleetTrio) approves(name, host string, id remedy.CaseID) {
	c.t.Helper()
	c.drains(name, host, id)
	c.done(id, theThree()...)
}

// drains says yes by command, and waits until the host is out.
func (c *fleetTrio) drains(name, host string, id remedy.CaseID) {
	c.t.Helper()
	k, _ := c.nodes[name].d.ledger.Case(id)
	c.must(name, "approve", id.String(), "--plan-hash", k.PlanHash, "--yes")
	c.eventually(host+" is drained", func() bool { return c.world.Servers()[host].Admin == fleet.Drain })
}

// done waits until the nodes named know that a case is done.
func (c *fleetTrio) done(id remedy.CaseID, names ...string) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Log(last)
		}
	}()
	c.eventually(id.String()+" is done on all nodes", func() bool {
		return !slices.ContainsFunc(names, func(name string) bool {
			k, ok := c.nodes[name].d.ledger.Case(id)
			last = fmt.Sprintf("%+v", k)
			return !ok || k.Outcome != remedy.OutcomeDone
		})
	})
}

// drainedOnce wants each host's state to have been set exactly once.
func (c *fleetTrio) drainedOnce(hosts ...string) {
	c.t.Helper()
	for _, host := range hosts {
		var set []fleet.Change
		for _, x := range c.world.Changes() {
			if x.Host == host {
				set = append(set, x)
			}
		}
		if len(set) != 1 || set[0].From != fleet.Ready || set[0].To != fleet.Drain {
			c.t.Errorf("%s: the load balancer was told %+v", host, set)
		}
	}
}

// about are the messages of the channel, but for threads, that have a word in them.
func (c *chatTrio) about(word string) (out []fakeslack.Message) {
	for _, m := range c.fake.Messages(fakeslack.Ops) {
		if m.Thread == "" && strings.Contains(m.Text+string(m.Blocks), word) {
			out = append(out, m)
		}
	}
	return out
}

// settles waits until Slack is owed nothing and each case has its one message, that
// says so and asks nothing.
func (c *chatTrio) settles(says string, ids ...remedy.CaseID) {
	c.t.Helper()
	last := ""
	defer func() {
		if c.t.Failed() {
			c.t.Log(last)
		}
	}()
	told := func(id remedy.CaseID) bool {
		all := c.about(id.String())
		text, _ := json.Marshal(all)
		last = fmt.Sprintf("%s: %d messages: %s", id, len(all), text)
		if len(all) != 1 || !strings.Contains(strings.ToLower(all[0].Text), says) {
			return false
		}
		_, asks := c.card(id)
		return !asks
	}
	c.eventually("each case has one message, with its last state", func() bool {
		return !slices.ContainsFunc(ids, func(id remedy.CaseID) bool { return !told(id) })
	})
	for name, m := range c.nodes {
		c.eventually(name+" knows of nothing that is owed", func() bool { return len(m.d.ledger.PendingFor(ledger.SurfaceSlack)) == 0 })
	}
	for _, id := range ids {
		if !told(id) {
			c.t.Errorf("when all is told, there is %s", last)
		}
	}
}

// TestDrainedWhileSlackIsAway has a yes by command drain its host while Slack is
// away, in each way, on three real daemons: exactly once, and afterwards Slack shows
// what became of each case and asks nothing.
func TestDrainedWhileSlackIsAway(t *testing.T) {
	t.Parallel()
	c := newFleetTrio(t, 40)
	hosts := c.world.Hosts()
	leader, follower := c.leader(theThree()...)
	troubles := []struct {
		name  string
		begin func()
	}{
		// Longer than warden waits for an answer: nothing of it comes through.
		{"slow", func() { c.fake.Become(fakeslack.Slow(2 * time.Minute)) }},
		{"down", func() { c.fake.Become(); c.fake.Down(0) }},
		{"forbidden", func() { c.fake.Become(fakeslack.Status(403)) }},
		{"banned", func() { c.fake.Become(fakeslack.Says("account_inactive")) }},
		{"lies", func() { c.fake.Become(fakeslack.LieWithoutTS()) }},
	}
	ids := make([]remedy.CaseID, len(troubles)+1)
	for i := range troubles {
		c.sickens(hosts[i])
	}
	for i := range troubles {
		ids[i] = c.waiting(hosts[i])
		c.eventually(hosts[i]+" is asked about in Slack", func() bool { _, ok := c.card(ids[i]); return ok })
	}
	asked := len(c.fake.Messages(fakeslack.Ops))
	late := len(troubles) // and one that is asked about while nobody can be told
	for i, x := range troubles {
		x.begin()
		if i == 0 {
			c.sickens(hosts[late])
		}
		c.approves([]string{leader, follower}[i%2], hosts[i], ids[i])
		if i == 0 {
			c.eventually("Slack keeps a call waiting", func() bool { return c.fake.Held() > 0 })
		}
		if k := c.answered(ids[i], theThree()...); !k.Answer.Approve || k.Answer.By.Via != "cli" {
			t.Errorf("%s: %+v", x.name, k.Answer)
		}
	}
	ids[late] = c.waiting(hosts[late])
	c.approves(follower, hosts[late], ids[late])
	if n := len(c.about(ids[late].String())); n != 0 {
		t.Errorf("%d messages came through while Slack was away", n)
	}
	c.fake.Heal()
	c.settles("drained", ids...)
	c.drainedOnce(hosts[:len(ids)]...)
	if n := len(c.fake.Messages(fakeslack.Ops)); n < asked {
		t.Errorf("%d messages, and there were %d", n, asked)
	}
}
