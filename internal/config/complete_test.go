package config_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"warden/internal/config"
)

// wanted is one "# want:" line of testdata.
type wanted struct{ file, key, severity, text string }

var wantLine = regexp.MustCompile(`^\d+:\d+ \|(.*)\| (error|warning): (.*)$`)

// allWanted reads every "# want:" line there is.
func allWanted(t *testing.T) []wanted {
	t.Helper()
	files, err := filepath.Glob("testdata/*.toml")
	if err != nil {
		t.Fatal(err)
	}
	var all []wanted
	bad := 0
	for _, file := range files {
		_, want := split(t, file)
		if strings.HasSuffix(file, ".bad.toml") {
			bad++
		}
		for _, w := range want {
			m := wantLine.FindStringSubmatch(w)
			if m == nil {
				t.Fatalf("%s: %q is not LINE:COL |KEY| SEVERITY: TEXT; run go test ./internal/config -run TestParseTestdata -update", file, w)
			}
			all = append(all, wanted{file, m[1], m[2], m[3]})
		}
	}
	if bad < 75 {
		t.Fatalf("%d files of bad input", bad)
	}
	return all
}

// advice is how the last part of a problem begins, where it says what to do.
var advice = regexp.MustCompile(`(?:[:;,] |; or )(use|write|add|keep|leave|let|remove|name|put|rename|give|change|mend|save|end|install|did you mean|it belongs in|is it the right file|make|choose|see|move|run|create|set|needs a group around) ?[^:;]*`)

// TestEveryProblemEndsWithAdvice holds what testdata wants to the rule that a
// problem says what to do about it, after what is wrong.
func TestEveryProblemEndsWithAdvice(t *testing.T) {
	for _, w := range allWanted(t) {
		if !advice.MatchString(w.text) && !strings.Contains(w.text, ": needs a group around ") {
			t.Errorf("%s: %q says what is wrong and not what to do: end it with a part such as %q", w.file, w.text, "; use a longer window")
		}
	}
}

// TestEveryKeyIsTestedBad wants, for every key that warden reads, a file in
// testdata in which it is wrong.
func TestEveryKeyIsTestedBad(t *testing.T) {
	index := regexp.MustCompile(`\[\d+\]`)
	seen := map[string]bool{}
	for _, w := range allWanted(t) {
		if w.severity == "error" {
			seen[index.ReplaceAllString(w.key, "")] = true
		}
	}
	for _, key := range config.Keys() {
		pattern := regexp.MustCompile(`^` + strings.ReplaceAll(regexp.QuoteMeta(key), "NAME", `[A-Za-z0-9_-]+`) + `$`)
		found := false
		for k := range seen {
			found = found || pattern.MatchString(k)
		}
		if !found {
			t.Errorf("no testdata/*.bad.toml has an error at %s: add one", key)
		}
	}
}

// reporters are the functions that make problems, and the position of the
// text among their arguments.
var reporters = map[string]int{"fail": 1, "warn": 1, "badValue": 1, "badKey": 1, "problem": 3}

// TestEveryReasonIsTested reads the package's source for the texts of problems
// and wants each in testdata: a check without bad input is not tested.
func TestEveryReasonIsTested(t *testing.T) {
	all := allWanted(t)
	texts := 0
	for file, tree := range sources(t) {
		if file == "files.go" { // what it looks at is outside; TestCheckFiles has it
			continue
		}
		ast.Inspect(tree, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			i, ok := reporters[sel.Sel.Name]
			if !ok || len(call.Args) <= i {
				return true
			}
			text, ok := literal(call.Args[i])
			if !ok || !strings.ContainsAny(strings.ToLower(text), "abcdefghijklmnoprtuvwyz") {
				return true
			}
			if texts++; strings.Contains(text, "more than %d keys") {
				return true // TestHugeInput has it
			}
			pattern := regexp.MustCompile("^" + verbs.ReplaceAllString(regexp.QuoteMeta(text), ".*") + "$")
			for _, w := range all {
				if pattern.MatchString(w.text) {
					return true
				}
			}
			t.Errorf("%s: no file in testdata wants %q", file, text)
			return true
		})
	}
	if texts < 60 {
		t.Errorf("only %d texts found: does the test still know how problems are made?", texts)
	}
}

var verbs = regexp.MustCompile(`%[vdsq]`)

// literal is the string that an expression of literals is.
func literal(e ast.Expr) (string, bool) {
	switch e := e.(type) {
	case *ast.BasicLit:
		if e.Kind == token.STRING {
			s, err := strconv.Unquote(e.Value)
			return s, err == nil
		}
	case *ast.BinaryExpr:
		a, okA := literal(e.X)
		b, okB := literal(e.Y)
		return a + b, okA && okB
	}
	return "", false
}

// sources parses the package's own files.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	trees := map[string]*ast.File{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		tree, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		trees[file] = tree
	}
	return trees
}

// TestHugeInput holds Parse to some memory, and a short report, whatever is in a
// file of the largest size that Load reads. These once took five minutes: should
// they again, it is the tests' own time that runs out.
func TestHugeInput(t *testing.T) {
	var keys, warnings strings.Builder
	for i := range 250_000 {
		fmt.Fprintf(&keys, "k%d = 1\n", i)
	}
	warnings.WriteString(config.Minimal())
	for i := range 2_000 {
		fmt.Fprintf(&warnings, "[pools.p%d]\ninventory = { type = \"static\", hosts = [\"a\"] }\nmin_in_service = 0\nmax_out_of_service = 1\n", i)
	}
	for name, text := range map[string]string{
		"unknown keys":      keys.String(),
		"unknown tables":    strings.ReplaceAll(strings.ReplaceAll(keys.String(), "k", "[k"), " = 1", "]"),
		"the same key":      strings.Repeat("a = 1\n", 500_000),
		"deep lists":        "x = " + strings.Repeat("[", 3<<20),
		"deep closed lists": "x = " + strings.Repeat("[", 9_000) + strings.Repeat("]", 9_000),
		"deep tables":       "x = " + strings.Repeat("{a=", 1<<20),
		"dots":              "x" + strings.Repeat(".x", 1<<20) + " = 1",
		"dots in a header":  "[x" + strings.Repeat(".x", 1<<20) + "]",
		"dots in a list":    "x = [{x" + strings.Repeat(".x", 1<<20) + " = 1}]",
		"a long value":      "config_version = 1\n[cluster]\nname = \"" + strings.Repeat("x", 3<<20) + "\"",
		"a long key":        strings.Repeat("x", 3<<20) + " = 1",
		"a long word":       strings.Repeat("x", 3<<20),
		"bad hosts":         strings.Replace(config.Minimal(), `"web-1"`, `"web-1"`+strings.Repeat(`, "web-1"`, 100_000), 1),
		"nothing":           strings.Repeat("\n", 4<<20),
		"NUL":               strings.Repeat("\x00", 4<<20),
		"many warnings":     warnings.String(),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c, report := config.Parse("f", []byte(text), options())
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<30 {
				t.Errorf("took %d MB", took>>20)
			}
			if len(report) > 202 || len(report.String()) > 60_000 {
				t.Errorf("%d problems in %d bytes", len(report), len(report.String()))
			}
			if (c == nil) != (report.Err() != nil) {
				t.Errorf("config is nil: %v, but %v", c == nil, report.Err())
			}
			if name == "unknown tables" && !strings.Contains(report.String(), "more than 5000 keys") {
				t.Errorf("%.300s", report)
			}
			if name == "many warnings" && (c == nil || !strings.Contains(report.String(), "more problems than are shown")) {
				t.Errorf("%.300s", report)
			}
		})
	}
}
