package detectors

import (
	"fmt"
	"slices"
	"strings"
)

// CheckTarget reads a Graphite target and refuses one that a detector must not
// be given: to warden what is missing has to be missing, and every value to be
// of its own time. A function that isn't known to keep that is refused, as is
// what can't be read. An empty target is none. The error begins with what is
// wrong and ends with what to do.
func CheckTarget(target string) error {
	_, err := readTarget(target)
	return err
}

// CheckPulse is CheckTarget for a target whose age is what counts, such as a
// canary_target: windows that move along would keep it alive for their length.
func CheckPulse(target string) error {
	calls, err := readTarget(target)
	if err != nil {
		return err
	}
	for _, c := range calls {
		if strings.HasPrefix(c.name, "moving") {
			return fmt.Errorf("%s has values for a while after its series ended, and here their age is what counts; leave it out", c.name)
		}
	}
	return nil
}

// sumsUp returns the first function of a target that makes one series of
// several and counts one that is missing as 0, or "" for none. ratio is the
// first one by which too little below makes too much above.
func sumsUp(target string) (sum, ratio string) {
	calls, err := readTarget(target)
	if err != nil {
		return "", ""
	}
	for _, c := range calls {
		if c.sums && sum == "" {
			sum = c.name
		}
		if ratio == "" && slices.Contains([]string{"asPercent", "pct", "divideSeries", "invert", "pow"}, c.name) {
			ratio = c.name
		}
	}
	return sum, ratio
}

// sumWarning says what may come of a target that adds series up, where a value
// that is too low, or too high, is bad; "" when nothing does.
func sumWarning(target string, low, high bool) string {
	sum, ratio := sumsUp(target)
	if sum == "" || !low && (!high || ratio == "") {
		return ""
	}
	return sum + " makes one series of several and counts one that has no value as 0, so that a healthy host may look bad;" +
		" ask for one series a host, or use averageSeries or maxSeries where they will do"
}

// noCallback says that none of a function's arguments names another function.
const noCallback = -1

// keeping says whether a function of graphite-web 1.1 leaves a bucket without
// values without one, and the values of a bucket in that bucket or in later
// ones. callback is which of its arguments, from 0, names an aggregation.
//
// On purpose not in here: sums over time (movingSum, summarize, integral),
// where a null counts as 0 and which the key aggregate does better;
// removeAboveValue and its like, by which a canary that hears much would seem
// to have stopped; diffSeries and its like, by which a null turns a sign.
func keeping(name string) (callback int, ok bool) {
	switch name {
	case "alias", "aliasByMetric", "aliasByNode", "aliasByTags", "aliasSub", "substr": // names
		return noCallback, true
	case "seriesByTag", "group", "grep", "exclude", "limit", "removeEmptySeries", "unique", "filterSeries": // picks of whole series
		return noCallback, true
	case "highest", "highestAverage", "highestCurrent", "highestMax", "lowest", "lowestAverage", "lowestCurrent",
		"averageAbove", "averageBelow", "currentAbove", "currentBelow", "maximumAbove", "maximumBelow", "minimumAbove", "minimumBelow",
		"sortBy", "sortByMaxima", "sortByMinima", "sortByName", "sortByTotal": // the same, by their values
		return noCallback, true
	case "sum", "sumSeries", "sumSeriesWithWildcards", "avg", "averageSeries", "averageSeriesWithWildcards",
		"maxSeries", "minSeries", "asPercent", "pct", "divideSeries": // bucket by bucket, nothing of nothing
		return noCallback, true
	case "aggregate", "aggregateWithWildcards", "groupByNodes", "groupByTags":
		return 1, true
	case "groupByNode":
		return 2, true
	case "absolute", "add", "invert", "log", "offset", "pow", "round", "scale", "scaleToSeconds", "squareRoot": // value by value
		return noCallback, true
	case "derivative", "nonNegativeDerivative", "perSecond": // of two buckets in a row
		return noCallback, true
	case "movingAverage", "movingMax", "movingMedian", "movingMin": // of what there was before
		return noCallback, true
	case "movingWindow":
		return 2, true
	}
	return noCallback, false
}

// keepingCallback reports whether an aggregation makes nothing of nothing, and
// of what is there no less than is there.
func keepingCallback(function, name string) bool {
	if addsUp(name) {
		return function != "movingWindow"
	}
	switch name {
	case "avg", "average", "averageSeries", "max", "maxSeries", "min", "minSeries", "median":
		return true
	case "last", "current":
		return function == "movingWindow"
	}
	return false
}

// addsUp reports whether an aggregation counts what is missing as 0.
func addsUp(name string) bool { return name == "sum" || name == "total" || name == "sumSeries" }

// targetCall is one call in a target. sums says that series are added up.
type targetCall struct {
	name string
	sums bool
}

// readTarget reads a whole target and returns its calls.
func readTarget(target string) ([]targetCall, error) {
	p := targetReader{rest: target}
	if p.space() == "" {
		return nil, nil
	}
	if err := p.series(); err != nil {
		return nil, err
	}
	if p.space() != "" {
		return nil, p.odd()
	}
	return p.calls, nil
}

// mostNested is deeper than any target is.
const mostNested = 64

// targetReader reads a target as graphite-web's grammar does, or not at all.
type targetReader struct {
	rest  string
	calls []targetCall
	depth int
}

// odd is the error for what can't be read.
func (p *targetReader) odd() error {
	rest := p.rest
	if len(rest) > 40 {
		rest = rest[:40]
	}
	return fmt.Errorf("the target can't be read from %q on, so that nobody knows what it does with missing values; write paths, and functions with their arguments in order", rest)
}

// space skips blanks and returns what is left.
func (p *targetReader) space() string {
	p.rest = strings.TrimLeft(p.rest, " \t\r\n")
	return p.rest
}

// take consumes c, if it is next.
func (p *targetReader) take(c byte) bool {
	if p.space() == "" || p.rest[0] != c {
		return false
	}
	p.rest = p.rest[1:]
	return true
}

// series reads a path or a call, and the calls that it is piped through.
func (p *targetReader) series() error {
	if p.depth++; p.depth > mostNested {
		return p.odd()
	}
	defer func() { p.depth-- }()
	word, err := p.word()
	if err != nil {
		return err
	}
	if p.take('(') {
		if err := p.call(word, 0); err != nil {
			return err
		}
	}
	for p.take('|') {
		p.space()
		if word, err = p.word(); err != nil {
			return err
		}
		if !p.take('(') {
			return p.odd()
		}
		if err := p.call(word, 1); err != nil { // what is piped is its first argument
			return err
		}
	}
	return nil
}

// call reads what is behind a function's parenthesis; n is the number of its
// first argument there.
func (p *targetReader) call(name string, n int) error {
	callback, ok := keeping(name)
	if !ok {
		return fmt.Errorf("%s may make up values where nothing was measured, or move them in time, so that a hole can't be told from a number; leave it out, or use one of the functions listed in docs/config.md", name)
	}
	made := targetCall{name: name, sums: strings.HasPrefix(name, "sum") || name == "asPercent" || name == "pct"}
	for !p.take(')') {
		text, named, err := p.argument()
		switch {
		case err != nil:
			return err
		case callback == noCallback:
		case named, n == callback && !keepingCallback(name, text):
			return fmt.Errorf("%s with %q may make up values where nothing was measured; name one of sum, avg, max, min or median, in its place among the arguments", name, text)
		case n == callback && addsUp(text):
			made.sums = true
		}
		n++
		if !p.take(',') && (p.rest == "" || p.rest[0] != ')') {
			return p.odd()
		}
	}
	p.calls = append(p.calls, made)
	return nil
}

// argument reads an argument and returns its text, if it is a string in
// quotes. named says that it is spelled name=value.
func (p *targetReader) argument() (text string, named bool, err error) {
	s := p.space()
	if n := len(s) - len(strings.TrimLeft(s, letters)); n > 0 {
		if value, ok := strings.CutPrefix(strings.TrimLeft(s[n:], " \t\r\n"), "="); ok {
			p.rest, named = value, true
			s = p.space()
		}
	}
	if s == "" || s[0] != '"' && s[0] != '\'' {
		return "", named, p.series()
	}
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\n', '\r':
			return "", named, p.odd()
		case '\\':
			i++ // stands for the next one
		case s[0]:
			p.rest = s[i+1:]
			return s[1:i], named, nil
		}
	}
	return "", named, p.odd()
}

// letters are those of the names of functions and arguments.
const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_"

// word reads a path, a number or the name of a function. Commas belong to a
// path within braces.
func (p *targetReader) word() (string, error) {
	s, n, braces := p.space(), 0, 0
	for ; n < len(s); n++ {
		c := s[n]
		switch {
		case c == '{':
			braces++
			continue
		case c == '}' && braces > 0:
			braces--
			continue
		case c == ',' && braces > 0:
			continue
		case c > ' ' && c != 0x7f && strings.IndexByte(`(){},'"\|`, c) < 0:
			continue
		}
		break
	}
	if n == 0 || braces > 0 {
		return "", p.odd()
	}
	p.rest = s[n:]
	return s[:n], nil
}
