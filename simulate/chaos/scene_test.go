//go:build integration && failpoints

package chaos_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"warden/simulate/chaos"
)

// fireWithin is how long a point may take to be passed.
const fireWithin = 9 * time.Second

// play carries out a plan under load and returns what became of its cells.
func (r *seedRun) play(p chaos.Plan) []chaos.Result {
	ctx, done := context.WithCancel(r.t.Context())
	defer done()
	var load sync.WaitGroup
	load.Go(func() { r.people(ctx, rand.New(rand.NewPCG(r.seed, 1))) })
	load.Go(func() { r.sicken(ctx, rand.New(rand.NewPCG(r.seed, 2))) })
	load.Go(func() { r.watchHealth(ctx) })
	var results []chaos.Result
	for i, s := range p.Scenes {
		r.tell("SCENE %d: %s; %s after %d hits, down for %v", i+1, s.Act, s.Cell.Name(), s.After, s.Down.Round(100*time.Millisecond))
		rng := rand.New(rand.NewPCG(r.seed, 10+uint64(i)))
		var both sync.WaitGroup
		cell := func() {
			if s.Cell.Point != "" {
				results = append(results, chaos.Result{Cell: s.Cell.Name(), Seed: r.seed, Fired: r.cell(ctx, s, rand.New(rand.NewPCG(r.seed, 20+uint64(i))))})
			}
		}
		// A disk that lies must be the only fault at its time; and a process that
		// is gone for another reason meets no point.
		if alone := []string{
			chaos.FaultTail, chaos.FaultSnapshot, chaos.FaultLost, chaos.FaultReadOnly, chaos.FaultFull, chaos.FaultPause, chaos.FaultKill,
			chaos.FaultTerminate, chaos.FaultClock, chaos.FaultSplit, chaos.FaultSource,
		}; slices.Contains(alone, s.Act.Fault) {
			r.commit(ctx, s.Act, rng)
			r.standUp()
			cell()
		} else {
			both.Go(cell)
			r.commit(ctx, s.Act, rng)
			both.Wait()
		}
		r.standUp()
		pause(ctx, time.Second)
	}
	for i, s := range p.Scenes {
		if !results[i].Fired && s.Cell.Point != "" {
			s.After = 1
			r.tell("AGAIN: %s", s.Cell.Name())
			results[i].Fired = r.cell(ctx, s, rand.New(rand.NewPCG(r.seed, 30+uint64(i))))
		}
	}
	done()
	load.Wait()
	return results
}

// watchHealth asks every node whether it is healthy: a lost leader is no reason
// to restart it. Silence is no answer, since a paused process has none.
func (r *seedRun) watchHealth(ctx context.Context) {
	for ctx.Err() == nil {
		for _, n := range r.nodes {
			client := http.Client{Timeout: 3 * time.Second, Transport: &http.Transport{
				DisableKeepAlives: true,
				DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
					return (&net.Dialer{}).DialContext(ctx, "unix", n.socket)
				},
			}}
			resp, err := client.Get("http://warden/-/healthy")
			if err != nil {
				continue
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusOK {
				r.trouble(chaos.Unhealthy, "%s answers /-/healthy with %s", n.name, resp.Status)
			}
		}
		pause(ctx, time.Second)
	}
}

// standUp starts what died of a fault, as systemd does.
func (r *seedRun) standUp() {
	for _, n := range r.nodes {
		n.start()
	}
}

// cell arms a point, waits until a process meets it, and puts that right.
func (r *seedRun) cell(ctx context.Context, s chaos.Scene, rng *rand.Rand) (fired bool) {
	c := s.Cell
	on := r.pick(ctx, c.Role, rng)
	engine := !strings.HasPrefix(c.Point, "cluster.")
	if engine && c.Role == chaos.All || c.Before != "" {
		on = r.pick(ctx, chaos.Leader, rng)
	}
	if strings.HasPrefix(c.Point, "cluster.compact.") && c.Role != chaos.All {
		on = r.shortener(ctx, c.Role, rng)
	}
	spec := fmt.Sprintf("%s:%d=%s", c.Point, s.After, c.Fault)
	if c.Before != "" {
		spec = fmt.Sprintf("%s=stop,%s=%s", c.Before, c.Point, c.Fault)
	}
	if c.InBackend() {
		spec = fmt.Sprintf("%s=%s", c.Point, c.Fault)
		on = r.deposedInBackend(ctx, on[0])
	}
	before := map[*node]int{}
	for _, n := range on {
		before[n] = n.firings(c.Point)
		n.arm(spec)
	}
	r.record(func() { r.faults++ })
	r.tell("%s: %s is armed", names2(on), spec)
	switch {
	case c.InBackend():
		r.balancer.be(moodFine)
	case c.Before != "":
		r.deposed(ctx, on[0], c.Before)
	}
	looked := time.Now()
	for end := time.Now().Add(fireWithin); !fired && time.Now().Before(end) && ctx.Err() == nil; {
		if c.Before == "" && time.Since(looked) > 500*time.Millisecond && (engine || c.Role == chaos.Leader) {
			// Another node may lead by now.
			looked = time.Now()
			if lead := r.leader(); lead != nil && !slices.Contains(on, lead) {
				on, before[lead] = append(on, lead), lead.firings(c.Point)
				lead.arm(spec)
			}
		}
		for _, n := range on {
			if n.firings(c.Point) > before[n] {
				fired = true
				r.tell("%s met %s", n.name, c.Name())
				if n.still() {
					n.paused(c.Point)
				}
			}
		}
		pause(ctx, 5*time.Millisecond)
	}
	thaw, down := func() {}, s.Down
	if fired && engine && c.Role != chaos.All && rng.IntN(2) == 0 {
		// It goes on at once, while it still has time to begin.
		thaw, down = r.freezeMeanwhile(ctx, on[0], rng), 200*time.Millisecond
	}
	if fired && c.Role == chaos.All {
		for _, n := range r.nodes {
			switch {
			case slices.Contains(on, n) && n.firings(c.Point) > before[n]:
			case c.Fault == "stop":
				n.pause()
			default:
				n.kill()
			}
		}
	}
	pause(ctx, down)
	for _, n := range r.nodes {
		n.arm("")
		if n.still() {
			n.paused(c.Point)
		}
		n.resume()
		n.start()
	}
	thaw()
	if !fired {
		r.tell("%s was not met", c.Name())
	}
	return fired
}

// freezeMeanwhile has a person freeze, over the node that leads next, while an
// execution stands still or is without its process, and returns what lifts it.
func (r *seedRun) freezeMeanwhile(ctx context.Context, n *node, rng *rand.Rand) (thaw func()) {
	why := r.word(rng)
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		lead := r.leader()
		if lead != nil && lead != n && r.person(lead, chaos.Asked{Verb: "freeze", Reason: why}, "freeze", "--reason", why) {
			break
		}
	}
	return func() {
		pause(ctx, 2*time.Second)
		r.insist(ctx, rng, chaos.Asked{Verb: "unfreeze"}, "unfreeze")
	}
}

// shortener has the one node that shortens its log take the role, as far as
// that can be had: another leader is killed until it leads.
func (r *seedRun) shortener(ctx context.Context, role string, rng *rand.Rand) []*node {
	n := r.nodes[len(r.nodes)-1]
	for range 6 {
		if lead := r.pick(ctx, chaos.Leader, rng)[0]; (lead == n) == (role == chaos.Leader) {
			break
		} else if lead == n || ctx.Err() == nil {
			r.tell("%s must not lead for this", lead.name)
			lead.kill()
			pause(ctx, time.Second)
			lead.start()
		}
	}
	return []*node{n}
}

// deposed waits until a process stands still at its point and another node
// leads, and lets it go on.
func (r *seedRun) deposed(ctx context.Context, n *node, before string) {
	for end := time.Now().Add(fireWithin); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 50*time.Millisecond) {
		if !n.still() {
			continue
		}
		n.paused(before)
		if lead := r.leader(); lead != nil && lead != n {
			r.tell("%s leads now, and %s goes on", lead.name, n.name)
			break
		}
	}
	n.resume()
}

// deposedInBackend has HAProxy sit on a command until the node that sent it is
// cut off and another leads, and returns that node.
func (r *seedRun) deposedInBackend(ctx context.Context, n *node) []*node {
	r.balancer.be(moodSit)
	sent := func() (from *node) {
		r.record(func() {
			for _, e := range r.effects {
				if e.Applied == 0 && e.Came > r.now()-time.Second {
					from = r.nodeOf(e.Node)
				}
			}
		})
		return from
	}
	for end := time.Now().Add(fireWithin); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
		if by := sent(); by != nil {
			n = by
			break
		}
	}
	undo := r.commitNetwork(ctx, chaos.Act{Fault: chaos.FaultAlone}, n)
	defer undo()
	for end := time.Now().Add(2500 * time.Millisecond); time.Now().Before(end) && ctx.Err() == nil; pause(ctx, 20*time.Millisecond) {
		if st := r.statusOf(n); st != nil && !st.Leader {
			r.tell("%s leads no more, and HAProxy has its command", n.name)
			break
		}
	}
	return []*node{n}
}

func (r *seedRun) nodeOf(name string) *node {
	for _, n := range r.nodes {
		if n.name == name {
			return n
		}
	}
	return nil
}

// firings counts how often a node's processes have met a point that was armed.
func (n *node) firings(point string) int {
	raw, err := os.ReadFile(n.fired)
	if err != nil {
		return 0
	}
	count := 0
	for line := range strings.Lines(string(raw)) {
		if name, _, _ := strings.Cut(line, " "); name == point {
			count++
		}
	}
	return count
}

func names2(nodes []*node) string {
	var all []string
	for _, n := range nodes {
		all = append(all, n.name)
	}
	return strings.Join(all, " ")
}

// rollout gives the nodes another config, one after the other, and then the
// usual one again.
func (r *seedRun) rollout(ctx context.Context, rng *rand.Rand) {
	next := r.usual()
	p := r.pools[rng.IntN(len(r.pools))]
	x := next[p.name]
	switch rng.IntN(3) {
	case 0:
		x.level = []string{"notify", "confirm", "metric-only"}[rng.IntN(3)]
	default:
		x.out, x.min = 1, len(p.hosts)-1
	}
	next[p.name] = x
	r.tell("rollout: %s gets %+v", p.name, x)
	all := r.roll(ctx, rng, next)
	from := r.now() + graceOfRollout
	pause(ctx, 3*time.Second)
	until := r.now()
	if all && from < until && x.out < p.out {
		r.record(func() {
			r.stricter[p.name] = append(r.stricter[p.name], chaos.Limit{From: from, To: until, MinInService: x.min, MaxOut: x.out})
		})
	}
	r.roll(ctx, rng, r.usual())
}

// graceOfRollout is how long what was admitted before may still come.
const graceOfRollout = 2 * time.Second

// roll writes and reloads the config on every node, and reports whether all
// took it.
func (r *seedRun) roll(ctx context.Context, rng *rand.Rand, to rules) bool {
	all := true
	for _, i := range rng.Perm(len(r.nodes)) {
		n := r.nodes[i]
		n.rules = to
		n.write()
		ok := false
		for range 6 {
			if ok = r.person(n, chaos.Asked{Verb: "reload"}, "reload"); ok || ctx.Err() != nil {
				break
			}
			pause(ctx, 300*time.Millisecond)
		}
		all = all && ok
		pause(ctx, time.Duration(rng.Int64N(int64(800*time.Millisecond))))
	}
	return all
}
