package cluster

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"strings"
	"testing"

	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/peertls"
	"warden/internal/remedy"
)

// crashMember makes the test binary, started again, one node of several.
const crashMember = "WARDEN_CLUSTER_CRASH_MEMBER"

// memberSpec is what such a node is told.
type memberSpec struct {
	Dir, Name     string
	Peers         []Peer
	Cert, Key, CA string
}

// beMember runs a node until it is killed.
func beMember(text string) error {
	var spec memberSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	creds, err := peertls.Load(spec.Cert, spec.Key, spec.CA, peertls.Options{Name: spec.Name, Clock: clock.System(), Logger: zap.NewNop()})
	if err != nil {
		return err
	}
	n, err := open(context.Background(), Options{
		Dir: spec.Dir, NodeName: spec.Name, Machine: &listMachine{}, Logger: zap.NewNop(), Peers: spec.Peers, Credentials: creds, CommandVersion: 3,
	}, brisk())
	if err != nil {
		return err
	}
	return n.Lead(context.Background(), func(ctx context.Context, _ uint64) error {
		return n.Keep(ctx, &roll{voters: []remedy.NodeID{n.ID()}, invited: n.Invited()})
	})
}

// child starts one of the group's nodes as a process. It is killed at the end
// of the test at the latest; died is closed once it is gone.
func (g *group) child(t *testing.T, name string, env ...string) (process *os.Process, died <-chan struct{}) {
	t.Helper()
	spec := memberSpec{Dir: g.dirs[name], Name: name, Peers: g.peers}
	spec.Cert, spec.Key, spec.CA = g.ca.Files(t.TempDir(), name)
	text, err := json.Marshal(spec)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(append(os.Environ(), crashMember+"="+string(text)), env...)
	var stderr strings.Builder
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		if err := cmd.Wait(); err == nil || err.Error() != "signal: killed" {
			t.Errorf("%s ended with %v: %s", name, err, stderr.String())
		}
	}()
	t.Cleanup(func() {
		if err := cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
			t.Error(err)
		}
		<-gone
	})
	return cmd.Process, gone
}

// joined has the leader join a node until it votes, however often that takes.
func (g *group) joined(name string) {
	g.tb.Helper()
	eventually(g.tb, name+" votes", func() bool {
		ctx, cancel := context.WithTimeout(g.tb.Context(), patience)
		defer cancel()
		_, err := g.leader().Join(ctx, name, nil, g.rolls.Add)
		return err == nil
	})
}

// A joiner that is killed again and again on its way in becomes a voter.
func TestJoinerThatIsKilledResumes(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	o := g.options("a")
	o.Peers, o.Credentials = nil, nil
	alone := start(t, o, quick())
	propose(t, alone, "one", "two")
	stop(t, alone)
	g.up("a")
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.joined("b")
	}()
	for range 5 {
		process, died := g.child(t, "b")
		eventually(t, "the child has written who it is", func() bool {
			_, err := os.Stat(g.dirs["b"] + "/" + identityFile)
			return err == nil
		})
		if err := process.Kill(); err != nil {
			t.Fatal(err)
		}
		<-died
	}
	g.child(t, "b")
	<-done
	g.voting(2)
	g.propose("three")
}
