package config

import (
	"cmp"
	"maps"
	"slices"

	"warden/internal/remedy"
)

// Level is the level this file gives to the action in the pool: pool_policy,
// else the action's policy, else the default of [policy]. It is LevelBlocked
// for an action or pool the file does not have.
func (c *Config) Level(action remedy.ActionName, pool remedy.PoolName) remedy.Level {
	a, known := c.Actions[action]
	if _, ok := c.Pools[pool]; !ok || !known {
		return remedy.LevelBlocked
	}
	return cmp.Or(a.PoolPolicy[pool], a.Policy, c.Policy.Default)
}

// Backend is the HAProxy backend that the action uses for the pool, or "".
func (c *Config) Backend(action remedy.ActionName, pool remedy.PoolName) string {
	a := c.Actions[action]
	return cmp.Or(a.PoolBackend[pool], a.Backend)
}

// Addresses are the runtime APIs that the action uses for the pool: those of
// pool_addresses, else its addresses, else its address.
func (c *Config) Addresses(action remedy.ActionName, pool remedy.PoolName) []string {
	a := c.Actions[action]
	switch {
	case len(a.PoolAddresses[pool]) > 0:
		return a.PoolAddresses[pool]
	case len(a.Addresses) > 0:
		return a.Addresses
	case a.Address != "":
		return []string{a.Address}
	}
	return nil
}

// MaxStaleness is how old the newest sample may be for the detector: its own
// max_staleness, else its source's, else StalenessIntervals intervals.
func (c *Config) MaxStaleness(detector remedy.DetectorName) Duration {
	d := c.Detectors[detector]
	return cmp.Or(d.MaxStaleness, c.Sources[d.Source].MaxStaleness, StalenessIntervals*d.Interval)
}

// Window is how much time before an instant the detector's values cover: its
// window, else one interval for a threshold on Graphite, else 0.
func (c *Config) Window(detector remedy.DetectorName) Duration {
	d := c.Detectors[detector]
	if d.Type == TypeThreshold && c.OnGraphite(detector) {
		return cmp.Or(d.Window, d.Interval)
	}
	return d.Window
}

// MaxEvidenceAge is how old the instant that the detector judged may be when
// something is done about it: its own max_evidence_age, else EvidenceIntervals
// intervals and the source's timeout. A round judges the instant between one
// and two intervals back, and the next one's word may come a timeout late.
func (c *Config) MaxEvidenceAge(detector remedy.DetectorName) Duration {
	d := c.Detectors[detector]
	return cmp.Or(d.MaxEvidenceAge, EvidenceIntervals*d.Interval+c.Sources[d.Source].Timeout)
}

// TookWithin is how long to wait until the action took: within of its verify
// table, else took_within.
func (c *Config) TookWithin(action remedy.ActionName) Duration {
	a := c.Actions[action]
	return cmp.Or(a.Verify.Within, a.TookWithin)
}

// IsSet reports whether the file has the key at path, such as "detectors",
// "load_high", "bad_above".
func (c *Config) IsSet(path ...string) bool { return c.given[pathKey(path)] }

// OnGraphite reports whether the detector's source is a Graphite.
func (c *Config) OnGraphite(detector remedy.DetectorName) bool {
	return c.Sources[c.Detectors[detector].Source].Type == TypeGraphite
}

// HostNode is the detector's host_node as remedy.HostRule counts nodes: from 1,
// where the file counts from 0 as Graphite's functions do. It is 0 when the
// file has none.
func (c *Config) HostNode(detector remedy.DetectorName) int {
	n := c.Detectors[detector].HostNode
	switch {
	case !c.IsSet("detectors", string(detector), "host_node"):
		return 0
	case n >= 0:
		return n + 1
	default:
		return n
	}
}

// DetectorsOf lists the detectors that judge the pool, sorted.
func (c *Config) DetectorsOf(pool remedy.PoolName) []remedy.DetectorName {
	var names []remedy.DetectorName
	for _, name := range slices.Sorted(maps.Keys(c.Detectors)) {
		if slices.Contains(c.Detectors[name].Pools, pool) {
			names = append(names, name)
		}
	}
	return names
}

// ActionsOf lists the actions that some detector proposes for the pool,
// sorted and each once: their Observe says who is in service.
func (c *Config) ActionsOf(pool remedy.PoolName) []remedy.ActionName {
	var names []remedy.ActionName
	for _, d := range c.DetectorsOf(pool) {
		if a := c.Detectors[d].Propose; a != "" {
			names = append(names, a)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}
