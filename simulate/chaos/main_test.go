//go:build integration && failpoints

// The fault suite runs real agents in network namespaces of their own, beside
// a real HAProxy and a real Prometheus, and breaks them. What it holds them to
// is in check.go and reads none of warden's code.
package chaos_test

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"syscall"
	"testing"
)

// The stages of this test binary. It starts itself twice: as the first process
// of a box of namespaces, which the kernel clears away with it, however it
// ends; and inside as the one that runs the tests.
const (
	stageVariable = "WARDEN_CHAOS_STAGE"
	stageInit     = "init"
	stageInside   = "inside"
)

// binaryVariable names the agent under test inside the box.
const binaryVariable = "WARDEN_TEST_BINARY"

var (
	seeds     = flag.Int("seeds", 5, "how many seeds to run, from -seed on")
	first     = flag.Uint64("seed", 1, "the first seed; with -seeds 1 the only one")
	atOnce    = flag.Int("at-once", 3, "how many seeds run at a time")
	keepAll   = flag.Bool("keep", false, "keep the logs of seeds that went well, too")
	cellTable = flag.String("cells", "", "write the table of cells that were run to this file")
	onlyCell  = flag.String("cell", "", "fail at this point/fault/role in every scene")
	nodeCount = flag.Int("nodes", 3, "how many agents a cluster has")
)

func TestMain(m *testing.M) {
	flag.Parse()
	switch os.Getenv(stageVariable) {
	case "":
		os.Exit(outside())
	case stageInit:
		os.Exit(reap())
	default:
		os.Exit(inside(m))
	}
}

// outside builds the agent and starts the box.
func outside() int {
	dir, err := os.MkdirTemp("", "chaos")
	if err != nil {
		return complain(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary := filepath.Join(dir, "warden")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-tags", "failpoints", "-o", binary, "warden/cmd/warden")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return complain(fmt.Errorf("go build: %w\n%s", err, out))
	}
	self, err := os.Executable()
	if err != nil {
		return complain(err)
	}
	args := []string{"--net", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child=SIGKILL", "--mount-proc"}
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	// The kernel ends the box with the thread that started it, so that thread stays.
	runtime.LockOSThread()
	box := exec.Command("unshare", append(append(args, self), os.Args[1:]...)...)
	box.Env = append(os.Environ(), stageVariable+"="+stageInit, binaryVariable+"="+binary)
	box.Stdin, box.Stdout, box.Stderr = os.Stdin, os.Stdout, os.Stderr
	box.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return status(box.Run())
}

// reap is the first process of the box: whoever loses its parent in there
// becomes its child, and is waited for.
func reap() int {
	self, err := os.Executable()
	if err != nil {
		return complain(err)
	}
	if err := os.Setenv(stageVariable, stageInside); err != nil {
		return complain(err)
	}
	inner, err := os.StartProcess(self, os.Args, &os.ProcAttr{Files: []*os.File{os.Stdin, os.Stdout, os.Stderr}})
	if err != nil {
		return complain(err)
	}
	for {
		var ws syscall.WaitStatus
		pid, err := syscall.Wait4(-1, &ws, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return complain(err)
		case pid == inner.Pid && ws.Exited():
			return ws.ExitStatus()
		case pid == inner.Pid:
			return complain(fmt.Errorf("the tests ended with %v", ws.Signal()))
		}
	}
}

// inside makes the box usable and runs the tests.
func inside(m *testing.M) int {
	if err := flag.Set("test.parallel", strconv.Itoa(*atOnce)); err != nil {
		return complain(err)
	}
	// ip keeps its namespaces in /run, which is the box's own from here on.
	for _, argv := range [][]string{
		{"mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", "/run"},
		{"ip", "link", "set", "lo", "up"},
	} {
		if err := run(argv...); err != nil {
			return complain(err)
		}
	}
	return m.Run()
}

func status(err error) int {
	if exit, ok := errors.AsType[*exec.ExitError](err); ok && exit.Exited() {
		return exit.ExitCode()
	}
	if err != nil {
		return complain(err)
	}
	return 0
}

func complain(err error) int {
	fmt.Fprintln(os.Stderr, "chaos:", err)
	return 1
}
