// Package haproxy takes hosts out of HAProxy and puts them back over its
// runtime API, the stats socket: on a unix socket or on TCP.
//
// The API has no status codes: success is an empty reply and an error is a
// line of text. So Apply takes any text for an error, and whether a change
// took is always read back. See DESIGN.md for what each number HAProxy gives
// is worth.
package haproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net"
	"regexp"
	"strings"
	"time"

	"warden/actions"
	"warden/internal/clock"
	"warden/internal/remedy"
)

// Kind is the action's type as the config spells it.
const Kind = "haproxy"

// The administrative states HAProxy's `set server … state` knows, which are
// also the words of Observation.Admin and Report.Prior.
const (
	StateReady = "ready" // in service, as far as the administrator is concerned
	StateDrain = "drain" // no new traffic but persistent sessions; health checks go on
	StateMaint = "maint" // no traffic at all and no health checks
)

// ErrChanged is returned, wrapped, when the server is not in the state that
// the action left it in, so that undoing would undo somebody else's work; and
// when the action would lift a stricter state that somebody else set.
var ErrChanged = errors.New("somebody else changed the server's state")

// The limits that hold where Options leaves them at zero.
const (
	DefaultDialTimeout  = 3 * time.Second
	DefaultReplyTimeout = 10 * time.Second
	DefaultMaxReply     = 16 << 20
)

// maxOutput caps what a Report and an error quote of the backend's answers.
const maxOutput = 4 << 10

// validName is what HAProxy itself allows in the names of backends and
// servers. Everything else, above all a newline or a semicolon, would be a
// second command on the socket.
var validName = regexp.MustCompile(`^[A-Za-z0-9_.:-]+$`)

// Options configures an Action. Name, Address and State are required.
type Options struct {
	Name remedy.ActionName
	// Address is the runtime API: "/path" or "unix:///path" for a unix socket,
	// "tcp://host:port" for TCP. TCP has no authentication: keep it on loopback
	// or on a network where everybody may drain servers.
	Address string
	// Backend is the HAProxy backend that holds the pools' servers; Backends
	// overrides it for single pools. Without either it is the pool's own name.
	Backend  string
	Backends map[remedy.PoolName]string
	// State is the state the action sets: StateDrain, StateMaint or StateReady.
	State string
	// HostRegex turns a server's name into a host's: its first group is the
	// host. Servers that do not match are nobody's. Nil means that they are equal.
	HostRegex *regexp.Regexp
	// DialTimeout bounds connecting, ReplyTimeout one whole exchange, in real
	// time; the defaults are DefaultDialTimeout and DefaultReplyTimeout. The
	// context may end both sooner.
	DialTimeout  time.Duration
	ReplyTimeout time.Duration
	// MaxReply caps one reply in bytes; default DefaultMaxReply.
	MaxReply int
	// Dial replaces the dialer in tests.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Clock maps the backend's ages onto warden's time; the system's when nil.
	Clock clock.Clock
}

// Action sets the administrative state of one server in HAProxy. It is safe
// for concurrent use and keeps nothing between calls.
type Action struct {
	opts Options
	api  runtimeAPI
}

var _ actions.Action = (*Action)(nil)

// New checks the options and makes the action. It does not connect.
func New(opts Options) (*Action, error) {
	if opts.Name == "" {
		return nil, errors.New("haproxy: the action has no name: give it one")
	}
	switch opts.State {
	case StateDrain, StateMaint, StateReady:
	default:
		return nil, fmt.Errorf("haproxy: action %s: %q is not a state: use drain, maint or ready", opts.Name, opts.State)
	}
	network, address, err := splitAddress(opts.Address)
	if err != nil {
		return nil, fmt.Errorf("haproxy: action %s: %w", opts.Name, err)
	}
	if opts.HostRegex != nil && opts.HostRegex.NumSubexp() < 1 {
		return nil, fmt.Errorf("haproxy: action %s: host_regex %q has no group: put the host's part of the server name in parentheses", opts.Name, opts.HostRegex)
	}
	opts.Backends = maps.Clone(opts.Backends)
	for pool, backend := range opts.Backends {
		if !validName.MatchString(backend) {
			return nil, fmt.Errorf("haproxy: action %s: %q is not the name of a backend (pool %s): use letters, digits, and _ . : -", opts.Name, backend, pool)
		}
	}
	if opts.Backend != "" && !validName.MatchString(opts.Backend) {
		return nil, fmt.Errorf("haproxy: action %s: %q is not the name of a backend: use letters, digits, and _ . : -", opts.Name, opts.Backend)
	}
	if opts.Clock == nil {
		opts.Clock = clock.System()
	}
	api := runtimeAPI{
		network: network, address: address, dial: opts.Dial,
		dialTimeout:  positive(opts.DialTimeout, DefaultDialTimeout),
		replyTimeout: positive(opts.ReplyTimeout, DefaultReplyTimeout),
		maxReply:     positive(opts.MaxReply, DefaultMaxReply),
	}
	if api.dial == nil {
		api.dial = (&net.Dialer{}).DialContext
	}
	return &Action{opts: opts, api: api}, nil
}

// Spec describes the action to the engine. The durations are left at zero:
// they are the config's. Repeating the effect changes nothing further, so the
// action is idempotent.
func (a *Action) Spec() actions.Spec {
	return actions.Spec{
		Name: a.opts.Name, Kind: Kind, Idempotent: true, CanObserve: true,
		TakesOut: a.opts.State != StateReady, ManualHint: a.ManualHint(),
	}
}

// ManualHint is the command that does the same by hand, with {{ .Host }} and
// {{ .Pool }} to be filled in. It is exact where server and host have one name
// and no pool has a backend of its own; Plan.ManualHint is always exact.
func (a *Action) ManualHint() string {
	backend := a.opts.Backend
	if backend == "" {
		backend = "{{ .Pool }}"
	}
	return a.byHand("set server " + backend + "/{{ .Host }} state " + a.opts.State)
}

// Plan implements actions.Action. It reads the server's present state for the
// undo steps and changes nothing.
func (a *Action) Plan(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	srv, err := a.find(ctx, pool, host)
	if err != nil {
		return remedy.Plan{}, fmt.Errorf("haproxy: plan %s for %s: %w", a.opts.Name, host, err)
	}
	step := setState(srv, a.opts.State)
	plan := remedy.Plan{
		Action: a.opts.Name, Pool: pool, Host: host, Steps: []string{step},
		Summary: a.summary(srv, host), ManualHint: a.byHand(step),
	}
	if prior := srv.admin.word(); prior != a.opts.State {
		plan.UndoSteps = []string{setState(srv, prior)}
	}
	return plan, nil
}

// Apply implements actions.Effector. It reads the prior state, refuses to lift
// a maintenance that is not its own, and sends one command. A server that is
// already as wanted is left alone. Between the reading and the command
// somebody else may still change the server: HAProxy has no compare-and-set.
func (a *Action) Apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	report, err := a.apply(ctx, job)
	if err != nil {
		return report, fmt.Errorf("haproxy: %s %s: %w", a.opts.Name, job.Host, err)
	}
	return report, nil
}

func (a *Action) apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	srv, err := a.find(ctx, job.Pool, job.Host)
	if err != nil {
		return actions.Report{}, err
	}
	prior := srv.admin.word()
	report := actions.Report{Prior: prior}
	switch {
	case prior == a.opts.State:
		report.Output = "already " + prior + ": nothing was sent"
		return report, nil
	case prior == StateMaint && a.opts.State == StateDrain:
		return report, fmt.Errorf("%w: %s is in maintenance, and a drain would lift that; leave it, or end the maintenance first: %s",
			ErrChanged, srv.path(), a.byHand(setState(srv, StateReady)))
	}
	report.Output, err = a.set(ctx, srv, a.opts.State)
	return report, err
}

// Undo implements actions.Effector. It restores job.Prior only while the
// server is in the state that Apply sets; one that is back in its prior state
// already is left alone; anything else is somebody else's work and ErrChanged.
func (a *Action) Undo(ctx context.Context, job actions.Job) (actions.Report, error) {
	report, err := a.undo(ctx, job)
	if err != nil {
		return report, fmt.Errorf("haproxy: undo %s %s: %w", a.opts.Name, job.Host, err)
	}
	return report, nil
}

func (a *Action) undo(ctx context.Context, job actions.Job) (actions.Report, error) {
	switch job.Prior {
	case StateReady, StateDrain, StateMaint:
	default:
		return actions.Report{}, fmt.Errorf("the prior state %q is not one of ready, drain, maint, so there is nothing to restore; set the state by hand: %s",
			job.Prior, a.byHand("set server "+a.backend(job.Pool)+"/"+string(job.Host)+" state ready"))
	}
	srv, err := a.find(ctx, job.Pool, job.Host)
	if err != nil {
		return actions.Report{}, err
	}
	now := srv.admin.word()
	report := actions.Report{Prior: now}
	switch now {
	case job.Prior:
		report.Output = "already " + now + ": nothing was sent"
		return report, nil
	case a.opts.State:
		report.Output, err = a.set(ctx, srv, job.Prior)
		return report, err
	default:
		return report, fmt.Errorf("%w: %s is %s now, this action had set %s; leave it to whoever did that, or restore it by hand: %s",
			ErrChanged, srv.path(), now, a.opts.State, a.byHand(setState(srv, job.Prior)))
	}
}

// set sends the one command that changes the world.
func (a *Action) set(ctx context.Context, srv server, state string) (string, error) {
	reply, err := a.api.exchange(ctx, setState(srv, state))
	if errors.Is(err, errUnsent) {
		return "", err
	}
	if err != nil {
		return "", fmt.Errorf("%w; the change may or may not have happened: look at the server's state before anything else", err)
	}
	text := strings.TrimSpace(reply)
	if text != "" {
		return quote(text), replyError(text, srv.backend, srv.name)
	}
	// Success is an empty line. Nothing at all is a connection that was cut.
	if reply == "" {
		return "", fmt.Errorf("%w: HAProxy closed the connection without a reply, so the change may or may not have happened: look at the server's state before anything else", actions.ErrBackend)
	}
	return "", nil
}

// backend is the HAProxy backend of the pool.
func (a *Action) backend(pool remedy.PoolName) string {
	if backend, ok := a.opts.Backends[pool]; ok {
		return backend
	}
	if a.opts.Backend != "" {
		return a.opts.Backend
	}
	return string(pool)
}

// host is the host a server name stands for; false when it is nobody's.
func (a *Action) host(serverName string) (remedy.HostName, bool) {
	if a.opts.HostRegex == nil {
		return remedy.HostName(serverName), true
	}
	m := a.opts.HostRegex.FindStringSubmatch(serverName)
	if len(m) < 2 || m[1] == "" {
		return "", false
	}
	return remedy.HostName(m[1]), true
}

func (a *Action) summary(srv server, host remedy.HostName) string {
	verb := "drain " + string(host)
	switch a.opts.State {
	case StateMaint:
		verb = "put " + string(host) + " into maintenance"
	case StateReady:
		verb = "put " + string(host) + " back into service"
	}
	return verb + " in HAProxy backend " + srv.backend
}

// byHand is the shell command that sends one line to this runtime API.
func (a *Action) byHand(line string) string {
	target := "TCP:" + a.api.address
	if a.api.network == "unix" {
		target = a.api.address
	}
	return fmt.Sprintf(`echo "%s" | socat stdio %s`, line, shellWord(target))
}

func setState(srv server, state string) string {
	return "set server " + srv.path() + " state " + state
}

// shellWord quotes a word for a shell where that is needed.
func shellWord(s string) string {
	if strings.Trim(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/_.:-") == "" {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func positive[T int | time.Duration](v, otherwise T) T {
	if v > 0 {
		return v
	}
	return otherwise
}
