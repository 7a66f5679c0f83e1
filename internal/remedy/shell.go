package remedy

import (
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const plainWord = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-"

// ShellWords writes words as a person would type them to a shell, so that a command
// that is shown can be pasted whatever names are in it: for showing, and for nothing
// else. What can't be printed is written as bash has it, $'a\nb'.
func ShellWords(words ...string) string {
	out := make([]string, len(words))
	for i, s := range words {
		switch {
		case s != "" && strings.Trim(s, plainWord) == "":
			out[i] = s
		case utf8.ValidString(s) && strings.IndexFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) < 0:
			out[i] = "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
		default:
			quoted := strconv.QuoteToASCII(s)
			out[i] = "$'" + strings.ReplaceAll(quoted[1:len(quoted)-1], "'", `\'`) + "'"
		}
	}
	return strings.Join(out, " ")
}
