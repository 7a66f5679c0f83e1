package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

const (
	// objectionsFor is how long, at least, a word binds after it was said and after its case.
	objectionsFor = 6 * time.Hour
	// maxWordsBy bounds the words of one person on one host and action, each about
	// another case: beyond it their own oldest ends.
	maxWordsBy = 8
	// maxWords bounds the words on one host and action: far more than there are people
	// who look at one host. See machine.room for what is heard beyond it.
	maxWords = 512
)

// Objection is a person's word that the detector is wrong about a case.
type Objection struct {
	trust.Statement
	// About is the case that it was said of: the one that it stands against, or another
	// of the same host and action.
	About remedy.CaseID `json:"about"`
}

// Words say it in a sentence without an end.
func (o Objection) Words() string {
	return fmt.Sprintf("%s says that the detector is wrong about %s", o.By, o.About)
}

// Lift is the command by which an approver lifts it.
func (o Objection) Lift() string {
	return remedy.ShellWords("warden", "label", o.About.String(), "--withdraw", "--of", o.By)
}

// word is a person's wrong, by a label, a denial or an undo, against a host and an
// action. It is theirs: they end it, or an act that was approved after it, an approver
// by name, or its time. What others say, and how the case ends, changes nothing.
type word struct {
	Host   remedy.HostName   `json:"host"`
	Action remedy.ActionName `json:"action"`
	Objection
	// Until ends it for the cases that are opened then or later. It is zero while the
	// case that it is about is open.
	Until time.Time `json:"until,omitzero"`
	// Otherwise is a later case of which its speaker says something else than wrong: it
	// binds nothing while they do. Zero for none.
	Otherwise remedy.CaseID `json:"otherwise,omitempty"`
}

func compareWords(a, b word) int {
	return cmp.Or(cmp.Compare(lowerHost(a.Host), lowerHost(b.Host)), cmp.Compare(a.Action, b.Action), cmp.Compare(a.By, b.By), cmp.Compare(a.About, b.About))
}

// lowerHost is a host's name as words go by it: to the host lock, to the inventory and
// to DNS upper and lower case are one, so an inventory that is spelled anew must not
// shake a word off. Other names of a host are the sources' to map, and reach no case.
func lowerHost(host remedy.HostName) string { return strings.ToLower(string(host)) }

// isOn reports whether a word is on a host and action.
func (w *word) isOn(host remedy.HostName, action remedy.ActionName) bool {
	return w.Action == action && lowerHost(w.Host) == lowerHost(host)
}

// openOn are the open cases of a host and action, in whatever spelling.
func (m *machine) openOn(p *pool, host remedy.HostName, action remedy.ActionName) (all []*Case) {
	for _, id := range p.Open {
		if c := m.find(id); c != nil && c.Action == action && lowerHost(c.Host) == lowerHost(host) {
			all = append(all, c)
		}
	}
	return all
}

// wordsOn are the words on a host and action.
func (p *pool) wordsOn(host remedy.HostName, action remedy.ActionName) []word {
	from, _ := slices.BinarySearchFunc(p.Words, word{Host: host, Action: action}, compareWords)
	to := from
	for to < len(p.Words) && p.Words[to].isOn(host, action) {
		to++
	}
	return p.Words[from:to]
}

// endWords ends the words on a host and action of which it is said, and returns them.
func (p *pool) endWords(host remedy.HostName, action remedy.ActionName, over func(word) bool) (ended []word) {
	for _, w := range p.wordsOn(host, action) {
		if over(w) {
			ended = append(ended, w)
		}
	}
	if len(ended) > 0 {
		p.Words = slices.DeleteFunc(slices.Clone(p.Words), func(w word) bool { return w.isOn(host, action) && over(w) })
	}
	if len(p.Words) == 0 {
		p.Words = nil
	}
	return ended
}

// binds reports whether a word stands against a case of its host and action.
func (w *word) binds(c *Case) bool {
	return w.Otherwise == 0 && (w.Until.IsZero() || c.OpenedAt.Before(w.Until))
}

// newest is the newest of words; of one instant, the one about the latest case; nil of none.
func newest(all []Objection) *Objection {
	if len(all) == 0 {
		return nil
	}
	o := slices.MaxFunc(all, func(a, b Objection) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.About, b.About)) })
	return &o
}

// objections are the words that stand against a case, approved or not: those about
// it, and those with which it began.
func (m *machine) objections(c *Case) []Objection {
	if c.Detector == "" {
		return nil
	}
	var out []Objection
	for _, w := range m.findPool(c.Pool).wordsOn(c.Host, c.Action) {
		if w.binds(c) {
			out = append(out, w.Objection)
		}
	}
	return out
}

// wordsUntil is how long a word binds about a case that is closed: by the action's
// cooldown longer than since it was said, and since warden would look at the host again.
func (m *machine) wordsUntil(c *Case, p *pool, said time.Time) time.Time {
	from := later(c.ClosedAt, said)
	for _, q := range p.Quiets {
		if q.Host == c.Host && q.Action == c.Action {
			from = later(from, q.Until)
		}
	}
	return stamp(after(from, max(objectionsFor, m.cooldown(c.Action, c.Pool))))
}

// outlives gives the words about a case that ends their time. Those about other cases
// keep theirs: nothing but saying it again renews a word.
func (m *machine) outlives(c *Case) {
	p := m.pool(c.Pool)
	if !slices.ContainsFunc(p.wordsOn(c.Host, c.Action), func(w word) bool { return w.About == c.ID }) {
		return
	}
	p.Words = slices.Clone(p.Words)
	for i := range p.Words {
		if w := &p.Words[i]; w.isOn(c.Host, c.Action) && w.About == c.ID {
			w.Until = m.wordsUntil(c, p, w.At)
		}
	}
}

// overruled ends the words from before an execution that was admitted on a detector's
// word and had its effect: whoever had to said yes to it after them. What was said
// since stands, and so does everything where it had no effect. One that bound nothing,
// since its speaker says otherwise of a later case, let the act pass without a yes: it
// ends only if all said yes after it.
func (m *machine) overruled(c *Case, e *Execution) {
	if e.Kind != remedy.KindAct {
		return
	}
	yes := c.Approved()
	m.pool(c.Pool).endWords(c.Host, c.Action, func(w word) bool {
		approved := len(yes) > 0 && !slices.ContainsFunc(yes, func(a CaseReply) bool { return !a.At.After(w.At) })
		return w.At.Before(e.StartedAt) && (w.Otherwise == 0 || approved)
	})
}

// saysOtherwise ends what a person said of a case, of which they say something else now;
// what they said of those before it binds nothing while they do.
func (m *machine) saysOtherwise(c *Case, by string, x step) {
	m.unsays(c, by, x)
	m.otherwise(c, by, func(w *word) {
		if w.About < c.ID {
			w.Otherwise = c.ID
		}
	})
}

// unsays ends what a person said of one case, and that they say something else of it.
// A word that binds again by that counts as said now: while it bound nothing nobody was
// shown it, and a yes was given without it.
func (m *machine) unsays(c *Case, by string, x step) {
	p := m.pool(c.Pool)
	now := p.sayable(x.at)
	m.pool(c.Pool).endWords(c.Host, c.Action, func(w word) bool { return w.By == by && w.About == c.ID })
	m.otherwise(c, by, func(w *word) {
		if w.Otherwise == c.ID {
			w.Otherwise, w.At, p.Spoken = 0, now, now
		}
	})
}

// otherwise changes the words of a person on the host and action of a case.
func (m *machine) otherwise(c *Case, by string, change func(*word)) {
	p := m.pool(c.Pool)
	p.Words = slices.Clone(p.Words)
	for i := range p.Words {
		if w := &p.Words[i]; w.isOn(c.Host, c.Action) && w.By == by {
			change(w)
		}
	}
}

// objects reports whether a person's word on the host and action of a case stands:
// about the case, or about any.
func (m *machine) objects(c *Case, by string, anywhere bool) bool {
	return slices.ContainsFunc(m.findPool(c.Pool).wordsOn(c.Host, c.Action), func(w word) bool {
		return w.By == by && w.Otherwise == 0 && (anywhere || w.About == c.ID)
	})
}

// said are the words about a case that isn't evidence yet, oldest first.
func (m *machine) said(c *Case) (all []trust.Statement) {
	for _, w := range m.findPool(c.Pool).wordsOn(c.Host, c.Action) {
		if w.About == c.ID {
			all = append(all, w.Statement)
		}
	}
	slices.SortStableFunc(all, func(a, b trust.Statement) int { return a.At.Compare(b.At) })
	return trust.Bounded(all)
}

// begins says in a new case which words it begins with. The case is an editable copy.
func (m *machine) begins(c *Case, p *pool, x step) {
	m.forgetWords(p, x.at)
	for _, o := range m.objections(c) {
		c.event(x, o.Words()+", the case before: it is not acted on before an approver says yes")
	}
}

// forgetWords drops the words of a pool whose time is over, and that bind no open case.
func (m *machine) forgetWords(p *pool, at time.Time) {
	over := func(w word) bool { return m.isOver(p, &w, at) }
	if slices.ContainsFunc(p.Words, over) {
		p.Words = slices.DeleteFunc(slices.Clone(p.Words), over)
	}
	if len(p.Words) == 0 {
		p.Words = nil
	}
}

// isOver reports whether a word's time is over, and it binds no open case.
func (m *machine) isOver(p *pool, w *word, at time.Time) bool {
	if w.Until.IsZero() || at.Before(w.Until) {
		return false
	}
	return !slices.ContainsFunc(m.openOn(p, w.Host, w.Action), w.binds)
}

// adoptWords goes on with every word of either state; of two of a speaker about one
// case, with the one that stands for longer. One about a case that is open no more, or
// that the state doesn't have, gets its time from now on.
func (m *machine) adoptWords(p *pool, was []word, at time.Time) {
	ends := func(w word) int {
		if w.Until.IsZero() {
			return 1
		}
		return 0
	}
	all := slices.Concat(was, p.Words)
	slices.SortStableFunc(all, func(a, b word) int {
		return cmp.Or(compareWords(a, b), cmp.Compare(ends(b), ends(a)), b.Until.Compare(a.Until), b.At.Compare(a.At))
	})
	all = slices.CompactFunc(all, func(a, b word) bool { return compareWords(a, b) == 0 })
	for i := range all {
		w := &all[i]
		if w.Until.IsZero() && !m.isAbout(p, w) {
			w.Until = stamp(after(at, max(objectionsFor, m.cooldown(w.Action, p.Name))))
		}
		if w.Otherwise != 0 && m.find(w.Otherwise) == nil { // what hid it isn't there: it binds again, as if said now
			w.Otherwise, w.At = 0, p.sayable(at)
			p.Spoken = w.At
		}
	}
	if p.Words = all; len(all) == 0 {
		p.Words = nil
	}
}

// isAbout reports whether a word is about an open case of its host and action.
func (m *machine) isAbout(p *pool, w *word) bool {
	c := m.find(w.About)
	return c != nil && c.Open() && c.Pool == p.Name && w.isOn(c.Host, c.Action)
}

// objected is the newest word with which a case of the host and action would begin
// if it were opened now; nil for none.
func (m *machine) objected(p *pool, host remedy.HostName, action remedy.ActionName) *Objection {
	var all []Objection
	next := Case{OpenedAt: m.time}
	for _, w := range p.wordsOn(host, action) {
		if w.binds(&next) {
			all = append(all, w.Objection)
		}
	}
	return newest(all)
}

// subjects are the open cases that a word about a case binds: itself first, or else the
// one of its very host and action that came after it; and those under another spelling
// of the host.
func (m *machine) subjects(c *Case) []*Case {
	p, first := m.findPool(c.Pool), c
	if !c.Open() {
		if first = m.openCase(p, c.Host, c.Action); first == nil {
			return m.openOn(p, c.Host, c.Action)
		}
	}
	others := slices.DeleteFunc(m.openOn(p, c.Host, c.Action), func(o *Case) bool { return o.ID == first.ID })
	return append([]*Case{first}, others...)
}

// hears are the words that stand against the open cases that a word about a case binds,
// before that is said.
func (m *machine) hears(c *Case) map[remedy.CaseID]*Objection {
	stood := map[remedy.CaseID]*Objection{}
	for _, open := range m.subjects(c) {
		stood[open.ID] = m.against(open)
	}
	return stood
}

// heard has the open cases that a word about a case binds hear what was just said. It
// returns in words what that did, and whether people have to be told because they are
// asked, or would be surprised, by what was said now for the first time.
func (m *machine) heard(about *Case, stood map[remedy.CaseID]*Objection, x step) (did string, tell bool) {
	for _, c := range m.subjects(about) {
		void, asked := m.hearsOf(c, stood[c.ID], x)
		if void != "" && c.ID != about.ID {
			void += " for " + c.ID.String()
		}
		did, tell = did+void, tell || asked
	}
	return did, tell
}

// speaksByTheWay keeps a wrong that somebody says as they deny or undo. The case itself is
// answered by that; what is open under another spelling of its host hears it as well.
func (m *machine) speaksByTheWay(c *Case, said trust.Statement, x step) {
	stood := m.hears(c)
	gone, _ := m.speaks(c, said, x) // there is always room
	c.madeRoom(gone, x.by.Name, x)
	for _, other := range m.subjects(c) {
		if other.ID == c.ID {
			continue
		}
		if void, tell := m.hearsOf(other, stood[other.ID], x); tell {
			m.notify(Notice{Kind: NoticeLabel, Case: other.ID, Pool: other.Pool, Detail: x.by.Name + " says wrong of " + c.ID.String() + suffix(said.Note) + void}, x)
		}
	}
}

// hearsOf has an open case hear what was just said against it: a yes from before it is
// void, and a question that was only put because of a word is taken back with it.
func (m *machine) hearsOf(c *Case, before *Objection, x step) (did string, tell bool) {
	now := m.against(c)
	switch {
	case now != nil && c.Stage == remedy.StageWaiting:
		did = m.voidYes(m.edit(c, x), x)
		return did, did != "" || before == nil
	case now == nil && before != nil && m.askedForTheWord(c):
		why := "nobody's word that the detector is wrong about " + before.About.String() + " stands any more"
		c = m.edit(c, x)
		c.unquestion()
		c.Stage, c.Outcome = remedy.StageProposed, ""
		c.event(x, "the question was taken back: "+why)
		x.led("the question of %s was taken back", c.ID)
		m.notify(Notice{Kind: NoticePutOff, Case: c.ID, Pool: c.Pool, Detail: why}, x)
	}
	return "", false
}

// askedForTheWord reports whether nothing but a word against it has a case at auto
// wait for a yes, and nobody has said one.
func (m *machine) askedForTheWord(c *Case) bool {
	if c.Stage != remedy.StageWaiting || c.Ask == nil || c.Ask.ByHand || c.Undelivered || c.Answer != nil || len(c.Approvals) > 0 ||
		c.Decision == nil || c.Decision.Effective < remedy.LevelAuto || m.effective(c.Action, c.Pool) < remedy.LevelAuto {
		return false // it was asked about for another reason, or would be
	}
	return slices.ContainsFunc(c.Decision.Answers, func(a remedy.Answer) bool { return a.Guardrail == "demoted" && a.Effect == remedy.EffectCap }) && !slices.ContainsFunc(c.Decision.Answers, func(a remedy.Answer) bool {
		return a.Guardrail != "demoted" && a.Effect == remedy.EffectCap && a.Cap <= remedy.LevelConfirm
	})
}
