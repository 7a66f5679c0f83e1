package cluster

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestDamagedSnapshotFallsBackOrRefuses(t *testing.T) {
	dir := t.TempDir()
	o := func(m Machine, trailing uint64) Options {
		o := options(t, dir, m)
		o.SnapshotThreshold, o.TrailingLogs = 1, trailing
		return o
	}
	m := &listMachine{}
	n := start(t, o(m, 100), quick())
	for range 2 {
		propose(t, n, "x", "y", "z")
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	hash := m.hash()
	damage := func() {
		t.Helper()
		snaps, err := n.stores.snaps.List()
		if err != nil {
			t.Fatal(err)
		}
		stop(t, n)
		state := filepath.Join(dir, raftFolder, snapshotsFolder, snaps[0].ID, "state.bin")
		if err := os.WriteFile(state, []byte("nonsense"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	m = &listMachine{}
	n = start(t, o(m, 1), quick())
	if m.hash() != hash {
		t.Fatal("the older snapshot and the log did not give the same state")
	}
	// Without the log behind it, the older snapshot is of no use.
	for range 2 {
		propose(t, n, "more")
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	damage()
	if err := os.RemoveAll(filepath.Join(dir, raftFolder, snapshotsFolder)); err != nil {
		t.Fatal(err)
	}
	refused(t, o(&listMachine{}, 1), "is damaged", "from a backup if this node is alone; one of several is never restored")
}

// refused opens a node that must not start, and checks that the data directory
// is free again afterwards.
func refused(t *testing.T, o Options, words ...string) {
	t.Helper()
	for range 2 {
		n, err := open(t.Context(), o, quick())
		if err == nil {
			stop(t, n)
			t.Fatal("the node started")
		}
		for _, w := range words {
			if !strings.Contains(err.Error(), w) {
				t.Fatalf("error %q, want it to say %q", err, w)
			}
		}
	}
}

func TestTwoDaemonsOneDirectory(t *testing.T) {
	dir := t.TempDir()
	m := &listMachine{}
	n := start(t, options(t, dir, m), quick())
	refused(t, options(t, dir, &listMachine{}), fmt.Sprintf("in use by process %d", os.Getpid()))
	propose(t, n, "still works")
	stop(t, n)
	start(t, options(t, dir, &listMachine{}), quick())
}

func TestRefusals(t *testing.T) {
	write := func(t *testing.T, dir, s string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, identityFile), []byte(s), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		name   string
		change func(t *testing.T, dir string, o *Options)
		want   []string
	}{
		{"another name", func(_ *testing.T, _ string, o *Options) { o.NodeName = "b" }, []string{`belongs to node "a"`, `"b"`}},
		{"no name", func(_ *testing.T, _ string, o *Options) { o.NodeName = "" }, []string{"not a node name"}},
		{"a path for a name", func(_ *testing.T, _ string, o *Options) { o.NodeName = "../a" }, []string{"not a node name"}},
		{"no directory", func(_ *testing.T, _ string, o *Options) { o.Dir = "" }, []string{"no data directory"}},
		{"torn identity", func(t *testing.T, dir string, _ *Options) { write(t, dir, `{"version": 1, "na`) }, []string{"node.json is damaged", "backup"}},
		{"empty identity", func(t *testing.T, dir string, _ *Options) { write(t, dir, "") }, []string{"node.json is damaged"}},
		{"foreign id", func(t *testing.T, dir string, _ *Options) {
			write(t, dir, `{"version":1,"name":"a","id":"b-00000000","founded":true}`)
		}, []string{"does not belong to node name"}},
		{"another id", func(t *testing.T, dir string, _ *Options) {
			write(t, dir, `{"version":1,"name":"a","id":"a-00000000","founded":true}`)
		}, []string{"belongs to another node"}},
		{"too new", func(t *testing.T, dir string, _ *Options) {
			write(t, dir, `{"version":2,"name":"a","id":"a-00000000"}`)
		}, []string{"has version 2", "newer"}},
		{"not founded but full", func(t *testing.T, dir string, _ *Options) {
			write(t, dir, `{"version":1,"name":"a","id":"a-00000000"}`)
		}, []string{"holds one up to index", "same backup"}},
		{"identity gone", func(t *testing.T, dir string, _ *Options) {
			if err := os.Remove(filepath.Join(dir, identityFile)); err != nil {
				t.Fatal(err)
			}
		}, []string{"node.json is missing", "restore"}},
		{"log gone", func(t *testing.T, dir string, _ *Options) {
			if err := os.RemoveAll(filepath.Join(dir, raftFolder)); err != nil {
				t.Fatal(err)
			}
		}, []string{"is empty but this node has had one", "backup"}},
		{"log folder gone", func(t *testing.T, dir string, _ *Options) {
			if err := os.RemoveAll(filepath.Join(dir, raftFolder, walFolder)); err != nil {
				t.Fatal(err)
			}
		}, []string{"is empty but this node has had one"}},
		{"writable by others", func(t *testing.T, dir string, _ *Options) {
			if err := os.Chmod(dir, 0o777); err != nil {
				t.Fatal(err)
			}
		}, []string{"other users can write", "chmod go-w"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			defer goleak.VerifyNone(t)
			dir := t.TempDir()
			n := start(t, options(t, dir, &listMachine{}), quick())
			propose(t, n, "x", "y")
			if err := n.Snapshot(); err != nil {
				t.Fatal(err)
			}
			stop(t, n)
			o := options(t, dir, &listMachine{})
			tt.change(t, dir, &o)
			refused(t, o, tt.want...)
		})
	}
}

func TestFullDiskIsRefusedAtStart(t *testing.T) {
	tune := quick()
	tune.free = func(string) (uint64, error) { return 2*segmentSize - 1, nil }
	_, err := open(t.Context(), options(t, t.TempDir(), &listMachine{}), tune)
	if err == nil || !strings.Contains(err.Error(), "has 15 MiB free and warden needs 16 MiB") {
		t.Fatalf("open on a full disk: %v", err)
	}
}
