package audit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"go.uber.org/zap"

	"warden/internal/failpoint"
	"warden/internal/remedy"
)

// files are the files on disk, for the one goroutine that writes them.
type files struct {
	names layout
	node  remedy.NodeID
	most  int64
	keep  time.Duration
	log   *zap.Logger

	end
	// before is the end of the file before the one that is open, or to be begun.
	before *FileEnd
	f      *os.File
	// pending is what is to be told.
	pending []string
}

// note is how far this node has written, in a file of its own: a tail that was
// cut off is seen by it, though only a ledger or another node proves one.
type note struct {
	Cluster string        `json:"cluster,omitempty"`
	Node    remedy.NodeID `json:"node"`
	// Seq is the number of the file that is written to.
	Seq uint64 `json:"seq"`
	Head
	Sum string `json:"sum"`
}

// load looks at what is there. said is what people should hear of.
func (f *files) load() (found scanned, said []string, err error) {
	full, err := f.names.list()
	if err != nil {
		return found, nil, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	path := f.names.path(f.names.current())
	found, err = scanFile(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case errors.Is(err, fs.ErrPermission):
		return found, nil, fmt.Errorf("%w: %w: give %s to the user warden runs as", ErrRefused, err, path)
	case err != nil:
		return found, nil, fmt.Errorf("%w: %w: check the disk below %s", ErrRefused, err, f.names.dir)
	case !found.open || found.badEnd || f.garbledHead(found):
		aside, err := f.setAside(path)
		if err != nil {
			return found, nil, err
		}
		said = append(said, fmt.Sprintf("%s does not end in a line of warden's: it is kept as %s, and `warden audit verify` says what is wrong", f.names.current(), aside))
		found = scanned{}
	default:
		if found.bad > 0 {
			said = append(said, fmt.Sprintf("%d lines of %s are not as they were written: `warden audit verify` says which", found.bad, f.names.current()))
		}
		if found.torn > 0 {
			said = append(said, fmt.Sprintf("the last line of %s was not finished: its %d bytes are cut off, and written again from the log", f.names.current(), found.torn))
		}
		f.before = found.head.Prev
	}
	if !found.open && len(full) > 0 {
		last := full[len(full)-1]
		prev, err := scanFile(f.names.path(last.name))
		if err != nil {
			return found, nil, fmt.Errorf("%w: %w: check the disk below %s", ErrRefused, err, f.names.dir)
		}
		found = prev
		found.open = false
		f.before = &FileEnd{File: last.name, Head: prev.last, Sum: prev.sum}
		found.head.Seq = last.seq
	}
	f.end = found.end
	return found, append(said, f.checkNote()...), nil
}

// garbledHead reports whether a damaged file says that it is another node's or
// cluster's than was noted: Verify would take all of it, and what is written
// behind it, for foreign. Without a note a damaged first line is believed
// nothing. A file that a node wrote under another id is whole.
func (f *files) garbledHead(found scanned) bool {
	n, err := readNote(f.names)
	if found.bad == 0 {
		return false
	}
	return found.badHead && err != nil || found.head.Node != f.node && (err != nil || n.Node != found.head.Node) ||
		err == nil && found.head.Cluster != "" && n.Cluster != "" && found.head.Cluster != n.Cluster && found.cluster != n.Cluster
}

// setAside moves a file away that can't be gone on with.
func (f *files) setAside(path string) (string, error) {
	for n := 1; ; n++ {
		name := fmt.Sprintf("%s.damaged-%d", f.names.current(), n)
		if _, err := os.Lstat(f.names.path(name)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := os.Rename(path, f.names.path(name)); err != nil {
			return "", fmt.Errorf("%w: move a damaged one away: %w: check the disk below %s", ErrRefused, err, f.names.dir)
		}
		return name, nil
	}
}

// checkNote compares what is there with what was noted.
func (f *files) checkNote() []string {
	n, err := readNote(f.names)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return []string{"the note of how far was written can't be read: " + err.Error()}
	case n.Node != f.node:
		return []string{fmt.Sprintf("they were begun by another node, %s", n.Node)}
	case n.Index > f.last.Index:
		return []string{fmt.Sprintf("they reach up to entry %d, and had reached %d: lines were cut off. What the log still has is written again", f.last.Index, n.Index)}
	}
	return nil
}

func readNote(l layout) (note, error) {
	b, err := os.ReadFile(l.path(l.note()))
	if err != nil {
		return note{}, err
	}
	var n note
	if err := json.Unmarshal(b, &n); err != nil {
		return note{}, fmt.Errorf("%s is damaged: %w", l.note(), err)
	}
	return n, nil
}

// said returns, once, what people should hear of.
func (f *files) said() []string {
	s := f.pending
	f.pending = nil
	return s
}

// write appends the items and makes them durable. It returns how many are, also
// with an error; the others can be given again.
func (f *files) write(batch []item) (durable int, err error) {
	failpoint.Hit("audit.write.before")
	if err := failpoint.Fail("audit.disk"); err != nil {
		return 0, err
	}
	var buf bytes.Buffer
	next := f.end // what is in buf, once that is durable
	done := 0
	flush := func() error {
		if buf.Len() == 0 {
			return nil
		}
		if err := f.append(buf.Bytes()); err != nil {
			return err
		}
		next.size = f.size + int64(buf.Len())
		f.end, durable = next, done
		buf.Reset()
		return nil
	}
	for _, it := range batch {
		if f.due(next, int64(buf.Len()), it) {
			if err := flush(); err != nil {
				return durable, err
			}
			if err := f.rotate(it); err != nil {
				return durable, err
			}
			next = f.end
		}
		text, sum, err := it.line().encode(next.sum)
		if err != nil {
			return durable, err
		}
		done++
		buf.Write(text)
		next.sum, next.lines, next.last = sum, next.lines+1, it.end()
		if it.cluster != "" {
			next.cluster = it.cluster
		}
		if int64(buf.Len()) >= batchBytes {
			if err := flush(); err != nil {
				return durable, err
			}
			next = f.end
		}
	}
	if err := flush(); err != nil {
		return durable, err
	}
	failpoint.Hit("audit.write.after")
	f.keepNote()
	return durable, nil
}

func (it item) end() Head {
	if it.gap != nil {
		return it.gap.To
	}
	return Head{it.rec.Index, it.rec.Head}
}

func (it item) line() *Line {
	if it.gap != nil {
		return &Line{Type: TypeGap, Gap: it.gap}
	}
	l := it.rec.line()
	return &l
}

// due reports whether a new file is begun for the item: there is none, the one
// there is is full, or a day of committed time has ended.
func (f *files) due(e end, waiting int64, it item) bool {
	if !e.open {
		return true
	}
	if e.lines <= 1 {
		return false
	}
	day := func(t time.Time) string { return t.UTC().Format(time.DateOnly) }
	return e.size+waiting >= f.most || day(it.at) > day(e.head.FirstAt)
}

// append adds text behind the last durable line.
func (f *files) append(text []byte) error {
	if err := f.reopen(); err != nil {
		return err
	}
	_, err := f.f.WriteAt(text, f.size)
	if err == nil {
		failpoint.Hit("audit.sync.before")
		err = f.f.Sync()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s: %w", f.names.path(f.names.current()), err), f.close())
	}
	return nil
}

// reopen opens the current file, or sees that it is the one that it was, and
// cuts off what is behind the last durable line.
func (f *files) reopen() error {
	path := f.names.path(f.names.current())
	if f.f != nil {
		have, err := f.f.Stat()
		there, lerr := os.Lstat(path)
		if err == nil && lerr == nil && os.SameFile(have, there) && have.Size() == f.size {
			return nil
		}
		if err := f.close(); err != nil {
			return err
		}
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return f.vanished("is gone, moved or deleted")
	}
	if err != nil {
		return err
	}
	info, err := file.Stat()
	if err != nil {
		return errors.Join(err, file.Close())
	}
	if info.Size() < f.size {
		return errors.Join(file.Close(), f.vanished(fmt.Sprintf("was cut from %d to %d bytes", f.size, info.Size())))
	}
	if info.Size() > f.size {
		if err := file.Truncate(f.size); err != nil {
			return errors.Join(err, file.Close())
		}
	}
	f.f = file
	return nil
}

// errVanished has the batch written again, to a new file.
var errVanished = errors.New("the file was changed by somebody else")

// vanished goes on in a new file after somebody moved, deleted or cut the
// current one. The new one names where the old one ended, so that what is gone is
// told.
func (f *files) vanished(what string) error {
	name := f.names.current()
	f.pending = append(f.pending, fmt.Sprintf("%s %s while warden wrote to it: a new file is begun", name, what))
	path := f.names.path(name)
	if _, err := os.Lstat(path); err == nil {
		if _, err := f.setAside(path); err != nil {
			return err
		}
	}
	f.before = &FileEnd{File: f.names.full(f.head.Seq, f.head.First), Head: f.last, Sum: f.sum}
	f.open = false
	return fmt.Errorf("%s %s: %w", name, what, errVanished)
}

// rotate ends the current file, if there is one, and begins the next with the
// item.
func (f *files) rotate(it item) error {
	current := f.names.path(f.names.current())
	if f.open {
		name := f.names.full(f.head.Seq, f.head.First)
		if _, err := os.Lstat(f.names.path(name)); err == nil {
			return fmt.Errorf("%s is there already: move it away", f.names.path(name))
		}
		if err := f.close(); err != nil {
			return err
		}
		if err := os.Rename(current, f.names.path(name)); err != nil {
			return err
		}
		f.before = &FileEnd{File: name, Head: f.last, Sum: f.sum}
		f.open = false
		failpoint.Hit("audit.rotate.renamed")
	}
	head := FileHead{Format: Format, Cluster: f.cluster, Node: f.node, First: it.end().Index, FirstAt: it.at.UTC(), Seq: f.head.Seq + 1, Prev: f.before}
	if head.Cluster == "" {
		head.Cluster = it.cluster
	}
	text, sum, err := (&Line{Type: TypeFile, File: &head}).encode(f.sum)
	if err != nil {
		return err
	}
	if err := writeWhole(f.names, f.names.current(), text, 0o640, true); err != nil {
		return err
	}
	f.end = end{open: true, head: head, size: int64(len(text)), lines: 1, last: f.last, sum: sum, cluster: head.Cluster}
	failpoint.Hit("audit.rotate.created")
	return f.retire()
}

// keepNote notes how far was written. It comes after the lines are durable, so
// that it never promises more than there is, and may be lost.
func (f *files) keepNote() {
	text, err := json.Marshal(note{Cluster: f.cluster, Node: f.node, Seq: f.head.Seq, Head: f.last, Sum: f.sum})
	if err == nil {
		err = writeWhole(f.names, f.names.note(), append(text, '\n'), 0o640, false)
	}
	if err != nil {
		f.log.Warn("how far the audit files were written could not be noted", zap.Error(err))
	}
}

// writeWhole writes a file that is there with all of its text, or not at all.
func writeWhole(l layout, name string, text []byte, mode os.FileMode, durable bool) error {
	begun := l.path(name + ".tmp")
	f, err := os.OpenFile(begun, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err == nil && durable {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := os.Rename(begun, l.path(name)); err != nil {
		return err
	}
	if !durable {
		return nil
	}
	return syncDir(l.dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func (f *files) close() error {
	if f.f == nil {
		return nil
	}
	err := f.f.Close()
	f.f = nil
	return err
}
