//go:build failpoints

package failpoint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// fault is what happens at a point.
type fault string

const (
	faultKill  fault = "kill"
	faultStop  fault = "stop"
	faultHang  fault = "hang"
	faultPanic fault = "panic"
	faultError fault = "error"
)

// parse reads "name", "name:N", either with "=fault", and comma-separated
// lists of them. A comment, from # to the end of a line, tells two texts apart
// that arm the same.
func parse(spec string) (map[string]*trap, error) {
	traps := make(map[string]*trap)
	var lines []string
	for line := range strings.Lines(spec) {
		line, _, _ = strings.Cut(line, "#")
		lines = append(lines, strings.TrimSpace(line))
	}
	if spec = strings.Join(lines, ""); spec == "" || spec == listSpec {
		return traps, nil
	}
	for part := range strings.SplitSeq(spec, ",") {
		point, word, worded := strings.Cut(strings.TrimSpace(part), "=")
		name, count, counted := strings.Cut(point, ":")
		nth := int64(1)
		if counted {
			var err error
			if nth, err = strconv.ParseInt(count, 10, 64); err != nil || nth < 1 {
				return nil, fmt.Errorf("WARDEN_FAILPOINT: %q: the count after the colon must be a whole number from 1: write name or name:N", part)
			}
		}
		t := &trap{fault: faultKill}
		if worded {
			t.fault = fault(word)
		}
		switch {
		case name == "":
			return nil, fmt.Errorf("WARDEN_FAILPOINT: %q names no point: write name or name:N, separated by commas", spec)
		case traps[name] != nil:
			return nil, fmt.Errorf("WARDEN_FAILPOINT: %q is listed twice: list it once", name)
		case !slices.Contains([]fault{faultKill, faultStop, faultHang, faultPanic, faultError}, t.fault):
			return nil, fmt.Errorf("WARDEN_FAILPOINT: %q is no fault: write kill, stop, hang, panic or error", word)
		}
		t.left.Store(nth)
		traps[name] = t
	}
	return traps, nil
}
