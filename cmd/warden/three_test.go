//go:build integration

package main_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"
	"testing"

	"warden/internal/cluster/clustertest"
	"warden/internal/realtest"
	"warden/internal/remedy"
	"warden/internal/web"
)

// trio is three daemons with one config, on loopback.
type trio struct {
	t     *testing.T
	nodes []*agent
}

// newTrio makes three nodes that elect as quickly as they can: see newTrioAt.
func newTrio(t *testing.T, extra string) *trio {
	t.Helper()
	return newTrioAt(t, "lan", extra)
}

// newTrioAt makes the directories and certificates of w1, w2 and w3. The rest of
// the config is extra. Nothing runs yet. What acts on its own for long has the
// default timing: a busy machine must not keep ending its tenures.
func newTrioAt(t *testing.T, timing, extra string) *trio {
	t.Helper()
	ca, peers := clustertest.NewAuthority(t), []string(nil)
	for i := range 3 {
		peers = append(peers, fmt.Sprintf("%q", fmt.Sprintf("w%d.test=%s", i+1, realtest.Address(t))))
	}
	c := &trio{t: t}
	for i := range 3 {
		a := newAgent(t, settings{Template: " "})
		a.name = fmt.Sprintf("w%d", i+1)
		cert, key, authority := ca.Files(a.dir, a.name+".test")
		a.write(fmt.Sprintf("config_version = 1\n[cluster]\npeers = [%s]\ntiming = %q\ntls_cert_file = %q\ntls_key_file = %q\ntls_ca_file = %q\n%s",
			strings.Join(peers, ", "), timing, cert, key, authority, extra))
		c.nodes = append(c.nodes, a)
	}
	return c
}

// statuses are what the running nodes say; one that isn't ready is left out.
func (c *trio) statuses() map[*agent]*web.Status {
	c.t.Helper()
	out := map[*agent]*web.Status{}
	for _, a := range c.nodes {
		if !a.running() {
			continue
		}
		if a.client.Ready(c.t.Context()) != nil {
			continue
		}
		if s, err := a.client.Status(c.t.Context()); err == nil {
			out[a] = s
		}
	}
	return out
}

// agreed waits until that many nodes agree on a leader among them and on the
// number of voters, and returns the leader and its status.
func (c *trio) agreed(nodes, voters int) (*agent, *web.Status) {
	c.t.Helper()
	var leader *agent
	var status *web.Status
	eventually(c.t, fmt.Sprintf("%d nodes agree on a leader and %d voters", nodes, voters), func() error {
		all := c.statuses()
		leaders := map[remedy.NodeID]int{}
		for a, s := range all {
			if s.Raft.LeaderID == "" || len(s.Raft.Voters) != voters {
				return fmt.Errorf("%s knows the leader %q and the voters %v", a.name, s.Raft.LeaderID, s.Raft.Voters)
			}
			leaders[s.Raft.LeaderID]++
			if s.Leader {
				leader, status = a, s
			}
		}
		if len(all) != nodes || len(leaders) != 1 || leader == nil {
			return fmt.Errorf("%d nodes answer, and the leaders are %v", len(all), leaders)
		}
		return nil
	})
	return leader, status
}

func TestThreeNodes(t *testing.T) {
	t.Parallel()
	c := newTrio(t, "")
	for _, a := range c.nodes {
		a.launch()
	}
	first, status := c.agreed(3, 3)
	if first != c.nodes[0] || status.Raft.CanLose != 1 || len(status.ClusterID) != 16 {
		t.Fatalf("%s leads, status %+v", first.name, status.Raft)
	}
	cluster, term := status.ClusterID, status.Raft.Term
	first.must(exitOK, "freeze", "--reason", "before the leader dies")

	first.kill()
	second, status := c.agreed(2, 3)
	if status.Raft.Term <= term || status.Freeze == nil || status.ClusterID != cluster {
		t.Fatalf("%s leads in term %d of %s after term %d of %s; freeze %v", second.name, status.Raft.Term, status.ClusterID, term, cluster, status.Freeze)
	}
	second.must(exitOK, "unfreeze")
	first.launch()
	c.agreed(3, 3)
	if s := c.statuses()[first]; s == nil || s.Freeze != nil || s.Leader {
		t.Fatalf("the restarted node says %+v", s)
	}

	// A planned stop hands over, and the process ends well.
	second.terminate()
	third, _ := c.agreed(2, 3)
	second.launch()
	c.agreed(3, 3)

	// A disk is lost: the node waits, and its old self stays a voter until a
	// person removes it.
	lost := c.nodes[2]
	if lost == third {
		lost = c.nodes[1]
	}
	old := c.statuses()[lost].Node
	lost.kill()
	if err := os.RemoveAll(lost.storage); err != nil {
		t.Fatal(err)
	}
	lost.launch()
	eventually(t, "the node without data waits to be added", func() error {
		if !strings.Contains(lost.stderr.text(), "raft join "+lost.name) {
			return errors.New("it does not say so")
		}
		return nil
	})
	eventually(t, "the others refuse to take it for its old self", func() error {
		if !strings.Contains(lost.stderr.text(), "another node than the one that was meant") {
			return errors.New("nobody called it by its old id")
		}
		return nil
	})
	_, status = c.agreed(2, 3)
	if err := lost.client.Ready(t.Context()); err == nil {
		t.Error("a node without data is ready")
	}
	found := false
	for _, v := range status.Raft.Voters {
		found = found || v == old
	}
	if !found {
		t.Errorf("the voters are %v without %s, which nobody removed", status.Raft.Voters, old)
	}
	// Its vote is not there: with one more lost, nobody leads.
	third.signal(syscall.SIGKILL)
	third.wait()
	alone := c.nodes[0]
	for _, a := range c.nodes {
		if a != lost && a != third {
			alone = a
		}
	}
	eventually(t, "nobody leads with one voter of three", func() error {
		s, err := alone.client.Status(t.Context())
		if err != nil {
			return err
		}
		if s.Leader || s.Raft.LeaderID != "" {
			return fmt.Errorf("%s leads", s.Raft.LeaderID)
		}
		return nil
	})
	third.launch()
	c.agreed(2, 3)
}
