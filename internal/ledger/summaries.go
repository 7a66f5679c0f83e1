package ledger

import (
	"cmp"
	"slices"
	"time"
)

// Summary says that the morning summary of a date was due. What it says follows
// from the ledger: it covers From, which is where the one before ended, up to To.
type Summary struct {
	Date string    `json:"date"` // 2006-01-02, in the summary's own zone
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// maxSummaries bounds what is remembered; two months are more than anybody asks for.
const maxSummaries = 62

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
	if n := len(m.summaries); n > 0 {
		last := m.summaries[n-1]
		if b.Date <= last.Date {
			return refuse(RefusedDecided, "the summary of %s was due already, and the newest is of %s", b.Date, last.Date)
		}
		from = last.To // it covers what came since the last, whatever the proposer knew
	}
	if !to.After(from) || to.After(x.at) {
		return refuse(RefusedBad, "a summary covers time that has passed")
	}
	m.summaries = append(slices.Clip(m.summaries), Summary{Date: b.Date, From: from, To: to})
	if n := len(m.summaries); n > maxSummaries {
		m.summaries = slices.Clone(m.summaries[n-maxSummaries:])
	}
	m.notify(Notice{Kind: NoticeSummary, Detail: b.Date}, x)
	return done(0)
}

// Summaries lists the summaries that were due, oldest first.
func (l *Ledger) Summaries() []Summary {
	l.mu.RLock()
	defer l.mu.RUnlock()
	return slices.Clone(l.m.summaries)
}

func bySummary(a, b Summary) int { return cmp.Compare(a.Date, b.Date) }

// mergeSummaries is every summary of either: none is told twice.
func mergeSummaries(a, b []Summary) []Summary {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, bySummary)
	all = slices.CompactFunc(all, func(x, y Summary) bool { return bySummary(x, y) == 0 })
	if n := len(all); n > maxSummaries {
		all = all[n-maxSummaries:]
	}
	return all
}
