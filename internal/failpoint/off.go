//go:build !failpoints

package failpoint

// Hit does nothing: this binary was built without the tag `failpoints`. The
// compiler removes the call.
func Hit(string) {}
