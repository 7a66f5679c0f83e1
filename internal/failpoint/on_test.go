//go:build failpoints

package failpoint

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// child is what the test binary does when it is started again by
// TestHitKills: it hits "a" the given number of times and exits cleanly.
const child = "WARDEN_FAILPOINT_TEST_HITS"

func TestMain(m *testing.M) {
	if hits, err := strconv.Atoi(os.Getenv(child)); err == nil {
		for range hits {
			Hit("a")
			Hit("other")
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

func TestHitKills(t *testing.T) {
	for _, tt := range []struct {
		spec   string
		hits   int
		killed bool
	}{
		{"", 3, false},
		{"a", 1, true},
		{"a", 0, false},
		{"a:3", 2, false},
		{"a:3", 3, true},
		{"b", 3, false},
		{"b, a:2", 2, true},
	} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "WARDEN_FAILPOINT="+tt.spec, child+"="+strconv.Itoa(tt.hits))
		err := cmd.Run()
		killed := false
		if exit, ok := errors.AsType[*exec.ExitError](err); ok {
			status := exit.Sys().(syscall.WaitStatus)
			killed = status.Signaled() && status.Signal() == syscall.SIGKILL
		}
		if killed != tt.killed || (!killed && err != nil) {
			t.Errorf("WARDEN_FAILPOINT=%q, %d hits: killed = %v (%v), want %v", tt.spec, tt.hits, killed, err, tt.killed)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for spec, want := range map[string]string{
		"a:0":  "whole number",
		"a:x":  "whole number",
		"a,":   "names no point",
		":2":   "names no point",
		"a, a": "twice",
		"a=b":  "no fault",
	} {
		if _, err := parse(spec); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("parse(%q) = %v, want an error with %q", spec, err, want)
		}
	}
}

func TestFaults(t *testing.T) {
	file, log := filepath.Join(t.TempDir(), "armed"), filepath.Join(t.TempDir(), "log")
	w := &watched{path: file}
	t.Setenv(logVariable, log)
	arm := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if got := w.traps(); len(got) != 0 {
		t.Errorf("no file arms %v", got)
	}
	arm("a:2=error # once\n")
	first := w.traps()["a"]
	if first == nil || first.left.Add(-1) != 1 || w.traps()["a"] != first {
		t.Fatalf("a file that stays as it is must keep what was counted: %v", w.traps())
	}
	arm("a:2=error # and again\n")
	if again := w.traps()["a"]; again == first || again.left.Load() != 2 {
		t.Errorf("another text must arm afresh: %v", again)
	}
	if err := faultError.strike("a"); !errors.Is(err, syscall.EROFS) {
		t.Errorf("error strikes with %v", err)
	}
	note("a", faultError)
	if raw, err := os.ReadFile(log); err != nil || string(raw) != fmt.Sprintf("a error %d\n", os.Getpid()) {
		t.Errorf("the log holds %q, %v", raw, err)
	}
	defer func() {
		if p := recover(); p != "failpoint a" {
			t.Errorf("panic strikes with %v", p)
		}
	}()
	_ = faultPanic.strike("a")
}
