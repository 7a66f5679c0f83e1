package cluster

import (
	"sync"
	"time"

	"github.com/hashicorp/raft"
	"go.uber.org/zap"

	"warden/internal/failpoint"
)

// guard watches writes to the raft log. Raft keeps a leader whose disk hangs
// in office, because heartbeats come from another goroutine, and elects a
// leader whose disk fails again and again. A process that exits does neither.
//
// A leader that others could replace keeps the whole cluster from acting while
// its disk hangs, so it has the brief deadline only; anybody else has the long
// one, since a process that exits for a slow disk would help nobody.
type guard struct {
	deadline time.Duration
	stop     stopFunc
	// brief is the deadline while inTheWay says yes; 0 for none.
	brief    time.Duration
	inTheWay func() bool
}

// step is how often a write that is under way is looked at: at least twice
// before either deadline is over.
func (g guard) step() time.Duration {
	if g.brief > 0 {
		return g.brief / 2
	}
	return g.deadline / 2
}

// over reports whether a write may take no longer.
func (g guard) over(waited time.Duration) bool {
	return waited >= g.deadline || (g.brief > 0 && waited >= g.brief && g.inTheWay())
}

// run makes one write under watch. A failure, if fatal, and a write that takes
// longer than the deadline stop the process.
func (g guard) run(what string, fatal bool, write func() error) error {
	w := g.watch(what)
	err := write()
	w.finish()
	if err != nil && fatal {
		g.stop("the raft log can't be written, so this node stops: free space on the disk or replace it, then start warden again",
			zap.String("write", what), zap.Error(err))
	}
	return err
}

// stallWatch counts time in steps, of which either deadline has two or more: a
// process that was itself stopped for a while, by SIGSTOP or a hypervisor, finds
// one timer expired although the disk is fine, and finishes the write before the
// next.
type stallWatch struct {
	mu       sync.Mutex
	timer    *time.Timer
	finished bool
	waited   time.Duration
}

func (g guard) watch(what string) *stallWatch {
	w := &stallWatch{}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(g.step(), func() {
		if waited, hung := w.expired(g); hung {
			g.stop("a write to the raft log has hung, so this node stops: check the disk (dmesg, smartctl), then start warden again",
				zap.String("write", what), zap.Duration("waited", waited))
		}
	})
	return w
}

func (w *stallWatch) expired(g guard) (time.Duration, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.finished {
		return 0, false
	}
	w.waited += g.step()
	if g.over(w.waited) {
		return w.waited, true
	}
	w.timer.Reset(g.step())
	return 0, false
}

func (w *stallWatch) finish() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.finished = true
	w.timer.Stop()
}

// guardedLog is the raft log under guard. What it stores first makes the node
// one that has a log.
type guardedLog struct {
	raft.LogStore
	guard  guard
	stored func() error
}

func (l guardedLog) StoreLog(entry *raft.Log) error { return l.StoreLogs([]*raft.Log{entry}) }

func (l guardedLog) StoreLogs(entries []*raft.Log) error {
	failpoint.Hit("cluster.store.before")
	err := l.guard.run("append", true, func() error {
		// A disk that hangs or fails does so under watch.
		if err := failpoint.Fail("cluster.disk.append"); err != nil {
			return err
		}
		if err := l.LogStore.StoreLogs(entries); err != nil {
			return err
		}
		return l.stored()
	})
	failpoint.Hit("cluster.store.after")
	return err
}

// DeleteRange may fail without harm: the log stays longer than it needs to be,
// and raft logs the error and tries again at the next snapshot. It must not hang.
func (l guardedLog) DeleteRange(first, last uint64) error {
	failpoint.Hit("cluster.compact.before")
	err := l.guard.run("truncate", false, func() error { return l.LogStore.DeleteRange(first, last) })
	failpoint.Hit("cluster.compact.after")
	return err
}

// IsMonotonic passes on whether the log can hold gaps: raft asks by type
// assertion, and would otherwise leave gaps the WAL refuses.
func (l guardedLog) IsMonotonic() bool {
	m, ok := l.LogStore.(raft.MonotonicLogStore)
	return ok && m.IsMonotonic()
}

// guardedStable is raft's term and vote under guard.
type guardedStable struct {
	raft.StableStore
	guard guard
}

func (s guardedStable) Set(key, val []byte) error {
	return s.guard.run("vote", true, func() error { return s.StableStore.Set(key, val) })
}

func (s guardedStable) SetUint64(key []byte, val uint64) error {
	return s.guard.run("term", true, func() error { return s.StableStore.SetUint64(key, val) })
}

// stopFunc logs why and ends the process. It returns only when the exit it
// was given does, as in tests.
type stopFunc func(why string, fields ...zap.Field)

// newStop makes a stopFunc that acts once.
func newStop(log *zap.Logger, exit func(code int)) stopFunc {
	return newStopWith(log, exit, exitFailure)
}

// newStopWith is newStop with another status. The line is written beside the
// exit, not before it: the log may be on the very disk that hangs.
func newStopWith(log *zap.Logger, exit func(code int), status int) stopFunc {
	var once sync.Once
	return func(why string, fields ...zap.Field) {
		once.Do(func() {
			logged := make(chan struct{})
			go func() {
				defer close(logged)
				log.Error(why, fields...)
				_ = log.Sync() // a console can't be synced, and there is nowhere left to say so
			}()
			select {
			case <-logged:
			case <-time.After(2 * time.Second):
			}
			exit(status)
		})
	}
}
