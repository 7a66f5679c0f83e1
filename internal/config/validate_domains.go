package config

import (
	"maps"
	"slices"
	"strings"

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

// sharedHosts warns of hosts that the static lists of two pools have: one name
// is one machine, which both pools count as theirs.
func (v *validator) sharedHosts() {
	first := map[string]remedy.PoolName{} // by host, in lower case: to DNS those are one
	for _, name := range slices.Sorted(maps.Keys(v.config.Pools)) {
		hosts, at := v.config.Pools[name].Inventory.Hosts, []string{"pools", string(name), "inventory", "hosts"}
		shared := map[remedy.PoolName][]string{}
		for _, h := range hosts {
			key := strings.ToLower(string(h))
			switch before, twice := first[key]; {
			case !twice:
				first[key] = name
			case before != name:
				shared[before] = append(shared[before], string(h))
			}
		}
		for _, before := range slices.Sorted(maps.Keys(shared)) {
			v.warn(at, "pools.%s: %s that pools.%s lists as well, the first %s: one name is one machine, so an execution by either pool holds it for both, and each pool counts it towards its own floor and out-slots; keep it in one pool, or leave it at that when it serves both",
				name, count(len(shared[before]), "host"), before, quote(shared[before][0]))
		}
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
