package cluster

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

// faultyLog is a log store whose disk can be made to fail or to hang.
type faultyLog struct {
	raft.LogStore
	fail atomic.Pointer[error]
	hang atomic.Pointer[chan struct{}]
}

func (l *faultyLog) StoreLogs(entries []*raft.Log) error {
	if hang := l.hang.Load(); hang != nil {
		<-*hang
	}
	if err := l.fail.Load(); err != nil {
		return *err
	}
	return l.LogStore.StoreLogs(entries)
}

func (l *faultyLog) IsMonotonic() bool { return true }

// breakable is quick tuning on a disk that can be broken, and the exits that
// the node asked for.
func breakable(t *testing.T) (Options, tuning, *faultyLog, *atomic.Int64, *observer.ObservedLogs) {
	t.Helper()
	disk := &faultyLog{}
	exits := &atomic.Int64{}
	core, logs := observer.New(zapcore.InfoLevel)
	tune := quick()
	tune.wrapLog = func(s raft.LogStore) raft.LogStore {
		disk.LogStore = s
		return disk
	}
	o := options(t, t.TempDir(), &listMachine{})
	o.Logger = zap.New(core)
	o.Exit = func(code int) {
		if code != 0 {
			exits.Add(1)
		}
	}
	return o, tune, disk, exits, logs
}

func TestLeadRunsAndEndsWithItsContext(t *testing.T) {
	defer goleak.VerifyNone(t)
	m := &listMachine{}
	dir := t.TempDir()
	n := start(t, options(t, dir, m), quick())
	propose(t, n, "x", "y")
	stop(t, n)

	m = &listMachine{}
	n, err := open(t.Context(), options(t, dir, m), quick())
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	began := make(chan uint64)
	result := make(chan error)
	go func() {
		result <- n.Lead(ctx, func(ctx context.Context, term uint64) error {
			if got := m.items(); len(got) != 2 {
				t.Errorf("the tenure began with %v applied", got)
			}
			r, err := n.Propose(ctx, []byte("z"))
			if err != nil || r.Term != term {
				t.Errorf("propose in term %d: %+v, %v", term, r, err)
			}
			began <- term
			<-ctx.Done()
			return ctx.Err()
		})
	}()
	<-began
	if err := n.Lead(t.Context(), nil); err == nil || !strings.Contains(err.Error(), "already") {
		t.Fatalf("a second Lead: %v", err)
	}
	cancel()
	if err := <-result; err != nil {
		t.Fatalf("Lead = %v", err)
	}
	stop(t, n)
}

func TestLeadReportsWhatTheTenureReturned(t *testing.T) {
	n := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	boom := errors.New("boom")
	if err := n.Lead(t.Context(), func(context.Context, uint64) error { return boom }); !errors.Is(err, boom) {
		t.Fatalf("Lead = %v", err)
	}
	if err := n.Lead(t.Context(), func(context.Context, uint64) error { return nil }); err != nil {
		t.Fatalf("Lead = %v", err)
	}
	// An error on the way out is not lost either.
	ctx, cancel := context.WithCancel(t.Context())
	if err := n.Lead(ctx, func(context.Context, uint64) error { cancel(); return boom }); !errors.Is(err, boom) {
		t.Fatalf("Lead = %v", err)
	}
}

func TestShutdownEndsTheTenureAndLead(t *testing.T) {
	n := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	began := make(chan struct{})
	result := make(chan error)
	go func() {
		result <- n.Lead(t.Context(), func(ctx context.Context, _ uint64) error {
			close(began)
			<-ctx.Done()
			return context.Cause(ctx)
		})
	}()
	<-began
	stop(t, n)
	if err := <-result; err != nil {
		t.Fatalf("Lead = %v", err)
	}
	if err := n.Lead(t.Context(), nil); err != nil {
		t.Fatalf("Lead after shutdown = %v", err)
	}
}

// A disk that fails once makes raft step down and win the next election: the
// tenures must follow, one at a time, in rising terms, and the process is told
// to exit.
func TestTenuresFollowLeadership(t *testing.T) {
	o, tune, disk, exits, logs := breakable(t)
	n := start(t, o, tune)
	full := errors.New("no space left on device")
	var running atomic.Int64
	terms := make(chan uint64)
	causes := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	result := make(chan error)
	go func() {
		result <- n.Lead(ctx, func(ctx context.Context, term uint64) error {
			if running.Add(1) != 1 {
				t.Error("two tenures at once")
			}
			defer running.Add(-1)
			terms <- term
			<-ctx.Done()
			causes <- context.Cause(ctx)
			return errors.New("everything fails when leadership is lost")
		})
	}()
	first := <-terms
	disk.fail.Store(&full)
	if _, err := n.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrUnsure) {
		t.Fatalf("propose to a full disk: %v", err)
	}
	if err := <-causes; !errors.Is(err, ErrLeadershipLost) {
		t.Fatalf("the tenure ended with %v", err)
	}
	if exits.Load() != 1 || logs.FilterMessageSnippet("raft log can't be written").Len() != 1 {
		t.Fatalf("exits = %d, log = %v", exits.Load(), logs.All())
	}
	disk.fail.Store(nil)
	if second := <-terms; second <= first {
		t.Fatalf("term %d follows term %d", second, first)
	}
	propose(t, n, "y")
	cancel()
	if err := <-causes; !errors.Is(err, context.Canceled) {
		t.Fatalf("the tenure ended with %v", err)
	}
	if err := <-result; err == nil {
		t.Fatal("the tenure's own error was dropped")
	}
}

// fn may learn of the loss from a failed Propose before raft says so.
func TestTenureThatFailsOnTheLossIsNotAnError(t *testing.T) {
	o, tune, disk, _, _ := breakable(t)
	n := start(t, o, tune)
	full := errors.New("no space left on device")
	ctx, cancel := context.WithCancel(t.Context())
	tenures := 0
	err := n.Lead(ctx, func(ctx context.Context, _ uint64) error {
		if tenures++; tenures > 1 {
			cancel()
			return nil
		}
		disk.fail.Store(&full)
		_, err := n.Propose(ctx, []byte("x"))
		eventually(t, "raft has stepped down", func() bool { return n.raft.State() != raft.Leader })
		disk.fail.Store(nil)
		return err
	})
	if err != nil || tenures != 2 {
		t.Fatalf("Lead = %v after %d tenures", err, tenures)
	}
}

func TestTenureThatWontEndStopsTheProcess(t *testing.T) {
	o, tune, disk, exits, logs := breakable(t)
	tune.tenureGrace = 30 * time.Millisecond
	n := start(t, o, tune)
	full := errors.New("no space left on device")
	stuck := make(chan struct{})
	defer close(stuck)
	began := make(chan struct{})
	result := make(chan error)
	// The disk's own exit is used up first, so that the next one is the tenure's.
	n.stop = newStop(o.Logger, func(int) { exits.Add(100) })
	go func() {
		result <- n.Lead(t.Context(), func(context.Context, uint64) error {
			close(began)
			<-stuck
			return nil
		})
	}()
	<-began
	disk.fail.Store(&full)
	if _, err := n.Propose(t.Context(), []byte("x")); err == nil {
		t.Fatal("proposed to a full disk")
	}
	disk.fail.Store(nil)
	if err := <-result; err == nil || !strings.Contains(err.Error(), "did not end") {
		t.Fatalf("Lead = %v", err)
	}
	if exits.Load() != 101 || logs.FilterMessageSnippet("tenure did not end in time").Len() != 1 {
		t.Fatalf("exits = %d, log = %v", exits.Load(), logs.All())
	}
}

func TestLeaderThatCantCatchUpStopsTheProcess(t *testing.T) {
	o, tune, _, exits, _ := breakable(t)
	m := &listMachine{}
	o.Machine = m
	n := start(t, o, tune)
	propose(t, n, "x")
	stop(t, n)

	block := make(chan struct{})
	m = &listMachine{}
	m.blockOn(block)
	o.Machine = m
	tune.barrierDeadline = 100 * time.Millisecond
	n, err := open(t.Context(), o, tune)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, n)
	defer close(block)
	err = n.Lead(t.Context(), func(context.Context, uint64) error {
		t.Error("a tenure began on a machine that is behind")
		return nil
	})
	if !errors.Is(err, context.DeadlineExceeded) || exits.Load() != 1 {
		t.Fatalf("Lead = %v, exits = %d", err, exits.Load())
	}
}

// Notifications that nobody reads must not stop raft, and a flap that was over
// before anybody looked still ends the tenure.
func TestFlapEndsTheTenure(t *testing.T) {
	n := start(t, options(t, t.TempDir(), &listMachine{}), quick())
	ctx, cancel := context.WithCancel(t.Context())
	tenures := 0
	err := n.Lead(ctx, func(ctx context.Context, _ uint64) error {
		if tenures++; tenures == 3 {
			cancel()
			return nil
		}
		n.lead.set(false)
		n.lead.set(true)
		<-ctx.Done()
		return nil
	})
	if err != nil || tenures != 3 {
		t.Fatalf("Lead = %v after %d tenures", err, tenures)
	}
}

func TestVerifyOfANodeThatDoesNotLead(t *testing.T) {
	tune := quick()
	tune.heartbeat, tune.election = time.Hour, time.Hour
	n, err := open(t.Context(), options(t, t.TempDir(), &listMachine{}), tune)
	if err != nil {
		t.Fatal(err)
	}
	defer stop(t, n)
	if err := n.Verify(t.Context()); !errors.Is(err, ErrNotLeader) {
		t.Errorf("verify: %v", err)
	}
	if _, err := n.Propose(t.Context(), []byte("x")); !errors.Is(err, ErrNotLeader) {
		t.Errorf("propose: %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := n.Lead(ctx, nil); err != nil {
		t.Errorf("lead: %v", err)
	}
	if s, err := n.Status(); err != nil || s.Leader || s.LeaderID != "" {
		t.Errorf("status %+v, %v", s, err)
	}
}
