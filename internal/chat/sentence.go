package chat

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"warden/internal/remedy"
)

// FindingSentence says what a detector saw of a host, with the number, what it
// was held against and for how long: "8% of expected canary data over 10m, bad
// below 50%, for 6m10s". A finding that says nothing says why.
func FindingSentence(f remedy.Finding) string {
	return Clean(findingSentence(f))
}

func findingSentence(f remedy.Finding) string {
	switch f.Verdict {
	case remedy.VerdictBad:
		return measured(f) + ", " + badTerm(f) + badFor(f)
	case remedy.VerdictGood:
		return measured(f) + ", good " + f.Direction.Opposite().String() + " " + limit(f.Clear, f.Unit)
	case remedy.VerdictOut:
		return "not judged: the host is out of service"
	case remedy.VerdictUnknown:
	}
	switch _, known := f.Value.Get(); {
	case f.Reason == remedy.ReasonBetween && known:
		return fmt.Sprintf("%s, neither bad (%s %s) nor good (%s %s)",
			measured(f), f.Direction, limit(f.Bad, f.Unit), f.Direction.Opposite(), limit(f.Clear, f.Unit))
	case f.Reason == remedy.ReasonPending && known:
		return fmt.Sprintf("%s, %s%s: not yet for %s", measured(f), badTerm(f), badFor(f), Span(f.For))
	}
	return "unknown: " + ReasonWords(f.Reason)
}

// badTerm says what is bad: "bad below 50%".
func badTerm(f remedy.Finding) string {
	return "bad " + f.Direction.String() + " " + limit(f.Bad, f.Unit)
}

// measured is the value with its unit and window.
func measured(f remedy.Finding) string {
	over := ""
	if f.Window > 0 {
		over = " over " + Span(f.Window)
	}
	v, ok := f.Value.Get()
	switch {
	case f.Stopped && f.Newest.IsZero():
		return spaced(limit(0, f.Unit), f.Unit) + over + " (the host stopped sending)"
	case f.Stopped:
		return spaced(limit(0, f.Unit), f.Unit) + over + " (the host stopped sending, its newest sample was " + Span(f.At.Sub(f.Newest)) + " old)"
	case !ok:
		return "nothing trustworthy measured" + over
	}
	return spaced(amount(v, f.Unit, f.Bad, f.Clear), f.Unit) + over
}

func spaced(a, b string) string { return strings.TrimSpace(a + " " + b) }

// badFor says how long the run of bad steps is. A finding looks back no
// further than `for`, so a run that fills it may be longer.
func badFor(f remedy.Finding) string {
	if f.BadSince.IsZero() || !f.At.After(f.BadSince) {
		return ""
	}
	d := f.At.Sub(f.BadSince)
	if d == f.For {
		return ", for " + Span(d) + " or longer"
	}
	return ", for " + Span(d)
}

// FindingShort is the finding's number alone, for a headline: "8%" or "412 ms",
// "no data" for a host that stopped sending, "unknown" without a number.
func FindingShort(f remedy.Finding) string {
	v, ok := f.Value.Get()
	switch {
	case f.Stopped:
		return "no data"
	case !ok:
		return "unknown"
	case isRatio(f.Unit):
		return amount(v, f.Unit, f.Bad, f.Clear)
	}
	return Clean(spaced(amount(v, f.Unit, f.Bad, f.Clear), f.Unit))
}

// ReasonWords says in words why a verdict is unknown. A reason it doesn't know
// is given as it is.
func ReasonWords(reason string) string {
	switch reason {
	case remedy.ReasonBetween:
		return "between the thresholds, neither bad nor good"
	case remedy.ReasonPending:
		return "bad now, but not for long enough yet"
	case remedy.ReasonNoSeries:
		return "the source has no series for this host"
	case remedy.ReasonNoValue:
		return "its series has no value at that moment"
	case remedy.ReasonNeverSeen:
		return "the source has not shown this host lately, so nothing can have stopped"
	case remedy.ReasonStale:
		return "its newest sample is too old"
	case remedy.ReasonFewPoints:
		return "too few samples"
	case remedy.ReasonNotANumber:
		return "what was measured is not a number"
	case remedy.ReasonDuplicate:
		return "several series claim to be this host"
	case remedy.ReasonNoFreshness:
		return "the age of its data can't be known without a fresh_query"
	case remedy.ReasonSourceFailed:
		return "the source did not answer, or not in a way that can be read"
	case remedy.ReasonSourceStale:
		return "the source's canary_target is not fresh, so nothing on that source is believed"
	case remedy.ReasonNoExpectation:
		return "how much to expect is missing, zero or not a number"
	case remedy.ReasonFuture:
		return "samples from the future: a clock is wrong"
	case remedy.ReasonManyStopped:
		return "several hosts stopped at once, which is not a host problem"
	case remedy.ReasonPeersNotFresh:
		return "the other hosts are not fresh either, so a stopped host can't be told from a broken pipe"
	case "":
		return "no reason was recorded"
	}
	return Clean(strings.ReplaceAll(reason, "_", " "))
}

// AnswerWords is what a guardrail saw against what limit, and how far it lowers
// the level: "9 of 10 in service after this, limit: floor 6".
func AnswerWords(a remedy.Answer) string { return Clean(answerWords(a)) }

func answerWords(a remedy.Answer) string {
	words := a.Observed
	if a.Limit != "" {
		words += ", limit: " + a.Limit
	}
	if a.Effect == remedy.EffectCap {
		words += ": at most " + a.Cap.String()
	}
	return words
}

// guardrailWord is a guardrail's name as people say it: "pool floor" for
// "pool_floor".
func guardrailWord(name string) string {
	switch name {
	case "max_out":
		return "hosts out"
	case "rate":
		return "rate limit"
	}
	return Clean(strings.ReplaceAll(name, "_", " "))
}

// Span spells a duration in its two largest units: "12s", "6m10s", "5h20m",
// "2d 4h". Below a second it is in milliseconds.
func Span(d time.Duration) string {
	const day = 24 * time.Hour
	if d < 0 {
		return "-" + Span(max(-d, 0))
	}
	if ms := d.Round(time.Millisecond); ms > 0 && ms < time.Second {
		return strconv.FormatInt(ms.Milliseconds(), 10) + "ms"
	}
	// From the smallest unit up, for 59m59.9s is an hour.
	d = d.Round(time.Second)
	if d >= time.Hour {
		d = d.Round(time.Minute)
	}
	if d >= day {
		d = d.Round(time.Hour)
	}
	switch {
	case d < time.Minute:
		return strconv.FormatInt(int64(d/time.Second), 10) + "s"
	case d < time.Hour:
		return pair(d, time.Minute, "m", "", time.Second, "s")
	case d < day:
		return pair(d, time.Hour, "h", "", time.Minute, "m")
	}
	return pair(d, day, "d", " ", time.Hour, "h")
}

// pair spells a duration in two units, the smaller only where it says something.
func pair(d, large time.Duration, unit, between string, small time.Duration, lesser string) string {
	text := strconv.FormatInt(int64(d/large), 10) + unit
	if rest := d % large / small; rest > 0 {
		text += between + strconv.FormatInt(int64(rest), 10) + lesser
	}
	return text
}

// When spells a time of day in a zone, with its date where that differs from
// the reference's: "03:06 UTC". A nil zone is UTC.
func When(t, ref time.Time, zone *time.Location) string {
	zone = cmp.Or(zone, time.UTC)
	t, ref = t.In(zone), ref.In(zone)
	if t.Format(time.DateOnly) == ref.Format(time.DateOnly) {
		return t.Format("15:04 MST")
	}
	return t.Format("2006-01-02 15:04 MST")
}

// isRatio reports whether a unit, such as "of expected canary data", words a
// share of something.
func isRatio(unit string) bool { return strings.HasPrefix(unit, "of ") }

// amount spells a value, as a percentage where the unit is a share. It is
// rounded for reading, but never so far that it would lie on the other side of
// what it is held against: 49.8% stays below 50%.
func amount(v float64, unit string, against ...float64) string {
	suffix, scale := "", 1.0
	if isRatio(unit) {
		suffix, scale = "%", 100
	}
	v *= scale
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return "not a number"
	}
	decimals := 0
	if abs := math.Abs(v); abs < 1 || abs > 99 && abs < 100 {
		decimals = 1
	}
	for ; decimals < 6; decimals++ {
		r := roundTo(v, decimals)
		same := (r == 0) == (v == 0) && (r == 100) == (v == 100)
		for _, limit := range against {
			same = same && side(r, limit*scale) == side(v, limit*scale)
		}
		if same {
			break
		}
	}
	return strconv.FormatFloat(roundTo(v, decimals), 'f', -1, 64) + suffix
}

// side says on which side of a limit v lies; 0 where only the noise of binary
// fractions lies between them.
func side(v, limit float64) int {
	if math.Abs(v-limit) <= 1e-9*max(1, math.Abs(limit)) {
		return 0
	}
	return cmp.Compare(v, limit)
}

func roundTo(v float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(v*p) / p
}

// limit spells a threshold exactly, but for the noise of binary fractions.
func limit(v float64, unit string) string { return amount(v, unit, v) }
