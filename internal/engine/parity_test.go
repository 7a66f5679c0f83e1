package engine

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// spell is a stretch of time in which a host's series are not good.
type spell struct {
	Host       int
	From, Till int // rounds
	Ratio      float64
	Gone       bool
}

// visit is a stretch of time for which another hand takes a host out.
type visit struct{ Host, From, Till int }

// fleet is one random history.
type fleet struct {
	N        int
	Rounds   int
	Limits   ledger.Limits
	Cooldown time.Duration
	Shadow   time.Duration
	MaxBad   float64
	Window   time.Duration
	Storm    time.Duration
	Ended    int
	Hourly   int
	Spells   []spell
	Visits   []visit
	Dead     [][2]int // rounds in which the source is down
	MinCov   float64
	Rung     remedy.Level
	Restart  []int    // rounds before which the engine dies
	Sirens   [][2]int // rounds in which a block_when fires
	Mute     [][2]int // rounds in which its source is down
}

func drawFleet(t *rapid.T) fleet {
	// Most are short: a long one takes the time of sixteen, and finds little more.
	rounds := rapid.SampledFrom([]int{60, 60, 60, 60, 60, 300, 300, 1000}).Draw(t, "rounds")
	dur := func(name string, in ...time.Duration) time.Duration { return rapid.SampledFrom(in).Draw(t, name) }
	f := fleet{
		N:      rapid.IntRange(6, 30).Draw(t, "n"),
		Rounds: rounds,
		Limits: ledger.Limits{
			MinInService:      rapid.IntRange(0, 5).Draw(t, "floor"),
			MaxOut:            rapid.IntRange(1, 5).Draw(t, "maxOut"),
			MaxOutFraction:    rapid.SampledFrom([]float64{1, 0.25, 0.1}).Draw(t, "fraction"),
			MaxConcurrent:     rapid.IntRange(1, 3).Draw(t, "concurrent"),
			PerHour:           rapid.IntRange(2, 8).Draw(t, "hour"),
			PerDay:            rapid.IntRange(4, 20).Draw(t, "day"),
			SettleAfterAction: dur("settle", 0, 5*time.Minute, time.Minute),
			MaxAttempts:       rapid.SampledFrom([]int{100, 3, 2}).Draw(t, "attempts"),
			DomainLabel:       rapid.SampledFrom([]string{"", "rack"}).Draw(t, "domains"),
			MaxDomains:        rapid.IntRange(1, 2).Draw(t, "maxDomains"),
			FlapLimit:         rapid.SampledFrom([]int{100, 3, 1}).Draw(t, "flaps"),
		},
		Cooldown: dur("cooldown", 0, 10*time.Minute, time.Hour, 6*time.Hour),
		Shadow:   dur("shadowOut", 5*time.Minute, time.Hour, 4*time.Hour),
		MaxBad:   rapid.SampledFrom([]float64{1, 0.5, 0.2}).Draw(t, "maxBad"),
		Window:   dur("window", 5*time.Minute, time.Hour),
		Storm:    dur("stormCooldown", 0, 10*time.Minute),
		Ended:    rapid.IntRange(0, 2).Draw(t, "maxEnded"),
		Hourly:   rapid.SampledFrom([]int{0, 0, 3}).Draw(t, "clusterHour"),
		MinCov:   rapid.SampledFrom([]float64{0.5, 0.9}).Draw(t, "minCoverage"),
		Rung:     rapid.SampledFrom([]remedy.Level{remedy.LevelMetricOnly, remedy.LevelNotify}).Draw(t, "rung"),
	}
	span := func(name string, longest int) (int, int) {
		from := rapid.IntRange(0, rounds-1).Draw(t, name+"From")
		return from, from + rapid.IntRange(1, longest).Draw(t, name+"For")
	}
	for range rapid.IntRange(2, 20).Draw(t, "spells") {
		s := spell{
			Host:  rapid.IntRange(0, f.N-1).Draw(t, "host"),
			Ratio: rapid.SampledFrom([]float64{0, 0.3, 0.1, 0, 0.7}).Draw(t, "ratio"),
			Gone:  rapid.IntRange(0, 4).Draw(t, "gone") == 0,
		}
		s.From, s.Till = span("spell", 600)
		f.Spells = append(f.Spells, s)
	}
	for range rapid.IntRange(0, 3).Draw(t, "visits") {
		v := visit{Host: rapid.IntRange(0, f.N-1).Draw(t, "visited")}
		v.From, v.Till = span("visit", 100)
		f.Visits = append(f.Visits, v)
	}
	for range rapid.IntRange(0, 2).Draw(t, "outages") {
		from, till := span("outage", 20)
		f.Dead = append(f.Dead, [2]int{from, till})
	}
	for range rapid.IntRange(0, 2).Draw(t, "sirens") {
		from, till := span("siren", 40)
		f.Sirens = append(f.Sirens, [2]int{from, till})
	}
	for range rapid.IntRange(0, 1).Draw(t, "mutes") {
		from, till := span("mute", 10)
		f.Mute = append(f.Mute, [2]int{from, till})
	}
	for range rapid.IntRange(0, 2).Draw(t, "deaths") {
		f.Restart = append(f.Restart, rapid.IntRange(1, rounds-1).Draw(t, "death"))
	}
	return f
}

func (f fleet) rig(tb reporter, rung remedy.Level) *rig {
	r := newRig(tb, func(s *setup) {
		s.level, s.n, s.limits, s.cooldown, s.shadowOut = rung, f.N, f.Limits, f.Cooldown, f.Shadow
		s.canary.MaxBadFraction, s.canary.CommonModeWindow, s.canary.StormCooldown = f.MaxBad, f.Window, f.Storm
		s.canary.MaxEnded, s.canary.MinCoverage = f.Ended, f.MinCov
		heeding(&siren{between: f.siren})(s)
		heeds := s.config
		s.config = func(c *Config) { heeds(c); c.ClusterPerHour = f.Hourly }
	})
	r.inv.racks = map[remedy.HostName]string{}
	for i, h := range r.inv.hosts {
		r.inv.racks[h] = string(rune('a' + i%4))
	}
	at := func(round int) time.Time { return startTime().Add(time.Duration(round) * step) }
	// Later spells win where they overlap: what a host does is laid out round
	// by round and then told in changes.
	for h := range f.N {
		day := make([]spell, f.Rounds+2)
		for _, s := range f.Spells {
			if s.Host == h {
				for i := s.From; i < min(s.Till, len(day)); i++ {
					day[i] = spell{Ratio: s.Ratio - 1, Gone: s.Gone} // the zero value is good
				}
			}
		}
		for i := 1; i < len(day); i++ {
			if day[i] != day[i-1] {
				r.src.set(r.host(h), at(i), day[i].Ratio+1, day[i].Gone)
			}
		}
	}
	return r
}

// siren says whether the block_when fires at an instant, and whether its source
// is down.
func (f fleet) siren(at time.Time) (fires, dead bool) {
	round := int(at.Sub(startTime()) / step)
	in := func(spans [][2]int) bool {
		return slices.ContainsFunc(spans, func(s [2]int) bool { return s[0] <= round && round < s[1] })
	}
	return in(f.Sirens), in(f.Mute)
}

// act is one action that was done, or would have been.
type act struct {
	At   time.Time
	Host remedy.HostName
}

// live runs the history and returns what was done, or would have been. At auto
// a person returns each host, for a test, as its shadow slot would end.
func (f fleet) live(tb reporter, rung remedy.Level) ([]act, *rig) {
	r := f.rig(tb, rung)
	seen := map[act]bool{}
	var acts []act
	note := func() {
		for _, s := range r.l.Starts(ingest) {
			if a := (act{s.At, s.Host}); !seen[a] {
				seen[a] = true
				acts = append(acts, a)
			}
		}
	}
	for i := 1; i <= f.Rounds; i++ {
		if slices.Contains(f.Restart, i) {
			r.restart()
		}
		r.src.dead = slices.ContainsFunc(f.Dead, func(d [2]int) bool { return d[0] <= i && i < d[1] })
		r.clk.Advance(step)
		f.personBefore(r, i)
		r.turn()
		note()
		f.personAfter(r)
	}
	slices.SortFunc(acts, func(a, b act) int {
		if c := a.At.Compare(b.At); c != 0 {
			return c
		}
		return slices.Compare([]byte(a.Host), []byte(b.Host))
	})
	return acts, r
}

func (f fleet) giveBack(r *rig, c *ledger.Case) {
	if err := r.e.Undo(context.Background(), alice(), c.ID, remedy.UndoTest); err != nil {
		r.tb.Fatalf("undo %s: %v", c.ID, err)
	}
	r.attend()
}

// personBefore returns hosts whose shadow slot would be over by time, and then
// lets the other hand come and go.
func (f fleet) personBefore(r *rig, round int) {
	now := r.clk.Now()
	visited := func(i int) bool {
		return slices.ContainsFunc(f.Visits, func(v visit) bool { return v.Host == i && v.From <= round && round < v.Till })
	}
	for _, c := range r.l.Pool(ingest, now).Open {
		if c.Stage != remedy.StageOut && c.Stage != remedy.StageVerifying {
			continue
		}
		if !now.Before(c.Acted().StartedAt.Add(f.Shadow)) || visited(slices.Index(r.inv.hosts, c.Host)) {
			f.giveBack(r, c)
		}
	}
	for i, h := range r.inv.hosts {
		switch admin := r.lb.admin(h); {
		case visited(i) && admin == "ready":
			r.lb.set(h, "maint")
		case !visited(i) && admin == "maint":
			r.lb.set(h, "ready")
		}
	}
}

// personAfter returns hosts that the round would have found good.
func (f fleet) personAfter(r *rig) {
	now := r.clk.Now()
	out := map[remedy.HostName]*ledger.Case{}
	for _, c := range r.l.Pool(ingest, now).Open {
		if c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying {
			out[c.Host] = c
		}
	}
	if len(out) == 0 {
		return
	}
	view := remedy.PoolView{Name: ingest}
	for _, h := range r.inv.hosts {
		v := remedy.HostView{Name: h, State: remedy.ServiceIn, ShadowOut: out[h] != nil}
		if r.lb.admin(h) == "maint" {
			v.State = remedy.ServiceOut
		}
		view.Hosts = append(view.Hosts, v)
	}
	d := r.cfg.Detectors[0]
	at := judgedAt(now, step)
	j := d.Judge(view, at, r.e.fetch(context.Background(), r.cfg, d.Queries(view, at)), nil)
	for _, v := range j.Findings() {
		if c := out[v.Host]; c != nil && v.Verdict == remedy.VerdictGood {
			f.giveBack(r, c)
		}
	}
}

// On a fleet whose series ignore actions, with instant effects and a person
// who returns each host as its shadow slot would end, what the lower rungs
// count is what auto does: each act, at the same time, on the same host.
func TestCountsEqualActs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		f := drawFleet(t)
		counted, dry := f.live(t, f.Rung)
		acted, auto := f.live(t, remedy.LevelAuto)
		if diff := cmp.Diff(acted, counted); diff != "" {
			t.Fatalf("acts (-) and counts (+) differ:\n%s", diff)
		}
		if got, want := dry.wouldAct(), len(counted); got != want {
			t.Fatalf("the counter says %d and %d were counted", got, want)
		}
		done := auto.counter("warden_actions_total", "trigger", "act", "result", "done")
		if got := len(auto.lb.applied); got != len(acted) || done != len(acted) {
			t.Fatalf("%d effects, %d done, %d STARTs", got, done, len(acted))
		}
		if dry.lb.acts() != 0 {
			t.Fatalf("%s acted", f.Rung)
		}
	})
}
