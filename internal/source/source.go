// Package source asks the places where series live. A source fetches and
// decodes; it never judges. Every answer is capped in size and number of
// series and bounded in time, and no error it returns holds a credential.
package source

import (
	"context"

	"warden/internal/remedy"
)

// Source answers queries. Implementations are safe for concurrent use.
type Source interface {
	// Fetch answers one query. It returns within the source's timeout or when
	// ctx ends. A failure is reported in Result.Failed, in words that say what
	// to do; Fetch itself has no other way to fail, so that a caller cannot
	// forget to look.
	Fetch(ctx context.Context, q remedy.Query) remedy.Result
}

// Answer is an answer as the server gave it, with every label and every point,
// for people to look at. Failed means the same as in remedy.Result.
type Answer struct {
	Series []remedy.Series
	Failed string
}

// Raw is implemented by sources that can show an answer as it came.
type Raw interface {
	// Raw answers one query. It differs from Fetch in what it keeps only.
	Raw(ctx context.Context, q remedy.Query) Answer
}

// Columnar is a source whose answers can be put together from parts: what was
// answered in earlier rounds, and what is new.
type Columnar interface {
	Source
	Separable
	// Columns answers one query on the rows of a table that an earlier answer
	// had, or of none. Those rows keep their numbers, also when the answer
	// doesn't have them; series that are new get numbers behind them. In
	// buckets, an answer of other series has other rows and another table.
	Columns(ctx context.Context, q remedy.Query, on *Table) Columns
}

// Separable is implemented by sources that know which of their expressions can
// be asked in parts.
type Separable interface {
	// Separable reports whether the value of an expression at an instant, or in
	// a bucket, depends on nothing but the instant or bucket, so that it is the
	// same in the answer over any window, and is settled once all its points
	// have arrived.
	Separable(expr string) bool
}

// Joinable is implemented by sources that can be asked once for the sake of
// several queries.
type Joinable interface {
	// Joinable reports whether the answer to an expression over a wide window
	// holds the answers over the windows within it, point by point. It doesn't
	// in buckets: the window decides from which archive Graphite takes them.
	Joinable(expr string) bool
}

// Fresh is a source without what it remembers of earlier answers. What is acted
// on is asked of it.
func Fresh(s Source) Source {
	if c, ok := s.(interface{ Fresh() Source }); ok {
		return c.Fresh()
	}
	return s
}
