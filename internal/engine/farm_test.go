package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"warden/actions"
	"warden/internal/clock"
	"warden/internal/remedy"
)

// farm is an Action over some fake load balancers that carry the same hosts.
// A reload of one makes it forget what it was told.
type farm struct {
	mu      sync.Mutex
	clk     clock.Clock
	lbs     []*farmLB
	dies    string // Apply stops before this one, with an error
	applied map[string]int
	undone  map[string]int
}

// farmLB is one of them.
type farmLB struct {
	name   string
	admin  map[remedy.HostName]string // ready where it isn't there
	file   bool                       // has a state file: a reload forgets nothing
	down   bool                       // can't be asked
	dumb   bool                       // doesn't say which process it is
	number int
	since  time.Time
	busy   int64 // sessions of each host that is out
}

func newFarm(clk clock.Clock, names ...string) *farm {
	f := &farm{clk: clk, applied: map[string]int{}, undone: map[string]int{}}
	for _, n := range names {
		f.lbs = append(f.lbs, &farmLB{name: n, admin: map[remedy.HostName]string{}, since: clk.Now().Add(-time.Hour)})
	}
	return f
}

// on puts the farm into a rig's config.
func (r *rig) farm(names ...string) *farm {
	f := newFarm(r.clk, names...)
	r.serve(f)
	return f
}

// serve puts a farm in force.
func (r *rig) serve(f *farm) {
	a := r.cfg.Actions[drain]
	a.Action = f
	cfg := *r.cfg
	cfg.Actions = map[remedy.ActionName]Action{drain: a}
	cfg.Hash += "+"
	r.cfg = &cfg
	r.must(r.e.Reconfigure(r.ctx(), r.cfg))
}

func (f *farm) lb(name string) *farmLB {
	return f.lbs[slices.IndexFunc(f.lbs, func(l *farmLB) bool { return l.name == name })]
}

// reload replaces one load balancer's process.
func (f *farm) reload(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	l := f.lb(name)
	l.number++
	l.since = f.clk.Now()
	if !l.file {
		clear(l.admin)
	}
}

// set is a person's hand.
func (f *farm) set(name string, h remedy.HostName, admin string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lb(name).admin[h] = admin
}

func (f *farm) change(name string, how func(*farmLB)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	how(f.lb(name))
}

func (l *farmLB) state(h remedy.HostName) string {
	if s := l.admin[h]; s != "" {
		return s
	}
	return "ready"
}

// states is where a host is on each: "drain ready".
func (f *farm) states(h remedy.HostName) string {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []string
	for _, l := range f.lbs {
		out = append(out, l.state(h))
	}
	return strings.Join(out, " ")
}

// commands counts what one load balancer was told to do, forward and back.
func (f *farm) commands(name string) (applied, undone int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.applied[name], f.undone[name]
}

func (f *farm) Plan(_ context.Context, pool remedy.PoolName, h remedy.HostName) (remedy.Plan, error) {
	p := remedy.Plan{Action: drain, Pool: pool, Host: h, Summary: "drain " + string(h)}
	for _, l := range f.lbs {
		p.Steps = append(p.Steps, l.name+": set "+string(h)+" drain")
		p.UndoSteps = append(p.UndoSteps, l.name+": set "+string(h)+" ready")
	}
	return p, nil
}

func (f *farm) Observe(_ context.Context, _ remedy.PoolName, _ []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := map[remedy.HostName]remedy.Observation{}
	for _, h := range hostNames(10) {
		o := remedy.Observation{State: remedy.ServiceOut, Rate: remedy.Known[int64](0), LastChange: remedy.Known(f.clk.Now())}
		wanted, busy, words := true, int64(0), []string{}
		for _, l := range f.lbs {
			if l.down {
				return nil, fmt.Errorf("%w: %s is down", actions.ErrBackend, l.name)
			}
			s := l.state(h)
			b := remedy.Balancer{Name: l.name, State: remedy.ServiceOut, Admin: s, AsWanted: remedy.Known(s == "drain")}
			if s == "ready" {
				b.State, o.State = remedy.ServiceIn, remedy.ServiceIn
			}
			if !l.dumb {
				b.Life = remedy.Known(remedy.Life{ID: fmt.Sprint(l.name, " ", l.number), Since: l.since})
			}
			wanted, busy = wanted && s == "drain", busy+l.busy
			words = append(words, s+" on "+l.name)
			o.Balancers = append(o.Balancers, b)
		}
		o.Admin = strings.Join(words, ", ")
		if len(o.Balancers) == 1 || !o.Partial() && o.Balancers[0].Admin == o.Balancers[len(o.Balancers)-1].Admin {
			o.Admin = o.Balancers[0].Admin
		}
		o.AsWanted, o.Took, o.Sessions = remedy.Known(wanted), remedy.Known(wanted && busy == 0), remedy.Known(busy)
		out[h] = o
	}
	return out, nil
}

func (f *farm) Apply(_ context.Context, job actions.Job) (actions.Report, error) {
	return f.bring(job, f.applied, func(string) string { return "drain" })
}

func (f *farm) Undo(_ context.Context, job actions.Job) (actions.Report, error) {
	return f.bring(job, f.undone, func(name string) string {
		for _, b := range job.Balancers {
			if b.Name == name {
				return b.Admin
			}
		}
		return job.Prior
	})
}

func (f *farm) bring(job actions.Job, count map[string]int, to func(string) string) (actions.Report, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	report := actions.Report{Output: "ok"}
	for _, l := range f.lbs {
		report.Unchanged = append(report.Unchanged, l.name)
	}
	for _, l := range f.lbs {
		if len(job.Balancers) > 0 && !slices.ContainsFunc(job.Balancers, func(b remedy.BalancerState) bool { return b.Name == l.name }) {
			continue
		}
		if l.name == f.dies {
			return report, fmt.Errorf("%w: %s refuses", actions.ErrBackend, l.name)
		}
		if want := to(l.name); l.state(job.Host) != want {
			l.admin[job.Host] = want
			count[l.name]++
			report.Unchanged = slices.DeleteFunc(report.Unchanged, func(name string) bool { return name == l.name })
		}
	}
	return report, nil
}
