package trust

import "slices"

// Bounds of what is kept of the statements about one case.
const (
	MaxSaid   = 64 // in all
	MaxSaidBy = 8  // of one speaker
	// reserved is for how many people's words of each kind there is always room.
	reserved = 2
)

// Hear returns what is kept of all about a case once more is said, in one breath, and
// whether there is room for it: where not, nothing changes. A word that counts is never
// pushed out by another's: who has been heard is heard until they take it back. So where
// the room is full it is the newcomer that is refused, and only one of a kind of which
// others are kept: of that label, of as strong a source, by people who may approve or
// by others. Of each kind there is room for some, whatever is said of the
// others: neither what makes a case worse nor what approvers say is kept away by a crowd.
// So the label, and whether people differ, are those that everybody's words add up to.
func Hear(all []Statement, more ...Statement) ([]Statement, bool) {
	next := append(slices.Clip(all), more...)
	if w := weight(next); w > MaxSaid && w > weight(all) {
		return all, false
	}
	return Bounded(next), true
}

// weight is how much room the words take that count: those of each kind, and no less
// than what is reserved for it.
func weight(all []Statement) (sum int) {
	var n [Wrong + 1][maxStrength + 1][2]int
	s := Sample{Said: all}
	for i, said := range all {
		if s.stands(i) {
			n[said.Label][said.Source.Strength()][lowers(said)]++
		}
	}
	for label := range n {
		for strength := range n[label] {
			for low, count := range n[label][strength] {
				sum += max(count, reservedFor(Label(label), strength, low == 1))
			}
		}
	}
	return sum
}

func lowers(s Statement) int {
	if s.Lowers {
		return 1
	}
	return 0
}

// reservedFor is the room for one kind of word: some for each that people say, and one
// for each that is warden's own.
func reservedFor(label Label, strength int, low bool) int {
	switch {
	case label == Unlabelled, low && (label == Right || strength < SourceDeny.Strength()):
		return 0
	case strength >= SourceDeny.Strength():
		return reserved
	case strength == SourceRecovered.Strength() && label != Unclear,
		strength == SourceHand.Strength() && label == Right,
		strength == SourceNoData.Strength() && label == Unclear:
		return 1
	}
	return 0
}

// Bounded returns the statements that are kept of all about a case, in their
// order, oldest first; the argument is not changed. Of each speaker the newest
// MaxSaidBy are kept. Beyond MaxSaid go first what a speaker has replaced, of whoever
// spoke most; then words that were taken back. What counts always stays: see Hear for
// how much that is.
func Bounded(all []Statement) []Statement {
	out := slices.Clone(all)
	for i := range slices.Backward(out) {
		if later(out, i) >= MaxSaidBy {
			out = slices.Delete(out, i, i+1)
		}
	}
	for len(out) > MaxSaid {
		i := spare(out)
		if i < 0 {
			break
		}
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

// spare is the place of the statement that can be done without most easily; negative
// where each counts.
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
	return slices.IndexFunc(all, func(s Statement) bool { return s.Label == Unlabelled || s.Label > Wrong })
}
