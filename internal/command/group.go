package command

import (
	"bytes"
	"os"
	"path/filepath"
	"strconv"
)

// groupLives reports whether a process group has members that are not dead. Its
// leader is dead and not reaped. Where /proc can't be read, nobody knows, and
// that counts as yes.
func groupLives(group int) bool {
	proc, err := os.Open("/proc")
	if err != nil {
		return true
	}
	defer func() { _ = proc.Close() }()
	names, err := proc.Readdirnames(-1)
	if err != nil {
		return true
	}
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		stat, err := os.ReadFile(filepath.Join("/proc", name, "stat"))
		if err != nil {
			continue // it is gone
		}
		if in, alive := groupOf(stat); alive && in == group {
			return true
		}
	}
	return false
}

// groupOf reads a process's group, and whether it lives, from its line of
// /proc/PID/stat: "PID (NAME) STATE PARENT GROUP ...", where NAME may be anything.
func groupOf(stat []byte) (group int, alive bool) {
	f := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
	if len(f) < 3 {
		return 0, false
	}
	group, err := strconv.Atoi(string(f[2]))
	return group, err == nil && f[0][0] != 'Z' && f[0][0] != 'X'
}
