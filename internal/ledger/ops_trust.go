package ledger

import (
	"cmp"
	"slices"
	"time"

	"warden/internal/remedy"
	"warden/internal/trust"
)

// TrustReport is what one voter's config says of how trust is earned and lost.
// It replaces that node's earlier one, and stands beside its NodeReport, which
// older builds read.
type TrustReport struct {
	Node remedy.NodeID `json:"node"`
	// ConfigHash is that of the NodeReport of the same file. Until both are there
	// nobody knows what an edit of that file asks for, and no gate is judged.
	ConfigHash string `json:"config_hash"`
	// Rules are [policy], [policy.promote.*] and [policy.demote] of its file.
	Rules trust.Rules `json:"rules"`
	// Rungs are what each action × pool acts by, by action and pool.
	Rungs []TrustRung `json:"rungs,omitempty"`
	// Aliases are who is one person, by its file.
	Aliases []remedy.Alias `json:"aliases,omitempty"`
}

// TrustRung says by which detectors and in which way an action works in a pool.
type TrustRung struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// Target is the action's digest: see actions.Spec.Digest.
	Target string `json:"target"`
	// HasUndo says that the action can be undone.
	HasUndo bool `json:"has_undo,omitempty"`
	// Approvals is how many different people have to say yes to it; 0 is one.
	Approvals int `json:"approvals,omitempty"`
	// AnnounceFor is how long it is announced before it is done at auto; 0 for
	// not at all.
	AnnounceFor time.Duration `json:"announce_for,omitempty"`
	// Detectors propose the action in the pool, by name.
	Detectors []TrustDetector `json:"detectors,omitempty"`
}

// TrustDetector names a detector as it is configured.
type TrustDetector struct {
	Name   remedy.DetectorName `json:"name"`
	Digest string              `json:"digest"`
}

func (*TrustReport) kind() string { return "trust.report" }
func (*TrustReport) since() int   { return 3 }

func (b *TrustReport) apply(m *machine, x step) Result {
	if !slices.Contains(m.voters, b.Node) {
		return refuse(RefusedBad, "node %s is not a voter: only voters' configs count", b.Node)
	}
	i, ok := slices.BinarySearchFunc(m.trustReports, b.Node, func(r TrustReport, n remedy.NodeID) int { return cmp.Compare(r.Node, n) })
	if ok && alike(&m.trustReports[i], b) {
		return done(0)
	}
	asked := m.asked()
	if ok {
		m.trustReports[i] = *b
	} else {
		m.trustReports = slices.Insert(m.trustReports, i, *b)
	}
	m.global++
	for _, r := range b.Rungs {
		m.precreateTrust(r.Action, r.Pool)
	}
	m.named(x)
	m.claim(asked, x)
	m.stricter(x)
	return done(0)
}

// learns reports whether the cluster keeps evidence: from the first entry of
// version 3 on. Before it an older build may be applying the same log, and its
// state has none.
func (m *machine) learns() bool { return m.needs >= 3 }

// rules are the strictest that any voter reported; one without a report counts
// with the defaults.
func (m *machine) rules() trust.Rules {
	if len(m.trustReports) == 0 {
		return trust.DefaultRules()
	}
	out := m.trustReports[0].Rules
	for _, v := range m.voters {
		rules := trust.DefaultRules()
		if r := m.trustReport(v); r != nil {
			rules = r.Rules
		}
		out = trust.Strictest(out, rules)
	}
	return out
}

// trustReport is one voter's, or nil.
func (m *machine) trustReport(node remedy.NodeID) *TrustReport {
	i, ok := slices.BinarySearchFunc(m.trustReports, node, func(r TrustReport, n remedy.NodeID) int { return cmp.Compare(r.Node, n) })
	if !ok {
		return nil
	}
	return &m.trustReports[i]
}

// find returns what the report says of an action in a pool, and whether it says
// anything.
func (b *TrustReport) find(action remedy.ActionName, pool remedy.PoolName) (TrustRung, bool) {
	i := slices.IndexFunc(b.Rungs, func(r TrustRung) bool { return r.Action == action && r.Pool == pool })
	if i < 0 {
		return TrustRung{}, false
	}
	return b.Rungs[i], true
}
