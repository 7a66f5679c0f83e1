package source

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"

	"warden/internal/remedy"
)

// pointAhead is more than a datapoint takes as servers write it, in bytes.
const pointAhead = 64

// renderReader decodes an answer of /render while it arrives. It accepts what
// encoding/json does, and the infinities and NaN that others write, with four
// exceptions: a member that says something twice, one that is spelled with
// other capitals, nesting deeper than maxDepth, and a name longer than maxToken.
type renderReader struct {
	*scanner
	maxSeries int
	keep      period
	out       *rendered
	on        *Table // of the answer before; may be nil
}

// period is a time from one second to another, both included.
type period struct{ from, until int64 }

// periodOf is the window of a query.
func periodOf(q remedy.Query) period {
	return period{ceilSeconds(q.Start.UnixMilli()), q.End.UnixMilli() / 1000}
}

// always is a period that all answers are in.
func always() period { return period{0, maxUnixSeconds} }

// decodeRender reads an answer of at most maxSeries series. The values of the
// time to keep are kept in store, and with them what it returns is good until
// the store's next use. All others are checked and forgotten at once, so that
// an answer about years costs no more than the one that was asked for.
func decodeRender(body *scanner, maxSeries int, keep period, store *values) (*rendered, error) {
	return decodeRenderOn(body, maxSeries, keep, store, nil)
}

// decodeRenderOn does so, and takes the names from the table of an earlier
// answer where they are the same.
func decodeRenderOn(body *scanner, maxSeries int, keep period, store *values, on *Table) (*rendered, error) {
	store.n = 0
	r := &renderReader{scanner: body, maxSeries: maxSeries, keep: keep, out: &rendered{values: store}, on: on}
	if err := r.expect('[', errNotRender); err != nil {
		return nil, err
	}
	if err := r.list(']', r.series); err != nil {
		return nil, err
	}
	return r.out, r.last()
}

// expect consumes c.
func (r *renderReader) expect(c byte, otherwise error) error {
	if ok, err := r.take(c); err != nil || ok {
		return err
	}
	return otherwise
}

// series reads {"target": ..., "datapoints": [...]} and ignores other keys.
func (r *renderReader) series() error {
	if len(r.out.series) == r.maxSeries {
		return fail(codeTooLarge, "the answer has more than %d series: narrow the target, or aggregate it", r.maxSeries)
	}
	if err := r.expect('{', errNotRender); err != nil {
		return err
	}
	s := buckets{at: r.out.values.n}
	var named, filled bool
	if err := r.list('}', func() error {
		key, err := r.member()
		switch {
		case err != nil:
			return err
		case key == memberTarget && !named:
			named = true
			s.target, err = r.target()
			return err
		case key == memberPoints && !filled:
			filled = true
			return r.datapoints(&s)
		case key == memberOther:
			return r.skip(0)
		default:
			return errTwice
		}
	}); err != nil {
		return err
	}
	if !named || !filled {
		return errNoTarget
	}
	r.out.series = append(r.out.series, s)
	return nil
}

// The members of a series.
type member uint8

const (
	memberOther member = iota
	memberTarget
	memberPoints
	memberOdd // one of these in other capitals
)

// member consumes a member's name and the colon behind it.
func (r *renderReader) member() (member, error) {
	raw, err := r.raw()
	if err != nil {
		return 0, err
	}
	which := memberOther
	switch name := raw; {
	case string(name) == `"target"`:
		which = memberTarget
	case string(name) == `"datapoints"`:
		which = memberPoints
	case name[0] != '"', bytes.IndexByte(name, '\\') >= 0, len(name) >= len(`"target"`):
		key, err := unquote(name)
		switch {
		case err != nil:
			return 0, errNotRender
		case key == "target":
			which = memberTarget
		case key == "datapoints":
			which = memberPoints
		case strings.EqualFold(key, "target"), strings.EqualFold(key, "datapoints"):
			which = memberOdd
		}
	}
	return which, r.expect(':', errNotRender)
}

// target reads the name of a series.
func (r *renderReader) target() (string, error) {
	raw, err := r.raw()
	if err != nil {
		return "", err
	}
	if raw[0] != '"' {
		return "", errNotRender
	}
	if i := len(r.out.series); i < r.on.Len() {
		// Written as it reads: no escapes, and valid UTF-8, as all names are.
		if name := r.on.keys.Name(int32(i)); string(raw[1:len(raw)-1]) == name && strings.IndexByte(name, '\\') < 0 {
			return name, nil
		}
	}
	return unquote(raw)
}

// datapoints reads [[value, time], ...] with times at one distance.
func (r *renderReader) datapoints(s *buckets) error {
	if err := r.expect('[', errNotRender); err != nil {
		return err
	}
	if empty, err := r.take(']'); empty || err != nil {
		return err
	}
	last := int64(0)
	for n := 0; ; n++ {
		b := r.buf[r.pos:r.end]
		if len(b) < pointAhead {
			b = r.ahead(pointAhead)
		}
		v, at, used := quickPoint(b)
		if r.pos += used; used == 0 {
			var err error
			if v, at, err = r.point(); err != nil {
				return err
			}
		}
		if n == 1 {
			s.step = at - last
		}
		if n > 0 && (at <= last || at-last != s.step) {
			return errUneven
		}
		last = at
		if at >= r.keep.from && at <= r.keep.until {
			if s.n == 0 {
				s.start = at
			}
			s.n++
			r.out.values.add(v)
		}
		if r.pos+1 < r.end && r.buf[r.pos] == ',' {
			if r.pos++; r.buf[r.pos] == ' ' {
				r.pos++
			}
			continue
		}
		switch c, err := r.peek(); {
		case err != nil:
			return err
		case c == ']':
			r.pos++
			return nil
		case c != ',':
			return errDatapoint
		}
		r.pos++
	}
}

// quickPoint reads a point off the front of b as servers write it, and returns
// how many bytes it took; 0 when it has to be looked at closely.
func quickPoint(b []byte) (v float64, at int64, n int) {
	if len(b) < pointAhead || b[0] != '[' {
		return 0, 0, 0
	}
	i := 1
	if b[1] == 'n' && string(b[1:5]) == "null" {
		v, i = remedy.Missing(), 5
	} else {
		var used int
		if v, used = decimal(b[1:]); used == 0 || !writtenAsJSON(b[1:1+used]) {
			return 0, 0, 0
		}
		i += used
	}
	// decimal may have read to the end of b, but then no comma is there.
	if i+2 >= len(b) || b[i] != ',' {
		return 0, 0, 0
	}
	if i++; b[i] == ' ' {
		i++
	}
	first := i
	for ; i < len(b) && b[i]-'0' < 10 && i-first < maxTimeDigits; i++ {
		at = at*10 + int64(b[i]-'0')
	}
	if i == len(b) || i == first || b[i] != ']' || b[first] == '0' || at > maxUnixSeconds {
		return 0, 0, 0
	}
	return v, at, i + 1
}

// maxTimeDigits is how many digits maxUnixSeconds has.
const maxTimeDigits = 12

// writtenAsJSON reports whether a number that decimal understood is written as
// in JSON, which wants digits on both sides of a point and no zeros before them.
func writtenAsJSON(b []byte) bool {
	if b[0] == '-' {
		b = b[1:]
	}
	i := 0
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	if i == 0 || i > 1 && b[0] == '0' {
		return false
	}
	return i == len(b) || b[i] != '.' || i+1 < len(b) && b[i+1]-'0' < 10
}

// point reads a point, however it is written.
func (r *renderReader) point() (v float64, at int64, err error) {
	if err = r.expect('[', errDatapoint); err != nil {
		return 0, 0, err
	}
	if v, err = r.value(); err != nil {
		return 0, 0, err
	}
	if err = r.expect(',', errDatapoint); err != nil {
		return 0, 0, err
	}
	if at, err = r.seconds(); err != nil {
		return 0, 0, err
	}
	return v, at, r.expect(']', errDatapoint)
}

// value reads a number, or null.
func (r *renderReader) value() (float64, error) {
	c, err := r.peek()
	if err != nil {
		return 0, err
	}
	switch c {
	case 'n':
		return remedy.Missing(), r.literal("null")
	case 'N':
		return math.NaN(), r.literal("NaN")
	case 'I':
		return math.Inf(1), r.literal("Infinity")
	case '-':
		if b := r.ahead(2); len(b) > 1 && b[1] == 'I' {
			return math.Inf(-1), r.literal("-Infinity")
		}
	}
	r.pin = r.pos
	err = r.skipNumber()
	text := r.buf[r.pin:r.pos]
	r.pin = -1
	if err != nil {
		return 0, asDatapoint(err)
	}
	// A number beyond a float64 is an infinity: so graphite-web writes those.
	return parseNumber(text)
}

// literal consumes a word.
func (r *renderReader) literal(word string) error { return asDatapoint(r.word(word)) }

// asDatapoint is err in a datapoint's words, unless the answer broke off.
func asDatapoint(err error) error {
	if errors.Is(err, errNumber) || errors.Is(err, errWord) {
		return errDatapoint
	}
	return err
}

// seconds reads a time in whole seconds of the years 1970 to 9999.
func (r *renderReader) seconds() (int64, error) {
	c, err := r.peek()
	if err != nil {
		return 0, err
	}
	at, n := int64(0), 0
	for (r.pos < r.end || r.fill()) && r.buf[r.pos]-'0' < 10 {
		if at = at*10 + int64(r.buf[r.pos]-'0'); at > maxUnixSeconds {
			return 0, errDatapoint
		}
		r.pos++
		n++
	}
	if n == 0 || n > 1 && c == '0' {
		return 0, errDatapoint
	}
	return at, nil
}

// cutOff reports whether an answer ended before its end.
func cutOff(err error) bool { return errors.Is(err, io.ErrUnexpectedEOF) }
