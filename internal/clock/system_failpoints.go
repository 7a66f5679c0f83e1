//go:build failpoints

package clock

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// stepFile names, in this build alone, a file that says by how many whole
// seconds the machine's wall clock is wrong, such as -3600. Without it, and
// while the file isn't there, the clock is right.
const stepFile = "WARDEN_CLOCK_FILE"

// now is the machine's time as it would be, had somebody set its wall clock:
// monotonic time goes on as before. A file that can't be read as a number ends
// the process, so that a misspelt test does not pass.
func now() time.Time {
	t := time.Now()
	path, ok := os.LookupEnv(stepFile)
	if !ok {
		return t
	}
	raw, err := os.ReadFile(path)
	if os.IsNotExist(err) {
		return t
	}
	seconds, parsed := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 32)
	if err != nil || parsed != nil {
		panic(fmt.Sprintf("%s: %v, %v", stepFile, err, parsed))
	}
	return step(t, seconds)
}

// step moves the wall reading of a time by whole seconds and leaves its
// monotonic reading alone, which package time has no way to ask for. A time
// that was just read holds its wall seconds in the 33 bits above the 30 of the
// nanoseconds: TestStepMovesTheWallAlone would show any other layout.
func step(t time.Time, seconds int64) time.Time {
	wall := (*uint64)(unsafe.Pointer(&t))
	*wall += uint64(seconds) << 30
	return t
}
