package haproxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/url"
	"strings"
	"time"

	"warden/actions"
)

// runtimeAPI talks to one stats socket: one line, one reply, one connection.
type runtimeAPI struct {
	network, address string
	dial             func(ctx context.Context, network, address string) (net.Conn, error)
	dialTimeout      time.Duration
	replyTimeout     time.Duration
	maxReply         int
}

// errUnsent marks failures before the first byte went out.
var errUnsent = errors.New("nothing was sent")

// splitAddress reads "/path", "unix:///path" and "tcp://host:port".
func splitAddress(s string) (network, address string, err error) {
	if strings.HasPrefix(s, "/") {
		return "unix", s, nil
	}
	u, err := url.Parse(s)
	switch {
	case err != nil:
	case u.Scheme == "unix" && u.Host == "" && strings.HasPrefix(u.Path, "/"):
		return "unix", u.Path, nil
	case u.Scheme == "tcp" && u.User == nil && u.Path == "" && u.Port() != "" && u.Hostname() != "":
		return "tcp", u.Host, nil
	}
	// The address is not quoted: somebody may have put a password into it.
	return "", "", errors.New("the address is not one of /run/haproxy/admin.sock, unix:///run/haproxy/admin.sock, tcp://127.0.0.1:9999: write it as one of these")
}

// exchange sends one line of commands and returns the whole reply. All errors
// are ErrBackend and say what to do.
func (r runtimeAPI) exchange(ctx context.Context, line string) (string, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.replyTimeout, fmt.Errorf("no whole reply within %s", r.replyTimeout))
	defer cancel()
	conn, err := r.connect(ctx)
	if err != nil {
		return "", err
	}
	defer func() { _ = conn.Close() }()
	// Closing is what ends a blocked read or write when the context ends,
	// whatever clock its deadline is on.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if ctx.Err() != nil {
		return "", fmt.Errorf("%w: %w: gave up before asking: %w; try again", actions.ErrBackend, errUnsent, context.Cause(ctx))
	}
	reply, err := r.talk(conn, line)
	if err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("%w: HAProxy's runtime API at %s: %w; see that HAProxy is up and not stuck: %s", actions.ErrBackend, r.address, err, r.probe())
	}
	return reply, nil
}

func (r runtimeAPI) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.dialTimeout, fmt.Errorf("no connection within %s", r.dialTimeout))
	defer cancel()
	conn, err := r.dial(ctx, r.network, r.address)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	advice := "see that HAProxy is up and has this `stats socket` in its global section: " + r.probe()
	if errors.Is(err, fs.ErrPermission) {
		advice = "let warden's user open it: `user`, `group` and `mode` of the `stats socket` line"
	}
	return nil, fmt.Errorf("%w: %w: can't connect to HAProxy's runtime API at %s: %w; %s", actions.ErrBackend, errUnsent, r.address, err, advice)
}

func (r runtimeAPI) talk(conn net.Conn, line string) (string, error) {
	if _, err := io.WriteString(conn, line+"\n"); err != nil {
		return "", err
	}
	reply, err := io.ReadAll(io.LimitReader(conn, int64(r.maxReply)+1))
	if err != nil {
		return "", err
	}
	if len(reply) > r.maxReply {
		return "", fmt.Errorf("the reply is larger than %d bytes", r.maxReply)
	}
	return string(reply), nil
}

func (r runtimeAPI) probe() string {
	target := "TCP:" + r.address
	if r.network == "unix" {
		target = r.address
	}
	return `echo "show info" | socat stdio ` + shellWord(target)
}

// replyError turns a text reply into an error. HAProxy says "No such server.",
// "No such backend.", "Can't find backend." or "Permission denied"; what it
// says otherwise is quoted.
func replyError(text, backend, server string) error {
	switch {
	case strings.HasPrefix(text, "No such server"):
		return fmt.Errorf("%w: HAProxy has no server %s/%s: compare the inventory's names with `show servers state %s`, and set host_regex where they differ",
			actions.ErrHostUnknown, backend, server, backend)
	case strings.HasPrefix(text, "No such backend"), strings.HasPrefix(text, "Can't find backend"), strings.HasPrefix(text, "No such proxy"):
		return fmt.Errorf("%w: HAProxy has no backend %s: set the action's backend to the name in haproxy.cfg", actions.ErrBackend, backend)
	case strings.HasPrefix(text, "Permission denied"):
		return fmt.Errorf("%w: HAProxy says %q: the socket is below level admin; give its `stats socket` line `level admin`, or use another socket",
			actions.ErrBackend, "Permission denied")
	default:
		return fmt.Errorf("%w: HAProxy says %q: see its management guide for what that means", actions.ErrBackend, quote(text))
	}
}

// quote caps a text and makes it printable.
func quote(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' || r == 0x7f {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(s, "?"))
	if len(s) > maxOutput {
		s = strings.ToValidUTF8(s[:maxOutput-3], "") + "..."
	}
	return s
}
