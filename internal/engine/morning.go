package engine

import (
	"context"
	"time"

	"warden/internal/chat"
	"warden/internal/cron"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Daily is when the morning summary is due.
type Daily struct {
	Schedule cron.Schedule
	Zone     *time.Location
}

// MorningWords makes a summary of what the ledger and the engine know; it is
// report.Morning with what the config wants of it. It is pure.
type MorningWords func(night ledger.Night, s ledger.Summary, now chat.MorningNow) *chat.Morning

// summarySince is the version of entries that knows summaries and tenures.
const summarySince = 3

// chartBack is how far back a summary's chart looks, and a day more for its zone.
const chartBack = 15 * 24 * time.Hour

// summaryDue is the operation that has the newest summary that is due told; nil
// where none is. What was missed is not made up for one by one: the newest covers
// all since the last, and the ledger refuses a second one of a date.
func (e *Engine) summaryDue(cfg *Config) []ledger.Body {
	d := cfg.Daily
	if d == nil || e.Ledger.Floor().Version < summarySince || !e.mayExpire(cfg) {
		return nil // a clock that stepped says nothing of what day it is
	}
	now := e.asOf()
	last, had := e.Ledger.LastSummary()
	since := last.To
	if !had {
		since = e.firstKnown()
	}
	due := d.Schedule.Last(now, since, d.Zone)
	if due.IsZero() || had && !due.After(last.To) {
		return nil
	}
	date := due.In(d.Zone).Format(time.DateOnly)
	if had && date <= last.Date {
		return nil // two of one date, after the schedule or the zone was changed
	}
	from := last.To
	if !had {
		from = d.before(due)
	}
	return []ledger.Body{&ledger.SummaryDue{Date: date, From: from, To: due}}
}

// before is where the first summary begins: where one would have been due
// before it, and a day before where none would.
func (d *Daily) before(due time.Time) time.Time {
	const week = 7 * 24 * time.Hour
	if t := d.Schedule.Last(due.Add(-time.Minute), due.Add(-week), d.Zone); !t.IsZero() {
		return t
	}
	return due.Add(-24 * time.Hour)
}

// firstKnown is since when the ledger knows of any detector: no summary is due for a
// morning before warden was there. Without one it is now.
func (e *Engine) firstKnown() time.Time {
	var first time.Time
	for _, t := range e.Ledger.Trusts() {
		for i := range t.Current {
			if s := t.Current[i].Since; first.IsZero() || s.Before(first) {
				first = s
			}
		}
	}
	if first.IsZero() {
		return e.asOf()
	}
	return first
}

// tenureBegins is the operation that notes that this node leads, once a tenure. It is
// said again where the ledger didn't take it, such as after a step of time, or
// couldn't, because a voter's version did not know it yet.
func (e *Engine) tenureBegins() []ledger.Body {
	led := e.Ledger.Led()
	if e.rounds > 0 && led && !e.lookAgain || e.Ledger.Floor().Version < summarySince {
		return nil
	}
	return []ledger.Body{&ledger.TenureBegin{Again: led && e.lookAgain}}
}

// sourcesGone ends what the ledger knows of the blindness of sources that the
// config has no more.
func (e *Engine) sourcesGone(cfg *Config) []ledger.Body {
	var out []ledger.Body
	for _, name := range e.Ledger.Blind() {
		if _, ok := cfg.Sources[name]; !ok {
			out = append(out, &ledger.NoticeAdd{Kind: ledger.NoticeSource, Source: name, Detail: "source " + string(name) + " is not asked any more"})
		}
	}
	return out
}

// sourceNotice tells of a source, in a way that the ledger remembers where every
// voter can read that.
func (e *Engine) sourceNotice(name remedy.SourceName, blind bool, detail string) *ledger.NoticeAdd {
	n := &ledger.NoticeAdd{Kind: ledger.NoticeSource, Detail: detail}
	if e.Ledger.Floor().Version >= summarySince {
		n.Source, n.Blind = name, blind
	}
	return n
}

// blindness is which sources an earlier tenure has told of.
func (e *Engine) blindness() map[remedy.SourceName]bool {
	out := map[remedy.SourceName]bool{}
	for _, name := range e.Ledger.Blind() {
		out[name] = true
	}
	return out
}

// morning is what a summary says; nil where the config has no words for it.
func (e *Engine) morning(s ledger.Summary) *chat.Morning {
	cfg := e.Config()
	if cfg.Morning == nil {
		return nil
	}
	return cfg.Morning(e.Ledger.Night(s.To.Add(-chartBack)), s, e.morningNow(cfg))
}

// morningNow is what the engine knows, beside the ledger, of the newest round.
func (e *Engine) morningNow(cfg *Config) chat.MorningNow {
	var now chat.MorningNow
	v := e.View()
	if v.Rounds > 0 && !v.Local { // who follows asks nobody
		now.Answering = remedy.Known(e.clocksSeen.Load().answered)
	}
	v.Release()
	for _, d := range cfg.Detectors {
		s := d.Spec()
		if s.Proposes == "" || s.Interval <= 0 {
			continue
		}
		for _, pool := range s.Pools {
			now.ChecksAnHour += e.Ledger.Pool(pool, e.asOf()).N * int(time.Hour/s.Interval)
		}
	}
	return now
}

// summarized fills in what a notice of a summary says.
func (e *Engine) summarized(m *chat.Message) { m.Morning = e.morningOf(m.Notice.Detail) }

// morningOf is what the summary of a date says now; nil where the ledger has
// forgotten it, or the config has no words for it.
func (e *Engine) morningOf(date string) *chat.Morning {
	for _, s := range e.Ledger.Summaries() {
		if s.Date == date {
			return e.morning(s)
		}
	}
	return nil
}

// PreviewSummary is what an extra summary of what came since an instant would
// say now; of what came since the last one where since is zero. It changes nothing,
// and any node can say it.
func (e *Engine) PreviewSummary(since time.Time) (*chat.Morning, error) {
	s, err := e.extra(since)
	if err != nil {
		return nil, err
	}
	m := e.morning(s)
	if m == nil {
		return nil, refusal(RefusedTransient, "this node has no words for summaries")
	}
	return m, nil
}

// extra is what an extra summary covers.
func (e *Engine) extra(since time.Time) (ledger.Summary, error) {
	now := e.asOf()
	s := ledger.Summary{From: since, To: now}
	if since.IsZero() {
		s.From = now.Add(-24 * time.Hour)
		if last, ok := e.Ledger.LastSummary(); ok {
			s.From = last.To
		}
	}
	if !s.From.Before(now) {
		return s, refusal(ledger.RefusedBad, "a summary covers time that has passed: say an earlier instant than %s", s.From.UTC().Format(time.RFC3339))
	}
	return s, nil
}

// SendSummary has an extra summary told, of what came since an instant; of what
// came since the last one where since is zero. It counts for no day.
func (e *Engine) SendSummary(ctx context.Context, by remedy.Actor, since time.Time) error {
	s, err := e.extra(since)
	if err != nil {
		return err
	}
	_, err = e.ask(ctx, by, &ledger.SummarySend{From: s.From})
	return err
}
