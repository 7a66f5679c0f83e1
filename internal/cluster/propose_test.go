package cluster

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"
)

func TestUnreadableEntryStopsAndIsNotAcknowledged(t *testing.T) {
	core, logs := observer.New(zapcore.InfoLevel)
	var exits atomic.Int64
	o := options(t, t.TempDir(), &listMachine{})
	o.Logger = zap.New(core)
	o.Exit = func(int) { exits.Add(1) }
	n := start(t, o, quick())
	propose(t, n, "fine")
	for range 2 {
		if r, err := n.Propose(t.Context(), []byte("\x00")); !errors.Is(err, ErrUnsure) {
			t.Fatalf("an entry that can't be applied was answered with %+v, %v", r, err)
		}
	}
	if exits.Load() != 1 {
		t.Fatalf("exits = %d, want 1", exits.Load())
	}
	lines := logs.FilterMessageSnippet("can't be applied").All()
	if len(lines) != 1 || lines[0].Level != zapcore.ErrorLevel || lines[0].ContextMap()["panic"] != "undecodable command" {
		t.Fatalf("log lines: %+v", lines)
	}
	if err := n.Verify(t.Context()); err == nil {
		t.Fatal("a machine that has stopped was verified")
	}
	if err := n.Snapshot(); err == nil {
		t.Fatal("a machine that has stopped was snapshotted")
	}
}

func TestProposeLimits(t *testing.T) {
	m := &listMachine{}
	n := start(t, options(t, t.TempDir(), m), quick())
	if _, err := n.Propose(t.Context(), make([]byte, MaxEntry+1)); !errors.Is(err, ErrTooBig) {
		t.Fatalf("an oversized entry: %v", err)
	}
	// More than a segment of the log holds, in one go.
	big := strings.Repeat("x", MaxEntry)
	errs := make(chan error)
	for range 20 {
		go func() {
			_, err := n.Propose(t.Context(), []byte(big))
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := n.Propose(ctx, []byte("late")); !errors.Is(err, context.Canceled) || errors.Is(err, ErrUnsure) {
		t.Fatalf("propose with a context that has ended: %v", err)
	}
	// A machine that hangs: the entry is in the log, and nobody knows.
	block := make(chan struct{})
	m.blockOn(block)
	ctx, end := context.WithCancelCause(t.Context())
	before, unsure := n.raft.LastIndex(), make(chan error)
	go func() {
		_, err := n.Propose(ctx, []byte("slow"))
		unsure <- err
	}()
	eventually(t, "the entry is in the log", func() bool { return n.raft.LastIndex() > before })
	end(context.DeadlineExceeded)
	if err := <-unsure; !errors.Is(err, ErrUnsure) || !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("propose to a machine that hangs: %v", err)
	}
	if err := n.Verify(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("verify with a machine that hangs: %v", err)
	}
	m.blockOn(nil)
	close(block)
	if err := n.Verify(t.Context()); err != nil {
		t.Fatal(err)
	}
	if items := m.items(); items[len(items)-1] != "slow" || len(items) != 21 {
		t.Fatalf("%d items, the last %.10q", len(items), items[len(items)-1])
	}
}

func TestSnapshotThatCantBeWrittenChangesNothing(t *testing.T) {
	dir := t.TempDir()
	o := options(t, dir, &brokenSnapshots{})
	o.SnapshotThreshold, o.TrailingLogs = 1, 1
	n := start(t, o, quick())
	propose(t, n, "x", "y", "z")
	if err := n.Snapshot(); !errors.Is(err, errDiskFull) && (err == nil || !strings.Contains(err.Error(), errDiskFull.Error())) {
		t.Fatalf("snapshot to a full disk: %v", err)
	}
	propose(t, n, "after")
	stop(t, n)
	m := &listMachine{}
	start(t, options(t, dir, m), quick())
	if got := m.items(); !slices.Equal(got, []string{"x", "y", "z", "after"}) {
		t.Fatalf("items = %v", got)
	}
}

var errDiskFull = errors.New("no space left on device")

// brokenSnapshots writes half a snapshot and fails.
type brokenSnapshots struct{ listMachine }

func (*brokenSnapshots) Snapshot() (io.WriterTo, error) { return halfSnapshot{}, nil }

type halfSnapshot struct{}

func (halfSnapshot) WriteTo(w io.Writer) (int64, error) {
	n, err := io.WriteString(w, `{"Items": ["x"`)
	return int64(n), errors.Join(err, errDiskFull)
}

func TestRestoreRefusesWhatItCantRead(t *testing.T) {
	for name, tt := range map[string]struct{ snapshot, want string }{
		"empty":       {"", "first line"},
		"no head":     {"{}\n", "first line"},
		"no line end": {strings.Repeat("x", 10000), "first line"},
		"too new":     {"warden-snapshot 2 7 1\n{}", "version 2"},
		"bad body":    {"warden-snapshot 1 7 1\n{", "unexpected EOF"},
	} {
		f := newFSM(&listMachine{}, nil)
		err := f.Restore(io.NopCloser(strings.NewReader(tt.snapshot)))
		if err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", name, err, tt.want)
		}
		if index, _ := f.position(); index != 0 {
			t.Errorf("%s: the machine is said to be at %d", name, index)
		}
	}
}

// A proposer that stops waiting, or a node that goes down, leaves ErrUnsure
// behind wherever the entry may be in the log.
func TestProposalsInFlightAtShutdown(t *testing.T) {
	dir := t.TempDir()
	m := &listMachine{}
	n := start(t, options(t, dir, m), quick())
	type result struct {
		item string
		err  error
	}
	results := make(chan result)
	var acked atomic.Int64
	const proposers = 8
	for p := range proposers {
		go func() {
			for i := 0; ; i++ {
				item := fmt.Sprintf("%d/%d", p, i)
				if _, err := n.Propose(t.Context(), []byte(item)); err != nil {
					results <- result{item, err}
					return
				}
				acked.Add(1)
			}
		}()
	}
	eventually(t, "some are acknowledged", func() bool { return acked.Load() > 100 })
	stop(t, n)
	m = &listMachine{}
	start(t, options(t, dir, m), quick())
	items := m.items()
	for range proposers {
		r := <-results
		there := slices.Contains(items, r.item)
		if certain := !errors.Is(r.err, ErrUnsure); certain && there {
			t.Errorf("%s is in the log although its proposer got %v", r.item, r.err)
		}
	}
	if int64(len(items)) < acked.Load() {
		t.Errorf("%d acknowledged and %d there", acked.Load(), len(items))
	}
}
