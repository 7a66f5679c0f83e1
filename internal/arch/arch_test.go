package arch_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

// check examines a tree and says what is wrong with it, one line a finding.
type check func(*tree) ([]finding, error)

// checks is every rule, by the name that the test and the fixtures use.
var checks = map[string]check{
	"imports":  importTable,
	"confined": confined,
	"pure":     pure,
	"effects":  initFunctions,
	"state":    packageState,
	"comments": packageComments,
	"length":   fileLength,
	"habits":   testHabits,
	"exec":     processes,
	"text":     forbiddenText,
	"metrics":  metricsDocumented,
}

// TestTree runs every check over warden itself.
func TestTree(t *testing.T) {
	for _, name := range slices.Sorted(maps.Keys(checks)) {
		t.Run(name, func(t *testing.T) {
			for _, f := range examine(t, checks[name], self(t)) {
				t.Error(f)
			}
		})
	}
}

// TestChecksCanFail runs each check over its bad trees. A fixture's comment is
// the name of the check and then the findings, exactly.
func TestChecksCanFail(t *testing.T) {
	names, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	proven := map[string]bool{}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			which, want, _ := strings.Cut(strings.TrimSpace(string(archive.Comment)), "\n")
			run, ok := checks[which]
			if !ok {
				t.Fatalf("%s names no check in its first line: %q", name, which)
			}
			root := t.TempDir()
			unpack(t, root, archive)
			tr, err := load(root)
			if err != nil {
				t.Fatal(err)
			}
			got := examine(t, run, tr)
			if diff := cmp.Diff(strings.Split(want, "\n"), got); diff != "" {
				t.Errorf("findings differ (-want +got):\n%s", diff)
			}
			proven[which] = proven[which] || len(got) > 0
		})
	}
	for name := range checks {
		if !proven[name] {
			t.Errorf("no fixture in testdata shows that the check %q can fail: add one", name)
		}
	}
}

// examine runs a check and returns its findings in order.
func examine(t *testing.T, run check, tr *tree) []string {
	t.Helper()
	findings, err := run(tr)
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(findings, finding.compare)
	var lines []string
	for _, f := range findings {
		lines = append(lines, f.String())
	}
	return lines
}

// unpack writes a fixture's files, and a go.mod so that it can be compiled.
func unpack(t *testing.T, root string, archive *txtar.Archive) {
	t.Helper()
	files := append(archive.Files, txtar.File{Name: "go.mod", Data: fmt.Appendf(nil, "module %s\n\ngo 1.26\n", module)})
	for _, f := range files {
		name := filepath.Join(root, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
