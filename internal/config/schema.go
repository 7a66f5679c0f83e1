package config

import (
	"encoding"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// field is one key of a table, read from a struct's tags.
type field struct {
	name     string
	index    int
	typ      reflect.Type
	required []string // the `type`s that need it, or "true" for all
	oneof    []string
	forTypes []string // the `type`s of the table that the key belongs to; empty for all
	restart  bool     // a reload doesn't put it in force
	empty    bool     // an empty list says something
}

// fieldsOf lists a struct's keys in the order they are declared in.
func fieldsOf(t reflect.Type) []field {
	var fields []field
	for i := range t.NumField() {
		f := t.Field(i)
		name, ok := f.Tag.Lookup("toml")
		if !ok {
			continue
		}
		fields = append(fields, field{
			name: name, index: i, typ: f.Type,
			required: strings.Fields(f.Tag.Get("required")),
			oneof:    strings.Fields(f.Tag.Get("oneof")),
			forTypes: strings.Fields(f.Tag.Get("for")),
			restart:  f.Tag.Get("reload") == "restart",
			empty:    f.Tag.Get("empty") == "true",
		})
	}
	return fields
}

// fits reports whether the key belongs to a table of the type.
func (f field) fits(kind string) bool {
	return len(f.forTypes) == 0 || slices.Contains(f.forTypes, kind)
}

// needed reports whether a table of the type must have the key.
func (f field) needed(kind string) bool {
	return f.fits(kind) && (slices.Contains(f.required, "true") || slices.Contains(f.required, kind))
}

// isText reports whether a type is one value in the file, though it is more
// than a basic type in Go.
func isText(t reflect.Type) bool {
	switch t {
	case reflect.TypeFor[Duration](), reflect.TypeFor[HostRegex](), reflect.TypeFor[SecretRef](), reflect.TypeFor[remedy.Level]():
		return true
	default:
		return t.Implements(reflect.TypeFor[encoding.TextMarshaler]())
	}
}

// nameWildcard stands in a key path for a name that people choose.
const nameWildcard = "NAME"

// Keys lists every key that warden reads, sorted, as dotted paths with NAME for
// names that people choose: "cluster.name", "detectors.NAME.bad_below",
// "actions.NAME.pool_policy.NAME". Tables are not keys.
func Keys() []string {
	var keys []string
	walkSchema(reflect.TypeFor[Config](), nil, func(path []string) {
		keys = append(keys, strings.Join(path, "."))
	})
	slices.Sort(keys)
	return keys
}

// isTables reports whether a type is an array of tables.
func isTables(t reflect.Type) bool {
	return t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Struct
}

// isElement reports whether a part of a path is an array's element.
func isElement(part string) bool { return strings.HasPrefix(part, "[") && strings.HasSuffix(part, "]") }

func walkSchema(t reflect.Type, path []string, leaf func([]string)) {
	switch {
	case t.Kind() == reflect.Struct && !isText(t):
		for _, f := range fieldsOf(t) {
			walkSchema(f.typ, join(path, f.name), leaf)
		}
	case t.Kind() == reflect.Map:
		walkSchema(t.Elem(), join(path, nameWildcard), leaf)
	case isTables(t):
		walkSchema(t.Elem(), path, leaf)
	default:
		leaf(path)
	}
}

// homeOf says where a key of this name belongs, such as "[detectors.NAME]", or
// "" when no table has it: the first of the tables that lie least deep.
func homeOf(name string) string {
	home, depth := "", math.MaxInt
	for _, key := range Keys() {
		path := strings.Split(key, ".")
		table, deep := "["+strings.Join(path[:len(path)-1], ".")+"]", len(path)
		switch path[0] { // sources, pools, detectors and actions are meant rather than these
		case "webhooks":
			table, deep = "["+table+"]", deep+2
		case "annotations":
			deep++
		}
		if last(path) == name && len(path) > 1 && deep < depth {
			home, depth = table, deep
		}
	}
	return home
}

// wildcarded turns the path of a key in a file into its path in Keys. A part
// that the schema does not know stays as it is.
func wildcarded(path []string) string {
	t := reflect.TypeFor[Config]()
	out := make([]string, 0, len(path))
	for _, part := range path {
		if t != nil && isTables(t) && isElement(part) {
			t = t.Elem()
			continue
		}
		switch {
		case t != nil && t.Kind() == reflect.Map:
			part, t = nameWildcard, t.Elem()
		case t != nil && t.Kind() == reflect.Struct && !isText(t):
			fields := fieldsOf(t)
			i := slices.IndexFunc(fields, func(f field) bool { return f.name == part })
			t = nil
			if i >= 0 {
				t = fields[i].typ
			}
		default:
			t = nil
		}
		out = append(out, part)
	}
	return strings.Join(out, ".")
}

// needsRestart reports whether a reload doesn't put the key in force.
func needsRestart(path []string) bool {
	t := reflect.TypeFor[Config]()
	for _, part := range path {
		switch {
		case t.Kind() == reflect.Map:
			t = t.Elem()
			continue
		case t.Kind() != reflect.Struct || isText(t):
			return false
		}
		fields := fieldsOf(t)
		i := slices.IndexFunc(fields, func(f field) bool { return f.name == part })
		switch {
		case i < 0:
			return false
		case fields[i].restart:
			return true
		}
		t = fields[i].typ
	}
	return false
}

// join appends to a path without touching the original.
func join(path []string, more ...string) []string {
	return append(slices.Clone(path), more...)
}

func last(path []string) string { return path[len(path)-1] }

// dotted writes a path as TOML does: quoted where a part is not a bare key.
func dotted(path []string) string {
	var b strings.Builder
	for i, part := range path {
		if i > 0 && !strings.HasPrefix(part, "[") {
			b.WriteByte('.')
		}
		b.WriteString(tomlKey(part))
	}
	return b.String()
}

// header writes a path as a table's header.
func header(path []string) string {
	if i := len(path) - 1; i > 0 && isElement(path[i]) {
		return "[[" + dotted(path[:i]) + "]]"
	}
	return "[" + dotted(path) + "]"
}

// asWritten is a path without the places in lists, as headers are written in the file.
func asWritten(path []string) []string {
	return slices.DeleteFunc(slices.Clone(path), isElement)
}

// tomlKey writes one part of a key, an array's element ("[2]") as it is.
func tomlKey(part string) string {
	if validName(part) || isElement(part) {
		return part
	}
	return strconv.Quote(part)
}

// splitKey is the inverse of pathKey.
func splitKey(k string) []string { return strings.Split(k, "\x00") }

// isTableKey reports whether a path in the form of Keys is a table with keys of
// its own, as an inline table is.
func isTableKey(path string) bool {
	return slices.ContainsFunc(Keys(), func(k string) bool { return strings.HasPrefix(k, path+".") })
}
