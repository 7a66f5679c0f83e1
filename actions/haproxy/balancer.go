package haproxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"

	"warden/actions"
	"warden/internal/remedy"
)

// balancer is one HAProxy with its runtime API.
type balancer struct {
	// name tells it from the others: the socket's path, or tcp://host:port.
	name string
	api  runtimeAPI
}

// newBalancers makes the balancers of some addresses. An address that is given
// twice would be changed twice.
func newBalancers(opts *Options, addresses []string) ([]balancer, error) {
	out := make([]balancer, 0, len(addresses))
	for _, a := range addresses {
		network, address, err := splitAddress(a)
		if err != nil {
			return nil, err
		}
		b := balancer{name: address, api: runtimeAPI{
			network: network, address: address, dial: opts.Dial,
			dialTimeout:  positive(opts.DialTimeout, DefaultDialTimeout),
			replyTimeout: positive(opts.ReplyTimeout, DefaultReplyTimeout),
			maxReply:     positive(opts.MaxReply, DefaultMaxReply),
		}}
		if network == "tcp" {
			b.name = "tcp://" + address
		}
		if b.api.dial == nil {
			b.api.dial = (&net.Dialer{}).DialContext
		}
		if has(out, b.name) {
			return nil, fmt.Errorf("the address %s is there twice: keep one of them", b.name)
		}
		out = append(out, b)
	}
	return out, nil
}

// balancers are those of the pool.
func (a *Action) balancers(pool remedy.PoolName) ([]balancer, error) {
	all, own := a.pools[pool]
	if !own {
		all = a.all
	}
	if len(all) == 0 {
		return nil, fmt.Errorf("%w: action %s has no address for pool %s: give it one in pool_addresses", actions.ErrBackend, a.opts.Name, pool)
	}
	return all, nil
}

// set sends the one command that changes the world.
func (b balancer) set(ctx context.Context, srv server, state string) (string, error) {
	reply, err := b.api.exchange(ctx, setState(srv, state))
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

// ask sends commands that only read, in one line, and returns their replies.
// Each ends with an empty line; a reply that is cut short is no reply.
func (b balancer) ask(ctx context.Context, backend string, commands ...string) ([]string, error) {
	reply, err := b.api.exchange(ctx, strings.Join(commands, ";"))
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

// byHand is the shell command that sends one line to this runtime API.
func (b balancer) byHand(line string) string {
	target := "TCP:" + b.api.address
	if b.api.network == "unix" {
		target = b.api.address
	}
	return fmt.Sprintf(`echo "%s" | socat stdio %s`, line, shellWord(target))
}
