package command

import (
	"encoding/base64"
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxShown is how much of an output is shown, in bytes.
const MaxShown = 4 << 10

const redacted = "[redacted]"

// What looks like a secret, whoever's it is. Each pattern's first group stays.
var (
	keyBlock      = regexp.MustCompile(`(?s)(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)`)
	authorization = regexp.MustCompile(`(?i)((?:proxy-)?authorization["']?\s*[:=]\s*).*`)
	scheme        = regexp.MustCompile(`(?i)\b((?:bearer|basic)\s+)[A-Za-z0-9._~+/=:-]{6,}`)
	assignment    = regexp.MustCompile(`(?i)((?:password|passwd|passphrase|secret|token|api[_-]?key|access[_-]?key|private[_-]?key|credentials?)["']?\s*[:=]\s*)(?:"[^"\n]*"?|'[^'\n]*'?|[^\s,;&]+)`)
	option        = regexp.MustCompile(`(?i)(--?(?:password|passwd|passphrase|secret|token|api-?key)\s+)\S+`)
	userInURL     = regexp.MustCompile(`(://)[^/\s@]+@`)
)

// Redact makes an output fit to be shown and stored: the known secrets and what
// looks like one are taken out, bytes that are not UTF-8 replaced, characters
// that can't be printed escaped (lines stay lines), and only the last MaxShown
// bytes kept.
func Redact(raw []byte, secrets []string) string {
	s := string(raw)
	if len(raw) >= tailBytes { // its beginning was cut off, maybe in the middle of a secret
		s = dropHalf(s, secrets)
	}
	s = strings.ToValidUTF8(s, "\ufffd")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	s = escape(scrub(s, secrets))
	return Tail(strings.TrimRight(s, " \t\n"), MaxShown)
}

// scrub takes secrets out, in the forms in which programs echo them.
func scrub(s string, secrets []string) string {
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		for _, f := range formsOf(secret) {
			s = strings.ReplaceAll(s, f, redacted)
		}
	}
	s = keyBlock.ReplaceAllString(s, "${1}"+redacted)
	s = authorization.ReplaceAllString(s, "${1}"+redacted)
	s = scheme.ReplaceAllString(s, "${1}"+redacted)
	s = assignment.ReplaceAllString(s, "${1}"+redacted)
	s = option.ReplaceAllString(s, "${1}"+redacted)
	return userInURL.ReplaceAllString(s, "${1}"+redacted+"@")
}

// formsOf lists the forms in which programs echo a secret.
func formsOf(secret string) []string {
	forms := []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.Trim(strconv.Quote(secret), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.URLEncoding.EncodeToString([]byte(secret)),
	}
	if quoted, err := json.Marshal(secret); err == nil {
		forms = append(forms, strings.Trim(string(quoted), `"`))
	}
	return forms
}

// dropHalf takes off what a text begins with, where that is the end of a secret.
func dropHalf(s string, secrets []string) string {
	longest := 0
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		for _, f := range formsOf(secret) {
			for i := range f {
				if strings.HasPrefix(s, f[i:]) {
					longest = max(longest, len(f)-i)
					break
				}
			}
		}
	}
	return s[longest:]
}

// escape shows what can't be printed, line ends and tabs apart.
func escape(s string) string {
	if strings.IndexFunc(s, unprintable) < 0 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if unprintable(r) {
			b.WriteString(strings.Trim(strconv.QuoteRune(r), "'"))
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func unprintable(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }

// Tail is the end of a text, from the beginning of a line where one is near, in at most so many bytes.
func Tail(s string, most int) string {
	if len(s) <= most {
		return s
	}
	const mark = "...\n"
	s = s[len(s)-most+len(mark):]
	for len(s) > 0 && !utf8.RuneStart(s[0]) {
		s = s[1:]
	}
	if i := strings.IndexByte(s, '\n'); i >= 0 && i < most/4 {
		s = s[i+1:]
	}
	return mark + s
}

// LastLine is the last line of a redacted text that says something, for an
// error: at most 200 bytes of it.
func LastLine(s string) string {
	s = strings.TrimSpace(s)
	return clip(strings.TrimSpace(s[strings.LastIndexByte(s, '\n')+1:]))
}

// clip shortens what is quoted in a message.
func clip(s string) string {
	const most = 200
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "..."
}
