package ledger

import (
	"cmp"
	"slices"
	"time"
)

// Summary says that the morning summary of a date was due, or that somebody
// wanted an extra one. What it says follows from the ledger.
type Summary struct {
	// Date is 2006-01-02 in the summary's own zone; of an extra one the committed
	// time at which it was asked for, as extraLayout has it.
	Date string `json:"date"`
	// From and To are what it covers: the day's begins where the one before ended.
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// By is who asked for an extra one, which counts for no day; empty for the day's.
	By string `json:"by,omitempty"`
}

// extraLayout names an extra summary, and sorts among dates.
const extraLayout = "2006-01-02T15:04:05.000Z"

// Bounds of what is remembered: two months of days, and some extra ones.
const (
	maxSummaries = 62
	maxExtras    = 20
)

// SummaryDue has the morning summary of a date told: once, whoever leads.
type SummaryDue struct {
	Date string    `json:"date"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

func (*SummaryDue) kind() string { return "summary.due" }
func (*SummaryDue) since() int   { return 3 }

func (b *SummaryDue) apply(m *machine, x step) Result {
	from, to := stamp(b.From), stamp(b.To)
	if _, err := time.Parse(time.DateOnly, b.Date); err != nil {
		return refuse(RefusedBad, "%q is not a date such as 2026-11-20", b.Date)
	}
	if last := m.lastSummary(); last != nil {
		if b.Date <= last.Date {
			return refuse(RefusedDecided, "the summary of %s was due already, and the newest is of %s", b.Date, last.Date)
		}
		from = last.To // it covers what came since the last, whatever the proposer knew
	}
	if !to.After(from) || to.After(x.at) {
		return refuse(RefusedBad, "a summary covers time that has passed")
	}
	m.summarize(Summary{Date: b.Date, From: from, To: to}, x)
	return done(0)
}

// SummarySend has an extra summary told, of what came since an instant. It
// counts for no day: the next one covers what it would have without.
type SummarySend struct {
	From time.Time `json:"from"`
}

func (*SummarySend) kind() string { return "summary.send" }
func (*SummarySend) since() int   { return 3 }

func (b *SummarySend) apply(m *machine, x step) Result {
	from, date := stamp(b.From), x.at.UTC().Format(extraLayout)
	switch {
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may ask for an extra summary")
	case !from.Before(x.at):
		return refuse(RefusedBad, "a summary covers time that has passed: say since when")
	case slices.ContainsFunc(m.summaries, func(s Summary) bool { return s.Date == date }):
		return refuse(RefusedPace, "one was asked for at this very instant: ask again")
	}
	m.summarize(Summary{Date: date, From: from, To: x.at, By: cmp.Or(x.by.Name, "somebody")}, x)
	return done(0)
}

// summarize remembers a summary and has it told. The list is made anew: views
// share the old one.
func (m *machine) summarize(s Summary, x step) {
	i, _ := slices.BinarySearchFunc(m.summaries, s, bySummary)
	m.summaries = boundSummaries(slices.Insert(slices.Clone(m.summaries), i, s))
	m.notify(Notice{Kind: NoticeSummary, Detail: s.Date}, x)
}

// boundSummaries drops the oldest of either kind where there are too many.
func boundSummaries(all []Summary) []Summary {
	days, extras := 0, 0
	for _, s := range all {
		if s.By == "" {
			days++
		} else {
			extras++
		}
	}
	return slices.DeleteFunc(all, func(s Summary) bool {
		n, most := &days, maxSummaries
		if s.By != "" {
			n, most = &extras, maxExtras
		}
		*n--
		return *n >= most
	})
}

// lastSummary is the newest day's; nil for none.
func (m *machine) lastSummary() *Summary {
	for i := range slices.Backward(m.summaries) {
		if m.summaries[i].By == "" {
			return &m.summaries[i]
		}
	}
	return nil
}

// Summaries lists the summaries that were due or asked for, by date: an extra one
// comes after the day on which it was asked for, in UTC.
func (l *Ledger) Summaries() []Summary {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.m.summaries)
}

// LastSummary returns the newest day's; false while there was none.
func (l *Ledger) LastSummary() (Summary, bool) {
	l.mu.RLock()
	defer l.mu.RUnlock()
	if s := l.m.lastSummary(); s != nil {
		return *s, true
	}
	return Summary{}, false
}

func bySummary(a, b Summary) int { return cmp.Compare(a.Date, b.Date) }

// mergeSummaries is every summary of either: none is told twice.
func mergeSummaries(a, b []Summary) []Summary {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, bySummary)
	all = slices.CompactFunc(all, func(x, y Summary) bool { return bySummary(x, y) == 0 })
	return boundSummaries(all)
}

// forgot is the record of machine.forgot.
type forgot struct {
	Until time.Time `json:"until"`
}

// forgets notes up to when closed cases may be missing.
func (m *machine) forgets(dropped int, before time.Time, x step) {
	if !m.learns() || dropped == 0 {
		return
	}
	if before = stamp(before); before.After(x.at) {
		before = x.at
	}
	m.forgot = later(m.forgot, before)
}
