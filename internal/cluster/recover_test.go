package cluster

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"warden/internal/remedy"
)

func sam() remedy.Actor { return remedy.Actor{Name: "sam", UID: 1000, Via: "cli", Person: true} }

// recovers has a node's machine go on from its own state, with a mark in it.
func recovers(g *group) {
	g.adjust = func(o *Options) {
		m := o.Machine.(*listMachine)
		o.Recovered = func(r Recovery) (io.WriterTo, error) {
			m.mu.Lock()
			defer m.mu.Unlock()
			s := m.state
			s.Items = append(slices.Clone(s.Items), "recovered by "+r.By.Name)
			return listSnapshot(s), nil
		}
	}
}

// plan asks for a recovery of a node that is down.
func (g *group) plan(name string) (Survey, Recovery) {
	g.tb.Helper()
	s, err := OpenStopped(g.dirs[name])
	if err != nil {
		g.tb.Fatal(err)
	}
	found, err := s.Survey()
	if err != nil {
		g.tb.Fatal(err)
	}
	r, err := s.Plan(sam(), time.Now())
	if err = errors.Join(err, s.Close()); err != nil {
		g.tb.Fatal(err)
	}
	return found, r
}

// TestRecoverAfterTheLossOfAMajority loses two of three disks. The third goes on
// with everything that was acknowledged, as a cluster of its own; the others
// come back as new nodes, and one that kept its old data is not let in.
func TestRecoverAfterTheLossOfAMajority(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("", func(t *testing.T) {
		g := newGroup(t, "a", "b", "c")
		recovers(g)
		for _, name := range []string{"a", "b", "c"} {
			g.up(name)
		}
		g.voting(3)
		for _, item := range []string{"one", "two", "three"} {
			g.propose(item)
		}
		g.agree("one", "two", "three")
		old := g.nodes["c"].ClusterID()
		for _, name := range []string{"a", "b", "c"} {
			g.down(name)
		}
		if err := os.RemoveAll(g.dirs["a"]); err != nil {
			t.Fatal(err)
		}
		found, r := g.plan("c")
		if found.ClusterID != old || len(found.Voters) != 3 || found.LastIndex == 0 || found.LastTerm == 0 || found.Planned != nil || found.Node != "c" {
			t.Errorf("%+v", found)
		}
		if r.Was != old || r.ClusterID == old || r.LastIndex != found.LastIndex {
			t.Errorf("%+v", r)
		}

		c := g.up("c")
		g.rolls.mu.Lock()
		g.rolls.voters, g.rolls.invited = []remedy.NodeID{c.ID()}, nil
		g.rolls.mu.Unlock()
		if g.leader() != c || len(c.voters()) != 1 || c.ClusterID() != r.ClusterID {
			t.Fatalf("voters %v of cluster %s", c.voters(), c.ClusterID())
		}
		g.propose("four")
		all := []string{"one", "two", "three", "recovered by sam", "four"}
		g.agree(all...)
		if _, err := os.Stat(filepath.Join(g.dirs["c"], recoveredFile)); err != nil {
			t.Error(err)
		}

		// b still has its old data: it is refused, and overwrites nothing.
		b := g.up("b")
		eventually(t, "b is told that it belongs to another cluster", func() bool {
			_, err := c.Join(t.Context(), "b", nil, func(context.Context, Joiner) error { return nil })
			return errors.Is(err, ErrMembership)
		})
		if b.ClusterID() != old || len(c.voters()) != 1 {
			t.Errorf("b is of %s, voters %v", b.ClusterID(), c.voters())
		}
		g.down("b")
		if err := os.RemoveAll(g.dirs["b"]); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"a", "b"} {
			g.up(name)
			eventually(t, name+" joins", func() bool {
				_, err := g.leader().Join(t.Context(), name, nil, g.rolls.Add)
				return err == nil
			})
		}
		g.voting(3)
		g.propose("five")
		g.agree(append(all, "five")...)

		// The same node again, from its disk: the recovery isn't done twice.
		g.down("c")
		g.up("c")
		g.agree(append(all, "five")...)
	})
}

// TestRecoveryIsRepeatable does the whole of it again from every state that a
// crash in between can leave.
func TestRecoveryIsRepeatable(t *testing.T) {
	t.Parallel()
	for _, named := range []bool{false, true} {
		g := newGroup(t, "a", "b")
		recovers(g)
		g.up("a")
		g.up("b")
		g.voting(2)
		g.propose("one")
		g.agree("one")
		g.down("b")
		g.down("a")
		_, r := g.plan("a")
		identityBefore, err := os.ReadFile(filepath.Join(g.dirs["a"], identityFile))
		if err != nil {
			t.Fatal(err)
		}
		request, err := os.ReadFile(filepath.Join(g.dirs["a"], recoveryFile))
		if err != nil {
			t.Fatal(err)
		}

		// Recover, and die before raft starts.
		o := g.options("a")
		o.Peers, o.Credentials = nil, nil
		dead, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := open(dead, o, g.tune); !errors.Is(err, context.Canceled) {
			t.Fatalf("opened: %v", err)
		}
		if _, err := os.Stat(filepath.Join(g.dirs["a"], recoveredFile)); err != nil {
			t.Fatalf("not recovered: %v", err)
		}
		if err := os.WriteFile(filepath.Join(g.dirs["a"], recoveryFile), request, 0o600); err != nil {
			t.Fatal(err)
		}
		if !named {
			if err := os.WriteFile(filepath.Join(g.dirs["a"], identityFile), identityBefore, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		a := g.up("a")
		if g.leader() != a || a.ClusterID() != r.ClusterID {
			t.Fatal(a.ClusterID())
		}
		if items := g.machines["a"].items(); len(items) != 3 || items[0] != "one" || items[1] != "recovered by sam" {
			t.Errorf("%v", items)
		}
		g.down("a")
	}
}

// TestRecoveryOfAnotherLogIsRefused wants a node that went on after a person
// looked at it to start with nothing changed.
func TestRecoveryOfAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a")
	g.peers = nil
	g.adjust = func(o *Options) { o.Peers, o.Credentials = nil, nil }
	g.up("a")
	g.propose("one")
	g.down("a")
	_, r := g.plan("a")
	s, err := OpenStopped(g.dirs["a"])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStopped(g.dirs["a"]); !errors.Is(err, ErrRunning) {
		t.Errorf("opened twice: %v", err)
	}
	if _, err := open(t.Context(), g.options("a"), g.tune); !errors.Is(err, ErrRunning) {
		t.Errorf("started while it is looked at: %v", err)
	}
	found, err := s.Survey()
	if err != nil || found.Planned == nil || found.Planned.ClusterID != r.ClusterID {
		t.Errorf("%+v %v", found, err)
	}
	if err := errors.Join(s.Cancel(), s.Close()); err != nil {
		t.Fatal(err)
	}
	g.up("a")
	g.propose("two")
	g.down("a")

	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(g.dirs["a"], recoveryFile)
	for name, test := range map[string]struct {
		data []byte
		want string
	}{
		"another log":  {b, "nothing was recovered; delete the file to start as before"},
		"nothing":      {nil, "can't be understood"},
		"half of one":  {b[:len(b)/2], "can't be understood"},
		"of nobody":    {bytes.ReplaceAll(b, []byte(`"person":true`), []byte(`"person":false`)), "can't be understood"},
		"of a newer":   {bytes.ReplaceAll(b, []byte(`"version":1`), []byte(`"version":2`)), "can't be understood"},
		"without a id": {bytes.ReplaceAll(b, []byte(r.ClusterID), nil), "can't be understood"},
	} {
		if err := os.WriteFile(file, test.data, 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := open(t.Context(), g.options("a"), g.tune); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := os.Remove(file); err != nil {
		t.Fatal(err)
	}
	g.up("a")
	eventually(t, "everything is there", func() bool { return slices.Equal(g.machines["a"].items(), []string{"one", "two"}) })
}

func TestOpenStoppedRefuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := OpenStopped(dir); err == nil || !strings.Contains(err.Error(), "is not the data directory of a node") {
		t.Errorf("an empty directory: %v", err)
	}
	if _, err := loadIdentity(dir, "a"); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStopped(dir); err == nil || !strings.Contains(err.Error(), "has never had a log") {
		t.Errorf("a node without a log: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, raftFolder)); err == nil {
		t.Error("looking made a log")
	}
	if err := os.WriteFile(filepath.Join(dir, identityFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenStopped(dir); err == nil || !strings.Contains(err.Error(), "is damaged") {
		t.Errorf("a damaged identity: %v", err)
	}
}
