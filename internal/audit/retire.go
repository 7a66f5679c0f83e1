package audit

import (
	"errors"
	"os"
	"time"

	"warden/internal/failpoint"
)

// retire deletes the files whose entries are all older than the retention, in
// committed time: a file's newest entry is older than the first of the file
// behind it. The newest full file always stays. What is deleted is
// written down first, so that Verify knows that it is gone on purpose.
func (f *files) retire() error {
	if f.keep <= 0 || f.head.FirstAt.IsZero() {
		return nil
	}
	full, err := f.names.list()
	if err != nil || len(full) < 2 {
		return err
	}
	before := f.head.FirstAt.Add(-f.keep)
	var old []FileEnd
	for i, file := range full[:len(full)-1] {
		next, err := readHead(f.names.path(full[i+1].name))
		if err != nil || next.Prev == nil || next.Prev.File != file.name || !f.expired(next.FirstAt, before) {
			break // what can't be read is kept, and all behind it
		}
		old = append(old, *next.Prev)
	}
	if len(old) == 0 {
		return nil
	}
	text, sum, err := (&Line{Type: TypeRetired, Retired: old}).encode(f.sum)
	if err != nil {
		return err
	}
	if err := f.append(text); err != nil {
		return err
	}
	f.size, f.lines, f.sum = f.size+int64(len(text)), f.lines+1, sum
	failpoint.Hit("audit.retire.recorded")
	var failed error
	for _, e := range old {
		failed = errors.Join(failed, os.Remove(f.names.path(e.File)))
	}
	if failed != nil {
		// They are recorded as gone, and tried again at the next rotation.
		f.pending = append(f.pending, "an old file could not be deleted: "+failed.Error())
	}
	return nil
}

func (*files) expired(next, before time.Time) bool { return !next.IsZero() && next.Before(before) }

// readHead reads a file's first line.
func readHead(path string) (*FileHead, error) {
	head, _, err := readFirst(path)
	return head, err
}

// readFirst reads a file's first line, and says whether it is as it was written: its
// sum, unlike those of the lines behind it, needs nothing that is not in it.
func readFirst(path string) (_ *FileHead, sound bool, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw, err := newLines(f).next()
	if err != nil {
		return nil, false, err
	}
	l, body, err := decode(raw.Text)
	if err != nil {
		return nil, false, err
	}
	if l.Type != TypeFile {
		return nil, false, errNoLine
	}
	return l.File, sumOf(l.File.before(), body) == l.Sum, nil
}
