package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestTemplatesAreInTheHash has nodes whose templates differ told apart, and a
// change of one shown, although no key of the file is another.
func TestTemplatesAreInTheHash(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	load := func() *Config {
		t.Helper()
		c, report := Parse("warden.toml", []byte("config_version = 1\n[chat.slack]\nchannel = \"#ops\"\ntemplates_glob = \""+dir+"/*.tmpl\"\n"), Options{})
		if c == nil {
			t.Fatal(report)
		}
		return c
	}
	seen := map[string]string{}
	again := func(what string) *Config {
		t.Helper()
		c := load()
		if h := c.Hash(); seen[h] != "" {
			t.Errorf("%s: the hash is that of %s", what, seen[h])
		} else {
			seen[h] = what
		}
		if load().Hash() != c.Hash() {
			t.Errorf("%s: two readings differ", what)
		}
		return c
	}
	before := again("no templates")
	write("a.tmpl", "one")
	first := again("one")
	write("a.tmpl", "PLANTED")
	second := again("another text")
	if diff := Diff(first, second); len(diff) != 1 || !strings.Contains(diff[0], "templates_glob: changed") || strings.Contains(diff[0], "PLANTED") {
		t.Errorf("%q", diff)
	}
	if diff := Diff(before, second); len(diff) != 1 {
		t.Errorf("%q", diff)
	}
	if Diff(second, load()) != nil {
		t.Error("the same files differ")
	}
	write("b.tmpl", "")
	again("one more file")
	if err := os.Rename(filepath.Join(dir, "b.tmpl"), filepath.Join(dir, "c.tmpl")); err != nil {
		t.Fatal(err)
	}
	again("another name")
	if err := os.Remove(filepath.Join(dir, "a.tmpl")); err != nil {
		t.Fatal(err)
	}
	// What was read stays as it was: it is what is in force.
	if all, err := second.Templates(); err != nil || len(all) != 1 || all[0].Text != "PLANTED" || seen[second.Hash()] != "another text" {
		t.Errorf("%v, %v", all, err)
	}
	if err := os.Mkdir(filepath.Join(dir, "d.tmpl"), 0o700); err != nil {
		t.Fatal(err)
	}
	again("what can't be read")
	if text := Show(second, true); !strings.Contains(text, "contents ") || strings.Contains(text, "PLANTED") {
		t.Errorf("%s", text)
	}
}
