//go:build integration && !failpoints

package main_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// oldBuild makes the stand-in for the build before: it knows version 1 of the
// ledger's entries only.
func oldBuild(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "warden-old")
	build := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "oldcommands", "-o", program, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// waivers are whose word doesn't count.
func (a *agent) waivers() []string {
	a.t.Helper()
	var p web.Policy
	if err := json.Unmarshal([]byte(a.must(exitOK, "-o", "json", "policy", "list").out), &p); err != nil {
		a.t.Fatal(err)
	}
	out := []string{}
	for _, w := range p.Waivers {
		out = append(out, string(w.Node))
	}
	return out
}

// newerLedger saves a ledger of another cluster that has used version 2.
func newerLedger(t *testing.T) (path, cluster string) {
	t.Helper()
	l := ledger.New()
	alice := remedy.Actor{Name: "alice", Via: "cli", Person: true}
	for i, b := range []ledger.Body{
		&ledger.ClusterInit{ClusterID: "elsewhere", Voters: []remedy.NodeID{"x1-00000001", "x2-00000002"}}, &ledger.NodeWaive{Node: "x2-00000002", Reason: "its disk"},
	} {
		e, err := ledger.NewEntry(time.Now(), alice, "x1-00000001", b)
		if err != nil {
			t.Fatal(err)
		}
		data, err := e.Encode()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range l.Apply(uint64(i+1), 1, data).(ledger.Applied).Results {
			if !r.OK {
				t.Fatal(r.Reason)
			}
		}
	}
	w, err := l.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if _, err := w.WriteTo(&b); err != nil {
		t.Fatal(err)
	}
	path = filepath.Join(t.TempDir(), "newer.snap")
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return path, "elsewhere"
}

// An old build is a member like any other until it is replaced: nothing that it
// can't read is written, and who asks for that is told which node to upgrade.
// Put back behind newer entries it stops, and says what to do.
func TestTwoVersionsInOneCluster(t *testing.T) {
	t.Parallel()
	old := oldBuild(t)
	c := newTrio(t, "")
	mixed := c.nodes[2]
	mixed.program = old
	for _, a := range c.nodes {
		a.launch()
	}
	leader, _ := c.agreed(3, 3)
	waive := []string{"policy", "waive", "w2", "--reason", "its disk", "--confirm=w2"}
	r := leader.must(exitRefused, waive...)
	for _, words := range []string{"node.waive needs ledger version 2", "w3-", "version 1", "upgrade warden there"} {
		if !strings.Contains(r.err, words) {
			t.Errorf("it says %q, want %q in it", r.err, words)
		}
	}
	// What both know goes through the old one as well.
	mixed.must(exitOK, "freeze", "--reason", "asked of the old build")
	for _, a := range c.nodes {
		eventually(t, a.name+" is frozen", func() error {
			if s, err := a.client.Status(t.Context()); err != nil || s.Freeze == nil {
				return fmt.Errorf("it says %+v, %w", s, err)
			}
			return nil
		})
	}

	// Nor does a saved ledger bring it in.
	saved, id := newerLedger(t)
	r = leader.must(exitRefused, "operator", "raft", "snapshot", "restore", saved, "--force-cluster="+id, "--confirm=warden")
	for _, words := range []string{"ledger version 2", "w3-", "version 1", "upgrade warden there"} {
		if !strings.Contains(r.err, words) {
			t.Errorf("it says %q, want %q in it", r.err, words)
		}
	}

	// The last one is upgraded: its report says so, and the newer entry goes in.
	// A node that is up takes the waiver back by itself.
	mixed.terminate()
	mixed.program = ""
	mixed.launch()
	leader, _ = c.agreed(3, 3)
	other := "w2"
	if leader.name == other {
		other = "w3"
	}
	waive[2], waive[5] = other, "--confirm="+other
	eventually(t, "every voter knows version 2", func() error {
		if r := leader.run(waive...); r.code != exitOK {
			return errors.New(r.err)
		}
		return nil
	})
	eventually(t, "the waived node is up, so it counts again", func() error {
		if w := leader.waivers(); len(w) > 0 {
			return fmt.Errorf("waived are %v", w)
		}
		return nil
	})

	// The old build again: it can't read the log any more, and never skips. Which
	// newer entry it meets first, the waiver's (2) or a leader's tenure (3), is
	// the order in which the upgraded node's report and the waiver came.
	mixed.terminate()
	mixed.program = old
	for range 2 {
		before := len(mixed.stderr.text())
		mixed.launch()
		if state := mixed.wait(); state.ExitCode() != exitError {
			t.Errorf("it ended with %v", state)
		}
		for _, words := range []string{"ledger entry has version ", " and this build knows up to 1", "start the newest warden that any node has run"} {
			if said := mixed.stderr.text()[before:]; !strings.Contains(said, words) {
				t.Errorf("%q is not in what it logged:\n%s", words, said)
			}
		}
	}
	c.agreed(2, 3)

	// Upgraded, it goes on where it was.
	mixed.program = ""
	mixed.launch()
	c.agreed(3, 3)
}
