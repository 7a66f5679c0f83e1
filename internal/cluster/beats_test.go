package cluster

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/hashicorp/raft"
)

// TestShutdownWaitsForAHeartbeat holds a heartbeat of a newer term back that the
// node is about to write down, as a slow machine does, and shuts the node down
// meanwhile: the store must still be open when it goes on.
func TestShutdownWaitsForAHeartbeat(t *testing.T) {
	t.Parallel()
	g := newVoters(t)
	at := g.leader()
	name := g.nameOf(at)
	var from *Node
	for other, n := range g.nodes {
		if other != name {
			from = n
		}
	}
	held, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	at.raft.RegisterObserver(raft.NewObserver(nil, false, func(o *raft.Observation) bool {
		if state, ok := o.Data.(raft.RaftState); ok && state == raft.Follower {
			once.Do(func() {
				close(held)
				<-release
			})
		}
		return false
	}))
	go func() {
		id := raft.ServerID(from.ID())
		beat := &raft.AppendEntriesRequest{RPCHeader: raft.RPCHeader{ProtocolVersion: raft.ProtocolVersionMax, ID: []byte(id), Addr: []byte(id)}, Term: at.raft.CurrentTerm() + 1}
		// The connection is cut before there is an answer.
		_ = from.ring.trans.AppendEntries(raft.ServerID(at.ID()), raft.ServerAddress(at.ID()), beat, &raft.AppendEntriesResponse{})
	}()
	<-held
	ended := make(chan error, 1)
	go func() { ended <- at.Shutdown(t.Context()) }()
	eventually(t, "it waits for the heartbeat, or it doesn't", func() bool {
		at.ring.trans.beats.mu.Lock()
		defer at.ring.trans.beats.mu.Unlock()
		return at.ring.trans.beats.closed || len(ended) > 0
	})
	if len(ended) > 0 {
		t.Fatalf("it has shut down while a heartbeat was being handled: %v", <-ended)
	}
	close(release)
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	delete(g.nodes, name)
	g.up(name) // its log is whole
}

// TestNoHeartbeatAfterTheEnd ends heartbeats while one is being handled.
func TestNoHeartbeatAfterTheEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b beats
		handled, ended := 0, false
		release := make(chan struct{})
		handle := b.counted(func(raft.RPC) {
			handled++
			<-release
		})
		go handle(raft.RPC{})
		synctest.Wait()
		go func() {
			b.end()
			ended = true
		}()
		synctest.Wait()
		if ended {
			t.Error("it ended while one was being handled")
		}
		answer := make(chan raft.RPCResponse, 1)
		handle(raft.RPC{RespChan: answer})
		if got := <-answer; !errors.Is(got.Error, raft.ErrTransportShutdown) || handled != 1 {
			t.Errorf("one that came too late was answered %v, and %d were handled", got.Error, handled)
		}
		close(release)
		synctest.Wait()
		if !ended {
			t.Error("it didn't end")
		}
	})
}
