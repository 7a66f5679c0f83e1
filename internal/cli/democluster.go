package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"warden/internal/clock"
	"warden/simulate/fleet"
	"warden/simulate/story"
)

// strike is a kill in the middle of an action, from when it is armed.
type strike struct {
	mu     sync.Mutex
	armed  bool
	killed string
	done   sync.WaitGroup
	stop   context.CancelFunc
}

var _ story.Cluster = (*demo)(nil)

// Nodes implements story.Cluster.
func (d *demo) Nodes() []story.Node {
	var out []story.Node
	for _, n := range d.nodes {
		l, ok := n.up()
		if !ok {
			continue
		}
		one := story.Node{Name: n.name, ID: l.node.ID(), Ledger: l.ledger, Engine: l.engine}
		if s, err := l.node.Status(); err == nil {
			one.Leads, one.Quorum, one.Term = s.Leader, s.Quorum, s.Term
		}
		if v := l.engine.View(); one.Leads && !v.Local {
			one.Rounds = v.Rounds
		}
		out = append(out, one)
	}
	return out
}

// leading is the daemon of the node that leads or, without one, of the first
// that is up, if any is.
func (d *demo) leading() *daemon {
	at := d.nodes[0].last()
	found := false
	term, leads := uint64(0), false
	for _, n := range d.nodes {
		l, ok := n.up()
		if !ok {
			continue
		}
		s, err := l.node.Status()
		if !found || err == nil && s.Leader && (!leads || s.Term > term) {
			found, at, term, leads = true, l.daemon, s.Term, err == nil && s.Leader
		}
	}
	return at
}

func (d *demo) named(name string) (*demoNode, error) {
	for _, n := range d.nodes {
		if n.name == name {
			return n, nil
		}
	}
	return nil, fmt.Errorf("there is no %s", name)
}

// Kill implements story.Cluster.
func (d *demo) Kill(name string) error {
	n, err := d.named(name)
	if err != nil {
		return err
	}
	return n.kill()
}

// Start implements story.Cluster.
func (d *demo) Start(ctx context.Context, name string) error {
	n, err := d.named(name)
	if err != nil {
		return err
	}
	return n.start(ctx)
}

// strikeEvery is how often the load balancer's record is looked at for the
// command whose sender is to die.
const strikeEvery = time.Millisecond

// KillInAction implements story.Cluster: the load balancer carries out the next
// command and keeps its answer, so that whoever sent it has committed START and
// can't commit FINISHED. An effect waits for its answer for seconds, so there is
// time to look who it was, however slow the machine is.
func (d *demo) KillInAction() {
	s := &d.strike
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.armed {
		return
	}
	ctx, stop := context.WithCancel(context.Background())
	s.armed, s.killed, s.stop = true, "", stop
	before := len(d.fleet.Changes())
	d.fleet.BreakBalancer(fleet.BalancerLate)
	s.done.Go(func() {
		defer stop()
		for len(d.fleet.Changes()) == before {
			if clock.Sleep(ctx, d.p.clock, strikeEvery) != nil {
				return
			}
		}
		name := d.sender()
		err := d.Kill(name)
		d.fleet.BreakBalancer(fleet.BalancerWorks)
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.armed = false; err == nil {
			s.killed = name
		}
	})
}

// sender is the node that carries out an execution, by its own account.
func (d *demo) sender() string {
	at := d.leading()
	for _, n := range d.nodes {
		if l, ok := n.up(); ok && l.daemon == at {
			return n.name
		}
	}
	return ""
}

// Killed implements story.Cluster.
func (d *demo) Killed() string {
	d.strike.mu.Lock()
	defer d.strike.mu.Unlock()
	return d.strike.killed
}

// disarm takes a kill back that has not come to it.
func (d *demo) disarm() {
	s := &d.strike
	s.mu.Lock()
	armed := s.armed
	s.armed = false
	if s.stop != nil {
		s.stop()
	}
	s.mu.Unlock()
	s.done.Wait()
	if d.fleet != nil && armed {
		d.fleet.BreakBalancer(fleet.BalancerWorks)
	}
}

// status is what `warden status` says on a node that is up.
func (d *demo) status(ctx context.Context) string {
	at := d.leading()
	var out bytes.Buffer
	sub := &program{env: d.p.env, in: strings.NewReader(""), out: &out, err: &out, clock: d.clock, local: d.p.local}
	sub.run(ctx, []string{"status", "--url", "unix:" + at.Socket, "--no-input"})
	return out.String()
}

// roll words the nodes for the status line: who leads, who follows, who is
// dead, the term, and how many of the voters are up.
func (d *demo) roll() string {
	up := map[string]story.Node{}
	term, quorum := uint64(0), false
	for _, n := range d.Nodes() {
		up[n.Name] = n
		if n.Leads {
			term, quorum = max(term, n.Term), true
		}
	}
	var words []string
	for _, n := range d.nodes {
		at, ok := up[n.name]
		switch {
		case !ok:
			words = append(words, n.name+" down")
		case at.Leads && at.Term == term:
			words = append(words, n.name+" leads")
		case quorum && at.Quorum:
			words = append(words, n.name+" follows")
		default:
			words = append(words, n.name+" up, no leader")
		}
	}
	state := fmt.Sprintf("no quorum: %d of %d nodes up, nothing is done", len(up), len(d.nodes))
	switch {
	case quorum:
		state = fmt.Sprintf("term %d  ·  quorum: %d of %d up", term, len(up), len(d.nodes))
	case len(up) > len(d.nodes)/2:
		state = fmt.Sprintf("%d of %d up, no leader yet", len(up), len(d.nodes))
	}
	return strings.Join(append(words, state), "  ·  ")
}

// fell has the demo end: a node ended by itself.
func (d *demo) fell(name string) {
	d.fall.Do(func() {
		d.fallen = name
		close(d.down)
	})
}

// stopNodes stops all nodes that are up in order, the leader last, and waits for
// the dead as well. It returns what went wrong with any.
func (d *demo) stopNodes() error {
	limit := d.p.clock.After(haltWithin)
	var errs []error
	for _, n := range d.nodes {
		if l, ok := n.up(); ok {
			l.stop(nil)
		}
	}
	for _, n := range d.nodes {
		if n.life == nil {
			continue
		}
		select {
		case <-n.life.ended:
			errs = append(errs, n.life.err)
		case <-limit:
			return errors.Join(append(errs, fmt.Errorf("%s did not stop in time: this is a bug, please report it", n.name))...)
		}
	}
	return errors.Join(errs...)
}
