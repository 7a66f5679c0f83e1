package cli

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"reflect"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf16"

	"golang.org/x/term"

	"warden/internal/chat"
)

// format is how data is written.
type format string

const (
	formatTable format = "table"
	formatWide  format = "wide"
	formatJSON  format = "json"
	formatJSONL format = "jsonl"
)

func formats() []string {
	return []string{string(formatTable), string(formatWide), string(formatJSON), string(formatJSONL)}
}

// String, Set and Type make a format a flag.
func (f *format) String() string { return string(*f) }

func (f *format) Set(s string) error {
	if !slices.Contains(formats(), s) {
		return fmt.Errorf("use one of %s", strings.Join(formats(), ", "))
	}
	*f = format(s)
	return nil
}

func (*format) Type() string { return "FORMAT" }

// isTerminal reports whether a stream is a person's terminal. Streams that are
// no files may say so themselves.
func isTerminal(stream any) bool {
	switch s := stream.(type) {
	case *os.File:
		return term.IsTerminal(int(s.Fd()))
	case interface{ IsTerminal() bool }:
		return s.IsTerminal()
	default:
		return false
	}
}

// columns is how wide a terminal is; 0 for what is none.
func columns(stream any) int {
	f, ok := stream.(*os.File)
	if !ok {
		return 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return width
}

// colours decides whether standard output is coloured.
func (p *program) colours() bool {
	set := func(name string) bool { v, ok := p.env(name); return ok && v != "" }
	dumb, _ := p.env("TERM")
	return !p.flags.noColor && !set("NO_COLOR") && !set("WARDEN_NO_COLOR") && dumb != "dumb" && isTerminal(p.out)
}

// style is a colour, as the parameters of an SGR sequence.
type style string

const (
	plain  style = ""
	bold   style = "1"
	dim    style = "2"
	red    style = "31"
	green  style = "32"
	yellow style = "33"
)

// printer writes what commands have to say: data to out, talk to err.
type printer struct {
	out, err io.Writer
	format   format
	quiet    bool
	colour   bool
	zone     *time.Location
}

// asJSON reports whether the data is to be JSON of either kind.
func (o *printer) asJSON() bool { return o.format == formatJSON || o.format == formatJSONL }

// line writes one line of data.
func (o *printer) line(text string) { fmt.Fprintln(o.out, text) }

// talk says something to a person, unless --quiet. Arguments that are strings
// are neutralised.
func (o *printer) talk(format string, args ...any) {
	if o.quiet {
		return
	}
	fmt.Fprintf(o.err, format+"\n", cleanArgs(args)...)
}

// paint colours text that is clean already.
func (o *printer) paint(s style, text string) string {
	if !o.colour || s == plain || text == "" {
		return text
	}
	return "\x1b[" + string(s) + "m" + text + "\x1b[0m"
}

// object writes one value as JSON: indented, or on one line for jsonl.
func (o *printer) object(v any) error {
	return writeJSON(o.out, v, o.format == formatJSON)
}

// list writes a list: the whole document as JSON, or one item a line as jsonl.
func list[T any](o *printer, whole any, items []T) error {
	if o.format == formatJSON {
		return o.object(whole)
	}
	for _, item := range items {
		if err := writeJSON(o.out, item, false); err != nil {
			return err
		}
	}
	return nil
}

func writeJSON(w io.Writer, v any, indent bool) error {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if indent {
		enc.SetIndent("", "  ")
	}
	if err := enc.Encode(v); err != nil {
		return fmt.Errorf("writing JSON: %w", err)
	}
	_, err := io.WriteString(w, escapeJSON(b.String()))
	return err
}

// escapeJSON escapes what JSON allows and a terminal obeys: DEL, the C1
// controls, and marks that reorder text. They stand inside strings only, where
// an escape means the same.
func escapeJSON(s string) string {
	if !strings.ContainsFunc(s, unprintable) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		switch {
		case r == '\n' || !unprintable(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
	}
	return b.String()
}

func unprintable(r rune) bool { return !unicode.IsPrint(r) }

// cleanLines neutralises text from outside of which the line breaks stay.
func cleanLines(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		lines[i] = chat.Clean(l)
	}
	return strings.Join(lines, "\n")
}

// say formats text in which everything that is words is neutralised.
func say(format string, args ...any) string { return fmt.Sprintf(format, cleanArgs(args)...) }

func cleanArgs(args []any) []any {
	out := slices.Clone(args)
	for i, a := range args {
		switch v := a.(type) {
		case error:
			out[i] = cleanLines(v.Error())
		case fmt.Stringer:
			out[i] = chat.Clean(v.String())
		default:
			// Host, pool and other names are strings underneath.
			if rv := reflect.ValueOf(a); rv.Kind() == reflect.String {
				out[i] = chat.Clean(rv.String())
			}
		}
	}
	return out
}
