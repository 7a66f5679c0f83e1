package haproxy

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"warden/actions"
	"warden/internal/remedy"
)

// Apply implements actions.Effector. It reads the prior state on every load
// balancer, refuses to lift a maintenance that is not its own, and only then
// sends its commands, one balancer after the other. Each is read back before
// the next; the first that doesn't get there ends it, and the report says
// which did. A server that is already as wanted is left alone. Between the
// reading and the command somebody else may still change the server: HAProxy
// has no compare-and-set.
func (a *Action) Apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	report, err := a.apply(ctx, job)
	if err != nil {
		return report, fmt.Errorf("haproxy: %s %s: %w", a.opts.Name, job.Host, err)
	}
	return report, nil
}

func (a *Action) apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	places, err := a.places(ctx, job.Pool, job.Host, job.Balancers)
	if err != nil {
		return actions.Report{}, err
	}
	report := actions.Report{Prior: adminOf(places), Unchanged: namesOf(places)}
	for _, p := range places {
		if p.srv.admin.word() == StateMaint && a.opts.State == StateDrain {
			return report, fmt.Errorf("%w: %s is in maintenance, and a drain would lift that; leave it, or end the maintenance first: %s",
				ErrChanged, p.path(), p.byHand(setState(p.srv, StateReady)))
		}
	}
	for i := range places {
		places[i].want = a.opts.State
	}
	err = a.bring(ctx, places, &report)
	return report, err
}

// Undo implements actions.Effector. It restores what job names on each load
// balancer, and only while the server is in the state that Apply sets; one that
// is back in its prior state already is left alone; anything else is somebody
// else's work and ErrChanged, before anything was sent.
func (a *Action) Undo(ctx context.Context, job actions.Job) (actions.Report, error) {
	report, err := a.undo(ctx, job)
	if err != nil {
		return report, fmt.Errorf("haproxy: undo %s %s: %w", a.opts.Name, job.Host, err)
	}
	return report, nil
}

func (a *Action) undo(ctx context.Context, job actions.Job) (actions.Report, error) {
	priors, err := a.priors(job)
	if err != nil {
		return actions.Report{}, err
	}
	places, err := a.places(ctx, job.Pool, job.Host, job.Balancers)
	if err != nil {
		return actions.Report{}, err
	}
	report := actions.Report{Prior: adminOf(places), Unchanged: namesOf(places)}
	for i := range places {
		p := &places[i]
		p.want = priors[p.name]
		if p.want == "" {
			p.want = job.Prior // it names no balancers: all were in one state
		}
		if now := p.srv.admin.word(); now != p.want && now != a.opts.State {
			return report, fmt.Errorf("%w: %s is %s now, this action had set %s; leave it to whoever did that, or restore it by hand: %s",
				ErrChanged, p.path(), now, a.opts.State, p.byHand(setState(p.srv, p.want)))
		}
	}
	err = a.bring(ctx, places, &report)
	return report, err
}

// priors are the states to restore by load balancer; empty when job.Prior is
// one state for all.
func (a *Action) priors(job actions.Job) (map[string]string, error) {
	known := func(state string) bool {
		return state == StateReady || state == StateDrain || state == StateMaint
	}
	priors := make(map[string]string, len(job.Balancers))
	for _, b := range job.Balancers {
		if !known(b.Admin) {
			return nil, fmt.Errorf("the prior state %q on %s is not one of ready, drain, maint, so there is nothing to restore; set the state by hand", b.Admin, b.Name)
		}
		priors[b.Name] = b.Admin
	}
	if len(priors) == 0 && !known(job.Prior) {
		return nil, fmt.Errorf("the prior state %q is not one of ready, drain, maint, so there is nothing to restore; set the state by hand: set server %s/%s state ready",
			job.Prior, a.backend(job.Pool), job.Host)
	}
	return priors, nil
}

// bring takes the server to the wanted state on one load balancer after the
// other, reading each back. It ends at the first that doesn't get there: what
// is half done is told, and not pressed on with. The report tells what was said,
// and on which of them nothing was changed.
func (a *Action) bring(ctx context.Context, places []place, report *actions.Report) error {
	var said []string
	say := func(p place, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if len(places) > 1 {
			text = p.name + ": " + text
		}
		said = append(said, text)
		report.Output = quote(strings.Join(said, "\n"))
	}
	touched := false
	for i, p := range places {
		if now := p.srv.admin.word(); now == p.want {
			say(p, "already %s: nothing was sent", now)
			continue
		}
		output, err := p.set(ctx, p.srv, p.want)
		if !errors.Is(err, errUnsent) {
			report.Unchanged = slices.DeleteFunc(report.Unchanged, func(name string) bool { return name == p.name })
		}
		if output != "" {
			say(p, "%s", output)
		}
		if err == nil && len(places) > 1 {
			touched = true
			err = a.readBack(ctx, p)
		}
		if err != nil {
			if touched && errors.Is(err, actions.ErrHostUnknown) {
				// That would say that nothing was changed anywhere.
				err = fmt.Errorf("%w: %s", actions.ErrBackend, err.Error())
			}
			if len(places) > 1 {
				err = fmt.Errorf("load balancer %d of %d, %s: %w", i+1, len(places), p.name, err)
			}
			return err
		}
		if len(places) > 1 {
			say(p, "%s now", p.want)
		}
	}
	return nil
}

// readBack sees that one load balancer has the server as wanted before the
// next one is changed.
func (a *Action) readBack(ctx context.Context, p place) error {
	srv, err := a.find(ctx, p.balancer, p.srv.backend, p.host)
	if err != nil {
		return err
	}
	if now := srv.admin.word(); now != p.want {
		return fmt.Errorf("%w: it took the command, and %s is still %s", actions.ErrBackend, srv.path(), now)
	}
	return nil
}

// place is a host's server on one load balancer, as it was read.
type place struct {
	balancer
	host remedy.HostName
	srv  server
	want string // the state to bring it to
}

// path names the server, and where it is.
func (p place) path() string { return p.srv.path() + " on " + p.name }

// places reads the host's server on each of the pool's load balancers, or on
// the given ones only. Each of them has to list it: where it doesn't, nobody
// knows that what is done reaches all traffic.
func (a *Action) places(ctx context.Context, pool remedy.PoolName, host remedy.HostName, only []remedy.BalancerState) ([]place, error) {
	backend, err := a.checkedBackend(pool)
	if err != nil {
		return nil, err
	}
	all, err := a.balancers(pool)
	if err != nil {
		return nil, err
	}
	chosen, err := choose(all, only)
	if err != nil {
		return nil, err
	}
	out := make([]place, 0, len(chosen))
	for _, b := range chosen {
		srv, err := a.find(ctx, b, backend, host)
		if err != nil {
			if len(all) > 1 {
				err = fmt.Errorf("load balancer %s: %w", b.name, err)
			}
			return nil, err
		}
		out = append(out, place{balancer: b, host: host, srv: srv})
	}
	return out, nil
}

// choose narrows load balancers down to the named ones. One that the config
// no longer has can't be changed, and the rest is left alone with it.
func choose(all []balancer, only []remedy.BalancerState) ([]balancer, error) {
	if len(only) == 0 {
		return all, nil
	}
	var out []balancer
	for _, b := range all {
		for _, o := range only {
			if b.name == o.Name {
				out = append(out, b)
			}
		}
	}
	if len(out) == len(only) {
		return out, nil
	}
	var gone []string
	for _, o := range only {
		if !has(all, o.Name) {
			gone = append(gone, o.Name)
		}
	}
	return nil, fmt.Errorf("%w: the config no longer has the load balancer %s, which this was done on: put its address back, or do it by hand there",
		ErrChanged, strings.Join(gone, ", "))
}

func has(all []balancer, name string) bool {
	for _, b := range all {
		if b.name == name {
			return true
		}
	}
	return false
}

// namesOf lists the load balancers of one host.
func namesOf(places []place) []string {
	names := make([]string, len(places))
	for i, p := range places {
		names[i] = p.name
	}
	return names
}

// adminOf words the administrative states of one host: one word where they
// agree.
func adminOf(places []place) string {
	states := make([]remedy.BalancerState, len(places))
	for i, p := range places {
		states[i] = remedy.BalancerState{Name: p.name, Admin: p.srv.admin.word()}
	}
	return adminWords(states)
}

// adminWords is one word where all agree, and names each where they don't.
func adminWords(states []remedy.BalancerState) string {
	if len(states) == 0 {
		return ""
	}
	parts, same := make([]string, len(states)), true
	for i, s := range states {
		parts[i] = s.Admin + " on " + s.Name
		same = same && s.Admin == states[0].Admin
	}
	if same {
		return states[0].Admin
	}
	return strings.Join(parts, ", ")
}
