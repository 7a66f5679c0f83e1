package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

func compareRunKeys(a, b trust.RunKey) int {
	return cmp.Or(cmp.Compare(a.Action, b.Action), cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Target, b.Target))
}

// runsOf returns the place of a record of runs, which is made on first use.
func (m *machine) runsOf(k trust.RunKey, at time.Time) int {
	i, ok := slices.BinarySearchFunc(m.runs, k, func(r *trust.Runs, k trust.RunKey) int { return compareRunKeys(r.RunKey, k) })
	if !ok {
		m.runs = slices.Insert(m.runs, i, &trust.Runs{RunKey: k, Since: at})
		m.evidenceMoved(k.Action, k.Pool)
	}
	return i
}

// setRuns puts a record of runs in the place of another of its key.
func (m *machine) setRuns(i int, r *trust.Runs) {
	m.runs[i] = r
	m.evidenceMoved(r.Action, r.Pool)
}

// ran notes how an execution of the action ended, or that it was called off: then
// it is no run. What an undo or a putting back did says nothing of the action.
func (m *machine) ran(c *Case, e *Execution, outcome remedy.Outcome, took remedy.Fact[bool], x step) {
	if !m.learns() || e.Kind != remedy.KindAct && e.Kind != remedy.KindManual {
		return
	}
	i := m.runsOf(trust.RunKey{Action: c.Action, Pool: c.Pool, Target: e.Target}, x.at)
	r := *m.runs[i]
	r.Runs = slices.DeleteFunc(slices.Clone(r.Runs), func(o trust.Run) bool { return o.Case == c.ID && o.At.Equal(e.StartedAt) })
	if outcome != remedy.OutcomeAborted {
		run := trust.Run{
			Case: c.ID, At: e.StartedAt, Outcome: outcome, Took: took,
			Approved: e.Kind == remedy.KindAct && c.Answer != nil && c.Answer.Approve, Manual: e.Kind == remedy.KindManual,
		}
		at, _ := slices.BinarySearchFunc(r.Runs, run, compareRuns)
		r.Runs = slices.Insert(r.Runs, at, run)
	}
	m.setRuns(i, &r)
	m.foldRuns(i, x.at)
}

func compareRuns(a, b trust.Run) int { return cmp.Or(a.At.Compare(b.At), cmp.Compare(a.Case, b.Case)) }

// failing takes a level away where too many of warden's own actions failed
// within a while. An outcome that nobody knows counts as failed; runs by hand say
// nothing of warden's own.
func (m *machine) failing(c *Case, x step) {
	rule := m.rules().Demote
	if !m.learns() || rule.ErrorAfter <= 0 {
		return
	}
	failed := 0
	for _, r := range m.runs {
		if r.Action != c.Action || r.Pool != c.Pool {
			continue
		}
		for _, run := range r.Runs {
			bad := run.Outcome == remedy.OutcomeFailed || run.Outcome == remedy.OutcomePartial || run.Outcome == remedy.OutcomeUnknown
			if bad && !run.Manual && x.at.Sub(run.At) <= rule.ErrorWithin {
				failed++
			}
		}
	}
	if failed >= rule.ErrorAfter {
		m.demoteFor(c, rule.ErrorTo, trust.WhyFailed, countWords(failed, rule.ErrorWithin), x)
	}
}
