package unit

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Value is one value of a series written in promtool's notation: a number, a
// hole (Omitted), or Prometheus' staleness marker (Stale).
type Value struct {
	V              float64
	Omitted, Stale bool
}

// maxValues bounds how many values one series has: two weeks of minutes.
const maxValues = 20_160

// ParseValues reads the values of a series as `promtool test rules` does:
//
//	1+2x3   1 3 5 7           1-2x3   1 -1 -3 -5       4x2  4 4 4
//	_       a hole            _x3     three of them    stale  a staleness marker
//	NaN, Inf, -Inf, 1e3 …     numbers
//
// with spaces between. The error quotes what can't be read and says what to
// write.
func ParseValues(text string) ([]Value, error) {
	var out []Value
	for _, item := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n", r) }) {
		if strings.ContainsAny(item, "{}") {
			return nil, fmt.Errorf("%q is a native histogram, and no detector judges one: write numbers", cut(item))
		}
		values, err := parseItem(item)
		if err != nil {
			return nil, err
		}
		if len(out)+len(values) > maxValues {
			return nil, tooMany()
		}
		out = append(out, values...)
	}
	if len(out) == 0 {
		return nil, errors.New("there are no values: write some, such as '60x30', or _ for none")
	}
	return out, nil
}

// cut shortens what is quoted.
func cut(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

func unreadable(item string) error {
	return fmt.Errorf("%q can't be read: write values as promtool has them, such as 60, 1+2x3, 4x10, _, _x5 or stale", cut(item))
}

// parseItem reads one item without spaces.
func parseItem(item string) ([]Value, error) {
	switch {
	case item == "stale":
		return []Value{{Stale: true}}, nil
	case item == "_":
		return []Value{{Omitted: true}}, nil
	case strings.HasPrefix(item, "_x"):
		n, err := times(item[2:], item)
		if err != nil {
			return nil, err
		}
		return repeat(Value{Omitted: true}, n)
	}
	first, rest, ok := number(item)
	if !ok {
		return nil, unreadable(item)
	}
	if rest == "" {
		return []Value{{V: first}}, nil
	}
	// The sign is the step's own: 1-2x3 goes down.
	step := 0.0
	if rest[0] == '+' || rest[0] == '-' {
		if step, rest, ok = number(rest); !ok {
			return nil, unreadable(item)
		}
	}
	count, isTimes := strings.CutPrefix(rest, "x")
	if !isTimes {
		return nil, unreadable(item)
	}
	n, err := times(count, item)
	if err != nil {
		return nil, err
	}
	return series(first, step, n)
}

// series is n further values behind the first.
func series(first, step float64, n int) ([]Value, error) {
	out, err := repeat(Value{V: first}, n+1)
	for i := range out {
		out[i].V = first
		first += step
	}
	return out, err
}

func repeat(v Value, n int) ([]Value, error) {
	if n > maxValues {
		return nil, tooMany()
	}
	out := make([]Value, n)
	for i := range out {
		out[i] = v
	}
	return out, nil
}

func tooMany() error {
	return fmt.Errorf("a series has %d values at most: write fewer, or a longer interval", maxValues)
}

// times reads how often something comes, in an item.
func times(s, item string) (int, error) {
	n, err := strconv.ParseUint(s, 10, 31)
	switch {
	case errors.Is(err, strconv.ErrRange):
		return 0, fmt.Errorf("%q is too many times: %w", cut(item), tooMany())
	case err != nil:
		return 0, unreadable(item)
	}
	return int(n), nil
}

// number reads a number with its sign from the left, as Prometheus' lexer does
// in series: no hexadecimal, for 0x3 is three more zeros, and no more letters
// behind NaN and Inf.
func number(s string) (v float64, rest string, ok bool) {
	sign := 1.0
	if s != "" && (s[0] == '+' || s[0] == '-') {
		if s[0] == '-' {
			sign = -1
		}
		s = s[1:]
	}
	if word := strings.ToLower(s[:min(len(s), 3)]); word == "inf" || word == "nan" {
		v, err := strconv.ParseFloat(word, 64)
		return sign * v, s[3:], err == nil && (len(s) == 3 || s[3] == '+' || s[3] == '-')
	}
	end := numeral(s)
	if n, err := strconv.ParseInt(s[:end], 0, 64); err == nil { // 010 is 8, as there
		return sign * float64(n), s[end:], true
	}
	v, err := strconv.ParseFloat(s[:end], 64)
	return sign * v, s[end:], err == nil
}

// numeral is how long the numeral is that s begins with.
func numeral(s string) int {
	digits := func(i int) int {
		for i < len(s) && s[i] >= '0' && s[i] <= '9' {
			i++
		}
		return i
	}
	i := digits(0)
	if i < len(s) && s[i] == '.' {
		i = digits(i + 1)
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '+' || s[j] == '-') {
			j++
		}
		if k := digits(j); k > j {
			i = k
		}
	}
	return i
}
