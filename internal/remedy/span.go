package remedy

import (
	"fmt"
	"strings"
	"time"
)

// Span spells a duration the way the config does: "250ms", "5m30s", "6h", "14d". Days
// are only whole ones, from two on; from a second on it is rounded to seconds.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	if d.Abs() < time.Second {
		return d.Round(time.Millisecond).String()
	}
	d = d.Round(time.Second)
	if d.Abs() >= 2*day && d%day == 0 {
		return fmt.Sprintf("%dd", d/day)
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}
