//go:build !failpoints

package failpoint

import "testing"

func TestHitDoesNothingWithoutTheTag(t *testing.T) {
	t.Setenv("WARDEN_FAILPOINT", "here")
	Hit("here") // would kill this process
}
