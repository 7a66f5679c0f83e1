package inventory

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// plain is a scalar that is not a string, such as 12 or true, as it was
// written. It may be a label's value, but never a host: other readers of the
// same file would read an unquoted 1.50 as 1.5.
type plain string

// decode reads an inventory file. It chooses format and form by content.
func decode(data []byte, regex *regexp.Regexp) ([]Host, error) {
	if regex != nil && regex.NumSubexp() == 0 {
		return nil, fmt.Errorf("host_regex %s has no group: put the part that is the host in parentheses", quote(regex.String()))
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) {
		return nil, errors.New("it is not UTF-8 text: write it as JSON or YAML")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		return nil, errEmpty
	}
	tree, err := parse(data)
	if err != nil {
		return nil, err
	}
	list, ok := tree.([]any)
	if !ok {
		return nil, fmt.Errorf("it holds %s: write a list of names, of {name, labels} or of {targets, labels}", describe(tree))
	}
	entries, err := entriesOf(list)
	if err != nil {
		return nil, err
	}
	if regex != nil {
		if err := rename(entries, regex); err != nil {
			return nil, err
		}
	}
	return finish(entries)
}

// parse makes a tree of []any, map[string]any, string, plain and nil.
func parse(data []byte) (any, error) {
	// Of the YAML that people write, only flow style looks like JSON from its
	// first byte, and that is still YAML when it isn't valid JSON.
	if json.Valid(data) {
		dec := json.NewDecoder(bytes.NewReader(data))
		dec.UseNumber()
		var tree any
		if err := dec.Decode(&tree); err != nil {
			return nil, fmt.Errorf("it is not valid JSON: %w", err)
		}
		return fromJSON(tree), nil
	}
	return parseYAML(data)
}

func fromJSON(v any) any {
	switch v := v.(type) {
	case []any:
		for i := range v {
			v[i] = fromJSON(v[i])
		}
		return v
	case map[string]any:
		for k := range v {
			v[k] = fromJSON(v[k])
		}
		return v
	case json.Number:
		return plain(v.String())
	case bool:
		return plain(fmt.Sprint(v))
	default:
		return v // a string or nil
	}
}

// entriesOf reads the list's items, which must all be of the first one's form.
func entriesOf(list []any) ([]entry, error) {
	var entries []entry
	form := ""
	for i, item := range list {
		got, more, err := entriesOfItem(item)
		if err != nil {
			return nil, fmt.Errorf("item %d: %w", i+1, err)
		}
		if form == "" {
			form = got
		}
		if got != form {
			return nil, fmt.Errorf("item %d is %s, those before it are %s: write all of them in one form", i+1, got, form)
		}
		entries = append(entries, more...)
	}
	return entries, nil
}

func entriesOfItem(item any) (form string, _ []entry, _ error) {
	switch item := item.(type) {
	case string:
		return "a name", []entry{{host: hostOf(item, nil), wrote: item}}, nil
	case map[string]any:
		_, hasName := item["name"]
		_, hasTargets := item["targets"]
		switch {
		case hasName && !hasTargets:
			e, err := namedEntry(item)
			return "a {name, labels}", []entry{e}, err
		case hasTargets && !hasName:
			es, err := groupEntries(item)
			return "a {targets, labels}", es, err
		default:
			return "", nil, fmt.Errorf("it has the keys %s: write either name or targets, and perhaps labels", keys(item))
		}
	default:
		return "", nil, fmt.Errorf("it is %s: write a name in quotes, {name, labels} or {targets, labels}", describe(item))
	}
}

func namedEntry(item map[string]any) (entry, error) {
	if err := onlyKeys(item, "name", "labels"); err != nil {
		return entry{}, err
	}
	name, ok := item["name"].(string)
	if !ok {
		return entry{}, fmt.Errorf("name is %s: write it in quotes", describe(item["name"]))
	}
	labels, err := labelsOf(item)
	return entry{host: hostOf(name, labels), wrote: name}, err
}

func groupEntries(item map[string]any) ([]entry, error) {
	if err := onlyKeys(item, "targets", "labels"); err != nil {
		return nil, err
	}
	targets, ok := item["targets"].([]any)
	if !ok {
		return nil, fmt.Errorf("targets is %s: write a list of names", describe(item["targets"]))
	}
	labels, err := labelsOf(item)
	if err != nil {
		return nil, err
	}
	entries := make([]entry, 0, len(targets))
	for i, t := range targets {
		name, ok := t.(string)
		if !ok {
			return nil, fmt.Errorf("target %d is %s: write it in quotes", i+1, describe(t))
		}
		entries = append(entries, entry{host: hostOf(name, maps.Clone(labels)), wrote: name})
	}
	return entries, nil
}

func labelsOf(item map[string]any) (map[string]string, error) {
	written, ok := item["labels"]
	if !ok || written == nil {
		return nil, nil
	}
	m, ok := written.(map[string]any)
	if !ok {
		return nil, fmt.Errorf("labels is %s: write a map of names to values", describe(written))
	}
	labels := make(map[string]string, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		switch v := m[k].(type) {
		case string:
			labels[k] = v
		case plain:
			labels[k] = string(v)
		default:
			return nil, fmt.Errorf("label %s is %s: write one value in quotes", quote(k), describe(v))
		}
	}
	return labels, nil
}

func onlyKeys(item map[string]any, allowed ...string) error {
	for _, k := range slices.Sorted(maps.Keys(item)) {
		if !slices.Contains(allowed, k) {
			return fmt.Errorf("unknown key %s: use %s", quote(k), strings.Join(allowed, " and "))
		}
	}
	return nil
}

// rename replaces every name by the first group of what the regex matches.
func rename(entries []entry, regex *regexp.Regexp) error {
	for i, e := range entries {
		m := regex.FindStringSubmatch(e.wrote)
		if len(m) < 2 || m[1] == "" {
			return fmt.Errorf("%s does not match host_regex %s: correct the one or the other", quote(e.wrote), quote(regex.String()))
		}
		entries[i].host = hostOf(m[1], e.host.Labels)
	}
	return nil
}

func keys(m map[string]any) string {
	if len(m) == 0 {
		return "(none)"
	}
	return quote(strings.Join(slices.Sorted(maps.Keys(m)), " "))
}

func describe(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing (null)"
	case string:
		return "the text " + quote(v)
	case plain:
		return "the value " + quote(string(v))
	case []any:
		return "a list"
	case map[string]any:
		return "a map with the keys " + keys(v)
	default:
		return fmt.Sprintf("a %T", v)
	}
}
