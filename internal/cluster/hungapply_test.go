package cluster

import (
	"context"
	"sync"
	"testing"
)

// slowMachine hangs in Apply until it is let go.
type slowMachine struct {
	listMachine
	once    sync.Once
	entered chan struct{}
	free    chan struct{}
}

func (m *slowMachine) Apply(index, term uint64, data []byte) any {
	m.once.Do(func() { close(m.entered) })
	<-m.free
	return m.listMachine.Apply(index, term, data)
}

// TestHungApplyCanBeSeen: whoever looks at a node whose machine hangs isn't hung
// as well, and sees that less is applied than is committed, for as long as it
// lasts.
func TestHungApplyCanBeSeen(t *testing.T) {
	t.Parallel()
	m := &slowMachine{entered: make(chan struct{}), free: make(chan struct{})}
	n := start(t, options(t, t.TempDir(), m), quick())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = n.Propose(context.WithoutCancel(t.Context()), []byte("one")) // what comes of it is another test's
	}()
	<-m.entered
	for range 3 {
		s, err := n.Status()
		if err != nil || s.AppliedIndex >= s.CommitIndex {
			t.Errorf("applied %d of %d, %v", s.AppliedIndex, s.CommitIndex, err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		if err := n.Answers(ctx); err != nil {
			t.Errorf("raft: %v", err)
		}
		cancel()
	}
	close(m.free)
	<-done
	eventually(t, "all is applied", func() bool {
		s, err := n.Status()
		return err == nil && s.AppliedIndex >= s.CommitIndex
	})
}
