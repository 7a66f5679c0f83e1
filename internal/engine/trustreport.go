package engine

import (
	"cmp"
	"context"
	"reflect"
	"slices"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// trustSince is the ledger version from which on evidence is kept.
const trustSince = 3

// TrustReport is what the node tells the ledger of how trust is earned and
// lost, beside Report.
func (c *Config) TrustReport(node remedy.NodeID) *ledger.TrustReport {
	r := &ledger.TrustReport{Node: node, ConfigHash: c.Hash, Rules: c.Trust, Aliases: c.Aliases}
	for _, name := range sorted(c.Actions) {
		a := c.Actions[name]
		for _, pool := range sorted(a.Levels) {
			rung := ledger.TrustRung{Action: name, Pool: pool, Target: a.Target(pool), HasUndo: !a.Spec.NoUndo, Approvals: a.Approvals, AnnounceFor: a.AnnounceFor}
			for _, d := range c.detectorsOf(pool) {
				if s := d.Spec(); s.Proposes == name {
					rung.Detectors = append(rung.Detectors, ledger.TrustDetector{Name: s.Name, Digest: s.Digest})
				}
			}
			slices.SortFunc(rung.Detectors, func(a, b ledger.TrustDetector) int { return cmp.Compare(a.Name, b.Name) })
			r.Rungs = append(r.Rungs, rung)
		}
	}
	return r
}

// Target is the digest of what the action does in a pool: Targets where the
// pool has one of its own, else Spec.Digest.
func (a Action) Target(pool remedy.PoolName) string { return cmp.Or(a.Targets[pool], a.Spec.Digest) }

// unreported is what the ledger still has to be told of the config, as one
// entry's operations, and none when it has all of it. How trust is earned comes
// first, and in the same entry, so that no level rises before its gate is known.
// It waits until every voter can read it, which takes their other reports.
func (e *Engine) unreported(cfg *Config) []ledger.Body {
	var out []ledger.Body
	want := cfg.TrustReport(e.Node)
	if have, ok := e.Ledger.TrustReport(e.Node); e.Ledger.Floor().Version >= trustSince && (!ok || !reflect.DeepEqual(&have, want)) {
		out = append(out, want)
	}
	levels, st := cfg.Report(e.Node), e.Ledger.Status()
	waived := slices.ContainsFunc(st.Waivers, func(w ledger.Waiver) bool { return w.Node == e.Node })
	if waived || !slices.ContainsFunc(st.Reports, func(r ledger.NodeReport) bool { return r.Node == e.Node && sameReport(&r, levels) }) {
		out = append(out, levels)
	}
	return out
}

// report commits this node's config to the ledger, as far as the ledger doesn't
// have it, or when somebody waived it: this node is up, so its word counts. What
// the first entry says may be what the second one waits for.
func (e *Engine) report(ctx context.Context, cfg *Config) error {
	for range 2 {
		if err := e.commit(ctx, remedy.Warden(), e.unreported(cfg)...); err != nil {
			return err
		}
	}
	return nil
}

// Reported reports whether the ledger has this node's config as it is in force,
// or wants none: a node that is no voter has none to report. A waiver is ended
// by reporting again: this node is up, so its word counts.
func (e *Engine) Reported() bool {
	return !slices.Contains(e.Ledger.Status().Voters, e.Node) || len(e.unreported(e.Config())) == 0
}

// ReportConfig has this node's config committed, through the leader if that is
// another node. The ledger's refusal is an error.
func (e *Engine) ReportConfig(ctx context.Context) error {
	bodies := e.unreported(e.Config())
	if len(bodies) == 0 {
		bodies = []ledger.Body{e.Config().Report(e.Node)}
	}
	applied, err := e.say(ctx, bodies...)
	if err != nil {
		return err
	}
	for _, r := range applied.Results {
		if err := fromResult(r); err != nil {
			return err
		}
	}
	return nil
}
