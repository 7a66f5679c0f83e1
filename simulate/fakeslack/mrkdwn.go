package fakeslack

import (
	"html"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// renderer makes HTML of Slack's markup as one user sees it: see
// https://docs.slack.dev/messaging/formatting-message-text/. All that it
// doesn't know as markup stays text.
type renderer struct {
	ws  *Workspace
	loc *time.Location
	now time.Time
}

// unescape undoes the three escapes that Slack has.
func unescape(text string) string {
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&").Replace(text)
}

// plain makes HTML of a plain_text: line breaks and emoji alone.
func (r *renderer) plain(text string) template.HTML {
	var out strings.Builder
	r.words(&out, text)
	return template.HTML(out.String())
}

// mrkdwn makes HTML of a mrkdwn text.
func (r *renderer) mrkdwn(text string) template.HTML {
	var out strings.Builder
	for {
		before, rest, found := strings.Cut(text, "```")
		code, after, closed := strings.Cut(rest, "```")
		if !found || !closed {
			r.lines(&out, text)
			return template.HTML(out.String())
		}
		r.lines(&out, before)
		out.WriteString("<pre>" + html.EscapeString(unescape(strings.Trim(code, "\n"))) + "</pre>")
		text = strings.TrimPrefix(after, "\n")
	}
}

// lines renders text without code blocks: quotes and the lines in between.
func (r *renderer) lines(out *strings.Builder, text string) {
	if text == "" {
		return
	}
	quoting := false
	for i, line := range strings.Split(text, "\n") {
		quoted, isQuote := strings.CutPrefix(line, "&gt;")
		if !isQuote {
			quoted, isQuote = strings.CutPrefix(line, ">")
		}
		switch {
		case isQuote && !quoting:
			out.WriteString("<blockquote>")
		case !isQuote && quoting:
			out.WriteString("</blockquote>")
		case i > 0:
			out.WriteString("<br>")
		}
		quoting = isQuote
		if isQuote {
			line = strings.TrimPrefix(quoted, " ")
		}
		r.inline(out, line, 0)
	}
	if quoting {
		out.WriteString("</blockquote>")
	}
}

// spans are the characters that enclose a span, and its element.
var spans = map[byte]string{'*': "b", '_': "i", '~': "s"}

// inline renders one line. Spans nest a few times at most, so that no text
// takes long.
func (r *renderer) inline(out *strings.Builder, line string, depth int) {
	from := 0
	for i := 0; i < len(line); {
		end := -1
		switch line[i] {
		case '`':
			if n := strings.IndexByte(line[i+1:], '`'); n > 0 {
				end = i + n + 2
				r.words(out, line[from:i])
				out.WriteString("<code>" + html.EscapeString(unescape(line[i+1:end-1])) + "</code>")
			}
		case '<':
			if n := strings.IndexByte(line[i:], '>'); n > 1 {
				var link strings.Builder
				if r.link(&link, line[i+1:i+n]) {
					end = i + n + 1
					r.words(out, line[from:i])
					out.WriteString(link.String())
				}
			}
		case '*', '_', '~':
			if n := closing(line, i); n > 0 && depth < 4 {
				end = n + 1
				r.words(out, line[from:i])
				tag := spans[line[i]]
				out.WriteString("<" + tag + ">")
				r.inline(out, line[i+1:n], depth+1)
				out.WriteString("</" + tag + ">")
			}
		}
		if end < 0 {
			i++
			continue
		}
		i, from = end, end
	}
	r.words(out, line[from:])
}

// closing finds where the span that begins at i ends: its mark stands alone at
// both ends of words, and something is in between.
func closing(line string, i int) int {
	letter := func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
	if before, _ := utf8.DecodeLastRuneInString(line[:i]); letter(before) {
		return -1
	}
	if i+1 >= len(line) || line[i+1] == ' ' || line[i+1] == line[i] {
		return -1
	}
	for j := i + 2; j < len(line); j++ {
		if line[j] != line[i] || line[j-1] == ' ' {
			continue
		}
		if after, _ := utf8.DecodeRuneInString(line[j+1:]); !letter(after) {
			return j
		}
	}
	return -1
}

// link renders what stands between angle brackets, and says whether it knew it.
func (r *renderer) link(out *strings.Builder, inside string) bool {
	target, label, labelled := strings.Cut(inside, "|")
	chip := func(text string) bool {
		out.WriteString(`<span class="ref">` + html.EscapeString(unescape(text)) + "</span>")
		return true
	}
	switch {
	case strings.HasPrefix(target, "@"):
		if u := r.ws.user(target[1:]); u != nil {
			return chip("@" + u.Name)
		}
		return chip("@" + target[1:])
	case strings.HasPrefix(target, "#"):
		if ch := r.ws.channel(target[1:]); ch != nil {
			return chip("#" + ch.Name)
		}
		return chip("#" + label)
	case strings.HasPrefix(target, "!subteam^"):
		id := strings.TrimPrefix(target, "!subteam^")
		for _, g := range r.ws.Groups {
			if g.ID == id {
				return chip("@" + g.Handle)
			}
		}
		return chip(label)
	case strings.HasPrefix(target, "!date^"):
		return chip(r.date(strings.TrimPrefix(target, "!date^"), label))
	case strings.HasPrefix(target, "!"):
		name := target[1:]
		return (name == "here" || name == "channel" || name == "everyone") && chip("@"+name)
	}
	address := unescape(target)
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "mailto") || (u.Scheme != "mailto" && u.Host == "") {
		return false
	}
	if !labelled || label == "" {
		label = strings.TrimPrefix(target, "mailto:")
	}
	out.WriteString(`<a rel="noreferrer noopener" target="_blank" href="` + html.EscapeString(address) + `">`)
	r.words(out, label)
	out.WriteString("</a>")
	return true
}

// date renders a time in the user's own zone.
func (r *renderer) date(spec, fallback string) string {
	parts := strings.SplitN(spec, "^", 3)
	seconds, err := strconv.ParseInt(parts[0], 10, 64)
	if err != nil || len(parts) < 2 {
		return fallback
	}
	at := time.Unix(seconds, 0).In(r.loc)
	pretty := func(otherwise string) string {
		today := r.now.In(r.loc)
		switch day := 24 * time.Hour; {
		case at.Format(time.DateOnly) == today.Format(time.DateOnly):
			return "today"
		case at.Format(time.DateOnly) == today.Add(-day).Format(time.DateOnly):
			return "yesterday"
		case at.Format(time.DateOnly) == today.Add(day).Format(time.DateOnly):
			return "tomorrow"
		}
		return at.Format(otherwise)
	}
	const short, long = "Jan 2, 2006", "January 2, 2006"
	return strings.NewReplacer(
		"{date_num}", at.Format(time.DateOnly), "{date_short_pretty}", pretty(short), "{date_long_pretty}", pretty("Monday, "+long),
		"{date_pretty}", pretty(long), "{date_short}", at.Format(short), "{date_long}", at.Format("Monday, "+long), "{date}", at.Format(long),
		"{time_secs}", at.Format("15:04:05"), "{time}", at.Format("15:04"), "{ago}", r.now.Sub(at).Round(time.Minute).String()+" ago",
	).Replace(parts[1])
}

// emoji are the few that warden may use, by Slack's names.
var emoji = strings.NewReplacer(
	":hourglass_flowing_sand:", "⏳", ":white_check_mark:", "✅", ":warning:", "⚠️", ":x:", "❌", ":zzz:", "💤",
	":leftwards_arrow_with_hook:", "↩️", ":large_green_circle:", "🟢", ":no_entry_sign:", "🚫", ":bell:", "🔔", ":eyes:", "👀",
	":+1:", "👍", ":-1:", "👎", ":snowflake:", "❄️", ":lock:", "🔒",
)

// words writes text as text.
func (r *renderer) words(out *strings.Builder, text string) {
	text = html.EscapeString(emoji.Replace(unescape(text)))
	out.WriteString(strings.ReplaceAll(text, "\n", "<br>"))
}
