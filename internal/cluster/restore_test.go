package cluster

import (
	"errors"
	"io"
	"slices"
	"testing"

	"go.uber.org/goleak"
)

// TestRestoreReplacesTheStateEverywhere restores an old state into three running
// nodes, and goes on from there: after new entries, a restart, and for a node
// that was away meanwhile.
func TestRestoreReplacesTheStateEverywhere(t *testing.T) {
	defer goleak.VerifyNone(t)
	t.Run("", func(t *testing.T) {
		g := newGroup(t, "a", "b", "c")
		for _, name := range []string{"a", "b", "c"} {
			g.up(name)
		}
		g.voting(3)
		g.propose("one")
		g.propose("two")
		g.agree("one", "two")
		leader := g.leader()
		away := "a"
		if g.nameOf(leader) == away {
			away = "b"
		}
		g.down(away)
		g.propose("three")
		follower := g.nodes[map[string]string{"a": "b", "b": "c"}[away]]
		if follower == leader {
			follower = g.nodes["c"]
		}
		build := func(index, _ uint64) (io.WriterTo, error) {
			return listSnapshot{Items: []string{"one"}, Index: index, Hash: "restored"}, nil
		}
		if err := follower.Restore(t.Context(), build); !errors.Is(err, ErrNotLeader) {
			t.Errorf("a follower restores: %v", err)
		}
		no := errors.New("no")
		if err := leader.Restore(t.Context(), func(uint64, uint64) (io.WriterTo, error) { return nil, no }); !errors.Is(err, no) {
			t.Errorf("%v", err)
		}
		before := leader.raft.LastIndex()
		if err := leader.Restore(t.Context(), build); err != nil {
			t.Fatal(err)
		}
		if err := leader.Verify(t.Context()); err != nil {
			t.Errorf("after it: %v", err)
		}
		if s, err := leader.Status(); err != nil || s.AppliedIndex <= before || s.AppliedIndex > s.CommitIndex {
			t.Errorf("%+v %v", s, err)
		}
		g.propose("four")
		g.agree("one", "four")
		g.up(away)
		g.agree("one", "four")
		for _, name := range []string{"a", "b", "c"} {
			g.down(name)
		}
		for _, name := range []string{"a", "b", "c"} {
			g.up(name)
		}
		g.propose("five")
		g.agree("one", "four", "five")
	})
}

// TestRestoreAlone is the same on a lone voter, and from its disk.
func TestRestoreAlone(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a")
	g.adjust = func(o *Options) { o.Peers, o.Credentials = nil, nil }
	n := g.up("a")
	g.propose("one")
	g.propose("two")
	if err := n.Restore(t.Context(), func(index, _ uint64) (io.WriterTo, error) {
		return listSnapshot{Items: []string{"one"}, Index: index}, nil
	}); err != nil {
		t.Fatal(err)
	}
	g.propose("three")
	g.down("a")
	g.up("a")
	eventually(t, "it goes on from there", func() bool { return slices.Equal(g.machines["a"].items(), []string{"one", "three"}) })
}
