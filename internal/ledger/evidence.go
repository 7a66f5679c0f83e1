package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// crowdWithin is how close to each other hosts of one pool go out in a deploy.
const crowdWithin = 30 * time.Minute

func compareKeys(a, b trust.Key) int {
	return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Detector, b.Detector), cmp.Compare(a.Digest, b.Digest))
}

// recordOf returns the place of a record, which is made on first use.
func (m *machine) recordOf(k trust.Key, at time.Time) int {
	i, ok := slices.BinarySearchFunc(m.records, k, func(r *trust.Record, k trust.Key) int { return compareKeys(r.Key, k) })
	if !ok {
		m.records = slices.Insert(m.records, i, &trust.Record{Key: k, Since: at})
		m.evidenceMoved(k.Action, k.Pool)
	}
	return i
}

// recordsOf returns the places of the records of an action × pool: from, to.
func (m *machine) recordsOf(action remedy.ActionName, pool remedy.PoolName) (from, to int) {
	from, _ = slices.BinarySearchFunc(m.records, trust.Key{Action: action, Pool: pool}, func(r *trust.Record, k trust.Key) int { return compareKeys(r.Key, k) })
	for to = from; to < len(m.records) && m.records[to].Action == action && m.records[to].Pool == pool; {
		to++
	}
	return from, to
}

// sampleOf finds the sample of a case. A restored ledger may have one of
// another case of that number: the host tells them apart.
func (m *machine) sampleOf(c *Case) (record, sample int, ok bool) {
	from, to := m.recordsOf(c.Action, c.Pool)
	for i := from; i < to; i++ {
		for j, s := range slices.Backward(m.records[i].Cases) {
			if s.Case == c.ID && s.Host == c.Host {
				return i, j, true
			}
		}
	}
	return 0, 0, false
}

// sample is the evidence about a case, or nil.
func (m *machine) sample(c *Case) *trust.Sample {
	i, j, ok := m.sampleOf(c)
	if !ok {
		return nil
	}
	return &m.records[i].Cases[j]
}

// proposed makes a case evidence about its detector, once: when it is first
// counted, asked about or acted on, by what was found then. The case is an editable copy.
func (m *machine) proposed(c *Case, digest string, f *remedy.Finding, level remedy.Level, badHosts int, x step) {
	if !m.learns() || c.Detector == "" || !c.ProposedAt.IsZero() {
		return
	}
	c.ProposedAt = x.at
	if _, _, there := m.sampleOf(c); there {
		return // as a restored ledger may know
	}
	s := trust.Sample{Case: c.ID, Host: c.Host, At: x.at, Level: level, Said: m.said(c)}
	s.BadHosts, s.N = max(0, badHosts), m.findPool(c.Pool).Size.N
	if f != nil {
		found(&s, c, f, f.At)
	}
	m.addSample(m.recordOf(trust.Key{Action: c.Action, Pool: c.Pool, Detector: c.Detector, Digest: digest}, x.at), s, x.at)
}

// found has the sample of a case say what was found, and for how long the host had
// been bad at an instant.
func found(s *trust.Sample, c *Case, f *remedy.Finding, at time.Time) {
	s.Value, s.HasValue = f.Value.Get()
	s.Bad, s.Direction, s.BadFor = f.Bad, f.Direction, 0
	since := f.BadSince
	if o := c.Opened; o != nil && !o.BadSince.IsZero() && (since.IsZero() || o.BadSince.Before(since)) {
		since = o.BadSince // good in between would have closed it
	}
	if !since.IsZero() {
		s.BadFor = max(0, at.Sub(since))
	}
}

// addSample puts a sample in its place in a record, and folds what that makes too
// much.
func (m *machine) addSample(record int, s trust.Sample, now time.Time) {
	r := *m.records[record]
	at, _ := slices.BinarySearchFunc(r.Cases, s, compareSamples)
	r.Cases = slices.Insert(slices.Clone(r.Cases), at, s)
	m.setRecord(record, &r)
	m.fold(record, now)
}

// compareSamples orders samples by the time of their proposal; of one instant,
// by case.
func compareSamples(a, b trust.Sample) int {
	return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case))
}

// learn changes the sample of a case, if it has one, and takes a level away
// where that shows an action to have been wrong.
func (m *machine) learn(c *Case, why string, x step, change func(*trust.Sample)) {
	i, j, ok := m.sampleOf(c)
	if !ok {
		return
	}
	was := m.records[i].Cases[j]
	next := was
	next.Said = slices.Clip(was.Said)
	change(&next)
	m.putSample(i, j, next)
	if mistaken(&next) && !mistaken(&was) {
		m.demoteFor(c, m.rules().Demote.OnFalsePositive, why, "", x)
	}
}

// putSample puts a sample in the place of another. A record that can be reached
// is never changed: readers and snapshots share it.
func (m *machine) putSample(record, sample int, s trust.Sample) {
	r := *m.records[record]
	r.Cases = slices.Clone(r.Cases)
	r.Cases[sample] = s
	m.setRecord(record, &r)
}

// setRecord puts a record in the place of another of its key.
func (m *machine) setRecord(i int, r *trust.Record) {
	m.records[i] = r
	m.evidenceMoved(r.Action, r.Pool)
}

// mistaken reports whether warden acted and should not have.
func mistaken(s *trust.Sample) bool { return s.Acted && s.Label() == trust.Wrong }

// say adds a statement about a case. Who says the same again changes nothing: see
// repeats.
func (m *machine) say(c *Case, said trust.Statement, why string, x step) {
	if s := m.sample(c); s != nil && !m.repeats(c, lastOf(s, said.Source, said.By), said) {
		m.sayAll(c, why, x, said)
	}
}

// sayAll adds what a speaker says, and takes back, in one breath: nothing counts of
// what lies between. It is false when there is no room for a word that would change
// nothing.
func (m *machine) sayAll(c *Case, why string, x step, all ...trust.Statement) bool {
	for i := range all {
		all[i].At = x.at
	}
	kept, ok := trust.Hear(m.sample(c).Said, all...)
	if !ok {
		return false
	}
	m.learn(c, why, x, func(s *trust.Sample) { s.Said = kept })
	for _, said := range all {
		if said.Label != trust.Unlabelled {
			m.bump(counterLabels, labelLabels(c.Action, c.Pool, said.Label, said.Source))
		}
	}
	return true
}

// lastOf is a speaker's newest statement, or nil.
func lastOf(s *trust.Sample, source trust.Source, by string) *trust.Statement {
	for i := range slices.Backward(s.Said) {
		if s.Said[i].Source == source && s.Said[i].By == by {
			return &s.Said[i]
		}
	}
	return nil
}

// itself is a statement of warden's own, of what it saw.
func itself(label trust.Label, source trust.Source, note string) trust.Statement {
	return trust.Statement{Label: label, Source: source, By: remedy.Warden().Name, Note: note}
}

// answered notes that a question was answered, and what a denial says.
func (m *machine) answered(c *Case, b *CaseAnswer, x step) {
	if c.Ask != nil && c.Ask.ByHand {
		return // that was a person's wish, and no detector's
	}
	m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) {
		if s.AnsweredAt.IsZero() {
			s.AnsweredAt = x.at
		}
	})
	label := map[string]trust.Label{"false-alarm": trust.Wrong, "known-work": trust.Unclear}[b.Reason]
	if b.Approve || label == trust.Unlabelled {
		return
	}
	said := trust.Statement{Label: label, Source: trust.SourceDeny, By: x.by.Name, Via: x.by.Via, At: x.at, Note: b.Reason, Lowers: b.Lowers}
	m.say(c, said, trust.WhyWrong, x)
	if label == trust.Wrong { // also of what was asked before evidence was kept
		m.speaksByTheWay(c, said, x)
	} else {
		m.stands(c, x)
	}
}

// isAskedAbout notes when the first question about the case was put.
func (m *machine) isAskedAbout(c *Case, x step) {
	if s := m.sample(c); c.Ask != nil && s != nil && s.AskedAt.IsZero() {
		m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) { s.AskedAt = x.at })
	}
}

// undone notes what a person said who undoes: the word stands whatever becomes
// of the undo itself. What was done is what the case says of its executions, also
// where there is no sample of it: a state that was gone on from, or an action from
// before evidence was kept. before is what was said at an earlier undo.
func (m *machine) undone(c *Case, before, reason remedy.UndoReason, x step) {
	label := map[remedy.UndoReason]trust.Label{remedy.UndoFixed: trust.Right, remedy.UndoWasFine: trust.Wrong}[reason]
	if label == trust.Unlabelled {
		return
	}
	s := m.sample(c)
	regretted := label == trust.Wrong && c.actedItself() && (s != nil && !mistaken(s) || s == nil && before != reason)
	said := trust.Statement{Label: label, Source: trust.SourceUndo, By: x.by.Name, Via: x.by.Via, Note: string(reason)}
	if s != nil {
		m.say(c, said, trust.WhyRegretted, x)
	}
	if label == trust.Wrong {
		m.speaksByTheWay(c, said, x)
	} else {
		m.stands(c, x)
	}
	if regretted { // also where a stronger word says that it was right
		m.demoteFor(c, m.rules().Demote.OnFalsePositive, trust.WhyRegretted, "", x)
	}
}

// ended notes what the end of a case says of its detector.
func (m *machine) ended(c *Case, outcome remedy.Outcome, x step) {
	s := m.sample(c)
	if s == nil || !c.untouched() {
		return
	}
	switch {
	case outcome == remedy.OutcomeNoData:
		m.say(c, itself(trust.Unclear, trust.SourceNoData, ""), trust.WhyWrong, x)
	case outcome == remedy.OutcomeSelfRecovered && s.HandAt.IsZero():
		m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) { s.GoodAt = x.at })
		if lastOf(m.sample(c), trust.SourceStayed, remedy.Warden().Name) == nil {
			m.say(c, itself(trust.Wrong, trust.SourceRecovered, ""), trust.WhyWrong, x)
		}
	}
}

// untouched reports whether nothing was done about the case: every execution was
// called off, and none had its effect late.
func (c *Case) untouched() bool {
	return !slices.ContainsFunc(c.Executions, func(e Execution) bool { return e.Outcome != remedy.OutcomeAborted || e.Late != "" })
}

// actedItself reports whether warden acted on the case, by itself or approved.
// What is under way may still be called off, and then nothing was done.
func (c *Case) actedItself() bool {
	return slices.ContainsFunc(c.Executions, func(e Execution) bool {
		return e.Kind == remedy.KindAct && (e.Outcome != "" && e.Outcome != remedy.OutcomeAborted || e.Late != "")
	})
}

// acts brings the sample up to whether warden acted on the case.
func (m *machine) acts(c *Case, x step) {
	if s := m.sample(c); s != nil && s.Acted != c.actedItself() {
		m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) { s.Acted = c.actedItself() })
	}
}

// handed is one host's going out by a hand that is not warden's.
type handed struct {
	Host remedy.HostName `json:"host"`
	At   time.Time       `json:"at"`
}

// wardenHas reports whether a case other than c has the host out, or takes it
// out: then that it is out is warden's own doing.
func (m *machine) wardenHas(p *pool, host remedy.HostName, c *Case) bool {
	return slices.ContainsFunc(p.Open, func(id remedy.CaseID) bool {
		o := m.find(id)
		return o != nil && (c == nil || o.ID != c.ID) && o.Host == host && holdsOut(o)
	})
}

// wentOut notes that a host went out of service. By other hands, it makes a
// crowd of those that went out around then.
func (m *machine) wentOut(p *pool, host remedy.HostName, x step) {
	if !m.learns() || m.wardenHas(p, host, nil) {
		return
	}
	p.Hands = slices.DeleteFunc(p.Hands, func(h handed) bool { return x.at.Sub(h.At) > 2*crowdWithin || h.Host == host })
	p.Hands = append(p.Hands, handed{Host: host, At: x.at})
	for i, r := range m.records {
		if r.Pool != p.Name {
			continue
		}
		for j := range r.Cases {
			if s := m.records[i].Cases[j]; !s.HandAt.IsZero() && !s.Crowd && s.Host != host && x.at.Sub(s.HandAt) <= crowdWithin {
				s.Crowd = true
				if lastOf(&s, trust.SourceHand, remedy.Warden().Name) != nil { // it takes its own word back
					back := itself(trust.Unlabelled, trust.SourceHand, "others of its pool went out around then")
					back.At = x.at
					s.Said = trust.Bounded(append(slices.Clip(s.Said), back))
				}
				m.putSample(i, j, s)
			}
		}
	}
}

// takenByHand notes that another hand took the case's host out: somebody else
// thought so too, unless others went out around then or the engine saw a deploy.
func (m *machine) takenByHand(c *Case, p *pool, crowd bool, x step) {
	if m.sample(c) == nil || !c.untouched() || m.wardenHas(p, c.Host, c) {
		return
	}
	at := x.at
	for _, h := range p.Hands {
		if h.Host == c.Host {
			at = h.At
		}
	}
	for _, h := range p.Hands {
		if d := h.At.Sub(at); h.Host != c.Host && d <= crowdWithin && d >= -crowdWithin {
			crowd = true
		}
	}
	m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) { s.HandAt, s.Crowd = at, crowd })
	if !crowd {
		m.say(c, itself(trust.Right, trust.SourceHand, ""), trust.WhyWrong, x)
	}
}
