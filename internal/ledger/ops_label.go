package ledger

import (
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// CaseLabel is a person saying whether the detector was right about a case, or
// taking back what they had said. A later word of theirs replaces it; nobody's
// word is ever lost. Anybody may say wrong or unclear; the engine lets only
// those say right who may approve.
type CaseLabel struct {
	Case  remedy.CaseID `json:"case"`
	Label trust.Label   `json:"label,omitempty"`
	Note  string        `json:"note,omitempty"`
	// Withdraw takes the person's word back; Label is empty then.
	Withdraw bool `json:"withdraw,omitempty"`
	// Lowers says that the person may not approve the action: see
	// trust.Statement. The engine knows who may.
	Lowers bool `json:"lowers,omitempty"`
	// Of names, with Withdraw, another person, whose word against the case's host and
	// action an approver lifts. What they said stays evidence.
	Of string `json:"of,omitempty"`
	// Seen is, with Of, when the newest of their words was said that the approver was
	// shown: see Ledger.Words. One that was said since has been read by nobody, and refuses
	// the lift.
	Seen time.Time `json:"seen,omitzero"`
}

func (*CaseLabel) kind() string { return "case.label" }
func (*CaseLabel) since() int   { return 3 }

func (b *CaseLabel) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil && b.Case > 0 && b.Case <= m.lastCase:
		return refuse(RefusedNoCase, "%s is no longer kept: what was said of it counts as it is", b.Case)
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case !x.by.Person:
		return refuse(RefusedPerson, "only a person may label a case")
	case b.Withdraw == (b.Label != trust.Unlabelled), b.Of != "" && !b.Withdraw:
		return refuse(RefusedBad, "say right, wrong or unclear, or take your word back")
	case b.Lowers && b.Label == trust.Right:
		return refuse(RefusedPerson, "right is for those to say who may approve: anybody may say wrong")
	case c.Detector == "":
		return refuse(RefusedNothing, "%s was run by hand: there is no detector to be right or wrong", c.ID)
	case b.Of != "" && b.Of != x.by.Name:
		return m.liftWord(c, b, x)
	case b.Withdraw && !spoke(m.sample(c), x.by.Name) && m.objects(c, x.by.Name, true):
		return m.takeBack(c, b, x)
	case m.sample(c) == nil && b.Label == trust.Wrong && (c.Open() || c.ProposedAt.IsZero()):
		return m.wrongWithoutSample(c, b, x)
	case m.sample(c) == nil && c.actedItself() && b.Label == trust.Wrong:
		return refuse(RefusedNothing, "%s is counted in numbers only by now: what was said of it stands; `warden demote %s --pool %s --to confirm --reason TEXT` lowers the level", c.ID, c.Action, c.Pool)
	case m.sample(c) == nil && !c.ProposedAt.IsZero():
		return refuse(RefusedNothing, "%s is counted in numbers only by now: what was said of it stands", c.ID)
	case m.sample(c) == nil:
		return refuse(RefusedNothing, "warden never proposed anything about %s: there is nothing to be right or wrong about", c.ID)
	}
	said := trust.Statement{Label: b.Label, Source: trust.SourcePerson, By: x.by.Name, Via: x.by.Via, Note: b.Note, Lowers: b.Lowers && !b.Withdraw}
	say, earlier := instead(m.sample(c), said)
	if b.Withdraw && len(say) == 0 {
		return refuse(RefusedNothing, "%s has said nothing about %s that could be taken back", x.by.Name, c.ID)
	}
	stood, before := m.hears(c), m.sample(c).Resolve()
	if said.Label == trust.Wrong && !m.hasRoom(c, said, x) {
		return noRoom(c)
	}
	again := len(say) == 1 && say[0] == said && m.repeats(c, lastOf(m.sample(c), said.Source, said.By), said)
	counted := again || m.sayAll(c, trust.WhyWrong, x, say...)
	if !counted && said.Label != trust.Wrong { // a wrong binds all the same
		if earlier != trust.Unlabelled {
			return refuse(RefusedBad, "so many people say %s about %s that no more are kept: take back what you said before, then theirs count", b.Label, c.ID)
		}
		return refuse(RefusedBad, "so many people say %s about %s that no more are kept, and one more would change nothing: `warden show %s` says who they are", b.Label, c.ID, c.ID)
	}
	objected := m.objects(c, x.by.Name, false)
	gone := m.objectsAs(c, said, x)
	c = m.edit(c, x)
	c.madeRoom(gone, x.by.Name, x)
	switch {
	case !counted:
		x.led("%s", uncounted)
		if objected {
			c.renewed(x)
		} else {
			c.event(x, "labelled "+b.Label.String()+": "+uncounted+suffix(b.Note))
		}
	case b.Withdraw:
		c.event(x, "label taken back"+suffix(b.Note))
	case !again || objected != m.objects(c, x.by.Name, false):
		c.event(x, "labelled "+b.Label.String()+suffix(b.Note))
	case said.Label == trust.Wrong:
		c.renewed(x)
	}
	after := m.sample(c).Resolve()
	void, tell := m.heard(c, stood, x)
	if counted && earlier != trust.Unlabelled || tell || after.Conflict && (!before.Conflict || after.Label != before.Label) {
		m.notify(Notice{Kind: NoticeLabel, Case: c.ID, Pool: c.Pool, Detail: labelWords(said, earlier, after) + void}, x)
	}
	return done(c.ID)
}

// spoke reports whether the speaker has a word of their own in the evidence about a
// case that they have not taken back.
func spoke(s *trust.Sample, by string) bool { return s != nil && len(s.Own(by)) > 0 }

// uncounted is a wrong that is kept as a word and not as evidence.
const uncounted = "so many say so that it isn't counted as evidence; it keeps warden from acting all the same"

// objectsAs keeps, or ends, what somebody says against a case, by their label. It
// returns the word that made room for theirs; mostly nil.
func (m *machine) objectsAs(c *Case, said trust.Statement, x step) (gone *word) {
	switch said.Label {
	case trust.Wrong:
		m.unsays(c, said.By, x)
		gone, _ = m.speaks(c, said, x) // there is room: the caller has looked
	case trust.Unlabelled:
		m.unsays(c, said.By, x)
	case trust.Right, trust.Unclear:
		m.saysOtherwise(c, said.By, x)
	}
	return gone
}

// instead is what is committed for a person's label: it replaces the one they gave, and
// takes back what they said of the case as they denied or undid, where that was another.
// Whoever takes their word back says nothing for all they had said. earlier is the worst
// of what that changes; Unlabelled for nothing.
func instead(s *trust.Sample, said trust.Statement) (say []trust.Statement, earlier trust.Label) {
	for _, own := range s.Own(said.By) {
		if own.Label == said.Label {
			continue
		}
		earlier = max(earlier, own.Label)
		if own.Source != said.Source || said.Label == trust.Unlabelled {
			back := said
			back.Label, back.Source, back.Lowers = trust.Unlabelled, own.Source, false
			say = append(say, back)
		}
	}
	if said.Label != trust.Unlabelled {
		say = append(say, said)
	}
	return say, earlier
}

// wrongWithoutSample keeps a word against a case that is no evidence one by one: one
// that guardrails have blocked all along, or that stood open in a saved state. It takes
// the level away where the case was acted on: what was done stands in the case itself.
func (m *machine) wrongWithoutSample(c *Case, b *CaseLabel, x step) Result {
	stood, objected := m.hears(c), m.objects(c, x.by.Name, false)
	said := trust.Statement{Label: b.Label, Source: trust.SourcePerson, By: x.by.Name, Via: x.by.Via, Note: b.Note, Lowers: b.Lowers}
	gone, ok := m.speaks(c, said, x)
	if !ok {
		return noRoom(c)
	}
	c = m.edit(c, x)
	c.madeRoom(gone, x.by.Name, x)
	if objected && b.Note == "" {
		c.renewed(x)
	} else {
		c.event(x, "labelled "+b.Label.String()+suffix(b.Note))
	}
	if c.actedItself() {
		m.demoteFor(c, m.rules().Demote.OnFalsePositive, trust.WhyWrong, "", x)
	}
	if void, tell := m.heard(c, stood, x); tell {
		m.notify(Notice{Kind: NoticeLabel, Case: c.ID, Pool: c.Pool, Detail: x.by.Name + " says wrong" + suffix(b.Note) + void}, x)
	}
	return done(c.ID)
}

// takeBack takes back what a person said of the host and action of a case of which
// they have said nothing that is evidence: of it, or else of the others. It is no
// evidence any more either.
func (m *machine) takeBack(c *Case, b *CaseLabel, x step) Result {
	by, stood := x.by.Name, m.hears(c)
	here := m.objects(c, by, false)
	ended := m.pool(c.Pool).endWords(c.Host, c.Action, func(w word) bool { return w.By == by && w.Otherwise == 0 && (!here || w.About == c.ID) })
	for _, w := range ended {
		of := m.find(w.About)
		if of == nil || of.ID == c.ID || !spoke(m.sample(of), by) {
			continue // counted in numbers only
		}
		back, _ := instead(m.sample(of), trust.Statement{Source: trust.SourcePerson, By: by, Via: x.by.Via, Note: b.Note})
		m.sayAll(of, trust.WhyWrong, x, back...)
		m.edit(of, x).event(x, "label taken back"+suffix(b.Note))
	}
	c = m.edit(c, x)
	c.event(x, "what "+by+" said of "+aboutWords(ended)+" was taken back"+suffix(b.Note))
	m.heard(c, stood, x)
	return done(c.ID)
}

// liftWord lifts, for an approver, what somebody else says against the host and action
// of a case. It is told to everybody: they may say it again.
func (m *machine) liftWord(c *Case, b *CaseLabel, x step) Result {
	if b.Lowers {
		return refuse(RefusedPerson, "what %s says is for %s, or for those who may approve, to take back", b.Of, b.Of)
	}
	stood := m.hears(c)
	var newest time.Time
	for _, w := range m.findPool(c.Pool).wordsOn(c.Host, c.Action) {
		if w.By == b.Of {
			newest = later(newest, w.At)
		}
	}
	switch {
	case b.Seen.After(x.at) && b.Seen.After(newest): // words of one instant are told apart by later ones
		return refuse(RefusedBad, "nobody has seen what is after %s: look with `warden show %s`, then lift it", x.at.Format(timeLayout), c.ID)
	case newest.After(stamp(b.Seen)):
		return refuse(RefusedDecided, "%s said more than you were shown, at %s: see `warden show %s`, then lift it again", b.Of, newest.Format(timeLayout), c.ID)
	}
	ended := m.pool(c.Pool).endWords(c.Host, c.Action, func(w word) bool { return w.By == b.Of })
	if len(ended) == 0 {
		return refuse(RefusedNothing, "no word of %q stands against %s on %s: `warden show %s` says whose do", b.Of, c.Action, c.Host, c.ID)
	}
	what := "what " + b.Of + " said of " + aboutWords(ended) + " keeps nothing from being done any more"
	c = m.edit(c, x)
	c.event(x, what+suffix(b.Note))
	m.notify(Notice{Kind: NoticeLabel, Case: c.ID, Pool: c.Pool, Detail: x.by.Name + " lifts it: " + what + suffix(b.Note)}, x)
	m.heard(c, stood, x)
	return done(c.ID)
}

// aboutWords name the cases that words are about.
func aboutWords(all []word) string {
	names := make([]string, len(all))
	for i, w := range all {
		names[i] = w.About.String()
	}
	return strings.Join(names, ", ")
}

// labelWords say a correction, or that people differ, and what counts.
func labelWords(said trust.Statement, earlier trust.Label, after trust.Resolution) string {
	words := said.By + " says " + said.Label.String()
	if said.Label == trust.Unlabelled {
		words = said.By + " takes a label back"
	}
	if earlier != trust.Unlabelled {
		words += ", and had said " + earlier.String()
	}
	if after.Conflict {
		words += "; people differ"
	}
	counts := after.Label.String()
	if after.Label == trust.Unlabelled {
		counts = "nothing"
	}
	return words + "; " + counts + " counts" + suffix(said.Note)
}

// CaseStayed commits that a host stayed bad for long enough with nothing done,
// which says that its detector was right. Only time counts in which its verdict was
// bad and this tenure's leader looked. Warden proposes it.
type CaseStayed struct {
	Case remedy.CaseID `json:"case"`
}

func (*CaseStayed) kind() string { return "case.stayed" }
func (*CaseStayed) since() int   { return 3 }

func (b *CaseStayed) apply(m *machine, x step) Result {
	c := m.find(b.Case)
	switch {
	case c == nil:
		return refuse(RefusedNoCase, "there is no case %s", b.Case)
	case x.by.Person:
		return refuse(RefusedPerson, "warden says that by itself: a person labels with `warden label %s right`", c.ID)
	case !m.unstayed(c, x.at):
		return refuse(RefusedStage, "%s has not stayed bad for %s with nothing done", c.ID, m.rules().StayedBad)
	}
	m.say(c, itself(trust.Right, trust.SourceStayed, ""), trust.WhyWrong, x) // for it there is always room
	c = m.edit(c, x)
	c.event(x, "stayed bad with nothing done")
	return done(c.ID)
}

// unstayed reports whether the host of an open case has stayed bad for long
// enough, with nothing done by anybody, and nobody has said so yet. While a case
// waits its host is not judged.
func (m *machine) unstayed(c *Case, at time.Time) bool {
	switch c.Stage {
	case remedy.StageDetected, remedy.StageProposed:
	case remedy.StageWaiting, remedy.StageExecuting, remedy.StageVerifying, remedy.StageOut, remedy.StageClosed:
		return false
	}
	if c.ProposedAt.IsZero() || !c.untouched() || c.Latest == nil || c.Latest.Verdict != remedy.VerdictBad {
		return false
	}
	s := m.sample(c)
	if s == nil || m.looked(s, at)-c.notBad(at) < m.rules().StayedBad || lastOf(s, trust.SourceStayed, remedy.Warden().Name) != nil {
		return false
	}
	_, out := slices.BinarySearchFunc(m.findPool(c.Pool).Out, c.Host, outByHost)
	return !out
}
