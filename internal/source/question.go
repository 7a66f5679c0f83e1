package source

import (
	"cmp"
	"slices"

	"warden/internal/remedy"
)

// maxSteps is how many instants a question has at most; Prometheus refuses more
// than 11,000.
const maxSteps = 10_000

// question is a query that is asked for the sake of several.
type question struct {
	remedy.Query
	parts []remedy.Query
}

// joined makes questions of one source's distinct queries.
func joined(s Source, queries []remedy.Query) []question {
	j, _ := s.(Joinable)
	queries = slices.SortedStableFunc(slices.Values(queries), func(a, b remedy.Query) int {
		return cmp.Or(cmp.Compare(a.Expr, b.Expr), cmp.Compare(a.Label, b.Label), cmp.Compare(a.Step, b.Step),
			cmp.Compare(phase(a), phase(b)), a.Start.Compare(b.Start))
	})
	var out []question
	for _, q := range queries {
		if n := len(out); n > 0 && j != nil {
			if wide, ok := out[n-1].over(q); ok && j.Joinable(q.Expr) {
				out[n-1].Query = wide
				out[n-1].parts = append(out[n-1].parts, q)
				continue
			}
		}
		out = append(out, question{Query: q, parts: []remedy.Query{q}})
	}
	return out
}

// phase is where between two steps a query's instants lie, in milliseconds.
func phase(q remedy.Query) int64 {
	if step := q.Step.Milliseconds(); step > 0 {
		return q.Start.UnixMilli() % step
	}
	return -1
}

// over widens the question so that it covers q as well; false when the two
// don't overlap or have nothing to do with each other. q starts no earlier.
func (w question) over(q remedy.Query) (remedy.Query, bool) {
	wide := w.Query
	if q.End.After(wide.End) {
		wide.End = q.End
	}
	same := w.Expr == q.Expr && w.Label == q.Label && w.Step == q.Step && phase(q) >= 0 && phase(w.Query) == phase(q)
	return wide, same && !q.Start.After(w.End) && !q.End.Before(q.Start) && wide.Steps() <= maxSteps
}

// answer is one part of the answer.
func (w question) answer(part remedy.Query, r remedy.Result) remedy.Result {
	if r.Failed != "" || part == w.Query {
		return r
	}
	if r.Frame = r.Frame.Window(part); r.Frame == nil {
		r.Failed = "source " + string(part.Source) + ": the answer does not reach over all that was asked for: this is a mistake in warden, please report it"
	}
	return r
}
