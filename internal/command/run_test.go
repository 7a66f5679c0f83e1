package command

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestChildGetsExactlyWhatItIsGiven reads back arguments, environment, directory,
// input and process group.
func TestChildGetsExactlyWhatItIsGiven(t *testing.T) {
	t.Setenv("WARDEN_SOURCES_PROMETHEUS_TOKEN", "planted")
	t.Setenv("ALLOWED", "yes")
	t.Setenv("PLANTED", "no")
	args := []string{"tell", "a b", "$(x)", ";rm -rf /", "`id`", "-rf", "*", "a\nb", "<b>&amp;", "é\xff", "'\"\\", ""}
	o := order(args...)
	o.Env = Environ([]string{"ALLOWED", "MISSING", "PATH", "WARDEN_SOURCES_PROMETHEUS_TOKEN"}, os.LookupEnv, "WARDEN_HOST=h1", "WARDEN_PRIOR=", "WARDEN_TOKEN=a\x00b")
	r := run(t, o)
	var got told
	if err := json.Unmarshal(r.Stdout, &got); err != nil || !r.OK() {
		t.Fatalf("%s: %v", r, err)
	}
	want := args[1:]
	want[8] = "é\ufffd" // JSON has no other way to say it; the fuzz test compares bytes
	if !slices.Equal(got.Args, want) {
		t.Errorf("arguments %q, want %q", got.Args, want)
	}
	if wantEnv := []string{"PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LANG=C.UTF-8", "ALLOWED=yes", "WARDEN_HOST=h1"}; !slices.Equal(got.Env, wantEnv) {
		t.Errorf("environment %q, want %q", got.Env, wantEnv)
	}
	if got.Dir != "/" || got.Stdin != 0 || !got.Group {
		t.Errorf("%+v: want /, an empty input and a group of its own", got)
	}
	o.Env = nil
	if err := json.Unmarshal(run(t, o).Stdout, &got); err != nil || len(got.Env) != 0 {
		t.Errorf("no environment became %q (%v)", got.Env, err)
	}
}

func TestHowItEnded(t *testing.T) {
	t.Parallel()
	for args, want := range map[string]string{"exit 0": "exit 0", "exit 1": "exit 1", "exit 255": "exit 255"} {
		r := run(t, order(strings.Fields(args)...))
		if r.String() != want || r.OK() != (want == "exit 0") || !strings.Contains(string(r.Stderr), "exiting with") {
			t.Errorf("%s: %s, stderr %q", args, r, r.Stderr)
		}
	}
}

func TestNotStarted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file := filepath.Join(dir, "tool")
	if err := os.WriteFile(file, []byte("no program\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tt := range []struct {
		name string
		path string
		mode os.FileMode
		ctx  context.Context
		want string
	}{
		{"relative", "tool", 0o755, t.Context(), "absolute"},
		{"missing", filepath.Join(dir, "missing"), 0o755, t.Context(), "no such file"},
		{"a directory", dir, 0o755, t.Context(), "not a regular file"},
		{"not executable", file, 0o644, t.Context(), "chmod 755"},
		{"group may write", file, 0o775, t.Context(), "chmod go-w"},
		{"everybody may write", file, 0o757, t.Context(), "chmod go-w"},
		{"no program", file, 0o755, t.Context(), "exec format error"},
		{"too late", os.Args[0], 0o755, over, "canceled"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if err := os.Chmod(file, tt.mode); err != nil {
				t.Fatal(err)
			}
			_, err := Run(tt.ctx, Order{Argv: []string{tt.path, "child", "exit", "0"}, Within: time.Second, Grace: time.Second})
			if !errors.Is(err, ErrNotStarted) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want ErrNotStarted and %q", err, tt.want)
			}
		})
	}
	if err := os.Chmod(file, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := CheckExecutable(file); err == nil || !strings.Contains(err.Error(), "chmod o-w") {
		t.Errorf("in a directory that everybody may write: %v", err)
	}
}

// TestFloodIsDrainedAndCapped holds that a child never waits for a reader, and
// that little is kept of what it says.
func TestFloodIsDrainedAndCapped(t *testing.T) {
	t.Parallel()
	r := run(t, order("flood"))
	if !r.OK() || !strings.HasSuffix(string(r.Stdout), "x\nthe end\n") || len(r.Stdout) > tailBytes || len(r.Stderr) > tailBytes {
		t.Errorf("%s, %d and %d bytes", r, len(r.Stdout), len(r.Stderr))
	}
	o := order("flood")
	o.MaxStdout = 100
	if r := run(t, o); !r.OK() || !r.Cut || string(r.Stdout) != strings.Repeat("x", 100) {
		t.Errorf("%s, cut %v, %d bytes", r, r.Cut, len(r.Stdout))
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	all := []byte(strings.Repeat("0123456789", 100))
	for size := 1; size < 70; size++ {
		head, tail := &capture{max: 33}, &capture{max: 33, tail: true}
		for part := range slices.Chunk(all, size) {
			_, _ = head.Write(part)
			_, _ = tail.Write(part)
		}
		if got, cut := head.bytes(); !bytes.Equal(got, all[:33]) || !cut {
			t.Errorf("in parts of %d: beginning %q, cut %v", size, got, cut)
		}
		if got, cut := tail.bytes(); !bytes.Equal(got, all[len(all)-33:]) || !cut {
			t.Errorf("in parts of %d: end %q, cut %v", size, got, cut)
		}
	}
	whole := &capture{max: 10}
	if _, _ = whole.Write(all[:10]); true {
		if got, cut := whole.bytes(); len(got) != 10 || cut {
			t.Errorf("what fits exactly: %q, cut %v", got, cut)
		}
	}
}

// TestDeadlineKillsTheGroup lets neither the child nor its child hear SIGTERM.
func TestDeadlineKillsTheGroup(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	o := order("stubborn", file)
	o.Within, o.Grace = 3*time.Second, 100*time.Millisecond
	began := time.Now()
	r := run(t, o)
	if !r.Stopped || r.Signal != "killed" || r.OK() || r.Escaped || !r.CutOff() {
		t.Errorf("%+v", r)
	}
	if took := time.Since(began); took < o.Within || took > o.Within+5*time.Second {
		t.Errorf("it took %s", took)
	}
	goes(t, pidIn(t, file))
}

// TestSigtermComesFirst gives a child the time to end by itself.
func TestSigtermComesFirst(t *testing.T) {
	t.Parallel()
	o := order("polite")
	o.Within, o.Grace = time.Second, 20*time.Second
	if r := run(t, o); r.Exit != 7 || !r.Stopped || r.OK() || !strings.Contains(string(r.Stdout), "asked to stop") {
		t.Errorf("%s: %q", r, r.Stdout)
	}
}

// TestContextKillsAtOnce is for a caller that has no time left.
func TestContextKillsAtOnce(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		await(file)
		cancel()
	}()
	r, err := Run(ctx, order("stubborn", file))
	if err != nil || !r.Stopped || r.Signal != "killed" {
		t.Errorf("%+v, %v", r, err)
	}
	goes(t, pidIn(t, file))
}

// TestLeftoversOfTheGroupAreKilled lets the child end before its own child.
func TestLeftoversOfTheGroupAreKilled(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	o := order("leave", file)
	o.Effect = true
	if r := run(t, o); !r.OK() || r.Escaped || !r.Left || !r.CutOff() || !strings.Contains(r.String(), "had to be killed") {
		t.Errorf("%+v", r)
	}
	goes(t, pidIn(t, file))
	o = order("exit", "1")
	o.Effect = true
	if r := run(t, o); r.Left || r.CutOff() || r.String() != "exit 1" {
		t.Errorf("it left nobody: %+v", r)
	}
}

// TestEscapedGrandchildHoldsNothingUp leaves a process in a session of its own
// that keeps the output open.
func TestEscapedGrandchildHoldsNothingUp(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "pid")
	began := time.Now()
	r := run(t, order("escape", file))
	pid := pidIn(t, file)
	defer func() { _ = syscall.Kill(pid, syscall.SIGKILL) }()
	if took := time.Since(began); !r.OK() || !r.Escaped || took > 15*time.Second {
		t.Errorf("%+v after %s", r, took)
	}
	if !r.CutOff() || !strings.Contains(r.String(), "lives on") {
		t.Errorf("%s: what lives on may go on", r)
	}
	if !alive(pid) {
		t.Error("it was killed, which DESIGN.md says can't be done")
	}
	other := filepath.Join(t.TempDir(), "pid")
	r = run(t, order("escape", other, "fails"))
	_ = syscall.Kill(pidIn(t, other), syscall.SIGKILL)
	if r.Exit != 1 || !r.Escaped || !r.CutOff() {
		t.Errorf("also of one that fails: %+v", r)
	}
}

// TestChildDiesWithItsParent kills a process that runs a command as warden does,
// with SIGKILL, and sees the command die. Its grandchild is the residual that
// DESIGN.md states: the kernel doesn't pass the wish on, systemd does.
func TestChildDiesWithItsParent(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	childFile, grandFile := filepath.Join(dir, "child"), filepath.Join(dir, "grandchild")
	parent := exec.CommandContext(t.Context(), os.Args[0], "child", "warden", childFile, grandFile)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	childPid, grandPid := pidIn(t, childFile), pidIn(t, grandFile)
	defer func() { _ = syscall.Kill(grandPid, syscall.SIGKILL) }()
	if !alive(childPid) {
		t.Fatal("the child died by itself")
	}
	if err := parent.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	goes(t, childPid)
	if !alive(grandPid) {
		t.Log("the grandchild died too")
	}
}

// TestManyAtOnce runs commands side by side: none gets another's output.
func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	var wg sync.WaitGroup
	for i := range 24 {
		wg.Go(func() {
			mark := strings.Repeat(string(rune('a'+i)), 40)
			r, err := Run(t.Context(), order("tell", mark))
			var got told
			if err == nil {
				err = json.Unmarshal(r.Stdout, &got)
			}
			if err != nil || len(got.Args) != 1 || got.Args[0] != mark {
				t.Errorf("%q: %v", got.Args, err)
			}
		})
	}
	wg.Wait()
}
