package slack

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"warden/internal/chat"
)

// The limits of Block Kit, by https://docs.slack.dev/reference/block-kit/blocks
// and the pages below it. All count characters.
const (
	maxHeader    = 150
	maxSection   = 3000
	maxFields    = 10
	maxButton    = 75
	maxValue     = 2000
	maxConfTitle = 100
	maxConfText  = 300
	maxConfButt  = 30
	maxBlocks    = 50
	maxText      = 4000 // what is shown well; 40,000 are taken
)

// The bounds of one message's parts. Together they stay below the 12,000
// characters that all blocks of a message may hold, and are more than anybody
// reads: the rest is in the thread.
const (
	mostLead   = 2300
	mostFact   = 800
	mostJoke   = 300
	mostOutput = 1500
	mostFoot   = 600
)

var (
	entities = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")
	// Slack has no escape for its marks: look-alikes stand for them. They are
	// only used outside of code, where nobody copies a command from.
	marks = strings.NewReplacer("*", "∗", "`", "ˋ", "~", "∼")
	emoji = regexp.MustCompile(`:([a-zA-Z0-9_+'-]+):`)
	under = regexp.MustCompile(`(^|[^\pL\pN_])_|_($|[^\pL\pN_])`)
)

// plain is text as it is in a plain_text object or on a lock screen: nothing in
// it is a mention, a link or an emoji.
func plain(s string) string { return entities.Replace(unemoji(chat.Clean(s))) }

// unemoji keeps :fire: from being a picture, and 03:12:07 a time.
func unemoji(s string) string {
	for emoji.MatchString(s) {
		s = emoji.ReplaceAllString(s, "∶$1∶")
	}
	return s
}

// mark is text as it is in mrkdwn: what Slack would take for bold, a quote, code,
// a mention or a link is shown as it was written.
func mark(s string) string {
	s = marks.Replace(unemoji(chat.Clean(s)))
	for under.MatchString(s) {
		s = under.ReplaceAllString(s, "${1}ˍ${2}")
	}
	return entities.Replace(s)
}

// code is text in code style, which can be copied. What holds a backquote, which
// can't be in it, is text like any other.
func code(s string) string {
	s = chat.Clean(s)
	if strings.TrimSpace(s) == "" {
		return ""
	}
	if strings.Contains(s, "`") {
		return mark(s)
	}
	return "`" + entities.Replace(s) + "`"
}

// own matches warden's own commands, which are there to be copied: nothing in them
// means something to a shell, but what a person has to choose from. People's words
// have no such marks: see chat.Bare.
var own = regexp.MustCompile("`warden(?: [A-Za-z0-9@._:/=+-]+| out\\|in)*`")

// commands is mark, but that warden's own commands are in code style.
func commands(s string) string {
	var out strings.Builder
	from := 0
	for _, at := range own.FindAllStringIndex(s, -1) {
		out.WriteString(mark(s[from:at[0]]))
		out.WriteString(code(s[at[0]+1 : at[1]-1]))
		from = at[1]
	}
	out.WriteString(mark(s[from:]))
	return out.String()
}

// more ends what was cut, so that nobody takes it for all there is.
const more = " …(full in thread)"

// fit shortens escaped text to a number of characters, with words that say so at
// its end, and reports whether it did.
func fit(s string, most int, words string) (string, bool) {
	if utf8.RuneCountInString(s) <= most {
		return s, false
	}
	return cut(s, most-utf8.RuneCountInString(words)) + words, true
}

// short is fit where there is no thread to look into.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	return cut(s, most-1) + "…"
}

// cut is the beginning of escaped text, never ending within an entity; code that
// is cut is closed.
func cut(s string, most int) string {
	r := []rune(s)
	r = r[:uncut(r, min(len(r), most))]
	if strings.Count(string(r), "`")%2 == 0 {
		return string(r)
	}
	if n := len(r); n < most {
		return string(r) + "`"
	}
	r = r[:uncut(r, len(r)-1)]
	if strings.Count(string(r), "`")%2 == 0 {
		return string(r) // what was cut off was the mark itself
	}
	return string(r) + "`"
}

// uncut is the largest number of characters, up to n, that end in no entity.
func uncut(r []rune, n int) int {
	for i := n - 1; i >= 0 && i >= n-5; i-- {
		switch r[i] {
		case ';':
			return n
		case '&':
			return i
		}
	}
	return n
}
