package detectors

import "warden/internal/remedy"

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
