package config

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// Compare says what is different in the second configuration: first who is
// trusted with more or less, then detectors and limits, then tables that came
// or went, then single keys. It is empty when both mean the same.
func Compare(before, after Outline) Changes {
	d := differ{before: before, after: after, was: byKey(before), is: byKey(after)}
	d.levels()
	d.tables()
	d.keys()
	d.digests()
	slices.SortStableFunc(d.out, func(a, b Change) int {
		return cmp.Or(
			cmp.Compare(slices.Index(changeKinds(), a.Kind), slices.Index(changeKinds(), b.Kind)),
			cmp.Compare(a.Subject, b.Subject), cmp.Compare(a.In, b.In), cmp.Compare(a.Key, b.Key),
		)
	})
	d.evidence()
	return d.out
}

// Diff says in words what Compare finds between two configurations, one change
// a line; nil when both mean the same.
func Diff(before, after *Config) []string {
	if cs := Compare(before.Outline(nil), after.Outline(nil)); len(cs) > 0 {
		return cs.Lines()
	}
	return nil
}

// differ collects what is different.
type differ struct {
	before, after Outline
	was, is       map[string]Setting
	out           Changes
}

func byKey(o Outline) map[string]Setting {
	m := make(map[string]Setting, len(o.Settings))
	names := namesOfElements(o)
	for _, s := range o.Settings {
		if table, n, rest, ok := elementOf(s.Key); ok {
			s.Key = table + "[" + cmp.Or(names[table+n], n) + "]" + rest
		}
		m[s.Key] = s
	}
	return m
}

// elementOf splits a key in a table of an array: "guardrails.windows[1].cap"
// into "guardrails.windows", "1" and ".cap".
func elementOf(key string) (table, n, rest string, ok bool) {
	table, after, found := strings.Cut(key, "[")
	n, rest, closed := strings.Cut(after, "]")
	return table, n, rest, found && closed && strings.HasPrefix(rest, ".")
}

// namesOfElements are the names of the tables of arrays. People know them by
// those: one that is added above others doesn't change them.
func namesOfElements(o Outline) map[string]string {
	names := map[string]string{}
	for _, s := range o.Settings {
		if table, n, rest, ok := elementOf(s.Key); ok && rest == ".name" {
			if name, err := strconv.Unquote(s.Value); err == nil {
				names[table+n] = name
			}
		}
	}
	return names
}

type rung struct {
	action remedy.ActionName
	pool   remedy.PoolName
}

func (d *differ) levels() {
	levels := func(o Outline) map[rung]remedy.Level {
		m := map[rung]remedy.Level{}
		for _, l := range o.Levels {
			m[rung{l.Action, l.Pool}] = l.Level
		}
		return m
	}
	was, is := levels(d.before), levels(d.after)
	for at, to := range is {
		c := Change{Subject: string(at.action), In: string(at.pool), To: to.String()}
		switch from, had := was[at]; {
		case !had:
			c.Kind = ChangeNew
		case to > from:
			c.Kind, c.From = ChangePromotion, from.String()
		case to < from:
			c.Kind, c.From, c.Note = ChangeDemotion, from.String(), "quieter"
		default:
			continue
		}
		d.out = append(d.out, c)
	}
	for at, from := range was {
		if _, has := is[at]; !has {
			d.out = append(d.out, Change{Kind: ChangeGone, Subject: string(at.action), In: string(at.pool), From: from.String()})
		}
	}
}

// tables lists the tables that people name and that came or went.
func (d *differ) tables() {
	was, is := named(d.was), named(d.is)
	for t := range is {
		if !was[t] {
			d.out = append(d.out, Change{Kind: ChangeTable, Subject: t, To: "added"})
		}
	}
	for t := range was {
		if !is[t] {
			d.out = append(d.out, Change{Kind: ChangeTable, Subject: t, From: "removed"})
		}
	}
}

// named lists the tables that people name, such as "pools.web".
func named(settings map[string]Setting) map[string]bool {
	m := map[string]bool{}
	for key := range settings {
		if path := strings.Split(key, "."); len(path) > 2 && strings.HasSuffix(path[0], "s") {
			m[path[0]+"."+path[1]] = true
		}
	}
	return m
}

// keys lists the keys that changed in tables that both have.
func (d *differ) keys() {
	oldTables, newTables := named(d.was), named(d.is)
	for key, n := range d.is {
		o, had := d.was[key]
		if had && o.Value == n.Value && o.Mark == n.Mark {
			continue
		}
		d.key(key, o, n, oldTables, newTables)
	}
	for key, o := range d.was {
		if _, has := d.is[key]; !has {
			d.key(key, o, Setting{}, oldTables, newTables)
		}
	}
}

func (d *differ) key(key string, o, n Setting, oldTables, newTables map[string]bool) {
	path := strings.Split(key, ".")
	follows := func(s Setting) bool { return s.Origin != "" && s.Origin != OriginFile && s.Origin != OriginDefault }
	switch {
	case levelKey(path), follows(o) && follows(n):
		return // said by the levels, or by the key it follows from
	case len(path) > 2 && oldTables[path[0]+"."+path[1]] != newTables[path[0]+"."+path[1]]:
		return // its whole table came or went
	}
	c := Change{Kind: ChangeSetting, From: o.Value, To: n.Value, Restart: needsRestart(path)}
	if o.Value == n.Value { // both hidden, or the files that it names
		c.From, c.To = "", ""
	}
	at := min(len(path)-1, 2)
	c.Subject, c.Key = strings.Join(path[:at], "."), strings.Join(path[at:], ".")
	switch {
	case path[0] == "detectors":
		c.Kind, c.Subject = ChangeDetector, path[1]
	case path[0] == "guardrails" || path[0] == "pools" && len(path) == 3 && path[2] != "description":
		c.Kind = ChangeLimit
	case path[0] == "policy":
		c.Kind, c.Note = ChangeTrust, stricterTrust(path[len(path)-1], o.Value, n.Value)
		c.Subject, c.Key = strings.Join(path[:len(path)-1], "."), path[len(path)-1]
	}
	c.Note = cmp.Or(c.Note, tightness(path[len(path)-1], o.Value, n.Value))
	d.out = append(d.out, c)
}

// levelKey reports whether a key is only about levels.
func levelKey(path []string) bool {
	switch {
	case len(path) == 2:
		return path[0] == "policy" && path[1] == "default"
	case len(path) > 2:
		return path[0] == "actions" && (path[2] == "policy" || path[2] == "pool_policy")
	default:
		return false
	}
}

// digests adds a line for a detector that is another one though no key of its
// own changed: its source's canary_target is part of it.
func (d *differ) digests() {
	for _, n := range d.after.Detectors {
		if d.another(n.Detector) && !slices.ContainsFunc(d.out, func(c Change) bool {
			return c.Kind == ChangeDetector && c.Subject == string(n.Detector)
		}) {
			d.out = append(d.out, Change{Kind: ChangeDetector, Subject: string(n.Detector)})
		}
	}
}

// another reports whether the detector is in both and not the same.
func (d *differ) another(name remedy.DetectorName) bool {
	was, had := detectorOf(d.before, name)
	is, has := detectorOf(d.after, name)
	return had && has && was.Digest != "" && is.Digest != "" && was.Digest != is.Digest
}

func detectorOf(o Outline, name remedy.DetectorName) (OutlineDetector, bool) {
	i := slices.IndexFunc(o.Detectors, func(d OutlineDetector) bool { return d.Detector == name })
	if i < 0 {
		return OutlineDetector{}, false
	}
	return o.Detectors[i], true
}

// evidence notes, on the last line of each changed detector, whether it is
// still the same one.
func (d *differ) evidence() {
	for i := range d.out {
		c := &d.out[i]
		next := i + 1
		if c.Kind != ChangeDetector || next < len(d.out) && d.out[next].Kind == ChangeDetector && d.out[next].Subject == c.Subject {
			continue
		}
		name := remedy.DetectorName(c.Subject)
		is, _ := detectorOf(d.after, name)
		switch was, _ := detectorOf(d.before, name); {
		case was.Digest == "" || is.Digest == "":
		case was.Digest == is.Digest:
			c.Note = join2(c.Note, "the same detector: its evidence stays")
		default:
			pairs := make([]string, len(is.Pools))
			for k, p := range is.Pools {
				pairs[k] = string(is.Proposes) + "/" + string(p)
			}
			c.Note = join2(c.Note, "a different detector: evidence for "+strings.Join(pairs, ", ")+" starts again")
		}
	}
}

func join2(a, b string) string {
	if a == "" {
		return b
	}
	return a + "; " + b
}

// tightness says whether a limit became looser or stricter, where its name
// says which way is which.
func tightness(key, from, to string) string {
	a, aok := magnitude(from)
	b, bok := magnitude(to)
	if !aok || !bok || a == b {
		return ""
	}
	up := b > a
	switch {
	case strings.HasPrefix(key, "max_") && key != "max_series" && key != "max_bytes":
	case strings.HasPrefix(key, "min_"), slices.Contains([]string{"cooldown_per_host", "settle_after_action", "storm_cooldown", "common_mode_window"}, key):
		up = !up
	default:
		return ""
	}
	if up {
		return "looser"
	}
	return "stricter"
}

// magnitude reads a number or a duration as TOML writes it.
func magnitude(value string) (float64, bool) {
	if f, err := strconv.ParseFloat(value, 64); err == nil {
		return f, true
	}
	text, err := strconv.Unquote(value)
	if err != nil {
		return 0, false
	}
	d, err := ParseDuration(text)
	return float64(d), err == nil
}
