package engine

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"warden/actions"
	"warden/detectors"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

const (
	ingest remedy.PoolName     = "ingest"
	drain  remedy.ActionName   = "drain"
	canary remedy.DetectorName = "canary_missing"
	node   remedy.NodeID       = "n1-aaaa"
	step                       = 30 * time.Second
)

// start is when every test's story begins, aligned to the interval.
func startTime() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

func alice() remedy.Actor { return remedy.Actor{Name: "alice", UID: 1000, Via: "cli", Person: true} }
func bob() remedy.Actor   { return remedy.Actor{Name: "bob", UID: 1001, Via: "cli", Person: true} }

// reporter is what tests, benchmarks and rapid's checks share.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatalf(format string, args ...any)
}

// setup is what a rig is made of.
type setup struct {
	level     remedy.Level
	n         int
	limits    ledger.Limits
	cooldown  time.Duration
	shadowOut time.Duration
	complain  time.Duration
	expires   time.Duration
	canary    detectors.CanarySpec
	action    actions.Spec
	config    func(*Config)
}

func defaults() setup {
	c := detectors.DefaultCanary()
	c.Name, c.Source, c.Pools, c.Propose = canary, "prom", []remedy.PoolName{ingest}, drain
	c.Query, c.ExpectPerMinute, c.CanaryTarget = "canary_received_total", 60, `canary_target{job="canary"}`
	c.Interval, c.Window, c.For, c.MinPoints, c.MaxStaleness = step, time.Minute, time.Minute, 2, 40*time.Second
	return setup{
		level: remedy.LevelAuto, n: 10,
		limits: ledger.Limits{
			MinInService: 2, MaxOut: 5, MaxOutFraction: 1, MaxConcurrent: 1, PerHour: 100, PerDay: 100, MaxAttempts: 100, FlapLimit: 100,
			SettleAfterAction: 5 * time.Minute,
		},
		cooldown: 6 * time.Hour, shadowOut: 4 * time.Hour, complain: 4 * time.Hour, expires: 30 * time.Minute,
		canary: c,
		action: actions.Spec{
			Name: drain, Kind: "fake", Timeout: time.Minute, StartWithin: 30 * time.Second, TookWithin: 2 * time.Minute,
			Idempotent: true, CanObserve: true, TakesOut: true,
		},
	}
}

// rig is an engine on fakes, with a clock that moves only when told.
type rig struct {
	tb    reporter
	t     *testing.T // of the bubble; nil outside of one
	clk   *clock.Stepped
	l     *ledger.Ledger
	log   *memLog
	src   *series
	lb    *balancer
	inv   *list
	ear   *ear
	hooks *hooks
	cfg   *Config
	// voters is the rest of the cluster; nil for a node that is alone.
	voters Voters
	e      *Engine
	spawn  func(func())
	// pump runs the engine in a goroutine of its own and lets time pass when
	// it waits; only within a synctest bubble.
	pump bool
}

func hostNames(n int) []remedy.HostName {
	out := make([]remedy.HostName, n)
	for i := range out {
		out[i] = remedy.HostName(fmt.Sprintf("h%05d", i))
	}
	return out
}

func newRig(tb reporter, change ...func(*setup)) *rig {
	tb.Helper()
	s := defaults()
	for _, f := range change {
		f(&s)
	}
	hosts := hostNames(s.n)
	r := &rig{tb: tb, clk: clock.NewStepped(startTime()), l: ledger.New(), hooks: &hooks{}, spawn: func(f func()) { f() }}
	r.log = &memLog{l: r.l, hooks: r.hooks}
	r.src = &series{hosts: hosts, states: map[remedy.HostName][]state{}}
	r.inv = &list{hosts: hosts}
	r.ear = &ear{hooks: r.hooks}
	r.lb = &balancer{clk: r.clk, hooks: r.hooks, spec: s.action, servers: map[remedy.HostName]*server{}, ages: true}
	for _, h := range hosts {
		r.lb.servers[h] = &server{admin: "ready", changed: startTime().Add(-24 * time.Hour)}
	}
	r.cfg = r.config(s)
	r.commit(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{node}})
	r.restart()
	return r
}

// config makes a Config of a setup; a rig's setup may be changed and put in
// force with Reconfigure.
func (r *rig) config(s setup) *Config {
	d, err := detectors.NewCanary(s.canary)
	if err != nil {
		r.tb.Fatalf("NewCanary: %v", err)
	}
	cfg := &Config{
		Hash:      fmt.Sprint(s.level, s.limits, s.n),
		Pools:     map[remedy.PoolName]Pool{ingest: {Limits: s.limits, Inventory: r.inv, ProtectedBy: func(remedy.HostName) string { return "" }}},
		Detectors: []detectors.Detector{d},
		Actions: map[remedy.ActionName]Action{drain: {
			Action: r.lb, Spec: s.action, Levels: map[remedy.PoolName]remedy.Level{ingest: s.level},
			Approvers: []string{"alice"}, ExpiresAfter: s.expires, Cooldown: s.cooldown, ComplainEvery: s.complain,
		}},
		Sources:        map[remedy.SourceName]Source{"prom": {Source: r.src, MaxStaleness: s.canary.MaxStaleness}},
		MaxEvidenceAge: map[remedy.DetectorName]time.Duration{canary: 2*s.canary.Interval + 5*time.Second},
		ShadowOut:      s.shadowOut, UnknownClose: 24 * time.Hour, KeepClosed: 30 * 24 * time.Hour, MaxClockOffset: 2 * time.Second, Corroborate: true,
	}
	if s.config != nil {
		s.config(cfg)
	}
	return cfg
}

// commit commits as warden, past the engine.
func (r *rig) commit(b ledger.Body) {
	r.tb.Helper()
	e, err := ledger.NewEntry(r.clk.Now(), remedy.Warden(), node, b)
	if err != nil {
		r.tb.Fatalf("NewEntry: %v", err)
	}
	if a, err := r.log.Commit(context.Background(), e); err != nil || !a.Results[0].OK {
		r.tb.Fatalf("commit: %v %+v", err, a)
	}
}

// restart builds a new engine on the same ledger, as after a death.
func (r *rig) restart() {
	r.e = New(Options{
		Log: r.log, Ledger: r.l, Clock: r.clk, Announcer: r.ear, Logger: zap.NewNop(), Node: node, Spawn: func(f func()) { r.spawn(f) }, Voters: r.voters,
	}, r.cfg)
	r.e.leads = func() error { return nil } // as Run does
}

// do runs f, letting the clock move on whenever everything waits. It reports
// the step at which the engine was killed, or "".
func (r *rig) do(f func()) (died string) {
	if !r.pump {
		f()
		return ""
	}
	done := make(chan string, 1)
	go func() {
		defer func() {
			at := ""
			if p := recover(); p != nil {
				k, ok := p.(killed)
				if !ok {
					panic(p)
				}
				at = k.at
			}
			done <- at
		}()
		f()
	}()
	for {
		synctest.Wait()
		select {
		case died = <-done:
			return died
		default:
		}
		next, ok := r.clk.Next()
		if !ok {
			r.tb.Fatalf("the engine waits for nothing")
		}
		r.clk.Advance(next.Sub(r.clk.Now()))
	}
}

// round moves to the next aligned instant, runs a round and everything that
// it kicks off.
func (r *rig) round() string {
	now := r.clk.Now()
	r.clk.Advance(now.Truncate(step).Add(step).Sub(now))
	return r.do(func() { r.turn() })
}

func (r *rig) turn() {
	r.e.Round(context.Background())
	r.attend()
}

// attend does what Run does when it is kicked.
func (r *rig) attend() {
	for range 50 {
		select {
		case <-r.e.kick:
			r.e.attend(context.Background())
		default:
			return
		}
	}
	r.tb.Fatalf("the engine never comes to rest")
}

// ctx is a context that never ends.
func (*rig) ctx() context.Context { return context.Background() }

// rounds runs rounds for a span.
func (r *rig) rounds(d time.Duration) {
	r.tb.Helper()
	for end := r.clk.Now().Add(d); r.clk.Now().Before(end); {
		if at := r.round(); at != "" {
			r.tb.Fatalf("died at %s", at)
		}
	}
}

// host is a host of the rig by number.
func (r *rig) host(i int) remedy.HostName { return r.src.hosts[i] }

// ratio lets hosts receive a share of what they should from now on.
func (r *rig) ratio(ratio float64, hosts ...int) {
	for _, i := range hosts {
		r.src.set(r.host(i), r.clk.Now(), ratio, false)
	}
}

// bad and good let hosts be so from now on.
func (r *rig) bad(hosts ...int)  { r.ratio(0.1, hosts...) }
func (r *rig) good(hosts ...int) { r.ratio(1, hosts...) }

// open returns the host's open case, or nil.
func (r *rig) open(i int) *ledger.Case {
	return r.l.Facts(ledger.FactsQuery{Pool: ingest, Host: r.host(i), Action: drain, Now: r.clk.Now()}).Case
}

// last returns the host's newest case, or fails.
func (r *rig) last(i int) *ledger.Case {
	r.tb.Helper()
	all := r.l.Cases(ledger.CaseFilter{Host: r.host(i), Limit: 1})
	if len(all) == 0 {
		r.tb.Fatalf("%s has no case", r.host(i))
	}
	return all[0]
}

// reaches runs rounds until the host's newest case is at a stage.
func (r *rig) reaches(i int, s remedy.Stage) *ledger.Case {
	r.tb.Helper()
	for range 400 {
		if all := r.l.Cases(ledger.CaseFilter{Host: r.host(i), Limit: 1}); len(all) > 0 && all[0].Stage == s {
			return all[0]
		}
		r.rounds(step)
	}
	r.tb.Fatalf("%s never got %s: %+v", r.host(i), s, r.last(i))
	return nil
}

// counter adds up a ledger counter over the values of its labels.
func (r *rig) counter(name string, labels ...string) int {
	total := 0
	for _, c := range r.l.Counters() {
		if c.Name != name {
			continue
		}
		fits := true
		for i := 0; i+1 < len(labels); i += 2 {
			fits = fits && slices.Contains(c.Labels, ledger.Label{Name: labels[i], Value: labels[i+1]})
		}
		if fits {
			total += int(c.Value)
		}
	}
	return total
}

// wouldAct is the dry run's count.
func (r *rig) wouldAct() int { return r.counter("warden_would_have_acted_total") }

// must fails the test on an error.
func (r *rig) must(err error) {
	r.tb.Helper()
	if err != nil {
		r.tb.Fatalf("%v", err)
	}
}

// undo has alice undo a case, and lets it run.
func (r *rig) undo(id remedy.CaseID, why remedy.UndoReason) error {
	var err error
	r.do(func() {
		err = r.e.Undo(context.Background(), alice(), id, why)
		r.attend()
	})
	return err
}

// answer has alice approve or deny a case, and lets what follows run.
func (r *rig) answer(id remedy.CaseID, yes bool) error {
	c, _ := r.l.Case(id)
	var err error
	r.do(func() {
		err = r.e.Answer(context.Background(), alice(), ledger.CaseAnswer{Case: id, Approve: yes, PlanHash: c.PlanHash})
		r.attend()
	})
	return err
}

// story runs a test in a bubble with a rig whose executions may take time.
func story(t *testing.T, f func(r *rig), change ...func(*setup)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, change...)
		r.pump = true
		r.t = t
		f(r)
	})
}

func level(l remedy.Level) func(*setup) { return func(s *setup) { s.level = l } }

func limits(f func(*ledger.Limits)) func(*setup) { return func(s *setup) { f(&s.limits) } }

// blockedBy returns the guardrail that the case's newest decision names.
func blockedBy(c *ledger.Case) string {
	if c == nil || c.Decision == nil {
		return ""
	}
	return c.Decision.BlockedBy
}
