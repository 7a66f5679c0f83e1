package cli

import (
	"context"
	"errors"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"warden/internal/ledger"
)

// does runs a command that may be repeated until it is done: on a loaded machine
// an election may come between.
func (c *trio) does(name string, args ...string) {
	c.t.Helper()
	c.eventually(strings.Join(args, " "), func() bool {
		code, _, talk := c.run(name, args...)
		if code != ExitOK {
			c.t.Logf("%s on %s: %d %s", args, name, code, talk)
		}
		return code == ExitOK
	})
}

// ends waits until one of the nodes has ended by itself, and names it.
func (c *trio) ends(names []string) (ended string) {
	c.t.Helper()
	c.eventually("one ends by itself", func() bool {
		for _, name := range names {
			select {
			case <-c.nodes[name].ended:
				ended = name
			default:
			}
		}
		return ended != ""
	})
	return ended
}

// again starts a node that has ended by itself, as systemd would.
func (c *trio) again(name string) {
	c.t.Helper()
	c.nodes[name].stop()
	c.start(name)
}

// lose stops a node and takes its disk.
func (c *trio) lose(name string) {
	c.t.Helper()
	c.nodes[name].stop()
	if err := os.RemoveAll(c.nodes[name].data()); err != nil {
		c.t.Fatal(err)
	}
}

// refuses wants a command to be refused, with these words.
func (c *trio) refuses(name, words string, args ...string) {
	c.t.Helper()
	if code, out, talk := c.run(name, args...); code != ExitRefused || !strings.Contains(talk, words) {
		c.t.Errorf("%s on %s: %d %s %s, want %q", args, name, code, out, talk, words)
	}
}

// voting waits until all these count as many voters, in raft and in the ledger.
func (c *trio) voting(count int, names ...string) {
	c.t.Helper()
	c.eventually("they count the voters", func() bool {
		for _, name := range names {
			d := c.nodes[name].d
			if len(d.node.Voters()) != count || len(d.ledger.Status().Voters) != count {
				return false
			}
		}
		return true
	})
}

func (c *trio) frozen(reason string, names ...string) {
	c.t.Helper()
	c.eventually("they are frozen: "+reason, func() bool {
		for _, name := range names {
			if f := c.nodes[name].d.ledger.Status().Freeze; f == nil || !strings.Contains(f.Reason, reason) {
				return false
			}
		}
		return true
	})
}

func without(all []string, name string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == name })
}

// TestOperateThreeNodes does everything that an operator does, on three real
// nodes, through a node that doesn't lead where there is one.
func TestOperateThreeNodes(t *testing.T) {
	t.Parallel()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	c := newTrio(t, `"sam"`, `"`+me.Username+`"`)
	all := []string{"n1", "n2", "n3"}
	leader, follower := c.leader(all...)
	c.eventually("all are healthy", func() bool {
		return strings.Contains(c.must(follower, "operator", "autopilot", "state"), "Failure Tolerance  1")
	})
	if out := c.must(follower, "operator", "raft", "list-peers"); strings.Count(out, "true") != 3 || strings.Count(out, "leader") != 1 {
		t.Errorf("%s", out)
	}

	// Hand over: the process ends, another leads.
	c.eventually("it hands over", func() bool {
		leader, follower = c.leader(all...)
		code, _, _ := c.run(follower, "operator", "raft", "transfer-leader", "--to", follower, "--confirm="+leader)
		return code == ExitOK
	})
	if gone := c.ends(all); gone != leader {
		t.Errorf("%s ended, and %s led", gone, leader)
	}
	rest := without(all, leader)
	now, third := c.leader(rest...)
	c.refuses(third, "which is no majority", "operator", "raft", "transfer-leader", "--confirm="+now)
	c.refuses(third, "which is no majority", "operator", "raft", "remove-peer", third, "--confirm="+third)
	c.again(leader)

	c.audited(all)
	c.saveAndRestore(all)
	for _, r := range c.audited(all) {
		c.gapIn(r)
	}
	lost := c.replace(all)
	c.gapIn(c.audited(all)[lost])
	kept := c.recoverAlone(all)
	c.gapIn(c.audited(all)[kept])
}

// saveAndRestore gives up what was committed after a snapshot, and freezes.
func (c *trio) saveAndRestore(all []string) {
	t := c.t
	leader, follower := c.leader(all...)
	file := filepath.Join(t.TempDir(), "w.snap")
	c.does(follower, "operator", "raft", "snapshot", "save", file)
	id := c.ask(leader)
	c.does(follower, "hold", "web-2", "4h", "--reason", "disk")
	c.refuses(follower, "a restore needs everything to stand still", "operator", "raft", "snapshot", "restore", file, "--confirm=test")
	c.does(follower, "freeze", "--reason", "restore")
	chain := c.nodes[leader].d.ledger.Status().Chain
	c.does(follower, "operator", "raft", "snapshot", "restore", file, "--confirm=test")
	c.again(c.ends(all))
	c.frozen("restored the ledger to entry", all...)
	for _, name := range all {
		l := c.nodes[name].d.ledger
		if _, ok := l.Case(id); ok {
			t.Errorf("%s still has %s", name, id)
		}
		if st := l.Status(); len(st.Holds) != 1 || st.Chain == chain || len(st.Reports) != 3 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	now, _ := c.leader(all...)
	c.does(now, "unfreeze")
	if next := c.ask(now); next <= id {
		t.Errorf("%s is given out again", next)
	}
}

// replace loses a disk, removes the node as it was and joins it as it is.
func (c *trio) replace(all []string) (joined string) {
	t := c.t
	leader, lost := c.leader(all...)
	rest := without(all, lost)
	was := c.nodes[lost].d.node.ID()
	c.lose(lost)
	c.start(lost)
	if code, _, talk := c.run(leader, "operator", "raft", "join", lost); code != ExitRefused || !strings.Contains(talk, "remove-peer "+string(was)) {
		t.Errorf("joined over its old self: %d %s", code, talk)
	}
	cut := errors.New("the leader died here")
	c.eventually("a removal is cut short between raft and ledger", func() bool {
		leader, _ = c.leader(rest...)
		return errors.Is(c.nodes[leader].d.node.Remove(t.Context(), was, func(context.Context) error { return cut }), cut)
	})
	for _, args := range [][]string{{"operator", "raft", "list-peers"}, {"operator", "autopilot", "state"}} {
		if out := c.must(leader, args...); !strings.Contains(out, string(was)) || !strings.Contains(out, "ledger only") {
			t.Errorf("%s: %s", args, out)
		}
	}
	if code, _, talk := c.run(leader, "operator", "raft", "join", lost); code != ExitRefused || !strings.Contains(talk, "still counts for levels as "+string(was)) {
		t.Errorf("joined while its old self counts: %d %s", code, talk)
	}
	c.eventually("its old self is removed", func() bool {
		code, _, _ := c.run(leader, "operator", "raft", "remove-peer", string(was), "--confirm="+lost)
		return code == ExitOK
	})
	c.voting(2, rest...)
	if code, _, _ := c.run(leader, "operator", "raft", "remove-peer", string(was), "--confirm="+lost); code != ExitNotFound {
		t.Errorf("removed twice: %d", code)
	}
	c.does(leader, "operator", "raft", "join", lost)
	c.voting(3, all...)
	if code, _, _ := c.run(leader, "operator", "raft", "join", "n9"); code != ExitNotFound {
		t.Errorf("a node that nobody lists joins: %d", code)
	}
	c.eventually("a leader doesn't remove itself", func() bool {
		leader, _ := c.leader(all...)
		code, _, talk := c.run(leader, "operator", "raft", "remove-peer", leader, "--confirm="+leader)
		return code == ExitRefused && strings.Contains(talk, "doesn't remove itself")
	})
	return lost
}

// recoverAlone loses two disks, goes on from the third and joins the others.
func (c *trio) recoverAlone(all []string) (on string) {
	t := c.t
	leader, kept := c.leader(all...)
	id := c.ask(leader)
	index := c.nodes[leader].d.ledger.Status().Index
	c.eventually("the one that is kept has it", func() bool { return c.nodes[kept].d.ledger.Status().Index >= index })
	cluster := c.nodes[kept].d.ledger.Status().ClusterID
	data := c.nodes[kept].data()
	c.refuses(kept, "is in use by", "operator", "recover", "--storage.path", data, "--confirm="+kept)
	for _, name := range without(all, kept) {
		c.lose(name)
	}
	// The second to go may have handed over to it, which then leads until it misses
	// them both.
	c.eventually("without a quorum nobody is vouched for", func() bool {
		code, out, _ := c.run(kept, "operator", "raft", "list-peers")
		return code == ExitUnreachable && strings.Count(out, "silent") == 3
	})
	c.must(kept, "operator", "raft", "list-peers", "--stale")
	c.nodes[kept].stop()
	c.must(kept, "operator", "recover", "--storage.path", data, "--confirm="+kept)
	c.start(kept)
	c.leader(kept)
	c.frozen("recovered", kept)
	l := c.nodes[kept].d.ledger
	if _, ok := l.Case(id); !ok || l.Status().ClusterID == cluster {
		t.Errorf("%s is lost: %t, cluster %s", id, !ok, l.Status().ClusterID)
	}
	for _, name := range without(all, kept) {
		c.start(name)
		c.does(kept, "operator", "raft", "join", name)
	}
	c.voting(3, all...)
	c.frozen("recovered", all...)
	c.does(kept, "unfreeze")
	if _, ok := c.nodes[all[0]].d.ledger.Case(id); !ok && len(l.Cases(ledger.CaseFilter{})) > 0 {
		c.eventually("the new nodes have the case", func() bool {
			_, ok := c.nodes[all[0]].d.ledger.Case(id)
			return ok
		})
	}
	return kept
}
