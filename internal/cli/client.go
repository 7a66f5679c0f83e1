package cli

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// defaultSocket is where the packages have the agent listen.
const defaultSocket = "/run/warden/warden.sock"

// address is where warden is: --url, $WARDEN_URL, $WARDEN_SOCKET, or the
// default socket.
func (p *program) address() string {
	if p.flags.url != "" {
		return p.flags.url
	}
	for _, name := range []string{"WARDEN_URL", "WARDEN_SOCKET"} {
		if v, ok := p.env(name); ok && v != "" {
			return v
		}
	}
	return defaultSocket
}

// dial makes the client of one command. Nothing is contacted yet.
func (p *program) dial() (*web.Client, error) {
	if p.client != nil {
		return p.client, nil
	}
	at := p.address()
	if path, ok := strings.CutPrefix(at, "unix:"); ok && !strings.HasPrefix(path, "//") {
		at = path
	}
	client, err := web.NewClient(at)
	switch {
	case err != nil && strings.Contains(at, "@"):
		// What stands before an @ may be a password: it isn't repeated.
		return nil, usage("the address of warden has a user in it: give the socket's absolute path, or http://host:port")
	case err != nil:
		return nil, &usageError{err}
	}
	client.Observe = p.observe
	return client, nil
}

// observe says once when an answer is of a node that knows no leader: whatever
// it shows, nothing is done meanwhile.
func (p *program) observe(a web.AsOf) {
	if a.Leader != "" || p.leaderless {
		return
	}
	p.leaderless = true
	since := ""
	if !a.NoLeaderSince.IsZero() {
		since = " since " + p.printer.stamp(a.NoLeaderSince)
	}
	p.printer.talk("No quorum%s: %s knows no leader, so nothing is done and nothing can be approved. `warden status` says what can be done by hand.", since, a.Node)
	if a.Behind != "" {
		p.printer.talk("NOT UP TO DATE: %s", a.Behind)
	}
}

// errTimeout says that --timeout passed before the answer came.
var errTimeout = errors.New("no answer")

// read makes one request that changes nothing, within --timeout.
func read[T any](ctx context.Context, p *program, do func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, p.flags.timeout, errTimeout)
	defer cancel()
	answer, err := do(ctx)
	if errors.Is(err, errTimeout) {
		err = fail(ExitUnreachable, fmt.Errorf("%w from %s within %s", errTimeout, p.address(), chat.Span(p.flags.timeout)))
	}
	return answer, err
}

// write makes one request that changes something, within --timeout. Where the
// request may have arrived and the answer has not, nobody knows whether it was
// done: the error says so, and how to look.
func write[T any](ctx context.Context, p *program, look string, do func(context.Context) (T, error)) (T, error) {
	bounded, cancel := context.WithTimeoutCause(ctx, p.flags.timeout, errTimeout)
	defer cancel()
	answer, err := do(bounded)
	dial, isNet := errors.AsType[*net.OpError](err)
	unsent := isNet && dial.Op == "dial"
	switch {
	case err != nil && ctx.Err() != nil:
		p.printer.talk("It may have been done all the same: look with `%s`.", look)
		return answer, err
	case errors.Is(err, errTimeout):
		err = fmt.Errorf("%w from %s within %s", errTimeout, p.address(), chat.Span(p.flags.timeout))
	case errors.Is(err, web.ErrUnreachable) && !unsent:
	case unsure(err):
		return answer, fmt.Errorf("%w: `%s`", err, look)
	default:
		return answer, err
	}
	return answer, fail(ExitLook, fmt.Errorf("%w; it may have been done all the same: look with `%s` before you repeat it", err, look))
}

// unsure reports whether the daemon says that nobody knows if it was done.
func unsure(err error) bool {
	a, ok := errors.AsType[*web.APIError](err)
	return ok && a.Code == web.CodeUnsure
}

// apiExit is what an error of the API means for the exit code.
func apiExit(err error) (int, bool) {
	if errors.Is(err, web.ErrUnreachable) {
		return ExitUnreachable, true
	}
	a, ok := errors.AsType[*web.APIError](err)
	if !ok {
		return 0, false
	}
	switch a.Code {
	case web.CodeNoLeader, engine.RefusedTransient:
		return ExitUnreachable, true
	case web.CodeUnsure:
		return ExitLook, true
	case web.CodeInvalid, web.CodeNoEndpoint, engine.RefusedBackend, engine.RefusedAmbiguous, ledger.RefusedBad:
		return ExitError, true
	case ledger.RefusedNoCase, engine.RefusedNotFound:
		return ExitNotFound, true
	case ledger.RefusedExpired:
		return ExitWaited, true
	}
	switch a.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusConflict, http.StatusPreconditionRequired, http.StatusLocked:
		return ExitRefused, true
	case http.StatusNotFound:
		return ExitNotFound, true
	case http.StatusGone:
		return ExitWaited, true
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return ExitUnreachable, true
	}
	return ExitError, true
}

// asOf is the instant that ages are counted from: the answering node's own
// time, since this machine's clock may be another.
func (p *program) asOf(served time.Time) time.Time {
	if served.IsZero() { // an older daemon
		return p.clock.Now()
	}
	return served
}

// caseArg reads a case id as people type it.
func caseArg(s string) (remedy.CaseID, error) {
	id, err := remedy.ParseCaseID(s)
	if err != nil {
		return 0, &usageError{err}
	}
	return id, nil
}

// showLook is how to look at a case.
func showLook(id remedy.CaseID) string { return "warden show " + id.String() }

// errNoCase says that an answer was understood and is of no use.
var errNoCase = errors.New("the answer holds no case: are the command and the daemon of one version?")

// fetch reads one case.
func (p *program) fetch(ctx context.Context, client *web.Client, id remedy.CaseID) (*web.CaseDetail, error) {
	d, err := read(ctx, p, func(ctx context.Context) (*web.CaseDetail, error) { return client.Case(ctx, id) })
	if err == nil && d.Case == nil {
		return nil, errNoCase
	}
	return d, err
}

// change makes one request that changes a case and returns it as it is then;
// look is the command that shows whether it arrived.
func (p *program) change(ctx context.Context, look string, do func(context.Context) (*web.CaseDetail, error)) (*web.CaseDetail, error) {
	d, err := write(ctx, p, look, do)
	if err == nil && d.Case == nil {
		return nil, fail(ExitLook, errNoCase)
	}
	return d, err
}
