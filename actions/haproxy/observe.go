package haproxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"warden/actions"
	"warden/internal/remedy"
)

// Observe implements actions.Action: every server of the pool's backend,
// whichever hosts were asked for, on one connection. It takes a second one only where a frontend has the
// backend's name, which makes `show stat` by name answer for the frontend.
//
// State is what happens to traffic: out when anything at all keeps new traffic
// away, be it an administrator, a tracked server, a failed check or a weight
// of 0. Admin, and with it AsWanted, is only what was forced on the server, for
// that is what the action sets: a server that merely fails its check is out
// and "ready".
func (a *Action) Observe(ctx context.Context, pool remedy.PoolName, _ []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	seen, err := a.observe(ctx, pool)
	if err != nil {
		return nil, fmt.Errorf("haproxy: observe %s: %w", pool, err)
	}
	return seen, nil
}

func (a *Action) observe(ctx context.Context, pool remedy.PoolName) (map[remedy.HostName]remedy.Observation, error) {
	backend, err := a.checkedBackend(pool)
	if err != nil {
		return nil, err
	}
	parts, err := a.ask(ctx, backend, "show info", "show servers state "+backend, "show stat "+backend+" 4 -1")
	if err != nil {
		return nil, err
	}
	now := a.opts.Clock.Now()
	proc := parseInfo(parts[0])
	servers, err := parseStates(parts[1], backend)
	if err != nil {
		return nil, nonsense(err)
	}
	stats, err := parseStats(parts[2], backend)
	if err != nil {
		return nil, nonsense(err)
	}
	if len(stats) == 0 && len(servers) > 0 {
		parts, err = a.ask(ctx, backend, "show stat "+servers[0].backendID+" 4 -1")
		if err != nil {
			return nil, err
		}
		if stats, err = parseStats(parts[0], backend); err != nil {
			return nil, nonsense(err)
		}
	}
	out := make(map[remedy.HostName]remedy.Observation, len(servers))
	for _, srv := range servers {
		host, ok := a.host(srv.name)
		if !ok {
			continue
		}
		if other, double := out[host]; double {
			out[host] = ambiguous(other, srv)
			continue
		}
		out[host] = a.observation(srv, stats[srv.name], lastChange(srv, proc, now))
	}
	return out, nil
}

// Check reads whether the pool's backend is there and whether the socket is
// allowed to change it. It changes nothing.
func (a *Action) Check(ctx context.Context, pool remedy.PoolName) error {
	backend, err := a.checkedBackend(pool)
	if err != nil {
		return fmt.Errorf("haproxy: check %s: %w", pool, err)
	}
	parts, err := a.ask(ctx, backend, "show servers state "+backend, "show cli level")
	if err != nil {
		return fmt.Errorf("haproxy: check %s: %w", pool, err)
	}
	servers, err := parseStates(parts[0], backend)
	switch {
	case err != nil:
		return fmt.Errorf("haproxy: check %s: %w", pool, nonsense(err))
	case len(servers) == 0:
		return fmt.Errorf("haproxy: check %s: %w: backend %s has no servers: see haproxy.cfg", pool, actions.ErrBackend, backend)
	}
	if level := strings.TrimSpace(parts[1]); level == "operator" || level == "user" {
		return fmt.Errorf("haproxy: check %s: the socket is at level %s: %w", pool, level, replyError("Permission denied", backend, ""))
	}
	return nil
}

// find reads the pool's servers and returns the one that is the host.
func (a *Action) find(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (server, error) {
	if !validName.MatchString(string(host)) {
		return server{}, fmt.Errorf("%w: %q can't be the name of a server: use letters, digits, and _ . : -", actions.ErrHostUnknown, host)
	}
	backend, err := a.checkedBackend(pool)
	if err != nil {
		return server{}, err
	}
	parts, err := a.ask(ctx, backend, "show servers state "+backend)
	if err != nil {
		return server{}, err
	}
	servers, err := parseStates(parts[0], backend)
	if err != nil {
		return server{}, nonsense(err)
	}
	var found []server
	for _, srv := range servers {
		if name, ok := a.host(srv.name); ok && name == host {
			found = append(found, srv)
		}
	}
	switch len(found) {
	case 0:
		return server{}, replyError("No such server.", backend, string(host))
	case 1:
		return found[0], nil
	default:
		return server{}, fmt.Errorf("%w: %s and %s are both the host %s: make host_regex tell them apart", actions.ErrBackend, found[0].path(), found[1].path(), host)
	}
}

func (a *Action) checkedBackend(pool remedy.PoolName) (string, error) {
	backend := a.backend(pool)
	if !validName.MatchString(backend) {
		return "", fmt.Errorf("%w: %q can't be the name of a backend: set the action's backend", actions.ErrBackend, backend)
	}
	return backend, nil
}

// ask sends commands that only read, in one line, and returns their replies.
// Each ends with an empty line; a reply that is cut short is no reply.
func (a *Action) ask(ctx context.Context, backend string, commands ...string) ([]string, error) {
	reply, err := a.api.exchange(ctx, strings.Join(commands, ";"))
	if err != nil {
		return nil, err
	}
	parts := strings.SplitN(reply, "\n\n", len(commands))
	if len(parts) < len(commands) || !strings.HasSuffix(reply, "\n\n") {
		if text := strings.TrimSpace(parts[0]); len(parts) == 1 && text != "" {
			return nil, replyError(text, backend, "")
		}
		return nil, nonsense(errors.New("the reply was cut short"))
	}
	for i, part := range parts {
		text := strings.TrimSpace(part)
		for _, refusal := range []string{"Permission denied", "Can't find backend", "No such"} {
			if strings.HasPrefix(text, refusal) {
				return nil, replyError(text, backend, "")
			}
		}
		parts[i] = text
	}
	return parts, nil
}

func (a *Action) observation(srv server, st stat, changed remedy.Fact[time.Time]) remedy.Observation {
	wanted := srv.admin.word() == a.opts.State
	if st.status == "" {
		missing := remedy.Unknown[int64]("HAProxy's show stat has no line for this server")
		st = stat{status: "not listed", sessions: missing, rate: missing}
	}
	o := remedy.Observation{
		State: remedy.ServiceOut, Admin: srv.admin.word(), AsWanted: remedy.Known(wanted),
		LastChange: changed, Sessions: st.sessions, Rate: st.rate,
		Detail: fmt.Sprintf("%s: status %s, admin state %d, weight %d", srv.path(), quote(st.status), srv.admin, srv.weight),
	}
	// A server of weight 0 is up, and gets no new traffic all the same.
	if srv.up() && srv.weight > 0 {
		o.State = remedy.ServiceIn
	}
	switch {
	case !wanted:
		o.Took = remedy.Known(false)
	case a.opts.State == StateReady:
		o.Took = remedy.Known(srv.up())
	default:
		o.Took = o.Quiet()
	}
	return o
}

// ambiguous is the observation of a host that two servers claim to be.
func ambiguous(other remedy.Observation, srv server) remedy.Observation {
	why := "two servers of the backend are this host: make host_regex tell them apart"
	return remedy.Observation{
		State: remedy.ServiceUnknown, AsWanted: remedy.Unknown[bool](why), Took: remedy.Unknown[bool](why),
		LastChange: remedy.Unknown[time.Time](why), Sessions: remedy.Unknown[int64](why), Rate: remedy.Unknown[int64](why),
		Detail: other.Detail + "; also " + srv.path(),
	}
}

// lastChange is the latest instant at which the server's administrative state
// can have changed last, so that "older than START" is a proof. It is unknown
// wherever HAProxy's own number does not prove that: see DESIGN.md.
func lastChange(srv server, proc process, now time.Time) remedy.Fact[time.Time] {
	switch {
	case !strings.HasPrefix(proc.version, provenVersion) || !proc.known:
		return remedy.Unknown[time.Time]("only for HAProxy " + provenVersion + "x is it shown that every change of the state moves its last change")
	case srv.admin&(inheritedMaint|inheritedDrain|resolvedMaint) != 0:
		return remedy.Unknown[time.Time]("HAProxy does not move a server's last change while another cause keeps it out as well")
	}
	// A state file can bring a last change over from before the process
	// started. Both ages are cut to whole seconds.
	age := min(srv.age, proc.uptime)
	at := now.Add(time.Second - age)
	if at.After(now) {
		at = now
	}
	return remedy.Known(at.UTC().Round(0))
}

// provenVersion begins the versions for which the integration tests show that
// `set server … state` always moves srv_time_since_last_change.
const provenVersion = "2.6."

func nonsense(err error) error {
	return fmt.Errorf("%w: %w: see that the address is HAProxy's stats socket and not something else", actions.ErrBackend, err)
}
