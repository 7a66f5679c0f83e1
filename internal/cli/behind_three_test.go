package cli

import (
	"os"
	"strings"
	"testing"
)

// TestLastOneStartsAgain starts one of three again while both others are down:
// it answers what it can, says what that is worth, and does nothing. One without
// data says what it waits for.
func TestLastOneStartsAgain(t *testing.T) {
	t.Parallel()
	c := newTrio(t)
	leader, _ := c.leader("n1", "n2", "n3")
	id := c.ask(leader)
	k, _ := c.nodes[leader].d.ledger.Case(id)
	for _, name := range []string{"n1", "n2", "n3"} {
		c.nodes[name].stop()
	}
	c.start("n3")
	c.eventually("it answers", func() bool {
		code, out, _ := c.run("n3", "status")
		return code == ExitOK && strings.Contains(out, "NOT UP TO DATE: no quorum since this node started")
	})
	for _, args := range [][]string{{"cases"}, {"hosts"}, {"policy", "list"}} {
		if code, out, talk := c.run("n3", args...); code != ExitOK || !strings.Contains(talk, "NOT UP TO DATE: no quorum since this node started") {
			t.Errorf("%s: %d %s %s", args, code, out, talk)
		}
	}
	// Raft replays nothing without a leader and there is no snapshot: that the
	// case isn't there doesn't mean that there is none.
	if code, _, talk := c.run("n3", "show", id.String()); code != ExitUnreachable || !strings.Contains(talk, "can't be told whether") {
		t.Errorf("%d %s", code, talk)
	}
	for _, args := range [][]string{{"freeze", "--reason", "x"}, {"approve", id.String(), "--plan-hash", k.PlanHash, "--yes"}, {"reload"}} {
		if code, _, talk := c.run("n3", args...); code != ExitUnreachable || strings.Contains(talk, "replayed") {
			t.Errorf("%s: %d %s", args, code, talk)
		}
	}
	if code, _, talk := c.run("n3", "operator", "raft", "list-peers"); code != ExitUnreachable || !strings.Contains(talk, "no quorum since this node started") {
		t.Errorf("%d %s", code, talk)
	}

	if err := os.RemoveAll(c.nodes["n1"].data()); err != nil {
		t.Fatal(err)
	}
	c.start("n1")
	c.eventually("it says what it waits for", func() bool {
		code, _, talk := c.run("n1", "operator", "raft", "list-peers")
		return code == ExitUnreachable && strings.Contains(talk, "raft join n1") && !strings.Contains(talk, "operator recover")
	})
	if code, _, talk := c.run("n1", "status"); code != ExitUnreachable || !strings.Contains(talk, "raft join n1") || strings.Contains(talk, "replayed") {
		t.Errorf("%d %s", code, talk)
	}
	c.start("n2")
	c.eventually("it is up to date again", func() bool {
		code, _, talk := c.run("n3", "show", id.String())
		return code == ExitOK && !strings.Contains(talk, "NOT UP TO DATE")
	})
}
