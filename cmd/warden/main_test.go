//go:build integration

// The tests of this package run the real binary as people do: a daemon of its
// own, the commands as processes, a real Prometheus that scrapes hosts of
// ours, and a real HAProxy. What HAProxy itself says, and every command that
// reached it, is what the daemon is held to.
package main_test

import (
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// binaryVariable names the binary under test to the tests.
const binaryVariable = "WARDEN_TEST_BINARY"

// atOnce is how many stories run at a time. They wait most of the time, so
// this is more than a small machine has cores.
const atOnce = "12"

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

// buildAndRun builds the binary once, as `make build` does, and runs the tests.
func buildAndRun(m *testing.M) int {
	// The default comes before the flags are parsed, so that -parallel wins.
	if err := flag.Set("test.parallel", atOnce); err != nil {
		return complain(err)
	}
	dir, err := os.MkdirTemp("", "warden")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "warden")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", buildTags, "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return complain(fmt.Errorf("go build: %w\n%s", err, out))
	}
	if err := os.Setenv(binaryVariable, binary); err != nil {
		return complain(err)
	}
	return m.Run()
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// binary is the path of the binary under test.
func binary() string { return os.Getenv(binaryVariable) }
