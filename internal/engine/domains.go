package engine

import (
	"cmp"
	"fmt"
	"slices"

	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/policy"
)

// domain is the failure domain of a host by the inventory's labels, or "" when
// it has none. The pool may be nil, when no round has seen it.
func (p *poolRound) domain(label string, host remedy.HostName) string {
	if p == nil {
		return ""
	}
	i, ok := slices.BinarySearchFunc(p.hosts, host, func(h inventory.Host, n remedy.HostName) int { return cmp.Compare(h.Name, n) })
	if !ok {
		return ""
	}
	return ledger.Domain(label, p.hosts[i].Labels[label])
}

// domains is where the hosts that are out stand, and the asked one. It is
// unknown when that can't be told of one of them.
func (p *poolRound) domains(f ledger.Facts, host remedy.HostName) remedy.Fact[policy.Domains] {
	label := f.Limits.DomainLabel
	own := p.domain(label, host)
	switch {
	case !f.LimitsKnown:
		return remedy.Unknown[policy.Domains]("no voter has reported the pool's limits")
	case label == "":
	case own == "":
		return remedy.Unknown[policy.Domains](fmt.Sprintf("%s has no label %s in the inventory", host, label))
	case f.DomainLost != "":
		return remedy.Unknown[policy.Domains](fmt.Sprintf("%s is out and has no label %s in the inventory", f.DomainLost, label))
	}
	return remedy.Known(policy.Domains{Label: label, Host: own, Out: f.OutDomains, Max: f.Limits.MaxDomains})
}
