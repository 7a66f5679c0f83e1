package detectors

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// staleIntervals is the default of MaxStaleness in intervals.
const staleIntervals = 3

// longest bounds every duration of a spec, so that no sum of them overflows.
const longest = 31 * 24 * time.Hour

// mostSteps is how many steps Prometheus answers in one query.
const mostSteps = 11000

// promSpace is what PromQL takes for white space.
const promSpace = " \t\r\n"

// normalized fills in what a zero field stands for and brings times and
// expressions to the form they are used in, so that two spellings of one
// detector have one digest.
func (s CanarySpec) normalized() CanarySpec {
	def := DefaultCanary()
	s.Pools = slices.Clone(s.Pools)
	s.Query = strings.Trim(s.Query, promSpace)
	s.ExpectQuery = strings.Trim(s.ExpectQuery, promSpace)
	s.FreshQuery = strings.Trim(s.FreshQuery, promSpace)
	s.CanaryTarget = strings.Trim(s.CanaryTarget, promSpace)
	if s.HostLabel == "" && s.Dialect != Graphite {
		s.HostLabel = def.HostLabel
	}
	if s.SeenWithin == 0 {
		s.SeenWithin = def.SeenWithin
	}
	if s.Interval <= 0 {
		return s // refused by validate; nothing can be derived from it
	}
	if s.MaxStaleness == 0 {
		s.MaxStaleness = staleIntervals * s.Interval
	}
	if rest := s.For % s.Interval; rest > 0 {
		s.For += s.Interval - rest
	}
	return s
}

// quiet is how long a host must have sent nothing before it counts as stopped.
// When a pipe breaks for everybody, the others look fresh for MaxStaleness
// longer, and hosts are not sampled at the same moment; twice MaxStaleness
// leaves room for both, however short For is.
func (s CanarySpec) quiet() time.Duration { return max(s.For, 2*s.MaxStaleness) }

// validate reports everything that is wrong with a normalized spec.
func (s CanarySpec) validate() error {
	var errs []error
	bad := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", s.key(key), fmt.Sprintf(format, args...)))
	}
	if s.Name == "" {
		return errors.New("detectors: a detector has no name; write its table as [detectors.NAME]")
	}
	if s.Source == "" {
		bad("source", "missing; name one of the [sources]")
	}
	if len(s.Pools) == 0 || slices.Contains(s.Pools, "") {
		bad("pools", "missing or with an empty name; list the [pools] to judge, none is never all")
	}
	if s.Dialect == Graphite {
		s.validateTargets(bad)
	} else {
		s.validateQueries(bad)
	}
	s.validateExpectation(bad)
	s.validateTimes(bad)
	s.validateNumbers(bad)
	return errors.Join(errs...)
}

func (s CanarySpec) validateQueries(bad func(key, format string, args ...any)) {
	selector := IsSelector(s.Query)
	switch {
	case s.Query == "":
		bad("query", `missing; write a selector such as 'canary_received_total{job="ingest"}'`)
	case selector && s.FreshQuery != "":
		bad("fresh_query", "query is a plain selector and tells its own age; remove fresh_query")
	case s.FreshQuery != "" && !IsSelector(s.FreshQuery):
		bad("fresh_query", "%q is not a plain selector; write name{label=\"value\"} without functions, ranges, offset or @", s.FreshQuery)
	}
	if s.CanaryTarget != "" && !IsSelector(s.CanaryTarget) {
		bad("canary_target", "%q is not a plain selector; write name{label=\"value\"} without functions, ranges, offset or @", s.CanaryTarget)
	}
	if s.HostNode != 0 {
		bad("host_node", "the source's series have labels; use host_label")
	}
}

// validateTargets checks what is special to Graphite.
func (s CanarySpec) validateTargets(bad func(key, format string, args ...any)) {
	if s.Query == "" {
		bad("query", "missing; write a target with one series a host, such as 'canary.received.*.count'")
	}
	if s.FreshQuery != "" {
		bad("fresh_query", "Graphite's buckets tell their own age; remove fresh_query")
	}
	if s.HostLabel != "" {
		bad("host_label", "Graphite's series have no labels; use host_node")
	}
	refuse(bad, "query", CheckTarget(s.Query))
	refuse(bad, "expect_query", CheckTarget(s.ExpectQuery))
	refuse(bad, "canary_target", CheckPulse(s.CanaryTarget))
}

// refuse says what is wrong with a key, if something is.
func refuse(bad func(key, format string, args ...any), key string, err error) {
	if err != nil {
		bad(key, "%v", err)
	}
}

func (s CanarySpec) validateExpectation(bad func(key, format string, args ...any)) {
	hasNumber := s.ExpectPerMinute != 0
	switch {
	case hasNumber && s.ExpectQuery != "":
		bad("expect_query", "set together with expect_per_minute; keep one of the two")
	case !hasNumber && s.ExpectQuery == "":
		bad("expect_per_minute", "missing; set it, or expect_query, to what a host should receive in a minute")
	case hasNumber && (!isFinite(s.ExpectPerMinute) || s.ExpectPerMinute < 0):
		bad("expect_per_minute", "%v is not a positive number; write what a host should receive in a minute", s.ExpectPerMinute)
	}
	if s.HostRegex != nil && s.HostRegex.NumSubexp() < 1 {
		bad("host_regex", "%q has no group; put the part that names the host in parentheses, as in '^([^.:]+)'", s.HostRegex)
	}
}

// span is a time of a spec, and how short it may be.
type span struct {
	key    string
	d, min time.Duration
}

// validateSpans holds times to what any source can answer.
func validateSpans(bad func(key, format string, args ...any), spans []span) {
	for _, t := range spans {
		switch {
		case t.d < t.min:
			bad(t.key, "%v is too short; use at least %v", t.d, t.min)
		case t.d > longest:
			bad(t.key, "%v is too long; use at most %v", t.d, longest)
		case t.d%time.Millisecond != 0:
			bad(t.key, "%v is finer than sources can tell; use whole milliseconds", t.d)
		}
	}
}

func (s CanarySpec) validateTimes(bad func(key, format string, args ...any)) {
	validateSpans(bad, []span{
		{"interval", s.Interval, time.Second},
		{"window", s.Window, max(s.Interval, time.Second)},
		{"for", s.For, 0},
		{"seen_within", s.SeenWithin, time.Second},
		{"max_staleness", s.MaxStaleness, time.Second},
		{"common_mode_window", s.CommonModeWindow, time.Second},
		{"storm_cooldown", s.StormCooldown, 0},
	})
	if s.Interval > 0 && (s.Window+s.For)/s.Interval > mostSteps {
		bad("interval", "window and `for` hold more than %d intervals, more than a source answers at once; make interval longer", mostSteps)
	}
	if q := s.quiet(); s.SeenWithin > 0 && s.SeenWithin <= q {
		bad("seen_within", "%v is not longer than %v, the larger of `for` and twice max_staleness; make it longer, 1h is usual", s.SeenWithin, q)
	}
}

func (s CanarySpec) validateNumbers(bad func(key, format string, args ...any)) {
	for _, r := range []struct {
		key   string
		value float64
		zero  bool // 0 is allowed
	}{
		{"bad_below", s.BadBelow, false},
		{"clear_above", s.ClearAbove, false},
		{"min_coverage", s.MinCoverage, false},
		{"max_bad_fraction", s.MaxBadFraction, true},
	} {
		// Written so that NaN fails as well.
		if inside := r.value > 0 && r.value <= 1 || r.zero && r.value == 0; !inside {
			bad(r.key, "%v is not a ratio; use a number above 0 and at most 1", r.value)
		}
	}
	if s.BadBelow >= s.ClearAbove {
		bad("bad_below", "%v is not below clear_above (%v); leave room between the two", s.BadBelow, s.ClearAbove)
	}
	least := 1
	if s.Dialect != Graphite && IsSelector(s.Query) {
		least = 2
	}
	if s.MinPoints < least {
		bad("min_points", "%d is too few; use at least %d", s.MinPoints, least)
	}
	if s.MaxEnded < 0 {
		bad("max_ended", "%d is negative; use 1, or 0 to never count a host that stopped as bad", s.MaxEnded)
	}
}

func isFinite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }
