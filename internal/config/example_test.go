package config_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/config"
)

func TestExampleIsTheFileAtTheTop(t *testing.T) {
	b, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(b), config.Example()); d != "" {
		t.Errorf("the copy differs: cp config.example.toml internal/config/example.toml\n%s", d)
	}
}

func TestExamplesLoadWithoutAnyProblem(t *testing.T) {
	for name, text := range map[string]string{"example": config.Example(), "minimal": config.Minimal()} {
		c, report := config.Parse(name, []byte(text), options())
		if c == nil || len(report) > 0 {
			t.Errorf("%s: %s", name, report)
		}
	}
	if n := strings.Count(config.Minimal(), "\n"); n > 25 {
		t.Errorf("the minimal configuration has %d lines", n)
	}
}

// uncommented is the example with the keys that stand there as "#key = value",
// since they are not for everybody.
func uncommented() string {
	return regexp.MustCompile(`(?m)^#([a-z_]+ +=)`).ReplaceAllString(config.Example(), "$1")
}

func TestUncommentedExampleLoadsToo(t *testing.T) {
	c, report := config.Parse("example", []byte(uncommented()), options())
	if c == nil || len(report) > 0 || len(c.Cluster.PeerList()) != 3 {
		t.Errorf("%s", report)
	}
}

func TestExampleDocumentsEveryKeyAndNoOther(t *testing.T) {
	if d := cmp.Diff(config.Keys(), config.DocumentedKeys([]byte(config.Example()))); d != "" {
		t.Errorf("keys of the structs (-) and of the example (+):\n%s", d)
	}
}

func TestDocumentedKeysShowsUnknownOnes(t *testing.T) {
	got := config.DocumentedKeys([]byte("[pools.a]\nfoo = 1\nprotected = [\"x\"]\n[pools.b]\nprotected = [\"y\"]\n[new.thing]\nx = {y = 1}\n"))
	want := []string{"new.thing.x", "new.thing.x.y", "pools.NAME.foo", "pools.NAME.protected"}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestEveryDefaultInTheExampleIsTheDefault(t *testing.T) {
	with := parse(t, config.Example())
	lines, checked := slices.Collect(strings.Lines(config.Example())), 0
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "#") || !strings.Contains(line, "(default)") || strings.Contains(line, "{") {
			continue
		}
		checked++
		without := parse(t, strings.Join(slices.Delete(slices.Clone(lines), i, i+1), ""))
		if with.Hash() != without.Hash() {
			t.Errorf("%s is not the default:\n%s", strings.TrimSpace(line), strings.Join(config.Diff(without, with), "\n"))
		}
	}
	if checked < 30 {
		t.Errorf("only %d defaults were found", checked)
	}
}

// reference reads docs/config.md: key to what its row says is the default.
func reference(t *testing.T) map[string]string {
	t.Helper()
	b, err := os.ReadFile("../../docs/config.md")
	if err != nil {
		t.Fatal(err)
	}
	keys, table := map[string]string{}, ""
	for line := range strings.Lines(string(b)) {
		if head, ok := strings.CutPrefix(line, "## "); ok {
			table = strings.Trim(strings.TrimSpace(head), "`[]") + "."
			if !strings.Contains(head, "[") {
				table = ""
			}
		}
		if cells := strings.Split(line, "|"); len(cells) > 3 && strings.HasPrefix(line, "| `") {
			keys[table+strings.Trim(cells[1], " `")] = strings.Trim(cells[2], " `")
		}
	}
	return keys
}

func TestReferenceHasEveryKeyAndItsDefault(t *testing.T) {
	rows := reference(t)
	if d := cmp.Diff(config.Keys(), slices.Sorted(maps.Keys(rows))); d != "" {
		t.Errorf("keys of the structs (-) and of docs/config.md (+):\n%s", d)
	}
	files := strings.Replace(config.Minimal(), `type = "static", hosts = ["web-1", "web-2", "web-3"]`, `type = "file", path = "/x"`, 1)
	seen := map[string]bool{}
	commands := `
[pools.commands]
inventory          = { type = "exec", command = ["/bin/list"] }
min_in_service     = 1
max_out_of_service = 1

[actions.commands]
type = "exec"
run  = ["/bin/run"]
`
	files += "\n[[guardrails.windows]]\nname = \"w\"\nkind = \"deny\"\nschedule = \"0 0 * * *\"\nduration = \"1h\"\n"
	files += "\n[[guardrails.block_when]]\nname = \"b\"\nsource = \"prometheus\"\nquery = \"incident\"\npresent = \"up\"\n"
	files += "\n[[webhooks]]\nname = \"w\"\nurl = \"https://w.example.net\"\nsecret_file = \"/x\"\n"
	for _, s := range parse(t, files+commands).Settings() {
		if s.Origin != config.OriginDefault {
			continue
		}
		key := strings.Replace(s.Key, "[0]", "", 1) // a table of an array
		path := strings.Split(key, ".")
		if _, fixed := rows[key]; len(path) > 2 && !fixed && path[0] != "policy" {
			path[1] = "NAME"
		}
		key = strings.Join(path, ".")
		if got := rows[key]; got != s.Value {
			t.Errorf("docs/config.md gives %s for %s, the default is %s", got, key, s.Value)
		}
		seen[key] = true
	}
	for key, text := range rows {
		if !seen[key] && strings.ContainsAny(text, "0123456789\"") {
			t.Errorf("docs/config.md gives a default of %s for %s, which has none", text, key)
		}
	}
}
