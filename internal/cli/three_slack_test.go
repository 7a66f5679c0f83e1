package cli

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// TestClicksThatMayNot taps on three real daemons as those who may not, and with
// values that nobody was given: nothing is done, and who tapped is told so.
func TestClicksThatMayNot(t *testing.T) {
	t.Parallel()
	c := newChatTrio(t)
	leader, _ := c.leader(theThree()...)
	id, m := c.poses(leader, question{host: "web-1"}, theThree()...)
	heard := map[string]int{}
	told := func(user string, words ...string) {
		t.Helper()
		heard[user]++
		said := c.hears(user, heard[user])
		for _, w := range words {
			if !strings.Contains(strings.ToLower(said), w) {
				t.Errorf("%s is told %q, without %q", user, said, w)
			}
		}
	}
	for _, n := range c.connections() {
		c.via(n, c.held(fakeslack.Carol, m, "warden.approve")) // a member who is not on call
		told(fakeslack.Carol, "may not approve", "slack:@oncall-ops")
		for _, nobody := range []string{fakeslack.Gus, fakeslack.Stan} {
			c.via(n, c.held(nobody, m, "warden.approve"))
			told(nobody, "only members of this workspace")
			c.via(n, c.held(nobody, m, "warden.approve"))
			told(nobody, "only members of this workspace")
		}
		for _, forge := range []func(a map[string]any){
			func(a map[string]any) { // the case of another question
				a["value"] = strings.Replace(a["value"].(string), fmt.Sprintf(".%d.", id), fmt.Sprintf(".%d.", id+1), 1)
			},
			func(a map[string]any) { // another plan
				parts := strings.Split(a["value"].(string), ".")
				parts[4] = strings.Repeat("a", len(parts[4]))
				a["value"] = strings.Join(parts, ".")
			},
			func(a map[string]any) { // another warden's
				parts := strings.Split(a["value"].(string), ".")
				parts[1] = "b3RoZXI"
				a["value"] = strings.Join(parts, ".")
			},
			func(a map[string]any) { a["action_id"] = "warden.deny" },
			func(a map[string]any) { a["value"] = "" },
		} {
			p := c.held(fakeslack.Alice, m, "warden.approve")
			forge(p["actions"].([]any)[0].(map[string]any))
			c.via(n, p)
			told(fakeslack.Alice, "nothing was done")
		}
	}
	for _, b := range c.fake.Breaches() {
		t.Errorf("a rule of Slack's was broken: %+v", b)
	}
	// One who says to be of this workspace and was never in it.
	p := c.held(fakeslack.Alice, m, "warden.approve")
	p["user"].(map[string]any)["id"] = "U0NOBODY"
	<-c.via(c.connections()[0], p).Done()
	c.untouched(id, "those who may not")
	for _, name := range theThree() {
		for _, want := range [][]string{
			{"carol@example.net, " + fakeslack.Carol, "approve " + id.String(), "somebody else may"}, {fakeslack.Gus, "no member"}, {fakeslack.Stan, "no member"},
			{fakeslack.Alice, "none that warden made"}, {fakeslack.Alice, "another cluster's"}, {"U0NOBODY", "could not be looked up"},
		} {
			c.auditHas(name, append(want, "turned away a click in slack")...)
		}
	}
	// Everybody clicked on every node, and each is there once; the rest is counted.
	if n := c.clicksLogged(leader); n != 6 {
		t.Errorf("%d entries on clicks, want 6", n)
	}
	// The same message still works for who may.
	c.via(c.connections()[0], c.held(fakeslack.Alice, m, "warden.approve"))
	if k := c.answered(id, theThree()...); k.Answer.By.Name != "alice@example.net" || k.Answer.By.Via != "slack" || !k.Answer.Approve {
		t.Errorf("%+v", k.Answer)
	}
	for _, name := range theThree() {
		c.auditHas(name, "alice@example.net (slack)", "approved "+id.String())
	}
}

// TestClicksThatComeTooLate taps what is no question any more: expired, asked
// again since, decided. What holds is said, and nothing is done.
func TestClicksThatComeTooLate(t *testing.T) {
	t.Parallel()
	c := newChatTrio(t)
	leader, _ := c.leader(theThree()...)
	nodes := c.connections()

	id, m := c.poses(leader, question{host: "web-1", expires: 3 * time.Second}, theThree()...)
	old := c.held(fakeslack.Alice, m, "warden.approve")
	c.eventually("nobody answered in time", func() bool {
		k, _ := c.nodes[leader].d.ledger.Case(id)
		return k.Ask == nil || k.Stage != remedy.StageWaiting
	})
	c.via(nodes[0], old)
	if said := c.hears(fakeslack.Alice, 1); !strings.Contains(strings.ToLower(said), "expired") {
		t.Errorf("on an expired question alice is told %q", said)
	}
	c.untouched(id, "expired")
	c.auditHas(leader, "turned away", "alice@example.net, "+fakeslack.Alice, "approve "+id.String(), "too late")

	id, m = c.poses(leader, question{host: "web-2", summary: "drain it slowly"}, theThree()...)
	old = c.held(fakeslack.Bob, m, "warden.approve")
	was, _ := c.nodes[leader].d.ledger.Case(id)
	c.must(leader, "snooze", id.String(), "1s") // so that it is asked again, with the same plan
	c.eventually("it is asked again", func() bool {
		c.posed(leader, question{host: "web-2", summary: "drain it at once"})
		return !slices.ContainsFunc(theThree(), func(name string) bool {
			k, _ := c.nodes[name].d.ledger.Case(id)
			return k.Ask == nil || !k.Ask.AskedAt.After(was.Ask.AskedAt)
		})
	})
	for i, n := range nodes {
		c.via(n, old)
		if said := c.hears(fakeslack.Bob, i+1); !strings.Contains(said, "was asked again since, and nothing was done") {
			t.Errorf("on a question that was asked again bob is told %q", said)
		}
	}
	c.untouched(id, "superseded")
	c.auditHas(leader, "turned away", "bob@example.net, "+fakeslack.Bob, "approve "+id.String(), "asked again since")

	id, m = c.poses(leader, question{host: "web-3"}, theThree()...)
	late := c.held(fakeslack.Bob, m, "warden.approve")
	c.opens(fakeslack.Fran, nodes[1], m)
	c.untouched(id, "a no without its reason")
	c.says(fakeslack.Fran, nodes[1])
	if k := c.answered(id, theThree()...); k.Answer.Approve {
		t.Errorf("%+v", k.Answer)
	}
	c.via(nodes[2], late)
	if said := c.hears(fakeslack.Bob, len(nodes)+1); !strings.Contains(said, "before you") {
		t.Errorf("after fran's no bob is told %q", said)
	}
	if k := c.answered(id, theThree()...); k.Answer.Approve {
		t.Errorf("after the second click: %+v", k.Answer)
	}
	c.auditHas(leader, "fran@example.net (slack)", "denied "+id.String())
	c.auditHas(leader, "turned away", "bob@example.net, "+fakeslack.Bob, "approve "+id.String(), "too late")
}

// TestClicksAtOnce: one click that Slack delivers to two nodes is one decision;
// of two people who tap on two nodes at once one decides, and the other is told.
func TestClicksAtOnce(t *testing.T) {
	t.Parallel()
	c := newChatTrio(t)
	leader, _ := c.leader(theThree()...)
	nodes := c.connections()

	id, m := c.poses(leader, question{host: "web-1"}, theThree()...)
	p := c.held(fakeslack.Alice, m, "warden.approve")
	for _, n := range nodes {
		c.via(n, p)
	}
	c.answered(id, theThree()...)
	for _, n := range nodes {
		c.via(n, p) // replayed
	}
	c.answered(id, theThree()...)

	heard := map[string]int{}
	for _, host := range []remedy.HostName{"web-2", "web-3", "web-4"} {
		id, m := c.poses(leader, question{host: host}, theThree()...)
		yes := c.held(fakeslack.Bob, m, "warden.approve")
		c.opens(fakeslack.Fran, nodes[2], m)
		c.via(nodes[1], yes)
		c.says(fakeslack.Fran, nodes[2])
		k := c.answered(id, theThree()...)
		loser := fakeslack.Fran
		if !k.Answer.Approve {
			loser = fakeslack.Bob
		}
		heard[loser]++
		if said := c.hears(loser, heard[loser]); !strings.Contains(said, "before you") && !strings.Contains(said, "already") {
			t.Errorf("%s is told %q, and %+v holds", loser, said, k.Answer)
		}
		c.answered(id, theThree()...)
	}
}

// TestClickWhileTheLeaderGoes: a click while the leader goes is one decision, or
// who clicked is told that it was none, and clicks again.
func TestClickWhileTheLeaderGoes(t *testing.T) {
	t.Parallel()
	c := newChatTrio(t)
	leader, _ := c.leader(theThree()...)
	id, m := c.poses(leader, question{host: "web-1"}, theThree()...)
	p := c.held(fakeslack.Alice, m, "warden.approve")
	var wait sync.WaitGroup
	wait.Go(func() { c.nodes[leader].stop() })
	c.fake.Via(fakeslack.Random(uint64(time.Now().UnixNano())))
	c.fake.Deliver(fakeslack.KindInteractive, p)
	wait.Wait()
	left := slices.DeleteFunc(theThree(), func(name string) bool { return name == leader })
	next, _ := c.leader(left...)
	decided := func() bool { k, _ := c.nodes[next].d.ledger.Case(id); return k != nil && k.Answer != nil }
	c.eventually("it is decided, or alice is told what became of her click", func() bool { return decided() || len(c.whispered(fakeslack.Alice)) > 0 })
	t.Logf("decided: %v; alice is told %q", decided(), c.whispered(fakeslack.Alice))
	c.eventually("both others take clicks", func() bool { return len(c.fake.Connections()) == 2 })
	if !decided() {
		p = c.held(fakeslack.Alice, m, "warden.approve")
		c.via(c.connections()[0], p)
	}
	k := c.answered(id, left...)
	if k.Answer.By.Name != "alice@example.net" {
		t.Errorf("%+v", k.Answer)
	}
	// The next leader keeps to the same message.
	c.eventually("the message says so", func() bool {
		now, ok := c.fake.Message(fakeslack.Ops, m.TS)
		return ok && !now.EditedAt.IsZero()
	})
}
