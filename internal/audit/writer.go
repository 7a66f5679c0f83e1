package audit

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"warden/internal/clock"
	"warden/internal/remedy"
)

// DefaultFileBytes is how large a file gets before the next is begun.
const DefaultFileBytes = 64 << 20

// Options is what a Writer is made of. All fields are required but those that
// say otherwise.
type Options struct {
	// Path is the file that is written to; full ones lie beside it.
	Path string
	// Retention is how long files are kept, in committed time; 0 for ever.
	Retention time.Duration
	// Node is whose files they are.
	Node remedy.NodeID
	// FileBytes is DefaultFileBytes when 0, and Queued MaxQueued.
	FileBytes int64
	Queued    int
	Clock     clock.Clock
	Logger    *zap.Logger
	// Registry takes the metrics.
	Registry prometheus.Registerer
	// Tell tells people that something is wrong with the files, or is no longer.
	// It must not block. Nil for nobody.
	Tell func(text string)
}

// Writer writes what a node applied to its audit files, in a goroutine of its
// own.
type Writer struct {
	Options
	names   layout
	queue   *queue
	files   *files // of the goroutine
	metrics *metrics
	lock    *os.File
	stop    chan struct{}
	stopped chan struct{}
	once    sync.Once
}

// ErrRefused is returned, wrapped, for files that must not be written to as
// they are: others could change them, or another process writes them.
var ErrRefused = errors.New("the audit files can't be used")

// Open looks at the files and begins to write. An unfinished last line, as a
// crash leaves one, is cut off; it is written again when the log is replayed.
// A directory or file that others could write to is refused, as is one that
// can't be opened at all; a disk that is full or broken is not: warden goes on,
// and what is to be written waits. Close it.
func Open(o Options) (_ *Writer, err error) {
	if o.FileBytes == 0 {
		o.FileBytes = DefaultFileBytes
	}
	if o.Queued == 0 {
		o.Queued = MaxQueued
	}
	w := &Writer{Options: o, names: layoutOf(o.Path), stop: make(chan struct{}), stopped: make(chan struct{})}
	if err := w.names.prepare(); err != nil {
		return nil, err
	}
	if w.lock, err = w.names.take(); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, giveBack(w.lock))
		}
	}()
	if w.metrics, err = newMetrics(o.Registry, w); err != nil {
		return nil, err
	}
	w.files = &files{names: w.names, node: o.Node, most: o.FileBytes, keep: o.Retention, log: o.Logger}
	found, said, err := w.files.load()
	if err != nil {
		return nil, err
	}
	for _, s := range said {
		o.Logger.Warn("audit", zap.String("found", s))
		w.tell("the audit files of " + string(o.Node) + ": " + s)
	}
	w.queue = newQueue(o.Queued, found)
	w.metrics.written(w.files.last.Index)
	go w.run()
	return w, nil
}

func (w *Writer) tell(text string) {
	if w.Tell != nil {
		w.Tell(text)
	}
}

const (
	// batchBytes is about how much is written between two fsyncs.
	batchBytes = 4 << 20
	// again is after what time a write that failed is tried again, at first, and
	// againMost at the end.
	again     = time.Second
	againMost = 30 * time.Second
)

// run writes until the writer is closed.
func (w *Writer) run() {
	defer close(w.stopped)
	wait := again
	for {
		batch := w.queue.peek(batchBytes)
		if len(batch) == 0 {
			select {
			case <-w.queue.wake:
				continue
			case <-w.stop:
				return
			}
		}
		n, err := w.files.write(batch)
		w.wrote(batch[:n], err == nil)
		if err == nil || errors.Is(err, errVanished) {
			wait = again
			continue
		}
		w.failed(err)
		select {
		case <-w.Clock.After(wait):
		case <-w.stop:
			return
		}
		wait = min(2*wait, againMost)
	}
}

// wrote takes note of lines that are durable; all says that none had to be left.
func (w *Writer) wrote(batch []item, all bool) {
	failed := w.queue.state().why != nil
	w.metrics.written(w.files.last.Index)
	w.queue.done(len(batch), all)
	if failed && all {
		w.Logger.Info("the audit files can be written again", zap.Uint64("index", w.files.last.Index))
		w.tell("the audit files of " + string(w.Node) + " can be written again")
	}
	for _, it := range batch {
		if g := it.gap; g != nil {
			w.metrics.gap(g.Reason)
			w.Logger.Warn("the audit files have a gap", zap.Uint64("after", g.From.Index), zap.Uint64("to", g.To.Index), zap.String("reason", g.Reason), zap.String("detail", g.Detail))
			if g.Reason != GapSnapshot {
				w.tell(fmt.Sprintf("the audit files of %s have a gap from entry %d to %d (%s): other nodes' files have these entries", w.Node, g.From.Index, g.To.Index, g.Reason))
			}
		}
	}
	for _, s := range w.files.said() {
		w.Logger.Warn("audit", zap.String("found", s))
		w.tell("the audit files of " + string(w.Node) + ": " + s)
	}
}

func (w *Writer) failed(err error) {
	w.metrics.failed()
	if w.queue.failed(err) {
		w.Logger.Error("the audit files can't be written; warden goes on, and what is to be written waits", zap.Error(err))
		w.tell(fmt.Sprintf("the audit files of %s can't be written: %v. Warden goes on, and up to %d MiB wait; free some space on that disk, or mend it", w.Node, err, w.Queued>>20))
	}
}

// mark is a place in the queue: behind everything that was put in so far.
func (w *Writer) mark() uint64 {
	s := w.queue.state()
	return s.next + uint64(s.waiting)
}

// flush waits until everything before the mark is durable. It gives up when ctx
// ends, or writing fails.
func (w *Writer) flush(ctx context.Context, upTo uint64) {
	for {
		s := w.queue.state()
		if s.next >= upTo {
			return
		}
		if s.why != nil {
			w.Logger.Warn("a snapshot is made before the audit files are complete up to it: a restart now would leave a gap", zap.Error(s.why))
			return
		}
		select {
		case <-s.changed:
		case <-w.stopped:
			return
		case <-ctx.Done():
			w.Logger.Warn("a snapshot is made before the audit files are complete up to it: their disk is slow", zap.Int("waiting", s.waiting))
			return
		}
	}
}

// Flush waits until everything that was applied before the call is durable, or
// writing fails, or ctx ends.
func (w *Writer) Flush(ctx context.Context) { w.flush(ctx, w.mark()) }

// Close writes what waits, for as long as ctx allows, and closes the files. What
// is not written then is written after the next start, from the log.
func (w *Writer) Close(ctx context.Context) error {
	w.Flush(ctx)
	w.once.Do(func() { close(w.stop) })
	select {
	case <-w.stopped:
	case <-ctx.Done():
		return fmt.Errorf("close the audit files: %w: their disk hangs", context.Cause(ctx))
	}
	return errors.Join(w.files.close(), giveBack(w.lock))
}

// Written is the newest entry that is durable in the files, and how many items
// wait behind it.
func (w *Writer) Written() (index uint64, waiting int) {
	return w.metrics.lastIndex(), w.queue.state().waiting
}

// prepare sees to the directory and refuses what others could change.
func (l layout) prepare() error {
	if err := os.MkdirAll(l.dir, 0o750); err != nil {
		return fmt.Errorf("%w: make their directory: %w: create %s and give it to the user warden runs as, or set [audit] path", ErrRefused, err, l.dir)
	}
	for _, path := range []string{l.dir, l.path(l.current())} {
		info, err := os.Lstat(path)
		switch {
		case errors.Is(err, os.ErrNotExist) && path != l.dir:
			continue
		case err != nil:
			return fmt.Errorf("%w: %w: give %s to the user warden runs as, or set [audit] path", ErrRefused, err, l.dir)
		case path != l.dir && !info.Mode().IsRegular():
			return fmt.Errorf("%w: %s is no regular file: move it away", ErrRefused, path)
		case info.Mode().Perm()&0o022 != 0 && info.Mode()&os.ModeSymlink == 0:
			return fmt.Errorf("%w: %s has mode %04o, so other users can write to it: chmod go-w %s", ErrRefused, path, info.Mode().Perm(), path)
		}
	}
	return nil
}

// take locks the files for the life of the process.
func (l layout) take() (*os.File, error) {
	path := l.path(l.lock())
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("%w: %w: make %s writable for the user warden runs as, or set [audit] path", ErrRefused, err, l.dir)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%w: another process writes to them (%s): give each node an [audit] path of its own", ErrRefused, path), f.Close())
	}
	return f, nil
}

// giveBack ends the lock of take, also for the copy that a process has which is
// just being started: it holds all files between its fork and its exec.
func giveBack(lock *os.File) error {
	return errors.Join(unix.Flock(int(lock.Fd()), unix.LOCK_UN), lock.Close())
}
