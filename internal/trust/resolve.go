package trust

import (
	"cmp"
	"slices"
)

// Resolution is the one label that a case's statements add up to.
type Resolution struct {
	// Label is Unlabelled where nobody has a word.
	Label Label `json:"label"`
	// Source and By are those of the oldest statement that says Label, of those
	// that count.
	Source Source `json:"source,omitempty"`
	By     string `json:"by,omitempty"`
	// Conflict says that those that count don't all say Label.
	Conflict bool `json:"conflict,omitempty"`
	// Counts are the statements that count: the newest ones of the speakers with
	// the strongest sources of which one says Label, oldest first.
	Counts []Statement `json:"counts,omitempty"`
}

// Resolve works out a case's label. A speaker is a source with a name, and
// their newest statement is what they say; Unlabelled takes back what they
// said before. Of the statements with the strongest source the worst wins. So
// the order in which different speakers spoke makes no difference. The word of one
// who may not approve counts beside those that are no stronger, and hides none: what
// makes a case look better is an approver's, whoever came first. Statements of a
// source or with a label that this build doesn't know say nothing.
func (s Sample) Resolve() Resolution {
	strongest, worst := s.resolve()
	if worst == Unlabelled {
		return Resolution{}
	}
	r, top := Resolution{Label: worst}, 0
	for i := range s.Said {
		if s.Said[i].Label == worst && s.counts(i, strongest) {
			top = max(top, s.Said[i].Source.Strength())
		}
	}
	for i := range s.Said {
		if s.Said[i].Source.Strength() == top && s.counts(i, strongest) {
			r.Counts = append(r.Counts, s.Said[i])
		}
	}
	slices.SortStableFunc(r.Counts, func(a, b Statement) int {
		return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Source, b.Source), cmp.Compare(a.By, b.By))
	})
	for _, said := range r.Counts {
		switch {
		case said.Label != worst:
			r.Conflict = true
		case r.Source == "":
			r.Source, r.By = said.Source, said.By
		}
	}
	return r
}

// Label is Resolve's label alone, without an allocation.
func (s *Sample) Label() Label {
	_, l := s.resolve()
	return l
}

// resolve returns the strongest strength with a word that may hide others, 0 for
// none, and the worst word of those that count.
func (s *Sample) resolve() (strongest int, worst Label) {
	for i := range s.Said {
		if said := &s.Said[i]; !said.Lowers && said.Source.Strength() > strongest && s.stands(i) {
			strongest = said.Source.Strength()
		}
	}
	for i := range s.Said {
		if l := s.Said[i].Label; l > worst && s.counts(i, strongest) {
			worst = l
		}
	}
	return strongest, worst
}

// counts reports whether statement i is hidden by none of the strongest strength
// that hides others.
func (s *Sample) counts(i, strongest int) bool {
	strength := s.Said[i].Source.Strength()
	return strength > 0 && strength >= strongest && s.stands(i)
}

// stands reports whether statement i is its speaker's newest and says something.
// Of two at the same instant the one that stands later is newer: the ledger
// keeps them in the order in which they were committed.
func (s *Sample) stands(i int) bool {
	said := &s.Said[i]
	if said.Label == Unlabelled || said.Label > Wrong || said.Lowers && said.Label == Right {
		return false
	}
	for j := range s.Said {
		other := &s.Said[j]
		if j == i || other.Label > Wrong || other.Source != said.Source || other.By != said.By {
			continue
		}
		if other.At.After(said.At) || j > i && other.At.Equal(said.At) {
			return false
		}
	}
	return true
}

// Own are the words of a person on a case that they have neither replaced nor taken
// back: one of each way in which they spoke, a label, a denial, an undo.
func (s *Sample) Own(by string) (own []Statement) {
	for i, said := range s.Said {
		if said.By == by && said.Source.OfPeople() && s.stands(i) {
			own = append(own, said)
		}
	}
	return own
}

// Eases reports whether a person's label would make the case look better than it does
// without it: wrong is worse than what nobody knows, and that is worse than
// right. Whoever has spoken before may take that back, by whatever way they did, so
// what they say instead is held against what is left then, too. One that Lowers is held to what it would
// be as an approver's: it is better refused than kept without any effect.
func (s Sample) Eases(said Statement) bool {
	silent, with := s, s
	said.Lowers = false
	back := slices.Clone(s.Said)
	for _, own := range s.Own(said.By) {
		own.Label, own.At = Unlabelled, said.At
		back = append(back, own)
	}
	silent.Said, with.Said = back, append(slices.Clone(back), said)
	return badness(with.Label()) < min(badness(s.Label()), badness(silent.Label()))
}

// badness orders labels by what they do to the numbers. What is unclear and what
// is unlabelled count alike: as wrong in the sequential bound, and as nothing in
// precision.
func badness(l Label) int {
	switch l {
	case Right:
		return 0
	case Wrong:
		return 2
	case Unlabelled, Unclear:
	}
	return 1
}
