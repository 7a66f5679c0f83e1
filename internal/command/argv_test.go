package command

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var everyField = []string{FieldHost, FieldPool, FieldID, FieldAction, FieldPrior, FieldToken}

func TestParseArgvRefuses(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		argv  []string
		index int
		want  string
	}{
		{[]string{"drain", "x"}, 0, "absolute path"},
		{[]string{"./drain"}, 0, "absolute path"},
		{[]string{"/usr/bin/../bin/drain"}, 0, "absolute path"},
		{[]string{"/usr/bin/{{ .Host }}"}, 0, "can't be a template"},
		{[]string{"/d", ""}, 1, "empty"},
		{[]string{"/d", "a\x00b"}, 1, "NUL"},
		{[]string{"/d", "x", "{{ .Hots }}"}, 2, "there is no .Hots here: use one of .Host"},
		{[]string{"/d", "{{ .Host.Name }}"}, 1, "there is no .Host.Name"},
		{[]string{"/d", "{{ . }}"}, 1, "only fields"},
		{[]string{"/d", "{{ .Host"}, 1, "not a template"},
		{[]string{"/d", "{{ env .Host }}"}, 1, "there is no function env"},
		{[]string{"/d", "{{ printf .Host }}"}, 1, "there is no function printf"},
		{[]string{"/d", "{{ if .Host }}x{{ end }}"}, 1, "only fields"},
		{[]string{"/d", "{{ range $i, $c := .Host }}x{{ end }}"}, 1, "only fields"},
		{[]string{"/d", "{{ $x := .Host }}"}, 1, "variables"},
		{[]string{"/d", `{{ define "a" }}{{ end }}`}, 1, "only fields"},
		{[]string{"/d", `{{ template "a" }}`}, 1, "only fields"},
		{[]string{"/d", `{{ reReplaceAll "(" "" .Host }}`}, 1, "missing closing"},
		{[]string{"/d", `{{ trimPrefix .Host .Host }}`}, 1, "comes out empty"},
		{[]string{"/d", `{{ reReplaceAll ".*" "-rf" .Host }}`}, 1, "option"},
	} {
		_, err := ParseArgv(tt.argv, everyField...)
		e, ok := errors.AsType[*ArgError](err)
		if !ok || e.Index != tt.index || !strings.Contains(e.Text, tt.want) {
			t.Errorf("%q: %v, want %d: %s", tt.argv, err, tt.index, tt.want)
		}
	}
	if _, err := ParseArgv(nil); err == nil {
		t.Error("an empty command was taken")
	}
	if _, err := ParseArgv([]string{"/d", "{{ .Prior }}"}, FieldHost); err == nil {
		t.Error("a field that is not for this command was taken")
	}
}

// TestShellScriptsHaveNoTemplates parses the commands of testdata/shells.json and
// runs none of them. They are data, for no Go code here may spell a shell's
// command.
func TestShellScriptsHaveNoTemplates(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/shells.json")
	if err != nil {
		t.Fatal(err)
	}
	var rows []struct {
		Argv    []string
		Refused int // the argument that is; 0 when none is
	}
	if err := json.Unmarshal(text, &rows); err != nil || len(rows) == 0 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		_, err := ParseArgv(row.Argv, everyField...)
		e, refused := errors.AsType[*ArgError](err)
		switch {
		case row.Refused == 0 && err != nil:
			t.Errorf("%q: %v", row.Argv, err)
		case row.Refused > 0 && (!refused || e.Index != row.Refused || !strings.Contains(e.Text, "as further arguments")):
			t.Errorf("%q: %v, want %d refused", row.Argv, err, row.Refused)
		}
	}
}

func TestRender(t *testing.T) {
	t.Parallel()
	d := Data{Host: "h1", Pool: "web", ID: "W-7", Action: "drain", Prior: "weight 10", Token: "2.9"}
	for in, want := range map[string]string{
		"plain": "plain", "--host={{ .Host }}": "--host=h1", "-{{ .Host }}": "-h1", "{{.Pool}}/{{ .Host | toUpper }}": "web/H1",
		"{{ .Prior }}": "weight 10", "{{ .ID }}@{{ .Token }}": "W-7@2.9", `{{ .Action | trimSuffix "ain" }}`: "dr",
		`{{ reReplaceAll "[0-9]" "#" .Host }}`: "h#", "{{/* a remark */}}{{ .Host }}": "h1", "{{ trimSpace .Host }}": "h1",
		"{{ toLower .Host }}": "h1", `{{ trimPrefix "h" .Host }}`: "1",
	} {
		a, err := ParseArgv([]string{"/d", in}, everyField...)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		got, err := a.Render(d)
		if err != nil || !slices.Equal(got, []string{"/d", want}) {
			t.Errorf("%s: %q, %v, want %q", in, got, err, want)
		}
		if uses := strings.Contains(in, ".Prior"); a.Uses(FieldPrior) != uses || a.Program() != "/d" {
			t.Errorf("%s: uses .Prior: %v", in, !uses)
		}
	}
	a, err := ParseArgv([]string{"/d", "{{ .Prior }}"}, everyField...)
	if err != nil {
		t.Fatal(err)
	}
	for prior, want := range map[string]string{
		"": "empty", "-x": "option", "a\x00": "NUL", strings.Repeat("x", 1<<20): "longer",
	} {
		if got, err := a.Render(Data{Prior: prior}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q became %.20q (%v), want %q", prior, got, err, want)
		}
	}
}

// hostile are names that somebody who can write to an inventory or to a metric
// could choose.
var hostile = []string{
	"", "-rf", "--help", ";rm -rf /", "h;id", "$(x)", "`x`", "h1\n", "h1\nh2", "\x00", "h\x00", "h h", " h", "<script>alert(1)</script>",
	"h&&id", "h|id", "../../etc/passwd", "h\x1b[2J", "h\u202egnp", "\xff\xfe", "h'", `h"`, "h\\", "*", "~root", "=h", "@h", "h#x", "{{ .Host }}",
	strings.Repeat("a", 254), strings.Repeat("a", 1<<20), "\u00e9", "\u0430pple", "h\t", "h\r", "%h", "h!", "_h", ".h",
}

func TestHostPattern(t *testing.T) {
	t.Parallel()
	p, err := ParseHostPattern("")
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range hostile {
		if err := p.Check(h); err == nil {
			t.Errorf("%.40q may reach a command line", h)
		} else if len(err.Error()) > 400 || strings.ContainsAny(err.Error(), "\n\x1b\x00") {
			t.Errorf("%.40q: the error repeats it: %.100q", h, err)
		}
	}
	for _, h := range []string{"h1", "a", "H-1.example.net", "10.0.0.1", "a_b", strings.Repeat("a", 253)} {
		if err := p.Check(h); err != nil {
			t.Errorf("%s: %v", h, err)
		}
	}
	wide, err := ParseHostPattern(`.*|(?s)x.*`)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range []string{"", "-rf", "--", "h1\n", "h\x00", "h\x1b", "h\t", strings.Repeat("a", 254)} {
		if err := wide.Check(h); err == nil {
			t.Errorf("a pattern for everything lets %q through", h)
		}
	}
	part, err := ParseHostPattern(`web-\d|db`)
	if err != nil {
		t.Fatal(err)
	}
	for h, want := range map[string]bool{"web-1": true, "db": true, "web-12": false, "xdb": false, "db;id": false} {
		if got := part.Check(h) == nil; got != want {
			t.Errorf("%s: %v", h, got)
		}
	}
	if _, err := ParseHostPattern("("); err == nil {
		t.Error("( is no pattern")
	}
	if err := (HostPattern{}).Check("h1"); err == nil {
		t.Error("the zero pattern lets names through")
	}
}

func TestQuote(t *testing.T) {
	t.Parallel()
	got := Quote([]string{"/bin/d", "h-1", "a b", "it's", "", "a\nb'", "$(x)", "\xff"})
	if want := `/bin/d h-1 'a b' 'it'\''s' '' $'a\nb\'' '$(x)' $'\xff'`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// FuzzArgv holds that what a program receives is, byte for byte, what was meant,
// and that a value never becomes an option or another argument.
func FuzzArgv(f *testing.F) {
	for _, h := range hostile {
		f.Add(h, "ready")
		f.Add("h1", h)
	}
	wide, err := ParseHostPattern(`(?s).*`)
	if err != nil {
		f.Fatal(err)
	}
	// It writes each argument with a NUL behind it, and starts in no time, which a
	// test binary doesn't.
	printf, err := exec.LookPath("printf")
	if err != nil {
		f.Fatal(err)
	}
	a, err := ParseArgv([]string{printf, `%s\0`, "{{ .Host }}", "--prior={{ .Prior }}", "fixed", "{{ .Prior }}"}, everyField...)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, host, prior string) {
		if wide.Check(host) != nil {
			return
		}
		argv, err := a.Render(Data{Host: host, Prior: prior})
		if err != nil {
			return
		}
		if len(argv) != 6 || argv[2] != host || argv[3] != "--prior="+prior || argv[4] != "fixed" || argv[5] != prior || strings.HasPrefix(argv[2], "-") || strings.HasPrefix(argv[5], "-") {
			t.Fatalf("%q", argv)
		}
		r := run(t, Order{Argv: argv, Within: order().Within, Grace: order().Grace, MaxStdout: 1 << 20})
		if want := strings.Join(argv[2:], "\x00") + "\x00"; string(r.Stdout) != want {
			t.Fatalf("%q arrived of %q", r.Stdout, argv[2:])
		}
	})
}
