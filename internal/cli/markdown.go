package cli

import (
	"net/url"
	"regexp"
	"strings"

	"warden/internal/chat"
)

// md makes text that came from outside safe in Markdown: it is text, whatever
// it looks like, on one line and in one cell of a table.
//
// A backslash is enough for what the parser of Markdown reads, bare addresses
// included. What GitHub looks for in the finished page, in spite of any backslash,
// gets look-alikes: people and issues that are named, and pictures by their name.
// Nobody is called to a case because a host is called @somebody.
func md(s string) string {
	var b strings.Builder
	for _, r := range lookAlike(chat.Clean(s)) {
		if strings.ContainsRune("\\`*_[]<>|~&$", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return address.ReplaceAllStringFunc(b.String(), func(s string) string {
		at := strings.IndexAny(s, ":.")
		return s[:at] + `\` + s[at:]
	})
}

var (
	// picture is an emoji's short name; a time of day is none.
	picture = regexp.MustCompile(`:([a-zA-Z0-9_+-]*[a-zA-Z_+-][a-zA-Z0-9_+-]*|[0-9]{3,}):`)
	// address is what the parser takes for the beginning of a link where nothing
	// else says that it is one.
	address = regexp.MustCompile(`(?i)://|www\.|mailto:|xmpp:`)
	named   = strings.NewReplacer("@", "＠", "#", "＃")
)

func lookAlike(s string) string {
	for picture.MatchString(s) {
		s = picture.ReplaceAllString(s, "∶$1∶")
	}
	return named.Replace(s)
}

// mdLink is an address that can't end the link that it stands in; empty for one
// that is no page's.
func mdLink(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Hostname() == "" || u.User != nil {
		return ""
	}
	var b strings.Builder
	for _, c := range []byte(u.String()) {
		if c <= ' ' || c >= 0x7f || strings.IndexByte("()<>[]\\\"'`|*_~$", c) >= 0 {
			b.WriteByte('%')
			b.WriteByte("0123456789ABCDEF"[c>>4])
			b.WriteByte("0123456789ABCDEF"[c&15])
			continue
		}
		b.WriteByte(c)
	}
	if _, err := url.Parse(b.String()); err != nil {
		return "" // a host's name with what had to be escaped in it
	}
	return b.String()
}
