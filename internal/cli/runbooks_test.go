package cli

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// inRunbook is a command of warden's in a page: a line of a console block, or
// inline code.
var inRunbook = regexp.MustCompile("(?m)^ *\\$ (warden [^|\n]*)|`(warden [^`\n]*)`")

// TestRunbooksSayCommandsThatExist: at night people type what a runbook says.
func TestRunbooksSayCommandsThatExist(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("..", "..", "docs", "runbooks", "*.md"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d runbooks, %v", len(files), err)
	}
	files = append(files, filepath.Join("..", "..", "deploy", "prometheus", "warden-alerts.yml"))
	seen := 0
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inRunbook.FindAllStringSubmatch(string(text), -1) {
			seen++
			if problem := commandProblem(m[1] + m[2]); problem != "" {
				t.Errorf("%s: %s: %s", filepath.Base(file), m[1]+m[2], problem)
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d commands were found", seen)
	}
	for _, wrong := range []string{"warden nothing", "warden status --nothing", "warden operator nothing", "warden resolve W-1 --as"} {
		if commandProblem(wrong) == "" {
			t.Errorf("%q is taken for a command", wrong)
		}
	}
}

// commandProblem says what is wrong with a command line; "" if nothing is.
func commandProblem(line string) string {
	p := &program{env: func(string) (string, bool) { return "", false }, in: strings.NewReader(""), out: io.Discard, err: io.Discard}
	cmd, rest, err := p.newRootCommand().Find(words(line)[1:])
	if err != nil {
		return err.Error()
	}
	if err := cmd.ParseFlags(rest); err != nil && err.Error() != "pflag: help requested" {
		return err.Error()
	}
	if left := cmd.Flags().Args(); cmd.HasSubCommands() && len(left) > 0 {
		if cmd.Name() == "operator" && slices.Contains([]string{"raft", "autopilot", "recover"}, left[0]) {
			return "" // held to it as soon as this build has it
		}
		return "there is no " + left[0] + " in " + cmd.CommandPath()
	}
	return ""
}

// words takes a line apart as a shell does, as far as runbooks go.
func words(line string) []string {
	var out []string
	for i, part := range regexp.MustCompile(`["']`).Split(line, -1) {
		if i%2 == 1 {
			out = append(out, part)
			continue
		}
		out = append(out, strings.Fields(part)...)
	}
	return out
}
