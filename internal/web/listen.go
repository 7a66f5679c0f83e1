package web

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// socketMode lets warden's user and group in, and nobody else.
const socketMode = 0o660

// socket is a unix listener that, when closed, removes its own file and no
// other's.
type socket struct {
	*net.UnixListener
	path string
	made os.FileInfo
	once sync.Once
}

// listenSocket opens the unix socket. What a dead process left at the path is
// removed; anything else there is left alone and refused.
func listenSocket(ctx context.Context, path string) (*socket, error) {
	if err := clearStale(ctx, path); err != nil {
		return nil, err
	}
	// The mode is set before bind makes the file, so that there is no moment in
	// which others can connect; the umask can only narrow it further.
	var failed error
	config := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		err := c.Control(func(fd uintptr) { failed = unix.Fchmod(int(fd), socketMode) })
		return errors.Join(err, failed)
	}}
	l, err := config.Listen(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("open the socket: %w: its directory must exist and belong to warden's user, and the path may be about 100 bytes long", err)
	}
	ul, ok := l.(*net.UnixListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("listening on %s made a %T; this is a bug, please report it", path, l), l.Close())
	}
	ul.SetUnlinkOnClose(false)
	if err := os.Chmod(path, socketMode); err != nil {
		return nil, errors.Join(fmt.Errorf("set the socket's mode: %w: its directory must belong to warden's user", err), ul.Close(), os.Remove(path))
	}
	made, err := os.Lstat(path)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open the socket: %w: somebody else removes files there", err), ul.Close())
	}
	return &socket{UnixListener: ul, path: path, made: made}, nil
}

// Close closes the listener and removes its file. It may be called again.
func (s *socket) Close() error {
	err := s.UnixListener.Close()
	s.once.Do(func() {
		if now, statErr := os.Lstat(s.path); statErr == nil && os.SameFile(now, s.made) {
			err = errors.Join(err, os.Remove(s.path))
		}
	})
	return err
}

// clearStale removes a socket that nobody answers on.
func clearStale(ctx context.Context, path string) error {
	info, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("look at the socket: %w: its directory must exist and be readable", err)
	case info.Mode()&fs.ModeSocket == 0:
		return fmt.Errorf("%s is there and is no socket: move it away, or set another path", path)
	}
	dialer := net.Dialer{Timeout: time.Second}
	c, err := dialer.DialContext(ctx, "unix", path)
	switch {
	case err == nil:
		_ = c.Close()
		return fmt.Errorf("a daemon answers on %s already: stop it first, or set another path", path)
	case !errors.Is(err, unix.ECONNREFUSED):
		return fmt.Errorf("it can't be told if a daemon listens on %s: %w: stop it if there is one, then remove the file", path, err)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the socket of a dead process: %w: its directory must belong to warden's user", err)
	}
	return nil
}

// listenLoopback opens the TCP listener, on a loopback address only: there is
// no TLS and nobody is asked who they are.
func listenLoopback(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, fmt.Errorf("listen address %q: %w: write it as 127.0.0.1:9723", address, err)
	}
	if !loopbackHost(host) {
		return nil, fmt.Errorf("listen address %q is not a loopback address: without TLS and authentication warden listens on 127.0.0.1, [::1] or localhost only", address)
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w: set another address, or stop what listens there", address, err)
	}
	// What "localhost" means is the resolver's word, so look again.
	if a, ok := l.Addr().(*net.TCPAddr); !ok || !a.IP.IsLoopback() {
		return nil, errors.Join(fmt.Errorf("listen address %q means %s here, which is not a loopback address: write 127.0.0.1 instead", address, l.Addr()), l.Close())
	}
	return l, nil
}

// loopbackHost reports whether a host, without a port, names this machine by a
// name that no other site can have.
func loopbackHost(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(host, "["), "]"))
	return err == nil && ip.Unmap().IsLoopback()
}
