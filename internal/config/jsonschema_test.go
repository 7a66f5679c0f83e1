package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"

	"warden/internal/config"
)

// valid checks a value against the part of JSON Schema draft 4 that the schema
// uses, and fails the test on a keyword that it doesn't know.
type valid struct {
	t      *testing.T
	errors []string
}

func (v *valid) fail(path, format string, args ...any) {
	v.errors = append(v.errors, path+": "+fmt.Sprintf(format, args...))
}

func (v *valid) passes(schema map[string]any, value any) bool {
	inner := &valid{t: v.t}
	inner.check(schema, value, "")
	return len(inner.errors) == 0
}

func schemas(list any) []map[string]any {
	var out []map[string]any
	for _, s := range list.([]any) {
		out = append(out, s.(map[string]any))
	}
	return out
}

func (v *valid) check(schema map[string]any, value any, path string) {
	for word, arg := range schema {
		switch word {
		case "$schema", "title", "description", "default", "format", "properties", "patternProperties":
		case "type":
			if !isType(arg.(string), value) {
				v.fail(path, "%v is no %s", value, arg)
			}
		case "enum":
			if !slices.ContainsFunc(arg.([]any), func(x any) bool { return fmt.Sprint(x) == fmt.Sprint(value) }) {
				v.fail(path, "%v is none of %v", value, arg)
			}
		case "pattern":
			if s, ok := value.(string); ok && !regexp.MustCompile(arg.(string)).MatchString(s) {
				v.fail(path, "%q does not match %s", s, arg)
			}
		case "minLength":
			if s, ok := value.(string); ok && len(s) < int(arg.(float64)) {
				v.fail(path, "too short")
			}
		case "minItems":
			if a, ok := value.([]any); ok && len(a) < int(arg.(float64)) {
				v.fail(path, "too few")
			}
		case "items":
			if a, ok := value.([]any); ok {
				for i, x := range a {
					v.check(arg.(map[string]any), x, fmt.Sprintf("%s[%d]", path, i))
				}
			}
		case "required":
			if m, ok := value.(map[string]any); ok {
				for _, key := range arg.([]any) {
					if _, there := m[key.(string)]; !there {
						v.fail(path, "%s is missing", key)
					}
				}
			}
		case "additionalProperties":
			if arg != false {
				v.t.Fatalf("%s: additionalProperties %v", path, arg)
			}
		case "allOf":
			for _, s := range schemas(arg) {
				v.check(s, value, path)
			}
		case "anyOf":
			if !slices.ContainsFunc(schemas(arg), func(s map[string]any) bool { return v.passes(s, value) }) {
				v.fail(path, "fits none of %v", arg)
			}
		case "not":
			if v.passes(arg.(map[string]any), value) {
				v.fail(path, "fits %v", arg)
			}
		default:
			v.t.Fatalf("%s: no idea what %q means in draft 4", path, word)
		}
	}
	v.members(schema, value, path)
}

func (v *valid) members(schema map[string]any, value any, path string) {
	m, ok := value.(map[string]any)
	if !ok {
		return
	}
	named, _ := schema["properties"].(map[string]any)
	patterns, _ := schema["patternProperties"].(map[string]any)
	for key, x := range m {
		known := false
		if s, ok := named[key]; ok {
			known = true
			v.check(s.(map[string]any), x, path+"."+key)
		}
		for pattern, s := range patterns {
			if regexp.MustCompile(pattern).MatchString(key) {
				known = true
				v.check(s.(map[string]any), x, path+"."+key)
			}
		}
		if _, closed := schema["additionalProperties"]; closed && !known {
			v.fail(path, "unknown key %q", key)
		}
	}
}

func isType(name string, value any) bool {
	switch value.(type) {
	case string:
		return name == "string"
	case int64:
		return name == "integer" || name == "number"
	case float64:
		return name == "number"
	case bool:
		return name == "boolean"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	}
	return false
}

func jsonSchema(t *testing.T) map[string]any {
	t.Helper()
	data, err := config.JSONSchema()
	if err != nil {
		t.Fatal(err)
	}
	var schema map[string]any
	if err := json.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	return schema
}

func schemaErrors(t *testing.T, schema map[string]any, text string) []string {
	t.Helper()
	var doc map[string]any
	if err := toml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	v := &valid{t: t}
	v.check(schema, doc, "")
	return v.errors
}

// Whatever Parse takes, the schema takes; and an unknown key, a missing one or
// one of another type is an error to both.
func TestSchemaAgreesWithParse(t *testing.T) {
	t.Parallel()
	schema := jsonSchema(t)
	for name, text := range map[string]string{"example": config.Example(), "minimal": config.Minimal()} {
		if errs := schemaErrors(t, schema, text); len(errs) > 0 {
			t.Errorf("%s: %q", name, errs)
		}
	}
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(files) < 50 {
		t.Fatalf("%d files, %v", len(files), err)
	}
	must := regexp.MustCompile(`unknown key|is required|does not belong to|a secret must not stand|: use one of|must be `)
	refused := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		c, report := config.Parse(file, data, config.Options{})
		if len(report) > 0 && strings.Contains(report[0].Text, "not TOML") || strings.Contains(report.String(), "defined twice") {
			continue
		}
		var doc map[string]any
		if toml.Unmarshal(data, &doc) != nil {
			continue
		}
		errs := schemaErrors(t, schema, string(data))
		switch {
		case c != nil && len(errs) > 0:
			t.Errorf("%s is good, and the schema says %q", file, errs)
		case c == nil && unknownKey(report) && len(errs) == 0:
			t.Errorf("%s has an unknown key, and the schema takes it", file)
		case c == nil && len(errs) > 0 && must.MatchString(report.String()):
			refused++
		}
	}
	if refused < 15 {
		t.Errorf("the schema refused %d bad files: this tests little", refused)
	}
}

func unknownKey(r config.Report) bool {
	return slices.ContainsFunc(r, func(p config.Problem) bool { return strings.HasPrefix(p.Text, "unknown key") })
}

// Every key is in the schema with words, and every default is the one that
// Parse fills in.
func TestSchemaIsWhole(t *testing.T) {
	t.Parallel()
	var keys []string
	var walk func(s map[string]any, path string)
	walk = func(s map[string]any, path string) {
		if items, ok := s["items"].(map[string]any); ok && items["properties"] != nil {
			s = items // an array of tables
		}
		named, _ := s["properties"].(map[string]any)
		for key, sub := range named {
			walk(sub.(map[string]any), strings.TrimPrefix(path+"."+key, "."))
		}
		patterns, _ := s["patternProperties"].(map[string]any)
		for _, sub := range patterns {
			walk(sub.(map[string]any), path+".NAME")
		}
		if named == nil && patterns == nil {
			keys = append(keys, path)
			if s["description"] == nil && !strings.HasSuffix(path, "NAME") {
				t.Errorf("%s has no words: explain it in the example, or in plainWords", path)
			}
		}
	}
	schema := jsonSchema(t)
	walk(schema, "")
	slices.Sort(keys)
	if want := config.Keys(); !slices.Equal(keys, want) {
		t.Errorf("the schema has %v, the config %v", keys, want)
	}
	at := func(path ...string) map[string]any {
		s := schema
		for _, p := range path {
			if p == "NAME" {
				for _, sub := range s["patternProperties"].(map[string]any) {
					s = sub.(map[string]any)
				}
				continue
			}
			s = s["properties"].(map[string]any)[p].(map[string]any)
		}
		return s
	}
	for want, path := range map[any][]string{
		"5m": {"detectors", "NAME", "for"}, "info": {"log", "level"}, 0.2: {"detectors", "NAME", "max_bad_fraction"}, nil: {"detectors", "NAME", "bad_below"}, "warden": {"cluster", "name"},
	} {
		if got := at(path...)["default"]; got != want {
			t.Errorf("%v: default %v, want %v", path, got, want)
		}
	}
	if words := at("detectors", "NAME", "for")["description"]; words != "bad at every look of this span, or it is not bad (default)" {
		t.Errorf("%q", words)
	}
	if words := at("sources", "NAME", "canary_target")["description"].(string); !strings.HasSuffix(words, "whose series stops is unknown and never bad.") {
		t.Errorf("%q", words)
	}
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	rest := "# mine\r\n\n[log] # keep\n  level='info'   \n"
	for name, tt := range map[string]struct{ in, out, err string }{
		"current":     {in: "# a\nconfig_version = 1\n" + rest, out: "# a\nconfig_version = 1\n" + rest},
		"none":        {in: "# mine\n\n[log] # keep\n  level='info'   \n", out: "config_version = 1\n# mine\n\n[log] # keep\n  level='info'   \n"},
		"none, CRLF":  {in: rest, out: "config_version = 1\r\n" + rest},
		"none, empty": {in: "", out: "config_version = 1\n"},
		"none, with a line for editors": {
			in: "#:schema ./s.json\n# mine\n[log]", out: "#:schema ./s.json\nconfig_version = 1\n# mine\n[log]",
		},
		"newer":   {in: "config_version = 7", err: "install the warden that it was written for"},
		"zero":    {in: "config_version = 0", err: "write config_version = 1"},
		"a word":  {in: `config_version = "1"`, err: "write config_version = 1"},
		"no TOML": {in: "[[", err: "warden config check"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, did, err := config.Migrate([]byte(tt.in))
			if tt.err != "" {
				if err == nil || !strings.Contains(err.Error(), tt.err) {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || string(out) != tt.out || (len(did) == 0) != (tt.in == tt.out) {
				t.Errorf("%q, %v, %v", out, did, err)
			}
			if again, did, err := config.Migrate(out); err != nil || len(did) > 0 || string(again) != string(out) {
				t.Errorf("migrated again: %q, %v, %v", again, did, err)
			}
		})
	}
}
