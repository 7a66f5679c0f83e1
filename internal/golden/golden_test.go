package golden_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"warden/internal/golden"
)

// recorder is a test that is told what is wrong, and goes on.
type recorder struct {
	testing.TB
	said []string
}

func (*recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

type stopped struct{}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(stopped{})
}

// said is what a check says.
func said(t *testing.T, update bool, path, got string) []string {
	t.Helper()
	r := &recorder{TB: t}
	func() {
		defer func() {
			if p := recover(); p != nil && p != any(stopped{}) {
				panic(p)
			}
		}()
		golden.Check(r, update, path, got)
	}()
	return r.said
}

func TestCheck(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.golden")
	if all := said(t, false, path, "one\n"); len(all) != 1 || !strings.Contains(all[0], "update it") {
		t.Errorf("without a file: %q", all)
	}
	if all := said(t, true, path, "one\n"); len(all) != 0 {
		t.Errorf("written: %q", all)
	}
	if all := said(t, false, path, "one\n"); len(all) != 0 {
		t.Errorf("the same: %q", all)
	}
	if all := said(t, false, path, "two\n"); len(all) != 1 || !strings.Contains(all[0], "two") {
		t.Errorf("another: %q", all)
	}
	if b, err := os.ReadFile(path); err != nil || string(b) != "one\n" {
		t.Errorf("a check wrote %q, %v", b, err)
	}
}
