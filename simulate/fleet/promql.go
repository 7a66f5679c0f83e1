package fleet

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// The kinds of expression the fleet evaluates: exactly what warden asks, and
// nothing that it would have to guess at.
type (
	number   float64
	selector struct{ matchers []matcher }
	matrix   struct {
		selector
		span time.Duration
	}
	call struct {
		function string // increase, count_over_time or timestamp
		arg      any
	}
	sum struct {
		labels  []string
		without bool
		arg     any
	}
)

// matcher is one label matcher. An absent label is the empty string.
type matcher struct {
	label  string
	negate bool
	value  string
	re     *regexp.Regexp // nil for = and !=
}

func (m matcher) matches(labels map[string]string) bool {
	v := labels[m.label]
	if m.re != nil {
		return m.re.MatchString(v) != m.negate
	}
	return (v == m.value) != m.negate
}

// matchesEmpty reports whether the matcher lets every series through.
func (m matcher) matchesEmpty() bool { return m.matches(nil) }

// The names Prometheus has for the types of expressions.
const (
	typeScalar = "scalar"
	typeVector = "instant vector"
	typeMatrix = "range vector"
)

func typeOf(x any) string {
	switch x.(type) {
	case number:
		return typeScalar
	case matrix:
		return typeMatrix
	default:
		return typeVector
	}
}

// maxQuery caps a query's length; Prometheus' own limit is the URL's.
const maxQuery = 64 << 10

// parser is a recursive descent over one query. It stops by panicking with a
// syntaxError, which parse recovers.
type parser struct {
	src string
	pos int
}

type syntaxError string

// parse reads a query. Its errors are worded as Prometheus' own, with the
// position; a form that Prometheus knows and the fleet does not is refused as
// such.
func parse(query string) (x any, err error) {
	defer func() {
		if r := recover(); r != nil {
			said, ok := r.(syntaxError)
			if !ok {
				panic(r)
			}
			x, err = nil, errors.New(string(said))
		}
	}()
	if len(query) > maxQuery || !utf8.ValidString(query) {
		return nil, fmt.Errorf("the simulated Prometheus takes queries of at most %d bytes of UTF-8", maxQuery)
	}
	p := &parser{src: query}
	p.space()
	if p.pos == len(p.src) {
		return nil, errors.New("1:1: parse error: no expression found in input")
	}
	x = p.expr(0)
	if p.space(); p.pos < len(p.src) {
		p.unsupported("what follows")
	}
	return x, nil
}

func (p *parser) fail(at int, format string, args ...any) {
	panic(syntaxError(fmt.Sprintf("1:%d: parse error: ", at+1) + fmt.Sprintf(format, args...)))
}

func (p *parser) unsupported(what string) {
	p.fail(p.pos, "the simulated Prometheus does not know %s: it evaluates selectors, increase, count_over_time, timestamp, sum and numbers", what)
}

func (p *parser) space() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\n\r", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// take consumes the token if it comes next.
func (p *parser) take(token string) bool {
	p.space()
	if !strings.HasPrefix(p.src[p.pos:], token) {
		return false
	}
	p.pos += len(token)
	return true
}

func (p *parser) expect(token, context string) {
	if !p.take(token) {
		if p.pos == len(p.src) {
			p.fail(p.pos, "unexpected end of input in %s", context)
		}
		r, _ := utf8.DecodeRuneInString(p.src[p.pos:])
		p.fail(p.pos, "unexpected character: %q in %s", r, context)
	}
}

func isWord(c byte, first, colon bool) bool {
	return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || !first && c >= '0' && c <= '9' || colon && c == ':'
}

// word reads an identifier; colons are for metric names.
func (p *parser) word(colon bool) string {
	p.space()
	start := p.pos
	for p.pos < len(p.src) && isWord(p.src[p.pos], p.pos == start, colon) {
		p.pos++
	}
	return p.src[start:p.pos]
}

// maxDepth bounds nesting.
const maxDepth = 50

func (p *parser) expr(depth int) any {
	if depth > maxDepth {
		p.unsupported("such deep nesting")
	}
	p.space()
	start := p.pos
	if p.take("(") {
		x := p.expr(depth + 1)
		p.expect(")", "paren expression")
		return x
	}
	if p.pos < len(p.src) && strings.IndexByte("0123456789.+-", p.src[p.pos]) >= 0 {
		return p.number()
	}
	name := p.word(true)
	switch {
	case name == "" && !strings.HasPrefix(p.src[p.pos:], "{"):
		p.expect("{", "expression")
	case slices.Contains([]string{"Inf", "inf", "NaN", "nan"}, name):
		p.pos = start
		return p.number()
	case name == "sum":
		return p.sum(depth)
	}
	if p.take("(") {
		return p.call(name, start, depth)
	}
	return p.selector(name, start)
}

func (p *parser) number() any {
	start := p.pos
	for p.pos < len(p.src) && strings.IndexByte("0123456789.+-eEInfaNxX", p.src[p.pos]) >= 0 {
		p.pos++
	}
	v, err := strconv.ParseFloat(p.src[start:p.pos], 64)
	if err != nil {
		p.fail(start, "error parsing number: %q", p.src[start:p.pos])
	}
	return number(v)
}

func (p *parser) call(name string, start, depth int) any {
	want := typeMatrix
	switch name {
	case "increase", "count_over_time":
	case "timestamp":
		want = typeVector
	default:
		p.fail(start, "unknown function with name %q", name)
	}
	if p.take(")") {
		p.fail(start, "expected 1 argument(s) in call to %q, got 0", name)
	}
	p.space()
	at := p.pos
	arg := p.expr(depth + 1)
	if got := typeOf(arg); got != want {
		p.fail(at, "expected type %s in call to function %q, got %s", want, name, got)
	}
	p.expect(")", "function call")
	return call{function: name, arg: arg}
}

func (p *parser) sum(depth int) any {
	var s sum
	grouped := p.grouping(&s)
	p.expect("(", "aggregation")
	p.space()
	at := p.pos
	s.arg = p.expr(depth + 1)
	if got := typeOf(s.arg); got != typeVector {
		p.fail(at, "expected type %s in aggregation expression, got %s", typeVector, got)
	}
	p.expect(")", "aggregation")
	if !grouped {
		p.grouping(&s)
	}
	return s
}

func (p *parser) grouping(s *sum) bool {
	p.space()
	start := p.pos
	switch p.word(false) {
	case "by":
	case "without":
		s.without = true
	default:
		p.pos = start
		return false
	}
	p.expect("(", "grouping opts")
	for !p.take(")") {
		label := p.word(false)
		if label == "" {
			p.expect(")", "grouping opts")
			break
		}
		s.labels = append(s.labels, label)
		if !p.take(",") {
			p.expect(")", "grouping opts")
			break
		}
	}
	return true
}

func (p *parser) selector(name string, start int) any {
	var s selector
	if name != "" {
		s.matchers = append(s.matchers, matcher{label: "__name__", value: name})
	}
	if p.take("{") {
		p.matchers(&s, name)
	}
	if !slices.ContainsFunc(s.matchers, func(m matcher) bool { return !m.matchesEmpty() }) {
		p.fail(start, "vector selector must contain at least one non-empty matcher")
	}
	if !p.take("[") {
		return s
	}
	end := strings.IndexByte(p.src[p.pos:], ']')
	if end < 0 {
		p.fail(p.pos, "missing unit character in duration, or an unclosed [")
	}
	text := strings.TrimSpace(p.src[p.pos : p.pos+end])
	span, err := parseDuration(text)
	if err != nil {
		p.fail(p.pos, "%v", err)
	}
	p.pos += end + 1
	return matrix{selector: s, span: span}
}

func (p *parser) matchers(s *selector, name string) {
	for !p.take("}") {
		label := p.word(false)
		if label == "" {
			p.expect("}", "label matching")
		}
		if label == "__name__" && name != "" {
			p.fail(p.pos, "metric name must not be set twice: %q or %q", name, label)
		}
		m := matcher{label: label}
		regex := false
		switch {
		case p.take("=~"):
			regex = true
		case p.take("!~"):
			regex, m.negate = true, true
		case p.take("!="):
			m.negate = true
		default:
			p.expect("=", "label matching")
		}
		m.value = p.str()
		if regex {
			re, err := regexp.Compile("^(?:" + m.value + ")$")
			if err != nil {
				p.fail(p.pos, "%v", err)
			}
			m.re = re
		}
		s.matchers = append(s.matchers, m)
		if !p.take(",") {
			p.expect("}", "label matching")
			return
		}
	}
}

func (p *parser) str() string {
	p.space()
	rest := p.src[p.pos:]
	if rest == "" || strings.IndexByte("\"'`", rest[0]) < 0 {
		p.fail(p.pos, "unexpected %q in label matching, expected string", rest[:min(1, len(rest))])
	}
	quoted := rest[0]
	for i := 1; i < len(rest); i++ {
		switch {
		case rest[i] == '\\' && quoted != '`':
			i++
		case rest[i] == quoted:
			p.pos += i + 1
			return p.unquote(rest[1:i], quoted)
		}
	}
	p.fail(p.pos, "unterminated quoted string")
	return ""
}

func (p *parser) unquote(body string, quoted byte) string {
	if quoted == '`' {
		return body
	}
	var out strings.Builder
	for body != "" {
		r, multibyte, rest, err := strconv.UnquoteChar(body, quoted)
		if err != nil {
			p.fail(p.pos, "invalid syntax in a quoted string")
		}
		if r < utf8.RuneSelf || !multibyte {
			out.WriteByte(byte(r))
		} else {
			out.WriteRune(r)
		}
		body = rest
	}
	return out.String()
}

var durationRE = regexp.MustCompile(`^(?:(\d+)y)?(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$`)

// parseDuration reads a Prometheus duration such as 5m or 1h30m.
func parseDuration(s string) (time.Duration, error) {
	m := durationRE.FindStringSubmatch(s)
	if m == nil || s == "" {
		return 0, fmt.Errorf("not a valid duration string: %q", s)
	}
	units := []time.Duration{365 * 24 * time.Hour, 7 * 24 * time.Hour, 24 * time.Hour, time.Hour, time.Minute, time.Second, time.Millisecond}
	var total float64
	for i, unit := range units {
		if m[i+1] != "" {
			n, _ := strconv.ParseFloat(m[i+1], 64)
			total += n * float64(unit)
		}
	}
	if total <= 0 || total > float64(100*365*24*time.Hour) {
		return 0, fmt.Errorf("duration must be greater than 0 and at most 100y: %q", s)
	}
	return time.Duration(total), nil
}
