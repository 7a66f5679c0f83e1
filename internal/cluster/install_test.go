package cluster

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

// onDisk has do work on a stopped node's stores.
func onDisk(t *testing.T, dir string, do func(*stores)) {
	t.Helper()
	stop := newStop(zap.NewNop(), func(int) { t.Error("a write failed") })
	s, err := openStores(dir, guard{deadline: time.Minute, stop: stop}, hclog.NewNullLogger(), func(l raft.LogStore) raft.LogStore { return l }, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	do(s)
	if err := s.wal.Close(); err != nil {
		t.Fatal(err)
	}
}

// beyond puts a snapshot on the disk that is of a later entry than the log has,
// as a node does that gets one and ends before it has emptied its log.
func beyond(t *testing.T, s *stores, c raft.Configuration, ahead uint64, state listState) {
	t.Helper()
	at, err := s.end()
	if err != nil || at.index == 0 {
		t.Fatalf("the log ends at %+v, %v", at, err)
	}
	state.Index = at.index + ahead
	_, trans := raft.NewInmemTransport("a")
	sink, err := s.snaps.Create(raft.SnapshotVersionMax, state.Index, at.term, c, 1, trans)
	if err != nil {
		t.Fatal(err)
	}
	if err := (fsmSnapshot{index: state.Index, term: at.term, body: listSnapshot(state)}).Persist(sink); err != nil {
		t.Fatal(err)
	}
	if err := sink.Close(); err != nil {
		t.Fatal(err)
	}
}

// lostTail appends entries of an old term, as a leader does whom nobody hears.
func lostTail(t *testing.T, s *stores, term, count uint64) {
	t.Helper()
	last, err := s.logs.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	for i := range count {
		if err := s.logs.StoreLog(&raft.Log{Index: last + 1 + i, Term: term, Type: raft.LogCommand, Data: []byte("lost")}); err != nil {
			t.Fatal(err)
		}
	}
}

// TestSnapshotAheadOfTheLog ends a node between the moment when a snapshot that
// it was sent, or restored, is on its disk and the one when its log is emptied.
// The log can hold no gap, so the entries before it have to go first.
func TestSnapshotAheadOfTheLog(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		state listState
		want  []string
	}{
		{"whole", listState{Items: []string{"restored"}}, []string{"restored", "three"}},
		// It is not known then that the log's entries are in it, so they stay.
		{"one that can't be restored", listState{Hash: "too new"}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			m := &listMachine{}
			n := start(t, options(t, dir, m), quick())
			propose(t, n, "one", "two")
			members := n.raft.GetConfiguration().Configuration()
			stop(t, n)
			var before uint64
			onDisk(t, dir, func(s *stores) {
				beyond(t, s, members, 1024, c.state)
				var err error
				if before, err = s.logs.LastIndex(); err != nil {
					t.Fatal(err)
				}
			})
			m = &listMachine{}
			n, err := open(t.Context(), options(t, dir, m), quick())
			if c.want == nil {
				if err == nil {
					stop(t, n)
					t.Fatal("a node starts without the state it had")
				}
				onDisk(t, dir, func(s *stores) {
					if last, err := s.logs.LastIndex(); last != before || err != nil {
						t.Errorf("the log ended at %d and ends at %d, %v", before, last, err)
					}
				})
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer stop(t, n)
			lead(t, n)
			propose(t, n, "three")
			if got := m.items(); !slices.Equal(got, c.want) {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestSnapshotUnderATail has a node that led come back with entries that never
// were committed, beyond the snapshot that the others have by then. Raft empties
// the log and goes on believing in its old end, and refuses everything. The
// process must end, with the status that starts it again, and then catch up.
func TestSnapshotUnderATail(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	var status atomic.Int64
	g.adjust = func(o *Options) {
		o.TrailingLogs = 1
		if o.NodeName == "a" {
			o.Exit = func(code int) { status.Store(int64(code)) }
		}
	}
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	g.propose("one")
	g.agree("one")
	term := g.nodes["a"].raft.CurrentTerm()
	g.down("a")
	onDisk(t, g.dirs["a"], func(s *stores) { lostTail(t, s, term, 60) })
	items := []string{"one"}
	for i := range 12 { // more than a segment: what is cut off is given out as long as its segment is there
		items = append(items, strings.Repeat(fmt.Sprint(i%10), segmentSize/9))
		g.propose(items[len(items)-1])
	}
	g.agree(items...)
	for _, n := range g.nodes {
		if err := n.Snapshot(); err != nil {
			t.Fatal(err)
		}
	}
	g.propose("last")
	items = append(items, "last")

	g.up("a")
	eventually(t, "the process ends", func() bool { return status.Load() != 0 })
	if got := status.Load(); got != exitAgain {
		t.Fatalf("status %d", got)
	}
	a := g.nodes["a"].ID()
	for _, m := range g.leader().Members(t.Context()) {
		if m.ID == a && m.Healthy {
			t.Errorf("%+v is taken for healthy", m)
		}
	}
	g.down("a")
	g.up("a")
	g.agree(items...)
	eventually(t, "it is ready, and healthy", func() bool {
		for _, m := range g.leader().Members(t.Context()) {
			if !m.Healthy {
				return false
			}
		}
		return g.nodes["a"].Ready() == nil
	})
	g.propose("after")
	g.agree(append(items, "after")...)
}

// TestNotReadyOnASnapshotAlone opens a member whose log is empty, as after it
// was sent a snapshot: what it shows is from before until it hears what is
// committed.
func TestNotReadyOnASnapshotAlone(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b")
	g.up("a")
	g.up("b")
	g.voting(2)
	g.propose("one")
	g.agree("one")
	members := g.nodes["a"].raft.GetConfiguration().Configuration()
	g.down("a")
	g.down("b")
	onDisk(t, g.dirs["a"], func(s *stores) { beyond(t, s, members, 8, listState{Items: []string{"one"}}) })
	n := g.up("a")
	if err := n.Ready(); err == nil {
		t.Error("it is ready though it has heard of no leader")
	}
	g.up("b")
	eventually(t, "it is ready once it has heard", func() bool { return n.Ready() == nil })
}
