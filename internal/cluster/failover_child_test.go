package cluster

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/hashicorp/raft"
	wal "github.com/hashicorp/raft-wal"
	"go.uber.org/zap"

	"warden/internal/clock"
	"warden/internal/peertls"
)

// failoverMember makes the test binary, started again, one of three voters that
// BenchmarkFailover kills.
const failoverMember = "WARDEN_CLUSTER_FAILOVER_MEMBER"

// failoverSpec is what such a voter is told.
type failoverSpec struct {
	memberSpec
	// Bare is hashicorp/raft with its DefaultConfig over TCP and the same
	// store, and nothing of warden's.
	Bare   bool
	Timing Timing
}

const (
	entrySize = 512
	// writeEvery is how often the leader commits something, so that a new one
	// has something to catch up with.
	writeEvery = 20 * time.Millisecond
)

// voter is what the parent measures: a Node or bare raft. It writes lines:
//
//	in                    it follows or leads, and counts three voters
//	leads TERM NANOS      it leads, and has applied everything earlier
//	hands NANOS           it begins to hand the leadership over
//	commit NANOS          one commit took so long; so do both and verify
type voter interface {
	propose(data []byte) error
	verify() error
	leads(at func(term uint64, until context.Context))
	in() bool
	end() error
}

// beFailoverMember runs a voter until it is killed, or hands over at SIGTERM.
func beFailoverMember(text string) error {
	var spec failoverSpec
	if err := json.Unmarshal([]byte(text), &spec); err != nil {
		return err
	}
	open := newWardenVoter
	if spec.Bare {
		open = newBareVoter
	}
	v, err := open(spec)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	say := func(format string, args ...any) {
		mu.Lock()
		defer mu.Unlock()
		fmt.Printf(format+"\n", args...)
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	var measuring atomic.Bool
	go v.leads(func(term uint64, until context.Context) {
		say("leads %d %d", term, time.Now().UnixNano())
		for data := bytes.Repeat([]byte("x"), entrySize); until.Err() == nil; {
			if !measuring.Load() {
				_ = v.propose(data) // what ends the tenure ends this
			}
			select {
			case <-until.Done():
			case <-time.After(writeEvery):
			}
		}
	})
	go func() {
		for !v.in() {
			<-time.After(2 * time.Millisecond)
		}
		say("in")
	}()
	go func() {
		for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
			var times int
			if _, err := fmt.Sscanf(lines.Text(), "measure %d", &times); err == nil {
				measuring.Store(true)
				measure(v, times, say)
				measuring.Store(false)
			}
		}
	}()
	<-terminated
	say("hands %d", time.Now().UnixNano())
	return v.end()
}

// measure times a commit, and what an execution does before its effect: the
// leadership confirmed and START committed.
func measure(v voter, times int, say func(string, ...any)) {
	data := bytes.Repeat([]byte("x"), entrySize)
	for range times {
		began := time.Now()
		err := v.propose(data)
		committed := time.Now()
		err = errors.Join(err, v.verify())
		verified := time.Now()
		if err != nil {
			say("failed %v", err)
			return
		}
		say("commit %d", committed.Sub(began))
		say("verify %d", verified.Sub(committed))
		say("both %d", verified.Sub(began))
	}
	say("measured")
}

// wardenVoter is a Node as the daemon has it.
type wardenVoter struct {
	*Node
	stop context.CancelFunc
	ctx  context.Context
}

func newWardenVoter(spec failoverSpec) (voter, error) {
	creds, err := peertls.Load(spec.Cert, spec.Key, spec.CA, peertls.Options{Name: spec.Name, Clock: clock.System(), Logger: zap.NewNop()})
	if err != nil {
		return nil, err
	}
	n, err := Open(context.Background(), Options{
		Dir: spec.Dir, NodeName: spec.Name, Machine: &listMachine{}, Logger: zap.NewNop(), Peers: spec.Peers, Credentials: creds,
		CommandVersion: 3, Timing: spec.Timing,
	})
	ctx, stop := context.WithCancel(context.Background())
	return wardenVoter{Node: n, ctx: ctx, stop: stop}, err
}

func (v wardenVoter) propose(data []byte) error {
	_, err := v.Propose(v.ctx, data)
	return err
}

func (v wardenVoter) verify() error { return v.Verify(v.ctx) }

func (v wardenVoter) leads(at func(uint64, context.Context)) {
	_ = v.Lead(v.ctx, func(ctx context.Context, term uint64) error {
		var writing sync.WaitGroup
		writing.Go(func() { at(term, ctx) })
		err := v.Keep(ctx, &roll{voters: v.voters(), invited: v.Invited()})
		writing.Wait()
		return err
	})
}

func (v wardenVoter) in() bool {
	s, err := v.Status()
	return err == nil && v.Ready() == nil && len(v.voters()) == 3 && s.LeaderID != ""
}

func (v wardenVoter) end() error { return v.Shutdown(v.ctx) }

// bareVoter is hashicorp/raft as its README has it.
type bareVoter struct{ *raft.Raft }

func newBareVoter(spec failoverSpec) (voter, error) {
	walDir := filepath.Join(spec.Dir, "wal")
	if err := os.MkdirAll(walDir, 0o700); err != nil {
		return nil, err
	}
	w, err := wal.Open(walDir, wal.WithSegmentSize(segmentSize))
	if err != nil {
		return nil, err
	}
	snaps, err := raft.NewFileSnapshotStore(spec.Dir, snapshotsKept, io.Discard)
	if err != nil {
		return nil, err
	}
	var servers []raft.Server
	var own string
	for _, p := range spec.Peers {
		servers = append(servers, raft.Server{ID: raft.ServerID(p.Name), Address: raft.ServerAddress(p.Address)})
		if p.Name == spec.Name {
			own = p.Address
		}
	}
	trans, err := raft.NewTCPTransport(own, nil, 3, 10*time.Second, io.Discard)
	if err != nil {
		return nil, err
	}
	c := raft.DefaultConfig()
	c.LocalID, c.LogOutput = raft.ServerID(spec.Name), io.Discard
	if err := raft.BootstrapCluster(c, w, w, snaps, trans, raft.Configuration{Servers: servers}); err != nil && !errors.Is(err, raft.ErrCantBootstrap) {
		return nil, err
	}
	r, err := raft.NewRaft(c, newFSM(&listMachine{}, func(string, ...zap.Field) {}), w, w, snaps, trans)
	return bareVoter{r}, err
}

func (v bareVoter) propose(data []byte) error { return v.Apply(data, time.Second).Error() }

func (v bareVoter) verify() error { return v.VerifyLeader().Error() }

func (v bareVoter) leads(at func(uint64, context.Context)) {
	var stop context.CancelFunc = func() {}
	for leads := range v.LeaderCh() {
		stop()
		if !leads || v.Barrier(0).Error() != nil {
			continue
		}
		var ctx context.Context
		ctx, stop = context.WithCancel(context.Background())
		go at(v.CurrentTerm(), ctx)
	}
	stop()
}

func (v bareVoter) in() bool {
	_, leader := v.LeaderWithID()
	known := slices.ContainsFunc(v.GetConfiguration().Configuration().Servers, func(s raft.Server) bool { return s.ID == leader })
	return known && v.CommitIndex() > 0 && v.AppliedIndex() >= v.CommitIndex()
}

func (v bareVoter) end() error {
	return errors.Join(v.LeadershipTransfer().Error(), v.Shutdown().Error())
}
