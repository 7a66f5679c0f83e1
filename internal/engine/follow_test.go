package engine

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"warden/internal/inventory"
	"warden/internal/remedy"
)

// A node that doesn't lead looks and judges, and shows it; it commits nothing.
// Once it leads, it begins at once, with what it knew, and decides nothing on a
// round that it ran before.
func TestFollowThenLead(t *testing.T) {
	t.Parallel()
	goroutines(t, func(r *rig, pass func(time.Duration)) {
		t := r.t
		// What the leader, another node, has committed.
		r.rounds(time.Minute)
		r.restart()
		r.e.leads = nil
		ctx, stop := context.WithCancel(t.Context())
		go r.e.Follow(ctx)
		r.bad(3)
		entries := len(r.log.entries)
		pass(5 * time.Minute)
		v := r.e.View()
		j := v.Judgements(ingest)
		if len(j) != 1 || !v.Local || v.Rounds != 0 || r.e.LocalRounds() < 9 {
			t.Fatalf("%+v after %d local rounds", v, r.e.LocalRounds())
		}
		if f, ok := j[0].Of(r.host(3)); !ok || j[0].Finding(f).Verdict != remedy.VerdictBad {
			t.Errorf("%+v", j[0].Verdicts)
		}
		if len(r.log.entries) != entries || r.lb.acts() != 0 {
			t.Errorf("a follower committed %d entries and acted %d times", len(r.log.entries)-entries, r.lb.acts())
		}
		last, ok := r.e.LastRound()
		if !ok || r.clk.Now().Sub(last.Wall) > step {
			t.Errorf("the newest round was at %v", last)
		}
		if _, err := r.e.RunByHand(ctx, alice(), RunRequest{Action: drain, Target: Target{Pool: ingest, Host: r.host(5)}}); err == nil {
			t.Error("a follower ran something")
		}
		tenure, depose := context.WithCancel(ctx)
		ended := make(chan error, 1)
		go func() { ended <- r.e.Run(tenure) }()
		pass(3 * time.Minute)
		if r.lb.acts() != 1 {
			t.Errorf("%d acts once it leads", r.lb.acts())
		}
		n := r.e.LocalRounds()
		pass(3 * time.Minute)
		if r.e.LocalRounds() != n {
			t.Error("local rounds beside a tenure")
		}
		depose()
		r.must(<-ended)
		pass(3 * time.Minute)
		if r.e.LocalRounds() <= n {
			t.Error("no local rounds after the tenure")
		}
		stop()
	})
}

// hung is an inventory that answers when it is told to, whatever the context says.
type hung struct {
	inventory.Inventory
	release chan struct{}
	deaf    bool
	asked   int
}

func (h *hung) Hosts(ctx context.Context) ([]inventory.Host, error) {
	h.asked++
	if h.asked > 1 {
		return h.Inventory.Hosts(ctx)
	}
	if h.deaf {
		<-h.release
	} else {
		select {
		case <-h.release:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	return h.Inventory.Hosts(ctx)
}

// A local round that is under way delays no tenure, even when it hears nothing,
// and what it comes back with late changes nothing.
func TestTenureCallsOffLocalRound(t *testing.T) {
	t.Parallel()
	for _, deaf := range []bool{false, true} {
		goroutines(t, func(r *rig, pass func(time.Duration)) {
			t := r.t
			inv := &hung{Inventory: r.inv, release: make(chan struct{}), deaf: deaf}
			p := r.cfg.Pools[ingest]
			p.Inventory = inv
			r.cfg.Pools[ingest] = p
			ctx, stop := context.WithCancel(t.Context())
			go r.e.Follow(ctx)
			pass(firstLocal)
			if inv.asked != 1 {
				t.Fatalf("asked %d times", inv.asked)
			}
			before := r.clk.Now()
			ended := make(chan error, 1)
			go func() { ended <- r.e.Run(ctx) }()
			pass(handOver)
			v := r.e.View()
			if v.Rounds != 1 || v.Local || v.At.Sub(before) > handOver || !deaf && !v.At.Equal(before) {
				t.Errorf("deaf %v: the tenure's first round is %+v, it began at %s", deaf, v, before)
			}
			// A read that was called off is no failure of the inventory.
			if m := r.e.baton.memory.pools[ingest]; m.tracker.State().Failures != 0 {
				t.Errorf("%+v", m.tracker.State())
			}
			close(inv.release)
			synctest.Wait()
			pass(time.Minute)
			if r.e.LocalRounds() != 0 || r.e.View().Local {
				t.Errorf("the late round came through: %+v", r.e.View())
			}
			stop()
			r.must(<-ended)
		})
	}
}

// A freeze file on a node that follows freezes everything, once, in that node's
// name; so does one that can't be looked for.
func TestFreezeFileOfAFollower(t *testing.T) {
	t.Parallel()
	for _, unreadable := range []bool{false, true} {
		goroutines(t, func(r *rig, pass func(time.Duration)) {
			t := r.t
			ctx, stop := context.WithCancel(t.Context())
			defer stop()
			s := newSeveral(ctx, r, 2)
			cfg := *s.nodes[1].e.Config()
			var there atomic.Bool
			cfg.FreezeFile = func() (bool, error) {
				if there.Load() && unreadable {
					return false, errTest
				}
				return there.Load(), nil
			}
			s.nodes[1].e.config.Store(&cfg)
			s.elect(ctx, 0)
			pass(2 * time.Minute)
			if r.l.Status().Freeze != nil {
				t.Fatal("frozen without a reason")
			}
			there.Store(true)
			r.bad(3)
			pass(5 * time.Minute)
			f := r.l.Status().Freeze
			if f == nil || !strings.Contains(f.Reason, "n2-aaaa") || f.By.Person || r.lb.acts() != 0 {
				t.Fatalf("%+v, %d acts", f, r.lb.acts())
			}
			frozen := 0
			for _, e := range r.log.entries {
				if hasOp(e, "freeze.set") {
					frozen++
				}
			}
			if frozen != 1 {
				t.Errorf("%d freezes are in the log", frozen)
			}
			// Lifted while the cause is there, it comes back; after that, not.
			r.must(s.nodes[0].e.Unfreeze(ctx, alice()))
			pass(time.Minute)
			if r.l.Status().Freeze == nil {
				t.Error("a freeze file that is still there was forgotten")
			}
			there.Store(false)
			r.must(s.nodes[0].e.Unfreeze(ctx, alice()))
			pass(5 * time.Minute)
			if r.l.Status().Freeze != nil || r.lb.acts() != 1 {
				t.Errorf("%+v, %d acts", r.l.Status().Freeze, r.lb.acts())
			}
		})
	}
}
