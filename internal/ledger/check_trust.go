package ledger

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// checkTrust holds what is known of trust to its order, each once, and to what
// the voters and numbers allow.
func (m *machine) checkTrust() error {
	if !rising(m.trustReports, func(a, b TrustReport) int { return cmp.Compare(a.Node, b.Node) }) ||
		!rising(m.records, func(a, b *trust.Record) int { return compareKeys(a.Key, b.Key) }) ||
		!rising(m.runs, func(a, b *trust.Runs) int { return compareRunKeys(a.RunKey, b.RunKey) }) ||
		!rising(m.demotions, compareDemotions) || !rising(m.grants, compareGrants) {
		return errors.New("its evidence is out of order")
	}
	if m.adopted > m.index {
		return fmt.Errorf("it went on from a saved state at %d, and stands at %d", m.adopted, m.index)
	}
	if m.tenure.Term > m.term || m.tenure.From.After(m.time) {
		return fmt.Errorf("its leader of term %d has looked since %s, and it stands at term %d and %s", m.tenure.Term, m.tenure.From, m.term, m.time)
	}
	for _, r := range m.trustReports {
		if _, voter := slices.BinarySearch(m.voters, r.Node); !voter {
			return fmt.Errorf("it has a word on trust of %s, which is not a voter", r.Node)
		}
	}
	for _, r := range m.records {
		if !slices.IsSortedFunc(r.Cases, compareSamples) || len(r.Moved) > maxMovedCases || !rising(r.Moved, time.Time.Compare) {
			return fmt.Errorf("the evidence about %s on %s is out of order", r.Action, r.Pool)
		}
		for _, s := range r.Cases {
			if s.Case > m.lastCase {
				return fmt.Errorf("it has evidence of %s, which is beyond the last case, %s", s.Case, m.lastCase)
			}
		}
	}
	for _, r := range m.runs {
		if !slices.IsSortedFunc(r.Runs, compareRuns) {
			return fmt.Errorf("the runs of %s on %s are out of order", r.Action, r.Pool)
		}
	}
	for _, d := range m.demotions {
		if d.To < remedy.LevelMetricOnly || d.To > remedy.LevelAuto {
			return fmt.Errorf("it has %s on %s demoted to %s", d.Action, d.Pool, d.To)
		}
		if len(d.Causes) > maxCauses || !slices.IsSortedFunc(d.Causes, func(a, b trust.Cause) int { return a.At.Compare(b.At) }) {
			return fmt.Errorf("the causes for which %s on %s was demoted are out of order", d.Action, d.Pool)
		}
	}
	for _, g := range m.grants {
		if g.To < remedy.LevelMetricOnly || g.To > remedy.LevelAuto || g.Granted > g.To || g.Claim > m.lastClaim {
			return fmt.Errorf("it has %s on %s granted %s by claim %d of %d", g.Action, g.Pool, g.To, g.Claim, m.lastClaim)
		}
	}
	return nil
}
