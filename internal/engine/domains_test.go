package engine

import (
	"fmt"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// racks puts host i in rack i mod n.
func (r *rig) racks(n int) {
	r.inv.mu.Lock()
	defer r.inv.mu.Unlock()
	r.inv.racks = map[remedy.HostName]string{}
	for i, h := range r.inv.hosts {
		r.inv.racks[h] = fmt.Sprint("r", i%n)
	}
}

// rackLimits let hosts of one rack be out.
func rackLimits(l *ledger.Limits) { l.DomainLabel, l.MaxDomains, l.SettleAfterAction = "rack", 1, 0 }

// Hosts of one rack at a time are taken out, whoever took out the first.
func TestOneRackAtATime(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		before func(*rig)
		acts   int // of the hosts 0 and 5, which share a rack, and 1
		want   string
	}{
		{"two of a rack, and one of another", func(*rig) {}, 2, "failure_domain"},
		{"another hand took out one of a third rack", func(r *rig) { r.lb.set(r.host(2), "maint") }, 0, "failure_domain"},
		{"another hand took out one of the second", func(r *rig) { r.lb.set(r.host(6), "maint") }, 1, "failure_domain"},
		{"another hand took out one without a rack", func(r *rig) {
			r.lb.set(r.host(2), "maint")
			delete(r.inv.racks, r.host(2))
		}, 0, "failure_domain"},
		{"the load balancer doesn't know one of a third", func(r *rig) { delete(r.lb.servers, r.host(2)) }, 0, "failure_domain"},
	}
	for _, tt := range tests {
		for _, rung := range []remedy.Level{remedy.LevelMetricOnly, remedy.LevelAuto} {
			t.Run(fmt.Sprintf("%s at %s", tt.name, rung), func(t *testing.T) {
				t.Parallel()
				story(t, func(r *rig) {
					t := r.t
					r.racks(5)
					tt.before(r)
					r.rounds(5 * time.Minute)
					r.bad(0, 5)
					r.rounds(5 * time.Minute)
					r.bad(1)
					r.rounds(10 * time.Minute)
					acts := r.lb.acts()
					if rung == remedy.LevelMetricOnly {
						acts = r.wouldAct()
					}
					if acts != tt.acts {
						t.Errorf("%d acts, want %d", acts, tt.acts)
					}
					blocked := 0
					for _, i := range []int{0, 1, 5} {
						if blockedBy(r.open(i)) == tt.want {
							blocked++
						}
					}
					if blocked != 3-tt.acts {
						t.Errorf("%d are blocked by %s, want %d", blocked, tt.want, 3-tt.acts)
					}
				}, level(rung), limits(rackLimits), func(s *setup) { s.canary.MaxBadFraction = 1 })
			})
		}
	}
}

// A person is bound as well, and the host's own label is needed.
func TestPeopleAndRacks(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.racks(5)
		r.rounds(time.Minute)
		r.must(r.byHand(0))
		r.rounds(time.Minute)
		if err := r.byHand(1); err == nil || r.lb.acts() != 1 {
			t.Errorf("a second rack by hand: %v, %d acts", err, r.lb.acts())
		}
		r.must(r.byHand(5))
		c := r.reaches(0, remedy.StageOut)
		delete(r.inv.racks, r.host(0))
		r.rounds(time.Minute)
		if err := r.byHand(3); err == nil {
			t.Error("taken out while nobody knows where another stands")
		}
		r.must(r.undo(c.ID, remedy.UndoTest)) // undo is not bound
		if r.lb.acts() != 2 {
			t.Errorf("%d acts, want 2", r.lb.acts())
		}
	}, limits(rackLimits))
}
