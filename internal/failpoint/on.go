//go:build failpoints

package failpoint

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
)

// armed holds, for each named point, how many more hits it survives plus one.
// It is read once, at the first hit, and the map is never changed afterwards.
var armed = sync.OnceValue(func() map[string]*atomic.Int64 {
	points, err := parse(os.Getenv("WARDEN_FAILPOINT"))
	if err != nil {
		panic(err)
	}
	return points
})

// Hit kills the calling process with SIGKILL when WARDEN_FAILPOINT names this
// point and it has now been hit often enough, and never returns then. A
// WARDEN_FAILPOINT that can't be read panics at the first hit, so that a
// misspelt crash test does not pass for want of a crash.
func Hit(name string) {
	left := armed()[name]
	if left == nil || left.Add(-1) != 0 {
		return
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGKILL); err != nil {
		panic(fmt.Sprintf("failpoint %s: kill this process: %v", name, err))
	}
	select {} // SIGKILL may take a moment; nothing after this point may happen
}

// parse reads "name", "name:N" and comma-separated lists of them.
func parse(spec string) (map[string]*atomic.Int64, error) {
	points := make(map[string]*atomic.Int64)
	if strings.TrimSpace(spec) == "" {
		return points, nil
	}
	for part := range strings.SplitSeq(spec, ",") {
		name, count, counted := strings.Cut(strings.TrimSpace(part), ":")
		nth := int64(1)
		if counted {
			var err error
			if nth, err = strconv.ParseInt(count, 10, 64); err != nil || nth < 1 {
				return nil, fmt.Errorf("WARDEN_FAILPOINT: %q: the count after the colon must be a whole number from 1: write name or name:N", part)
			}
		}
		if name == "" {
			return nil, fmt.Errorf("WARDEN_FAILPOINT: %q names no point: write name or name:N, separated by commas", spec)
		}
		if points[name] != nil {
			return nil, fmt.Errorf("WARDEN_FAILPOINT: %q is listed twice: list it once", name)
		}
		hits := new(atomic.Int64)
		hits.Store(nth)
		points[name] = hits
	}
	return points, nil
}
