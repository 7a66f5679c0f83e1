//go:build !failpoints

package clock

import "time"

// now is the machine's time. A build with the tag `failpoints` has another
// one, which tests can step: see system_failpoints.go.
func now() time.Time { return time.Now() }
