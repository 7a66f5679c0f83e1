package config

import (
	"maps"
	"slices"

	"warden/internal/remedy"
)

// threshold checks what a threshold detector has besides every detector's keys.
func (v *validator) threshold(name remedy.DetectorName, at func(...string) []string, d Detector) {
	own := Condition{Query: d.Query, FreshQuery: d.FreshQuery, BadBelow: d.BadBelow, ClearAbove: d.ClearAbove, BadAbove: d.BadAbove, ClearBelow: d.ClearBelow}
	switch {
	case !v.ok(at("query"), at("conditions")):
	case len(d.Conditions) == 0 && d.Query == "":
		v.fail(at("query"), `query is missing in %s: add query = "…", or tables [%s.conditions.NAME] with one each`, header(at()), dotted(at()))
	case len(d.Conditions) > 0:
		for _, key := range []string{"query", "fresh_query", "bad_below", "clear_above", "bad_above", "clear_below", "unit"} {
			if v.given[pathKey(at(key))] {
				v.fail(at(key), "%s stands beside conditions, which have their own: move it into one of them", key)
			}
		}
	default:
		v.condition(name, at, own)
	}
	if len(d.Conditions) > maxConditions {
		v.fail(at("conditions"), "conditions has %d tables: use %d at most", len(d.Conditions), maxConditions)
	}
	for _, c := range slices.Sorted(maps.Keys(d.Conditions)) {
		v.condition(name, func(keys ...string) []string { return append(at("conditions", c), keys...) }, d.Conditions[c])
	}
	if v.given[pathKey(at("match"))] && len(d.Conditions) < 2 {
		v.fail(at("match"), "match joins conditions, and there are not two of them: remove it")
	}
	if v.config.OnGraphite(name) {
		v.bucketWindow(at, d)
	} else {
		v.window(at, d)
		v.lowSum(at, d)
	}
}

// lowSum refuses a sum of samples that is bad when it is low: a lost sample
// can't be told from a 0.
func (v *validator) lowSum(at func(...string) []string, d Detector) {
	if d.Aggregate != "sum" || !v.ok(at("aggregate"), at("source")) {
		return
	}
	low := [][]string{at("bad_below")}
	for _, c := range slices.Sorted(maps.Keys(d.Conditions)) {
		low = append(low, at("conditions", c, "bad_below"))
	}
	for _, p := range low {
		if v.given[pathKey(p)] {
			v.fail(at("aggregate"), "aggregate = \"sum\" counts a lost sample as 0, so that bad_below would find a healthy host bad: use avg, with the bound for one sample")
			return
		}
	}
}

// maxConditions bounds what one detector asks in a round.
const maxConditions = 32

// condition checks a query and its bounds, in a detector's table or in one of
// its conditions'.
func (v *validator) condition(name remedy.DetectorName, at func(...string) []string, c Condition) {
	v.query(name, at, c.Query, c.FreshQuery)
	given := func(key string) bool { return v.given[pathKey(at(key))] }
	low, high, good, well := at("bad_below"), at("bad_above"), at("clear_above"), at("clear_below")
	if !v.ok(low, high, good, well) {
		return
	}
	clearLow, clearHigh := c.ClearAbove, c.ClearBelow
	if !given("clear_above") {
		clearLow = c.BadBelow
	}
	if !given("clear_below") {
		clearHigh = c.BadAbove
	}
	switch {
	case !given("bad_below") && !given("bad_above"):
		v.fail(high, "nothing says what is bad in %s: add bad_above or bad_below", header(at()))
	case given("clear_above") && !given("bad_below"):
		v.fail(good, "clear_above ends what bad_below begins, and there is none: use clear_below with bad_above")
	case given("clear_below") && !given("bad_above"):
		v.fail(well, "clear_below ends what bad_above begins, and there is none: use clear_above with bad_below")
	case given("bad_below") && clearLow < c.BadBelow:
		v.fail(good, "clear_above = %v is below bad_below = %v: use that or more", c.ClearAbove, c.BadBelow)
	case given("bad_above") && clearHigh > c.BadAbove:
		v.fail(well, "clear_below = %v is above bad_above = %v: use that or less", c.ClearBelow, c.BadAbove)
	case given("bad_below") && given("bad_above") && clearLow > clearHigh:
		v.fail(low, "nothing is ever good: what is clear above %v is not clear below %v; leave room between them", clearLow, clearHigh)
	}
}

// window checks what a threshold makes of a window.
func (v *validator) window(at func(...string) []string, d Detector) {
	window, interval := at("window"), at("interval")
	points := v.given[pathKey(at("min_points"))]
	switch {
	case !v.ok(window, interval, at("aggregate"), at("min_points")):
	case d.Aggregate == "" && points && d.MinPoints != 1:
		v.fail(at("min_points"), "min_points = %d: one value has no points to count; add window and aggregate, or remove it", d.MinPoints)
	case d.Aggregate == "":
	case d.Window < d.Interval || d.Window%d.Interval != 0:
		v.fail(window, "window = %q is no multiple of interval = %q: use one, for aggregate takes the values at the intervals", d.Window, d.Interval)
	case int64(d.MinPoints) > int64(d.Window/d.Interval):
		v.fail(at("min_points"), "min_points = %d: a window holds %d values at most; use a longer window or a shorter interval", d.MinPoints, int64(d.Window/d.Interval))
	}
}

// bucketWindow is window for a source of buckets: how many of them are in a
// window is the storage's affair.
func (v *validator) bucketWindow(at func(...string) []string, d Detector) {
	if window, interval := at("window"), at("interval"); v.given[pathKey(window)] && v.ok(window, interval) && d.Window < d.Interval {
		v.fail(window, "window = %q is shorter than interval = %q: data between two windows would be lost; use a longer window, or leave it out", d.Window, d.Interval)
	}
}

// used reports whether something comes of a detector that proposes nothing.
func (v *validator) used(name remedy.DetectorName) bool {
	for _, a := range v.config.Actions {
		if a.Verify.Detector == name {
			return true
		}
	}
	for _, p := range v.config.Pools {
		if p.Probe == name {
			return true
		}
	}
	return false
}

// lends checks a key that names a detector for other work than proposing: it
// has to judge the pools where it is wanted.
func (v *validator) lends(p []string, name remedy.DetectorName, pools []remedy.PoolName) {
	if !v.reference(p, "detector", string(name), namesOf(v.config.Detectors)) {
		return
	}
	for _, pool := range pools {
		if !slices.Contains(v.config.Detectors[name].Pools, pool) && v.ok([]string{"detectors", string(name), "pools"}) {
			v.fail(p, "detector %s does not judge pool %s: add that to pools of %s", quote(string(name)), quote(string(pool)), header([]string{"detectors", string(name)}))
			return
		}
	}
}

// verify checks how an action's taking is known.
func (v *validator) verify(name remedy.ActionName, a Action) {
	at := func(keys ...string) []string { return append([]string{"actions", string(name), "verify"}, keys...) }
	if !v.given[pathKey(at())] {
		return
	}
	if v.given[pathKey(at("within"))] {
		v.between(at("within"), a.Verify.Within, second, day)
	}
	switch command := v.given[pathKey(at("command"))]; {
	case command && a.Type != TypeExec && v.ok([]string{"actions", string(name), "type"}):
		v.fail(at("command"), "verify.command belongs to type = %q: remove it, or use detector", TypeExec)
		return
	case command && a.Verify.Detector != "":
		v.fail(at("detector"), "verify: command and detector exclude each other: keep one")
		return
	case command:
		v.argv(at("command"), a.Verify.Command, fieldsHost)
		return
	case a.Verify.Detector == "":
		v.fail(at(), `verify has no detector: add detector = "…" to it, or remove it`)
		return
	}
	var pools []remedy.PoolName
	for _, pool := range slices.Sorted(maps.Keys(v.config.Pools)) {
		if slices.Contains(v.config.ActionsOf(pool), name) {
			pools = append(pools, pool)
		}
	}
	v.lends(at("detector"), a.Verify.Detector, pools)
	d, ok := v.config.Detectors[a.Verify.Detector]
	within, window := v.config.TookWithin(name), v.config.Window(a.Verify.Detector)
	if ok && v.ok(at("detector"), at("within"), []string{"detectors", string(a.Verify.Detector), "window"}, []string{"detectors", string(a.Verify.Detector), "interval"}) && within < window+2*d.Interval {
		v.fail(at(), "verify waits %q for detector %s, whose window and two intervals are %q: what it says before then is of the time before the action; use a longer within",
			within, quote(string(a.Verify.Detector)), window+2*d.Interval)
	}
}
