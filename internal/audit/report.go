package audit

import "slices"

// The kinds of findings.
const (
	FoundEdited     = "edited"       // a line is not what was written
	FoundReordered  = "reordered"    // lines stand in another order
	FoundDuplicated = "duplicated"   // a line or file is there twice
	FoundMissing    = "missing"      // lines in the middle are gone
	FoundCutTail    = "cut_tail"     // lines at the end are gone
	FoundNoFile     = "missing_file" // a file is gone
	FoundForeign    = "foreign_file" // a file of another cluster or node
	FoundRenamed    = "renamed_file" // a file has another one's name
	FoundGarbage    = "garbage"      // something that is no line of warden's
	FoundUnrecorded = "unrecorded_gap"
	FoundRewritten  = "rewritten" // whole in itself, but not what was applied
	FoundDiffers    = "differs"   // two nodes' files disagree
	FoundGap        = "gap"       // recorded: no damage
	FoundTorn       = "torn"      // the last line is not finished yet: no damage
	FoundSetAside   = "set_aside" // a file that warden moved away: no damage
)

// Finding is one thing that Verify found.
type Finding struct {
	Kind string `json:"kind"`
	// Damage is false for what is told and nothing is wrong with.
	Damage bool `json:"damage"`
	// File and Line say where; Line is 0 for a whole file.
	File string `json:"file,omitempty"`
	Line int    `json:"line,omitempty"`
	// Index is the entry's; 0 where it isn't about one.
	Index uint64 `json:"index,omitempty"`
	// Field is what of an edited line is not what was written.
	Field string `json:"field,omitempty"`
	// From and To are the heads on both sides of what is not there.
	From *Head `json:"from,omitempty"`
	To   *Head `json:"to,omitempty"`
	// Text says it for people.
	Text string `json:"text"`
}

// The verdicts on one node's files.
const (
	VerdictFine    = "fine"
	VerdictDamaged = "damaged"
	// VerdictUnanchored: nothing is wrong with what is there, and nobody can say
	// whether lines at the end are missing, or all of them were written anew.
	VerdictUnanchored = "unanchored"
)

// Anchor is a head that somebody else knows: the ledger, or the node's own note.
type Anchor struct {
	// Name says whose it is, for people.
	Name string `json:"name"`
	Head
	// Fits says that the files have that head at that index.
	Fits bool `json:"fits"`
	// Weak is an anchor that lies beside the files, and can be changed with them.
	Weak bool `json:"weak,omitempty"`
	// Past is an anchor of a moment that is over, such as a snapshot's: it says
	// nothing of what came behind it, and so not that nothing is missing there.
	Past bool `json:"past,omitempty"`
}

// Report is what Verify found in one node's files.
type Report struct {
	Path    string `json:"path"`
	Node    string `json:"node,omitempty"`
	Cluster string `json:"cluster,omitempty"`
	Verdict string `json:"verdict"`
	Files   int    `json:"files"`
	Entries int    `json:"entries"`
	// First and Last are the first and the last entry's.
	First    Head      `json:"first"`
	Last     Head      `json:"last"`
	Anchors  []Anchor  `json:"anchors"`
	Findings []Finding `json:"findings"`
}

// judge sums up.
func (r *Report) judge() {
	r.Verdict = VerdictUnanchored
	for _, a := range r.Anchors {
		if a.Fits && (!a.Past || a.Index >= r.Last.Index) {
			r.Verdict = VerdictFine
		}
	}
	for _, f := range r.Findings {
		if f.Damage {
			r.Verdict = VerdictDamaged
		}
	}
}

// Doubt takes back a "fine" that rests on a note beside the files alone: who asked
// somebody else wants no word that whoever cut the files could have changed.
func (r *Report) Doubt() {
	vouched := slices.ContainsFunc(r.Anchors, func(a Anchor) bool { return a.Fits && !a.Weak && (!a.Past || a.Index >= r.Last.Index) })
	if r.Verdict == VerdictFine && !vouched {
		r.Verdict = VerdictUnanchored
	}
}

// Damaged reports whether something is wrong with the files.
func (r *Report) Damaged() bool { return r.Verdict == VerdictDamaged }
