package cluster

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestStartWithoutQuorum starts one of three again while the others are gone: it
// has its newest snapshot to show, and says so, until somebody leads again.
func TestStartWithoutQuorum(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	g.tune.alone = 50 * time.Millisecond
	for _, name := range []string{"a", "b", "c"} {
		g.up(name)
	}
	g.voting(3)
	g.propose("one")
	g.agree("one")
	kept := g.nodes["c"]
	if err := kept.raft.Snapshot().Error(); err != nil {
		t.Fatal(err)
	}
	at, _ := kept.fsm.position()
	g.propose("two")
	g.agree("one", "two")
	for _, name := range []string{"c", "a", "b"} { // the rest can't tell it more
		g.down(name)
	}

	kept = g.up("c")
	var behind *BehindError
	eventually(t, "it shows what it has", func() bool { return errors.As(kept.Ready(), &behind) })
	if err := kept.Ready(); behind.Index != at || !errors.Is(err, ErrReplaying) {
		t.Errorf("as of %d, want %d: %v", behind.Index, at, err)
	}
	if got := g.machines["c"].items(); !slices.Equal(got, []string{"one"}) {
		t.Errorf("it shows %q", got)
	}
	g.up("a")
	g.agree("one", "two")
	eventually(t, "it is ready", func() bool { return kept.Ready() == nil })
}

// TestBehindSaysOfWhat: a node without a snapshot shows an empty ledger, which
// must not read as if nothing were out.
func TestBehindSaysOfWhat(t *testing.T) {
	t.Parallel()
	if text := (&BehindError{}).Error(); !strings.Contains(text, "NOTHING") {
		t.Error(text)
	}
	if text := (&BehindError{Index: 7}).Error(); !strings.Contains(text, "as of entry 7") || strings.Contains(text, "NOTHING") {
		t.Error(text)
	}
}

// TestEmptyNodeSaysWhatItWaitsFor asks nodes whose third peer never answers.
func TestEmptyNodeSaysWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	g := newGroup(t, "a", "b", "c")
	a := g.up("a")
	g.up("b")
	eventually(t, "it names who is missing", func() bool {
		err := a.Ready()
		return errors.Is(err, ErrNoCluster) && strings.Contains(err.Error(), "no answer from c")
	})
	g.up("c")
	g.voting(3)
	eventually(t, "it is ready", func() bool { return a.Ready() == nil })
}
