package haproxy

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"warden/actions"
	"warden/internal/remedy"
)

// Observe implements actions.Action: every server of the pool's backend,
// whichever hosts were asked for, on one connection a load balancer. It takes
// a second one only where a frontend has the backend's name, which makes `show
// stat` by name answer for the frontend.
//
// State is what happens to traffic: out when anything at all keeps new traffic
// away, be it an administrator, a tracked server, a failed check or a weight
// of 0. Admin, and with it AsWanted, is only what was forced on the server, for
// that is what the action sets: a server that merely fails its check is out
// and "ready". What several load balancers say is merged: see merge.
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
	all, err := a.balancers(pool)
	if err != nil {
		return nil, err
	}
	// At once, so that one that hangs costs no more than itself. One that
	// can't be asked leaves nothing known: it may be sending traffic.
	seen, errs := make([]sight, len(all)), make([]error, len(all))
	var asking sync.WaitGroup
	for i, b := range all {
		asking.Go(func() { seen[i], errs[i] = a.observeOne(ctx, b, backend) })
	}
	asking.Wait()
	for i, err := range errs {
		if err != nil && len(all) > 1 {
			errs[i] = fmt.Errorf("load balancer %s: %w", all[i].name, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return merge(all, seen), nil
}

// sight is what one load balancer says of its servers, by host.
type sight map[remedy.HostName]remedy.Observation

// observeOne asks one load balancer.
func (a *Action) observeOne(ctx context.Context, b balancer, backend string) (sight, error) {
	parts, err := b.ask(ctx, backend, "show info", "show servers state "+backend, "show stat "+backend+" 4 -1")
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
		parts, err = b.ask(ctx, backend, "show stat "+servers[0].backendID+" 4 -1")
		if err != nil {
			return nil, err
		}
		if stats, err = parseStats(parts[0], backend); err != nil {
			return nil, nonsense(err)
		}
	}
	out := make(sight, len(servers))
	for _, srv := range servers {
		host, ok := a.host(srv.name)
		if !ok {
			continue
		}
		if other, double := out[host]; double {
			out[host] = ambiguous(other, srv)
			continue
		}
		o := a.observation(srv, stats[srv.name], lastChange(srv, proc, now))
		o.Balancers = []remedy.Balancer{{Name: b.name, State: o.State, Admin: o.Admin, AsWanted: o.AsWanted, Life: proc.life(now)}}
		out[host] = o
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
	all, err := a.balancers(pool)
	if err != nil {
		return fmt.Errorf("haproxy: check %s: %w", pool, err)
	}
	var errs []error
	for _, b := range all {
		if err := checkOne(ctx, b, backend); err != nil {
			if len(all) > 1 {
				err = fmt.Errorf("load balancer %s: %w", b.name, err)
			}
			errs = append(errs, fmt.Errorf("haproxy: check %s: %w", pool, err))
		}
	}
	return errors.Join(errs...)
}

func checkOne(ctx context.Context, b balancer, backend string) error {
	parts, err := b.ask(ctx, backend, "show servers state "+backend, "show cli level")
	if err != nil {
		return err
	}
	servers, err := parseStates(parts[0], backend)
	switch {
	case err != nil:
		return nonsense(err)
	case len(servers) == 0:
		return fmt.Errorf("%w: backend %s has no servers: see haproxy.cfg", actions.ErrBackend, backend)
	}
	if level := strings.TrimSpace(parts[1]); level == "operator" || level == "user" {
		return fmt.Errorf("the socket is at level %s: %w", level, replyError("Permission denied", backend, ""))
	}
	return nil
}

// find reads one load balancer's servers and returns the one that is the host.
func (a *Action) find(ctx context.Context, b balancer, backend string, host remedy.HostName) (server, error) {
	if !validName.MatchString(string(host)) {
		return server{}, fmt.Errorf("%w: %q can't be the name of a server: use letters, digits, and _ . : -", actions.ErrHostUnknown, host)
	}
	parts, err := b.ask(ctx, backend, "show servers state "+backend)
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
