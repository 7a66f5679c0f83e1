package config

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"warden/internal/remedy"
)

// Setting is one key in force.
type Setting struct {
	// Key is the dotted path, such as "detectors.canary_missing.for".
	Key string `json:"key"`
	// Value is the value as TOML writes it. A secret is "<secret>".
	Value string `json:"value"`
	// Origin is "file" for what the file says, and else where the value comes
	// from: "default", or the key it follows from.
	Origin string `json:"origin"`
	// Note is a remark for people, such as which variable overrides a secret.
	Note string `json:"note,omitempty"`
	// Mark tells two hidden values apart without giving either away, and the contents
	// of templates; empty for what is shown.
	Mark string `json:"mark,omitempty"`

	path []string
	raw  string // Value, but for secrets the reference; never printed
}

// The origins that are not another key's name.
const (
	OriginFile    = "file"
	OriginDefault = "default"
)

// Settings lists every key in force, tables in the order of the example, names
// sorted. Optional keys that are not set are left out.
func (c *Config) Settings() []Setting {
	w := walker{config: c}
	w.table(reflect.ValueOf(c).Elem(), nil)
	return w.settings
}

// walker collects settings: of each table its keys first, then the tables in it.
type walker struct {
	config   *Config
	settings []Setting
}

func (w *walker) table(v reflect.Value, path []string) {
	kind := ""
	var tables []func()
	for _, f := range fieldsOf(v.Type()) {
		value, sub := v.Field(f.index), join(path, f.name)
		if f.name == "type" {
			kind = value.String()
		}
		if !f.fits(kind) {
			continue
		}
		switch {
		case value.Kind() == reflect.Struct && !isText(f.typ):
			tables = append(tables, func() { w.table(value, sub) })
		case value.Kind() == reflect.Map && value.Type().Elem().Kind() == reflect.Struct:
			tables = append(tables, func() {
				for _, name := range sortedNames(value) {
					w.table(value.MapIndex(name), join(sub, name.String()))
				}
			})
		case isTables(value.Type()):
			tables = append(tables, func() {
				for i := range value.Len() {
					w.table(value.Index(i), join(sub, element(i)))
				}
			})
		case value.Kind() == reflect.Map:
			tables = append(tables, func() { w.entries(value, sub) })
		default:
			w.key(value, sub)
		}
	}
	for _, t := range tables {
		t()
	}
}

// entries walks a table whose keys are names people chose, and whose values are
// keys or more such tables.
func (w *walker) entries(v reflect.Value, path []string) {
	for _, name := range sortedNames(v) {
		value, sub := v.MapIndex(name), join(path, name.String())
		if value.Kind() == reflect.Map {
			w.entries(value, sub)
		} else {
			w.key(value, sub)
		}
	}
}

func (w *walker) key(v reflect.Value, path []string) {
	s := Setting{Key: dotted(path), Origin: OriginFile, path: path}
	if !w.config.given[pathKey(path)] {
		s.Origin = OriginDefault
		if derived, origin, ok := w.config.derived(path); ok {
			v, s.Origin = reflect.ValueOf(derived), origin
		} else if v.IsZero() {
			// A boolean's false is in force; any other zero means "not set".
			if v.Kind() != reflect.Bool {
				return
			}
		}
	}
	s.Value = tomlValue(v)
	s.raw = s.Value
	if ref, ok := reflect.TypeAssert[SecretRef](v); ok {
		s.raw = *ref.ref
		var notes []string
		if ref.String() == hidden {
			notes = append(notes, "in $"+credentialsDirectory)
			s.Mark = mark(s.raw)
		}
		if s.Key != keyFile { // a key has many lines, and is read again when its file changes
			notes = append(notes, "$"+EnvName(path...)+" wins")
		}
		s.Note = strings.Join(notes, "; ")
	}
	if s.Key == keyTemplates && v.Len() > 0 {
		if s.Mark = w.config.templatesMark(); s.Mark != "" {
			s.raw, s.Note = s.raw+"\x00"+s.Mark, "contents "+s.Mark
		}
	}
	w.settings = append(w.settings, s)
}

// keyTemplates is the key whose files count as part of what is in force: nodes
// with other templates would word the same message differently.
const keyTemplates = "chat.slack.templates_glob"

// derived is the value of a key that follows from another when it isn't set.
func (c *Config) derived(path []string) (value any, origin string, ok bool) {
	if len(path) != 3 {
		return nil, "", false
	}
	switch {
	case path[0] == "detectors" && path[2] == "max_staleness":
		name := remedy.DetectorName(path[1])
		origin = fmt.Sprintf("%d intervals", StalenessIntervals)
		if source := c.Detectors[name].Source; c.Sources[source].MaxStaleness > 0 {
			origin = "sources." + string(source)
		}
		return c.MaxStaleness(name), origin, true
	case path[0] == "detectors" && path[2] == "max_evidence_age":
		name := remedy.DetectorName(path[1])
		return c.MaxEvidenceAge(name), fmt.Sprintf("%d intervals and the source's timeout", EvidenceIntervals), true
	case path[0] == "actions" && path[2] == "policy":
		return c.Policy.Default, "policy.default", true
	default:
		return nil, "", false
	}
}

func sortedNames(m reflect.Value) []reflect.Value {
	names := m.MapKeys()
	slices.SortFunc(names, func(a, b reflect.Value) int { return strings.Compare(a.String(), b.String()) })
	return names
}

// tomlValue writes a value as TOML.
func tomlValue(v reflect.Value) string {
	if isText(v.Type()) {
		return tomlString(fmt.Sprint(v.Interface()))
	}
	switch v.Kind() {
	case reflect.String:
		return tomlString(v.String())
	case reflect.Slice:
		items := make([]string, v.Len())
		for i := range items {
			items[i] = tomlValue(v.Index(i))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case reflect.Float64:
		s := strconv.FormatFloat(v.Float(), 'f', -1, 64)
		if !strings.Contains(s, ".") {
			s += ".0"
		}
		return s
	default:
		return fmt.Sprint(v.Interface())
	}
}

// tomlString quotes a string: literally where that saves escapes.
func tomlString(s string) string {
	plain := !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f })
	if plain && strings.ContainsAny(s, `"\`) && !strings.Contains(s, "'") {
		return "'" + s + "'"
	}
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// Show renders what is in force as TOML. With defaults, every key that has a
// value is there, and a comment says where those come from that the file does
// not set; without, only what the file sets. Secrets are "<secret>".
func Show(c *Config, defaults bool) string { return show(c, defaults, false) }

// ShowOrigin is Show with where each value comes from behind it: file and line,
// or what sets it otherwise.
func ShowOrigin(c *Config, defaults bool) string { return show(c, defaults, true) }

// At says where a setting comes from: "warden.toml:27", or its origin where the
// file doesn't say it.
func (c *Config) At(s Setting) string {
	if s.Origin != OriginFile {
		return s.Origin
	}
	return fmt.Sprintf("%s:%d", c.file, c.index.value(s.path).line)
}

func show(c *Config, defaults, origin bool) string {
	var b strings.Builder
	table := ""
	for _, s := range c.Settings() {
		if !defaults && s.Origin != OriginFile {
			continue
		}
		if in := s.path[:len(s.path)-1]; len(in) > 0 && pathKey(in) != table {
			table = pathKey(in)
			b.WriteString("\n" + header(in) + "\n")
		}
		var comment []string
		if origin || s.Origin != OriginFile {
			comment = append(comment, c.At(s))
		}
		if s.Note != "" {
			comment = append(comment, s.Note)
		}
		b.WriteString(tomlKey(last(s.path)) + " = " + s.Value)
		if len(comment) > 0 {
			b.WriteString("  # " + strings.Join(comment, "; "))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Hash fingerprints what is in force, 12 hex digits of SHA-256: two files that
// mean the same, whatever their comments, order and spelt-out defaults, have
// the same hash in the same build. The contents of templates are part of it, those
// of secrets are not.
func (c *Config) Hash() string {
	h := sha256.New()
	for _, s := range c.Settings() {
		fmt.Fprintf(h, "%q=%q\n", s.Key, s.raw)
	}
	return hex.EncodeToString(h.Sum(nil)[:6])
}
