//go:build integration && !failpoints

package main_test

import (
	"fmt"
	"maps"
	"strings"
	"syscall"
	"testing"
	"time"

	"warden/internal/remedy"
)

// rolling: each node is restarted in turn while hosts fall, at a rung that acts
// and at one that asks, and people answer wherever they are. No case is lost,
// nothing is done twice, nothing is said twice without saying so, and leadership
// is handed over each time.
func (w *world) rolling(t *testing.T) {
	t.Parallel()
	for _, level := range []string{"auto", "confirm"} {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			c := w.newCrew(t, level, 20, func(s *settings) { s.MaxOut, s.MinInService, s.Timeout = 5, 15, "20s" })
			c.begin()
			c.restartEach()
		})
	}
}

func (c *crew) restartEach() {
	t, hosts := c.t, c.fleet.hosts
	cases := map[string]remedy.CaseID{}
	led := map[*agent]bool{}
	for i := range c.nodes {
		// The one that leads, as long as there is one that hasn't been restarted.
		leader := c.leader()
		next := leader
		if led[leader] {
			next = c.unrestarted(led)
		}
		led[next] = true
		left := c.others(next)

		// Its host falls, and the effect of that is under way when it must stop.
		c.balancer.gate.close()
		c.fleet.fall(0, i)
		if c.settings.Level == "confirm" {
			asked := next.staged(hosts[i], remedy.StageWaiting)
			left[0].must(exitOK, "approve", asked.ID.String(), "--plan-hash", asked.PlanHash)
		}
		select {
		case <-c.balancer.gate.arrived:
		case <-time.After(patience):
			t.Fatalf("nothing was done about %s within %v", hosts[i], patience)
		}
		term := c.term(left[0])
		next.signal(syscall.SIGTERM)
		if next == leader {
			select {
			case <-next.exited:
				t.Error("the leader left a running effect behind")
			case <-time.After(time.Second):
			}
		}
		c.balancer.gate.open()
		if state := next.wait(); state.ExitCode() != 0 {
			t.Errorf("SIGTERM: %v", state)
		}
		c.agreed(2, 3)
		if next == leader {
			c.handedOver(next, term)
		}
		// The effect was committed by whoever ran it: nobody had to look for it.
		found := left[0].staged(hosts[i], remedy.StageOut)
		cases[hosts[i]] = found.ID
		k := left[1].show(found.ID)
		if len(k.Executions) != 1 || k.Executions[0].Outcome != remedy.OutcomeDone || strings.Contains(k.Executions[0].Note, "middle") {
			t.Errorf("%s: executions %+v", k.ID, k.Executions)
		}
		if c.settings.Level == "confirm" && k.Executions[0].By.Name != c.settings.Approver {
			t.Errorf("%s was begun by %+v", k.ID, k.Executions[0].By)
		}
		next.launch()
		c.agreed(3, 3)
	}
	c.afterwards(cases)
}

// unrestarted is a node that hasn't been restarted yet.
func (c *crew) unrestarted(done map[*agent]bool) *agent {
	for _, a := range c.nodes {
		if !done[a] {
			return a
		}
	}
	c.t.Fatal("all have been restarted")
	return nil
}

func (c *crew) term(a *agent) uint64 {
	c.t.Helper()
	return a.status().Raft.Term
}

// handedOver: another node leads because the old one made it, in the very next
// term; nobody had to miss it first.
func (c *crew) handedOver(old *agent, term uint64) {
	c.t.Helper()
	if n := len(old.logged("leadership was handed over")); n == 0 {
		c.t.Errorf("%s did not hand over", old.name)
	}
	leader := c.leader()
	if now := c.term(leader); now != term+1 {
		c.t.Errorf("%s leads in term %d after %s led in %d", leader.name, now, old.name, term)
	}
}

// afterwards: a person at each node puts a host back; then the record is held
// against HAProxy's and against what was said.
func (c *crew) afterwards(cases map[string]remedy.CaseID) {
	t, hosts := c.t, c.fleet.hosts
	want, commands := map[string][]string{}, []string(nil)
	for i := range c.nodes {
		want[hosts[i]] = []string{up, drained}
		commands = append(commands, c.balancer.set(hosts[i], "drain"))
	}
	// Their canaries have been whole for longer than the window when they return.
	c.fleet.fall(1, 0, 1, 2)
	c.leader().rounds(10)
	for i, a := range c.nodes {
		a.must(exitOK, "undo", cases[hosts[i]].String(), "--reason", "fixed", "--confirm", hosts[i], "--wait")
		want[hosts[i]] = []string{up, drained, up}
		commands = append(commands, c.balancer.set(hosts[i], "ready"))
	}
	c.leader().rounds(5)
	c.balancer.onlyChanged(t, want, commands...)
	for _, a := range c.nodes {
		all := a.cases()
		seen := map[string]remedy.CaseID{}
		for _, k := range all {
			seen[string(k.Host)] = k.ID
			if k.Outcome != remedy.OutcomeUndone {
				t.Errorf("%s: %s of %s is %s %s", a.name, k.ID, k.Host, k.Stage, k.Outcome)
			}
		}
		if len(all) != len(cases) || !maps.Equal(seen, cases) {
			t.Errorf("%s has %v, and the cases are %v", a.name, seen, cases)
		}
	}
	c.saidOnce(cases)
}

// saidOnce: of all that all nodes said of the cases nothing was said twice,
// unless the second says that it may be a repeat.
func (c *crew) saidOnce(cases map[string]remedy.CaseID) {
	c.t.Helper()
	first := map[string]string{}
	for _, message := range c.told("W-") {
		if strings.Contains(message, "may be a repeat") {
			continue
		}
		head, _, _ := strings.Cut(message, "\n")
		rest := strings.Join(strings.Fields(message), " ")
		if before, ok := first[rest]; ok {
			c.t.Errorf("said twice:\n%s\nand\n%s", before, message)
		}
		first[rest] = head
	}
	for host, id := range cases {
		for kind, times := range map[string]int{"question": c.asks(), "started": 2, "outcome": 2} {
			n := 0
			for _, message := range c.told(id.String()) {
				head, _, _ := strings.Cut(message, "\n")
				if strings.Contains(head, "  "+kind+"  ") && !strings.Contains(message, "may be a repeat") {
					n++
				}
			}
			if n > times || n == 0 && times > 0 {
				c.t.Errorf("%s of %s was told %d times, want %d: %s", kind, fmt.Sprint(id, " ", host), n, times, strings.Join(c.told(id.String()), ""))
			}
		}
	}
}

// asks is how often a case is asked about.
func (c *crew) asks() int {
	if c.settings.Level == "confirm" {
		return 1
	}
	return 0
}
