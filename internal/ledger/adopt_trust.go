package ledger

import (
	"cmp"
	"slices"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// adoptTrust goes on from the trust of both states. What voters say of it is
// what those say who adopt; the demotions are those of both, the lower of two;
// no grant is above that of either, and each is a claim again; evidence is that
// of both, each case once.
func (m *machine) adoptTrust(now *machine, x step) {
	m.lastClaim = max(m.lastClaim, now.lastClaim)
	before := now.asked()
	voter := func(n remedy.NodeID) bool { return slices.Contains(m.voters, n) }
	m.trustReports = slices.DeleteFunc(slices.Clone(now.trustReports), func(r TrustReport) bool { return !voter(r.Node) })
	m.demotions = mergeDemotions(now.demotions, m.demotions)
	m.grants = mergeGrants(now.grants, m.grants)
	m.records = onceEach(mergeRecords(now.records, m.records))
	m.runs = mergeRuns(now.runs, m.runs)
	if !m.learns() {
		return
	}
	m.adopted = m.index
	for i := range m.grants {
		m.lastClaim++
		m.grants[i].Judged, m.grants[i].Claim, m.grants[i].Revision, m.grants[i].At, m.grants[i].Said = false, m.lastClaim, 0, x.at, ""
	}
	for _, c := range slices.Backward(m.openCases("")) {
		if s := m.sample(c); s != nil && c.ProposedAt.IsZero() {
			n := *c
			n.ProposedAt = s.ProposedAt()
			m.cases.replace(&n)
		}
	}
	if len(m.trustReports) > 0 {
		m.named(x)
	}
	m.claim(before, x)
}

// mergeDemotions is every demotion of either; of two, the one that came first at
// the lower level of both, with the causes of both.
func mergeDemotions(a, b []trust.Demotion) []trust.Demotion {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y trust.Demotion) int { return cmp.Or(compareDemotions(x, y), x.At.Compare(y.At)) })
	var out []trust.Demotion
	for _, d := range all {
		last := len(out) - 1
		if last < 0 || compareDemotions(out[last], d) != 0 {
			out = append(out, d)
			continue
		}
		o := &out[last]
		o.To, o.From = min(o.To, d.To), max(o.From, d.From)
		o.Causes = slices.Clone(o.Causes)
		for _, c := range d.Causes {
			same := func(o trust.Cause) bool {
				return o.At.Equal(c.At) && o.Why == c.Why && o.Case == c.Case && o.By.Name == c.By.Name && o.Reason == c.Reason
			}
			if !slices.ContainsFunc(o.Causes, same) {
				o.Causes = append(o.Causes, c)
			}
		}
		slices.SortStableFunc(o.Causes, func(x, y trust.Cause) int { return x.At.Compare(y.At) })
		o.Causes = o.Causes[max(0, len(o.Causes)-maxCauses):]
	}
	return out
}

// mergeGrants is every grant of either; of two, the lower.
func mergeGrants(a, b []trust.Grant) []trust.Grant {
	all := slices.Concat(a, b)
	slices.SortStableFunc(all, func(x, y trust.Grant) int { return cmp.Or(compareGrants(x, y), cmp.Compare(x.To, y.To)) })
	return slices.CompactFunc(all, func(x, y trust.Grant) bool { return compareGrants(x, y) == 0 })
}

// mergeRecords is every record of either, by key; of two, one with the cases of
// both.
func mergeRecords(a, b []*trust.Record) []*trust.Record {
	out := slices.Clone(a)
	for _, r := range b {
		i, ok := slices.BinarySearchFunc(out, r.Key, func(o *trust.Record, k trust.Key) int { return compareKeys(o.Key, k) })
		if ok {
			out[i] = mergeRecord(out[i], r)
		} else {
			out = slices.Insert(out, i, r)
		}
	}
	return out
}

// sameSample reports whether both are about one case; restored states may give a
// number to two.
func sameSample(a, b trust.Sample) bool {
	return a.Case == b.Case && a.Host == b.Host && a.ProposedAt().Equal(b.ProposedAt())
}

// onceEach leaves each case in one record of its action and pool: a START may have
// moved it to another digest's in one of two states. It stays where it was acted
// on, and of two such, or none, in the one to which it was moved, or else in the
// first; with what was said and done in either.
func onceEach(records []*trust.Record) []*trust.Record {
	out := slices.Clone(records)
	type place struct{ record, sample int }
	for from := 0; from < len(out); {
		to := from
		seen, gone := map[remedy.CaseID][]place{}, map[place]bool{}
		for ; to < len(out) && out[to].Action == out[from].Action && out[to].Pool == out[from].Pool; to++ {
			r := *out[to]
			r.Cases = slices.Clone(r.Cases)
			out[to] = &r
			for j, s := range r.Cases {
				at := place{to, j}
				k := slices.IndexFunc(seen[s.Case], func(p place) bool { return sameSample(out[p.record].Cases[p.sample], s) })
				if k < 0 {
					seen[s.Case] = append(seen[s.Case], at)
					continue
				}
				first := seen[s.Case][k]
				is := out[first.record].Cases[first.sample]
				if s.Acted && !is.Acted || s.Acted == is.Acted && !s.FirstAt.IsZero() && is.FirstAt.IsZero() {
					seen[s.Case][k], first, at = at, at, first
					is, s = s, is
				}
				out[first.record].Cases[first.sample] = mergeSample(is, s)
				gone[at] = true
			}
		}
		for i := from; i < to && len(gone) > 0; i++ {
			j := -1
			out[i].Cases = slices.DeleteFunc(out[i].Cases, func(trust.Sample) bool { j++; return gone[place{i, j}] })
		}
		from = to
	}
	return out
}

// mergeRecord is a with what only b knows. Of what is in numbers only, the one
// that reaches further counts, and of the other only what is newer: so nothing
// counts twice. It is in force since the later of both.
func mergeRecord(a, b *trust.Record) *trust.Record {
	out := *a
	base, more := a, b
	if b.Folded.Until.After(a.Folded.Until) {
		base, more = b, a
	}
	out.Since, out.Folded = later(a.Since, b.Since), base.Folded
	out.Moved = movedAt(a.Moved, b.Moved...)
	out.Cases = slices.Clone(base.Cases)
	for _, s := range more.Cases {
		i := slices.IndexFunc(out.Cases, func(o trust.Sample) bool { return sameSample(o, s) })
		switch {
		case i >= 0:
			out.Cases[i] = mergeSample(out.Cases[i], s)
		case s.At.After(base.Folded.Until):
			at, _ := slices.BinarySearchFunc(out.Cases, s, compareSamples)
			out.Cases = slices.Insert(out.Cases, at, s)
		}
	}
	return &out
}

// mergeSample is a with all that was said and done in either.
func mergeSample(a, b trust.Sample) trust.Sample {
	all := slices.Clone(a.Said)
	for _, s := range b.Said {
		if !slices.Contains(all, s) {
			all = append(all, s)
		}
	}
	slices.SortStableFunc(all, func(x, y trust.Statement) int { return x.At.Compare(y.At) })
	a.Said = trust.Bounded(all)
	a.Acted, a.Approved, a.Crowd = a.Acted || b.Acted, a.Approved || b.Approved, a.Crowd || b.Crowd
	a.GoodAt, a.HandAt = later(a.GoodAt, b.GoodAt), later(a.HandAt, b.HandAt)
	if a.AskedAt.IsZero() {
		a.AskedAt = b.AskedAt
	}
	if a.AnsweredAt.IsZero() {
		a.AnsweredAt = b.AnsweredAt
	}
	if _, known := a.Took.Get(); !known {
		a.Took = b.Took
	}
	return a
}

// mergeRuns is every run of either, by key. Of what is in numbers only, the
// larger counts, and of the other only what came after.
func mergeRuns(a, b []*trust.Runs) []*trust.Runs {
	out := slices.Clone(a)
	for _, r := range b {
		i, ok := slices.BinarySearchFunc(out, r.RunKey, func(o *trust.Runs, k trust.RunKey) int { return compareRunKeys(o.RunKey, k) })
		if !ok {
			out = slices.Insert(out, i, r)
			continue
		}
		base, more := out[i], r
		if more.FoldedGood+more.FoldedBad > base.FoldedGood+base.FoldedBad {
			base, more = more, base
		}
		n := *base
		n.Since, n.Runs = later(base.Since, more.Since), slices.Clone(base.Runs)
		for _, run := range more.Runs {
			known := slices.ContainsFunc(n.Runs, func(o trust.Run) bool { return o.Case == run.Case && o.At.Equal(run.At) })
			inNumbers := base.FoldedGood+base.FoldedBad > 0 && (len(base.Runs) == 0 || run.At.Before(base.Runs[0].At))
			if !known && !inNumbers {
				at, _ := slices.BinarySearchFunc(n.Runs, run, compareRuns)
				n.Runs = slices.Insert(n.Runs, at, run)
			}
		}
		out[i] = &n
	}
	return out
}

// askAfresh takes back what was asked, answered and announced in a saved state:
// a no, a cancel or a reset of the breaker may have voided it since, and nobody
// can tell. The cases are decided on again; a snooze, which only delays, stays.
func (m *machine) askAfresh(x step) {
	for _, c := range m.openCases("") {
		if c.Stage != remedy.StageWaiting && c.Stage != remedy.StageProposed {
			continue
		}
		c = m.edit(c, x)
		later := c.Snooze
		c.unquestion()
		c.Stage, c.Outcome, c.Snooze = remedy.StageDetected, "", later
		c.event(x, "decided afresh: a saved state was gone on from")
	}
}
