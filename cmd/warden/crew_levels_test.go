//go:build integration && !failpoints

package main_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"warden/internal/remedy"
	"warden/internal/web"
)

// The lines of a file at each rung.
const (
	sayAuto    = `policy            = "auto"`
	sayConfirm = `policy            = "confirm"`
	sayNotify  = `policy            = "notify"`
)

// levels: up needs all three files, alive or dead, and down needs one; the
// strictest limit holds. Every change is told in words that name the node.
func (w *world) levels(t *testing.T) {
	t.Parallel()
	c := w.newCrew(t, "auto", 30, func(s *settings) { s.MaxOut, s.MinInService = 6, 20 })
	third, hosts := c.nodes[2], c.fleet.hosts
	c.edit(third, sayAuto, sayConfirm)
	leader := c.begin()
	c.lists(remedy.LevelConfirm, map[string]remedy.Level{"w1": remedy.LevelAuto, "w2": remedy.LevelAuto, "w3": remedy.LevelConfirm})

	// Two files say auto and one says confirm: it asks.
	c.fleet.fall(0, 0)
	asked := leader.staged(hosts[0], remedy.StageWaiting)
	leader.rounds(3)
	c.balancer.untouched(t)
	// The third follows: it acts.
	r := c.reload(third, sayConfirm, sayAuto)
	for _, words := range []string{"confirm", "auto", "in force is auto now"} {
		if !strings.Contains(r.out+r.err, words) {
			t.Errorf("the reload doesn't say %q:\n%s%s", words, r.out, r.err)
		}
	}
	c.tells("config", "w3", "confirm", "auto", "in force is auto now")

	// What was asked stays a person's to answer; the next one is acted on alone.
	if k := c.leader().show(asked.ID); k.Stage != remedy.StageWaiting {
		t.Errorf("%s is %s", asked.ID, k.Stage)
	}
	third.must(exitOK, "approve", asked.ID.String(), "--plan-hash", asked.PlanHash, "--wait")
	c.fleet.fall(0, 1)
	acted := c.leader().staged(hosts[1], remedy.StageOut)
	if k := c.leader().show(acted.ID); k.Ask != nil || k.Executions[0].By.Person {
		t.Errorf("at auto somebody was asked: %+v, by %+v", k.Ask, k.Executions[0].By)
	}
	c.sent(t, hosts[:2]...)

	// One file is stricter: that limit holds, for the leader's file too.
	c.reload(third, "max_out_of_service   = 6", "max_out_of_service   = 1")
	c.tells("config", "w3", "max_out_of_service")
	c.fleet.fall(0, 2)
	c.leader().await("the strictest limit holds", hosts[2], func(k *web.CaseSummary) error {
		return mustBe("blocked by", k.BlockedBy, "max_out")
	})
	c.leader().rounds(3)
	c.sent(t, hosts[:2]...)
	c.reload(third, "max_out_of_service   = 1", "max_out_of_service   = 6")
	c.leader().staged(hosts[2], remedy.StageOut)

	// The node whose file says notify dies: still nothing is done but telling.
	c.reload(third, sayAuto, sayNotify)
	c.tells("config", "w3", "in force is notify now")
	third.kill()
	leader, _ = c.agreed(2, 3)
	c.fleet.fall(0, 3)
	told := leader.await("it complains", hosts[3], func(k *web.CaseSummary) error {
		return mustBe("the outcome", k.Outcome, remedy.OutcomeTold)
	})
	leader.rounds(4)
	c.sent(t, hosts[:3]...)
	c.lists(remedy.LevelNotify, map[string]remedy.Level{"w1": remedy.LevelAuto, "w2": remedy.LevelAuto, "w3": remedy.LevelNotify})
	if wide := leader.must(exitOK, "-o", "wide", "policy", "list").out; !strings.Contains(wide, "=notify") || !strings.Contains(wide, string(c.voter(leader, "w3"))+" ") {
		t.Errorf("policy list -o wide does not say that w3 says notify:\n%s", wide)
	}
	// A person waives its word, at a node that doesn't lead: it acts.
	follower := c.others(leader, third)[0]
	follower.must(exitError, "policy", "waive", leader.name, "--reason", "it is alive", "--confirm", leader.name)
	follower.must(exitOK, "policy", "waive", "w3", "--reason", "its disk is gone", "--confirm=w3")
	c.tells("config", "w3", "waived by "+c.settings.Approver, "its disk is gone")
	if p := c.policy(c.leader()); len(p.Waivers) != 1 || p.Waivers[0].By.Name != c.settings.Approver || !p.Waivers[0].By.Person || p.Waivers[0].Reason != "its disk is gone" {
		t.Errorf("the waivers are %+v", p.Waivers)
	}
	if k := c.leader().staged(hosts[3], remedy.StageOut); k.ID != told.ID {
		t.Errorf("%s is out for %s, and %s was told of", hosts[3], k.ID, told.ID)
	}
	// It comes back, with notify: the waiver is over.
	third.launch()
	c.agreed(3, 3)
	c.tells("w3", "its waiver is over")
	eventually(t, "its word counts again", func() error {
		if p := c.policy(c.leader()); p.Levels[0].Effective != remedy.LevelNotify || len(p.Waivers) != 0 {
			return fmt.Errorf("in force is %s, waived are %v", p.Levels[0].Effective, p.Waivers)
		}
		return nil
	})
	c.fleet.fall(0, 4)
	c.leader().await("it complains again", hosts[4], func(k *web.CaseSummary) error {
		return mustBe("the outcome", k.Outcome, remedy.OutcomeTold)
	})
	c.leader().rounds(2)
	c.sent(t, hosts[:4]...)
	// It dies for good: without it as a voter the two that are left are of one mind.
	third.kill()
	leader, _ = c.agreed(2, 3)
	leader.must(exitOK, "operator", "raft", "remove-peer", "w3", "--confirm", "w3")
	leader, _ = c.agreed(2, 2)
	leader.staged(hosts[4], remedy.StageOut)
	c.sent(t, hosts[:5]...)
}

// sent asserts that these hosts were drained, once each and in this order, and
// that nothing else reached the load balancer.
func (c *crew) sent(t *testing.T, hosts ...string) {
	t.Helper()
	want, commands := map[string][]string{}, []string(nil)
	for _, host := range hosts {
		want[host] = []string{up, drained}
		commands = append(commands, c.balancer.set(host, "drain"))
	}
	c.balancer.onlyChanged(t, want, commands...)
}

func (c *trio) policy(a *agent) *web.Policy {
	c.t.Helper()
	p, err := a.client.Policy(c.t.Context())
	if err != nil || len(p.Levels) != 1 {
		c.t.Fatalf("policy: %+v, %v", p, err)
	}
	return p
}

// voter is the id under which a node knows another one, dead or alive.
func (c *trio) voter(a *agent, name string) remedy.NodeID {
	c.t.Helper()
	for _, n := range c.policy(a).Levels[0].Nodes {
		if strings.HasPrefix(string(n.Node), name+"-") {
			return n.Node
		}
	}
	c.t.Fatalf("%s knows no %s", a.name, name)
	return ""
}

// lists waits until every running node lists this level as the one in force,
// and what each voter said, with who holds it down.
func (c *crew) lists(force remedy.Level, said map[string]remedy.Level) {
	c.t.Helper()
	for _, a := range c.nodes {
		if !a.running() {
			continue
		}
		eventually(c.t, a.name+" lists who says what", func() error {
			p, err := a.client.Policy(c.t.Context())
			if err != nil {
				return err
			}
			if len(p.Levels) != 1 || len(p.Levels[0].Nodes) != len(said) || p.Levels[0].Effective != force {
				return fmt.Errorf("it lists %+v", p.Levels)
			}
			l := p.Levels[0]
			for _, n := range l.Nodes {
				name, _, _ := strings.Cut(string(n.Node), "-")
				if n.Level != said[name] || !n.Reported {
					return fmt.Errorf("%s says %s, reported %v", n.Node, n.Level, n.Reported)
				}
				if n.Level == force && l.File > force && !strings.Contains(strings.Join(l.Why, "; "), string(n.Node)) {
					return errors.New("why not higher is " + strings.Join(l.Why, "; "))
				}
			}
			return nil
		})
	}
}

// reload edits a running node's file and has it read.
func (c *trio) reload(a *agent, from, to string) result {
	c.t.Helper()
	c.edit(a, from, to)
	return a.must(exitOK, "reload")
}

// begin starts all nodes, and waits until they are one cluster in which all
// have reported and the leader finds all hosts good.
func (c *crew) begin(env ...string) (leader *agent) {
	c.t.Helper()
	for _, a := range c.nodes {
		a.launch(env...)
	}
	leader, _ = c.agreed(3, 3)
	eventually(c.t, "all have reported, and all hosts are good", func() error {
		s, err := leader.client.Status(c.t.Context())
		if err != nil {
			return err
		}
		if len(s.Nodes) != 3 || !s.Warm || len(s.Pools) == 0 || s.Pools[0].Verdicts["good"] != len(c.fleet.hosts) {
			return fmt.Errorf("reported have %v, pools %+v, warm %v, leader %v", s.Nodes, s.Pools, s.Warm, s.Leader)
		}
		return nil
	})
	return leader
}

// id is the server id of a node.
func (c *trio) id(a *agent) remedy.NodeID {
	c.t.Helper()
	return a.status().Node
}
