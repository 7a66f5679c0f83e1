package policy

import (
	"fmt"
	"strings"
	"time"

	"warden/internal/remedy"
)

// instant spells a time in UTC, with the date only where it is not today's.
// Answers say when something ends, not how long it still takes, so that the
// words of a decision change only when a fact does.
func instant(t, now time.Time) string {
	t, now = t.UTC(), now.UTC()
	if t.Format(time.DateOnly) == now.Format(time.DateOnly) {
		return t.Format("15:04:05 UTC")
	}
	return t.Format("2006-01-02 15:04:05 UTC")
}

// percent spells a fraction, as in "20 %".
func percent(fraction float64) string { return fmt.Sprintf("%.4g %%", fraction*100) }

// standing describes a person's freeze or hold: who, why and until when.
func (s Stop) standing(verb string, now time.Time) string {
	var b strings.Builder
	b.WriteString(verb)
	if s.By != "" {
		b.WriteString(" by " + s.By)
	}
	if s.Reason != "" {
		b.WriteString(": " + remedy.Bare(s.Reason))
	}
	switch {
	case s.Until.IsZero():
		b.WriteString(", until lifted")
	case now.Before(s.Until):
		b.WriteString(", until " + instant(s.Until, now))
	default:
		b.WriteString(", ran out " + instant(s.Until, now) + " but that is not recorded yet")
	}
	return b.String()
}
