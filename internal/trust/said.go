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
// were taken back; then the newest of those that most say alike, of as strong a
// source, as approvers or not; of equally many, the weakest. There are fewer kinds
// than words that are kept, so none goes that is the only one of its kind. So the
// label, and whether people differ, stay what they would be if everything were kept.
func Bounded(all []Statement) []Statement {
	out := slices.Clone(all)
	for i := range slices.Backward(out) {
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
	last, n := len(all)-1, 0
	for i, s := range slices.Backward(all) {
		alike := 0
		for _, o := range all {
			if o.alike(s) {
				alike++
			}
		}
		if alike > n || alike == n && s.Source.Strength() < all[last].Source.Strength() {
			last, n = i, alike
		}
	}
	return last
}

// alike reports whether two statements do the same to a case, whoever's they are.
func (s Statement) alike(o Statement) bool {
	return s.Label == o.Label && s.Lowers == o.Lowers && s.Source.Strength() == o.Source.Strength()
}
