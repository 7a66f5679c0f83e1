//go:build !failpoints

package failpoint

import "io"

// Hit does nothing: this binary was built without the tag `failpoints`. The
// compiler removes the call.
func Hit(string) {}

// Fail does nothing and returns nil, as Hit.
func Fail(string) error { return nil }

// Listed reports that nothing was asked of it: this binary has no points.
func Listed(io.Writer) bool { return false }

// Setting returns usual: this binary takes no such settings.
func Setting(_ string, usual uint64) uint64 { return usual }
