//go:build failpoints

package failpoint

import (
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"
)

// The variables that this build reads.
const (
	specVariable = "WARDEN_FAILPOINT"
	fileVariable = "WARDEN_FAILPOINT_FILE"
	logVariable  = "WARDEN_FAILPOINT_LOG"
	// listSpec, as the whole of WARDEN_FAILPOINT, asks for the points' names.
	listSpec = "list"
)

// armed holds the points of WARDEN_FAILPOINT. It is read once, at the first
// hit, and the map is never changed afterwards.
var armed = sync.OnceValue(func() map[string]*trap {
	traps, err := parse(os.Getenv(specVariable))
	if err != nil {
		panic(err)
	}
	return traps
})

// later holds the points of the file that WARDEN_FAILPOINT_FILE names.
var later = sync.OnceValue(func() *watched { return &watched{path: os.Getenv(fileVariable)} })

// trap is one point that is waited for.
type trap struct {
	fault fault
	left  atomic.Int64 // hits until it fires; never again below 0
}

// Hit does to the calling process what was asked for at this point, when it
// has now been hit often enough. A spec that can't be read panics at the first
// hit, so that a misspelt crash test does not pass for want of a crash.
func Hit(name string) { _ = Fail(name) }

// Fail is Hit for a step that can fail: with the fault `error` it returns the
// error of a disk that was mounted read-only, and the caller reports it as if
// the step itself had met it.
func Fail(name string) error {
	for _, traps := range []map[string]*trap{armed(), later().traps()} {
		if t := traps[name]; t != nil && t.left.Add(-1) == 0 {
			note(name, t.fault)
			return t.fault.strike(name)
		}
	}
	return nil
}

// Listed prints every point's name, if that was asked for, and reports whether
// it was.
func Listed(out io.Writer) bool {
	if os.Getenv(specVariable) != listSpec {
		return false
	}
	_, _ = fmt.Fprintln(out, strings.Join(points, "\n"))
	return true
}

// note leaves a line for the test before anything happens.
func note(name string, f fault) {
	path := os.Getenv(logVariable)
	if path == "" {
		return
	}
	file, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		_, err = fmt.Fprintf(file, "%s %s %d\n", name, f, os.Getpid())
		_ = file.Close()
	}
	if err != nil {
		panic(fmt.Sprintf("failpoint %s: %v", name, err))
	}
}

// strike carries a fault out. It returns an error for the fault `error` only.
func (f fault) strike(name string) error {
	switch f {
	case faultKill:
		if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
			panic(fmt.Sprintf("failpoint %s: kill this process: %v", name, err))
		}
		select {} // SIGKILL may take a moment; nothing after this point may happen
	case faultStop:
		// The signal goes to this very thread, which meets it before the system
		// call is over: nothing after this point happens before SIGCONT.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		if err := unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGSTOP); err != nil {
			panic(fmt.Sprintf("failpoint %s: stop this process: %v", name, err))
		}
	case faultHang:
		select {}
	case faultPanic:
		panic("failpoint " + name)
	case faultError:
		return fmt.Errorf("failpoint %s: %w", name, syscall.EROFS)
	}
	return nil
}

// watched is a spec in a file, which a test replaces as it likes. A file that
// isn't there arms nothing.
type watched struct {
	path string

	mu   sync.Mutex
	text string
	set  map[string]*trap
}

// traps returns what the file arms now. A text that was read before keeps its
// traps, and with them what they have counted.
func (w *watched) traps() map[string]*trap {
	if w.path == "" {
		return nil
	}
	raw, err := os.ReadFile(w.path)
	if err != nil && !os.IsNotExist(err) {
		panic(fmt.Sprintf("%s: %v", fileVariable, err))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if text := string(raw); text != w.text {
		set, err := parse(text)
		if err != nil {
			panic(err)
		}
		w.text, w.set = text, set
	}
	return w.set
}

// Setting returns the number that the environment variable holds, or usual
// where it isn't set: what a crash test must turn to see in seconds what takes
// days. A variable that can't be read as a number panics.
func Setting(variable string, usual uint64) uint64 {
	word, ok := os.LookupEnv(variable)
	if !ok {
		return usual
	}
	n, err := strconv.ParseUint(word, 10, 64)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", variable, err))
	}
	return n
}
