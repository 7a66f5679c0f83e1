package config

import (
	"encoding"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// decoder copies a generic TOML tree into the config's structs and collects
// everything that does not fit, instead of stopping at the first.
type decoder struct {
	file     string
	index    *index
	given    map[string]bool   // keys and tables that the file has
	written  map[string]string // durations as the file writes them, for messages
	faulty   map[string]bool   // paths with an error already: no follow-ups
	problems Report
	more     bool   // problems were left out
	manual   string // where the keys of a file that is no configuration are listed
}

// maxProblems bounds how many errors, and how many warnings, a report holds
// besides the one that says there are more.
const maxProblems = 100

// tooMany adds that problems were left out, behind all others.
func (d *decoder) tooMany() {
	if d.more {
		d.problems = append(d.problems, Problem{
			File: d.file, Line: max(1, len(d.index.lines)), Col: 1, Severity: SeverityWarning,
			Text: "there are more problems than are shown: mend these first, and look again",
		})
	}
}

// problem records one at a position.
// Beyond maxProblems of one severity it only notes that there are more, for
// nobody reads them, and a file that is not warden's has one in every line.
func (d *decoder) problem(s Severity, at position, path []string, format string, args ...any) {
	if d.problems.Count(s) >= maxProblems {
		d.more = true
		return
	}
	d.problems = append(d.problems, Problem{
		File: d.file, Line: at.line, Col: at.col, Key: dotted(path), Severity: s, Text: fmt.Sprintf(format, args...),
	})
}

// badValue is an error about the value at path, and silences further ones.
func (d *decoder) badValue(path []string, format string, args ...any) {
	d.problem(SeverityError, d.index.value(path), path, format, args...)
	d.faulty[pathKey(path)] = true
}

// badKey is the same about the key.
func (d *decoder) badKey(path []string, format string, args ...any) {
	d.problem(SeverityError, d.index.key(path), path, format, args...)
	d.faulty[pathKey(path)] = true
}

// table decodes one TOML table into the struct v points into.
func (d *decoder) table(v reflect.Value, raw map[string]any, path []string) {
	if t, ok := reflect.TypeAssert[defaulted](v.Addr()); ok {
		t.setDefaults()
	}
	fields := fieldsOf(v.Type())
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		if !slices.ContainsFunc(fields, func(f field) bool { return f.name == name }) {
			d.unknownKey(fields, name, path)
		}
	}
	kind := ""
	for _, f := range fields {
		sub := join(path, f.name)
		value, present := raw[f.name]
		if present && kind != "" && !f.fits(kind) {
			d.badKey(sub, "key %q does not belong to type = %q, only to type = %s: remove it, or change type", f.name, kind, strings.Join(quoteAll(f.forTypes), " or "))
			continue
		}
		switch {
		case present:
			d.given[pathKey(sub)] = true
			d.value(v.Field(f.index), f, value, sub)
		case f.needed(kind):
			d.missing(f, path)
		case f.typ.Kind() == reflect.Struct && !isText(f.typ):
			d.table(v.Field(f.index), nil, sub)
		}
		if f.name == "type" && !d.faulty[pathKey(sub)] {
			kind = v.Field(f.index).String()
			if t, ok := reflect.TypeAssert[defaultedByType](v.Addr()); ok {
				t.setDefaultsOf(kind)
			}
		}
	}
}

func (d *decoder) missing(f field, path []string) {
	d.faulty[pathKey(join(path, f.name))] = true
	must := "add it as a table" // of the kinds below every other
	switch {
	case len(f.oneof) > 0:
		must = useOneOf(f.oneof)
	case f.name == "config_version":
		must = fmt.Sprintf("add config_version = %d above the first table", version)
	case f.typ.Kind() == reflect.Slice:
		must = fmt.Sprintf(`add %s = ["…"]`, f.name)
	case f.typ.Kind() == reflect.String:
		must = fmt.Sprintf(`add %s = "…"`, f.name)
	case f.typ == reflect.TypeFor[Duration]():
		must = fmt.Sprintf(`add %s = "5m"`, f.name)
	case f.typ == reflect.TypeFor[SecretRef]():
		must = fmt.Sprintf(`add %s = "/…", the file's path`, f.name)
	case f.typ.Kind() == reflect.Int:
		must = fmt.Sprintf("add %s and a whole number", f.name)
	}
	d.problem(SeverityError, d.index.key(path), join(path, f.name), "%q is required%s: %s", f.name, where(path), must)
}

func quoteAll(words []string) []string {
	out := make([]string, len(words))
	for i, w := range words {
		out[i] = strconv.Quote(w)
	}
	return out
}

// useOneOf names what is allowed.
func useOneOf(words []string) string {
	if len(words) == 1 {
		return fmt.Sprintf("use %q", words[0])
	}
	return "use one of " + strings.Join(words, ", ")
}

// unknownKey says that a key is unknown, and what was likely meant. It never
// shows the value, which may be a secret.
func (d *decoder) unknownKey(fields []field, name string, path []string) {
	sub := join(path, name)
	if d.problems.Count(SeverityError) >= maxProblems {
		d.more, d.faulty[pathKey(sub)] = true, true
		return
	}
	names := make([]string, len(fields))
	for i, f := range fields {
		names[i] = f.name
	}
	if secretKey(name) {
		file := Nearest(strings.TrimPrefix(name, "bearer_")+"_file", slices.DeleteFunc(names, func(n string) bool { return !secretKey(strings.TrimSuffix(n, "_file")) }))
		if file == "" {
			d.badKey(sub, "key %s%s: a secret must not stand in this file, and nothing here needs one: remove it, and change the secret if others have seen it", quote(name), where(path))
			return
		}
		d.faulty[pathKey(join(path, file))] = true // it is not really missing
		d.badKey(sub, "key %s%s: a secret must not stand in this file: put it in a file of its own (chmod 600) and name that with %s",
			quote(name), where(path), file)
		return
	}
	hint := didYouMean(name, names)
	if home := homeOf(name); d.manual == "" && home != "" && (hint == "" || len(path) > 0) { // at the top a table was meant
		hint = "; it belongs in " + home
	}
	if hint == "" && d.manual != "" {
		hint = "; remove it, or look it up in " + d.manual
	}
	if hint == "" {
		hint = "; remove it, or look it up with `warden config example`"
	}
	d.badKey(sub, "unknown key %s%s%s", quote(name), where(path), hint)
}

// where says in which table, for a message; nothing for the top.
func where(path []string) string {
	if len(path) == 0 {
		return ""
	}
	return " in " + header(path)
}

// secretKey reports whether a key's name says that its value is a secret.
func secretKey(name string) bool {
	n := strings.ToLower(strings.NewReplacer("-", "", "_", "").Replace(name))
	for _, word := range []string{"token", "password", "passwd", "passphrase", "secret", "apikey", "privatekey", "authorization", "credentials"} {
		if strings.HasSuffix(n, word) {
			return true
		}
	}
	return false
}

// value decodes one value into v.
func (d *decoder) value(v reflect.Value, f field, raw any, path []string) {
	if v.Type() == reflect.TypeFor[remedy.Level]() {
		d.level(v, raw, path)
		return
	}
	if isText(v.Type()) {
		d.text(v, raw, path)
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		if m, ok := raw.(map[string]any); ok {
			d.table(v, m, path)
			return
		}
		d.mismatch(path, "a table", "write its keys under "+header(path), raw)
	case reflect.Map:
		if m, ok := raw.(map[string]any); ok {
			d.entries(v, m, path)
			return
		}
		d.mismatch(path, "a table", "write its keys under "+header(asWritten(path)), raw)
	case reflect.Slice:
		if items, ok := raw.([]any); ok && f.empty && len(items) == 0 {
			v.Set(reflect.MakeSlice(v.Type(), 0, 0))
			return
		}
		d.list(v, raw, path)
	case reflect.Pointer: // a key whose absence says something else than its zero
		v.Set(reflect.New(v.Type().Elem()))
		d.value(v.Elem(), f, raw, path)
	case reflect.String:
		d.str(v, f, raw, path)
	case reflect.Int, reflect.Int64:
		if n, ok := raw.(int64); ok && !v.OverflowInt(n) {
			v.SetInt(n)
			return
		}
		d.mismatch(path, "a whole number", "write digits only, such as 8", raw)
	case reflect.Float64:
		d.float(v, raw, path)
	case reflect.Bool:
		if b, ok := raw.(bool); ok {
			v.SetBool(b)
			return
		}
		d.mismatch(path, "true or false", "write the word without quotes", raw)
	default:
		panic("config: no decoder for " + v.Type().String())
	}
}

// entries decodes a table whose keys are names people chose.
func (d *decoder) entries(v reflect.Value, raw map[string]any, path []string) {
	v.Set(reflect.MakeMapWithSize(v.Type(), len(raw)))
	for _, name := range slices.Sorted(maps.Keys(raw)) {
		sub := join(path, name)
		if v.Type().Key() != reflect.TypeFor[Text]() && !validName(name) {
			d.badKey(sub, "%s is not a name: use letters, digits, _ and -, beginning with a letter or a digit, %d at most", quote(name), maxName)
			continue
		}
		d.given[pathKey(sub)] = true
		elem := reflect.New(v.Type().Elem()).Elem()
		d.value(elem, field{name: name, typ: elem.Type()}, raw[name], sub)
		v.SetMapIndex(reflect.ValueOf(name).Convert(v.Type().Key()), elem)
	}
}

// list decodes an array of strings. An empty one is an error: an empty set is
// never read as "all", and a key without a value is better left out.
func (d *decoder) list(v reflect.Value, raw any, path []string) {
	items, ok := raw.([]any)
	if v.Type().Elem().Kind() == reflect.Struct {
		d.tables(v, raw, path)
		return
	}
	if !ok {
		d.mismatch(path, "a list of strings", fmt.Sprintf(`write %s = ["…", "…"]`, last(path)), raw)
		return
	}
	if len(items) == 0 {
		d.badValue(path, "%s is empty: name at least one, or leave the key out", last(path))
		return
	}
	out := reflect.MakeSlice(v.Type(), 0, len(items))
	for i, item := range items {
		s, ok := item.(string)
		if !ok {
			d.mismatch(join(path, element(i)), "a string", "write it in quotes", item)
			d.faulty[pathKey(path)] = true
			return
		}
		out = reflect.Append(out, reflect.ValueOf(s).Convert(v.Type().Elem()))
	}
	v.Set(out)
}

// tables decodes an array of tables, each under a header of its own.
func (d *decoder) tables(v reflect.Value, raw any, path []string) {
	items, isList := raw.([]any)
	if isList && len(items) == 0 {
		d.badValue(path, "%s is empty: write [[%s]] above the keys of each, or leave the key out", last(path), dotted(asWritten(path)))
		return
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		m, ok := item.(map[string]any)
		if !ok {
			items = nil
			break
		}
		sub := join(path, element(i))
		d.given[pathKey(sub)] = true
		d.table(out.Index(i), m, sub)
	}
	if len(items) == 0 {
		d.badValue(path, "%s must be tables of their own; write [[%s]] above the keys of each", last(path), dotted(asWritten(path)))
		return
	}
	v.Set(out)
}

func (d *decoder) str(v reflect.Value, f field, raw any, path []string) {
	s, ok := raw.(string)
	switch {
	case !ok:
		d.mismatch(path, "a string", "write it in quotes", raw)
	case len(f.oneof) > 0 && !slices.Contains(f.oneof, s):
		hint := ""
		if len(f.oneof) > 1 {
			hint = didYouMean(s, f.oneof)
		}
		d.badValue(path, "%s = %s: %s%s", f.name, quote(s), useOneOf(f.oneof), hint)
	case strings.TrimSpace(s) == "":
		d.badValue(path, "%s is empty: give it a value, or leave the key out", f.name)
	default:
		v.SetString(s)
	}
}

func (d *decoder) float(v reflect.Value, raw any, path []string) {
	switch n := raw.(type) {
	case int64:
		v.SetFloat(float64(n))
	case float64:
		if math.IsNaN(n) || math.IsInf(n, 0) {
			d.badValue(path, "%s must be a finite number: write one in digits, such as 0.5", last(path))
			return
		}
		v.SetFloat(n)
	default:
		d.mismatch(path, "a number", "write digits only, such as 0.5", raw)
	}
}

func (d *decoder) level(v reflect.Value, raw any, path []string) {
	s, ok := raw.(string)
	if !ok {
		d.mismatch(path, "a level in quotes", "use one of metric-only, notify, confirm, auto", raw)
		return
	}
	level, err := remedy.ParseLevel(s)
	if err != nil {
		d.badValue(path, "%s = %s: %v", last(path), quote(s), err)
		return
	}
	v.Set(reflect.ValueOf(level))
}

// text decodes a type of this package that parses itself.
func (d *decoder) text(v reflect.Value, raw any, path []string) {
	s, ok := raw.(string)
	var err error
	switch p := v.Addr().Interface().(type) {
	case *SecretRef:
		// Neither the value nor its type is shown: it may be the secret.
		if !ok {
			d.badValue(path, "%s must be the name or path of a file: write that in quotes", last(path))
		} else if *p, err = ParseSecretRef(s); err != nil {
			d.badValue(path, "%s %v", last(path), err)
		}
	case *Duration:
		if !ok {
			d.mismatch(path, "a duration in quotes", errDuration.Error(), raw)
		} else if err = p.UnmarshalText([]byte(s)); err != nil {
			d.badValue(path, "%s = %s: %v", last(path), quote(s), err)
		} else {
			d.written[pathKey(path)] = s
		}
	case encoding.TextUnmarshaler:
		if !ok {
			d.mismatch(path, "a string", "write it in quotes", raw)
		} else if err = p.UnmarshalText([]byte(s)); err != nil {
			d.badValue(path, "%s: %v", last(path), err)
		}
	}
}

// mismatch reports a value of the wrong type, by its type and not its content.
func (d *decoder) mismatch(path []string, want, advice string, got any) {
	d.badValue(path, "%s must be %s, not %s: %s", last(path), want, typeOf(got), advice)
}

func typeOf(raw any) string {
	switch raw.(type) {
	case string:
		return "a string"
	case int64:
		return "a whole number"
	case float64:
		return "a number with a fraction"
	case bool:
		return "true or false"
	case []any:
		return "a list"
	case map[string]any:
		return "a table"
	default:
		return "a date or time"
	}
}
