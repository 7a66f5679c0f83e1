package chat

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Clean makes text that came from outside safe to show on one line: what is
// not printable (control characters, so ANSI escapes and line ends, marks that
// turn the direction of text, and bytes that are not UTF-8) is shown as an
// escape such as \x1b. So nobody can forge a line or paint a terminal by
// naming a host.
func Clean(s string) string {
	if utf8.ValidString(s) && strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); {
		r, n := utf8.DecodeRuneInString(s[i:])
		switch {
		case r == utf8.RuneError && n == 1:
			b.WriteString(`\x` + strconv.FormatUint(uint64(s[i])|0x100, 16)[1:])
		case unprintable(r):
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
		default:
			b.WriteRune(r)
		}
		i += n
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// clip shortens text to a number of characters, and says so with an ellipsis.
func clip(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	if most <= 0 {
		return ""
	}
	r := []rune(s)
	return string(r[:most-1]) + "…"
}
