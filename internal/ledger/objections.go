package ledger

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

const (
	// objectionsFor is how long, at least, a word against a case outlives it.
	objectionsFor = 6 * time.Hour
	// maxObjections bounds the words that are kept on one host and action, one a
	// person: far more than there are people who look at one host.
	maxObjections = 512
)

// Objection is a person's word that the detector is wrong about a case.
type Objection struct {
	trust.Statement
	// About is the case that it was said of: the one that it stands against, or one
	// before that of the same host and action.
	About remedy.CaseID `json:"about"`
}

// Words say it in a sentence without an end.
func (o Objection) Words() string {
	return fmt.Sprintf("%s says that the detector is wrong about %s", o.By, o.About)
}

// outlived is a word that outlived its case, since nothing was done against it. The
// cases of the host and action that are opened before
// Until begin with it. That the host was good in between doesn't lift it.
type outlived struct {
	Host   remedy.HostName   `json:"host"`
	Action remedy.ActionName `json:"action"`
	Objection
	Until time.Time `json:"until"`
}

func compareOutlived(a, b outlived) int {
	return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Action, b.Action), cmp.Compare(a.By, b.By))
}

// outlivedBy are the words that outlived a case of a host and action.
func (p *pool) outlivedBy(host remedy.HostName, action remedy.ActionName) []outlived {
	at := outlived{Host: host, Action: action}
	from, _ := slices.BinarySearchFunc(p.Words, at, compareOutlived)
	to := from
	for to < len(p.Words) && p.Words[to].Host == host && p.Words[to].Action == action {
		to++
	}
	return p.Words[from:to]
}

// wrongs are the people's words by which a case's detector is wrong about it, by
// time; none where a stronger word, or nobody, says so.
func wrongs(s *trust.Sample) []trust.Statement {
	if s == nil || s.Label() != trust.Wrong {
		return nil
	}
	return slices.DeleteFunc(s.Resolve().Counts, func(said trust.Statement) bool {
		return said.Label != trust.Wrong || !said.Source.OfPeople()
	})
}

// spoke reports whether the speaker has a word of their own on the case that they
// have not taken back.
func spoke(s *trust.Sample, by string) bool { return s != nil && len(s.Own(by)) > 0 }

// objections are the words that stand against a case, approved or not: its own,
// and those with which it began.
func (m *machine) objections(c *Case) []Objection {
	var out []Objection
	s := m.sample(c)
	for _, said := range wrongs(s) {
		out = append(out, Objection{Statement: said, About: c.ID})
	}
	if c.Detector == "" {
		return out
	}
	for _, w := range m.findPool(c.Pool).outlivedBy(c.Host, c.Action) {
		if w.About != c.ID && c.OpenedAt.Before(w.Until) && !spoke(s, w.By) || w.About == c.ID && s == nil {
			out = append(out, w.Objection)
		}
	}
	return out
}

// outlives has the words against a case that ends outlive it, or ends those that it
// began with: it was acted on all the same, by a yes that came after them, or who
// said them says otherwise now. A yes to what was not done was to that plan, and ends
// with it. They outlive the case by the action's cooldown, from when warden would look at the host
// again. Nothing changes for a person's run by hand, which is no answer to them.
func (m *machine) outlives(c *Case, x step) {
	if !m.learns() || c.Detector == "" || c.Open() {
		return
	}
	p, s := m.pool(c.Pool), m.sample(c)
	until := m.outlivesUntil(c, p)
	var next []outlived
	if x.at.Before(until) && !c.actedItself() {
		for _, o := range m.objections(c) {
			next = append(next, outlived{Host: c.Host, Action: c.Action, Objection: o, Until: until})
		}
	}
	for _, w := range p.outlivedBy(c.Host, c.Action) {
		// A later case's are not this one's to end, nor are they a run by hand's.
		keep := w.About > c.ID || c.Manual != nil && w.About != c.ID && !spoke(s, w.By)
		if keep && !slices.ContainsFunc(next, func(n outlived) bool { return n.By == w.By }) {
			next = append(next, w)
		}
	}
	p.outlive(c.Host, c.Action, next)
}

// outlivesUntil is how long the words against a closed case outlive it.
func (m *machine) outlivesUntil(c *Case, p *pool) time.Time {
	until := c.ClosedAt
	for _, q := range p.Quiets {
		if q.Host == c.Host && q.Action == c.Action {
			until = later(until, q.Until)
		}
	}
	return stamp(after(until, max(objectionsFor, m.cooldown(c.Action, c.Pool))))
}

// outlivesSaid goes on from what somebody said of a closed case. Nobody's word is
// another's to end or to bring back: what others said stays as it is, for as long as
// it was to, unless the case's label is no longer by them.
func (m *machine) outlivesSaid(c *Case, by string) {
	if !m.learns() || c.Detector == "" || c.Open() || c.actedItself() {
		return
	}
	p, s := m.pool(c.Pool), m.sample(c)
	until := m.outlivesUntil(c, p)
	stands := wrongs(s)
	var next []outlived
	for _, w := range p.outlivedBy(c.Host, c.Action) {
		i := slices.IndexFunc(stands, func(said trust.Statement) bool { return said.By == w.By })
		switch {
		case w.About == c.ID && i < 0:
			continue // taken back, or overruled by somebody whose word is stronger
		case w.About == c.ID && w.By == by:
			w.Statement, w.Until = stands[i], later(w.Until, until)
		case w.About < c.ID && w.By == by && spoke(s, by):
			continue // they said of this one what they think now
		}
		next = append(next, w)
	}
	o := m.subject(c)
	live := m.time.Before(until) || o != nil && o.OpenedAt.Before(until)
	i := slices.IndexFunc(stands, func(said trust.Statement) bool { return said.By == by })
	if live && i >= 0 && !slices.ContainsFunc(next, func(w outlived) bool { return w.By == by }) {
		next = append(next, outlived{Host: c.Host, Action: c.Action, Objection: Objection{Statement: stands[i], About: c.ID}, Until: until})
	}
	p.outlive(c.Host, c.Action, next)
}

// outlive puts the words on a host and action in the place of those there were: the
// newest of each speaker. Of very many speakers those stay who have stood there
// already, and then the first: nobody's word is pushed out by others'.
func (p *pool) outlive(host remedy.HostName, action remedy.ActionName, next []outlived) {
	stood := p.outlivedBy(host, action)
	slices.SortStableFunc(next, func(a, b outlived) int { return b.At.Compare(a.At) })
	var kept []outlived
	for _, w := range next {
		if !slices.ContainsFunc(kept, func(k outlived) bool { return k.By == w.By }) {
			kept = append(kept, w)
		}
	}
	if len(kept) > maxObjections {
		late := func(w outlived) int {
			if slices.ContainsFunc(stood, func(o outlived) bool { return o.By == w.By }) {
				return 0
			}
			return 1
		}
		slices.SortFunc(kept, func(a, b outlived) int {
			return cmp.Or(cmp.Compare(late(a), late(b)), a.At.Compare(b.At), cmp.Compare(a.By, b.By))
		})
		kept = kept[:maxObjections]
	}
	all := slices.DeleteFunc(slices.Clone(p.Words), func(w outlived) bool { return w.Host == host && w.Action == action })
	p.Words = append(all, kept...)
	slices.SortFunc(p.Words, compareOutlived)
	if len(p.Words) == 0 {
		p.Words = nil
	}
}

// begins says in a new case which words it begins with, and forgets those of the
// pool whose time is over. The case is an editable copy.
func (m *machine) begins(c *Case, p *pool, x step) {
	if len(p.Words) == 0 {
		return
	}
	p.Words = slices.DeleteFunc(slices.Clone(p.Words), func(w outlived) bool {
		o := m.openCase(p, w.Host, w.Action)
		return !x.at.Before(w.Until) && (o == nil || !o.OpenedAt.Before(w.Until))
	})
	for _, o := range m.objections(c) {
		c.event(x, o.Words()+", the case before: it is not acted on before an approver says yes")
	}
}

// begunWith reports whether a case stands under a word of the person that its own
// sample doesn't have: an open one under that of a case before it, and each under that
// of itself where it is no evidence one by one, or where a saved state brought it back.
func (m *machine) begunWith(c *Case, by string) bool {
	return slices.ContainsFunc(m.findPool(c.Pool).outlivedBy(c.Host, c.Action), func(w outlived) bool {
		return w.By == by && (c.Open() || w.About == c.ID)
	})
}

// takeBack ends the word of a person that an open case stands under.
func (m *machine) takeBack(c *Case, by string) {
	p := m.pool(c.Pool)
	p.outlive(c.Host, c.Action, slices.DeleteFunc(slices.Clone(p.outlivedBy(c.Host, c.Action)), func(w outlived) bool { return w.By == by }))
}

// objects keeps a word against an open case that is no evidence one by one.
func (m *machine) objects(c *Case, said trust.Statement, x step) {
	p := m.pool(c.Pool)
	w := outlived{
		Host: c.Host, Action: c.Action, Objection: Objection{Statement: said, About: c.ID},
		Until: stamp(after(x.at, max(objectionsFor, m.cooldown(c.Action, c.Pool)))),
	}
	p.outlive(c.Host, c.Action, append(slices.Clone(p.outlivedBy(c.Host, c.Action)), w))
}

// mergeOutlived is every word of either; of two of a speaker, the one that stands
// for longer.
func mergeOutlived(a, b []outlived) []outlived {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y outlived) int { return cmp.Or(compareOutlived(x, y), y.Until.Compare(x.Until)) })
	return slices.CompactFunc(all, func(x, y outlived) bool { return compareOutlived(x, y) == 0 })
}

// objected is the newest word with which a case of the host and action would begin
// if it were opened now; nil for none.
func (m *machine) objected(p *pool, host remedy.HostName, action remedy.ActionName) *Objection {
	var newest *Objection
	for _, w := range p.outlivedBy(host, action) {
		if m.time.Before(w.Until) && (newest == nil || w.At.After(newest.At)) {
			newest = new(w.Objection)
		}
	}
	return newest
}

// subject is the open case that a word about a case binds: itself, or the one of
// its host and action that came after it; nil for none.
func (m *machine) subject(c *Case) *Case {
	if c.Open() {
		return c
	}
	return m.openCase(m.findPool(c.Pool), c.Host, c.Action)
}

// heard has an open case hear what was just said: a yes from before a word against
// it is void, and a question that was only put because of a word is taken back with
// it. It returns in words what that did, and whether people have to be told because
// they are asked, or would be surprised, by what was said now for the first time.
func (m *machine) heard(c *Case, before *Objection, x step) (did string, tell bool) {
	if c == nil {
		return "", false
	}
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
