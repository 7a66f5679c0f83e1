package remedy_test

import (
	"os/exec"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// TestShellWords holds what a shell makes of a command that was shown: each word is one
// word, and nothing in it runs.
func TestShellWords(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]string{
		"fran":       "fran",
		"kim@x.org":  "kim@x.org",
		"slack:U1":   "slack:U1",
		"":           "''",
		"two words":  "'two words'",
		"it's":       `'it'\''s'`,
		"`id`@x":     "'`id`@x'",
		"$(id)":      "'$(id)'",
		"a\nb'":      `$'a\nb\''`,
		"ends \n\"":  `$'ends \n\"'`,
		"\xff\\":     `$'\xff\\'`,
		"; rm -rf ~": "'; rm -rf ~'",
		"!x":         "'!x'",
	} {
		if got := remedy.ShellWords(word); got != want {
			t.Errorf("%q is written %s, want %s", word, got, want)
		}
	}
	shell, err := exec.LookPath("bash")
	if err != nil {
		t.Fatalf("%v: install bash", err)
	}
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(rapid.StringOf(rapid.RuneFrom([]rune("a$`'\"\\ \n\t!*~;&|é\u00a0\x01-#(){}"))), 1, 4).Draw(t, "words")
		cmd := exec.Command(shell, "-c", "printf '%s\\0' "+remedy.ShellWords(words...))
		cmd.Env = []string{"LC_ALL=C.UTF-8"}
		out, err := cmd.Output()
		if got := string(out); err != nil || got != strings.Join(words, "\x00")+"\x00" {
			t.Fatalf("%q as %s is %q (%v)", words, remedy.ShellWords(words...), got, err)
		}
	})
}
