package source

import (
	"bytes"
	"errors"
	"math"

	"warden/internal/remedy"
)

// value decodes the one sample of a series in a vector.
func (s *decoder) value(one *seriesParts) error {
	if one.shape != "" {
		return errors.New("a series with values twice")
	}
	one.shape = "vector"
	s.clear()
	if at, v, ok := s.quick(0); ok {
		one.any = s.point(at, v)
		return nil
	}
	raw, err := s.raw()
	if err != nil {
		return err
	}
	p, rest, err := parseSample(raw)
	if err != nil || len(rest) != 0 {
		return errSample
	}
	one.any = s.point(p.At, p.Value)
	return nil
}

// matrix decodes the samples of a series in a matrix.
func (s *decoder) matrix(one *seriesParts) error {
	if one.shape != "" {
		return errors.New("a series with values twice")
	}
	one.shape = "matrix"
	s.clear()
	if ok, err := s.take('['); !ok {
		return errors.Join(err, s.wrong(errors.New("values that are not a list")))
	}
	if empty, err := s.take(']'); empty || err != nil {
		return err
	}
	expect, newest := 0, int64(math.MinInt64)
	for {
		at, v, ok := s.quick(expect)
		if ok {
			// On the grid, and where it was expected.
			s.values[expect] = v
			one.any = true
			expect++
		} else {
			raw, err := s.raw()
			if err != nil {
				return err
			}
			p, rest, err := parseSample(raw)
			if err != nil || len(rest) != 0 {
				return errSample
			}
			at = p.At
			if s.point(at, p.Value) {
				one.any = true
				expect = int((at-s.start)/s.step) + 1
			}
		}
		if at <= newest {
			return errors.New("samples out of order")
		}
		newest = at
		c, err := s.peek()
		switch {
		case err != nil:
			return err
		case c == ']':
			s.pos++
			return nil
		case c != ',':
			return errors.New("values that do not end")
		}
		s.pos++
	}
}

// quick reads a sample at instant k as Prometheus writes it. Otherwise it
// consumes nothing.
func (s *decoder) quick(k int) (at int64, v float64, ok bool) {
	if k >= len(s.written) {
		return 0, 0, false
	}
	b, head := s.ahead(sampleAhead), s.written[k]
	if !bytes.HasPrefix(b, head) {
		return 0, 0, false
	}
	rest := b[len(head):]
	v, n := decimal(rest)
	if n == 0 {
		if n = bytes.IndexByte(rest, '"'); n <= 0 {
			return 0, 0, false
		}
		var err error
		if v, err = parseNumber(rest[:n]); err != nil {
			return 0, 0, false
		}
	}
	if len(rest) < n+2 || rest[n] != '"' || rest[n+1] != ']' {
		return 0, 0, false
	}
	s.pos += len(head) + n + 2
	return s.start + int64(k)*s.step, v, true
}

// clear forgets the values of the series before.
func (s *decoder) clear() {
	missing := remedy.Missing()
	for k := range s.values {
		s.values[k] = missing
	}
}

// point keeps a value if its time is an instant that was asked for.
func (s *decoder) point(at int64, v float64) bool {
	off := at - s.start
	if off < 0 || off%s.step != 0 || off/s.step >= int64(len(s.values)) {
		return false
	}
	s.values[off/s.step] = v
	return true
}
