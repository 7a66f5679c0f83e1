package chat

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

// ConsoleOptions choose how a Console writes. The zero value is plain text in
// UTC, with tone.
type ConsoleOptions struct {
	// Color marks headlines with ANSI escapes; for a terminal.
	Color bool
	// Zone is the zone that times are given in; nil is UTC.
	Zone *time.Location
	// Plain leaves the line of tone out of complaints.
	Plain bool
	// Width is how many characters the terminal's lines have: longer ones are
	// broken between words, but those that hold a command to copy. 0 breaks none.
	Width int
}

// Console is an Announcer that writes messages as text, such as to the
// terminal or the journal. It is safe for concurrent use: a message is written
// whole, by one call to Write.
type Console struct {
	opts ConsoleOptions

	mu sync.Mutex
	w  io.Writer
}

// NewConsole makes a Console. The writer stays the caller's to close.
func NewConsole(w io.Writer, opts ConsoleOptions) *Console { return &Console{opts: opts, w: w} }

const (
	ansiBold  = "\x1b[1m"
	ansiRed   = "\x1b[1;31m"
	ansiReset = "\x1b[0m"
)

// Announce writes one message: a line with its time, kind and case, its
// headline, and then its lines, indented; nothing for a summary that is to be
// skipped. An error means that it may not have
// been written whole.
func (c *Console) Announce(ctx context.Context, m Message) error {
	if err := ctx.Err(); err != nil {
		return fmt.Errorf("a message was not written to the console: %w; it will be tried again", err)
	}
	if m.Morning != nil && m.Morning.Skip {
		return nil // a quiet day, of which nobody wants to hear
	}
	block := c.block(m)
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, err := io.WriteString(c.w, block); err != nil {
		return fmt.Errorf("write a message to the console: %w; it will be tried again", err)
	}
	return nil
}

// block is the message as it is written. Only its first line isn't indented,
// and no text from outside can hold a line end or an escape.
func (c *Console) block(m Message) string {
	zone := c.opts.Zone
	if zone == nil {
		zone = time.UTC
	}
	text := Render(m, RenderOptions{Zone: zone, Plain: c.opts.Plain})
	var b strings.Builder
	b.WriteString(m.Notice.At.In(zone).Format("2006-01-02 15:04:05 MST") + "  " + Clean(string(m.Notice.Kind)))
	if m.Notice.Case != 0 {
		b.WriteString("  " + m.Notice.Case.String())
	}
	b.WriteString("\n")
	head, lines := text.Headline, text.Lines
	if cut, ok := strings.CutSuffix(head, "…"); ok && len(lines) > 0 && strings.HasPrefix(lines[0], strings.TrimRight(cut, " ")) {
		head, lines = lines[0], lines[1:] // there is room for all of it here, and it is said once
	}
	for i, part := range wrap(head, c.opts.Width-len("    ")) {
		if i > 0 {
			part = "  " + part
		}
		b.WriteString("  " + c.paint(m, part) + "\n")
	}
	for _, l := range lines {
		for i, part := range wrap(l, c.opts.Width-len("      ")) {
			if i > 0 {
				part = "  " + part
			}
			b.WriteString("    " + part + "\n")
		}
	}
	return b.String()
}

// wrap breaks a line between words so that its parts have at most so many
// characters, as far as the words allow. What is to be copied stays whole: a
// step, a command by hand, what stands between backquotes.
func wrap(line string, most int) []string {
	command := strings.HasPrefix(line, " ") || strings.HasPrefix(line, "By hand: ") || strings.HasPrefix(line, "Undo by hand: ")
	if command || most <= 0 || utf8.RuneCountInString(line) <= most {
		return []string{line}
	}
	var parts []string
	quoted := false
	for word := range strings.SplitSeq(line, " ") {
		last := len(parts) - 1
		fits := last >= 0 && utf8.RuneCountInString(parts[last])+1+utf8.RuneCountInString(word) <= most
		if fits || quoted {
			parts[last] += " " + word
		} else {
			parts = append(parts, word)
		}
		quoted = quoted != (strings.Count(word, "`")%2 == 1)
	}
	return parts
}

func (c *Console) paint(m Message, s string) string {
	switch {
	case !c.opts.Color:
		return s
	case m.Notice.Page:
		return ansiRed + s + ansiReset
	}
	return ansiBold + s + ansiReset
}
