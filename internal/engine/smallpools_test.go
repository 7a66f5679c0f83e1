package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// TestSmallPools runs pools of 1, 2, 3 and 5 hosts through the whole engine and
// ledger: how many of the bad hosts are taken out, and what is named first by
// those that are not. The expectations are worked out by hand, in the last
// column.
func TestSmallPools(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		n, floor, most   int
		fraction, maxBad float64
		bad, out         int // out: by another hand, and well
		acts             int
		blocker          string
		because          string
	}{
		{1, 0, 1, 1, 0.2, 1, 0, 1, "", "0 stay, the floor is 0; 1 bad is never common"},
		{1, 1, 1, 1, 0.2, 1, 0, 0, "pool_floor", "0 would stay of 1"},
		{1, 0, 0, 1, 0.2, 1, 0, 0, "max_out", "0 is never one anyway"},
		{1, 0, 1, 0.99, 0.2, 1, 0, 0, "max_out", "0.99 of 1 rounds down to 0"},
		{1, 0, 1, 1, 0, 1, 0, 1, "", "1 bad is never common, at max_bad_fraction 0 either"},

		{2, 1, 1, 1, 0.2, 1, 0, 1, "", "1 stays"},
		{2, 2, 1, 1, 0.2, 1, 0, 0, "pool_floor", "1 would stay of 2"},
		{2, 1, 1, 1, 0.2, 1, 1, 0, "pool_floor", "0 would stay of 1"},
		{2, 0, 1, 1, 0.2, 1, 1, 0, "max_out", "2 would be out of 1"},
		{2, 0, 2, 1, 0.2, 1, 1, 1, "", "2 out of 2"},
		{2, 0, 2, 0.5, 0.2, 1, 0, 1, "", "0.5 of 2 is 1"},
		{2, 0, 2, 0.49, 0.2, 1, 0, 0, "max_out", "0.49 of 2 rounds down to 0"},
		{2, 0, 2, 1, 0.2, 2, 0, 0, "common_mode", "2 bad, 1 is the most"},
		{2, 0, 2, 1, 0.99, 2, 0, 0, "common_mode", "0.99 of 2 rounds down to 1"},
		{2, 0, 2, 1, 1, 2, 0, 2, "", "all of 2 may be bad"},
		{2, 1, 2, 1, 1, 2, 0, 1, "pool_floor", "the second is the last"},

		{3, 2, 1, 1, 0.2, 1, 0, 1, "", "2 stay"},
		{3, 2, 2, 1, 0.2, 1, 1, 0, "pool_floor", "1 would stay of 2"},
		{3, 1, 2, 1, 0.2, 1, 1, 1, "", "1 stays, 2 out of 2"},
		{3, 1, 1, 1, 0.2, 1, 1, 0, "max_out", "2 would be out of 1"},
		{3, 0, 3, 0.34, 0.2, 1, 0, 1, "", "0.34 of 3 rounds down to 1"},
		{3, 0, 3, 0.33, 0.2, 1, 0, 0, "max_out", "0.33 of 3 rounds down to 0"},
		{3, 0, 3, 1, 0.2, 2, 0, 0, "common_mode", "2 bad, 1 is the most"},
		{3, 0, 3, 1, 0.66, 2, 0, 0, "common_mode", "0.66 of 3 rounds down to 1"},
		{3, 1, 2, 1, 0.67, 2, 0, 2, "", "0.67 of 3 rounds down to 2; 1 stays"},
		{3, 2, 2, 1, 0.67, 2, 0, 1, "pool_floor", "the second would leave 1 of 2"},
		{3, 0, 1, 1, 0.67, 2, 0, 1, "max_out", "the second would make 2 of 1"},

		{5, 3, 2, 1, 0.2, 1, 0, 1, "", "4 stay"},
		{5, 3, 2, 1, 0.2, 2, 0, 0, "common_mode", "0.2 of 5 is 1"},
		{5, 3, 2, 1, 0.4, 2, 0, 2, "", "0.4 of 5 is 2; 3 stay"},
		{5, 4, 2, 1, 0.4, 2, 0, 1, "pool_floor", "the second would leave 3 of 4"},
		{5, 0, 5, 0.2, 0.4, 2, 0, 1, "max_out", "0.2 of 5 is 1"},
		{5, 0, 5, 0.19, 0.4, 1, 0, 0, "max_out", "0.19 of 5 rounds down to 0"},
		{5, 3, 2, 1, 0.2, 1, 1, 1, "", "3 stay, 2 out of 2"},
		{5, 3, 2, 1, 0.2, 1, 2, 0, "pool_floor", "2 would stay of 3"},
		{5, 0, 5, 0.6, 0.2, 1, 2, 1, "", "0.6 of 5 is 3"},
		{5, 0, 5, 0.59, 0.2, 1, 2, 0, "max_out", "0.59 of 5 rounds down to 2"},
		{5, 2, 3, 1, 0.6, 3, 0, 3, "", "0.6 of 5 is 3; 2 stay"},
		{5, 2, 3, 1, 0.6, 4, 0, 0, "common_mode", "4 bad, 3 are the most"},
		{5, 1, 5, 1, 1, 5, 0, 4, "pool_floor", "the fifth is the last"},
	} {
		t.Run(fmt.Sprintf("%d hosts, floor %d, out %d and %v, bad %v, %d bad, %d out", tt.n, tt.floor, tt.most, tt.fraction, tt.maxBad, tt.bad, tt.out), func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				for i := range tt.out {
					r.lb.set(r.host(tt.n-1-i), "maint")
				}
				for i := range tt.bad {
					r.bad(i)
				}
				r.rounds(15 * time.Minute)
				if r.lb.acts() != tt.acts {
					t.Errorf("%d acts, want %d: %s", r.lb.acts(), tt.acts, tt.because)
				}
				out := 0
				for i := range tt.bad {
					c := r.open(i)
					switch {
					case c == nil:
						t.Errorf("%s is bad and has no case", r.host(i))
					case c.Stage == remedy.StageOut:
						out++
					case blockedBy(c) != tt.blocker || c.Decision.Level != remedy.LevelBlocked:
						t.Errorf("%s: %s, blocked by %q at %s, want %q: %s", r.host(i), c.Stage, blockedBy(c), c.Decision.Level, tt.blocker, tt.because)
					}
				}
				if out != tt.acts {
					t.Errorf("%d are out, want %d", out, tt.acts)
				}
			}, func(s *setup) {
				s.n, s.canary.MaxBadFraction = tt.n, tt.maxBad
				s.limits.MinInService, s.limits.MaxOut, s.limits.MaxOutFraction, s.limits.SettleAfterAction = tt.floor, tt.most, tt.fraction, 0
			})
		})
	}
}

// list lets the inventory list so many hosts.
func (r *rig) list(n int) {
	r.inv.mu.Lock()
	defer r.inv.mu.Unlock()
	r.inv.hosts = r.src.hosts[:n]
}

// TestGrowingAndShrinking changes the inventory between the question and the
// yes. A shrink by more than max(1, a fifth) within an hour blocks until a
// person accepts it; otherwise the floor counts the hosts there are now.
func TestGrowingAndShrinking(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		from, to, floor int
		fraction        float64
		// unread: the size is not accepted, so that nobody knows it.
		blocker string
		unread  bool
		// accepted is what blocks once a person accepted the size.
		accepted string
	}{
		{from: 2, to: 1, floor: 0, fraction: 1},
		{from: 2, to: 1, floor: 1, fraction: 1, blocker: "pool_floor", accepted: "pool_floor"},
		{from: 3, to: 2, floor: 1, fraction: 1},
		{from: 3, to: 2, floor: 2, fraction: 1, blocker: "pool_floor", accepted: "pool_floor"},
		{from: 3, to: 1, floor: 0, fraction: 1, blocker: "common_mode", unread: true},
		{from: 5, to: 4, floor: 3, fraction: 1},
		{from: 5, to: 3, floor: 2, fraction: 1, blocker: "common_mode", unread: true},
		{from: 5, to: 3, floor: 3, fraction: 1, blocker: "common_mode", unread: true, accepted: "pool_floor"},
		{from: 10, to: 8, floor: 7, fraction: 1},
		{from: 10, to: 8, floor: 8, fraction: 1, blocker: "pool_floor", accepted: "pool_floor"},
		{from: 10, to: 9, floor: 2, fraction: 0.1, blocker: "max_out", accepted: "max_out"}, // 0.9 rounds down to 0
		{from: 10, to: 7, floor: 2, fraction: 1, blocker: "common_mode", unread: true},
		{from: 10, to: 10, floor: 2, fraction: 0.1},
	} {
		t.Run(fmt.Sprintf("%d to %d, floor %d, %v", tt.from, tt.to, tt.floor, tt.fraction), func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.bad(0)
				c := r.reaches(0, remedy.StageWaiting)
				r.list(tt.to)
				r.rounds(step)
				r.must(r.answer(c.ID, true))
				r.rounds(2 * time.Minute)
				d, waits := r.e.Now(c.ID)
				switch {
				case tt.blocker == "":
					if r.lb.acts() != 1 {
						t.Fatalf("%d acts, blocked by %q", r.lb.acts(), d.BlockedBy)
					}
					return
				case r.lb.acts() != 0 || !waits || d.BlockedBy != tt.blocker:
					t.Fatalf("%d acts, blocked by %q", r.lb.acts(), d.BlockedBy)
				}
				unread := false
				for _, a := range d.Answers {
					unread = unread || a.Unreadable
				}
				if unread != tt.unread {
					t.Errorf("unreadable %v: %+v", unread, d.Answers)
				}
				if tt.unread {
					r.must(r.e.AcceptPool(r.ctx(), alice(), ingest))
				}
				r.rounds(2 * time.Minute)
				if tt.accepted == "" && r.lb.acts() != 1 || tt.accepted != "" && r.lb.acts() != 0 {
					t.Errorf("accepted: %d acts", r.lb.acts())
				}
				if d, _ := r.e.Now(c.ID); d.BlockedBy != tt.accepted {
					t.Errorf("accepted: blocked by %q, want %q", d.BlockedBy, tt.accepted)
				}
			}, level(remedy.LevelConfirm), func(s *setup) {
				s.n, s.expires = tt.from, time.Hour
				s.limits.MinInService, s.limits.MaxOutFraction = tt.floor, tt.fraction
			})
		})
	}
}

// A pool that grows has room for what it hadn't, by what is there.
func TestGrowingMakesRoom(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name     string
		from, to int
		limit    func(*ledger.Limits)
		blocker  string
	}{
		{"the floor", 3, 4, func(l *ledger.Limits) { l.MinInService = 3 }, "pool_floor"},
		{"from one host", 1, 2, func(l *ledger.Limits) { l.MinInService = 1 }, "pool_floor"},
		{"a fraction", 9, 10, func(l *ledger.Limits) { l.MaxOutFraction = 0.1 }, "max_out"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.list(tt.from)
				r.rounds(step)
				r.bad(0)
				r.rounds(5 * time.Minute)
				if r.lb.acts() != 0 || blockedBy(r.open(0)) != tt.blocker {
					t.Fatalf("%d acts, blocked by %q", r.lb.acts(), blockedBy(r.open(0)))
				}
				r.list(tt.to)
				r.rounds(time.Minute)
				c := r.open(0)
				if r.lb.acts() != 1 {
					t.Fatalf("%d acts when it grew, blocked by %q", r.lb.acts(), blockedBy(c))
				}
				// It shrinks again while the host is out: putting it back is free.
				r.list(tt.from)
				r.rounds(time.Minute)
				r.must(r.undo(c.ID, remedy.UndoFixed))
				if got := r.lb.admin(r.host(0)); got != "ready" {
					t.Errorf("after the undo it is in %q", got)
				}
			}, limits(tt.limit), func(s *setup) { s.n = tt.to })
		})
	}
}

// A host that leaves between START and the gate is not touched; one that leaves
// during the effect is nobody's afterwards, and its slot is free.
func TestHostLeavesWhileItIsActedOn(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		leave   func(r *rig, round func())
		acts    int
		outcome remedy.Outcome // of the execution
	}{
		{"before the gate", func(r *rig, round func()) {
			r.log.verify = func() error { round(); return nil }
		}, 0, remedy.OutcomeAborted},
		{"during the effect", func(r *rig, round func()) {
			r.lb.effect = func(_ context.Context, set func()) error { round(); set(); return nil }
		}, 1, remedy.OutcomeDone},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.rounds(step)
				left := false
				tt.leave(r, func() {
					if !left {
						left = true
						r.list(9)
						r.e.Round(r.ctx())
					}
				})
				r.bad(9)
				r.rounds(10 * time.Minute)
				c := r.last(9)
				if x := c.Execution(); !left || r.lb.acts() != tt.acts || x == nil || x.Outcome != tt.outcome {
					t.Fatalf("left %v, %d acts, %+v", left, r.lb.acts(), x)
				}
				if c.Stage != remedy.StageClosed || c.Outcome != remedy.OutcomeGone {
					t.Errorf("%s, %s", c.Stage, c.Outcome)
				}
				if f := r.l.Facts(ledger.FactsQuery{Pool: ingest, Host: r.host(3), Action: drain, Now: r.clk.Now()}); f.N != 9 || f.Out != 0 || f.Running != 0 {
					t.Errorf("%d hosts, %d out, %d running", f.N, f.Out, f.Running)
				}
			})
		})
	}
}

// An hour and a day are elapsed time, on nights on which clocks change as well:
// a day of 23 hours doesn't give the allowance back early.
func TestRatesCountElapsedTime(t *testing.T) {
	t.Parallel()
	dublin, err := time.LoadLocation("Europe/Dublin")
	if err != nil {
		t.Fatal(err)
	}
	for _, night := range []time.Time{
		time.Date(2026, 3, 28, 12, 0, 0, 0, dublin), time.Date(2026, 3, 29, 0, 30, 0, 0, dublin), // 01:00 is 02:00
		time.Date(2026, 10, 24, 12, 0, 0, 0, dublin), time.Date(2026, 10, 25, 1, 30, 0, 0, dublin), // 02:00 is 01:00
	} {
		t.Run(night.String(), func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.clk.Advance(night.Sub(r.clk.Now()))
				r.rounds(step)
				r.must(r.byHand(5))
				began := r.last(5).Execution().StartedAt
				for _, at := range []struct {
					after     time.Duration
					hour, day int
				}{
					{time.Hour - time.Second, 1, 1}, {time.Hour, 0, 1}, {23 * time.Hour, 0, 1}, {24*time.Hour - time.Second, 0, 1}, {24 * time.Hour, 0, 0},
				} {
					f := r.l.Facts(ledger.FactsQuery{Pool: ingest, Host: r.host(5), Action: drain, Now: began.Add(at.after).In(dublin)})
					if f.PoolHour != at.hour || f.PoolDay != at.day || f.Attempts != at.day {
						t.Errorf("%s later: %d in the hour, %d in the day, %d attempts", at.after, f.PoolHour, f.PoolDay, f.Attempts)
					}
				}
			})
		})
	}
}
