package trust

import "slices"

// Bounds of what is kept of the statements about one case.
const (
	MaxSaid   = 64 // in all
	MaxSaidBy = 8  // of one speaker
)

// Bounded returns the statements that are kept of all about a case, in their
// order, oldest first; the argument is not changed. Of each speaker the newest
// MaxSaidBy are kept, so that nobody's words push out another's. Beyond MaxSaid
// go first what a speaker has replaced, of whoever spoke most; then words that
// were taken back; then, of the weakest source, the newest of those that most say
// alike. So the label, and whether people differ, stay what they would be if
// everything were kept, and the strongest word never goes.
func Bounded(all []Statement) []Statement {
	out := slices.Clone(all)
	for i := len(out) - 1; i >= 0; i-- {
		if later(out, i) >= MaxSaidBy {
			out = slices.Delete(out, i, i+1)
		}
	}
	for len(out) > MaxSaid {
		i := spare(out)
		out = slices.Delete(out, i, i+1)
	}
	return out
}

// sameSpeaker reports whether two statements are one speaker's.
func sameSpeaker(a, b Statement) bool { return a.Source == b.Source && a.By == b.By }

// later counts what the speaker of a statement has said since.
func later(all []Statement, i int) (n int) {
	for _, o := range all[i+1:] {
		if sameSpeaker(o, all[i]) {
			n++
		}
	}
	return n
}

// spare is the place of the statement that can be done without most easily.
func spare(all []Statement) int {
	most, at := 0, -1
	for i := range all { // a speaker's oldest has the most behind it
		if n := later(all, i); n > most {
			most, at = n, i
		}
	}
	if at >= 0 {
		return at
	}
	if i := slices.IndexFunc(all, func(s Statement) bool { return s.Label == Unlabelled || s.Label > Wrong }); i >= 0 {
		return i
	}
	weakest := slices.MinFunc(all, func(a, b Statement) int { return a.Source.Strength() - b.Source.Strength() }).Source.Strength()
	var said [Wrong + 1]int
	for _, s := range all {
		if s.Source.Strength() == weakest {
			said[s.Label]++
		}
	}
	label := Right
	for l := Right; l <= Wrong; l++ {
		if said[l] > said[label] {
			label = l
		}
	}
	for i, s := range slices.Backward(all) {
		if s.Source.Strength() == weakest && s.Label == label {
			return i
		}
	}
	return len(all) - 1
}
