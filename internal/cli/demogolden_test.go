package cli

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// typedBlocks are the commands that somebody typed in a demo's transcript, each
// with what it printed, without the marks that set them off.
func typedBlocks(transcript string) string {
	var out strings.Builder
	inside := false
	for line := range strings.Lines(transcript) {
		switch {
		case strings.HasPrefix(line, "    $ "):
			if out.Len() > 0 {
				out.WriteString("\n")
			}
			inside = true
			out.WriteString(strings.TrimPrefix(line, "    "))
		case inside && strings.HasPrefix(line, "      No quorum since "): // an election on a busy machine
		case inside && strings.HasPrefix(line, "      "):
			out.WriteString(strings.TrimPrefix(line, "      "))
		case inside && strings.HasPrefix(line, "    |"): // chat speaks in between
		case inside && strings.TrimSpace(line) == "":
			out.WriteString("\n")
		default:
			inside = false
		}
	}
	return out.String()
}

// steady takes out of a transcript what is another at each run: instants, the
// names of directories and ports, minted ids, hashes, and how many entries a log
// has, which elections decide.
func steady(text string) string {
	for _, r := range []struct{ what, with string }{
		{`/[^ ":]*warden-demo-\d+`, "DIR"},
		{`\d{4}-\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?)?( UTC|Z)?`, "TIME"},
		{`\d{4}-\d\d-\d\d`, "DATE"},
		{`\d{1,2} [A-Z][a-z]{2} \d\d:\d\d`, "TIME"},
		{`\bW-\d+`, "W-N"},
		{`node-\d-[0-9a-f]{8}`, "NODE"},
		{`\bnode-\d\b`, "NODE"},
		{`\b[0-9a-f]{64}\b`, "HASH"},
		{`\b[0-9a-f]{12}\b`, "DIGEST"},
		{`\d+ entries of`, "N entries of"},
		{`in (1 file|\d+ files), `, "in FILES, "}, // a new one begins at midnight, which a trial may pass
		{`entries \d+ to \d+`, "entries A to B"},
		{`at entry \d+`, "at entry B"},
		{`answers    .*`, "answers    (as quick as the machine is)"},
		{`"(root|[a-z_][a-z0-9_-]*)"\]`, `"USER"]`},
	} {
		text = regexp.MustCompile(r.what).ReplaceAllString(text, r.with)
	}
	return text
}

// goldenDemo holds the commands that the demo's script types to a golden file:
// what trust, promote, policy diff and audit verify say of data that the demo
// made, from the first label to the review of a demotion. WARDEN_UPDATE=1 writes
// it anew.
func goldenDemo(t *testing.T, transcript string) {
	t.Helper()
	got := steady(typedBlocks(transcript))
	file := filepath.Join("testdata", "demo", "typed.golden")
	if os.Getenv("WARDEN_UPDATE") != "" {
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("what the demo's commands print has changed; WARDEN_UPDATE=1 takes it:\n%s", got)
	}
	for _, command := range []string{"$ warden trust drain", "$ warden promote drain --pool web --config", "$ warden policy diff", "$ warden audit verify"} {
		if !strings.Contains(got, command) {
			t.Errorf("nobody typed %q", command)
		}
	}
}
