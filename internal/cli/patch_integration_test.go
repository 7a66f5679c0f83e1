//go:build integration

package cli

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"warden/internal/config"
)

// TestGitTakesThePatch has git itself apply what `promote` prints, in a
// repository where the file is in a directory and ends its lines either way.
func TestGitTakesThePatch(t *testing.T) {
	t.Parallel()
	for name, eol := range map[string]string{"lines end as ever": "\n", "lines end as on Windows": "\r\n"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			file := filepath.Join(dir, "etc", "warden.toml")
			must(t, os.Mkdir(filepath.Dir(file), 0o700))
			text := strings.Replace(config.Minimal(), "policy  =", "approvers = [\"sam\"] # Ünïcode\npolicy  =", 1)
			text = strings.NewReplacer("web", "ingest", `"metric-only"`, `"confirm" # here`).Replace(text)
			text = strings.ReplaceAll(text, "\n", eol)
			must(t, os.WriteFile(file, []byte(text), 0o600))
			git := func(stdin string, args ...string) {
				t.Helper()
				cmd := exec.CommandContext(t.Context(), "git", append([]string{"-c", "core.autocrlf=false", "-C", dir}, args...)...)
				cmd.Stdin = strings.NewReader(stdin)
				cmd.Env = append(os.Environ(), "GIT_CONFIG_GLOBAL=/dev/null", "GIT_CONFIG_SYSTEM=/dev/null", "GIT_COMMITTER_NAME=sam", "GIT_COMMITTER_EMAIL=sam@localhost", "GIT_AUTHOR_NAME=sam", "GIT_AUTHOR_EMAIL=sam@localhost")
				if out, err := cmd.CombinedOutput(); err != nil {
					t.Fatalf("git %s: %v\n%s\n%s", strings.Join(args, " "), err, out, stdin)
				}
			}
			git("", "init", "-q")
			git("", "add", ".")
			git("", "commit", "-q", "-m", "begin")

			api := newFakeAPI()
			socket := filepath.Join(dir, "w.sock")
			stop, err := api.listen(socket)
			must(t, err)
			t.Cleanup(stop)
			// What the file changes besides is not what runs, so its gate isn't met.
			promote := func(args ...string) string {
				t.Helper()
				var out, errs bytes.Buffer
				p := &program{
					env: func(name string) (string, bool) { return socket, name == "WARDEN_SOCKET" },
					in:  strings.NewReader(""), out: &out, err: &errs, clock: &leaping{now: fakeNow}, local: time.UTC,
				}
				if code := p.run(t.Context(), append([]string{"promote", "drain", "--pool", "ingest", "--config", file, "--anyway"}, args...)); code != ExitOK {
					t.Fatalf("exit code %d: %s", code, errs.String())
				}
				return out.String()
			}
			want := strings.Replace(text, `"confirm" # here`+eol, `"confirm" # here`+eol+`pool_policy.ingest = "auto"`+eol, 1)

			git(promote(), "apply", "-")
			got, err := os.ReadFile(file)
			must(t, err)
			if string(got) != want {
				t.Errorf("git apply made\n%s", got)
			}
			git("", "checkout", "-q", "etc/warden.toml")
			git(promote("--git-patch"), "am", "-q", "--keep-cr")
			if got, err = os.ReadFile(file); err != nil || string(got) != want {
				t.Errorf("git am made %v\n%s", err, got)
			}
			git("", "diff", "--exit-code", "HEAD")
		})
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
