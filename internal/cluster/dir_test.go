package cluster

import (
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// A process that is being started holds a copy of every open file between its
// fork and its exec. The lock of a directory that is closed must not live on in it.
func TestReleasedDirectoryIsFree(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first, err := lockDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(int(first.f.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Close(child); err != nil {
			t.Error(err)
		}
	}()
	if _, err := lockDir(dir); !errors.Is(err, ErrRunning) {
		t.Fatalf("the directory was locked twice: %v", err)
	}
	if err := first.release(); err != nil {
		t.Fatal(err)
	}
	second, err := lockDir(dir)
	if err != nil {
		t.Fatalf("a released directory is still held: %v", err)
	}
	if err := second.release(); err != nil {
		t.Fatal(err)
	}
}
