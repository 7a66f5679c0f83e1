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
	maxField     = 2000
	maxFields    = 10
	maxContext   = 2000
	maxButton    = 75
	maxValue     = 2000
	maxConfTitle = 100
	maxConfText  = 300
	maxConfButt  = 30
	maxBlocks    = 50
	maxText      = 4000 // what is shown well; 40,000 are taken
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

// more ends what was cut, so that nobody takes it for all there is.
const more = " …(full in thread)"

// fit shortens escaped text to a number of characters, never within an entity,
// and reports whether it did.
func fit(s string, most int) (string, bool) {
	if utf8.RuneCountInString(s) <= most {
		return s, false
	}
	r := []rune(s)[:most-utf8.RuneCountInString(more)]
	for i := len(r) - 1; i >= 0 && i > len(r)-6; i-- {
		if r[i] == ';' {
			break
		}
		if r[i] == '&' {
			r = r[:i]
			break
		}
	}
	out := string(r)
	if strings.Count(out, "`")%2 == 1 {
		out = strings.TrimSuffix(out, "`") // a code that was cut is closed
		if strings.Count(out, "`")%2 == 1 {
			out = string([]rune(out)[:max(0, utf8.RuneCountInString(out)-1)]) + "`"
		}
	}
	return out + more, true
}

// short is fit where there is no thread to look into.
func short(s string, most int) string {
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	out, _ := fit(s, most+utf8.RuneCountInString(more)-1)
	return strings.TrimSuffix(out, more) + "…"
}
