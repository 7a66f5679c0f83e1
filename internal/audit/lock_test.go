package audit

import (
	"testing"

	"golang.org/x/sys/unix"
)

// A process that is being started holds a copy of every open file between its
// fork and its exec. The lock of files that are closed must not live on in it.
func TestClosedFilesAreFree(t *testing.T) {
	t.Parallel()
	l := layout{dir: t.TempDir(), stem: "audit"}
	first, err := l.take()
	if err != nil {
		t.Fatal(err)
	}
	child, err := unix.Dup(int(first.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Close(child); err != nil {
			t.Error(err)
		}
	}()
	if _, err := l.take(); err == nil {
		t.Fatal("the files were taken twice")
	}
	if err := giveBack(first); err != nil {
		t.Fatal(err)
	}
	second, err := l.take()
	if err != nil {
		t.Fatalf("closed files are still held: %v", err)
	}
	if err := giveBack(second); err != nil {
		t.Fatal(err)
	}
}
