package cluster

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

const lockFile = "lock"

// prepareDir makes the data directory, for this user alone, and refuses one
// that others could write to: they could replace the log. One that others may
// read is fine, since everything of ours in it is closed to them.
func prepareDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make the data directory: %w: create %s and give it to the user warden runs as", err, dir)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the data directory: %w: create %s and give it to the user warden runs as", err, dir)
	}
	if info.Mode().Perm()&0o022 != 0 {
		return fmt.Errorf("data directory %s has mode %04o, so other users can write to it: chmod go-w %s", dir, info.Mode().Perm(), dir)
	}
	return nil
}

// dirLock is an flock on dir/lock. The kernel drops it when the process dies,
// however it dies, so a lock left behind never needs clearing by hand. The
// file itself is never removed: two processes could otherwise lock two files.
type dirLock struct{ f *os.File }

func lockDir(dir string) (*dirLock, error) {
	path := filepath.Join(dir, lockFile)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the lock file: %w: make %s writable for the user warden runs as", err, dir)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		holder := "another process"
		if b, rerr := os.ReadFile(path); rerr == nil && len(b) > 0 {
			holder = "process " + strings.TrimSpace(string(b))
		}
		return nil, errors.Join(
			fmt.Errorf("%w: data directory %s is in use by %s: stop that warden, or give this one a data directory of its own", ErrRunning, dir, holder),
			f.Close())
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w: put the data directory on a file system that supports flock", path, err), f.Close())
	}
	// The pid is only there for the message above; the lock is what counts.
	if err := errors.Join(f.Truncate(0), writeAt(f, fmt.Sprintf("%d\n", os.Getpid()))); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w: free some space on the disk", path, err), f.Close())
	}
	return &dirLock{f: f}, nil
}

// release gives the directory back at once. Closing the file would not do: a
// process that is being started holds a copy of it between its fork and its
// exec, and with it the lock, and who opens the directory in that moment would be
// told that it is in use.
func (l *dirLock) release() error {
	return errors.Join(unix.Flock(int(l.f.Fd()), unix.LOCK_UN), l.f.Close())
}

func writeAt(f *os.File, s string) error {
	_, err := f.WriteAt([]byte(s), 0)
	return err
}

// freeBytes is what an unprivileged process may still write to dir's disk.
func freeBytes(dir string) (uint64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	return st.Bavail * uint64(st.Bsize), nil
}

// checkSpace refuses a disk with less than two log segments free. A node that
// starts on a full disk would be elected, fail to write and start again, over
// and over.
func checkSpace(dir string, free func(string) (uint64, error)) error {
	have, err := free(dir)
	if err != nil {
		return err
	}
	if have < 2*segmentSize {
		return fmt.Errorf("data directory %s has %d MiB free and warden needs %d MiB to start: free some space on that disk",
			dir, have>>20, 2*segmentSize>>20)
	}
	return nil
}
