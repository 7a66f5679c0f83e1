package exec

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestArgvIsGivenByteForByte has a real program write down its arguments: each
// is what the config says, whatever a shell would make of it, and the host is
// one argument or a part of one.
func TestArgvIsGivenByteForByte(t *testing.T) {
	t.Parallel()
	odd := []string{
		" ", "a b", "-rf", "--", "$HOME", "$(id)", "`id`", ";id", "a|b", "a&b", ">x", "*", "~", "'", `"`, `\`, "%s", "\x1b[2J", "line\nbreak", "\ttab", "wеb", "\u202e", "<b>", "${IFS}",
		"{ .Host }", "#", "!", "\r", "=", "a=b",
	}
	for _, host := range []string{"h1", "H.1_a-b", strings.Repeat("h", 253)} {
		y := newToy(t)
		to := filepath.Join(y.dir, "argv")
		y.opts.Run = append([]string{script(t, y.dir, "args", `printf '%s\0' "$@" > `+to)}, odd...)
		y.opts.Run = append(y.opts.Run, "{{ .Host }}", "--host={{ .Host }};x", "{{ .Pool }} {{ .Host }}")
		a := y.action(t)
		if _, err := a.Apply(t.Context(), job(host)); err != nil {
			t.Fatalf("%.20s: %v", host, err)
		}
		got, err := os.ReadFile(to)
		if err != nil {
			t.Fatal(err)
		}
		want := strings.Join(append(slices.Clip(odd), host, "--host="+host+";x", "web "+host), "\x00") + "\x00"
		if string(got) != want {
			t.Errorf("%.20s: got %q\nwant %q", host, got, want)
		}
	}
}
