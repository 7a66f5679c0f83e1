package cluster

import (
	"context"
	"net"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Network makes the connections below TLS. Tests put their own in; everybody
// else has TCP.
type Network interface {
	// Listen listens on HOST:PORT.
	Listen(ctx context.Context, address string) (net.Listener, error)
	// Dial connects to HOST:PORT.
	Dial(ctx context.Context, address string) (net.Conn, error)
}

// tcp is the network of every node that isn't a test's.
type tcp struct {
	// unanswered is how long sent bytes may stay without an acknowledgement
	// of the other machine before the connection counts as broken. A program
	// that is slow or stopped acknowledges all the same: its kernel does.
	unanswered time.Duration
}

// Listen implements Network.
func (n tcp) Listen(ctx context.Context, address string) (net.Listener, error) {
	c := net.ListenConfig{Control: n.control}
	return c.Listen(ctx, "tcp", address)
}

// Dial implements Network.
func (n tcp) Dial(ctx context.Context, address string) (net.Conn, error) {
	d := net.Dialer{Control: n.control}
	return d.DialContext(ctx, "tcp", address)
}

// control bounds how long a connection over a cut network looks alive, so that
// its successor is dialled soon after the network is whole again.
func (n tcp) control(_, _ string, raw syscall.RawConn) error {
	var failed error
	if err := raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(n.unanswered.Milliseconds()))
	}); err != nil {
		return err
	}
	return failed
}
