package source

import (
	"errors"
	"fmt"
	"io"
)

const (
	// scanBuffer is how much of an answer is held at a time, in bytes.
	scanBuffer = 64 << 10
	// maxToken caps what has to be held in one piece: the labels of a series, a
	// warning. The buffer grows up to it.
	maxToken = 1 << 20
	// maxDepth caps how deep values may nest.
	maxDepth = 64
	// maxEmptyReads is how often a body may give nothing before it counts as stuck.
	maxEmptyReads = 100
)

var (
	errToken = fmt.Errorf("a value longer than %d bytes", maxToken)
	errDepth = fmt.Errorf("values nested deeper than %d", maxDepth)
)

// scanner reads JSON from a stream through a bounded buffer, holding nothing
// but what is being looked at. It accepts exactly what encoding/json does,
// but for the caps above. Byte slices that it returns are valid until the next
// call.
type scanner struct {
	r   io.Reader
	buf []byte
	pos int   // the next byte
	end int   // behind the last byte read
	pin int   // where a value began that is to stay in one piece; -1 when none
	err error // why there is no more to read
}

func newScanner(r io.Reader) *scanner {
	return &scanner{r: r, buf: make([]byte, scanBuffer), pin: -1}
}

// fill reads more behind end and reports whether there was any.
func (s *scanner) fill() bool {
	if s.err != nil {
		return false
	}
	keep := s.pos
	if s.pin >= 0 {
		keep = s.pin
	}
	if keep > 0 {
		s.end = copy(s.buf, s.buf[keep:s.end])
		s.pos -= keep
		if s.pin >= 0 {
			s.pin = 0
		}
	}
	if s.end == len(s.buf) {
		if len(s.buf) >= maxToken {
			s.err = errToken
			return false
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range maxEmptyReads {
		n, err := s.r.Read(s.buf[s.end:])
		s.end += n
		if err != nil {
			s.err = err
			return n > 0
		}
		if n > 0 {
			return true
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// Read implements io.Reader: what is not consumed yet, and then the rest.
func (s *scanner) Read(p []byte) (int, error) {
	if s.pos == s.end && !s.fill() {
		return 0, s.err
	}
	n := copy(p, s.buf[s.pos:s.end])
	s.pos += n
	return n, nil
}

// ahead returns what is read but not yet consumed, at least n bytes of it
// unless the body ends before.
func (s *scanner) ahead(n int) []byte {
	for s.end-s.pos < n && s.fill() { //nolint:revive // fill does the work
	}
	return s.buf[s.pos:s.end]
}

// wrong is err, unless reading failed: then that is what is wrong.
func (s *scanner) wrong(err error) error {
	if s.pos < s.end || s.err == nil {
		return err
	}
	return s.ended()
}

// ended says why there is nothing more to read.
func (s *scanner) ended() error {
	if errors.Is(s.err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return s.err
}

// peek skips white space and returns the byte behind it, unconsumed.
func (s *scanner) peek() (byte, error) {
	for {
		for s.pos < s.end {
			switch c := s.buf[s.pos]; c {
			case ' ', '\t', '\r', '\n':
				s.pos++
			default:
				return c, nil
			}
		}
		if !s.fill() {
			return 0, s.ended()
		}
	}
}

// take skips white space and consumes c; false when something else is there.
func (s *scanner) take(c byte) (bool, error) {
	got, err := s.peek()
	if err != nil || got != c {
		return false, err
	}
	s.pos++
	return true, nil
}

// next returns the next byte, whatever it is.
func (s *scanner) next() (byte, error) {
	if s.pos == s.end && !s.fill() {
		return 0, s.ended()
	}
	s.pos++
	return s.buf[s.pos-1], nil
}

// last checks that only white space follows.
func (s *scanner) last() error {
	switch _, err := s.peek(); {
	case err == nil:
		return errors.New("there is more behind its end")
	case errors.Is(s.err, io.EOF):
		return nil
	default:
		return err
	}
}

// raw consumes one value and returns its bytes, which are valid JSON.
func (s *scanner) raw() ([]byte, error) {
	if _, err := s.peek(); err != nil {
		return nil, err
	}
	s.pin = s.pos
	err := s.skip(0)
	got := s.buf[s.pin:s.pos]
	s.pin = -1
	return got, err
}

// key consumes a member's name and the colon behind it.
func (s *scanner) key() (name string, err error) {
	raw, err := s.raw()
	if err != nil {
		return "", err
	}
	if name, err = unquote(raw); err != nil {
		return "", err
	}
	if ok, err := s.take(':'); !ok {
		return "", errors.Join(err, s.wrong(errors.New("a key without a value")))
	}
	return name, nil
}

// object consumes an object, calling f behind each key to consume its value.
func (s *scanner) object(f func(key string) error) error {
	if ok, err := s.take('{'); !ok {
		return errors.Join(err, s.wrong(errors.New("it is not an object")))
	}
	return s.list('}', func() error {
		key, err := s.key()
		if err != nil {
			return err
		}
		return f(key)
	})
}

// list consumes what follows an opening bracket, up to the closing one, calling
// f for each element to consume it.
func (s *scanner) list(closing byte, f func() error) error {
	if empty, err := s.take(closing); empty || err != nil {
		return err
	}
	for {
		if err := f(); err != nil {
			return err
		}
		c, err := s.peek()
		switch {
		case err != nil:
			return err
		case c == closing:
			s.pos++
			return nil
		case c != ',':
			return errors.New("a comma is missing")
		}
		s.pos++
	}
}

// skip consumes one value, whatever it is, and checks that it is valid.
func (s *scanner) skip(depth int) error {
	if depth > maxDepth {
		return errDepth
	}
	c, err := s.peek()
	if err != nil {
		return err
	}
	switch c {
	case '{':
		s.pos++
		return s.list('}', func() error {
			if c, err := s.peek(); err != nil || c != '"' {
				return errors.Join(err, errors.New("a key that is not a string"))
			}
			if err := s.skipString(); err != nil {
				return err
			}
			if ok, err := s.take(':'); !ok {
				return errors.Join(err, errors.New("a key without a value"))
			}
			return s.skip(depth + 1)
		})
	case '[':
		s.pos++
		return s.list(']', func() error { return s.skip(depth + 1) })
	case '"':
		return s.skipString()
	case 't':
		return s.word("true")
	case 'f':
		return s.word("false")
	case 'n':
		return s.word("null")
	default:
		return s.skipNumber()
	}
}

// word consumes a literal.
func (s *scanner) word(want string) error {
	if b := s.ahead(len(want)); len(b) < len(want) {
		s.pos = s.end
		return s.ended()
	} else if string(b[:len(want)]) != want {
		return errWord
	}
	s.pos += len(want)
	return nil
}

// skipString consumes a string.
func (s *scanner) skipString() error {
	s.pos++ // the quote
	for {
		for s.pos < s.end {
			c := s.buf[s.pos]
			s.pos++
			switch {
			case c == '"':
				return nil
			case c < ' ':
				return errors.New("a control character in a string")
			case c == '\\':
				if err := s.skipEscape(); err != nil {
					return err
				}
			}
		}
		if !s.fill() {
			return s.ended()
		}
	}
}

// skipEscape consumes what follows a backslash.
func (s *scanner) skipEscape() error {
	c, err := s.next()
	if err != nil {
		return err
	}
	switch c {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return nil
	case 'u':
		for range 4 {
			if c, err = s.next(); err != nil {
				return err
			}
			if (c < '0' || c > '9') && (c|0x20 < 'a' || c|0x20 > 'f') {
				return errEscape
			}
		}
		return nil
	default:
		return errEscape
	}
}

var (
	errEscape = errors.New("an escape that JSON doesn't have")
	errNumber = errors.New("something that is no JSON value")
	errWord   = errors.New("a word that JSON doesn't have")
)

// skipNumber consumes a number.
func (s *scanner) skipNumber() error {
	if s.is('-') {
		s.pos++
	}
	if s.is('0') {
		s.pos++
	} else if s.digits() == 0 {
		return s.wrong(errNumber)
	}
	if s.is('.') {
		s.pos++
		if s.digits() == 0 {
			return s.wrong(errNumber)
		}
	}
	if s.is('e') || s.is('E') {
		s.pos++
		if s.is('+') || s.is('-') {
			s.pos++
		}
		if s.digits() == 0 {
			return s.wrong(errNumber)
		}
	}
	return nil
}

// is reports whether the next byte is c.
func (s *scanner) is(c byte) bool {
	return (s.pos < s.end || s.fill()) && s.buf[s.pos] == c
}

// digits consumes digits and counts them.
func (s *scanner) digits() int {
	n := 0
	for s.pos < s.end || s.fill() {
		if c := s.buf[s.pos]; c < '0' || c > '9' {
			break
		}
		s.pos++
		n++
	}
	return n
}
