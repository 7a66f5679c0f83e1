package unit

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"warden/detectors"
	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/inventory"
	"warden/internal/remedy"
)

// prepare makes everything of the test's world. What can't be made is noted.
func (w *world) prepare() {
	w.clock = clock.NewStepped(w.test.start)
	w.lb = newBalancers(w.clock)
	last := time.Duration(0)
	for i := range w.test.Expect {
		w.order = append(w.order, i)
		last = max(last, w.test.Expect[i].At.Std())
	}
	slices.SortStableFunc(w.order, func(a, b int) int { return int(w.test.Expect[a].At - w.test.Expect[b].At) })
	w.end = w.test.start.Add(last)
	cfg := *w.built.Engine
	w.config = &cfg
	// A test has no evidence, so that a gate could never be met: what its levels say
	// is what is in force.
	w.config.Trust.Enforce = false
	cfg.Hash = "unit"
	cfg.FreezeFile = nil
	w.pickDetectors()
	w.pools()
	w.actions()
	w.sources()
	w.people()
	w.names()
	if rounds := last / cfg.RoundInterval(); rounds > maxRounds {
		w.bad(w.at("expect"), "the test takes %d rounds, and %d is the most: expect something sooner, or take a longer interval in the config", rounds, maxRounds)
	}
}

// pickDetectors leaves the detectors that the test is about. Those that propose
// nothing stay: they are asked by others.
func (w *world) pickDetectors() {
	wanted, path := w.test.Detectors, w.at("detectors")
	if wanted == nil {
		wanted, path = w.file.Detectors, []string{"detectors"}
	}
	if wanted == nil {
		return
	}
	var all []remedy.DetectorName
	var kept []detectors.Detector
	for _, d := range w.config.Detectors {
		name := d.Spec().Name
		all = append(all, name)
		if slices.Contains(wanted, name) || d.Spec().Proposes == "" {
			kept = append(kept, d)
		}
	}
	for i, name := range wanted {
		if !slices.Contains(all, name) {
			w.bad(append(path, config.Element(i)), "%s has no detector %q%s", w.file.Config, name, config.Meant(string(name), all))
		}
	}
	w.config.Detectors = kept
}

// merged is what a test says over what its file says.
func merged[V any](shared, own map[config.Text]V) map[config.Text]V {
	out := maps.Clone(shared)
	if out == nil {
		return own
	}
	maps.Copy(out, own)
	return out
}

// pools gives each pool the hosts that the config or the test lists.
func (w *world) pools() {
	given := merged(w.file.Hosts, w.test.Hosts)
	labels := w.labels()
	pools := maps.Clone(w.config.Pools)
	w.config.Pools, w.hosts = pools, map[remedy.PoolName][]inventory.Host{}
	known := slices.Sorted(maps.Keys(pools))
	pathOf := func(pool config.Text) []string {
		if _, own := w.test.Hosts[pool]; own {
			return w.at("hosts", string(pool))
		}
		return []string{"hosts", string(pool)}
	}
	for _, pool := range sortedKeys(given) {
		if !slices.Contains(known, remedy.PoolName(pool)) {
			w.bad(pathOf(pool), "%s has no pool %q%s", w.file.Config, pool, config.Meant(string(pool), known))
		}
	}
	for _, name := range known {
		p := pools[name]
		list, listed := given[config.Text(name)]
		switch {
		case listed:
			var names []string
			for _, h := range list {
				some, err := numbered(h)
				if err != nil {
					w.bad(pathOf(config.Text(name)), "%v", err)
				}
				names = append(names, some...)
			}
			byHost := map[string]map[string]string{}
			for _, h := range names {
				if l := labels[config.Text(h)]; l != nil {
					byHost[h] = l
				}
			}
			inv, err := inventory.NewStatic(names, byHost)
			if err != nil {
				w.bad(pathOf(config.Text(name)), "%v", err)
				continue
			}
			p.Inventory = inv
		case !p.Static:
			// Not the test's business, unless it names hosts of it: nobody is in it.
			delete(pools, name)
			continue
		}
		p.Static, p.Refresh = true, 0
		pools[name] = p
		hosts, err := p.Inventory.Hosts(context.Background())
		if err != nil {
			w.bad(pathOf(config.Text(name)), "%v", err)
		}
		w.hosts[name] = hosts
	}
	if len(pools) == 0 {
		w.bad(w.at("name"), "no pool of %s lists its hosts: name them, as in hosts = { %s = [\"%s-[01-40]\"] }", w.file.Config, known[0], known[0])
	}
	for _, h := range sortedKeys(labels) {
		if w.poolsOf(remedy.HostName(h)) == nil {
			w.bad(w.at("labels"), "labels are given to %q, and no pool has such a host%s", h, config.Meant(string(h), w.allHosts()))
		}
	}
}

// labels is each host's labels, ranges of names expanded.
func (w *world) labels() map[config.Text]map[string]string {
	out := map[config.Text]map[string]string{}
	for key, labels := range merged(w.file.Labels, w.test.Labels) {
		names, err := numbered(string(key))
		if err != nil {
			w.bad(w.at("labels", string(key)), "%v", err)
		}
		for _, n := range names {
			out[config.Text(n)] = labels
		}
	}
	return out
}

// poolsOf lists the pools that have a host.
func (w *world) poolsOf(h remedy.HostName) []remedy.PoolName {
	var out []remedy.PoolName
	for _, name := range slices.Sorted(maps.Keys(w.hosts)) {
		if slices.ContainsFunc(w.hosts[name], func(x inventory.Host) bool { return x.Name == h }) {
			out = append(out, name)
		}
	}
	return out
}

// allHosts lists every host once, by name.
func (w *world) allHosts() []string {
	seen := map[string]bool{}
	for _, hosts := range w.hosts {
		for _, h := range hosts {
			seen[string(h.Name)] = true
		}
	}
	return slices.Sorted(maps.Keys(seen))
}

// actions puts load balancers in memory behind the configured actions, and sets
// levels.
func (w *world) actions() {
	out := map[remedy.ActionName]engine.Action{}
	for name, a := range w.config.Actions {
		a.Levels = maps.Clone(a.Levels)
		for pool := range a.Levels {
			if _, ok := w.config.Pools[pool]; !ok {
				delete(a.Levels, pool)
			}
		}
		a.Action = &backend{balancers: w.lb, spec: a.Spec, hosts: w.hosts, began: w.test.start.Add(-24 * time.Hour)}
		if a.Verify.Command != nil {
			a.Verify.Command = func(_ context.Context, pool remedy.PoolName, host remedy.HostName) remedy.Fact[bool] {
				return remedy.Known(w.lb.out()[place{pool, host}] || !a.Spec.TakesOut)
			}
		}
		out[name] = a
	}
	w.config.Actions = out
	for _, from := range []struct {
		levels map[config.Text]remedy.Level
		path   []string
	}{{w.file.Levels, []string{"levels"}}, {w.test.Levels, w.at("levels")}} {
		for _, key := range sortedKeys(from.levels) {
			w.level(key, from.levels[key], append(slices.Clone(from.path), string(key)))
		}
	}
}

// level sets the level of "action/pool", or of an action in all its pools.
func (w *world) level(key config.Text, level remedy.Level, path []string) {
	action, pool, one := strings.Cut(string(key), "/")
	a, ok := w.config.Actions[remedy.ActionName(action)]
	if !ok {
		w.bad(path, "%s has no action %q%s", w.file.Config, action, config.Meant(action, slices.Sorted(maps.Keys(w.config.Actions))))
		return
	}
	if _, ok := a.Levels[remedy.PoolName(pool)]; one && !ok {
		w.bad(path, "%s has no level in a pool %q%s", action, pool, config.Meant(pool, slices.Sorted(maps.Keys(a.Levels))))
		return
	}
	for name := range a.Levels {
		if !one || name == remedy.PoolName(pool) {
			a.Levels[name] = level
		}
	}
}

// sources puts the test's series in the place of the configured sources.
func (w *world) sources() {
	hosts := w.allHosts()
	out := map[remedy.SourceName]engine.Source{}
	series := &writing{hosts: hosts, known: map[string]*written{}, bad: func(key config.Text, shared bool, format string, args ...any) {
		path := w.at("series", string(key))
		if shared {
			path = []string{"series", string(key)}
		}
		w.bad(path, format, args...)
	}}
	series.add(w.test.Series, false)
	series.add(w.file.Series, true)
	w.written = series.all
	kept := newStore(w.written, w.test.start, w.file.Interval.Std())
	var paths []*written
	for _, s := range w.written {
		if s.path != "" {
			paths = append(paths, s)
		}
	}
	answers := newAnswers(hosts, w.test.Answers, w.file.Answers, func(query, key config.Text, shared bool, format string, args ...any) {
		path := w.at("answers", string(query), string(key))
		if shared {
			path = []string{"answers", string(query), string(key)}
		}
		w.bad(path, format, args...)
	})
	w.oracles = map[remedy.SourceName]*oracle{}
	for name, s := range w.config.Sources {
		o := &oracle{
			name: name, clock: w.clock, start: w.test.start, interval: w.file.Interval.Std(), until: w.end, answers: answers, series: kept, paths: paths,
			graphite: w.built.Config.Sources[name].Type == config.TypeGraphite, v3: w.file.Prometheus == "3",
			tables: map[tableKey]*remedy.Frame{}, refused: map[string]string{},
		}
		if text, ok := w.test.Down[name]; ok {
			s, _ := parseSpan(text) // it was checked
			o.down = append(o.down, s)
		}
		w.oracles[name] = o
		s.Source = o
		out[name] = s
	}
	w.config.Sources = out
	for _, name := range sortedKeys(w.test.Down) {
		if w.oracles[name] == nil {
			w.bad(w.at("down", string(name)), "%s has no source %q%s", w.file.Config, name, config.Meant(string(name), slices.Sorted(maps.Keys(w.oracles))))
		}
	}
}
