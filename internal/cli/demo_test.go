package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/remedy"
	"warden/simulate/fleet"
	"warden/simulate/story"
)

// demoProgram is a program for a demo whose output can be read meanwhile.
func demoProgram(t *testing.T, in io.Reader) (*program, *transcript) {
	t.Helper()
	out := &transcript{}
	p := &program{
		env: func(string) (string, bool) { return "", false },
		in:  in, out: out, err: out, clock: clock.System(), local: time.UTC,
	}
	p.flags.output = formatTable
	if err := p.prepare(); err != nil {
		t.Fatal(err)
	}
	return p, out
}

// transcript is what a demo said so far.
type transcript struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *transcript) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(b)
}

func (s *transcript) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// patient is how long a round may take here: other tests run beside this one.
const patient = 2 * time.Minute

func TestDemoScript(t *testing.T) {
	t.Parallel()
	p, out := demoProgram(t, strings.NewReader(""))
	code := p.run(t.Context(), []string{"demo", "--script", "--seed", "7"})
	text := out.String()
	if code != ExitOK {
		t.Fatalf("exit code %d, want 0\n%s", code, text)
	}
	goldenDemo(t, text)
	lines := 0
	for _, s := range story.Script() {
		if !strings.Contains(text, s.Title) {
			t.Errorf("the story lacks %q", s.Title)
		}
		lines += len(s.Lines)
	}
	if got := len(regexp.MustCompile(`(?m)^    ok    \d\d:\d\d:\d\d  `).FindAllString(text, -1)); got != lines {
		t.Errorf("%d lines are ok, want %d\n%s", got, lines, text)
	}
	if want := fmt.Sprintf("All true: %d of %d lines", lines, lines); !strings.Contains(text, want) {
		t.Errorf("the end lacks %q\n%s", want, text)
	}
}

// TestDemoScriptFails has something happen that the story does not know of:
// the line that it makes untrue must fail, and the command with it.
func TestDemoScriptFails(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		fault func(*fleet.Fleet) error
		want  []string
	}{
		"another hand": {
			fault: func(f *fleet.Fleet) error { return tellBalancer(f, "set server web/web-03 state maint") },
			want:  []string{"FAIL", "wanted  no command at the load balancer but none at all", "saw     “set server web/web-03 state maint”"},
		},
		"a host that fails its check": {
			fault: func(f *fleet.Fleet) error { return f.SetDown("web-09", true) },
			want:  []string{"FAIL", "web-09 is ready (down: true) and no command made it so"},
		},
		"sessions that never end": {
			fault: func(f *fleet.Fleet) error { return f.HoldSessions(story.BadHost, 3) },
			want: []string{
				"ok    ", "FAIL", "it took: the sessions went to 0", "saw     3 sessions",
				"W-1 web-17 out, outcome unverified", "common_mode", "run it again with --keep DIR",
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, out := demoProgram(t, strings.NewReader(""))
			err := p.runDemo(t.Context(), demoOptions{script: true, seed: 1, fault: tt.fault, patience: patient})
			if got := exitCode(t.Context(), err); got != ExitError {
				t.Errorf("exit code %d, want %d: %v", got, ExitError, err)
			}
			for _, want := range tt.want {
				if !strings.Contains(out.String(), want) {
					t.Errorf("no %q in\n%s", want, out.String())
				}
			}
			if strings.Contains(out.String(), "All true") {
				t.Errorf("it says that all is true\n%s", out.String())
			}
		})
	}
}

// tellBalancer sends one command to the load balancer, past warden.
func tellBalancer(f *fleet.Fleet, command string) error {
	conn, err := net.Dial("tcp", strings.TrimPrefix(f.HAProxyTCP(), "tcp://"))
	if err != nil {
		return err
	}
	if _, err := io.WriteString(conn, command+"\n"); err != nil {
		return err
	}
	_, err = io.ReadAll(conn) // it was carried out once the balancer hangs up
	return errors.Join(err, conn.Close())
}

// TestDemoScriptHangs stops the story when the nodes don't find each other.
func TestDemoScriptHangs(t *testing.T) {
	t.Parallel()
	p, out := demoProgram(t, strings.NewReader(""))
	err := p.runDemo(t.Context(), demoOptions{script: true, patience: time.Nanosecond})
	if got := exitCode(t.Context(), err); got != ExitError {
		t.Errorf("exit code %d, want %d: %v", got, ExitError, err)
	}
	if want := "wanted  3 nodes up, one of them leading"; !strings.Contains(out.String(), want) {
		t.Errorf("no %q in\n%s", want, out.String())
	}
}

func TestDemoDirectories(t *testing.T) {
	t.Parallel()
	p, out := demoProgram(t, strings.NewReader(""))
	keep := filepath.Join(t.TempDir(), "kept")
	d, err := p.openDemo(t.Context(), demoOptions{speed: 60, keep: keep}, &screen{w: out})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(d.sockets); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%s is left behind: %v", d.sockets, err)
	}
	for _, name := range []string{"demo.toml", "warden.log", "node-1/ledger", "node-3/tls/node.key"} {
		if _, err := os.Stat(filepath.Join(keep, name)); err != nil {
			t.Errorf("--keep: %v", err)
		}
	}
	// The same directory again would tell an old story on.
	if d, err := p.openDemo(t.Context(), demoOptions{speed: 60, keep: keep}, &screen{w: out}); err == nil {
		_ = d.close()
		t.Error("--keep took a directory that is not empty")
	} else if !strings.Contains(err.Error(), "not empty") {
		t.Errorf("--keep: %v", err)
	}
}

func TestDemoPromoteEditsTheFile(t *testing.T) {
	t.Parallel()
	p, out := demoProgram(t, strings.NewReader(""))
	d, err := p.openDemo(t.Context(), demoOptions{speed: 60}, &screen{w: out})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.close(); err != nil {
			t.Error(err)
		}
	}()
	before, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	what, err := d.promote(t.Context(), remedy.LevelConfirm)
	if err != nil {
		t.Fatal(err)
	}
	if !regexp.MustCompile(`^demo\.toml:\d+  web = "notify" -> "confirm"   reloaded on node-1, node-2, node-3$`).MatchString(what) {
		t.Errorf("it says %q", what)
	}
	after, err := os.ReadFile(d.config)
	if err != nil {
		t.Fatal(err)
	}
	if want := strings.Replace(string(before), `web  = "notify"`, `web  = "confirm"`, 1); string(after) != want {
		t.Errorf("the file is now\n%s", after)
	}
	if got := d.level(); got != remedy.LevelConfirm {
		t.Errorf("the level in force is %s", got)
	}
}

func TestDemoSpeed(t *testing.T) {
	t.Parallel()
	for _, speed := range []string{"0.5", "-1", "NaN", "Inf", "601"} {
		p, out := demoProgram(t, strings.NewReader(""))
		if code := p.run(t.Context(), []string{"demo", "--script", "--speed", speed}); code != ExitError {
			t.Errorf("--speed %s: exit code %d\n%s", speed, code, out.String())
		}
	}
}
