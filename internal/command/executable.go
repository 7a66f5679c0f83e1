package command

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

type pathError = fs.PathError

// CheckExecutable refuses a program that somebody else could have written: the
// path must be absolute, and the file behind it a regular one with an executable
// bit, which neither its group nor others may write, in directories that
// nobody but their owner and group may write (or that are sticky, as /tmp is).
func CheckExecutable(path string) error {
	if !filepath.IsAbs(path) {
		return fmt.Errorf("%q is not an absolute path: write the whole path of the program", clip(path))
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%s: %w: install it, or correct the path", path, bare(err))
	}
	switch perm := info.Mode().Perm(); {
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s is not a regular file: name the program itself", path)
	case perm&0o111 == 0:
		return fmt.Errorf("%s has mode %#o and can't be executed: run chmod 755 on it", path, perm)
	case perm&0o022 != 0:
		return fmt.Errorf("%s has mode %#o, and others than its owner could change what warden runs: run chmod go-w on it", path, perm)
	}
	target, err := filepath.EvalSymlinks(path)
	if err != nil {
		return fmt.Errorf("%s: %w: correct the path", path, bare(err))
	}
	for _, file := range []string{filepath.Clean(path), target} {
		for dir := filepath.Dir(file); ; dir = filepath.Dir(dir) {
			info, err := os.Stat(dir)
			if err != nil {
				return fmt.Errorf("%s: %w: let warden's user look at its directories", path, bare(err))
			}
			if info.Mode().Perm()&0o002 != 0 && info.Mode()&fs.ModeSticky == 0 {
				return fmt.Errorf("%s is in %s, where everybody may put another file in its place: run chmod o-w on that directory", path, dir)
			}
			if dir == filepath.Dir(dir) {
				break
			}
		}
	}
	return nil
}
