package source

import "strings"

// Separable implements Columnar. A target is, if it is a path, or made of
// functions that are known to be: those that Graphite gets from plugins, and
// those of other servers, may do anything.
func (g *Graphite) Separable(target string) bool {
	p := targetParser{rest: target}
	return p.series() && p.space() == ""
}

// What a function's arguments are.
type arguments struct {
	lists  int // how many series lists; manyLists for one and more
	callee int // which of the constants behind them names an aggregation; none if negative
	min    int // constants
	max    int
}

const (
	manyLists = -1
	constants = 8 // as many as a function takes in practice
)

// separableFunction says what a function's arguments have to be for the value
// in a bucket to depend on nothing but the values in that bucket, for a bucket
// without values to have none, and for the names of the result not to depend on
// values. A function is in here only if the code of graphite-web 1.1 says so
// for every argument that is allowed.
func separableFunction(name string) (arguments, bool) {
	switch name {
	case "seriesByTag":
		return arguments{0, -1, 1, constants}, true // picks series by their tags
	case "alias":
		return arguments{1, -1, 1, 1}, true // a name, the same for all
	case "aliasByMetric":
		return arguments{1, -1, 0, 0}, true // a name, from the path
	case "aliasByNode", "aliasByTags":
		return arguments{1, -1, 1, constants}, true // a name, from the path or the tags
	case "aliasSub":
		return arguments{1, -1, 2, 2}, true // a name, from the name
	case "group":
		return arguments{manyLists, -1, 0, 0}, true // the lists, one behind the other
	case "grep", "exclude":
		return arguments{1, -1, 1, 1}, true // picks series by their names
	case "sumSeries", "sum", "averageSeries", "avg", "maxSeries", "minSeries":
		return arguments{manyLists, -1, 0, 0}, true // bucket by bucket, of the values that are there
	case "aggregate":
		return arguments{1, 0, 1, 1}, true // the same; a third argument would count the series that have none
	case "sumSeriesWithWildcards", "averageSeriesWithWildcards":
		return arguments{1, -1, 1, constants}, true // the same, of series whose paths differ in some nodes
	case "groupByNode":
		return arguments{1, 1, 1, 2}, true // the same, of series that have a node in common
	case "groupByNodes", "groupByTags":
		return arguments{1, 0, 2, constants}, true // the same, of several nodes or tags
	case "scale", "offset":
		return arguments{1, -1, 1, 1}, true // value by value, by a constant
	case "scaleToSeconds":
		return arguments{1, -1, 1, 1}, true // value by value, by the step, which is compared
	case "absolute", "invert":
		return arguments{1, -1, 0, 0}, true // value by value
	}
	return arguments{}, false
}

// separableCallee reports whether an aggregation takes each bucket for itself,
// and those without a value for nothing at all.
func separableCallee(name string) bool {
	switch name {
	case "sum", "total", "avg", "average", "max", "min", "sumSeries", "averageSeries", "maxSeries", "minSeries":
		return true
	}
	return false
}

// targetParser reads a target as far as it can be separable.
type targetParser struct{ rest string }

// space skips blanks and returns what is left.
func (p *targetParser) space() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	return p.rest
}

// take consumes c, if it is next.
func (p *targetParser) take(c byte) bool {
	ok := p.space() != "" && p.rest[0] == c
	if ok {
		p.rest = p.rest[1:]
	}
	return ok
}

// series reads a path, or a call with series for its result.
func (p *targetParser) series() bool {
	word := p.word()
	if word == "" {
		return false
	}
	if !p.take('(') {
		return true
	}
	args, ok := separableFunction(word)
	return ok && p.arguments(args)
}

// arguments reads what is behind a function's parenthesis.
func (p *targetParser) arguments(want arguments) bool {
	n := 0 // constants
	for i := 0; i == 0 || p.take(','); i++ {
		if want.lists == manyLists || i < want.lists {
			if !p.series() {
				return false
			}
			continue
		}
		text, ok := p.constant()
		if !ok || n == want.callee && !separableCallee(text) {
			return false
		}
		n++
	}
	return n >= want.min && n <= want.max && p.take(')')
}

// constant reads a number or a string in quotes.
func (p *targetParser) constant() (string, bool) {
	s := p.space()
	if s == "" {
		return "", false
	}
	if quote := s[0]; quote == '"' || quote == '\'' {
		end := strings.IndexByte(s[1:], quote)
		if end < 0 || strings.HasSuffix(s[1:1+end], `\`) {
			return "", false
		}
		p.rest = s[end+2:]
		return s[1 : end+1], true
	}
	n := 0
	for n < len(s) && strings.IndexByte("0123456789+-.eE", s[n]) >= 0 {
		n++
	}
	p.rest = s[n:]
	return s[:n], n > 0
}

// word reads a path or the name of a function; "" when neither is next. Commas
// belong to a path within braces.
func (p *targetParser) word() string {
	s, braces, n := p.space(), 0, 0
	for ; n < len(s); n++ {
		c := s[n]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', strings.IndexByte("_-.*?[]:#%+@$~^<>/&", c) >= 0:
			continue
		case c == '{':
			braces++
			continue
		case c == '}' && braces > 0:
			braces--
			continue
		case c == ',' && braces > 0:
			continue
		}
		break
	}
	p.rest = s[n:]
	if braces > 0 {
		return ""
	}
	return s[:n]
}
