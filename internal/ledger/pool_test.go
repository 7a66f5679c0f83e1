package ledger_test

import (
	"fmt"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// The allowance is max(1, a fifth): one host more blocks the pool.
func TestShrink(t *testing.T) {
	t.Parallel()
	tests := []struct{ n, least int }{{1, 1}, {2, 1}, {3, 2}, {5, 4}, {10, 8}, {40, 32}}
	for _, tt := range tests {
		for left := range tt.n + 1 {
			t.Run(fmt.Sprintf("%d to %d", tt.n, left), func(t *testing.T) {
				t.Parallel()
				r := newRig(t, hosts(tt.n))
				r.pass(time.Minute)
				r.ok(&ledger.PoolSize{Pool: pool, N: left})
				f := r.facts()
				if want := left >= tt.least; f.SizeKnown != want || f.N != left {
					t.Fatalf("known is %v (%s), want %v", f.SizeKnown, f.SizeWhy, want)
				}
				if !f.SizeKnown && f.SizeWhy == "" {
					t.Error("blocked without a reason")
				}
				notices := r.ofKind(ledger.NoticePool)
				if f.SizeKnown != (len(notices) == 0) || (len(notices) > 0 && !notices[0].Page) {
					t.Errorf("notices: %+v", notices)
				}
				if f.SizeKnown {
					r.refused(ledger.RefusedNothing, alice(), &ledger.PoolAccept{Pool: pool})
					return
				}
				r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.PoolAccept{Pool: pool})
				if left == 0 {
					r.refused(ledger.RefusedBad, alice(), &ledger.PoolAccept{Pool: pool})
					return
				}
				basis := f.Basis
				r.okAs(alice(), &ledger.PoolAccept{Pool: pool})
				if f := r.facts(); !f.SizeKnown || f.N != left || f.Basis == basis {
					t.Errorf("accepted, and the facts are %+v", f)
				}
				// What was accepted is what the next shrink is measured by.
				r.pass(time.Minute)
				r.ok(&ledger.PoolSize{Pool: pool, N: left})
				if f := r.facts(); !f.SizeKnown {
					t.Errorf("the accepted size is blocked again: %s", f.SizeWhy)
				}
			})
		}
	}
}

func TestShrinkBitByBit(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		every time.Duration
		sizes []int
		known []bool
	}{
		{"within the hour, one by one", 10 * time.Minute, []int{9, 8, 7, 6}, []bool{true, true, false, false}},
		{"slower than the window", 61 * time.Minute, []int{9, 8, 7, 6}, []bool{true, true, true, true}},
		{"the old size counts from when it ended", 59 * time.Minute, []int{10, 8, 7}, []bool{true, true, false}},
		{"blocked stays blocked", 2 * time.Hour, []int{5, 5, 7, 8}, []bool{false, false, false, true}},
		{"back after being empty", time.Minute, []int{0, 5, 8}, []bool{false, false, true}},
		{"growth is welcome", time.Minute, []int{40, 10}, []bool{true, false}},
		{"growth beyond what it was", time.Minute, []int{5, 20}, []bool{false, true}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			for i, n := range tt.sizes {
				r.long(tt.every)
				r.ok(&ledger.PoolSize{Pool: pool, N: n})
				if f := r.facts(); f.SizeKnown != tt.known[i] {
					t.Fatalf("step %d, %d hosts: known is %v (%s)", i, n, f.SizeKnown, f.SizeWhy)
				}
			}
		})
	}
}

func TestInventory(t *testing.T) {
	t.Parallel()
	t.Run("never read", func(t *testing.T) {
		t.Parallel()
		r := bare(t)
		if f := r.facts(); f.SizeKnown || f.SizeWhy == "" {
			t.Errorf("an unread inventory is known: %+v", f)
		}
		r.ok(&ledger.PoolSize{Pool: pool, Stale: true})
		if f := r.facts(); f.SizeKnown {
			t.Error("stale before it was read is known")
		}
	})
	t.Run("empty at first", func(t *testing.T) {
		t.Parallel()
		r := newRig(t, hosts(0))
		if f := r.facts(); f.SizeKnown {
			t.Error("an empty inventory is known")
		}
		r.ok(&ledger.PoolSize{Pool: pool, N: 3})
		if f := r.facts(); !f.SizeKnown || f.N != 3 {
			t.Errorf("facts: %+v", f)
		}
	})
	t.Run("stale, and back", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.ok(&ledger.PoolSize{Pool: pool, Stale: true})
		if f := r.facts(); f.SizeKnown || f.N != 10 {
			t.Errorf("stale: %+v", f)
		}
		r.refused(ledger.RefusedNothing, alice(), &ledger.PoolAccept{Pool: pool})
		basis := r.facts().Basis
		r.ok(&ledger.PoolSize{Pool: pool, N: 10})
		if f := r.facts(); !f.SizeKnown || f.Basis == basis {
			t.Errorf("back: %+v", f)
		}
	})
	t.Run("accepting while stale leaves it stale", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.ok(&ledger.PoolSize{Pool: pool, N: 4}, &ledger.PoolSize{Pool: pool, Stale: true})
		r.okAs(alice(), &ledger.PoolAccept{Pool: pool})
		if f := r.facts(); f.SizeKnown {
			t.Error("a person's acceptance made a stale inventory known")
		}
	})
	t.Run("an edited list is taken", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		r.ok(&ledger.PoolSize{Pool: pool, N: 3, Accepted: true})
		if f := r.facts(); !f.SizeKnown || f.N != 3 {
			t.Errorf("facts: %+v", f)
		}
		r.ok(&ledger.PoolSize{Pool: pool, N: 0, Accepted: true})
		if f := r.facts(); f.SizeKnown {
			t.Error("an empty list was accepted by editing it")
		}
	})
	t.Run("the same again moves nothing", func(t *testing.T) {
		t.Parallel()
		r := newRig(t)
		basis := r.facts().Basis
		r.ok(&ledger.PoolSize{Pool: pool, N: 10})
		if r.facts().Basis != basis {
			t.Error("the basis moved")
		}
		r.refused(ledger.RefusedBad, remedy.Warden(), &ledger.PoolSize{Pool: pool, N: -1})
	})
}

func TestOutSet(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2", Admin: "maint"}, {Host: "h1", Admin: "drain"}}})
	since := r.now
	r.pass(time.Minute)
	basis := r.facts().Basis
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2", Admin: "maint", Since: r.now}}, Clear: []remedy.HostName{"h9"}})
	if r.facts().Basis != basis {
		t.Error("the same out-set again moved the basis")
	}
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h2", Admin: "drain"}}})
	p := r.l.Pool(pool, r.now)
	if len(p.Out) != 2 || p.Out[0].Host != "h1" || p.Out[1].Admin != "drain" || !p.Out[1].Since.Equal(since) || r.facts().Basis == basis {
		t.Errorf("the out-set is %+v", p.Out)
	}
	if f := r.facts(); f.Out != 1 || !f.HostOut {
		t.Errorf("%d others out, host out %v", f.Out, f.HostOut)
	}
	if f := r.facts(func(q *ledger.FactsQuery) { q.Host = "h5" }); f.Out != 2 || f.HostOut {
		t.Errorf("%d others out, host out %v", f.Out, f.HostOut)
	}
	r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h1", "h2"}})
	if f := r.facts(); f.Out != 0 || f.HostOut {
		t.Errorf("%d others out, host out %v", f.Out, f.HostOut)
	}
}

// Each host counts once, whoever took it out and however often.
func TestOutIsCountedOnceAHost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.drained("h1")
	r.start(r.ok(judge("h2", remedy.LevelAuto)), remedy.Warden())
	unknown := r.ok(judge("h3", remedy.LevelAuto))
	r.finish(unknown, r.start(unknown, remedy.Warden()), remedy.OutcomeUnknown)
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h1"}, {Host: "h2"}, {Host: "h3"}, {Host: "h4"}}})
	if f := r.facts(func(q *ledger.FactsQuery) { q.Host = "h9" }); f.Out != 4 || f.Running != 1 {
		t.Errorf("%d out, %d running", f.Out, f.Running)
	}
	r.ok(&ledger.PoolOut{Pool: pool, Clear: []remedy.HostName{"h1", "h2", "h3", "h4"}})
	if f := r.facts(func(q *ledger.FactsQuery) { q.Host = "h9" }); f.Out != 3 {
		t.Errorf("%d out: the cases keep their slots whatever is observed", f.Out)
	}
}

func TestStorms(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	say := func(on bool) ledger.StormState {
		r.ok(&ledger.Storm{Pool: pool, Detector: canary, On: on, Detail: "5 of 10 bad", Page: true})
		return r.facts().Storm
	}
	if s := say(false); s.On || !s.StartedAt.IsZero() {
		t.Errorf("over before it began: %+v", s)
	}
	basis := r.facts().Basis
	if s := say(true); !s.On || s.Latched || !s.StartedAt.Equal(r.now) || s.Detail != "5 of 10 bad" || r.facts().Basis == basis {
		t.Errorf("it began: %+v", s)
	}
	began, basis := r.now, r.facts().Basis
	r.pass(time.Minute)
	if s := say(true); !s.StartedAt.Equal(began) || r.facts().Basis != basis {
		t.Errorf("on and on: %+v", s)
	}
	if s := say(false); s.On || !s.EndedAt.Equal(r.now) || s.Latched {
		t.Errorf("over: %+v", s)
	}
	r.refused(ledger.RefusedNothing, alice(), &ledger.StormReset{Pool: pool})
	r.long(23 * time.Hour)
	if s := say(true); !s.On || !s.Latched || !s.EndedAt.IsZero() {
		t.Errorf("the second within 24 h: %+v", s)
	}
	if s := say(false); s.On || !s.Latched {
		t.Errorf("a latch must outlast the storm: %+v", s)
	}
	r.refused(ledger.RefusedPerson, remedy.Warden(), &ledger.StormReset{Pool: pool})
	basis = r.facts().Basis
	r.okAs(alice(), &ledger.StormReset{Pool: pool})
	if s := r.facts().Storm; s.Latched || r.facts().Basis == basis {
		t.Errorf("reset: %+v", s)
	}
	if s := say(true); s.Latched {
		t.Errorf("the first after a reset latched: %+v", s)
	}
	say(false)
	r.long(24*time.Hour - time.Millisecond)
	if s := say(true); !s.Latched {
		t.Errorf("just within 24 h: %+v", s)
	}
	if other := r.facts(func(q *ledger.FactsQuery) { q.Detector = "other" }).Storm; other.On || other.Latched {
		t.Errorf("another detector has a storm too: %+v", other)
	}
	if n := r.ofKind(ledger.NoticeStorm); len(n) != 8 || !n[0].Page || n[1].Page {
		t.Errorf("%d notices: %+v", len(n), n)
	}
}

func TestStormsADayApartDontLatch(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	for range 3 {
		r.ok(&ledger.Storm{Pool: pool, Detector: canary, On: true})
		if r.facts().Storm.Latched {
			t.Fatal("latched")
		}
		r.ok(&ledger.Storm{Pool: pool, Detector: canary})
		r.long(24 * time.Hour)
	}
}

func TestQuietIsPerHostAndAction(t *testing.T) {
	t.Parallel()
	r := newRig(t, at(remedy.LevelConfirm))
	deny := func(h remedy.HostName) {
		id := r.ok(judge(h, remedy.LevelConfirm, r.asks("alice")))
		r.okAs(bob(), &ledger.CaseAnswer{Case: id, QuietFor: time.Hour})
	}
	deny("h1")
	deny("h2")
	deny("h1")
	if q := r.l.Pool(pool, r.now).Quiets; len(q) != 2 || q[0].Host != "h1" || q[1].Host != "h2" {
		t.Errorf("quiets: %+v", q)
	}
	r.ok(&ledger.HostGood{Pool: pool, Host: "h1", Action: "restart"})
	if r.facts().Quiet == nil {
		t.Error("being good for another action ended it")
	}
	r.pass(time.Hour)
	deny("h3") // what has run out is dropped when the next is kept
	if q := r.l.Pool(pool, r.now).Quiets; len(q) != 1 || q[0].Host != "h3" {
		t.Errorf("quiets: %+v", q)
	}
}
