package detectors

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// IsSelector reports whether a PromQL expression is a plain instant selector:
// a metric name, matchers in braces, or both, and nothing else: no function,
// operator, range, offset, @ or comment. Only such an expression can be put
// inside increase(…[window]) and timestamp(…). It is no full parser: what it
// refuses is never a danger, and what it wrongly accepts the source refuses.
func IsSelector(expr string) bool {
	if !utf8.ValidString(expr) {
		return false
	}
	p := selectorScanner{rest: strings.Trim(expr, promSpace)}
	name := p.identifier(true)
	if strings.EqualFold(name, "nan") || strings.EqualFold(name, "inf") {
		return false // numbers
	}
	p.space()
	if name != "" && p.rest == "" {
		return true
	}
	if !p.eat('{') {
		return false
	}
	matchers, ok := p.matchers(name != "")
	return ok && p.rest == "" && (name != "" || matchers > 0)
}

// selectorScanner reads a selector from the left.
type selectorScanner struct{ rest string }

func (p *selectorScanner) space() { p.rest = strings.TrimLeft(p.rest, promSpace) }

func (p *selectorScanner) eat(c byte) bool {
	if p.rest == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// matchers reads up to and over the closing brace and counts the matchers.
func (p *selectorScanner) matchers(named bool) (int, bool) {
	for n := 0; ; n++ {
		p.space()
		if p.eat('}') {
			return n, true
		}
		quoted, ok := p.matcher()
		if !ok || quoted && named {
			return 0, false // a quoted name beside another name
		}
		named = named || quoted
		p.space()
		if p.eat(',') {
			continue
		}
		return n + 1, p.eat('}')
	}
}

// matcher reads one label="value", or a quoted metric name standing alone.
func (p *selectorScanner) matcher() (quotedName, ok bool) {
	quoted := p.quoted()
	if !quoted && p.identifier(false) == "" {
		return false, false
	}
	p.space()
	switch {
	case p.eat('='):
		_ = p.eat('~')
	case p.eat('!'):
		if !p.eat('=') && !p.eat('~') {
			return false, false
		}
	default:
		return true, quoted
	}
	p.space()
	return false, p.quoted()
}

// identifier reads a label name, or with colons a metric name; "" if none.
func (p *selectorScanner) identifier(colons bool) string {
	i := 0
	for i < len(p.rest) {
		c := p.rest[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' || colons && c == ':'
		if !letter && (i == 0 || c < '0' || c > '9') {
			break
		}
		i++
	}
	name := p.rest[:i]
	p.rest = p.rest[i:]
	return name
}

// quoted reads a string in one of PromQL's three kinds of quotes.
func (p *selectorScanner) quoted() bool {
	if p.rest == "" || !strings.ContainsRune("\"'`", rune(p.rest[0])) {
		return false
	}
	quote := p.rest[0]
	for i := 1; i < len(p.rest); i++ {
		switch c := p.rest[i]; {
		case c == quote:
			p.rest = p.rest[i+1:]
			return true
		case quote == '`':
		case c == '\n':
			return false
		case c == '\\':
			i++
		}
	}
	return false
}

// promDuration spells a duration of whole milliseconds the way PromQL does, in
// the largest unit that divides it: 10m, 90s, 1500ms.
func promDuration(d time.Duration) string {
	for _, u := range []struct {
		unit time.Duration
		name string
	}{{time.Hour, "h"}, {time.Minute, "m"}, {time.Second, "s"}} {
		if d%u.unit == 0 {
			return strconv.FormatInt(int64(d/u.unit), 10) + u.name
		}
	}
	return strconv.FormatInt(d.Milliseconds(), 10) + "ms"
}
