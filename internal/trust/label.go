package trust

import (
	"fmt"
	"slices"
	"time"
)

// Label says whether the detector was right about a case. Labels are ordered:
// a higher value is worse. The zero value says that nobody knows.
type Label uint8

// The labels.
const (
	Unlabelled Label = iota
	Right            // the host was bad, and taking it out was the thing to do
	Unclear          // somebody looked and can't say
	Wrong            // the host was well, or should not have been touched
)

var labelWords = [...]string{"", "right", "unclear", "wrong"}

// String is the label's word; empty for Unlabelled.
func (l Label) String() string {
	if int(l) < len(labelWords) {
		return labelWords[l]
	}
	return fmt.Sprintf("label(%d)", uint8(l))
}

// MarshalText implements encoding.TextMarshaler.
func (l Label) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Label) UnmarshalText(b []byte) error {
	i := slices.Index(labelWords[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is not a label: use right, wrong or unclear", b)
	}
	*l = Label(i)
	return nil
}

// Source says where a statement comes from.
type Source string

// The sources, strongest first. Strength holds their order.
const (
	SourcePerson    Source = "person"          // a button, or `warden label`
	SourceDeny      Source = "deny"            // denied, with a reason that says something of the host
	SourceUndo      Source = "undo"            // undone as fixed or was-fine
	SourceRecovered Source = "recovered_alone" // good again while nothing was done
	SourceStayed    Source = "stayed_bad"      // bad for a long time while nothing was done
	SourceHand      Source = "other_hand"      // somebody took out that one host, outside a deploy
	SourceNoData    Source = "no_data"         // unknown until the case was closed
)

// maxStrength is that of the strongest source.
const maxStrength = 5

// Strength orders sources: a statement of a stronger one overrules all of
// weaker ones. It is 0 for a word that is no source.
func (s Source) Strength() int {
	switch s {
	case SourcePerson:
		return maxStrength
	case SourceDeny, SourceUndo:
		return 4
	case SourceRecovered, SourceStayed:
		return 3
	case SourceHand:
		return 2
	case SourceNoData:
		return 1
	}
	return 0
}

// OfPeople reports whether a source is a person, by whatever way they spoke.
func (s Source) OfPeople() bool { return s.Strength() >= SourceDeny.Strength() }

// Statement is one word on a case, with who or what said it. A
// correction is a newer statement of the same speaker; see Bounded for what is
// kept of the older ones.
type Statement struct {
	// Label is Unlabelled where a person took back what they had said.
	Label  Label     `json:"label"`
	Source Source    `json:"source"`
	By     string    `json:"by"`            // the person's name, or "warden"
	Via    string    `json:"via,omitempty"` // the surface it came through
	At     time.Time `json:"at"`
	// Lowers says that whoever said it may not approve: their word counts where it
	// makes the case worse, and hides no weaker word.
	Lowers bool   `json:"lowers,omitempty"`
	Note   string `json:"note,omitempty"`
}

// Repeats reports whether a speaker's word adds nothing to their newest one. Who may
// approve by now says it anew; who may no longer takes nothing back by it.
func (s Statement) Repeats(last Statement) bool {
	return s.Label == last.Label && s.Note == last.Note && (s.Lowers || !last.Lowers)
}

// Words says who or what labels come from, for people: "3 by denials". A source
// of a newer build is its own word.
func (s Source) Words() string {
	switch s {
	case SourcePerson:
		return "people"
	case SourceDeny:
		return "denials"
	case SourceUndo:
		return "undos"
	case SourceRecovered:
		return "recovering alone"
	case SourceStayed:
		return "staying bad"
	case SourceHand:
		return "another hand"
	case SourceNoData:
		return "no data"
	}
	return string(s)
}
