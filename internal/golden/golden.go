// Package golden holds what a test got against a file that a person has read. It is for
// tests only.
package golden

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// Check fails the test with a diff where the file has something else than the test
// got. With update it writes the file first: whoever asks for that reads what it wrote.
// The path is from the directory of the test.
func Check[T ~string | ~[]byte](tb testing.TB, update bool, path string, got T) {
	tb.Helper()
	if update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		tb.Fatalf("%v: have this package's tests update it, and read what they wrote", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		tb.Errorf("%s (-want +got), if that is right have this package's tests update it:\n%s", path, diff)
	}
}
