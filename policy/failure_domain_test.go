package policy_test

import (
	"testing"

	"warden/internal/remedy"
	"warden/policy"
)

func TestFailureDomain(t *testing.T) {
	racks := func(host string, most int, out ...string) func(*policy.Proposal, *policy.World) {
		return world(func(w *policy.World) {
			w.Domains = remedy.Known(policy.Domains{Label: "rack", Host: host, Out: out, Max: most})
		})
	}
	run(t, "failure_domain", []trial{
		{"the first", nil, remedy.EffectAllow, false, "rack=r1 out after this", "1 by rack"},
		{"the same rack", racks("rack=r1", 1, "rack=r1"), remedy.EffectAllow, false, "rack=r1 out after this", "1 by rack"},
		{"a second rack", racks("rack=r2", 1, "rack=r1"), remedy.EffectBlock, false, "rack=r1, rack=r2 out after this", "1 by rack"},
		{"two may be", racks("rack=r2", 2, "rack=r1"), remedy.EffectAllow, false, "rack=r1, rack=r2 out after this", "2 by rack"},
		{"two are out already", racks("rack=r1", 1, "rack=r1", "rack=r2"),
			remedy.EffectBlock, false, "rack=r1, rack=r2 out after this", "1 by rack"},
		{"many", racks("rack=r1", 2, "rack=r2", "rack=r3", "rack=r4", "rack=r5"),
			remedy.EffectBlock, false, "rack=r1, rack=r2, rack=r3 and 2 more out after this", "2 by rack"},
		{"none allowed", racks("rack=r1", 0), remedy.EffectBlock, false, "rack=r1 out after this", "0 by rack"},
		{"no domains", world(func(w *policy.World) { w.Domains = remedy.Known(policy.Domains{}) }),
			remedy.EffectAllow, false, "the pool has no failure domains", ""},
		{"no label", racks("", 1), remedy.EffectBlock, true, "unknown: a host has no rack", ""},
		{"one out without", racks("rack=r1", 1, ""), remedy.EffectBlock, true, "unknown: a host has no rack", ""},
		{"negative", racks("rack=r1", -1), remedy.EffectBlock, true, "unknown: max_failure_domains is negative", ""},
		{"puts back", func(p *policy.Proposal, w *policy.World) {
			p.TakesOut = false
			w.Domains = remedy.Fact[policy.Domains]{}
		},
			remedy.EffectNotBind, false, "takes no host out of service", ""},
		{"unknown", world(func(w *policy.World) {
			w.Domains = remedy.Unknown[policy.Domains]("h7 has no label rack in the inventory")
		}),
			remedy.EffectBlock, true, "unknown: h7 has no label rack in the inventory", ""},
		{"not filled in", world(func(w *policy.World) { w.Domains = remedy.Fact[policy.Domains]{} }),
			remedy.EffectBlock, true, "unknown: the failure domains of the hosts that are out are not known", ""},
	})
}
