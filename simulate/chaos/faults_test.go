//go:build integration && failpoints

package chaos_test

import (
	"context"
	"math/rand/v2"
	"slices"
	"syscall"
	"time"

	"warden/simulate/chaos"
)

// leader is the node that leads, by what a majority of those that answer says;
// nil while there is none.
func (r *seedRun) leader() *node {
	for _, n := range r.nodes {
		if n.alive() && !n.still() {
			if st := r.statusOf(n); st != nil && st.Leader {
				return n
			}
		}
	}
	return nil
}

// pick returns the node, or nodes, of a role. Without a leader any node is a
// follower, and one stands for it.
func (r *seedRun) pick(ctx context.Context, role string, rng *rand.Rand) []*node {
	if role == chaos.All {
		return r.nodes
	}
	var lead *node
	for end := time.Now().Add(5 * time.Second); lead == nil && time.Now().Before(end) && ctx.Err() == nil; {
		if lead = r.leader(); lead == nil {
			pause(ctx, 100*time.Millisecond)
		}
	}
	if lead == nil || len(r.nodes) == 1 {
		return []*node{r.any(rng)}
	}
	if role == chaos.Leader {
		return []*node{lead}
	}
	others := slices.DeleteFunc(slices.Clone(r.nodes), func(n *node) bool { return n == lead })
	return []*node{others[rng.IntN(len(others))]}
}

// peersOf are the addresses of all other nodes.
func (r *seedRun) peersOf(n *node) []string {
	var all []string
	for _, m := range r.nodes {
		if m != n {
			all = append(all, r.net.address(m.i))
		}
	}
	return all
}

// commit carries out one fault, from its beginning to its end.
func (r *seedRun) commit(ctx context.Context, a chaos.Act, rng *rand.Rand) {
	on := r.pick(ctx, a.Role, rng)
	n := on[0]
	names := ""
	for _, m := range on {
		names += " " + m.name
	}
	r.tell("FAULT %s:%s", a, names)
	r.record(func() { r.faults++ })
	defer r.tell("fault %s is over", a.Fault)
	var undo func()
	lasts := a.For
	switch a.Fault {
	case chaos.FaultKill:
		for _, m := range on {
			go m.kill()
		}
		undo = func() {
			for _, m := range on {
				m.kill()
				m.start()
			}
		}
	case chaos.FaultHavoc:
		undo = func() {
			for end := time.Now().Add(2 * a.For); time.Now().Before(end) && ctx.Err() == nil; {
				m := r.any(rng)
				m.kill()
				m.start()
				pause(ctx, 300*time.Millisecond+time.Duration(rng.Int64N(int64(900*time.Millisecond))))
			}
		}
		lasts = 0
	case chaos.FaultTerminate:
		n.signal(syscall.SIGTERM)
		undo = func() { n.ended(ctx); n.start() }
	case chaos.FaultPause:
		n.pause()
		undo = n.resume
	case chaos.FaultRefuse, chaos.FaultHang, chaos.FaultHalf, chaos.FaultSit, chaos.FaultFlaky:
		r.balancer.be(a.Fault)
		undo = func() { r.balancer.be(moodFine) }
	case chaos.FaultStall:
		undo = r.balancer.stall()
		if rng.IntN(3) == 0 {
			lasts += 8 * time.Second
		}
	case chaos.FaultReload:
		r.balancer.reload()
		return
	case chaos.FaultSource:
		r.services.set(weather{mute: true, deaf: true})
		undo = func() { r.services.set(weather{}) }
	case chaos.FaultClock:
		off := -time.Hour
		if a.Ahead {
			off = time.Hour
		}
		n.setClock(off)
		// A node whose clock jumped does nothing for ten minutes, by design: it is
		// started again, as a person would once the clock is right.
		undo = func() { n.setClock(0); n.kill(); n.start() }
	case chaos.FaultTransfer:
		if lead := r.leader(); lead != nil {
			r.person(r.any(rng), chaos.Asked{Verb: "transfer-leader"}, "operator", "raft", "transfer-leader", "--confirm", lead.name)
		}
		undo = r.standUp
	case chaos.FaultRollout:
		r.rollout(ctx, rng)
		return
	default:
		if undo = r.commitDisk(ctx, a, n); undo == nil {
			undo = r.commitNetwork(ctx, a, n)
		}
	}
	pause(ctx, lasts)
	undo()
}

// commitNetwork begins a fault of the network and returns what ends it.
func (r *seedRun) commitNetwork(ctx context.Context, a chaos.Act, n *node) func() {
	if len(r.nodes) == 1 {
		r.net.unplug(r.t, n.i, true)
		return func() { r.net.unplug(r.t, n.i, false) }
	}
	other := r.nodes[n.i%len(r.nodes)]
	both := func(on bool) {
		for _, m := range r.nodes {
			var from []string
			if on && m == n {
				from = r.peersOf(n)
			} else if on {
				from = []string{r.net.address(n.i)}
			}
			r.net.deafen(r.t, m.i, from...)
		}
	}
	switch a.Fault {
	case chaos.FaultPair:
		r.net.isolate(r.t, true, n.i, other.i)
		return func() { r.net.isolate(r.t, false, n.i, other.i) }
	case chaos.FaultAlone:
		both(true)
		return func() { both(false) }
	case chaos.FaultOneWay:
		r.net.deafen(r.t, n.i, r.peersOf(n)...)
		return func() { r.net.deafen(r.t, n.i) }
	case chaos.FaultSplit:
		for _, m := range r.nodes {
			r.net.isolate(r.t, true, m.i)
		}
		return func() {
			for _, m := range r.nodes {
				r.net.isolate(r.t, false, m.i)
			}
		}
	case chaos.FaultFlap:
		return func() {
			for on := true; ctx.Err() == nil && a.For > 0; on = !on {
				both(on)
				pause(ctx, 400*time.Millisecond)
				a.For -= 400 * time.Millisecond
			}
			both(false)
		}
	case chaos.FaultSlow, chaos.FaultMute:
		bad := weather{delay: 60 * time.Millisecond, loss: 0.05}
		set := func(s weather) {
			for way, w := range r.wires {
				if a.Fault == chaos.FaultSlow || way[0] == n.i || way[1] == n.i {
					w.set(s)
				}
			}
		}
		if a.Fault == chaos.FaultMute {
			bad = weather{mute: true, deaf: true}
		}
		set(bad)
		return func() { set(weather{}) }
	case chaos.FaultUnplug:
	}
	r.net.unplug(r.t, n.i, true)
	return func() { r.net.unplug(r.t, n.i, false) }
}

// ended waits until the process is gone by itself, and kills it if it isn't.
func (n *node) ended(ctx context.Context) {
	for end := time.Now().Add(30 * time.Second); n.alive() && time.Now().Before(end) && ctx.Err() == nil; {
		pause(ctx, 50*time.Millisecond)
	}
	if n.alive() {
		n.run.trouble(chaos.Stuck, "%s does not end within 30s of SIGTERM", n.name)
	}
	n.kill()
}
