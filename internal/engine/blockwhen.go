package engine

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"warden/detectors"
	"warden/internal/remedy"
	"warden/policy"
)

// BlockWhen is one [[guardrails.block_when]] of a Config: nothing that it is
// about is done while Query fires, or can't be told not to.
type BlockWhen struct {
	Name    string
	Source  remedy.SourceName
	Dialect detectors.Dialect
	// Query fires while any of its series is not 0. An empty answer is a no only
	// while Present has a series whose newest sample is at most MaxStaleness old.
	Query, Present string
	MaxStaleness   time.Duration
	// Pools and Actions narrow what it is about; empty means all.
	Pools   []remedy.PoolName
	Actions []remedy.ActionName
}

// queries are its two questions about an instant. Prometheus is asked for that
// instant, and for when Present was sampled: its answers hold old values.
// Graphite is asked for enough buckets to tell how wide they are.
func (b BlockWhen) queries(at time.Time) (fires, present remedy.Query) {
	if b.Dialect == detectors.Graphite {
		from := at.Add(-2 * b.MaxStaleness)
		return remedy.NewQuery(b.Source, b.Query, from, at, b.MaxStaleness), remedy.NewQuery(b.Source, b.Present, from, at, b.MaxStaleness)
	}
	return remedy.NewQuery(b.Source, b.Query, at, at, time.Second), remedy.NewQuery(b.Source, "timestamp("+b.Present+")", at, at, time.Second)
}

// said reads the answers. A result that is missing counts as failed.
func (b BlockWhen) said(at time.Time, results remedy.Results) remedy.Fact[policy.Fired] {
	unknown := func(format string, args ...any) remedy.Fact[policy.Fired] {
		return remedy.Unknown[policy.Fired](fmt.Sprintf(format, args...))
	}
	fires, present := b.queries(at)
	for _, q := range []remedy.Query{present, fires} {
		r, asked := results[q]
		switch {
		case !asked:
			return unknown("source %s was not asked; it will be in the next round", b.Source)
		case r.Failed != "":
			return unknown("%s", r.Failed)
		case b.Dialect == detectors.Graphite && !r.Frame.FitsBuckets(q), b.Dialect != detectors.Graphite && !r.Frame.Fits(q):
			return unknown("source %s answered %q for other instants than it was asked for: this is a mistake in warden, please report it", b.Source, q.Expr)
		}
	}
	if why := b.absent(at, results[present].Frame); why != "" {
		return unknown("%s, so nothing from query is no \"no\"", why)
	}
	return b.fired(at, results[fires].Frame)
}

// absent says why `present` shows nothing; empty when it does.
func (b BlockWhen) absent(at time.Time, f *remedy.Frame) string {
	newest, found := int64(0), false
	for row := range f.Keys.Len() {
		stamp, ok := newestIn(f, int32(row))
		if b.Dialect != detectors.Graphite {
			v := f.At(int32(row), 0)
			stamp, ok = int64(math.Round(v*1000)), math.Abs(v) < 1e12 // NaN isn't
		}
		if ok {
			newest, found = max(newest, stamp), true
		}
	}
	switch age := time.Duration(at.UnixMilli()-newest) * time.Millisecond; {
	case !found && f.Keys.Len() > 0:
		return "present has no sample whose time can be told"
	case !found:
		return "present returns nothing"
	case age > b.MaxStaleness:
		return fmt.Sprintf("the newest sample of present is %s old (at most %s)", age.Round(time.Second), b.MaxStaleness)
	case age < -b.MaxStaleness:
		return fmt.Sprintf("the newest sample of present is of %s in the future", (-age).Round(time.Second))
	}
	return ""
}

// fired counts the series that fire.
func (b BlockWhen) fired(at time.Time, f *remedy.Frame) remedy.Fact[policy.Fired] {
	var out policy.Fired
	odd := ""
	for row := range f.Keys.Len() {
		v := remedy.Missing()
		if b.Dialect != detectors.Graphite {
			v = f.At(int32(row), 0)
		} else if end, ok := newestIn(f, int32(row)); ok && at.UnixMilli()-end <= b.MaxStaleness.Milliseconds() {
			v = newestValue(f, int32(row))
		} else if !ok && !remedy.IsMissing(newestValue(f, int32(row))) {
			odd = "max_staleness is too short to tell how wide the buckets of query are"
		}
		switch {
		case remedy.IsMissing(v), v == 0:
		case math.IsNaN(v) || math.IsInf(v, 0):
			odd = fmt.Sprintf("query returns %v", v)
		default:
			out.Series++
			if math.Abs(v) > math.Abs(out.Value) {
				out.Value = v
			}
		}
	}
	if odd != "" && out.Series == 0 {
		return remedy.Unknown[policy.Fired](odd)
	}
	return remedy.Known(out)
}

// newestIn is when the newest bucket of a row that isn't null ends, in Unix
// milliseconds; false when there is none, or no telling how wide it is.
func newestIn(f *remedy.Frame, row int32) (end int64, ok bool) {
	if f.Widths == nil || f.Widths[row] <= 0 {
		return 0, false
	}
	for k := range slices.Backward(f.Cols) {
		if !remedy.IsMissing(f.At(row, k)) {
			return f.Instant(k) + f.Widths[row], true
		}
	}
	return 0, false
}

// newestValue is the value of that bucket.
func newestValue(f *remedy.Frame, row int32) float64 {
	for k := range slices.Backward(f.Cols) {
		if v := f.At(row, k); !remedy.IsMissing(v) {
			return v
		}
	}
	return remedy.Missing()
}

// blockQueries are the questions of every block_when about an instant.
func (c *Config) blockQueries(at time.Time) []remedy.Query {
	var out []remedy.Query
	for _, b := range c.BlockWhen {
		fires, present := b.staleness(c).queries(at)
		out = append(out, fires, present)
	}
	return out
}

// blocks reads their answers.
func (c *Config) blocks(at time.Time, results remedy.Results) []policy.Block {
	var out []policy.Block
	for _, b := range c.BlockWhen {
		out = append(out, policy.Block{Name: b.Name, Pools: b.Pools, Actions: b.Actions, Fired: b.staleness(c).said(at, results)})
	}
	return out
}

// staleness fills in the default.
func (b BlockWhen) staleness(c *Config) BlockWhen {
	b.MaxStaleness = cmp.Or(b.MaxStaleness, c.Sources[b.Source].MaxStaleness, 3*c.interval())
	return b
}

// blocking is what the round's answers say, for a decision by a config. It is
// unknown where that config's questions were not asked yet.
func (r *round) blocking(cfg *Config) remedy.Fact[[]policy.Block] {
	switch {
	case len(cfg.BlockWhen) == 0:
		return remedy.Known([]policy.Block(nil))
	case r == nil:
		return remedy.Unknown[[]policy.Block]("no round has run yet; wait for the first")
	case r.cfg != cfg:
		return remedy.Unknown[[]policy.Block]("the config was reloaded, and what it wants to know was not asked yet; wait for the next round")
	}
	return remedy.Known(r.blocks)
}
