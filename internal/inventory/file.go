package inventory

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
)

// maxFileBytes caps the inventory file: 16 MiB, some 200,000 hosts with labels.
const maxFileBytes = 16 << 20

type file struct {
	path  string
	regex *regexp.Regexp
	busy  chan struct{} // holds a value while a read is under way
}

// NewFile makes an inventory that reads the file at path anew at each call of
// Hosts. The file is JSON or YAML, whatever its name: a list of names, of
// {name, labels}, or of Prometheus file_sd groups {targets, labels}.
//
// Names are taken as they are written, ports included. With a hostRegex, every
// name must match it, and its first group is the host.
//
// How old the file is does not matter: a pool that nobody changes has a file
// that nobody changes. What counts is whether it can be read now.
func NewFile(path string, hostRegex *regexp.Regexp) Inventory {
	return &file{path: path, regex: hostRegex, busy: make(chan struct{}, 1)}
}

// Hosts implements Inventory. It returns when ctx ends even if the file's disk
// hangs or its YAML takes the parser very long; one read at a time may linger
// so, and until it ends further calls wait for it.
func (f *file) Hosts(ctx context.Context) ([]Host, error) {
	hosts, err := f.bounded(ctx)
	if err != nil {
		return nil, fmt.Errorf("inventory file %s: %w", f.path, err)
	}
	return hosts, nil
}

func (f *file) bounded(ctx context.Context) ([]Host, error) {
	type answer struct {
		hosts []Host
		err   error
	}
	if err := ctx.Err(); err != nil {
		return nil, fmt.Errorf("not read: %w", err)
	}
	select {
	case f.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, fmt.Errorf("an earlier read has not ended: %w: check its disk", ctx.Err())
	}
	done := make(chan answer, 1)
	go func() {
		defer func() { <-f.busy }()
		data, err := f.read()
		if err != nil {
			done <- answer{err: err}
			return
		}
		hosts, err := decode(data, f.regex)
		done <- answer{hosts: hosts, err: err}
	}()
	select {
	case a := <-done:
		return a.hosts, a.err
	case <-ctx.Done():
		return nil, fmt.Errorf("not read in time: %w: check its disk, and write a long list as JSON", ctx.Err())
	}
}

func (f *file) read() (_ []byte, err error) {
	// Asked before opening, for opening a FIFO would wait for its writer.
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, advise(err)
	}
	if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("it is a %s: path must name a regular file", kindOf(info.Mode()))
	}
	r, err := os.Open(f.path)
	if err != nil {
		return nil, advise(err)
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	data, err := io.ReadAll(io.LimitReader(r, maxFileBytes+1))
	if err != nil {
		return nil, advise(err)
	}
	if len(data) > maxFileBytes {
		return nil, fmt.Errorf("it is larger than %d MiB: list only the hosts of this pool", maxFileBytes>>20)
	}
	return data, nil
}

// advise takes the path out of an error, which the caller names already, and
// says what to do.
func advise(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathErr.Err
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w: create it or correct the pool's inventory path", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w: let warden's user read it", err)
	default:
		return fmt.Errorf("%w: check the file and its disk", err)
	}
}

func kindOf(m fs.FileMode) string {
	switch {
	case m.IsDir():
		return "directory"
	case m&fs.ModeNamedPipe != 0:
		return "named pipe"
	case m&fs.ModeSocket != 0:
		return "socket"
	default:
		return "special file"
	}
}
