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

// Options configures an Action. Name, State and an address are required.
type Options struct {
	Name remedy.ActionName
	// Address is the runtime API: "/path" or "unix:///path" for a unix socket,
	// "tcp://host:port" for TCP. TCP has no authentication: keep it on loopback
	// or on a network where everybody may drain servers.
	Address string
	// Addresses are those of several load balancers that carry the same
	// servers: instead of Address. They are changed in this order.
	Addresses []string
	// PoolAddresses override both for single pools.
	PoolAddresses map[remedy.PoolName][]string
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
	// all are the action's load balancers, and pools those of single pools.
	all   []balancer
	pools map[remedy.PoolName][]balancer
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
	addresses := opts.Addresses
	switch {
	case opts.Address != "" && len(opts.Addresses) > 0:
		return nil, fmt.Errorf("haproxy: action %s: it has an address and addresses: keep one of them", opts.Name)
	case opts.Address != "":
		addresses = []string{opts.Address}
	case len(addresses) == 0 && len(opts.PoolAddresses) == 0:
		return nil, fmt.Errorf("haproxy: action %s: it has no address: give it that of HAProxy's stats socket", opts.Name)
	}
	all, err := newBalancers(&opts, addresses)
	if err != nil {
		return nil, fmt.Errorf("haproxy: action %s: %w", opts.Name, err)
	}
	pools := make(map[remedy.PoolName][]balancer, len(opts.PoolAddresses))
	for pool, of := range opts.PoolAddresses {
		if pools[pool], err = newBalancers(&opts, of); err != nil {
			return nil, fmt.Errorf("haproxy: action %s, pool %s: %w", opts.Name, pool, err)
		}
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
	return &Action{opts: opts, all: all, pools: pools}, nil
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
// and no pool has a backend or balancers of its own; Plan.ManualHint is always
// exact.
func (a *Action) ManualHint() string {
	backend := a.opts.Backend
	if backend == "" {
		backend = "{{ .Pool }}"
	}
	hints := make([]string, len(a.all))
	for i, b := range a.all {
		hints[i] = b.byHand("set server " + backend + "/{{ .Host }} state " + a.opts.State)
	}
	return strings.Join(hints, " && ")
}

// Plan implements actions.Action. It reads the server's present state for the
// undo steps and changes nothing. Of several load balancers each has its step,
// with its name in front, and all have to list the server.
func (a *Action) Plan(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	places, err := a.places(ctx, pool, host, nil)
	if err != nil {
		return remedy.Plan{}, fmt.Errorf("haproxy: plan %s for %s: %w", a.opts.Name, host, err)
	}
	plan := remedy.Plan{Action: a.opts.Name, Pool: pool, Host: host, Summary: a.summary(places, host)}
	var hints []string
	for _, p := range places {
		step, name := setState(p.srv, a.opts.State), ""
		if len(places) > 1 {
			name = p.name + ": "
		}
		plan.Steps = append(plan.Steps, name+step)
		hints = append(hints, p.byHand(step))
		if prior := p.srv.admin.word(); prior != a.opts.State {
			plan.UndoSteps = append(plan.UndoSteps, name+setState(p.srv, prior))
		}
	}
	plan.ManualHint = strings.Join(hints, " && ")
	return plan, nil
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

func (a *Action) summary(places []place, host remedy.HostName) string {
	verb := "drain " + string(host)
	switch a.opts.State {
	case StateMaint:
		verb = "put " + string(host) + " into maintenance"
	case StateReady:
		verb = "put " + string(host) + " back into service"
	}
	if len(places) > 1 {
		return fmt.Sprintf("%s in HAProxy backend %s on %d load balancers", verb, places[0].srv.backend, len(places))
	}
	return verb + " in HAProxy backend " + places[0].srv.backend
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
