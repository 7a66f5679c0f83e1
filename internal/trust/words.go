package trust

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// mostRight is how many further right ones it is worth counting: nobody waits
// for more.
const mostRight = 10_000

// percent words a share with as many of one decimal as it has: 90%, 90.9%.
func percent(share float64) string { return percentTo(share, 1) }

func percentTo(share float64, decimals int) string {
	s := strconv.FormatFloat(share*100, 'f', decimals, 64)
	if strings.Contains(s, ".") {
		s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	}
	return s + "%"
}

// beside words a share so that it doesn't read as reaching a limit that it
// misses by less than is shown.
func beside(share, limit float64) string {
	for decimals := 1; decimals < 6; decimals++ {
		s := percentTo(share, decimals)
		if share >= limit || s != percentTo(limit, decimals) {
			return s
		}
	}
	return "just under " + percent(limit)
}

// shortOf is a record in one line beside the gate, without saying whether it is
// met: callers do.
func shortOf(rules Rules, g Gate, r *record) string {
	w := r.window
	if g.MinPrecision <= 0 && g.MinLabelled > 0 && w.Right >= g.MinLabelled {
		return fmt.Sprintf("%d of %s right (gate %d)", w.Right, plural(w.Labelled(), "labelled episode"), g.MinLabelled)
	}
	if g.MinPrecision <= 0 {
		return fmt.Sprintf("%s (gate %d)", plural(w.Episodes, "episode"), g.MinEpisodes)
	}
	if w.Labelled() == 0 {
		return fmt.Sprintf("%s, none labelled (gate %s)", plural(w.Episodes, "episode"), percent(g.MinPrecision))
	}
	low, _ := Wilson(w.Right, w.Labelled(), rules.Confidence)
	short := fmt.Sprintf("%d of %d right, at least %s (gate %s)", w.Right, w.Labelled(), beside(low, g.MinPrecision), percent(g.MinPrecision))
	if low >= g.MinPrecision && !Sequential(r.whole.Right, r.whole.Rest(), g.MinPrecision, rules.Confidence) {
		low := SequentialLow(r.whole.Right, r.whole.Rest(), rules.Confidence)
		short += fmt.Sprintf("; %d of all %d known to be right, at least %s at any look",
			r.whole.Right, r.whole.Episodes, beside(low, g.MinPrecision))
	}
	return short
}

// quoteFailed has the short form of a gate that is not met quote a check that
// failed: the first of them, where what shortOf quotes is met.
func (v *Verdict) quoteFailed(g Gate) {
	failed := v.Failed()
	for _, c := range failed {
		if c.Key == CheckPrecision || c.Key == CheckAnyTime || c.Key == CheckDetector || c.Key == CheckEpisodes && g.MinPrecision <= 0 {
			return
		}
	}
	if len(failed) > 0 {
		v.Short = failed[0].quote()
	}
}

// quote is a check as the short form of a gate has it.
func (c Check) quote() string { return fmt.Sprintf("%s: %s (gate %s)", c.What, c.Observed, c.Limit) }

// manyRight words how many right ones in a row would do.
func manyRight(passes func(more int) bool) string {
	n := fewest(passes, mostRight)
	if n < 0 {
		return fmt.Sprintf("more than %d right ones in a row", mostRight)
	}
	return fmt.Sprintf("%s in a row would do", plural(n, "more right one"))
}

func manyRuns(r Reliability, limit, confidence float64) string {
	n := fewest(func(more int) bool {
		low, _ := Wilson(r.Good+more, r.Good+r.Bad+more, confidence)
		return low >= limit
	}, mostRight)
	if n < 0 {
		return fmt.Sprintf("more than %d good runs in a row", mostRight)
	}
	return fmt.Sprintf("%s in a row would do", plural(n, "more good run"))
}

// fewest is the smallest n with which a test passes that passes for all above
// it, too; −1 where most doesn't.
func fewest(passes func(n int) bool, most int) int {
	if !passes(most) {
		return -1
	}
	low, high := -1, most
	for high-low > 1 {
		middle := low + (high-low)/2
		if passes(middle) {
			high = middle
		} else {
			low = middle
		}
	}
	return high
}

// plural words a count: 1 episode, 2 episodes.
func plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func pluralAre(n int, what string) string {
	if n == 1 {
		return "1 " + what + " is"
	}
	return plural(n, what) + " are"
}

// trim words a number with two digits behind the point at most.
func trim(v float64) string {
	return strconv.FormatFloat(math.Round(v*1e6)/1e6, 'f', -1, 64)
}

// near is a measured value as people read it: three digits of it.
func near(v float64) string { return strconv.FormatFloat(v, 'g', 3, 64) }
