//go:build integration

package main_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/realtest"
	"warden/internal/remedy"
	"warden/internal/web"
)

// The exit codes that people's scripts know: docs/cli.md.
const (
	exitOK          = 0
	exitError       = 1
	exitSomething   = 2
	exitRefused     = 3
	exitNotFound    = 4
	exitUnreachable = 5
	exitLook        = 7
)

// agent is one node: a directory with its config and ledger, and at most one
// process at a time that runs on them.
type agent struct {
	t                            *testing.T
	dir, config, storage, socket string
	settings                     settings
	client                       *web.Client
	stdout, stderr               stream // of all the processes so far
	heard                        int    // how much of stdout was dealt with
	cmd                          *exec.Cmd
	exited                       chan struct{}
	listen                       string
	name                         string // of the node
	program                      string // another build than the one under test
}

// newAgent makes a node's directory. Nothing runs yet.
func newAgent(t *testing.T, s settings) *agent {
	t.Helper()
	dir := shortDir(t)
	a := &agent{
		t: t, dir: dir, config: filepath.Join(dir, "warden.toml"), storage: filepath.Join(dir, "data"),
		socket: filepath.Join(dir, "w.sock"), settings: s, name: "n1",
	}
	a.write(s.text(t))
	var err error
	if a.client, err = web.NewClient(a.socket); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(a.client.Close)
	t.Cleanup(func() {
		if a.running() {
			a.kill()
		}
		if t.Failed() {
			t.Logf("the daemon said:\n%s\nand logged:\n%s", a.stdout.text(), tail(a.stderr.text(), 8000))
		}
	})
	return a
}

// write replaces the config file.
func (a *agent) write(text string) {
	a.t.Helper()
	if err := os.WriteFile(a.config, []byte(text), 0o600); err != nil {
		a.t.Fatal(err)
	}
}

// start starts the daemon and waits until it is ready. The environment holds
// nothing but what is given.
func (a *agent) start(env ...string) {
	a.t.Helper()
	a.launch(env...)
	eventually(a.t, "the daemon is ready", func() error {
		if !a.running() {
			a.t.Fatalf("the daemon ended: %v", a.cmd.ProcessState)
		}
		return a.client.Ready(a.t.Context())
	})
}

// launch starts the daemon and doesn't wait.
func (a *agent) launch(env ...string) {
	a.t.Helper()
	a.listen = realtest.Address(a.t)
	a.cmd = exec.Command(cmp.Or(a.program, binary()), "agent", "--config.file", a.config, "--storage.path", a.storage,
		"--web.listen-address", a.listen, "--web.socket", a.socket, "--node.name", a.name)
	a.cmd.Env = append([]string{"TZ=UTC"}, env...)
	a.cmd.Stdout, a.cmd.Stderr = &a.stdout, &a.stderr
	if err := a.cmd.Start(); err != nil {
		a.t.Fatal(err)
	}
	exited, cmd := make(chan struct{}), a.cmd
	go func() {
		defer close(exited)
		_ = cmd.Wait() // how it ended is in ProcessState
	}()
	a.exited = exited
}

func (a *agent) running() bool {
	if a.exited == nil {
		return false
	}
	select {
	case <-a.exited:
		return false
	default:
		return true
	}
}

// signal sends one signal to the process.
func (a *agent) signal(s syscall.Signal) {
	a.t.Helper()
	if err := a.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		a.t.Fatalf("%v: %v", s, err)
	}
}

// wait waits until the process is gone and returns how it ended.
func (a *agent) wait() *os.ProcessState {
	a.t.Helper()
	select {
	case <-a.exited:
	case <-time.After(patience):
		a.t.Fatalf("the daemon does not end within %v", patience)
	}
	return a.cmd.ProcessState
}

// kill is kill -9.
func (a *agent) kill() {
	a.t.Helper()
	a.signal(syscall.SIGKILL)
	a.wait()
}

// terminate is what systemd does to stop it.
func (a *agent) terminate() {
	a.t.Helper()
	a.signal(syscall.SIGTERM)
	if state := a.wait(); state.ExitCode() != 0 {
		a.t.Errorf("SIGTERM: %v", state)
	}
}

// result is what one command did.
type result struct {
	code     int
	out, err string
}

// run runs a command of the binary to its end.
func (a *agent) run(args ...string) result {
	a.t.Helper()
	return command(a.t, []string{"WARDEN_SOCKET=" + a.socket, "TZ=UTC"}, args...)
}

// must runs a command that must end with this exit code.
func (a *agent) must(code int, args ...string) result {
	a.t.Helper()
	r := a.run(args...)
	if r.code != code {
		a.t.Errorf("warden %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), r.code, code, r.out, r.err)
	}
	return r
}

func command(t *testing.T, env []string, args ...string) result {
	t.Helper()
	var out, stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), binary(), args...)
	cmd.Env, cmd.Stdout, cmd.Stderr = env, &out, &stderr
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("warden %s: %v", strings.Join(args, " "), err)
	}
	return result{cmd.ProcessState.ExitCode(), out.String(), stderr.String()}
}

// show is `warden show -o json`.
func (a *agent) show(id remedy.CaseID) *ledger.Case {
	a.t.Helper()
	r := a.must(exitOK, "-o", "json", "show", id.String())
	var d web.CaseDetail
	if err := json.Unmarshal([]byte(r.out), &d); err != nil || d.Schema != web.SchemaCase || d.Case == nil {
		a.t.Fatalf("show -o json: %v, schema %q\n%s", err, d.Schema, r.out)
	}
	return d.Case
}

// status is `warden status -o json`.
func (a *agent) status() *web.Status {
	a.t.Helper()
	r := a.must(exitOK, "-o", "json", "status")
	var s web.Status
	if err := json.Unmarshal([]byte(r.out), &s); err != nil || s.Schema != web.SchemaStatus {
		a.t.Fatalf("status -o json: %v, schema %q\n%s", err, s.Schema, r.out)
	}
	return &s
}

// cases are all cases, oldest first.
func (a *agent) cases() []web.CaseSummary {
	a.t.Helper()
	all, err := a.client.Cases(a.t.Context(), web.CaseQuery{Limit: 1000})
	if err != nil {
		a.t.Fatal(err)
	}
	out := make([]web.CaseSummary, 0, len(all.Cases))
	for i := range all.Cases {
		out = append(out, all.Cases[len(all.Cases)-1-i])
	}
	return out
}

// rounds waits for n more rounds, and so for everything that was about to
// happen.
func (a *agent) rounds(n int) {
	a.t.Helper()
	goal := -1
	eventually(a.t, fmt.Sprintf("%d rounds", n), func() error {
		s, err := a.client.Status(a.t.Context())
		if err != nil {
			return err
		}
		if goal < 0 {
			goal = s.Rounds + n
		}
		if s.Rounds < goal {
			return fmt.Errorf("round %d of %d", s.Rounds, goal)
		}
		return nil
	})
}

// await waits for the one case of a host to be as check wants it.
func (a *agent) await(what, host string, check func(*web.CaseSummary) error) *web.CaseSummary {
	a.t.Helper()
	var found *web.CaseSummary
	eventually(a.t, what, func() error {
		all, err := a.client.Cases(a.t.Context(), web.CaseQuery{Host: remedy.HostName(host), Limit: 1000})
		if err != nil {
			return err
		}
		err = errors.New("there is no case")
		for i := range all.Cases {
			if err = check(&all.Cases[i]); err == nil {
				found = &all.Cases[i]
				break
			}
		}
		return err
	})
	return found
}

// staged waits for a case of a host at a stage.
func (a *agent) staged(host string, stage remedy.Stage) *web.CaseSummary {
	a.t.Helper()
	return a.await(host+" is "+string(stage), host, func(c *web.CaseSummary) error {
		if c.Stage != stage {
			return fmt.Errorf("%s is %s %s: %s %s", c.ID, c.Stage, c.Outcome, c.BlockedBy, c.Note)
		}
		return nil
	})
}

// said waits for a message on the console that holds all the words, and
// returns it.
func (a *agent) said(words ...string) string {
	a.t.Helper()
	var message string
	eventually(a.t, fmt.Sprintf("the console says %q", words), func() error {
		if all := a.messages(words...); len(all) > 0 {
			message = all[0]
			return nil
		}
		return fmt.Errorf("it says:\n%s", a.stdout.text()[a.heard:])
	})
	return message
}

// messages are what the console has said since hush and holds all the words,
// in any case. A message begins with a line that isn't indented.
func (a *agent) messages(words ...string) []string {
	var all []string
	for line := range strings.Lines(a.stdout.text()[a.heard:]) {
		if len(all) == 0 || !strings.HasPrefix(line, " ") {
			all = append(all, "")
		}
		all[len(all)-1] += line
	}
	return slices.DeleteFunc(all, func(message string) bool {
		return slices.ContainsFunc(words, func(word string) bool {
			return !strings.Contains(strings.ToLower(message), strings.ToLower(word))
		})
	})
}

// stream keeps what a process writes. It is safe for concurrent use.
type stream struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

// Write implements io.Writer.
func (s *stream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.Write(p)
}

func (s *stream) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.buf.String()
}

// tail is the end of a long text.
func tail(s string, n int) string { return s[max(0, len(s)-n):] }

// shortDir is a directory of the test's own whose name is short enough for
// unix sockets in it.
func shortDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "w") //nolint:usetesting // the test's own directory has too long a name
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return dir
}
