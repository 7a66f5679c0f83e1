package audit

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
)

// maxLine bounds a line. An entry is 1 MiB at most, and stands in its line
// once as it is and in part a second time, with escapes.
const maxLine = 16 << 20

// rawLine is one line of a file as it stands there.
type rawLine struct {
	// Text is without its newline, and holds until the next line is read.
	Text []byte
	// No counts lines from 1, and Offset the bytes before the line.
	No     int
	Offset int64
	// Torn says that the newline is missing: the line was not finished.
	Torn bool
}

// lines reads a file line by line.
type lines struct {
	r      *bufio.Reader
	buf    []byte
	no     int
	offset int64
}

func newLines(r io.Reader) *lines { return &lines{r: bufio.NewReaderSize(r, 1<<16)} }

// next returns the next line; io.EOF after the last. Of a line that is longer
// than maxLine only the beginning is kept.
func (l *lines) next() (rawLine, error) {
	l.buf = l.buf[:0]
	length := int64(0)
	for {
		piece, err := l.r.ReadSlice('\n')
		length += int64(len(piece))
		if len(l.buf) <= maxLine {
			l.buf = append(l.buf, piece...)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case err != nil && !errors.Is(err, io.EOF):
			return rawLine{}, fmt.Errorf("read an audit file: %w", err)
		case length == 0:
			return rawLine{}, io.EOF
		}
		l.no++
		line := rawLine{Text: bytes.TrimSuffix(l.buf, []byte("\n")), No: l.no, Offset: l.offset, Torn: err != nil}
		l.offset += length
		return line, nil
	}
}

// end is where a file ends, and what a next line goes on from.
type end struct {
	// open says that the file is there, as the one that is written to.
	open bool
	head FileHead
	// size is up to the end of the last line that is durable, and lines their
	// number.
	size  int64
	lines int
	last  Head
	sum   string
	// cluster is the newest that the lines name.
	cluster string
}

// scanned is what was found in a file.
type scanned struct {
	end
	// heads are those of the file's entries, by index.
	heads map[uint64]string
	// torn is how many bytes of an unfinished line stand behind the last.
	torn int64
	// bad is how many lines are not what they were when they were written, and
	// badEnd says that the last one is none at all.
	bad    int
	badEnd bool
	// badHead says that the first line is not what it was when it was written.
	badHead bool
}

// scanFile reads a whole file.
func scanFile(path string) (s scanned, err error) {
	f, err := os.Open(path)
	if err != nil {
		return s, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	s.heads = map[uint64]string{}
	in := newLines(f)
	for {
		raw, err := in.next()
		if errors.Is(err, io.EOF) {
			return s, nil
		}
		if err != nil {
			return s, err
		}
		if raw.Torn {
			s.torn = int64(len(raw.Text))
			return s, nil
		}
		s.size = in.offset
		s.take(raw)
	}
}

// take goes on by one line.
func (s *scanned) take(raw rawLine) {
	l, body, err := decode(raw.Text)
	if err != nil || (l.Type == TypeFile) != (raw.No == 1) {
		s.bad++
		s.badEnd = true
		return
	}
	s.badEnd = false
	if l.Type == TypeFile {
		s.open, s.head, s.cluster = true, *l.File, l.File.Cluster
		if p := l.File.Prev; p != nil {
			s.last, s.sum = p.Head, p.Sum
		}
	}
	if sumOf(s.sum, body) != l.Sum {
		s.bad++
		s.badHead = s.badHead || l.Type == TypeFile
	}
	s.lines++
	s.sum = l.Sum
	switch l.Type {
	case TypeEntry:
		s.last = Head{l.Index, l.Head}
		s.heads[l.Index] = l.Head
	case TypeGap:
		s.last = l.Gap.To
		if l.Gap.Cluster != "" {
			s.cluster = l.Gap.Cluster
		}
	}
}
