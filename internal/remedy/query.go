package remedy

import "time"

// Query is one question to a source: an expression over an absolute window of
// aligned steps. Queries are comparable and serve as map keys, so that one
// that several detectors ask is fetched once a round; make them with NewQuery.
type Query struct {
	Source SourceName
	Expr   string
	// Label is the label whose value names a row of the answer: the one that
	// holds the host. Empty where nobody asks whose a series is, and for
	// sources whose series have one name and no labels.
	Label string
	// Start and End are the first and the last instant asked for, both
	// included, End − Start being a multiple of Step. An instant query has
	// Start equal to End.
	Start time.Time
	End   time.Time
	Step  time.Duration
}

// NewQuery makes a query whose times are UTC, in whole milliseconds, and free
// of monotonic readings, so that two equal questions compare equal.
func NewQuery(source SourceName, expr string, start, end time.Time, step time.Duration) Query {
	return Query{
		Source: source, Expr: expr, Step: step,
		Start: time.UnixMilli(start.UnixMilli()).UTC(),
		End:   time.UnixMilli(end.UnixMilli()).UTC(),
	}
}

// Point is one value at one instant. A value may be NaN or infinite: the judge
// decides what that means, never the decoder.
type Point struct {
	At    int64 // Unix milliseconds
	Value float64
}

// Series is one labelled series with its points in rising order of time.
// Missing steps are absent, never zero.
type Series struct {
	Labels map[string]string
	Points []Point
}

// Result answers one Query. Failed says in words why there is no answer and
// what to do about it, with no secrets in it; Frame is nil then. Otherwise
// Frame has exactly the instants asked for. An answer without series, which is
// a frame without rows, is not a failure.
type Result struct {
	Frame  *Frame
	Failed string
}

// Results answers the queries of one round. A query that is missing counts as
// failed.
type Results map[Query]Result
