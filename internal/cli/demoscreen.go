package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"golang.org/x/term"

	"warden/internal/chat"
)

// screen is standard output, shared by everything that the demo says. A line
// is never torn by another one.
type screen struct {
	mu  sync.Mutex
	w   io.Writer
	raw bool // the terminal is raw: a line feed alone would not begin a line
	// status stays the last line of a raw terminal, below all that is said.
	status string
	began  bool // what was written last has no end of line yet
}

// eraseLine brings the cursor to the beginning of an empty line.
const eraseLine = "\r\x1b[2K"

// setStatus changes the last line. It must fit the terminal's width.
func (s *screen) setStatus(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == line {
		return
	}
	s.status = line
	if s.raw && !s.began {
		_, _ = io.WriteString(s.w, eraseLine+line) // a terminal that is gone ends the demo elsewhere
	}
}

// Write implements io.Writer.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := b
	if s.raw {
		out = bytes.ReplaceAll(b, []byte("\n"), []byte("\r\n"))
		if s.status != "" && !s.began {
			out = append([]byte(eraseLine), out...)
		}
		if s.began = !bytes.HasSuffix(b, []byte("\n")); !s.began {
			out = append(out, s.status...)
		}
	}
	if _, err := s.w.Write(out); err != nil {
		return 0, fmt.Errorf("write to the terminal: %w", err)
	}
	return len(b), nil
}

// IsTerminal reports whether a person reads it: see isTerminal.
func (s *screen) IsTerminal() bool { return isTerminal(s.w) }

func (s *screen) setRaw(raw bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.raw && !raw && s.status != "" {
		_, _ = io.WriteString(s.w, eraseLine) // as above
	}
	s.raw = raw
}

// makeRaw has the terminal give each key at once and without echo. The
// returned function puts it back and may be called more than once. Streams
// that are no terminal of the system are left alone.
func (s *screen) makeRaw(in io.Reader) (restore func(), err error) {
	file, ok := in.(*os.File)
	if !ok || !term.IsTerminal(int(file.Fd())) {
		return func() {}, nil
	}
	old, err := term.MakeRaw(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("read single keys: %w: use --script", err)
	}
	s.setRaw(true)
	return sync.OnceFunc(func() {
		_ = term.Restore(int(file.Fd()), old) // nothing else could be tried
		s.setRaw(false)
	}), nil
}

// listener keeps what people were told, for the story to look at, and lets the
// demo say what one could do about it.
type listener struct {
	chat.Announcer

	mu   sync.Mutex
	told []chat.Message
	then func(chat.Message) // nil until hear is called
}

// hear has f called after each further message. The engine waits for it.
func (l *listener) hear(f func(chat.Message)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.then = f
}

// Announce implements chat.Announcer.
func (l *listener) Announce(ctx context.Context, m chat.Message) error {
	if err := l.Announcer.Announce(ctx, m); err != nil {
		return err
	}
	l.mu.Lock()
	l.told = append(l.told, m)
	then := l.then
	l.mu.Unlock()
	if then != nil {
		then(m)
	}
	return nil
}

// Told returns what people were told so far, oldest first.
func (l *listener) Told() []chat.Message {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]chat.Message(nil), l.told...)
}
