package config

import (
	"cmp"
	"maps"
	"path"
	"slices"
	"strings"
	"time"

	"warden/internal/remedy"
)

// validator holds a decoded config to everything a type can't say: ranges,
// references, and keys that only make sense together.
type validator struct {
	*decoder
	config *Config
	opt    Options
}

// all runs every check. Each section's are in its own function.
func (v *validator) all() {
	c := v.config
	if p := join(nil, "config_version"); v.ok(p) && c.Version != version {
		v.fail(p, "config_version = %d: this build of warden reads version %d: write that, or install the build that the file is for", c.Version, version)
	}
	v.cluster(c.Cluster)
	variables := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(c.Sources)) {
		v.source(name, c.Sources[name], variables)
	}
	for _, name := range slices.Sorted(maps.Keys(c.Pools)) {
		v.pool(name, c.Pools[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Detectors)) {
		v.detector(name, c.Detectors[name])
	}
	for _, name := range slices.Sorted(maps.Keys(c.Actions)) {
		v.action(name, c.Actions[name])
	}
	v.sharedHosts()
	v.policy(c.Policy)
	v.approvals(c.Approvals)
	v.chat(c.Chat.Slack)
	v.guardrails()
	v.mirror(c.Telemetry.Graphite)
	v.heartbeat(c.Heartbeat)
	v.summary(c.Summary)
	v.outlets()
	v.pagerduty(c.PagerDuty)
	v.audit(c.Audit)
	v.between([]string{"ledger", "keep_closed"}, c.Ledger.KeepClosed, day, maxDuration)
	if len(c.Detectors) == 0 && !v.given["detectors"] {
		v.warn(nil, "there is no [detectors.NAME]: nothing is watched, and warden only does what people run by hand; add one when that is not what you want")
	}
}

// ok reports that none of the keys has an error yet, nor a table around one.
func (v *validator) ok(paths ...[]string) bool {
	for _, p := range paths {
		for n := range len(p) {
			if v.faulty[pathKey(p[:n+1])] {
				return false
			}
		}
	}
	return true
}

// fail is an error at a key's value, or at the table around a key that is not
// there.
func (v *validator) fail(p []string, format string, args ...any) {
	if v.ok(p) {
		v.badValue(p, format, args...)
	}
}

// warn is a warning at the same place.
func (v *validator) warn(p []string, format string, args ...any) {
	if v.ok(p) {
		v.problem(SeverityWarning, v.index.value(p), p, format, args...)
	}
}

// between holds a duration between two bounds, both allowed.
func (v *validator) between(p []string, got, low, high Duration) {
	if got < low || got > high {
		said := got.String()
		if s, ok := v.written[pathKey(p)]; ok {
			said = s // "0d" is what a person looks for, and not "0s"
		}
		v.fail(p, "%s = %s: use %s to %s", last(p), quote(said), low, high)
	}
}

// atLeast holds a whole number to a lower bound.
func (v *validator) atLeast(p []string, got, low int64) {
	if got < low {
		v.fail(p, "%s = %d: use %d or more", last(p), got, low)
	}
}

// fraction holds a number to 0..1.
func (v *validator) fraction(p []string, got float64) {
	if got < 0 || got > 1 {
		v.fail(p, "%s = %v: use a fraction from 0 to 1", last(p), got)
	}
}

// reference holds a name to those that exist. What names, such as "pool", is
// also the singular of the tables' section.
func (v *validator) reference(p []string, what, got string, names []string) bool {
	if got == "" || slices.Contains(names, got) {
		return got != ""
	}
	v.fail(p, "%s %s does not exist%s", what, quote(got), cmp.Or(didYouMean(got, names), "; add ["+what+"s."+tomlKey(got)+"]"))
	return false
}

func namesOf[K ~string, V any](m map[K]V) []string {
	names := make([]string, 0, len(m))
	for name := range m {
		names = append(names, string(name))
	}
	return names
}

const second = Duration(time.Second)

func (v *validator) source(name remedy.SourceName, s Source, variables map[string]string) {
	at := func(key string) []string { return []string{"sources", string(name), key} }
	v.sourceURL(at("url"), s)
	if p := at("canary_target"); s.CanaryTarget != "" && s.Type != TypeGraphite && v.opt.IsSelector != nil && !v.opt.IsSelector(s.CanaryTarget) {
		v.fail(p, "canary_target %s", mustSelect)
	}
	v.between(at("timeout"), s.Timeout, 100*Duration(time.Millisecond), 5*60*second)
	if v.given[pathKey(at("max_staleness"))] {
		v.between(at("max_staleness"), s.MaxStaleness, second, day)
	}
	v.between(at("late_within"), s.LateWithin, 0, 60*60*second)
	v.atLeast(at("max_series"), int64(s.MaxSeries), 1)
	v.atLeast(at("max_bytes"), s.MaxBytes, 1024)
	v.sourceAuth([]string{"sources", string(name)}, s, variables)
	v.perNode(name, s, variables)
}

func (v *validator) pool(name remedy.PoolName, p Pool) {
	at := func(keys ...string) []string { return append([]string{"pools", string(name)}, keys...) }
	v.inventory(at("inventory"), p.Inventory)
	v.atLeast(at("min_in_service"), int64(p.MinInService), 0)
	v.lends(at("probe"), p.Probe, []remedy.PoolName{name})
	v.atLeast(at("max_out_of_service"), int64(p.MaxOutOfService), 0)
	v.fraction(at("max_out_fraction"), p.MaxOutFraction)
	v.atLeast(at("max_concurrent"), int64(p.MaxConcurrent), 1)
	v.atLeast(at("max_actions_per_hour"), int64(p.MaxActionsPerHour), 1)
	v.atLeast(at("max_actions_per_day"), int64(p.MaxActionsPerDay), 1)
	v.between(at("settle_after_action"), p.SettleAfterAction, 0, day)
	v.atLeast(at("max_attempts"), int64(p.MaxAttempts), 1)
	v.atLeast(at("flap_limit"), int64(p.FlapLimit), 1)
	if p.MinInService == 0 {
		v.warn(at("min_in_service"), "pools.%s: min_in_service = 0: nothing keeps the last host in service; use 1 or more", name)
	}
	for i, pattern := range p.Protected {
		item := at("protected", element(i))
		if _, err := path.Match(pattern, ""); err != nil || strings.TrimSpace(pattern) == "" {
			v.fail(item, "protected: %s is neither a host's name nor a shell pattern: write one such as \"web-1\" or \"web-*\"", quote(pattern))
		} else if len(p.Inventory.Hosts) > 0 && !slices.ContainsFunc(p.Inventory.Hosts, func(h remedy.HostName) bool {
			ok, err := path.Match(pattern, string(h))
			return ok && err == nil
		}) {
			v.warn(item, "protected: %s matches no host of pools.%s: remove it, or mend its spelling", quote(pattern), name)
		}
	}
	if p.Inventory.Type == TypeStatic && len(p.Inventory.Hosts) > 0 && v.ok(at("min_in_service"), at("max_out_of_service"), at("max_out_fraction")) {
		v.slots(name, p)
	}
	v.domains(name, p)
	v.nobody(name, p)
	unwatched := len(v.config.DetectorsOf(name)) == 0 && len(v.config.Detectors) > 0
	for d := range v.config.Detectors {
		unwatched = unwatched && v.ok([]string{"detectors", string(d), "pools"})
	}
	if unwatched {
		v.warn(at(), "pools.%s: no detector watches it; add it to the pools of one", name)
	}
}

// slots warns when a pool of known size can't lose as many hosts as it says.
func (v *validator) slots(name remedy.PoolName, p Pool) {
	n, at := len(p.Inventory.Hosts), []string{"pools", string(name)}
	spare, byFraction := n-p.MinInService, int(p.MaxOutFraction*float64(n)+1e-9)
	switch {
	case spare <= 0:
		v.warn(join(at, "min_in_service"), "pools.%s: %s, min_in_service %d: no host can ever be taken out; use a lower min_in_service", name, count(n, "host"), p.MinInService)
	case p.MaxOutOfService > 0 && byFraction == 0:
		v.warn(join(at, "max_out_fraction"), "pools.%s: max_out_fraction %v of %s rounds down to 0: no host can ever be taken out; use a larger fraction", name, p.MaxOutFraction, count(n, "host"))
	case spare < min(p.MaxOutOfService, byFraction):
		v.warn(join(at, "min_in_service"), "pools.%s: %s, min_in_service %d, max_out_of_service %d: the floor is reached first; change one of the two, or leave it at that",
			name, count(n, "host"), p.MinInService, p.MaxOutOfService)
	}
}

func (v *validator) inventory(p []string, inv Inventory) {
	switch inv.Type {
	case TypeStatic:
		seen := map[string]bool{} // in lower case: to DNS those are one host
		for i, h := range inv.Hosts {
			item := join(p, "hosts", element(i))
			if !validHost(string(h)) {
				v.fail(item, "%s is not a host's name: use letters, digits and . _ - :", quote(string(h)))
			} else if seen[strings.ToLower(string(h))] {
				v.fail(item, "host %s is listed twice (upper and lower case are one): remove one of them", quote(string(h)))
			}
			seen[strings.ToLower(string(h))] = true
		}
	case TypeFile:
		if !path.IsAbs(inv.Path) {
			v.fail(join(p, "path"), "path = %s: write an absolute path", quote(inv.Path))
		}
		v.between(join(p, "refresh"), inv.Refresh, second, day)
	case TypeExec:
		v.argv(join(p, "command"), inv.Command, fieldsPool)
		v.variables(join(p, "env"), inv.Env)
		v.atLeast(join(p, "max_bytes"), int64(inv.MaxBytes), 1024)
		v.atLeast(join(p, "max_hosts"), int64(inv.MaxHosts), 1)
		v.between(join(p, "refresh"), inv.Refresh, second, day)
	case TypeHAProxy:
		v.addresses(func(keys ...string) []string { return join(p, keys...) }, inv.Address, inv.Addresses, false)
		if inv.Backend != "" && !validHost(inv.Backend) {
			v.fail(join(p, "backend"), "backend = %s is not the name of a HAProxy backend: write it as in haproxy.cfg", quote(inv.Backend))
		}
		v.between(join(p, "refresh"), inv.Refresh, second, day)
	}
}

func (v *validator) guardrails() {
	g, at := v.config.Guardrails, func(key string) []string { return []string{"guardrails", key} }
	for key, n := range map[string]int{"max_actions_per_hour": g.MaxActionsPerHour, "max_actions_per_day": g.MaxActionsPerDay} {
		if v.given[pathKey(at(key))] && n < 1 {
			v.fail(at(key), "%s = %d: use 1 or more, or leave it out for no limit besides each pool's own", key, n)
		}
	}
	if p := at("freeze_file"); v.given[pathKey(p)] && !path.IsAbs(g.FreezeFile) {
		v.fail(p, "freeze_file = %s: write an absolute path", quote(g.FreezeFile))
	}
	for i, w := range g.Windows {
		v.guardWindow([]string{"guardrails", "windows", element(i)}, w, g.Windows[:i])
	}
	for i, b := range g.BlockWhen {
		v.blockWhen([]string{"guardrails", "block_when", element(i)}, b, g.BlockWhen[:i])
	}
	v.between(at("shadow_out"), g.ShadowOut, 60*second, 7*day)
	v.between(at("unknown_close"), g.UnknownClose, 60*second, 30*day)
	if g.Corroborate == CorroborateOff && len(v.config.Cluster.Peers) > 1 {
		v.warn(at("corroborate"), "corroborate is off: one node's view of a host is enough to act on it; use \"majority\" where the nodes can reach the sources")
	}
	v.between(at("max_clock_offset"), g.MaxClockOffset, 10*Duration(time.Millisecond), 60*second)
}
