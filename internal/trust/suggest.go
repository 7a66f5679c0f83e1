package trust

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"warden/internal/remedy"
)

// Settings are those of a detector that Suggest can vary. A zero value of For
// or MaxBadFraction is left alone.
type Settings struct {
	// BadBelow and BadAbove are the thresholds of a detector with one term;
	// unknown for every other.
	BadBelow       remedy.Fact[float64] `json:"bad_below"`
	BadAbove       remedy.Fact[float64] `json:"bad_above"`
	For            time.Duration        `json:"for"`
	MaxBadFraction float64              `json:"max_bad_fraction"`
}

// Suggestion is one changed setting that would have kept a wrong case from
// being proposed, with what it would have done to the others of the record.
type Suggestion struct {
	// Key is the setting, From and To its values as the file has them.
	Key  string `json:"key"`
	From string `json:"from"`
	To   string `json:"to"`
	// Cause says what in the numbers of the wrong case points at the setting.
	Cause string `json:"cause"`
	// Removes are the wrong cases that would not have been proposed, the one that
	// was asked about among them; Costs the right ones; Others how many unclear
	// and unlabelled ones.
	Removes []Named `json:"removes"`
	Costs   []Named `json:"costs,omitempty"`
	Others  int     `json:"others,omitempty"`
	// Rights is how many right cases the record has one by one: what Costs is of.
	Rights int `json:"rights"`
	// Later is how much later every other proposal would have come.
	Later time.Duration `json:"later,omitempty"`
}

// String is the suggestion as a sentence.
func (s Suggestion) String() string {
	text := fmt.Sprintf("`%s = %s` instead of %s would have removed %s and cost %s", s.Key, s.To, s.From,
		plural(len(s.Removes), "wrong call"), plural(len(s.Costs), "right call"))
	if s.Later > 0 {
		text += fmt.Sprintf(", and all others would have come %s later", remedy.Span(s.Later))
	}
	return text
}

// Suggest looks for what in the numbers of a wrong case explains it, and for
// the setting that would have kept it away: a stricter threshold, a longer
// `for`, a smaller `max_bad_fraction`. Only settings that remove this case are
// in the answer, those that cost the fewest right ones first. It is empty when
// nothing in the numbers explains the case. What another setting would have
// proposed beyond the record isn't known: every change here is stricter.
func Suggest(r Record, wrong Sample, settings Settings) []Suggestion {
	var found []Suggestion
	add := func(s Suggestion, removed func(s *Sample) bool) {
		if s = s.weigh(&r, removed); removed(&wrong) {
			if !slices.ContainsFunc(s.Removes, func(n Named) bool { return n.Case == wrong.Case }) {
				s.Removes = append(s.Removes, namedOf(&wrong))
			}
			found = append(found, s)
		}
	}
	suggestThreshold(&wrong, settings, add)
	suggestFor(&wrong, settings, add)
	suggestFraction(&wrong, settings, add)
	slices.SortStableFunc(found, func(a, b Suggestion) int {
		return cmp.Or(cmp.Compare(len(a.Costs), len(b.Costs)), cmp.Compare(len(b.Removes), len(a.Removes)),
			cmp.Compare(a.Later, b.Later), cmp.Compare(a.Others, b.Others))
	})
	return found
}

// enoughRights is how many right cases a record must have for what a setting
// would have cost to mean something: with fewer, one that blinds the detector
// looks as if it cost nothing.
const enoughRights = 4

// ExplainWrong is what a message says of the cause: the best suggestion and what
// it would have cost, or why there is none. It recommends nothing that would have
// cost more right cases than it removes wrong ones, or that nobody can weigh.
func ExplainWrong(found []Suggestion) string {
	if len(found) == 0 {
		return "Nothing in the numbers explains it: no threshold, `for` or `max_bad_fraction` would have kept it away without guessing."
	}
	best := found[0]
	said := fmt.Sprintf("Cause I can see: %s. ", best.Cause)
	setting := fmt.Sprintf("`%s = %s`", best.Key, best.To)
	switch {
	case best.Rights < enoughRights:
		return said + fmt.Sprintf("%s would have kept it away; with %s on this record nobody can say what that costs.", setting, plural(best.Rights, "right call"))
	case len(best.Costs) > len(best.Removes):
		return said + fmt.Sprintf("%s would have kept it away, and cost %d of %s: no setting here is worth that.", setting, len(best.Costs), plural(best.Rights, "right call"))
	}
	return said + fmt.Sprintf("Suggest %s: on this record it costs %d of %s and removes %s.", setting,
		len(best.Costs), plural(best.Rights, "right call"), plural(len(best.Removes), "wrong call"))
}

type addSuggestion func(s Suggestion, removed func(s *Sample) bool)

func suggestThreshold(wrong *Sample, settings Settings, add addSuggestion) {
	key, set := "bad_below", settings.BadBelow
	if wrong.Direction == remedy.Above {
		key, set = "bad_above", settings.BadAbove
	}
	from, known := set.Get()
	if !known || !wrong.HasValue || !finite(wrong.Value) {
		return
	}
	to, ok := stricter(wrong.Value, from, wrong.Direction)
	if !ok {
		return
	}
	direction := wrong.Direction
	add(Suggestion{
		Key: key, From: trim(from), To: trim(to),
		Cause: fmt.Sprintf("%s was %s, %s %s", wrong.Host, near(wrong.Value), direction, near(from)),
	}, func(s *Sample) bool {
		return s.HasValue && s.Direction == direction && !(remedy.Term{Direction: direction, Bad: to}).IsBad(s.Value)
	})
}

// stricter is the nearest threshold with two digits past which the value isn't.
func stricter(value, from float64, d remedy.Direction) (float64, bool) {
	unit := 0.01
	if size := math.Abs(value); size > 0 {
		unit = math.Pow(10, math.Floor(math.Log10(size))-1)
	}
	term := remedy.Term{Direction: d}
	// Dividing may leave the value a digit beside a number that it is.
	for step := range 2 {
		n := math.Floor(value/unit+1e-9) - float64(step)
		if d == remedy.Above {
			n = math.Ceil(value/unit-1e-9) + float64(step)
		}
		to, err := strconv.ParseFloat(trim(n*unit), 64)
		if term.Bad = to; err == nil && !term.IsBad(value) {
			return to, remedy.Term{Direction: d, Bad: from}.IsBad(value)
		}
	}
	return 0, false
}

func suggestFor(wrong *Sample, settings Settings, add addSuggestion) {
	bad, ended := wrong.badInAll()
	if settings.For <= 0 || !ended || bad < settings.For {
		return
	}
	to := nice(bad)
	add(Suggestion{
		Key: "for", From: strconv.Quote(remedy.Span(settings.For)), To: strconv.Quote(remedy.Span(to)),
		Cause: fmt.Sprintf("%s was good again by itself after %s", wrong.Host, remedy.Span(bad)),
		Later: to - settings.For,
	}, func(s *Sample) bool {
		bad, ended := s.badInAll()
		return ended && bad < to
	})
}

// badInAll is how long the host was bad until it was good again by itself.
func (s *Sample) badInAll() (time.Duration, bool) {
	if s.GoodAt.IsZero() || !s.GoodAt.After(s.At) {
		return 0, false
	}
	return s.BadFor + s.GoodAt.Sub(s.At), true
}

// nice is the next duration above d that a person would write.
func nice(d time.Duration) time.Duration {
	step := 24 * time.Hour
	for _, s := range []struct{ below, step time.Duration }{
		{2 * time.Minute, 10 * time.Second}, {10 * time.Minute, time.Minute}, {time.Hour, 5 * time.Minute},
		{4 * time.Hour, 15 * time.Minute}, {48 * time.Hour, time.Hour},
	} {
		if d < s.below {
			step = s.step
			break
		}
	}
	return d.Truncate(step) + step
}

func suggestFraction(wrong *Sample, settings Settings, add addSuggestion) {
	if settings.MaxBadFraction <= 0 || wrong.N <= 0 || wrong.BadHosts < 2 {
		return
	}
	// Common mode is more than max(1, floor(fraction × N)) at once.
	over := func(s *Sample, hundredths int) bool { return s.N > 0 && s.BadHosts > max(1, s.N*hundredths/100) }
	to := int(math.Ceil(settings.MaxBadFraction*100-1e-9)) - 1
	for to > 0 && !over(wrong, to) {
		to--
	}
	if to <= 0 {
		return
	}
	add(Suggestion{
		Key: "max_bad_fraction", From: trim(settings.MaxBadFraction), To: trim(float64(to) / 100),
		Cause: fmt.Sprintf("%d of %d hosts were bad at once", wrong.BadHosts, wrong.N),
	}, func(s *Sample) bool { return over(s, to) })
}

// weigh fills in what a change does to the record.
func (s Suggestion) weigh(r *Record, removed func(s *Sample) bool) Suggestion {
	for i := range r.Cases {
		c := &r.Cases[i]
		if c.Label() == Right {
			s.Rights++
		}
		if !removed(c) {
			continue
		}
		switch c.Label() {
		case Wrong:
			s.Removes = append(s.Removes, namedOf(c))
		case Right:
			s.Costs = append(s.Costs, namedOf(c))
		case Unclear, Unlabelled:
			s.Others++
		}
	}
	return s
}

func namedOf(s *Sample) Named {
	said := s.Resolve()
	return Named{
		Case: s.Case, Host: s.Host, At: s.At, Label: said.Label, Source: said.Source, By: said.By, Acted: s.Acted,
	}
}

func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
