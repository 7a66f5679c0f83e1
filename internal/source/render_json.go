package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// renderReader goes through a body.
type renderReader struct {
	b []byte
	i int
}

// value reads a number, or null.
func (r *renderReader) value() (float64, error) {
	if v, ok := r.plain(); ok {
		return v, nil
	}
	switch {
	case r.word("null"):
		return remedy.Missing(), nil
	case r.word("NaN"):
		return math.NaN(), nil
	case r.word("Infinity"):
		return math.Inf(1), nil
	case r.word("-Infinity"):
		return math.Inf(-1), nil
	}
	text := r.number()
	if len(text) == 0 {
		return 0, r.wrong(errDatapoint)
	}
	v, err := strconv.ParseFloat(string(text), 64)
	// A number beyond a float64 is an infinity: so graphite-web writes those.
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return 0, errDatapoint
	}
	return v, nil
}

// plain reads a number of at most 15 digits without an exponent, which is most
// of them, followed by what ends a value. The quotient of two integers that a
// float64 holds exactly is rounded once, so it is the number nearest to the
// text. It reads nothing when it returns false.
func (r *renderReader) plain() (float64, bool) {
	i := r.i
	negative := i < len(r.b) && r.b[i] == '-'
	if negative {
		i++
	}
	first, whole, digits, point := i, uint64(0), 0, -1
	for ; i < len(r.b); i++ {
		c := r.b[i]
		if c >= '0' && c <= '9' {
			whole = whole*10 + uint64(c-'0')
			digits++
			continue
		}
		if c != '.' || point >= 0 {
			break
		}
		point = digits
	}
	switch {
	case i == len(r.b) || digits == 0 || digits > 15,
		r.b[i] != ',' && r.b[i] != ']' && r.b[i] != ' ',
		r.b[first] == '.' || r.b[i-1] == '.',
		r.b[first] == '0' && digits > 1 && point != 1:
		return 0, false
	}
	v := float64(whole)
	if point >= 0 {
		v /= exactPowers[digits-point]
	}
	if negative {
		v = -v
	}
	r.i = i
	r.space()
	return v, true
}

// seconds reads a time in whole seconds of the years 1970 to 9999.
func (r *renderReader) seconds() (int64, error) {
	i, at := r.i, int64(0)
	for ; i < len(r.b) && r.b[i] >= '0' && r.b[i] <= '9'; i++ {
		if at = at*10 + int64(r.b[i]-'0'); at > maxUnixSeconds {
			return 0, errDatapoint
		}
	}
	if i == r.i || i-r.i > 1 && r.b[r.i] == '0' {
		return 0, r.wrong(errDatapoint)
	}
	r.i = i
	r.space()
	return at, nil
}

// number takes the longest text that is a number to JSON; empty if none.
func (r *renderReader) number() []byte {
	i := r.i
	digits := func() bool {
		from := i
		for i < len(r.b) && r.b[i] >= '0' && r.b[i] <= '9' {
			i++
		}
		return i > from
	}
	is := func(set string) bool { return i < len(r.b) && strings.IndexByte(set, r.b[i]) >= 0 }
	if is("-") {
		i++
	}
	first := i
	if !digits() || r.b[first] == '0' && i > first+1 {
		return nil
	}
	if is(".") {
		if i++; !digits() {
			return nil
		}
	}
	if is("eE") {
		if i++; is("+-") {
			i++
		}
		if !digits() {
			return nil
		}
	}
	text := r.b[r.i:i]
	r.i = i
	r.space()
	return text
}

// text reads a string.
func (r *renderReader) text() (string, error) {
	raw, err := r.quoted()
	if err != nil {
		return "", err
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return strings.ToValidUTF8(string(raw[1:len(raw)-1]), "\ufffd"), nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return "", errNotRender
	}
	return s, nil
}

// quoted takes a string with its quotes.
func (r *renderReader) quoted() ([]byte, error) {
	if r.space(); r.i >= len(r.b) || r.b[r.i] != '"' {
		return nil, r.wrong(errNotRender)
	}
	for i := r.i + 1; i < len(r.b); i++ {
		switch c := r.b[i]; {
		case c == '"':
			raw := r.b[r.i : i+1]
			r.i = i + 1
			r.space()
			return raw, nil
		case c == '\\':
			i++
		case c < ' ':
			return nil, errNotRender
		}
	}
	return nil, errCutOff
}

// skip goes over any value.
func (r *renderReader) skip(depth int) error {
	if r.space(); r.i >= len(r.b) || depth > maxDepth {
		return r.wrong(errNotRender)
	}
	switch r.b[r.i] {
	case '"':
		raw, err := r.quoted()
		if err == nil && !json.Valid(raw) {
			err = errNotRender
		}
		return err
	case '[':
		return r.list(func() error { return r.skip(depth + 1) })
	case '{':
		return r.members(func([]byte) error { return r.skip(depth + 1) })
	}
	if slices.ContainsFunc([]string{"null", "true", "false"}, r.word) {
		return nil
	}
	if len(r.number()) == 0 {
		return r.wrong(errNotRender)
	}
	return nil
}

// list reads a list, calling f at the beginning of each element.
func (r *renderReader) list(f func() error) error {
	if !r.take('[') {
		return r.wrong(errNotRender)
	}
	if r.take(']') {
		return nil
	}
	for {
		if err := f(); err != nil {
			return err
		}
		switch {
		case r.take(','):
		case r.take(']'):
			return nil
		default:
			return r.wrong(errNotRender)
		}
	}
}

// members reads an object, calling f with each key to read its value. Keys are
// not unescaped: none that matters needs it.
func (r *renderReader) members(f func(key []byte) error) error {
	if !r.take('{') {
		return r.wrong(errNotRender)
	}
	if r.take('}') {
		return nil
	}
	for {
		raw, err := r.quoted()
		if err != nil {
			return err
		}
		if bytes.IndexByte(raw, '\\') >= 0 && !json.Valid(raw) {
			return errNotRender
		}
		if !r.take(':') {
			return r.wrong(errNotRender)
		}
		if err := f(raw[1 : len(raw)-1]); err != nil {
			return err
		}
		switch {
		case r.take(','):
		case r.take('}'):
			return nil
		default:
			return r.wrong(errNotRender)
		}
	}
}

// word takes one of JSON's words, and the space behind it.
func (r *renderReader) word(w string) bool {
	if len(r.b)-r.i < len(w) || string(r.b[r.i:r.i+len(w)]) != w {
		return false
	}
	r.i += len(w)
	r.space()
	return true
}

// take takes a byte and the space around it.
func (r *renderReader) take(c byte) bool {
	if r.i < len(r.b) && r.b[r.i] <= ' ' {
		r.space()
	}
	if r.i >= len(r.b) || r.b[r.i] != c {
		return false
	}
	if r.i++; r.i < len(r.b) && r.b[r.i] <= ' ' {
		r.space()
	}
	return true
}

func (r *renderReader) space() {
	for r.i < len(r.b) && (r.b[r.i] == ' ' || r.b[r.i] == '\n' || r.b[r.i] == '\t' || r.b[r.i] == '\r') {
		r.i++
	}
}

// wrong is the error where something else was expected: that the body ended, if
// it did.
func (r *renderReader) wrong(err error) error {
	if r.i >= len(r.b) {
		return errCutOff
	}
	return err
}
