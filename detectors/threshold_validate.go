package detectors

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// mostTerms is how many bounds a detector may have: a verdict names its bound
// by number.
const mostTerms = 64

// noAggregate refuses a word.
const noAggregate = "%q is none; use avg, min, max, last or sum"

// normalized fills in what a zero field stands for and brings times and
// expressions to the form they are used in, so that two spellings of one
// detector have one digest.
func (s ThresholdSpec) normalized() ThresholdSpec {
	s.Pools, s.Conditions = slices.Clone(s.Pools), slices.Clone(s.Conditions)
	for i := range s.Conditions {
		c := &s.Conditions[i]
		c.Query, c.FreshQuery = strings.Trim(c.Query, promSpace), strings.Trim(c.FreshQuery, promSpace)
		// A clear bound that is not set is the bad one: one digest for both.
		if c.ClearAbove == nil {
			c.ClearAbove = c.BadBelow
		}
		if c.ClearBelow == nil {
			c.ClearBelow = c.BadAbove
		}
	}
	s.CanaryTarget = strings.Trim(s.CanaryTarget, promSpace)
	if s.Match == "" || len(s.Conditions) == 1 {
		s.Match = MatchAll
	}
	if s.HostLabel == "" && s.Dialect != Graphite {
		s.HostLabel = DefaultCanary().HostLabel
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
	if s.Dialect == Graphite {
		// The buckets since the step before: then no two steps rest on one.
		s.Window, s.Aggregate = cmp.Or(s.Window, s.Interval), cmp.Or(s.Aggregate, AggregateLast)
	}
	return s
}

// validate reports everything that is wrong with a normalized spec.
func (s ThresholdSpec) validate() error {
	var errs []error
	badly := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: %s", key, fmt.Sprintf(format, args...)))
	}
	bad := func(key, format string, args ...any) { badly(s.key(key), format, args...) }
	if s.Name == "" {
		return errors.New("detectors: a detector has no name; write its table as [detectors.NAME]")
	}
	if s.Source == "" {
		bad("source", "missing; name one of the [sources]")
	}
	if len(s.Pools) == 0 || slices.Contains(s.Pools, "") {
		bad("pools", "missing or with an empty name; list the [pools] to judge, none is never all")
	}
	if len(s.Conditions) == 0 {
		bad("query", "missing; write a selector such as 'node_load1', with bad_above or bad_below")
	}
	if 2*len(s.Conditions) > mostTerms {
		bad("conditions", "%d of them are too many; use at most %d", len(s.Conditions), mostTerms/2)
	}
	if s.Match != MatchAll && s.Match != MatchAny {
		bad("match", "%q is neither; use all or any", s.Match)
	}
	for i, c := range s.Conditions {
		at := func(key, format string, args ...any) { badly(s.conditionKey(i, key), format, args...) }
		if s.Dialect == Graphite {
			c.validateTarget(at)
		} else {
			c.validateQuery(at)
		}
		c.validateBounds(at)
	}
	if s.Dialect == Graphite {
		s.validateBuckets(bad)
	} else {
		s.validateSamples(bad)
	}
	s.validateRest(bad)
	return errors.Join(errs...)
}

func (c Condition) validateQuery(bad func(key, format string, args ...any)) {
	selector := IsSelector(c.Query)
	switch {
	case c.Query == "":
		bad("query", "missing; write a selector such as 'node_load1'")
	case selector && c.FreshQuery != "":
		bad("fresh_query", "query is a plain selector and tells its own age; remove fresh_query")
	case c.FreshQuery != "" && !IsSelector(c.FreshQuery):
		bad("fresh_query", "%q is not a plain selector; write name{label=\"value\"} without functions, ranges, offset or @", c.FreshQuery)
	}
}

func (c Condition) validateTarget(bad func(key, format string, args ...any)) {
	if c.Query == "" {
		bad("query", "missing; write a target with one series a host, such as 'servers.*.load'")
	}
	if c.FreshQuery != "" {
		bad("fresh_query", "Graphite's buckets tell their own age; remove fresh_query")
	}
	refuse(bad, "query", CheckTarget(c.Query))
}

func (c Condition) validateBounds(bad func(key, format string, args ...any)) {
	for _, b := range []struct {
		key string
		v   *float64
	}{{"bad_below", c.BadBelow}, {"clear_above", c.ClearAbove}, {"bad_above", c.BadAbove}, {"clear_below", c.ClearBelow}} {
		if b.v != nil && !isFinite(*b.v) {
			bad(b.key, "%v is not a number to compare with; write a finite one", *b.v)
			return
		}
	}
	switch {
	case c.BadBelow == nil && c.BadAbove == nil:
		bad("bad_above", "missing; say what is bad with bad_above or bad_below")
	case c.BadBelow == nil && c.ClearAbove != nil:
		bad("clear_above", "there is no bad_below that it could clear; write clear_below with bad_above")
	case c.BadAbove == nil && c.ClearBelow != nil:
		bad("clear_below", "there is no bad_above that it could clear; write clear_above with bad_below")
	case c.BadBelow != nil && *c.ClearAbove < *c.BadBelow:
		bad("clear_above", "%v is below bad_below (%v); good begins at or above where bad ends", *c.ClearAbove, *c.BadBelow)
	case c.BadAbove != nil && *c.ClearBelow > *c.BadAbove:
		bad("clear_below", "%v is above bad_above (%v); good begins at or below where bad ends", *c.ClearBelow, *c.BadAbove)
	case c.BadBelow != nil && c.BadAbove != nil && *c.ClearAbove > *c.ClearBelow:
		bad("clear_above", "%v is above clear_below (%v), so that nothing is ever good; leave room between the two", *c.ClearAbove, *c.ClearBelow)
	}
}

func (s ThresholdSpec) validateRest(bad func(key, format string, args ...any)) {
	if s.HostRegex != nil && s.HostRegex.NumSubexp() < 1 {
		bad("host_regex", "%q has no group; put the part that names the host in parentheses, as in '^([^.:]+)'", s.HostRegex)
	}
	validateSpans(bad, []span{
		{"interval", s.Interval, time.Second},
		{"window", s.Window, 0},
		{"for", s.For, 0},
		{"max_staleness", s.MaxStaleness, time.Second},
		{"common_mode_window", s.CommonModeWindow, time.Second},
		{"storm_cooldown", s.StormCooldown, 0},
	})
	if s.Interval > 0 && (s.Window+s.For)/s.Interval > mostSteps {
		bad("interval", "window and `for` hold more than %d intervals, more than a source answers at once; make interval longer", mostSteps)
	}
	for _, r := range []struct {
		key   string
		value float64
		zero  bool // 0 is allowed
	}{{"min_coverage", s.MinCoverage, false}, {"max_bad_fraction", s.MaxBadFraction, true}} {
		// Written so that NaN fails as well.
		if inside := r.value > 0 && r.value <= 1 || r.zero && r.value == 0; !inside {
			bad(r.key, "%v is not a ratio; use a number above 0 and at most 1", r.value)
		}
	}
}

// validateSamples checks what is special to sources of samples.
func (s ThresholdSpec) validateSamples(bad func(key, format string, args ...any)) {
	if s.CanaryTarget != "" && !IsSelector(s.CanaryTarget) {
		bad("canary_target", "%q is not a plain selector; write name{label=\"value\"} without functions, ranges, offset or @", s.CanaryTarget)
	}
	if s.HostNode != 0 {
		bad("host_node", "the source's series have labels; use host_label")
	}
	switch s.Aggregate {
	case AggregateNone:
		if s.MinPoints != 1 {
			bad("min_points", "%d samples of one value can't be had; set window and aggregate, or leave min_points out", s.MinPoints)
		}
	case AggregateAvg, AggregateMin, AggregateMax, AggregateLast, AggregateSum:
		switch {
		case s.Window < s.Interval || s.Interval <= 0:
			bad("window", "%v is shorter than interval (%v); aggregate needs a window of one interval or more", s.Window, s.Interval)
		case s.Window%s.Interval != 0:
			bad("window", "%v is not a multiple of interval (%v); make it one, so that a window is a whole number of values", s.Window, s.Interval)
		case s.MinPoints < 1:
			bad("min_points", "%d is too few; use at least 1", s.MinPoints)
		case s.MinPoints > int(s.Window/s.Interval):
			bad("min_points", "%d is more than the %d values that a window holds; use at most that, or a shorter interval", s.MinPoints, s.Window/s.Interval)
		}
		s.validateSum(bad)
	default:
		bad("aggregate", noAggregate, s.Aggregate)
	}
}

// validateBuckets checks what is special to Graphite.
func (s ThresholdSpec) validateBuckets(bad func(key, format string, args ...any)) {
	refuse(bad, "canary_target", CheckPulse(s.CanaryTarget))
	if s.HostLabel != "" {
		bad("host_label", "Graphite's series have no labels; use host_node")
	}
	if s.Window < s.Interval {
		bad("window", "%v is shorter than interval (%v), so that what comes between two windows would be lost; make it longer, or leave it out", s.Window, s.Interval)
	}
	if s.MinPoints < 1 {
		bad("min_points", "%d is too few; use at least 1", s.MinPoints)
	}
	if !slices.Contains([]Aggregate{AggregateAvg, AggregateMin, AggregateMax, AggregateLast, AggregateSum}, s.Aggregate) {
		bad("aggregate", noAggregate, s.Aggregate)
	}
}

// validateSum refuses a sum of samples that is bad when it is low. How many
// samples there should have been isn't known, so a lost one can't be told from
// a 0. Buckets have a place each, and Graphite's sums see their holes.
func (s ThresholdSpec) validateSum(bad func(key, format string, args ...any)) {
	if s.Aggregate != AggregateSum {
		return
	}
	for _, c := range s.Conditions {
		if c.BadBelow == nil {
			continue
		}
		key := "bad_below"
		if c.Name != "" {
			key = "conditions." + c.Name + ".bad_below"
		}
		bad("aggregate", "sum counts a lost sample as 0, so that %s would find a healthy host bad; use avg, with the bound for one sample", key)
		return
	}
}
