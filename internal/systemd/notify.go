package systemd

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Env looks up an environment variable; os.LookupEnv is one.
type Env func(string) (string, bool)

// sendWithin bounds one message. A service manager that reads nothing must
// hold up nothing; systemd restarts who isn't heard of, so losing one is safe.
const sendWithin = 2 * time.Second

// Notifier speaks to the service manager. A nil Notifier is one that nobody
// listens to: its methods do nothing. It may be used from any goroutine.
type Notifier struct {
	conn     datagrams
	watchdog time.Duration
}

// datagrams is a connected socket.
type datagrams interface {
	Write(p []byte) (int, error)
	SetWriteDeadline(at time.Time) error
	Close() error
}

// Open connects to the socket that NOTIFY_SOCKET names and reads WATCHDOG_USEC.
// Without the variable there is no service manager, and the Notifier is nil.
// The caller closes it.
func Open(env Env) (*Notifier, error) {
	path, ok := env("NOTIFY_SOCKET")
	if !ok || path == "" {
		return nil, nil //nolint:nilnil // documented: a nil Notifier says nothing to nobody
	}
	if path[0] != '/' && path[0] != '@' {
		return nil, fmt.Errorf("$NOTIFY_SOCKET is %q, and only paths and abstract sockets are known: unset it to run without systemd", path)
	}
	watchdog, err := watchdogOf(env)
	if err != nil {
		return nil, err
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		return nil, fmt.Errorf("connect to systemd: %w: unset NOTIFY_SOCKET to run without it", err)
	}
	return &Notifier{conn: conn, watchdog: watchdog}, nil
}

// watchdogOf is how often systemd wants to hear from this process; 0 when it
// doesn't, or wants to hear from another one.
func watchdogOf(env Env) (time.Duration, error) {
	usec, ok := env("WATCHDOG_USEC")
	if !ok || usec == "" {
		return 0, nil
	}
	if pid, ok := env("WATCHDOG_PID"); ok && pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	n, err := strconv.ParseInt(usec, 10, 64)
	if err != nil || n <= 0 || n > int64(24*time.Hour/time.Microsecond) {
		return 0, fmt.Errorf("$WATCHDOG_USEC is %q, and not a number of microseconds: unset it to run without a watchdog", usec)
	}
	return time.Duration(n) * time.Microsecond, nil
}

// Close closes the connection.
func (n *Notifier) Close() error {
	if n == nil {
		return nil
	}
	return n.conn.Close()
}

// Watchdog is how often systemd wants to hear from this process, at the least;
// 0 when it has no watchdog on it.
func (n *Notifier) Watchdog() time.Duration {
	if n == nil {
		return 0
	}
	return n.watchdog
}

// send sends assignments such as "READY=1" in one message.
func (n *Notifier) send(assignments ...string) error {
	if n == nil {
		return nil
	}
	if err := n.conn.SetWriteDeadline(time.Now().Add(sendWithin)); err != nil { //nolint:forbidigo // sockets live in real time
		return fmt.Errorf("tell systemd: %w", err)
	}
	if _, err := n.conn.Write([]byte(strings.Join(assignments, "\n"))); err != nil {
		return fmt.Errorf("tell systemd: %w", err)
	}
	return nil
}

// status makes the assignment of STATUS=, which is one line.
func status(s string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, s)
}

// monotonic is the time on the clock that systemd compares reloads by.
func monotonic() string {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return "MONOTONIC_USEC=0" // can't be on Linux; systemd takes it for long ago
	}
	return "MONOTONIC_USEC=" + strconv.FormatInt(t.Nano()/int64(time.Microsecond), 10)
}

// extend asks for d more than now to start, or to stop.
func extend(d time.Duration) string {
	return "EXTEND_TIMEOUT_USEC=" + strconv.FormatInt(d.Microseconds(), 10)
}
