package detectors

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"time"

	"warden/internal/remedy"
)

// Proposal is a line for the config where a number is plainly off.
type Proposal struct {
	// Line is the key with its value as TOML, to be pasted into the detector's
	// table.
	Line string `json:"line"`
	// Why is what was seen that the number now in force can't be right for.
	Why string `json:"why"`
}

// Adviser is implemented by detectors that see when their numbers can't be
// right for what the source answers.
type Adviser interface {
	// Advise looks at one judgement of results. strangers are the names of series that
	// belong to no host. Numbers that may be right are left alone.
	Advise(pool remedy.PoolView, j *remedy.Judgement, results remedy.Results, strangers []string) []Proposal
}

var (
	_ Adviser = (*Canary)(nil)
	_ Adviser = (*Threshold)(nil)
)

// Advise implements Adviser.
func (c *Canary) Advise(pool remedy.PoolView, j *remedy.Judgement, results remedy.Results, strangers []string) []Proposal {
	s := surveyOf(j)
	out := s.common(strangers, c.spec.HostRegex, c.spec.MaxStaleness, c.spec.MinPoints)
	if c.spec.Dialect == Graphite {
		out = append(out, wide(c.Queries(pool, j.At)[:1], results, c.spec.Interval)...)
	}
	if len(s.values) == 0 {
		return out
	}
	median, expected := s.values[len(s.values)/2], c.spec.ExpectPerMinute
	if off := median < c.spec.BadBelow || median > 2; off && expected > 0 && median > 0 {
		out = append(out, Proposal{
			Line: "expect_per_minute = " + nice(median*expected),
			Why:  fmt.Sprintf("half of the hosts receive %s a minute or more; %s is expected", nice(median*expected), nice(expected)),
		})
	}
	if s.points > 0 && c.spec.Dialect == PromQL {
		if every := c.spec.Window / time.Duration(s.points); every > c.spec.Interval*3/2 {
			out = append(out, Proposal{
				Line: fmt.Sprintf("interval = %q", every.Round(time.Second)),
				Why:  fmt.Sprintf("a window of %s holds %d samples: one every %s. To look more often shows nothing new", c.spec.Window, s.points, every.Round(time.Second)),
			})
		}
	}
	return out
}

// fewest is of how many hosts what is usual for them can be told from a sick one.
const fewest = 5

// Advise implements Adviser.
func (t *Threshold) Advise(pool remedy.PoolView, j *remedy.Judgement, results remedy.Results, strangers []string) []Proposal {
	s := surveyOf(j)
	out := s.common(strangers, t.spec.HostRegex, t.spec.MaxStaleness, t.spec.MinPoints)
	if t.spec.Dialect == Graphite {
		asked := slices.DeleteFunc(t.Queries(pool, j.At), func(q remedy.Query) bool { return q.Expr == t.spec.CanaryTarget })
		out = append(out, wide(asked, results, t.spec.Interval)...)
	}
	limit := max(1, int(t.spec.MaxBadFraction*float64(pool.N())))
	n := len(s.values)
	if len(t.conditions) != 1 || s.badNow <= limit || n < fewest {
		return out
	}
	median := s.values[n/2]
	worst := (n + 9) / 10 // one of ten, and one at least, may be sick
	why := fmt.Sprintf("%d of %d hosts are past the bound now, and more than %d is no host problem; half of the hosts are at %s or more", s.badNow, pool.N(), limit, nice(median))
	if c := t.conditions[0]; c.high.set && median > c.high.bad {
		top := s.values[n-1-worst]
		out = append(out, Proposal{Line: "bad_above = " + nice(top+math.Abs(top)/2), Why: why})
	} else if c.low.set && median < c.low.bad {
		low := s.values[worst]
		out = append(out, Proposal{Line: "bad_below = " + nice(low-math.Abs(low)/2), Why: why})
	}
	return out
}

// wide proposes an interval where most of what is stored is in buckets that are
// wider: by those nothing is ever known.
func wide(asked []remedy.Query, results remedy.Results, interval time.Duration) []Proposal {
	var widest time.Duration
	rows, over := 0, 0
	for _, q := range asked {
		if f := results[q].Frame; f != nil {
			for _, milli := range f.Widths {
				width := time.Duration(milli) * time.Millisecond
				if rows++; width > interval {
					over++
					widest = max(widest, width)
				}
			}
		}
	}
	if 2*over <= rows {
		return nil
	}
	return []Proposal{{
		Line: fmt.Sprintf("interval = %q", widest),
		Why:  fmt.Sprintf("%d of %d series are stored in buckets of up to %s, which say nothing of looks every %s: those hosts are unknown (few_points)", over, rows, widest, interval),
	}}
}

// survey is what one judgement saw of a pool.
type survey struct {
	values        []float64 // measured, sorted
	badNow        int
	points        int // the most that any host has
	few, stale    int // hosts
	seen, nothing int // hosts with and without a sample
	ages          []time.Duration
	without       map[remedy.HostName]bool
}

func surveyOf(j *remedy.Judgement) survey {
	s := survey{without: map[remedy.HostName]bool{}}
	for i := range j.Verdicts {
		v := &j.Verdicts[i]
		if v.Verdict == remedy.VerdictOut {
			continue
		}
		s.points = max(s.points, int(v.Points))
		if v.BadNow {
			s.badNow++
		}
		if !remedy.IsMissing(v.Value) && !v.Stopped {
			s.values = append(s.values, v.Value)
		}
		switch v.Reason() {
		case remedy.ReasonFewPoints:
			s.few++
		case remedy.ReasonStale:
			s.stale++
		}
		if v.Newest == 0 {
			s.nothing++
			s.without[j.Roster.Name(i)] = true
			continue
		}
		s.seen++
		s.ages = append(s.ages, j.At.Sub(time.UnixMilli(v.Newest)))
	}
	slices.Sort(s.values)
	slices.Sort(s.ages)
	return s
}

// common is the advice about what every kind has.
func (s *survey) common(strangers []string, regex *regexp.Regexp, stale time.Duration, least int) []Proposal {
	var out []Proposal
	if s.seen > 0 && s.stale > s.seen/2 {
		median := s.ages[len(s.ages)/2]
		out = append(out, Proposal{
			Line: fmt.Sprintf("max_staleness = %q", (2 * median).Round(time.Second)),
			Why:  fmt.Sprintf("the newest sample of %d of %d hosts is older than %s; half of them %s or more. Unless the series have stopped, they come more rarely than that", s.stale, s.seen, stale, median.Round(time.Second)),
		})
	}
	if s.few > 0 && s.few >= s.seen && s.points > 0 && s.points < least {
		out = append(out, Proposal{
			Line: fmt.Sprintf("min_points = %d", max(2, s.points*2/3)),
			Why:  fmt.Sprintf("no window holds more than %d samples, and %d are asked for: every host is unknown", s.points, least),
		})
	}
	if p, ok := s.spelling(strangers, regex); ok {
		out = append(out, p)
	}
	return out
}

// short takes the name of a host from host.example.net:9100.
const short = `^([^.:]+)`

// spelling proposes a host_regex when it makes names meet that don't.
func (s *survey) spelling(strangers []string, regex *regexp.Regexp) (Proposal, bool) {
	if regex != nil && regex.String() == short {
		return Proposal{}, false
	}
	first := regexp.MustCompile(short)
	met, example := 0, ""
	for _, name := range strangers {
		if m := first.FindStringSubmatch(name); m != nil && s.without[remedy.HostName(m[1])] {
			met++
			example = name
		}
	}
	if met == 0 {
		return Proposal{}, false
	}
	return Proposal{
		Line: "host_regex = '" + short + "'",
		Why:  fmt.Sprintf("%d series such as %q belong to no host as they are spelled; their first part names hosts without a series", met, example),
	}, true
}

// nice writes a number with two digits that mean something.
func nice(v float64) string {
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'g', 2, 64), 64)
	if err != nil {
		return formatFloat(v)
	}
	return strconv.FormatFloat(rounded, 'f', -1, 64)
}
