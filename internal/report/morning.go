package report

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// MorningOptions choose what a summary says. The zero value is all parts and a
// line for quiet days, in UTC.
type MorningOptions struct {
	// Zone is the zone that days and times are in; nil is UTC.
	Zone *time.Location
	// NoQuietLine wants nothing posted on a day on which nothing happened.
	NoQuietLine bool
	// Parts are those that are wanted; empty for all.
	Parts []chat.MorningPartName
	// MostItems bounds the items of a part, the most urgent being kept; 0 is no
	// bound.
	MostItems int
}

// MostItems is how many items of a part people read over coffee.
const MostItems = 12

// mostLabels is how many labels a summary asks for: half a minute's work.
const mostLabels = 3

// Morning says what happened from one instant up to another, and what is left to
// do. Facts with a time are told by when they were committed, so of summaries
// that follow one another each act, each question and each complaint is new in
// exactly one; what became of it is told as it is now. Questions that wait and
// hosts that are out are told for as long as that is so. It is pure.
func Morning(night ledger.Night, s ledger.Summary, now chat.MorningNow, o MorningOptions) *chat.Morning {
	if o.Zone == nil {
		o.Zone = time.UTC
	}
	w := &morning{night: night, now: now, o: o, from: s.From, to: s.To, samples: map[remedy.CaseID]sampled{}}
	w.learn()
	m := &chat.Morning{Date: s.Date, From: s.From, To: s.To, Zone: o.Zone.String(), By: chat.Clean(s.By), Parts: []chat.MorningPart{}}
	if m.Date == "" {
		m.Date = s.To.In(o.Zone).Format(time.DateOnly)
	}
	did, wanted, waiting := w.cases()
	out := w.stillOut()
	self := w.self()
	parts := []chat.MorningPart{did, wanted, waiting, out, w.trust(), self}
	parts = append(parts, w.labels(parts))
	m.Quiet = did.Count+wanted.Count+waiting.Count+out.Count == 0 && !w.trouble
	m.Skip = m.Quiet && o.NoQuietLine && s.By == ""
	m.Mistakes = w.wrong
	m.Title = w.title(m, did.Count, wanted.Count, waiting.Count, out.Count)
	for _, p := range parts {
		if len(o.Parts) > 0 && !slices.Contains(o.Parts, p.Name) || len(p.Items) == 0 && p.More == "" {
			continue
		}
		m.Parts = append(m.Parts, w.bound(p))
	}
	m.Chart = w.chart()
	m.Gaps = w.gaps()
	return m
}

// morning works one summary out.
type morning struct {
	night    ledger.Night
	now      chat.MorningNow
	o        MorningOptions
	from, to time.Time
	// samples are what was said of cases, by case.
	samples map[remedy.CaseID]sampled
	wrong   int  // acts and wishes of the time that were wrong
	trouble bool // warden itself has something to tell
}

// sampled is a sample with the record it is in.
type sampled struct {
	trust.Sample
	key trust.Key
}

// learn gathers the samples of all records. A restored ledger may have two of one
// number: the host tells them apart, in sample.
func (w *morning) learn() {
	for _, e := range w.night.Trust {
		for _, records := range [][]trust.Record{e.Older, e.Current} {
			for _, r := range records {
				for _, s := range r.Cases {
					w.samples[s.Case] = sampled{Sample: s, key: r.Key}
				}
			}
		}
	}
}

// sample is what was said of a case; false where it is no evidence.
func (w *morning) sample(c *ledger.Case) (trust.Sample, bool) {
	s, ok := w.samples[c.ID]
	return s.Sample, ok && s.Host == c.Host
}

// in reports whether an instant is in what is covered.
func (w *morning) in(t time.Time) bool { return !t.IsZero() && !t.Before(w.from) && t.Before(w.to) }

// before reports whether something had happened by the end of what is covered.
func (w *morning) before(t time.Time) bool { return !t.IsZero() && t.Before(w.to) }

// when spells a time of what is covered: with the day where that isn't the last.
func (w *morning) when(t time.Time) string { return chat.MorningTime(t, w.to, w.o.Zone) }

// item begins a line about a case.
func item(c *ledger.Case, at time.Time) chat.MorningItem {
	return chat.MorningItem{Case: c.ID, Pool: chat.Clean(string(c.Pool)), Host: chat.Clean(string(c.Host)), Action: chat.Clean(string(c.Action)), At: at}
}

// say sets what a line says.
func say(i *chat.MorningItem, format string, args ...any) {
	i.Text = chat.Fit(chat.Clean(fmt.Sprintf(format, args...)), mostText)
}

// stress adds to what ends a line.
func stress(i *chat.MorningItem, format string, args ...any) {
	text := chat.Clean(fmt.Sprintf(format, args...))
	if i.Stress != "" {
		text = i.Stress + "; " + text
	}
	i.Stress = chat.Fit(text, mostText)
}

// mostText is how many characters a line has at most: names and reasons may have
// more than anybody reads.
const mostText = 300

// shortName is how many characters of a name stand in a line.
const shortName = 60

func short[S ~string](s S) string { return chat.Fit(chat.Bare(chat.Clean(string(s))), shortName) }

// bound keeps a part to what is read.
func (w *morning) bound(p chat.MorningPart) chat.MorningPart {
	if n := len(p.Items) - w.o.MostItems; w.o.MostItems > 0 && n > 0 && p.Name != chat.MorningLabels {
		p.Items = p.Items[:w.o.MostItems]
		where := "warden cases"
		// The others are of cases.
		//exhaustive:ignore
		switch p.Name {
		case chat.MorningTrust:
			where = "warden trust"
		case chat.MorningSelf:
			where = "warden status"
		}
		more := fmt.Sprintf("and %d more: `%s`", n, where)
		if p.More != "" {
			more += "; " + p.More
		}
		p.More = more
	}
	if p.Items == nil {
		p.Items = []chat.MorningItem{}
	}
	return p
}

// title is the whole of it in one line.
func (w *morning) title(m *chat.Morning, did, wanted, waiting, out int) string {
	lead := chat.MorningGreeting + " "
	if h := w.to.In(w.o.Zone).Hour(); h >= 12 || h < 4 {
		lead = "Summary. "
	}
	if m.By != "" {
		lead = "So far, for " + chat.Fit(m.By, 20) + ": "
	}
	if m.Quiet {
		hosts := 0
		for _, p := range w.night.Pools {
			hosts += p.N
		}
		parts := []string{fmt.Sprintf("Nothing to report: %s", plural(hosts, "host"))}
		if w.now.ChecksAnHour > 0 {
			parts = append(parts, thousands(w.now.ChecksAnHour)+" checks an hour")
		}
		return chat.Fit(lead+strings.Join(parts, ", ")+". "+w.nodes()+".", chat.MaxHeadline)
	}
	var parts []string
	add := func(n int, format string) {
		if n > 0 {
			parts = append(parts, fmt.Sprintf(format, n))
		}
	}
	add(did, "did %d")
	add(wanted, "wanted %d")
	add(w.wrong, "%d wrong")
	add(waiting, "%d for you to answer")
	add(out, "%d still out")
	if len(parts) == 0 {
		parts = append(parts, "nothing was done; look at what it says of me")
	}
	text := strings.Join(parts, ", ")
	if m.By == "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return chat.Fit(lead+text+".", chat.MaxHeadline)
}

// gaps are what the ledger no longer knows.
func (w *morning) gaps() []string {
	var out []string
	if w.night.Forgot.After(w.from) {
		out = append(out, fmt.Sprintf("Older cases are forgotten: those that ended before %s are not in here.", w.when(w.night.Forgot)))
	}
	return out
}

func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%s %ss", thousands(n), what)
}

// thousands spells a number with commas.
func thousands(n int) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}
