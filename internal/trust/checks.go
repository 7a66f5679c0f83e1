package trust

import (
	"fmt"
	"math"
)

// metBy reports whether the tallies of one detector meet the gate: the checks
// of ofDetector without their words and without the live days. It asks what is
// quick to answer first.
func (g Gate) metBy(rules Rules, window, whole Tally) bool {
	return window.Episodes >= g.MinEpisodes && window.Right >= g.MinLabelled && g.covered(rules, window) &&
		g.precise(rules, window) && g.surely(rules, whole)
}

// covered holds the labelled share against the gate. A word that says wrong,
// which anybody may say, must not raise it: so where the precision would do, the
// share that is known to be right has to reach the coverage, too, or the
// precision if that is less. (Where the precision wouldn't do nothing is lost.)
func (g Gate) covered(rules Rules, w Tally) bool {
	if g.MinLabelCoverage <= 0 {
		return true
	}
	if w.Episodes == 0 {
		return false
	}
	n := float64(w.Episodes)
	return float64(w.Labelled())/n >= g.MinLabelCoverage && (float64(w.Right)/n >= g.leastKnown() || !g.precise(rules, w))
}

func (g Gate) leastKnown() float64 {
	if g.MinPrecision <= 0 {
		return 0
	}
	return min(g.MinLabelCoverage, g.MinPrecision)
}

// precise holds the precision of the labelled ones against the gate.
func (g Gate) precise(rules Rules, w Tally) bool {
	if g.MinPrecision <= 0 {
		return true
	}
	low, _ := Wilson(w.Right, w.Labelled(), rules.Confidence)
	return low >= g.MinPrecision
}

// surely does so for one who looks at it after every episode.
func (g Gate) surely(rules Rules, whole Tally) bool {
	return g.MinPrecision <= 0 || Sequential(whole.Right, whole.Rest(), g.MinPrecision, rules.Confidence)
}

// ofDetector are the checks of one detector's record. A label that says wrong
// must never help, whoever says it: so the number of labelled ones and their
// coverage have to be there without the wrong ones, too.
func (g Gate) ofDetector(rules Rules, r *record) []Check {
	var checks []Check
	add := func(c Check) {
		c.Detector = r.name
		checks = append(checks, c)
	}
	w := r.window
	if g.MinEpisodes > 0 {
		add(counted(CheckEpisodes, "episodes", w.Episodes, g.MinEpisodes))
	}
	if g.MinLabelled > 0 {
		c := counted(CheckLabelled, "labelled episodes", w.Right, g.MinLabelled)
		c.Observed = fmt.Sprintf("%d, %d of them right", w.Labelled(), w.Right)
		if w.Labelled() >= g.MinLabelled && !c.OK {
			c.Need += "; wrong ones don't help"
		}
		add(c)
	}
	if g.MinLabelCoverage > 0 {
		add(g.coverage(rules, w))
	}
	if g.MinPrecision > 0 {
		add(g.precision(rules, w))
		add(g.anyTime(rules, r))
	}
	if g.MinLiveDays > 0 {
		c := Check{Key: CheckLiveDays, What: "days as it is now", Observed: "not known", Limit: fmt.Sprint(g.MinLiveDays)}
		if days, known := r.days.Get(); known {
			c = counted(CheckLiveDays, c.What, days, g.MinLiveDays)
		} else {
			c.Need = r.days.Why
		}
		add(c)
	}
	return checks
}

func (g Gate) coverage(rules Rules, w Tally) Check {
	c := Check{
		Key: CheckCoverage, What: "labelled share", Observed: "no episodes",
		Limit: percent(g.MinLabelCoverage),
	}
	if w.Episodes == 0 {
		c.Need = "episodes, and a label on them"
		return c
	}
	share := float64(w.Labelled()) / float64(w.Episodes)
	c.OK = g.covered(rules, w)
	c.Observed = fmt.Sprintf("%d of %d, %s", w.Labelled(), w.Episodes, beside(share, g.MinLabelCoverage))
	switch {
	case share < g.MinLabelCoverage:
		c.Need = toLabel(upTo(g.MinLabelCoverage, w.Episodes)-w.Labelled(), w)
	case !c.OK:
		c.Observed += fmt.Sprintf(", and %d right", w.Right)
		c.Need = fmt.Sprintf("%d more of them labelled right", upTo(g.leastKnown(), w.Episodes)-w.Right)
	}
	return c
}

// toLabel says which episodes n more labels could be on: those that nobody labelled,
// and where these are too few, those of which somebody could not say.
func toLabel(n int, w Tally) string {
	more := n - w.Unlabelled
	switch {
	case more <= 0:
		return fmt.Sprintf("label %d more", n)
	case w.Unlabelled == 0:
		return fmt.Sprintf("say right or wrong of %d of the %s", more, plural(w.Unclear, "unclear one"))
	}
	return fmt.Sprintf("label %d more, and say right or wrong of %d of the %s", w.Unlabelled, more, plural(w.Unclear, "unclear one"))
}

// upTo is the smallest whole number that is a share of n at least.
func upTo(share float64, n int) int {
	return int(math.Ceil(share*float64(n) - 1e-9))
}

func (g Gate) precision(rules Rules, w Tally) Check {
	low, _ := Wilson(w.Right, w.Labelled(), rules.Confidence)
	c := Check{
		Key: CheckPrecision, What: "precision", Limit: percent(g.MinPrecision), OK: g.precise(rules, w),
		Observed: fmt.Sprintf("%d of %d right, at least %s", w.Right, w.Labelled(), beside(low, g.MinPrecision)),
	}
	if !c.OK {
		c.Need = manyRight(func(n int) bool {
			low, _ := Wilson(w.Right+n, w.Labelled()+n, rules.Confidence)
			return low >= g.MinPrecision
		})
	}
	return c
}

func (g Gate) anyTime(rules Rules, r *record) Check {
	w := r.whole
	c := Check{
		Key: CheckAnyTime, What: "precision at any look", Limit: percent(g.MinPrecision),
		OK: g.surely(rules, w),
	}
	low := SequentialLow(w.Right, w.Rest(), rules.Confidence)
	c.Observed = fmt.Sprintf("%d of %d known to be right, at least %s", w.Right, w.Episodes, beside(low, g.MinPrecision))
	if c.OK {
		return c
	}
	c.Need = manyRight(func(n int) bool { return Sequential(w.Right+n, w.Rest(), g.MinPrecision, rules.Confidence) })
	if r.named > 0 {
		label := fewest(func(n int) bool { return Sequential(w.Right+n, w.Rest()-n, g.MinPrecision, rules.Confidence) }, r.named)
		if label >= 0 {
			c.Need += fmt.Sprintf(", or %d of the %s labelled right", label, plural(r.named, "unlabelled one"))
		} else {
			c.Need += fmt.Sprintf(", fewer once the %s labelled", pluralAre(r.named, "unlabelled one"))
		}
	}
	return c
}

func (g Gate) ofAction(rules Rules, runs Reliability, undo bool) []Check {
	var checks []Check
	if g.MinConfirmedRuns > 0 {
		checks = append(checks, counted(CheckConfirmedRuns, "runs that a person approved and that worked", runs.Approved, g.MinConfirmedRuns))
	}
	if g.MinActionSuccess > 0 {
		ended := runs.Good + runs.Bad
		c := Check{
			Key: CheckActionSuccess, What: "ran and took", Limit: percent(g.MinActionSuccess),
			OK:       ended > 0 && runs.Low >= g.MinActionSuccess,
			Observed: fmt.Sprintf("%d of %d, at least %s", runs.Good, ended, beside(runs.Low, g.MinActionSuccess)),
		}
		if !c.OK {
			c.Need = manyRuns(runs, g.MinActionSuccess, rules.Confidence)
		}
		checks = append(checks, c)
	}
	if g.RequireUndo {
		c := Check{Key: CheckUndo, What: "an undo", Observed: "has one", Limit: "required", OK: undo}
		if !undo {
			c.Observed, c.Need = "has none", "give the action an `undo`"
		}
		checks = append(checks, c)
	}
	return checks
}

// counted is a check of a number that has to be reached.
func counted(key, what string, have, limit int) Check {
	c := Check{Key: key, What: what, Observed: fmt.Sprint(have), Limit: fmt.Sprint(limit), OK: have >= limit}
	if !c.OK {
		c.Need = fmt.Sprintf("%d more", limit-have)
	}
	return c
}
