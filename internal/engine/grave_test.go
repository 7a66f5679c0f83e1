package engine

import (
	"slices"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// joke is the one line that isn't a fact, of a complaint about a host.
func (r *rig) joke(host int) string {
	r.t.Helper()
	c := r.last(host)
	m := r.e.message(ledger.Notice{Kind: ledger.NoticeComplaint, Case: c.ID, Pool: c.Pool, At: c.ChangedAt}, 0)
	m.Level = remedy.LevelNotify
	return chat.CardOf(m, chat.CardOptions{}).Joke
}

// A complaint loses its joke while a query says that something serious goes on,
// although it was told before, and by a failover too; it has it again after that.
func TestNoJokeWhileBlockWhenFires(t *testing.T) {
	t.Parallel()
	s := &siren{}
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(8 * time.Minute)
		if got := r.joke(3); got == "" {
			t.Fatalf("no joke at all: %+v", r.last(3))
		}
		s.set(func(s *siren) { s.fires = []float64{1} })
		r.rounds(2 * time.Minute)
		if got := r.joke(3); got != "" || !r.e.grave() {
			t.Errorf("while it fires: %q", got)
		}
		// What ended before is told without one as well.
		r.good(3)
		r.rounds(10 * time.Minute)
		if got := r.joke(3); got != "" {
			t.Errorf("of what is over, while it fires: %q", got)
		}
		s.set(func(s *siren) { s.fires = nil })
		r.rounds(2 * time.Minute)
		if got := r.joke(3); !strings.Contains(got, "better") {
			t.Errorf("after it: %q", got)
		}
	}, heeding(s), level(remedy.LevelNotify))
}

// What a query that says to hold back can't tell is serious as long as it can't,
// also for those whom it doesn't concern; and so is a config whose queries no round
// has asked.
func TestNoJokeWhileBlockWhenCantBeTold(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*siren){
		"its source is down":   func(s *siren) { s.dead = true },
		"nothing is there":     func(s *siren) { s.gone = true },
		"what is there is old": func(s *siren) { s.age = time.Hour },
	} {
		s := &siren{}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			story(t, func(r *rig) {
				t := r.t
				r.bad(3)
				r.rounds(8 * time.Minute)
				if got := r.joke(3); got == "" || r.e.grave() {
					t.Fatalf("no joke at all: %q", got)
				}
				s.set(change)
				r.rounds(2 * time.Minute)
				if got := r.joke(3); got != "" || !r.e.grave() {
					t.Errorf("while it can't be told: %q", got)
				}
				s.set(func(s *siren) { s.dead, s.gone, s.age = false, false, 0 })
				r.rounds(2 * time.Minute)
				if got := r.joke(3); got == "" || r.e.grave() {
					t.Error("once it can be told there is no joke any more")
				}
				cfg := *r.e.Config()
				r.e.config.Store(&cfg)
				if !r.e.grave() {
					t.Error("a config whose queries nobody has asked knows that none fires")
				}
			}, heeding(s), level(remedy.LevelNotify))
		})
	}
}

// Common mode in one pool, and the breaker that it leaves, silence jokes about all
// others.
func TestNoJokeInCommonMode(t *testing.T) {
	t.Parallel()
	story(t, func(r *rig) {
		t := r.t
		r.bad(3)
		r.rounds(8 * time.Minute)
		if r.e.grave() || r.joke(3) == "" {
			t.Fatal("one host is no storm")
		}
		for _, i := range []int{4, 5, 6, 7, 8, 9} {
			r.bad(i)
		}
		r.rounds(8 * time.Minute)
		storms := r.l.Pool(ingest, r.clk.Now()).Storms
		if !slices.ContainsFunc(storms, func(s ledger.StormState) bool { return s.On }) || !r.e.grave() || r.joke(3) != "" {
			t.Errorf("%+v: grave %t, %q", storms, r.e.grave(), r.joke(3))
		}
	}, level(remedy.LevelNotify))
}
