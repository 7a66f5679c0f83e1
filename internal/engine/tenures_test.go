package engine

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Three nodes, hosts that turn bad and good, people who undo, effects that fail,
// and leadership that changes at any step of whoever has it, again and again,
// while the leader that was stands still or goes on: each execution ends in a
// verdict or with a person, no token has two effects, and no more is out by
// warden's hand than the limits allow.
func TestManyTenures(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			goroutines(t, func(r *rig, pass func(time.Duration)) { manyTenures(r.t, r, pass, rand.New(rand.NewPCG(seed, 1))) },
				limits(func(l *ledger.Limits) { l.MaxOut, l.SettleAfterAction = 3, time.Minute }),
				func(s *setup) { s.cooldown = 10 * time.Minute })
		})
	}
}

func manyTenures(t *testing.T, r *rig, pass func(time.Duration), dice *rand.Rand) {
	t.Helper()
	r.lb.ages, r.lb.linger = dice.IntN(2) == 0, 10*time.Second
	r.lb.effect = func(_ context.Context, set func()) error {
		if dice.IntN(6) == 0 {
			return errTest
		}
		set()
		if dice.IntN(8) == 0 {
			return errTest
		}
		return nil
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	s := newSeveral(ctx, r, 3)
	s.elect(ctx, 0)
	leader := 0
	for range 40 {
		m := s.nodes[leader]
		if dice.IntN(2) == 0 { // the tenure ends at one of its next steps
			next, stands := dice.IntN(3), dice.IntN(2) == 0
			m.mu.Lock()
			m.at, m.then = m.n+1+dice.IntN(40), func() {
				s.depose()
				if stands {
					m.stand()
				}
				r.clk.AfterFunc(time.Duration(dice.IntN(20))*time.Second, func() {
					if s.nodes[next] == m {
						m.resume()
					}
					s.elect(ctx, next)
					s.mu.Lock()
					leader = next
					s.mu.Unlock()
				})
			}
			m.mu.Unlock()
		}
		r.ratio([]float64{0.1, 1}[dice.IntN(2)], dice.IntN(4))
		for _, c := range r.l.Pool(ingest, r.clk.Now()).Open {
			if c.Stage == remedy.StageOut && dice.IntN(4) == 0 {
				go func() { _ = s.nodes[leader].e.Undo(ctx, alice(), c.ID, remedy.UndoTest) }()
			}
		}
		pass(time.Duration(10+dice.IntN(90)) * time.Second)
		if out := byWarden(r); out > 4 { // three, and one whose effect was late
			t.Fatalf("%d hosts are out by warden's hand", out)
		}
		if dice.IntN(2) == 0 {
			for _, m := range s.nodes {
				m.resume()
			}
		}
		s.mu.Lock()
		none := s.leader < 0
		s.mu.Unlock()
		if none {
			pass(30 * time.Second)
		}
	}
	for _, m := range s.nodes {
		m.mu.Lock()
		m.at = 0
		m.mu.Unlock()
		m.resume()
	}
	r.lb.mu.Lock()
	r.lb.effect = nil
	r.lb.mu.Unlock()
	for i := range 4 {
		r.good(i)
	}
	pass(10 * time.Minute)
	late := s.settled(t, "in the end")
	t.Logf("%d effects, %d undone, %d late", len(r.lb.applied), len(r.lb.undone), late)
}
