package trust

import (
	"fmt"
	"math"
	"strconv"

	"warden/internal/remedy"
)

// ExplainChanged is what a message says of the cause where the detector is another
// one than the record's by now, and has the settings of now: the one that would have
// kept the case away, with what it would have cost the record, or that none does and
// what would. Zero settings are those of a detector that is not there any more. The
// record's own settings are kept nowhere; the case has the threshold that it was
// judged by.
func ExplainChanged(r Record, wrong Sample, now Settings) string {
	said := fmt.Sprintf("%s has been changed since", r.Detector)
	if now == (Settings{}) {
		return fmt.Sprintf("%s is gone from the config since, so there is no setting of it to change.", r.Detector)
	}
	if kept, ok := keptAway(&r, &wrong, now); ok {
		said += fmt.Sprintf(": %s, and `%s = %s`, as it is now, would have kept it away.", kept.Cause, kept.Key, kept.To)
		if kept.Rights < enoughRights {
			return said + fmt.Sprintf(" With %s on the record of then nobody can say what that costs.", plural(kept.Rights, "right call"))
		}
		return said + fmt.Sprintf(" On the record of then it costs %d of %s and removes %s.", len(kept.Costs), plural(kept.Rights, "right call"), plural(len(kept.Removes), "wrong call"))
	}
	return said + ", and no setting as it is now would have kept it away. " + ExplainWrong(Suggest(r, wrong, now))
}

// keptAway is the first of the settings that keeps a case away as it stands.
func keptAway(r *Record, wrong *Sample, now Settings) (Suggestion, bool) {
	key, set := "bad_below", now.BadBelow
	if wrong.Direction == remedy.Above {
		key, set = "bad_above", now.BadAbove
	}
	direction := wrong.Direction
	if limit, known := set.Get(); known && wrong.HasValue && finite(wrong.Value) {
		removed := func(s *Sample) bool {
			return s.HasValue && s.Direction == direction && !(remedy.Term{Direction: direction, Bad: limit}).IsBad(s.Value)
		}
		if removed(wrong) {
			s := Suggestion{Key: key, From: trim(wrong.Bad), To: trim(limit), Cause: fmt.Sprintf("%s was %s, %s %s", wrong.Host, near(wrong.Value), direction, near(wrong.Bad))}
			return s.weigh(r, removed), true
		}
	}
	sooner := func(s *Sample) bool {
		bad, ended := s.badInAll()
		return ended && bad < now.For
	}
	if sooner(wrong) {
		bad, _ := wrong.badInAll()
		s := Suggestion{Key: "for", To: strconv.Quote(remedy.Span(now.For)), Cause: fmt.Sprintf("%s was good again by itself after %s", wrong.Host, remedy.Span(bad))}
		return s.weigh(r, sooner), true
	}
	// Common mode is more than max(1, floor(fraction × N)) at once.
	many := func(s *Sample) bool {
		return now.MaxBadFraction > 0 && s.N > 0 && s.BadHosts > max(1, int(math.Floor(now.MaxBadFraction*float64(s.N)+1e-9)))
	}
	if many(wrong) {
		s := Suggestion{Key: "max_bad_fraction", To: trim(now.MaxBadFraction), Cause: fmt.Sprintf("%d of %d hosts were bad at once", wrong.BadHosts, wrong.N)}
		return s.weigh(r, many), true
	}
	return Suggestion{}, false
}
