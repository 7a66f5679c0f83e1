package config_test

import (
	order "cmp"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/config"
)

// update rewrites the "# want:" lines of testdata. Read what it wrote.
var update = flag.Bool("update", false, "rewrite the wanted problems in testdata")

// planted stands for a secret in the test data and must not come back.
const planted = "planted"

// options are what the agent passes, with a selector as simple as the tests.
func options() config.Options {
	return config.Options{IsSelector: func(q string) bool { return !strings.ContainsAny(q, "([") }}
}

// split takes a test file apart: the TOML, and the problems wanted of it.
func split(t *testing.T, file string) (text string, want []string) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text, tail, _ := strings.Cut(string(b), "# want: ")
	for line := range strings.Lines("# want: " + tail) {
		if w, ok := strings.CutPrefix(strings.TrimSpace(line), "# want: "); ok {
			want = append(want, w)
		}
	}
	return text, want
}

// golden is a problem as testdata wants it: with its place, the key between
// bars, and what `config check` says.
func golden(p config.Problem) string {
	return fmt.Sprintf("%d:%d |%s| %s: %s", p.Line, p.Col, p.Key, p.Severity, p.Text)
}

func TestParseTestdata(t *testing.T) {
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil || len(files) < 60 {
		t.Fatalf("found %d files in testdata (%v)", len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			text, want := split(t, file)
			c, report := config.Parse("f", []byte(text), options())
			var got []string
			for _, p := range report {
				got = append(got, golden(p))
				if p.Line < 1 || p.Col < 1 {
					t.Errorf("no place: %s", p)
				}
				if strings.Contains(p.String()+p.Key, planted) {
					t.Errorf("a secret came out: %s", p)
				}
			}
			if *update {
				var body strings.Builder
				body.WriteString(text)
				for _, line := range got {
					body.WriteString("# want: " + line + "\n")
				}
				if err := os.WriteFile(file, []byte(body.String()), 0o600); err != nil {
					t.Fatal(err)
				}
				return
			}
			if !slices.IsSortedFunc(report, func(a, b config.Problem) int {
				return order.Or(order.Compare(a.Line, b.Line), order.Compare(a.Col, b.Col))
			}) {
				t.Error("not sorted by place")
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("problems (-want +got):\n%s", d)
			}
			bad := strings.HasSuffix(file, ".bad.toml")
			if errs := report.Count(config.SeverityError); (errs > 0) != bad || (c == nil) != bad {
				t.Errorf("%d errors, config is nil: %v", errs, c == nil)
			}
		})
	}
}
