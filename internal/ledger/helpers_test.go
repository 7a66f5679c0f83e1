package ledger_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// t0 is when every test's history begins.
func t0() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

const (
	pool   remedy.PoolName     = "ingest"
	drain  remedy.ActionName   = "drain"
	canary remedy.DetectorName = "canary_missing"
	n1     remedy.NodeID       = "n1-aaaa"
)

// alice may approve, bob may not.
func alice() remedy.Actor {
	return remedy.Actor{Name: "alice", UID: 1000, Groups: []string{"ops"}, Via: "cli", Person: true}
}

func bob() remedy.Actor { return remedy.Actor{Name: "bob", UID: 1001, Via: "cli", Person: true} }

// reporter is what tests, benchmarks, fuzz targets and rapid's checks share.
type reporter interface {
	Helper()
	Errorf(format string, args ...any)
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// rig is a ledger with a clock and a log index, as raft would drive it.
type rig struct {
	t     reporter
	l     *ledger.Ledger
	now   time.Time
	index uint64
	term  uint64
	log   [][]byte
}

// setup says what the rig's one pool starts with.
type setup struct {
	level    remedy.Level
	limits   ledger.Limits
	n        int
	cooldown time.Duration
	leavesIn bool // the action takes no host out
}

// roomy are limits that stand in nobody's way.
func roomy() ledger.Limits {
	return ledger.Limits{
		MinInService: 2, MaxOut: 5, MaxOutFraction: 1, MaxConcurrent: 5, PerHour: 100, PerDay: 100, MaxAttempts: 100, FlapLimit: 100,
		SettleAfterAction: 5 * time.Minute,
	}
}

func bare(tb reporter) *rig {
	tb.Helper()
	return &rig{t: tb, l: ledger.New(), now: t0(), term: 2}
}

// newRig returns a ledger with one voter, one pool and one action at auto,
// unless change says otherwise.
func newRig(tb reporter, change ...func(*setup)) *rig {
	tb.Helper()
	s := setup{level: remedy.LevelAuto, limits: roomy(), n: 10, cooldown: 6 * time.Hour}
	for _, f := range change {
		f(&s)
	}
	r := bare(tb)
	r.ok(&ledger.ClusterInit{ClusterID: "c-1", Voters: []remedy.NodeID{n1}}, report(n1, s), &ledger.PoolSize{Pool: pool, N: s.n})
	return r
}

func at(level remedy.Level) func(*setup)          { return func(s *setup) { s.level = level } }
func hosts(n int) func(*setup)                    { return func(s *setup) { s.n = n } }
func leavesIn(s *setup)                           { s.leavesIn = true }
func limited(f func(*ledger.Limits)) func(*setup) { return func(s *setup) { f(&s.limits) } }

func report(node remedy.NodeID, s setup) *ledger.NodeReport { return reportOf(node, s, pool, drain) }

func reportOf(node remedy.NodeID, s setup, pool remedy.PoolName, action remedy.ActionName) *ledger.NodeReport {
	return &ledger.NodeReport{
		Node: node, MaxVersion: ledger.Version, ConfigHash: "h",
		Levels: []ledger.LevelReport{{Action: action, Pool: pool, Level: s.level, Cooldown: s.cooldown, LeavesIn: s.leavesIn, Detectors: []remedy.DetectorName{canary}}},
		Pools:  []ledger.PoolReport{{Pool: pool, Limits: s.limits}},
	}
}

// as applies one entry that the actor asked for.
func (r *rig) as(by remedy.Actor, bodies ...ledger.Body) ledger.Applied {
	r.t.Helper()
	e, err := ledger.NewEntry(r.now, by, n1, bodies...)
	if err != nil {
		r.t.Fatal(err)
	}
	data, err := e.Encode()
	if err != nil {
		r.t.Fatal(err)
	}
	return r.raw(data)
}

// raw applies bytes.
func (r *rig) raw(data []byte) ledger.Applied {
	r.t.Helper()
	r.index++
	r.log = append(r.log, data)
	a, ok := r.l.Apply(r.index, r.term, data).(ledger.Applied)
	if !ok {
		r.t.Fatal("Apply returned something else than Applied")
	}
	return a
}

// ok applies bodies as warden, each of which must succeed, and returns the
// last one's case.
func (r *rig) ok(bodies ...ledger.Body) remedy.CaseID {
	r.t.Helper()
	return r.okAs(remedy.Warden(), bodies...)
}

func (r *rig) okAs(by remedy.Actor, bodies ...ledger.Body) (id remedy.CaseID) {
	r.t.Helper()
	for i, res := range r.as(by, bodies...).Results {
		if !res.OK {
			r.t.Fatalf("operation %d (%T) was refused: %s: %s", i, bodies[i], res.Code, res.Reason)
		}
		id = res.Case
	}
	return id
}

// refused applies one body that must be refused with the code, without a trace
// in the state.
func (r *rig) refused(code string, by remedy.Actor, b ledger.Body) ledger.Result {
	r.t.Helper()
	before := r.records()
	res := r.as(by, b).Results[0]
	if res.OK || res.Code != code {
		r.t.Fatalf("%T: want it refused as %q, got ok=%v %q (%s)", b, code, res.OK, res.Code, res.Reason)
	}
	if res.Reason == "" {
		r.t.Errorf("%T: refused as %q without a reason", b, code)
	}
	if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(r.records(), "\n")); diff != "" {
		r.t.Errorf("%T was refused and changed the state:\n%s", b, diff)
	}
	return res
}

// records is the state as a snapshot has it, apart from index, term, time,
// chain and version, which entries that are refused move, too.
func (r *rig) records() string {
	r.t.Helper()
	lines := strings.SplitAfter(string(snapshotOf(r.t, r.l)), "\n")
	var head map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &head); err != nil {
		r.t.Fatal(err)
	}
	for _, k := range []string{"index", "term", "time", "chain", "needs"} {
		delete(head, k)
	}
	return fmt.Sprint(head) + "\n" + strings.Join(lines[1:len(lines)-2], "")
}

func snapshotOf(tb reporter, l *ledger.Ledger) []byte {
	tb.Helper()
	s, err := l.Snapshot()
	if err != nil {
		tb.Fatal(err)
	}
	var b strings.Builder
	if _, err := s.WriteTo(&b); err != nil {
		tb.Fatal(err)
	}
	return []byte(b.String())
}

func hashOf(tb reporter, l *ledger.Ledger) string {
	tb.Helper()
	h, err := l.Hash()
	if err != nil {
		tb.Fatal(err)
	}
	return h
}

func (r *rig) pass(d time.Duration) { r.now = r.now.Add(d) }

// long lets more time pass than one entry may, as the leader would.
func (r *rig) long(d time.Duration) {
	r.t.Helper()
	r.pass(d)
	r.ok(&ledger.ClockAccept{})
}

func (r *rig) facts(change ...func(*ledger.FactsQuery)) ledger.Facts {
	q := ledger.FactsQuery{Pool: pool, Host: "h1", Action: drain, Detector: canary, Now: r.now, CommonModeWindow: time.Hour}
	for _, f := range change {
		f(&q)
	}
	return r.l.Facts(q)
}

func (r *rig) get(id remedy.CaseID) *ledger.Case {
	r.t.Helper()
	c, ok := r.l.Case(id)
	if !ok {
		r.t.Fatalf("there is no case %s", id)
	}
	return c
}

// stage checks a case's stage and outcome.
func (r *rig) stage(id remedy.CaseID, stage remedy.Stage, outcome remedy.Outcome) *ledger.Case {
	r.t.Helper()
	c := r.get(id)
	if c.Stage != stage || c.Outcome != outcome {
		r.t.Fatalf("%s is %s/%q, want %s/%q", id, c.Stage, c.Outcome, stage, outcome)
	}
	return c
}

func finding(host remedy.HostName, v remedy.Verdict) remedy.Finding {
	return remedy.Finding{Detector: canary, Pool: pool, Host: host, At: t0(), Verdict: v, Value: remedy.Known(0.25), Term: remedy.Term{Bad: 0.5, Clear: 0.8}}
}

func plan(host remedy.HostName) *remedy.Plan {
	return &remedy.Plan{Action: drain, Pool: pool, Host: host, Steps: []string{"set server be/" + string(host) + " state drain"}, Summary: "drain " + string(host)}
}

func decision(level remedy.Level) *remedy.Decision {
	return &remedy.Decision{Level: level, Effective: level, WouldAct: true, Answers: []remedy.Answer{{Guardrail: "freeze", Effect: remedy.EffectAllow, Cap: remedy.LevelAuto, Observed: "no"}}}
}

func blocked(by string) *remedy.Decision {
	return &remedy.Decision{Effective: remedy.LevelAuto, BlockedBy: by, Answers: []remedy.Answer{{Guardrail: by, Effect: remedy.EffectBlock}}}
}

// judge is a bad host decided at a level.
func judge(host remedy.HostName, level remedy.Level, change ...func(*ledger.CaseJudge)) *ledger.CaseJudge {
	b := &ledger.CaseJudge{
		Pool: pool, Host: host, Action: drain, Detector: canary, Digest: "d1",
		Finding: finding(host, remedy.VerdictBad), Decision: decision(level), Plan: plan(host), TakesOut: true,
	}
	for _, f := range change {
		f(b)
	}
	return b
}

// asks makes a judgement ask the people named, for half an hour.
func (r *rig) asks(approvers ...string) func(*ledger.CaseJudge) {
	return func(b *ledger.CaseJudge) {
		b.Ask = &ledger.Ask{PlanHash: b.Plan.Hash(), Approvers: approvers, ExpiresAt: r.now.Add(30 * time.Minute)}
	}
}

func shadowed(b *ledger.CaseJudge) { b.Count, b.Shadow, b.ShadowOut = true, true, 4*time.Hour }

// starting is a START of the case that fits the present state.
func (r *rig) starting(id remedy.CaseID, change ...func(*ledger.ExecStart)) *ledger.ExecStart {
	r.t.Helper()
	c := r.get(id)
	b := &ledger.ExecStart{
		Case: id, Kind: remedy.KindAct, PlanHash: c.PlanHash, Basis: r.l.Facts(ledger.FactsQuery{Pool: c.Pool}).Basis,
		StartWithin: 30 * time.Second, RunWithin: time.Minute, TakesOut: true,
	}
	for _, f := range change {
		f(b)
	}
	return b
}

func undoing(b *ledger.ExecStart) { b.Kind, b.TakesOut, b.Prior = remedy.KindUndo, false, "ready" }
func manual(b *ledger.ExecStart)  { b.Kind = remedy.KindManual }

// start commits a START, which must be admitted, and returns its token.
func (r *rig) start(id remedy.CaseID, by remedy.Actor, change ...func(*ledger.ExecStart)) remedy.Token {
	r.t.Helper()
	a := r.as(by, r.starting(id, change...))
	if !a.Results[0].OK {
		r.t.Fatalf("START of %s was refused: %s: %s", id, a.Results[0].Code, a.Results[0].Reason)
	}
	return a.Token()
}

func (r *rig) finish(id remedy.CaseID, tok remedy.Token, o remedy.Outcome, change ...func(*ledger.ExecFinish)) {
	r.t.Helper()
	b := &ledger.ExecFinish{Case: id, Token: tok, Outcome: o}
	for _, f := range change {
		f(b)
	}
	r.ok(b)
}

// drained judges, starts, finishes and verifies: the host is out.
func (r *rig) drained(host remedy.HostName) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelAuto))
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
	r.ok(&ledger.ExecVerdict{Case: id, Took: true})
	r.stage(id, remedy.StageOut, remedy.OutcomeDone)
	return id
}

// ofKind is the pending notices of a kind.
func (r *rig) ofKind(kind ledger.NoticeKind) []ledger.Notice {
	return slices.DeleteFunc(r.l.Pending(), func(n ledger.Notice) bool { return n.Kind != kind })
}

// counter is a counter's value; its labels are name, value, name, value.
func (r *rig) counter(name string, labels ...string) (uint64, bool) {
	for _, c := range r.l.Counters() {
		var have []string
		for _, l := range c.Labels {
			have = append(have, l.Name, l.Value)
		}
		if c.Name == name && slices.Equal(have, labels) {
			return c.Value, true
		}
	}
	return 0, false
}

func (r *rig) wantCounter(want uint64, name string, labels ...string) {
	r.t.Helper()
	if got, ok := r.counter(name, labels...); !ok || got != want {
		r.t.Errorf("%s%v is %d (there: %v), want %d", name, labels, got, ok, want)
	}
}
