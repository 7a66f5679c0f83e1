package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/trust"
)

// actedBy makes a case that is about to be acted on evidence about the detector by
// whose word that is done: its file may have changed since the case was proposed.
// The case is an editable copy.
func (m *machine) actedBy(c *Case, b *ExecStart, x step) {
	m.proposed(c, cmp.Or(b.Digest, c.Digest), cmp.Or(b.Finding, c.Latest), m.effective(c.Action, c.Pool), b.BadOthers+1, x)
	if b.Digest != "" {
		m.countFor(c, b, x)
	}
	// An earlier yes may have been void, or one to a plan that was never done.
	if yes, s := c.Answer != nil && c.Answer.Approve, m.sample(c); s != nil && s.Approved != yes {
		m.learn(c, trust.WhyWrong, x, func(s *trust.Sample) { s.Approved = yes })
	}
}

// countFor moves the sample of a case, with all that was said, to the record of the
// detector as it is at START, and has it say what was found by then. It keeps its
// time, so that its episode stays its episode; where that record is in numbers up
// to there, it counts from START on.
func (m *machine) countFor(c *Case, b *ExecStart, x step) {
	i, _, ok := m.sampleOf(c)
	if !ok || m.records[i].Digest == b.Digest {
		return // one that is in numbers only stays where it is counted
	}
	was := m.records[i].Digest
	to := m.recordOf(trust.Key{Action: c.Action, Pool: c.Pool, Detector: c.Detector, Digest: b.Digest}, x.at)
	i, j, _ := m.sampleOf(c) // a record that was made may have come before it
	from, s := *m.records[i], m.records[i].Cases[j]
	from.Cases = slices.Delete(slices.Clone(from.Cases), j, j+1)
	from.Moved = movedAt(from.Moved, s.At)
	m.setRecord(i, &from)
	if !s.At.After(m.records[to].Folded.Until) {
		s.FirstAt, s.At, s.Level = s.ProposedAt(), x.at, m.effective(c.Action, c.Pool)
	}
	s.BadHosts, s.N = max(0, b.BadOthers)+1, m.findPool(c.Pool).Size.N
	if f := cmp.Or(b.Finding, c.Latest); f != nil {
		found(&s, c, f, earlier(s.At, f.At))
	}
	m.addSample(to, s, x.at)
	c.event(x, "counts for "+string(c.Detector)+" as it is now (digest "+b.Digest+"), and no longer as it was ("+was+")")
}

// movedAt is when cases were proposed that count for another record, with more; of
// very many the newest are kept.
func movedAt(all []time.Time, more ...time.Time) []time.Time {
	out := slices.Concat(all, more)
	slices.SortFunc(out, time.Time.Compare)
	out = slices.CompactFunc(out, time.Time.Equal)
	return slices.Clip(out[max(0, len(out)-maxMovedCases):])
}

// earlier is the earlier of two instants.
func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
