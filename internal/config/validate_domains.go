package config

import (
	"maps"
	"slices"

	"warden/internal/remedy"
)

// domains checks a pool's failure domains, and the labels of a static list.
func (v *validator) domains(name remedy.PoolName, p Pool) {
	at := func(keys ...string) []string { return append([]string{"pools", string(name)}, keys...) }
	label, most := at("failure_domain_label"), at("max_failure_domains")
	v.atLeast(most, int64(p.MaxFailureDomains), 1)
	if p.MaxFailureDomains != DefaultMaxFailureDomains && p.FailureDomainLabel == "" && v.ok(label) {
		v.fail(most, "max_failure_domains = %d needs failure_domain_label, which says what a failure domain is; add it, or leave both out", p.MaxFailureDomains)
	}
	if p.FailureDomainLabel != "" && !validName(p.FailureDomainLabel) {
		v.fail(label, "failure_domain_label = %s: use letters, digits, _ and -, %d at most", quote(p.FailureDomainLabel), maxName)
	}
	labels := at("inventory", "labels")
	if !v.ok(labels) {
		return
	}
	for _, key := range slices.Sorted(maps.Keys(p.Inventory.Labels)) {
		v.labelled(join(labels, key), p.Inventory.Hosts, p.Inventory.Labels[key])
	}
	if p.FailureDomainLabel == "" || p.Inventory.Type != TypeStatic || !v.ok(label) {
		return
	}
	byHost := p.Inventory.LabelsByHost()
	var without []string
	for _, h := range p.Inventory.Hosts {
		if byHost[string(h)][p.FailureDomainLabel] == "" {
			without = append(without, string(h))
		}
	}
	if len(without) > 0 {
		v.warn(label, "pools.%s: %s of %d without the label %s, the first %s: nothing is done to them, and while one is out to no other either; add them to inventory.labels",
			name, count(len(without), "host"), len(p.Inventory.Hosts), p.FailureDomainLabel, quote(without[0]))
	}
}

// labelled holds the hosts of one label's values to the list, each to one
// value.
func (v *validator) labelled(p []string, hosts []remedy.HostName, values map[string][]remedy.HostName) {
	seen := map[remedy.HostName]string{}
	for _, value := range slices.Sorted(maps.Keys(values)) {
		for i, h := range values[value] {
			item := join(p, value, element(i))
			switch before, twice := seen[h]; {
			case !slices.Contains(hosts, h):
				v.fail(item, "host %s is not one of the pool's hosts; use a name of the list", quote(string(h)))
			case twice:
				v.fail(item, "host %s has the value %s already; keep one", quote(string(h)), before)
			}
			seen[h] = value
		}
	}
}
