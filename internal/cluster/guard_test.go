package cluster

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"
)

func TestHungDiskStopsTheProcess(t *testing.T) {
	o, tune, disk, exits, logs := breakable(t)
	tune.writeDeadline = 60 * time.Millisecond
	n := start(t, o, tune)
	hang := make(chan struct{})
	disk.hang.Store(&hang)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		_, err := n.Propose(ctx, []byte("x"))
		result <- err
	}()
	eventually(t, "the process is told to exit", func() bool { return exits.Load() == 1 })
	if logs.FilterMessageSnippet("has hung").Len() != 1 {
		t.Fatalf("log = %v", logs.All())
	}
	cancel()
	if err := <-result; !errors.Is(err, ErrUnsure) {
		t.Fatalf("propose to a disk that hangs: %v", err)
	}
	disk.hang.Store(nil)
	close(hang)
}

func TestGuard(t *testing.T) {
	bad := errors.New("bad sector")
	for _, tt := range []struct {
		name  string
		took  time.Duration
		err   error
		fatal bool
		brief time.Duration // as a leader's, if others could replace it
		way   time.Duration // until when nobody could
		stops int64
	}{
		{name: "fast", took: time.Second, fatal: true},
		{name: "slow but in time", took: 9 * time.Second, fatal: true},
		{name: "hung", took: 11 * time.Second, fatal: true, stops: 1},
		{name: "failed", err: bad, fatal: true, stops: 1},
		{name: "failed without harm", err: bad},
		{name: "hung without a failure that matters", took: 11 * time.Second, stops: 1},
		{name: "a leader's, slow but in time", took: 1900 * time.Millisecond, fatal: true, brief: 2 * time.Second},
		{name: "a leader's, hung", took: 2100 * time.Millisecond, fatal: true, brief: 2 * time.Second, stops: 1},
		{name: "a leader's whom nobody can replace", took: 9 * time.Second, fatal: true, brief: 2 * time.Second, way: time.Hour},
		{name: "hung where nobody can replace it", took: 11 * time.Second, fatal: true, brief: 2 * time.Second, way: time.Hour, stops: 1},
		{name: "one that can be replaced again", took: 6 * time.Second, fatal: true, brief: 2 * time.Second, way: 4500 * time.Millisecond, stops: 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var stops atomic.Int64
				began := time.Now()
				g := guard{
					deadline: 10 * time.Second, stop: func(string, ...zap.Field) { stops.Add(1) },
					brief: tt.brief, inTheWay: func() bool { return time.Since(began) > tt.way },
				}
				err := g.run("append", tt.fatal, func() error {
					<-time.After(tt.took)
					return tt.err
				})
				<-time.After(time.Minute)
				if !errors.Is(err, tt.err) || stops.Load() != tt.stops {
					t.Fatalf("err = %v, stops = %d, want %v, %d", err, stops.Load(), tt.err, tt.stops)
				}
			})
		})
	}
}

// A stalled leader is replaced within three seconds, at either timing: its
// deadline, and an election, which takes two timeouts as a rule. Alone it has
// the long deadline only.
func TestStalledLeaderHasThreeSeconds(t *testing.T) {
	for _, timing := range []Timing{TimingDefault, TimingLAN} {
		tune := production(Options{Peers: []Peer{{}}, Timing: timing})
		if all := tune.leaderWriteDeadline + 2*tune.election; tune.leaderWriteDeadline == 0 || all > 3*time.Second {
			t.Errorf("timing %s: %v", timing, all)
		}
		if tune.writeDeadline < 10*time.Second {
			t.Errorf("timing %s: a follower's slow disk stops it after %v", timing, tune.writeDeadline)
		}
	}
	if tune := production(Options{Peers: []Peer{{}}, Timing: TimingTogether}); tune.leaderWriteDeadline != 0 || tune.writeDeadline != 10*time.Second {
		t.Errorf("together: %v, %v", tune.leaderWriteDeadline, tune.writeDeadline)
	}
	if tune := production(Options{}); tune.leaderWriteDeadline != 0 || tune.writeDeadline != 10*time.Second {
		t.Errorf("alone: %v, %v", tune.leaderWriteDeadline, tune.writeDeadline)
	}
}

// A process that was paused finds its timer long expired. One expiry is not
// enough to stop it.
func TestPauseIsNotAHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var stops atomic.Int64
		g := guard{deadline: 10 * time.Second, stop: func(string, ...zap.Field) { stops.Add(1) }}
		w := g.watch("append")
		<-time.After(6 * time.Second) // the first half has fired
		w.finish()
		<-time.After(time.Minute)
		if stops.Load() != 0 {
			t.Fatal("stopped by the first expiry")
		}
	})
}

func TestStopDoesNotWaitForALogThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		release := make(chan struct{})
		var exits atomic.Int64
		stop := newStop(zap.New(hangingCore{release: release}), func(int) { exits.Add(1) })
		began := time.Now()
		stop("why")
		stop("again")
		if exits.Load() != 1 || time.Since(began) > 3*time.Second {
			t.Fatalf("%d exits after %s", exits.Load(), time.Since(began))
		}
		close(release)
	})
}

func TestGuardedStoresPassOn(t *testing.T) {
	var stops atomic.Int64
	g := guard{deadline: time.Minute, stop: func(string, ...zap.Field) { stops.Add(1) }}
	inner := raft.NewInmemStore()
	l := guardedLog{LogStore: inner, guard: g, stored: func() error { return nil }}
	if l.IsMonotonic() {
		t.Error("a store that allows gaps became monotonic")
	}
	if !(guardedLog{LogStore: &faultyLog{}, guard: g}).IsMonotonic() {
		t.Error("a monotonic store is no longer known as one")
	}
	s := guardedStable{StableStore: inner, guard: g}
	if err := errors.Join(
		l.StoreLog(&raft.Log{Index: 1, Data: []byte("x")}), l.DeleteRange(1, 1),
		s.Set([]byte("k"), []byte("v")), s.SetUint64([]byte("n"), 7),
	); err != nil || stops.Load() != 0 {
		t.Errorf("%v, %d stops", err, stops.Load())
	}
	if v, err := s.GetUint64([]byte("n")); v != 7 || err != nil {
		t.Errorf("n = %d, %v", v, err)
	}
}
