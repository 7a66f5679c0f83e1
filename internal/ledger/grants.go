package ledger

import (
	"cmp"
	"fmt"
	"slices"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// asked is what the voters' files want of one action × pool: the lowest level
// that any of those that have spoken reports, and by which detectors and in
// which way it acts.
type asked struct {
	action remedy.ActionName
	pool   remedy.PoolName
	level  remedy.Level
	filed  remedy.Level // with those that are silent
	marks  []string     // digests of the detectors and the action, sorted
}

func compareAsked(a, b asked) int {
	return cmp.Or(cmp.Compare(a.action, b.action), cmp.Compare(a.pool, b.pool))
}

// asked lists what is wanted of everything that any report names, by action and
// pool; nothing while the cluster keeps no evidence. A voter that has not
// reported and one whose word is waived say nothing here: the silence of a node
// that joins is no edit, and that it speaks is none either.
func (m *machine) asked() []asked {
	if !m.learns() {
		return nil
	}
	var out []asked
	for _, r := range m.reports {
		for _, l := range r.Levels {
			out = append(out, asked{action: l.Action, pool: l.Pool})
		}
	}
	slices.SortFunc(out, compareAsked)
	out = slices.CompactFunc(out, func(a, b asked) bool { return compareAsked(a, b) == 0 })
	for i := range out {
		out[i].level = m.spoken(out[i].action, out[i].pool)
		out[i].filed = m.filed(out[i].action, out[i].pool)
		out[i].marks = m.marks(out[i].action, out[i].pool)
	}
	return out
}

// spoken is the lowest level in the files that are known and count;
// metric-only where there is none.
func (m *machine) spoken(action remedy.ActionName, pool remedy.PoolName) remedy.Level {
	lowest, known := remedy.LevelAuto, false
	for _, r := range m.reports {
		if _, waived := m.waiverIndex(r.Node); !waived {
			lowest, known = min(lowest, m.reported(r.Node, action, pool).Level), true
		}
	}
	if !known {
		return remedy.LevelMetricOnly
	}
	return lowest
}

// marks are the digests that an action × pool works by, in all files that count.
func (m *machine) marks(action remedy.ActionName, pool remedy.PoolName) []string {
	var out []string
	for i := range m.trustReports {
		r := &m.trustReports[i]
		if _, waived := m.waiverIndex(r.Node); waived {
			continue
		}
		if rung, ok := r.find(action, pool); ok {
			out = append(out, "action\x00"+rung.Target)
			for _, d := range rung.Detectors {
				out = append(out, "detector\x00"+string(d.Name)+"\x00"+d.Digest)
			}
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// unread names a voter whose file is known in part only: its NodeReport is of
// another config than its TrustReport. What that file wants of gates, and what
// its levels would act by, nobody can say; empty when there is none.
func (m *machine) unread() remedy.NodeID {
	for i := range m.reports {
		r := &m.reports[i]
		if _, waived := m.waiverIndex(r.Node); waived {
			continue
		}
		if t := m.trustReport(r.Node); t == nil || t.ConfigHash != r.ConfigHash {
			return r.Node
		}
	}
	return ""
}

// enforced reports whether any voter is known to enforce its gates.
func (m *machine) enforced() bool {
	return slices.ContainsFunc(m.trustReports, func(r TrustReport) bool { return r.Rules.Enforce })
}

// gated reports whether levels wait for verdicts: any voter enforces its gates,
// or nobody can tell yet whether one does.
func (m *machine) gated() bool {
	return m.enforced() || m.unread() != ""
}

// claim answers a change of what the files want. Where gates are enforced, a
// level that rises, a digest that nobody had, and all that stands when gates
// begin to be enforced, are claims: until their verdict the level is the lower
// of before and after, and metric-only where no verdict has granted anything
// yet: what an older build allowed, a file that only warned, or a cluster that
// has just been founded is no verdict. While nobody can tell whether a gate is
// enforced, what was in force stays. A file that asks for less gives the rest
// back. Without any enforced gate the files' levels hold, as a person wrote them.
func (m *machine) claim(before []asked, x step) {
	if !m.learns() || len(m.trustReports) == 0 {
		return
	}
	if !m.gated() {
		m.ungate(x)
		return
	}
	now, enforced := m.asked(), m.enforced()
	var grants []trust.Grant
	for _, want := range now {
		if want.level <= remedy.LevelMetricOnly {
			continue // it needs no gate, and what comes later is a claim from here
		}
		was := asked{level: remedy.LevelMetricOnly, filed: remedy.LevelMetricOnly}
		if i, ok := slices.BinarySearchFunc(before, want, compareAsked); ok {
			was = before[i]
		}
		g := m.grant(want.action, want.pool)
		if g != nil && want.level <= was.level && contains(was.marks, want.marks) {
			kept := *g
			kept.Enforced = kept.Enforced || enforced
			kept.Revision += unjudged(kept)
			grants = append(grants, m.bounded(kept, min(g.To, want.level)))
			continue
		}
		next := trust.Grant{Action: want.action, Pool: want.pool, Enforced: enforced}
		held := min(was.level, was.filed)
		if g != nil {
			held, next.Granted, next.Enforced = min(was.level, g.To), g.Granted, enforced || g.Enforced
			if !contains(was.marks, want.marks) {
				next.Granted = remedy.LevelBlocked // that was about another detector or action: nothing was granted to this one
			}
		}
		m.lastClaim++
		next.At, next.Claim = x.at, m.lastClaim
		grants = append(grants, m.bounded(next, min(held, want.level)))
	}
	if !slices.Equal(grants, m.grants) {
		m.grants = grants
		m.global++
	}
}

// bounded is the grant at a level, or at what verdicts have granted where that
// is lower and a gate is enforced.
func (m *machine) bounded(g trust.Grant, to remedy.Level) trust.Grant {
	g.Granted = min(g.Granted, to)
	if m.enforced() {
		to = min(to, max(g.Granted, remedy.LevelMetricOnly))
	}
	g.To = to
	return g
}

// ungate drops what gates left: none is enforced. Where none was before either,
// levels only waited for the rest of a file, and what they do now is what the
// files ask for.
func (m *machine) ungate(x step) {
	if len(m.grants) == 0 {
		return
	}
	words := "the voters' files ask for more, and their gates only warn"
	if slices.ContainsFunc(m.grants, func(g trust.Grant) bool { return g.Enforced }) {
		words = "no file enforces its gates any more: levels are the files' again"
	}
	before := m.levels()
	m.grants = nil
	m.global++
	if moved := m.movedSince(before); moved != "" {
		m.notify(Notice{Kind: NoticeConfig, Detail: words + moved}, x)
	}
}

// contains reports whether all of b is in a; both are sorted.
func contains(a, b []string) bool {
	for _, s := range b {
		if _, ok := slices.BinarySearch(a, s); !ok {
			return false
		}
	}
	return true
}

// grantIndex is where the grant of an action × pool is, or would be.
func (m *machine) grantIndex(action remedy.ActionName, pool remedy.PoolName) (int, bool) {
	return slices.BinarySearchFunc(m.grants, trust.Grant{Action: action, Pool: pool}, compareGrants)
}

func compareGrants(a, b trust.Grant) int {
	return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Pool, b.Pool))
}

// grant is that of an action × pool, or nil.
func (m *machine) grant(action remedy.ActionName, pool remedy.PoolName) *trust.Grant {
	i, ok := m.grantIndex(action, pool)
	if !ok {
		return nil
	}
	return &m.grants[i]
}

// evidenceMoved notes, on the claim of an action × pool, that what its verdict
// reads has changed. What is judged already reads nothing any more.
func (m *machine) evidenceMoved(action remedy.ActionName, pool remedy.PoolName) {
	if g := m.grant(action, pool); g != nil {
		g.Revision += unjudged(*g)
	}
}

// allEvidenceMoved does so for all claims: the rules themselves have changed.
func (m *machine) allEvidenceMoved() {
	for i := range m.grants {
		m.grants[i].Revision += unjudged(m.grants[i])
	}
}

// unjudged is 1 for a claim that waits for its verdict, else 0.
func unjudged(g trust.Grant) uint64 {
	if g.Judged {
		return 0
	}
	return 1
}

// TrustJudge is the leader's verdict on one claim: the highest level that the
// gates leave. It counts for that claim only, and once; and only by the evidence
// that is committed, so that nobody's word is overlooked that came while the
// leader judged.
type TrustJudge struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	Claim  uint64            `json:"claim"`
	// Revision is the claim's as it was judged: see trust.Grant.
	Revision uint64       `json:"revision,omitempty"`
	To       remedy.Level `json:"to"`
	// Said is the verdict in words, for people.
	Said string `json:"said,omitempty"`
}

func (*TrustJudge) kind() string { return "trust.judge" }
func (*TrustJudge) since() int   { return 3 }

func (b *TrustJudge) apply(m *machine, x step) Result {
	i, ok := m.grantIndex(b.Action, b.Pool)
	switch {
	case x.by.Person:
		return refuse(RefusedPerson, "the leader judges gates by what is committed: a person edits a file, or reviews with `warden promote %s --review --reason TEXT`", b.Action)
	case !ok, !m.isAsked(b.Action, b.Pool): // what no file names any more has no evidence to judge by
		return refuse(RefusedNothing, "nothing is claimed for %s on %s", b.Action, b.Pool)
	case m.grants[i].Claim != b.Claim:
		return refuse(RefusedBasis, "the claim for %s on %s is %d and not %d: judge again", b.Action, b.Pool, m.grants[i].Claim, b.Claim)
	case m.grants[i].Judged:
		return refuse(RefusedDecided, "claim %d for %s on %s is judged already", b.Claim, b.Action, b.Pool)
	case m.grants[i].Revision != b.Revision:
		return refuse(RefusedBasis, "the evidence about %s on %s has changed since it was judged: judge again", b.Action, b.Pool)
	case m.unread() != "":
		return refuse(RefusedBasis, "%s has not reported all of its file: judge when it has", m.unread())
	case b.To < remedy.LevelMetricOnly || b.To > remedy.LevelAuto:
		return refuse(RefusedBad, "%s is no level that a gate leaves", b.To)
	}
	before := m.effective(b.Action, b.Pool)
	g := m.grants[i]
	g.To, g.At, g.Judged, g.Said = min(b.To, m.spoken(b.Action, b.Pool)), x.at, true, b.Said
	g.Granted = g.To
	m.grants[i] = g
	m.global++
	wants := m.spoken(b.Action, b.Pool)
	words := fmt.Sprintf("%s on %s: ", b.Action, b.Pool)
	switch now := m.effective(b.Action, b.Pool); {
	case g.To < wants:
		words += fmt.Sprintf("the files ask for %s and the gates leave %s", wants, g.To)
	case now != before:
		words += fmt.Sprintf("%s now, it was %s: the gates are met", now, before)
	default:
		return done(0)
	}
	m.notify(Notice{Kind: NoticeConfig, Pool: b.Pool, Detail: words + suffix(b.Said)}, x)
	return done(0)
}
