package detectors

import (
	"strings"

	"warden/internal/remedy"
)

// Dialect says what language a source's queries are in, and what its points
// are. The zero value is PromQL, over instants.
type Dialect uint8

// The dialects.
const (
	PromQL Dialect = iota
	// Graphite has targets for queries, and buckets of its storage's step for
	// points. See remedy.Frame.Widths.
	Graphite
)

// fits reports whether a frame answers q in the dialect's way.
func (d Dialect) fits(f *remedy.Frame, q remedy.Query) bool {
	if d == Graphite {
		return f.FitsBuckets(q)
	}
	return f.Fits(q)
}

// inventing are Graphite's functions whose values stand where nothing was
// measured: through them, what is missing looks like a number.
var inventing = []string{
	"constantLine", "fallbackSeries", "holtWintersForecast", "identity", "interpolate", "keepLastValue", "randomWalk",
	"randomWalkFunction", "threshold", "time", "timeFunction", "transformNull",
}

// Invents returns the first function in a Graphite target that makes up values
// where there are none, or "" when there is none. A detector must not be given
// such a target: to it a hole would be a 0, or a dead series alive.
func Invents(target string) string {
	start := 0
	for i := range len(target) {
		c := target[i]
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '_':
			continue
		case c == '(':
			for _, f := range inventing {
				if strings.EqualFold(target[start:i], f) {
					return f
				}
			}
		}
		start = i + 1
	}
	return ""
}
