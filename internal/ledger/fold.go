package ledger

import (
	"fmt"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// Bounds of the evidence. What is beyond them is kept in numbers.
const (
	maxSamples    = 2000 // of a record
	maxRuns       = 2000 // of a record
	maxMovedCases = 256  // of a record
	maxRecords    = 1024 // of either kind, those apart that a report names
)

// fold counts whole episodes of a record in numbers, the oldest first: those that
// are older than the evidence window and over, and as many as are too many. An
// episode that might go on is never folded, so none is counted twice; nor is one
// with an open case, about which people still have something to say. So a record
// holds maxSamples, and the episodes of the open cases, one for each at most.
func (m *machine) fold(i int, now time.Time) {
	rules := m.rules()
	r := m.records[i]
	if n := len(r.Cases); n == 0 || n <= maxSamples && (rules.Window <= 0 || now.Sub(r.Cases[0].At) <= rules.Window) {
		return
	}
	next, left := *r, len(r.Cases)
	next.Cases = make([]trust.Sample, 0, left)
	episodes := trust.Episodes(r.Cases, rules.EpisodeGap, r.Moved...)
	for k, e := range episodes {
		over := k < len(episodes)-1 || now.Sub(e.To) >= rules.EpisodeGap || now.Sub(e.From) >= trust.EpisodeMax
		old := rules.Window > 0 && now.Sub(e.To) > rules.Window
		if !over || !old && left <= maxSamples || m.anyOpen(e.Cases) {
			next.Cases = append(next.Cases, e.Cases...)
			continue
		}
		next.Folded = folded(next.Folded, e)
		next.Moved = slices.DeleteFunc(slices.Clone(next.Moved), func(at time.Time) bool { return !at.Before(e.From) && !at.After(e.To) })
		left -= len(e.Cases)
	}
	if left < len(r.Cases) {
		m.setRecord(i, &next)
	}
}

// folded is the count with one more episode.
func folded(f trust.Folded, e trust.Episode) trust.Folded {
	switch e.Label {
	case trust.Right:
		f.Right++
	case trust.Wrong:
		f.Wrong++
	case trust.Unclear:
		f.Unclear++
	case trust.Unlabelled:
		f.Unlabelled++
	}
	f.Cases += len(e.Cases)
	f.Until = later(f.Until, e.To)
	return f
}

// anyOpen reports whether the case of any of the samples is open.
func (m *machine) anyOpen(all []trust.Sample) bool {
	return slices.ContainsFunc(all, func(s trust.Sample) bool {
		c := m.find(s.Case)
		return c != nil && c.Host == s.Host && c.Open()
	})
}

// foldRuns counts runs from the front of a record in numbers, as fold does.
func (m *machine) foldRuns(i int, now time.Time) {
	window := m.rules().Window
	r := m.runs[i]
	n := max(0, len(r.Runs)-maxRuns)
	for n < len(r.Runs) && window > 0 && now.Sub(r.Runs[n].At) > window {
		n++
	}
	if n == 0 {
		return
	}
	next := *r
	for _, run := range r.Runs[:n] {
		switch good, ended := wentWell(run); {
		case good:
			next.FoldedGood++
		case ended:
			next.FoldedBad++
		} // of the rest nobody ever knew
	}
	next.Runs = slices.Clone(r.Runs[n:])
	m.setRuns(i, &next)
}

// wentWell reports whether a run ran and took, and whether anybody knows how it
// went: as trust.Reliable counts.
func wentWell(r trust.Run) (good, ended bool) {
	took, known := r.Took.Get()
	switch r.Outcome { //exhaustive:ignore // the others are for cases
	case remedy.OutcomeFailed, remedy.OutcomePartial, remedy.OutcomeUnverified, remedy.OutcomeUnknown:
		return false, true
	}
	return known && took, known
}

// named makes the records of all that the reports name, and notes of the others
// since when none does.
func (m *machine) named(x step) {
	var keys []trust.Key
	var runs []trust.RunKey
	for _, t := range m.trustReports {
		for _, r := range t.Rungs {
			runs = append(runs, trust.RunKey{Action: r.Action, Pool: r.Pool, Target: r.Target})
			for _, d := range r.Detectors {
				keys = append(keys, trust.Key{Action: r.Action, Pool: r.Pool, Detector: d.Name, Digest: d.Digest})
			}
		}
	}
	slices.SortFunc(keys, compareKeys)
	slices.SortFunc(runs, compareRunKeys)
	for _, k := range keys {
		m.recordOf(k, x.at)
	}
	for _, k := range runs {
		m.runsOf(k, x.at)
	}
	for i, r := range m.records {
		_, there := slices.BinarySearchFunc(keys, r.Key, compareKeys)
		if gone := goneSince(r.Gone, there, x.at); !gone.Equal(r.Gone) {
			next := *r
			next.Gone = gone
			if gone.IsZero() {
				next.Since = x.at // it is in force again, and was not meanwhile
			}
			m.setRecord(i, &next)
		}
	}
	for i, r := range m.runs {
		_, there := slices.BinarySearchFunc(runs, r.RunKey, compareRunKeys)
		if gone := goneSince(r.Gone, there, x.at); !gone.Equal(r.Gone) {
			next := *r
			next.Gone = gone
			if gone.IsZero() {
				next.Since = x.at
			}
			m.setRuns(i, &next)
		}
	}
	m.sweep(x.at)
}

// goneSince is since when nothing names a record; zero while something does.
func goneSince(was time.Time, there bool, now time.Time) time.Time {
	switch {
	case there:
		return time.Time{}
	case was.IsZero():
		return now
	}
	return was
}

// sweep folds what is old, and drops records that no report has named for an
// evidence window, or that are too many, and that have no open case.
func (m *machine) sweep(now time.Time) {
	if !m.learns() {
		return
	}
	window := m.rules().Window
	over := func(gone time.Time) bool { return window > 0 && !gone.IsZero() && now.Sub(gone) > window }
	// One that has an open case stays as if it were named: people may still say of
	// that case that it was wrong.
	gone := func(r *trust.Record) time.Time {
		if r.Gone.IsZero() || m.anyOpen(r.Cases) {
			return time.Time{}
		}
		return r.Gone
	}
	m.records = slices.DeleteFunc(m.records, func(r *trust.Record) bool { return over(gone(r)) })
	m.runs = slices.DeleteFunc(m.runs, func(r *trust.Runs) bool { return over(r.Gone) })
	m.records = newestGone(m.records, gone)
	m.runs = newestGone(m.runs, func(r *trust.Runs) time.Time { return r.Gone })
	for i := range m.records {
		m.fold(i, now)
	}
	for i := range m.runs {
		m.foldRuns(i, now)
	}
}

// newestGone drops the records that went first, where there are too many.
func newestGone[T any](all []*T, gone func(*T) time.Time) []*T {
	var left []time.Time
	for _, r := range all {
		if g := gone(r); !g.IsZero() {
			left = append(left, g)
		}
	}
	if len(left) <= maxRecords {
		return all
	}
	slices.SortFunc(left, time.Time.Compare)
	drop := len(left) - maxRecords
	last := left[drop-1]
	first, _ := slices.BinarySearchFunc(left, last, time.Time.Compare)
	alike := drop - first // of those that went with the last to go, by order
	return slices.DeleteFunc(all, func(r *T) bool {
		switch g := gone(r); {
		case g.IsZero() || g.After(last):
			return false
		case g.Equal(last):
			alike--
			return alike >= 0
		}
		return true
	})
}

// countWords words failures in a while.
func countWords(n int, within time.Duration) string {
	return fmt.Sprintf("%d within %s", n, remedy.Span(within))
}
