package config

import (
	"path"
	"slices"

	"warden/internal/remedy"
)

// nobody warns of a pool in which nothing can ever be done.
func (v *validator) nobody(name remedy.PoolName, p Pool) {
	at := func(key string) []string { return []string{"pools", string(name), key} }
	if p.MaxOutOfService == 0 {
		v.warn(at("max_out_of_service"), "pools.%s: max_out_of_service = 0: no host can ever be taken out; use 1 or more, or leave it at that", name)
	}
	everybody := func(pattern string) bool { return pattern == "*" }
	if hosts := p.Inventory.Hosts; p.Inventory.Type == TypeStatic && len(hosts) > 0 {
		everybody = func(pattern string) bool {
			return !slices.ContainsFunc(hosts, func(h remedy.HostName) bool {
				ok, err := path.Match(pattern, string(h))
				return !ok || err != nil
			})
		}
	}
	if i := slices.IndexFunc(p.Protected, everybody); i >= 0 {
		v.warn(append(at("protected"), element(i)), "protected: %s names every host of pools.%s: nothing is ever done about any; name those that must stay", quote(p.Protected[i]), name)
	}
}

// blind warns of a detector that can never tell, or seldom can.
func (v *validator) blind(name remedy.DetectorName, at func(...string) []string, d Detector) {
	// A bucket of Graphite is a second or more, and nobody scrapes more often.
	if points := int64(d.Window / second); (d.Type == TypeCanary || v.config.OnGraphite(name)) && d.Window > 0 && v.ok(at("window")) && int64(d.MinPoints) > points {
		v.warn(at("min_points"), "min_points = %d: with a sample each second window = %q holds %d, so that every host is unknown; use fewer, or a longer window", d.MinPoints, d.Window, points)
	}
	if p := at("max_staleness"); v.given[pathKey(p)] && v.ok(p, at("interval")) && d.MaxStaleness < d.Interval {
		v.warn(p, "max_staleness = %q is shorter than interval = %q: hosts whose samples come no more often than warden looks are unknown; use a longer one", d.MaxStaleness, d.Interval)
	}
}
