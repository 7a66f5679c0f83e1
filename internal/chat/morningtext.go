package chat

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// MorningTime spells a time of what a summary covers: with its day where that
// isn't the last one, and with its date where the day of the week doesn't say it.
func MorningTime(t, to time.Time, zone *time.Location) string {
	t, to = t.In(zone), to.In(zone)
	switch d := to.Sub(t); {
	case t.Format(time.DateOnly) == to.Format(time.DateOnly):
		return t.Format("15:04")
	case d > 6*24*time.Hour || d < -6*24*time.Hour:
		return t.Format("2 Jan 15:04")
	}
	return t.Format("Mon 15:04")
}

// Location is the zone that a summary's times are in; UTC where this machine
// doesn't know it.
func (m *Morning) Location() *time.Location {
	if loc, err := time.LoadLocation(m.Zone); err == nil && m.Zone != "" && m.Zone != "Local" {
		return loc
	}
	return time.UTC
}

// Covers says from when to when a summary reaches.
func (m *Morning) Covers() string {
	loc := m.Location()
	const day = "Mon 2 Jan 15:04"
	return m.From.In(loc).Format(day) + " to " + m.To.In(loc).Format(day) + " " + Clean(m.Zone)
}

// MorningText is a summary in words, for where there is neither a button nor a
// picture: what a person can do stands behind the line as a command.
func MorningText(m *Morning) Text {
	t := Text{Headline: Clean(clip(m.Title, MaxHeadline))}
	line := func(format string, args ...any) { t.Lines = append(t.Lines, Clean(fmt.Sprintf(format, args...))) }
	line("%s", m.Covers())
	loc := m.Location()
	for _, p := range m.Parts {
		if m.Quiet && p.Name != MorningSelf {
			continue
		}
		if p.Count > 0 {
			line("%s (%d)", p.Title, p.Count)
		} else {
			line("%s", p.Title)
		}
		for _, i := range p.Items {
			line("  %s", i.Line(m.To, loc))
			if c := i.commands(); c != "" {
				line("      %s", c)
			}
		}
		if p.More != "" {
			line("  %s", p.More)
		}
	}
	if m.Chart != nil && !m.Quiet {
		for _, l := range m.Chart.Lines() {
			line("%s", l)
		}
	}
	for _, g := range m.Gaps {
		line("%s", g)
	}
	return t
}

// Line is an item in one line of plain text.
func (i MorningItem) Line(to time.Time, zone *time.Location) string {
	var parts []string
	if !i.At.IsZero() {
		parts = append(parts, MorningTime(i.At, to, zone))
	}
	if i.Case != 0 {
		parts = append(parts, i.Case.String())
	}
	text := i.Text
	if i.Stress != "" {
		text += ": " + i.Stress
	}
	if i.Earlier {
		text += " (from before)"
	}
	if w := i.LookFirst(); w != "" {
		text += "; " + w
	}
	return strings.Join(append(parts, text), " ")
}

// LookFirst is what people say against the question of an item; empty for nothing.
func (i MorningItem) LookFirst() string {
	if i.Ask == nil || i.Ask.Against == "" {
		return ""
	}
	return i.Ask.Against + ": look first"
}

// commands are what a person can do about an item.
func (i MorningItem) commands() string {
	var out []string
	for _, o := range i.Offers {
		if o.Command != "" {
			out = append(out, "`"+o.Command+"`")
		}
	}
	return strings.Join(out, "  ")
}

// bars are the heights of a sparkline, from nothing to the most.
var bars = [...]rune{'·', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'}

// Sparkline draws numbers as one line of characters: a dot is none, a full block
// the most of them.
func Sparkline(values []int) string {
	most := 0
	for _, v := range values {
		most = max(most, v)
	}
	var b strings.Builder
	for _, v := range values {
		n := 0
		if v > 0 {
			n = max(1, v*(len(bars)-1)/most)
		}
		b.WriteRune(bars[n])
	}
	return b.String()
}

// Lines draw a chart as text: a sparkline a series, with its sum.
func (c *MorningChart) Lines() []string {
	if len(c.Days) == 0 {
		return nil
	}
	out := []string{c.Title + ", " + c.Days[0] + " to " + c.Days[len(c.Days)-1]}
	width := 0
	for _, s := range c.Series {
		width = max(width, len(s.Name))
	}
	for _, s := range c.Series {
		sum := 0
		for _, v := range s.Values {
			sum += v
		}
		out = append(out, fmt.Sprintf("  %-*s %s %d", width, s.Name, Sparkline(s.Values), sum))
	}
	if c.Since != "" {
		out = append(out, "  known since "+c.Since+" only")
	}
	return out
}

// morning words a morning summary.
func (w *writer) morning() headline {
	m := w.m.Morning
	if m == nil {
		w.line("What it covered is not known any more. What it would say now: `warden summary preview`")
		return headline{say: "The morning summary of " + clip(Clean(w.m.Notice.Detail), shortName)}
	}
	text := MorningText(m)
	w.lines = slices.Concat(w.lines, text.Lines)
	return headline{say: text.Headline}
}
