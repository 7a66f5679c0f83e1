package audit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"
)

// Shown is one line as Read hands it out.
type Shown struct {
	*Line
	// Raw is the line as it stands in the file, without its newline.
	Raw []byte
	// File is the file's name, and No counts its lines from 1.
	File string
	No   int
}

// Position is a place in a node's files, to read on from. The zero value is the
// beginning.
type Position struct {
	seq    uint64
	offset int64
	no     int
}

// Reader reads one node's files in the order in which they were written. What
// is no line is left out: Verify is for that.
type Reader struct {
	names layout
	// Skipped counts what is no line of warden's.
	Skipped int
}

// NewReader returns a reader of the files that the path means, as for Verify.
// fs.ErrNotExist, wrapped, means that there are none.
func NewReader(path string) (*Reader, error) {
	r := &Reader{names: layoutOf(pathOf(path))}
	files, err := r.list()
	if err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return nil, noFiles(pathOf(path))
	}
	return r, nil
}

func (r *Reader) list() ([]gathered, error) {
	full, err := r.names.list()
	if err != nil {
		return nil, err
	}
	out := make([]gathered, 0, len(full)+1)
	for _, f := range full {
		out = append(out, gathered{name: f.name, seq: f.seq})
	}
	head, err := readHead(r.names.path(r.names.current()))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return out, nil
	case errors.Is(err, fs.ErrPermission):
		return nil, fmt.Errorf("read an audit file: %w", err)
	case err != nil:
		head = &FileHead{}
		if len(out) > 0 {
			head.Seq = out[len(out)-1].seq + 1
		}
	}
	return append(out, gathered{name: r.names.current(), current: true, seq: head.Seq}), nil
}

// Each hands out every entry and gap from a place on, and returns the place
// behind the last. Files whose entries are all before since are left out. What
// is handed out holds until the next.
func (r *Reader) Each(ctx context.Context, from Position, since time.Time, visit func(Shown) error) (Position, error) {
	files, err := r.list()
	if err != nil {
		return from, err
	}
	for i, f := range files {
		if f.seq < from.seq {
			continue
		}
		if f.seq > from.seq {
			from = Position{seq: f.seq}
		}
		if i+1 < len(files) && !since.IsZero() {
			next, err := readHead(r.names.path(files[i+1].name))
			if err == nil && !next.FirstAt.IsZero() && next.FirstAt.Before(since) {
				continue
			}
		}
		if from, err = r.file(ctx, f.name, from, visit); err != nil {
			return from, err
		}
	}
	return from, nil
}

// file reads one file on from a place in it.
func (r *Reader) file(ctx context.Context, name string, from Position, visit func(Shown) error) (_ Position, err error) {
	f, err := os.Open(r.names.path(name))
	if errors.Is(err, fs.ErrNotExist) {
		return from, nil // it was full, or retired, a moment ago
	}
	if err != nil {
		return from, fmt.Errorf("read an audit file: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(from.offset, io.SeekStart); err != nil {
		return from, fmt.Errorf("read an audit file: %w", err)
	}
	in := newLines(f)
	start := from
	for {
		raw, err := in.next()
		if errors.Is(err, io.EOF) || err == nil && raw.Torn {
			return from, nil
		}
		if err != nil {
			return from, err
		}
		if ctx.Err() != nil {
			return from, context.Cause(ctx)
		}
		from.offset, from.no = start.offset+in.offset, start.no+raw.No
		l, _, err := decode(raw.Text)
		switch {
		case err != nil:
			r.Skipped++
		case l.Type == TypeEntry || l.Type == TypeGap:
			if err := visit(Shown{Line: l, Raw: raw.Text, File: name, No: from.no}); err != nil {
				return from, err
			}
		}
	}
}

// Last hands out the newest lines that match, oldest first, and returns the
// place behind them. It reads files from the newest on, and no more than it needs.
func (r *Reader) Last(ctx context.Context, n int, since time.Time, match func(*Line) bool) ([]Shown, Position, error) {
	files, err := r.list()
	if err != nil {
		return nil, Position{}, err
	}
	var kept []Shown
	var end Position
	for i := len(files) - 1; i >= 0 && len(kept) < n; i-- {
		var here []Shown
		at, err := r.file(ctx, files[i].name, Position{seq: files[i].seq}, func(s Shown) error {
			if match(s.Line) {
				s.Raw = bytes.Clone(s.Raw)
				if here = append(here, s); len(here) > 2*n {
					here = append(here[:0], here[len(here)-n:]...)
				}
			}
			return nil
		})
		if err != nil {
			return nil, end, err
		}
		if i == len(files)-1 {
			end = at
		}
		kept = append(here, kept...)
		if len(kept) > n {
			kept = kept[len(kept)-n:]
		}
		head, err := readHead(r.names.path(files[i].name))
		if err == nil && !since.IsZero() && !head.FirstAt.IsZero() && head.FirstAt.Before(since) {
			break
		}
	}
	return kept, end, nil
}

// noFiles is an error that wraps fs.ErrNotExist without its words.
type noFiles string

func (m noFiles) Error() string { return "there are no audit files at " + string(m) }

func (noFiles) Unwrap() error { return fs.ErrNotExist }
