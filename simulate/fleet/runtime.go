package fleet

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"time"
)

// maxLine is HAProxy's default buffer size, which a line must fit into.
const maxLine = 16 << 10

// idleTimeout is `stats timeout`: how long a connection may say nothing, in
// real time. HAProxy's default is 10 s.
const idleTimeout = 10 * time.Second

// runtimeAPI serves HAProxy's runtime API, at level admin.
type runtimeAPI struct {
	balancer *balancer

	mu      sync.Mutex
	mode    BalancerMode
	changed chan struct{} // closed when the mode changes; nil while nobody waits
}

func (a *runtimeAPI) setMode(mode BalancerMode) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.mode = mode
	if a.changed != nil {
		close(a.changed)
		a.changed = nil
	}
}

// keepAnswer waits until the mode is another than late, or the client hangs up.
func (a *runtimeAPI) keepAnswer(conn net.Conn, in io.Reader) {
	a.mu.Lock()
	if a.mode != BalancerLate {
		a.mu.Unlock()
		return
	}
	if a.changed == nil {
		a.changed = make(chan struct{})
	}
	changed := a.changed
	a.mu.Unlock()
	gone := make(chan struct{})
	_ = conn.SetReadDeadline(time.Time{})
	go func() {
		defer close(gone)
		_, _ = io.Copy(io.Discard, in)
	}()
	select {
	case <-changed:
		_ = conn.SetReadDeadline(time.Now()) //nolint:forbidigo // sockets live in real time
		<-gone
	case <-gone:
	}
}

func (a *runtimeAPI) getMode() BalancerMode {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.mode
}

// serve accepts until ctx ends, and returns when the last connection is closed.
func (a *runtimeAPI) serve(ctx context.Context, l net.Listener) {
	var wg sync.WaitGroup
	defer wg.Wait()
	stop := context.AfterFunc(ctx, func() { _ = l.Close() })
	defer stop()
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		wg.Go(func() {
			stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
			defer stop()
			defer func() { _ = conn.Close() }()
			a.talk(conn)
		})
	}
}

// talk answers one connection: a line of commands and what came with it, or
// line after line in prompt mode.
func (a *runtimeAPI) talk(conn net.Conn) {
	if a.getMode() == BalancerCloses {
		return
	}
	in := bufio.NewReaderSize(conn, maxLine)
	prompt := false
	for {
		_ = conn.SetReadDeadline(time.Now().Add(idleTimeout)) //nolint:forbidigo // sockets live in real time
		line, err := in.ReadSlice('\n')
		text := strings.TrimRight(string(line), "\r\n")
		if err != nil {
			// Without a newline only what a semicolon ended is a command, and
			// of a line that is too long nothing is.
			if !errors.Is(err, io.EOF) {
				return
			}
			end := strings.LastIndexByte(text, ';')
			if end < 0 {
				return
			}
			text = text[:end]
		}
		mode := a.getMode()
		if mode == BalancerHangs {
			// Until the client gives up.
			_ = conn.SetReadDeadline(time.Time{})
			_, _ = io.Copy(io.Discard, in)
			return
		}
		reply, quit := a.line(text, mode, &prompt)
		if mode == BalancerLate && strings.Contains(text, "set server") {
			a.keepAnswer(conn, in)
			_, _ = io.WriteString(conn, reply)
			return
		}
		if mode == BalancerMute {
			return
		}
		if _, err := io.WriteString(conn, reply); err != nil {
			return
		}
		if quit || err != nil || !prompt && !hasLine(in) {
			return
		}
	}
}

// hasLine reports whether a whole line has arrived already.
func hasLine(in *bufio.Reader) bool {
	waiting, _ := in.Peek(in.Buffered())
	return strings.IndexByte(string(waiting), '\n') >= 0
}

// line carries out the commands of one line. Each reply ends with an empty
// line, and with the prompt where that is on.
func (a *runtimeAPI) line(text string, mode BalancerMode, prompt *bool) (reply string, quit bool) {
	var out strings.Builder
	for command := range strings.SplitSeq(text, ";") {
		words := strings.Fields(command)
		switch {
		case len(words) == 1 && words[0] == "quit":
			return out.String(), true
		case len(words) == 1 && words[0] == "prompt":
			*prompt = !*prompt
		case len(words) == 0 && *prompt:
		default:
			out.WriteString(a.command(words, mode))
		}
		out.WriteString("\n")
		if *prompt {
			out.WriteString("> ")
		}
	}
	return out.String(), false
}

// command carries out one command and returns its text, which ends with a
// newline unless it is empty.
func (a *runtimeAPI) command(words []string, mode BalancerMode) string {
	arg := func(i int) string {
		if i < len(words) {
			return words[i]
		}
		return ""
	}
	switch {
	case arg(0) == "set" && arg(1) == "server":
		if mode == BalancerDenies {
			return "Permission denied\n"
		}
		return a.setServer(arg(2), arg(3), arg(4))
	case arg(0) == "show" && arg(1) == "servers" && arg(2) == "state":
		return a.balancer.showState(arg(3))
	case arg(0) == "show" && arg(1) == "servers" && arg(2) == "conn":
		return a.balancer.showConn(arg(3))
	case arg(0) == "show" && arg(1) == "stat":
		return a.balancer.showStat(arg(2), arg(3), arg(4))
	case arg(0) == "show" && arg(1) == "info" && len(words) == 2:
		return a.balancer.showInfo()
	case arg(0) == "show" && arg(1) == "version":
		return fakeVersion + "\n"
	case arg(0) == "show" && arg(1) == "cli" && arg(2) == "level":
		if mode == BalancerDenies {
			return "operator\n"
		}
		return "admin\n"
	}
	if len(words) == 0 {
		return "Unknown command. Please enter one of the following commands only:\n" + commandList
	}
	return "Unknown command, but maybe one of the following ones is a better match:\n" + commandList
}

// commandList is what HAProxy goes on to list, cut to what the simulation knows.
const commandList = `  set server <bk>/<srv> [opts]            : change a server's state, weight, address or ssl
  show cli level                          : display the level of the current CLI session
  show info [desc|json|typed|float]*      : report information about the running process
  show servers conn [<backend>]           : dump server connections status (all or for a single backend)
  show servers state [<backend>]          : dump volatile server information (all or for a single backend)
  show stat [desc|json|no-maint|typed|up]*: report counters for each proxy and server
  show version                            : show version of the current process
  help [<command>]                        : list matching or all commands
  prompt                                  : toggle interactive mode with prompt
  quit                                    : disconnect
`

func (a *runtimeAPI) setServer(path, what, value string) string {
	backend, server, ok := strings.Cut(path, "/")
	switch {
	case !ok:
		return "Require 'backend/server'.\n"
	case backend != a.balancer.opts.Backend:
		return "No such backend.\n"
	case !a.balancer.has(server):
		return "No such server.\n"
	}
	switch what {
	case "state":
		if value != Ready && value != Drain && value != Maint {
			return "'set server <srv> state' expects 'ready', 'drain' and 'maint'.\n"
		}
		a.balancer.setState(server, value)
		return ""
	case "addr", "agent", "agent-addr", "agent-port", "agent-send", "check-addr", "check-port", "fqdn", "health", "ssl", "weight":
		return "The simulated HAProxy sets nothing but a server's state.\n"
	}
	return "usage: set server <backend>/<server> addr | agent | agent-addr | agent-port | agent-send | check-addr | check-port | fqdn | health | ssl | state | weight\n"
}
