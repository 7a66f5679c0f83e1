package cli

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"warden/internal/chat"
)

// cell is one field of a table. The text is neutralised when it is written.
type cell struct {
	text  string
	style style
}

// c makes a plain cell.
func c(format string, args ...any) cell {
	if len(args) == 0 {
		return cell{text: chat.Clean(format)}
	}
	return cell{text: say(format, args...)}
}

// in colours a cell.
func (x cell) in(s style) cell { x.style = s; return x }

// orDash shows that there is nothing to show.
func orDash[T ~string](s T) cell {
	if s == "" {
		return cell{text: "-"}
	}
	return c("%s", s)
}

// table writes rows in columns that are as wide as they must be, two blanks
// apart, without blanks at the end of a line. A nil head writes none.
func (o *printer) table(indent string, head []string, rows [][]cell) {
	if head != nil {
		title := make([]cell, len(head))
		for i, h := range head {
			title[i] = cell{h, dim}
		}
		rows = append([][]cell{title}, rows...)
	}
	var width []int
	for _, row := range rows {
		for i, x := range row {
			if i == len(width) {
				width = append(width, 0)
			}
			width[i] = max(width[i], utf8.RuneCountInString(x.text))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		pad := indent
		for i, x := range row {
			if x.text != "" {
				b.WriteString(pad)
				b.WriteString(o.paint(x.style, x.text))
				pad = ""
			}
			pad += strings.Repeat(" ", width[i]-utf8.RuneCountInString(x.text)+2)
		}
		o.line(b.String())
	}
}

// stamp is an instant in the zone of the tables; "-" for none.
func (o *printer) stamp(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	t = t.In(o.zone)
	if name, offset := t.Zone(); offset == 0 && name == "UTC" {
		return t.Format("2006-01-02 15:04:05 UTC")
	}
	return t.Format("2006-01-02 15:04:05 -07:00")
}

// clockTime is the time of day, for lines whose date is clear.
func (o *printer) clockTime(t time.Time) string { return t.In(o.zone).Format("15:04:05") }

// since says how long ago an instant was; "-" for none.
func since(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return chat.Span(max(0, now.Sub(t)))
}

// ago says how long ago an instant was, with the word; "-" for none.
func ago(now, t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return since(now, t) + " ago"
}

// count says "1 host", "2 hosts".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
