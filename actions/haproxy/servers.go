package haproxy

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"warden/actions"
	"warden/internal/remedy"
)

// Servers lists the hosts of one backend on one or several load balancers: an
// inventory. It is safe for concurrent use and keeps nothing between calls.
type Servers struct {
	action Action
}

// NewServers makes an inventory of Options.Backend, which is required, at
// Address or Addresses. Name, State and what is said of single pools are not
// used. It does not connect.
func NewServers(opts Options) (*Servers, error) {
	addresses := opts.Addresses
	if opts.Address != "" {
		addresses = append(slices.Clone(addresses), opts.Address)
	}
	if len(addresses) == 0 {
		return nil, errors.New("haproxy: it has no address: give it that of HAProxy's stats socket")
	}
	if !validName.MatchString(opts.Backend) {
		return nil, fmt.Errorf("haproxy: %q is not the name of a backend: use letters, digits, and _ . : -", opts.Backend)
	}
	if opts.HostRegex != nil && opts.HostRegex.NumSubexp() < 1 {
		return nil, fmt.Errorf("haproxy: host_regex %q has no group: put the host's part of the server name in parentheses", opts.HostRegex)
	}
	all, err := newBalancers(&opts, addresses)
	if err != nil {
		return nil, fmt.Errorf("haproxy: %w", err)
	}
	return &Servers{Action{opts: opts, all: all}}, nil
}

// Hosts lists the hosts whose servers the backend has, in whatever state: one
// that is down, drained or in maintenance is a host of the pool still. A host
// that only one of several load balancers lists is one as well. It fails when
// any of them can't be asked, and where two servers of one are the same host:
// a list with something missing would make the pool smaller than it is. Servers
// that don't match host_regex are nobody's.
func (s *Servers) Hosts(ctx context.Context) ([]string, error) {
	found := map[remedy.HostName]bool{}
	for _, b := range s.action.all {
		one, err := s.of(ctx, b)
		if err != nil {
			return nil, fmt.Errorf("load balancer %s: %w", b.name, err)
		}
		for host := range one {
			found[host] = true
		}
	}
	names := make([]string, 0, len(found))
	for _, host := range slices.Sorted(maps.Keys(found)) {
		names = append(names, string(host))
	}
	return names, nil
}

func (s *Servers) of(ctx context.Context, b balancer) (map[remedy.HostName]string, error) {
	backend := s.action.opts.Backend
	parts, err := b.ask(ctx, backend, "show servers state "+backend)
	if err != nil {
		return nil, err
	}
	servers, err := parseStates(parts[0], backend)
	if err != nil {
		return nil, nonsense(err)
	}
	out := make(map[remedy.HostName]string, len(servers))
	for _, srv := range servers {
		host, ok := s.action.host(srv.name)
		if !ok {
			continue
		}
		if other, twice := out[host]; twice {
			return nil, fmt.Errorf("%w: %s and %s are both the host %s: make host_regex tell them apart", actions.ErrBackend, other, srv.path(), host)
		}
		out[host] = srv.path()
	}
	return out, nil
}
