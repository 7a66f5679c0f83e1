package ledger

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"warden/internal/trust"
)

// speaks keeps a person's wrong about a case, and returns the word that made room for
// it, which mostly is nil. Said again it counts from now. It is false, and nothing
// changed, where there is no room: see room.
func (m *machine) speaks(c *Case, said trust.Statement, x step) (gone *word, ok bool) {
	if !m.learns() || c.Detector == "" {
		return nil, true
	}
	p := m.pool(c.Pool)
	said.At = p.sayable(x.at)
	if gone, ok = m.room(c, said); !ok {
		return nil, false
	}
	p.Spoken = said.At
	if gone != nil {
		p.endWords(c.Host, c.Action, func(o word) bool { return o.By == gone.By && o.About == gone.About })
	}
	w := word{Host: c.Host, Action: c.Action, Objection: Objection{Statement: said, About: c.ID}}
	if !c.Open() {
		w.Until = m.wordsUntil(c, p, said.At)
	}
	i, again := slices.BinarySearchFunc(p.Words, w, compareWords)
	p.Words = slices.Clone(p.Words)
	if again {
		p.Words[i] = w
	} else {
		p.Words = slices.Insert(p.Words, i, w)
	}
	return gone, true
}

// sayable is when a word counts as said that is said now: after every other of its pool,
// by a millisecond where committed time stands still, so that who was shown what was said
// up to one of them was shown none of those that came since.
func (p *pool) sayable(now time.Time) time.Time {
	if now.After(p.Spoken) {
		return now
	}
	return p.Spoken.Add(time.Millisecond)
}

// renewed says of a case that its speaker says wrong of it once more: it binds for
// longer by that. Said again and again it is one line, for it must push out no other.
// The case is an editable copy.
func (c *Case) renewed(x step) {
	const what = "said wrong again: it stands from now on"
	x.led("it stands from now on")
	if i := len(c.Events) - 1; i >= 0 && c.Events[i].What == what && c.Events[i].By == x.by.Name {
		c.Events = slices.Clone(c.Events)
		c.Events[i].At = x.at
		return
	}
	c.event(x, what)
}

// stands tells who denies or undoes, and says something else than wrong by it, that
// what they said of it, or before, is in the way still: that was a word about the detector,
// and this one is about what was asked or done.
func (m *machine) stands(c *Case, x step) {
	var all []word
	var back []string
	for _, w := range m.findPool(c.Pool).wordsOn(c.Host, c.Action) {
		if w.By != x.by.Name || w.Otherwise != 0 {
			continue
		}
		all = append(all, w)
		if m.find(w.About) != nil { // of what isn't kept any more nobody can say anything
			back = append(back, "`warden label "+w.About.String()+" --withdraw`")
		}
	}
	if len(all) == 0 {
		return
	}
	what := "what " + x.by.Name + " said of " + aboutWords(all) + " stands"
	x.led("%s", what)
	switch {
	case len(back) == len(all):
		what += ": " + strings.Join(back, " and ") + takes(len(back))
	case spoke(m.sample(c), x.by.Name):
		what += ": `warden label " + c.ID.String() + " --withdraw` takes back what was said of " + c.ID.String() + ", and once more, that"
	default:
		what += ": `warden label " + c.ID.String() + " --withdraw` takes it back"
	}
	c.event(x, what)
}

func takes(commands int) string {
	if commands == 1 {
		return " takes it back"
	}
	return " take it back"
}

// room reports whether there is room for a person's wrong about a case, said at its
// time, and which word goes for it; nil for none. Of their own beyond maxWordsBy the
// oldest goes. Of everybody's beyond maxWords, one that binds nothing: its time is over,
// or its speaker says otherwise. What an approver says, a denial and an undo also have the
// newest word go of those who may not approve, so that no crowd keeps them out. Who may
// not approve has none of another's go that binds, or is an approver's. A denial and an
// undo are kept in any case: what they answer was done.
func (m *machine) room(c *Case, said trust.Statement) (gone *word, ok bool) {
	p := m.findPool(c.Pool)
	on := p.wordsOn(c.Host, c.Action)
	if len(on) < maxWordsBy || slices.ContainsFunc(on, func(o word) bool { return o.By == said.By && o.About == c.ID }) {
		return nil, true
	}
	own := slices.DeleteFunc(slices.Clone(on), func(o word) bool { return o.By != said.By })
	if len(own) >= maxWordsBy {
		oldest := slices.MinFunc(own, func(a, b word) int { // of those that bind nothing, if there are any
			return cmp.Or(-cmp.Compare(min(a.Otherwise, 1), min(b.Otherwise, 1)), a.At.Compare(b.At), cmp.Compare(a.About, b.About))
		})
		return &oldest, true
	}
	if len(on) < maxWords {
		return nil, true
	}
	done := said.Source != trust.SourcePerson
	rank := func(o *word) int { // which goes first; 0 for none that may
		switch strong := done || !said.Lowers; {
		case m.isOver(p, o, said.At):
			return 4
		case o.Otherwise != 0 && o.Lowers:
			return 3
		case o.Otherwise != 0 && strong:
			return 2
		case o.Lowers && strong, o.By == said.By:
			return 1
		}
		return 0
	}
	first := slices.MaxFunc(on, func(a, b word) int {
		return cmp.Or(cmp.Compare(rank(&a), rank(&b)), a.At.Compare(b.At), cmp.Compare(a.About, b.About), cmp.Compare(a.By, b.By))
	})
	if rank(&first) == 0 {
		return nil, done
	}
	return &first, true
}

// hasRoom reports whether speaks would keep a person's wrong about a case.
func (m *machine) hasRoom(c *Case, said trust.Statement, x step) bool {
	said.At = m.findPool(c.Pool).sayable(x.at)
	_, ok := m.room(c, said)
	return ok
}

// madeRoom says in a case whose word went, where that kept something from being done.
func (c *Case) madeRoom(gone *word, by string, x step) {
	if gone != nil && gone.By != by && gone.Otherwise == 0 && (gone.Until.IsZero() || x.at.Before(gone.Until)) {
		c.event(x, "what "+gone.By+" said of "+gone.About.String()+" made room: it keeps nothing from being done any more")
	}
}

// noRoom refuses a label for which there is no room.
func noRoom(c *Case) Result {
	return refuse(RefusedBad, "%d words stand against %s on %s, and nobody's is dropped for another: yours is not kept; `warden show %s` says whose are, and an approver's is heard", maxWords, c.Action, c.Host, c.ID)
}
