package engine

import (
	"context"
	"testing"
	"time"

	"warden/internal/remedy"
)

// longestPause passes time and returns how long the pulse stood still at the
// longest.
func longestPause(r *rig, pass func(time.Duration), d time.Duration) time.Duration {
	longest, last, since := time.Duration(0), r.e.Pulse(), r.clk.Now()
	for end := r.clk.Now().Add(d); r.clk.Now().Before(end); {
		pass(time.Second)
		if p := r.e.Pulse(); p != last {
			last, since = p, r.clk.Now()
		}
		longest = max(longest, r.clk.Now().Sub(since))
	}
	return longest
}

// TestPulse: it goes on while rounds are run, whether this node leads or not, with
// detectors or without, and stands still while anything in them hangs.
func TestPulse(t *testing.T) {
	t.Parallel()
	run := map[string]func(*Engine, context.Context){
		"leader":   func(e *Engine, ctx context.Context) { _ = e.Run(ctx) },
		"follower": func(e *Engine, ctx context.Context) { e.Follow(ctx) },
	}
	for name, change := range map[string]func(*setup){
		"every 30s": func(*setup) {},
		"every 5m": func(s *setup) {
			s.canary.Interval, s.canary.Window, s.canary.For = 5*time.Minute, 10*time.Minute, 10*time.Minute
		},
		"without detectors": func(s *setup) { s.config = func(c *Config) { c.Detectors = nil } },
		"without pools":     func(s *setup) { s.config = func(c *Config) { c.Pools = map[remedy.PoolName]Pool{}; c.Detectors = nil } },
	} {
		for role, begin := range run {
			t.Run(name+"/"+role, func(t *testing.T) {
				t.Parallel()
				goroutines(t, func(r *rig, pass func(time.Duration)) {
					ctx, stop := context.WithCancel(r.t.Context())
					go begin(r.e, ctx)
					if got, most := longestPause(r, pass, time.Hour), r.e.Config().Standstill(0); got > most {
						r.t.Errorf("it stood still for %s, and %s is the most", got, most)
					}
					stop()
				}, change)
			})
		}
	}
}

// TestPulseStops: an inventory, or a load balancer, that ignores its deadline.
func TestPulseStops(t *testing.T) {
	t.Parallel()
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		inv := &hung{Inventory: r.inv, release: make(chan struct{}), deaf: true}
		p := r.cfg.Pools[ingest]
		p.Inventory = inv
		r.cfg.Pools[ingest] = p
		ctx, stop := context.WithCancel(r.t.Context())
		go r.e.Follow(ctx)
		pass(time.Minute)
		if got := longestPause(r, pass, time.Hour); got < time.Hour {
			r.t.Errorf("it moved after %s, with an inventory that hangs", got)
		}
		close(inv.release)
		if got, most := longestPause(r, pass, time.Hour), r.e.Config().Standstill(0); got > most {
			r.t.Errorf("it stood still for %s after the inventory went on", got)
		}
		stop()
	})
}
