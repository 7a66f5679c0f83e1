package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"warden/internal/remedy"
)

// Diff says in words what is different in the new configuration: first who is
// trusted with more or less ("drain on web: confirm → auto"), then tables that
// came or went, then single keys. Nil when both mean the same. Secrets do not
// appear.
func Diff(before, after *Config) []string {
	out := levelDiff(before, after)
	was, is := settingsByKey(before), settingsByKey(after)
	oldTables, newTables := named(before), named(after)
	for _, t := range slices.Sorted(maps.Keys(newTables)) {
		if !oldTables[t] {
			out = append(out, t+": added")
		}
	}
	for _, t := range slices.Sorted(maps.Keys(oldTables)) {
		if !newTables[t] {
			out = append(out, t+": removed")
		}
	}
	keys := maps.Clone(was)
	maps.Copy(keys, is)
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		path := keys[key].path
		if levelKey(path) || len(path) > 2 && oldTables[dotted(path[:2])] != newTables[dotted(path[:2])] {
			continue
		}
		o, had := was[key]
		n, has := is[key]
		switch {
		case had && has && o.raw == n.raw:
		case !had:
			out = append(out, fmt.Sprintf("%s: set to %s", key, n.Value))
		case !has:
			out = append(out, fmt.Sprintf("%s: no longer set, was %s", key, o.Value))
		case o.Value == n.Value:
			out = append(out, key+": changed")
		default:
			out = append(out, fmt.Sprintf("%s: %s → %s", key, o.Value, n.Value))
		}
	}
	return out
}

// levelKey reports whether a key is only about levels, which levelDiff covers.
func levelKey(path []string) bool {
	switch {
	case len(path) == 2:
		return path[0] == "policy"
	case len(path) > 2:
		return path[0] == "actions" && (path[2] == "policy" || path[2] == "pool_policy")
	default:
		return false
	}
}

func levelDiff(before, after *Config) []string {
	var out []string
	actions := maps.Clone(before.Actions)
	maps.Copy(actions, after.Actions)
	pools := maps.Clone(before.Pools)
	maps.Copy(pools, after.Pools)
	for _, action := range slices.Sorted(maps.Keys(actions)) {
		for _, pool := range slices.Sorted(maps.Keys(pools)) {
			was, is := before.Level(action, pool), after.Level(action, pool)
			on := fmt.Sprintf("%s on %s: ", action, pool)
			switch {
			case was == is:
			case was == remedy.LevelBlocked:
				if slices.Contains(after.ActionsOf(pool), action) {
					out = append(out, on+"new, at "+is.String())
				}
			case is == remedy.LevelBlocked:
				if slices.Contains(before.ActionsOf(pool), action) {
					out = append(out, on+"gone, was at "+was.String())
				}
			default:
				out = append(out, on+was.String()+" → "+is.String())
			}
		}
	}
	return out
}

func settingsByKey(c *Config) map[string]Setting {
	m := map[string]Setting{}
	for _, s := range c.Settings() {
		m[s.Key] = s
	}
	return m
}

// named lists the tables that people name, such as "pools.web".
func named(c *Config) map[string]bool {
	m := map[string]bool{}
	for _, s := range c.Settings() {
		if len(s.path) > 2 && strings.HasSuffix(s.path[0], "s") {
			m[dotted(s.path[:2])] = true
		}
	}
	return m
}
