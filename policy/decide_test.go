package policy_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/golden"
	"warden/internal/remedy"
	"warden/policy"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestNamesAndDocs(t *testing.T) {
	want := []string{
		"freeze", "freeze_file", "hold", "breaker", "protected", "source_fresh", "coverage", "common_mode", "pool_floor", "max_out",
		"failure_domain", "host_lock", "concurrency", "rate", "cooldown", "settle", "attempts", "flapping", "windows", "block_when", "evidence_age", "warm_up", "second_opinion", "in_service_known", "clock", "demoted", "trust_gate",
	}
	if diff := cmp.Diff(want, policy.Names()); diff != "" {
		t.Errorf("Names (-want +got):\n%s", diff)
	}
	policy.Names()[0] = "changed"
	if policy.Names()[0] != "freeze" {
		t.Error("Names hands out its own slice")
	}
	page, err := os.ReadFile(filepath.Join("..", "docs", "guardrails.md"))
	if err != nil {
		t.Fatal(err)
	}
	rest := string(page)
	for _, name := range want {
		if doc := policy.Doc(name); !strings.HasSuffix(doc, ".") || strings.Contains(strings.TrimSuffix(doc, "."), ". ") {
			t.Errorf("Doc(%q) = %q is not one sentence", name, doc)
		}
		_, after, found := strings.Cut(rest, "\n## "+name+"\n")
		if !found {
			t.Errorf("docs/guardrails.md has no section %q in its place", name)
			continue
		}
		rest = after
	}
	if doc := policy.Doc("nothing"); doc != "" {
		t.Errorf("Doc of no guardrail = %q, want nothing", doc)
	}
}

// tripAll makes each guardrail lower the level, and says nothing is unknown.
func tripAll() policy.World {
	w := goodWorld()
	w.Freeze = remedy.Known(policy.Stop{Active: true, By: "anna", Reason: "major incident", Until: at(4, 0)})
	w.FreezeFile = remedy.Known(true)
	w.Hold = remedy.Known(policy.Stop{Active: true, By: "ben", Reason: "new disk"})
	w.Protected = remedy.Known("ingest-0*")
	w.Source = remedy.Known(policy.Source{Age: 150 * time.Second, MaxStaleness: 90 * time.Second})
	w.Coverage = remedy.Known(policy.Coverage{InService: 36, Uncovered: 12, Min: 0.9})
	w.CommonMode = remedy.Known(policy.CommonMode{Bad: 12, N: 40, MaxFraction: 0.2, Storm: true, Cooldown: 10 * time.Minute})
	w.Pool = remedy.Known(policy.Pool{N: 40, Out: 10})
	w.Domains = remedy.Known(policy.Domains{Label: "rack", Host: "rack=r1", Out: []string{"rack=r7"}, Max: 1})
	w.Lock = remedy.Known(policy.Lock{Case: 1042})
	w.Running = remedy.Known(1)
	w.Rate = remedy.Known(policy.Rate{PoolHour: 4, PoolDay: 7, ClusterHour: 5, ClusterDay: 9})
	w.LastOnHost = remedy.Known(at(0, 12))
	w.LastInPool = remedy.Known(at(2, 58))
	w.Attempts = remedy.Known(3)
	w.Flaps = remedy.Known(3)
	w.Windows = remedy.Known([]policy.Window{{Name: "nights", Deny: true, Schedule: nightly(), Duration: 8 * time.Hour, Location: time.UTC, Cap: remedy.LevelConfirm}})
	w.Blocks = remedy.Known([]policy.Block{{Name: "major-incident", Fired: remedy.Known(policy.Fired{Series: 2, Value: 1})}})
	w.Evidence = remedy.Known(policy.Evidence{At: at(2, 58), MaxAge: 65 * time.Second})
	w.WarmedUp = remedy.Known(false)
	w.SecondOpinion = remedy.Known(policy.SecondOpinion{Voters: 3, Bad: 1, Others: "n2: good; n3: no answer"})
	w.InServiceKnown = remedy.Known(false)
	w.Clock = remedy.Known(policy.Clock{Offset: 3 * time.Second, Max: 2 * time.Second, Answered: 3, Voters: 3})
	w.Demoted = remedy.Known(policy.Demoted{To: remedy.LevelConfirm, At: at(1, 6), Why: "W-1077 was wrong"})
	w.TrustGate = remedy.Known(policy.TrustGate{Enforced: true, To: remedy.LevelNotify, Wants: remedy.LevelAuto, Judged: true, Said: "9 of 12 right, at least 47% (gate 80%)"})
	return w
}

// TestBindings holds the columns of the table against what each guardrail
// answers when everything trips at once, and when nothing can be read.
func TestBindings(t *testing.T) {
	const (
		n = remedy.EffectNotBind
		b = remedy.EffectBlock
		w = remedy.EffectWait
		a = remedy.EffectAsk
		c = remedy.EffectCap
	)
	for _, row := range []struct {
		name                       string
		act, manual, undo, re      remedy.Effect
		dark, darkM, darkUn, darkR remedy.Effect // in the zero world
	}{
		{"freeze", b, b, n, b, b, b, n, b},
		{"freeze_file", b, b, n, b, b, b, n, b},
		{"hold", b, a, n, b, b, b, n, b},
		{"protected", b, b, n, b, b, b, n, b},
		{"source_fresh", b, n, n, n, b, n, n, n},
		{"coverage", b, n, n, n, b, n, n, n},
		{"common_mode", b, a, n, n, b, b, n, n},
		{"pool_floor", b, b, n, b, b, b, n, b},
		{"max_out", b, b, n, b, b, b, n, b},
		{"failure_domain", b, b, n, b, b, b, n, b},
		{"host_lock", w, w, w, w, b, b, b, b},
		{"concurrency", w, w, w, w, b, b, b, b},
		{"rate", b, n, n, n, b, n, n, n},
		{"cooldown", b, n, n, n, b, n, n, n},
		{"settle", w, n, n, n, b, n, n, n},
		{"attempts", c, n, n, n, b, n, n, n},
		{"flapping", c, n, n, n, b, n, n, n},
		{"windows", c, n, n, b, b, n, n, b},
		{"block_when", b, a, n, n, b, b, n, n},
		{"evidence_age", b, n, n, n, b, n, n, n},
		{"warm_up", w, n, n, n, w, n, n, n},
		{"second_opinion", c, n, n, n, c, n, n, n},
		{"in_service_known", c, n, n, n, c, n, n, n},
		{"clock", b, b, n, b, b, b, n, b},
		{"demoted", c, n, n, n, c, n, n, n},
		{"trust_gate", c, n, n, n, c, n, n, n},
	} {
		t.Run(row.name, func(t *testing.T) {
			tripped := []remedy.Effect{row.act, row.manual, row.undo, row.re}
			dark := []remedy.Effect{row.dark, row.darkM, row.darkUn, row.darkR}
			for i, kind := range kinds() {
				got := answerOf(t, policy.Decide(proposal(kind), tripAll()), row.name)
				if got.Effect != tripped[i] || got.Unreadable {
					t.Errorf("%s, tripped: %+v, want %s", kind, got, tripped[i])
				}
				got = answerOf(t, policy.Decide(proposal(kind), policy.World{}), row.name)
				if got.Effect != dark[i] || got.Unreadable != (dark[i] != n) {
					t.Errorf("%s, unknown: %+v, want %s", kind, got, dark[i])
				}
			}
		})
	}
}

func TestLevels(t *testing.T) {
	for _, c := range []struct {
		name      string
		kind      remedy.ExecutionKind
		ack       []string
		change    func(*policy.World)
		level     remedy.Level
		effective remedy.Level
		blockedBy string
		waiting   bool
		asks      []string
		act, ask  bool
	}{
		{name: "auto", kind: remedy.KindAct, level: remedy.LevelAuto, effective: remedy.LevelAuto, act: true},
		{name: "the rung below is kept", kind: remedy.KindAct,
			change: func(w *policy.World) { w.Effective = remedy.Known(remedy.LevelNotify) },
			level:  remedy.LevelNotify, effective: remedy.LevelNotify, act: true},
		{name: "no report is metric-only", kind: remedy.KindAct,
			change: func(w *policy.World) { w.Effective = remedy.Fact[remedy.Level]{} },
			level:  remedy.LevelMetricOnly, effective: remedy.LevelMetricOnly, act: true},
		{name: "no such level is metric-only", kind: remedy.KindAct,
			change: func(w *policy.World) { w.Effective = remedy.Known(remedy.LevelAuto + 1) },
			level:  remedy.LevelMetricOnly, effective: remedy.LevelMetricOnly, act: true},
		{name: "a level nobody set stays blocked", kind: remedy.KindAct,
			change: func(w *policy.World) { w.Effective = remedy.Known(remedy.LevelBlocked) },
			level:  remedy.LevelBlocked, effective: remedy.LevelBlocked, act: true},
		{name: "capped", kind: remedy.KindAct, change: func(w *policy.World) { w.InServiceKnown = remedy.Known(false) },
			level: remedy.LevelConfirm, effective: remedy.LevelAuto, ask: true},
		{name: "a cap raises nothing", kind: remedy.KindAct, change: func(w *policy.World) {
			w.InServiceKnown = remedy.Known(false)
			w.Effective = remedy.Known(remedy.LevelMetricOnly)
		}, level: remedy.LevelMetricOnly, effective: remedy.LevelMetricOnly, ask: true},
		{name: "demoted", kind: remedy.KindAct, change: func(w *policy.World) {
			w.Demoted = remedy.Known(policy.Demoted{To: remedy.LevelConfirm, Why: "W-7 was wrong"})
		}, level: remedy.LevelConfirm, effective: remedy.LevelAuto, act: true},
		{name: "a demotion above the level lowers nothing", kind: remedy.KindAct, change: func(w *policy.World) {
			w.Demoted = remedy.Known(policy.Demoted{To: remedy.LevelConfirm})
			w.Effective = remedy.Known(remedy.LevelMetricOnly)
		}, level: remedy.LevelMetricOnly, effective: remedy.LevelMetricOnly, act: true},
		{name: "held by its gate", kind: remedy.KindAct, change: func(w *policy.World) {
			w.TrustGate = remedy.Known(policy.TrustGate{Enforced: true, To: remedy.LevelNotify, Wants: remedy.LevelAuto, Judged: true})
		}, level: remedy.LevelNotify, effective: remedy.LevelAuto, act: true},
		{name: "the gate leaves what is asked for", kind: remedy.KindAct, change: func(w *policy.World) {
			w.TrustGate = remedy.Known(policy.TrustGate{Enforced: true, To: remedy.LevelConfirm, Wants: remedy.LevelConfirm, Judged: true})
		}, level: remedy.LevelAuto, effective: remedy.LevelAuto, act: true},
		{name: "which rung is allowed can't be told", kind: remedy.KindAct, change: func(w *policy.World) {
			w.TrustGate = remedy.Fact[policy.TrustGate]{}
		}, level: remedy.LevelMetricOnly, effective: remedy.LevelAuto, act: true},
		{name: "a person runs what was demoted", kind: remedy.KindManual, change: func(w *policy.World) {
			w.Demoted = remedy.Known(policy.Demoted{To: remedy.LevelNotify})
			w.TrustGate = remedy.Fact[policy.TrustGate]{}
		}, level: remedy.LevelAuto, effective: remedy.LevelAuto},
		{name: "one wait", kind: remedy.KindAct, change: func(w *policy.World) { w.WarmedUp = remedy.Known(false) },
			level: remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "warm_up", waiting: true},
		{name: "a wait before a block", kind: remedy.KindAct, change: func(w *policy.World) {
			w.Running = remedy.Known(1)
			w.Rate = remedy.Known(policy.Rate{PoolDay: 12})
		}, level: remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "concurrency"},
		{name: "a person runs at every rung", kind: remedy.KindManual,
			change: func(w *policy.World) { w.Effective = remedy.Known(remedy.LevelMetricOnly) },
			level:  remedy.LevelAuto, effective: remedy.LevelMetricOnly},
		{name: "a person is asked", kind: remedy.KindManual,
			change: func(w *policy.World) { w.Hold = remedy.Known(policy.Stop{Active: true}) },
			level:  remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "hold", asks: []string{"hold"}},
		{name: "a person repeats it", kind: remedy.KindManual, ack: []string{"hold"},
			change: func(w *policy.World) { w.Hold = remedy.Known(policy.Stop{Active: true}) },
			level:  remedy.LevelAuto, effective: remedy.LevelAuto},
		{name: "one of two repeated", kind: remedy.KindManual, ack: []string{"hold"}, change: func(w *policy.World) {
			w.Hold = remedy.Known(policy.Stop{Active: true})
			w.CommonMode = remedy.Known(policy.CommonMode{Bad: 20, N: 40, MaxFraction: 0.2})
		}, level: remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "common_mode", asks: []string{"common_mode"}},
		{name: "asked and waiting is not waiting", kind: remedy.KindManual, change: func(w *policy.World) {
			w.Hold = remedy.Known(policy.Stop{Active: true})
			w.Running = remedy.Known(1)
		}, level: remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "hold", asks: []string{"hold"}},
		{name: "nobody acknowledges a freeze", kind: remedy.KindManual, ack: policy.Names(),
			change: func(w *policy.World) { w.Freeze = remedy.Known(policy.Stop{Active: true}) },
			level:  remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "freeze"},
		{name: "nobody acknowledges the unknown", kind: remedy.KindManual, ack: policy.Names(),
			change: func(w *policy.World) { w.Hold = remedy.Fact[policy.Stop]{} },
			level:  remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "hold"},
		{name: "an act acknowledges nothing", kind: remedy.KindAct, ack: policy.Names(),
			change: func(w *policy.World) { w.Hold = remedy.Known(policy.Stop{Active: true}) },
			level:  remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "hold"},
		{name: "an undo through everything but a lock", kind: remedy.KindUndo, change: func(w *policy.World) {
			lock, running := w.Lock, w.Running
			*w = policy.World{Now: now, Limits: w.Limits, Lock: lock, Running: running}
		}, level: remedy.LevelAuto, effective: remedy.LevelMetricOnly},
		{name: "an undo waits for the lock", kind: remedy.KindUndo,
			change: func(w *policy.World) { w.Lock = remedy.Known(policy.Lock{Case: 7}) },
			level:  remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "host_lock", waiting: true},
		{name: "a reassert on no new evidence", kind: remedy.KindReassert, change: func(w *policy.World) {
			w.Source, w.Coverage, w.CommonMode = remedy.Fact[policy.Source]{}, remedy.Fact[policy.Coverage]{}, remedy.Fact[policy.CommonMode]{}
			w.Rate, w.LastOnHost, w.LastInPool = remedy.Fact[policy.Rate]{}, remedy.Fact[time.Time]{}, remedy.Fact[time.Time]{}
		}, level: remedy.LevelAuto, effective: remedy.LevelAuto},
		{name: "a reassert where a person approved", kind: remedy.KindReassert,
			change: func(w *policy.World) { w.Effective = remedy.Known(remedy.LevelConfirm) },
			level:  remedy.LevelAuto, effective: remedy.LevelConfirm},
		{name: "no reassert after a step down", kind: remedy.KindReassert,
			change: func(w *policy.World) { w.Effective = remedy.Known(remedy.LevelNotify) },
			level:  remedy.LevelNotify, effective: remedy.LevelNotify},
		{name: "nobody acknowledges a hold for a reassert", kind: remedy.KindReassert, ack: policy.Names(),
			change: func(w *policy.World) { w.Hold = remedy.Known(policy.Stop{Active: true}) },
			level:  remedy.LevelBlocked, effective: remedy.LevelAuto, blockedBy: "hold"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, w := proposal(c.kind), goodWorld()
			p.Acknowledged = c.ack
			if c.change != nil {
				c.change(&w)
			}
			got := policy.Decide(p, w)
			got.Answers = nil
			want := remedy.Decision{
				Level: c.level, Effective: c.effective, BlockedBy: c.blockedBy, Waiting: c.waiting,
				Asks: c.asks, WouldAct: c.act, WouldAsk: c.ask,
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAcknowledgedKeepsTheEvidence(t *testing.T) {
	p, w := proposal(remedy.KindManual), goodWorld()
	p.Acknowledged = []string{"hold"}
	w.Hold = remedy.Known(policy.Stop{Active: true, By: "ben"})
	want := remedy.Answer{
		Guardrail: "hold", Effect: remedy.EffectAllow, Cap: remedy.LevelAuto,
		Observed: "held by ben, until lifted; acknowledged", Limit: "not held",
	}
	if diff := cmp.Diff(want, answerOf(t, policy.Decide(p, w), "hold")); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestNotBoundKeepsTheEvidence(t *testing.T) {
	want := remedy.Answer{
		Guardrail: "rate", Effect: remedy.EffectNotBind, Cap: remedy.LevelAuto,
		Observed: "4 in 1h and 7 in 24h in the pool", Limit: "4 an hour, 12 a day",
	}
	if diff := cmp.Diff(want, answerOf(t, policy.Decide(proposal(remedy.KindManual), tripAll()), "rate")); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}

func TestUnusableProposals(t *testing.T) {
	for name, change := range map[string]func(*policy.Proposal){
		`unknown: "" is not a kind of execution`:      func(p *policy.Proposal) { p.Kind = "" },
		`unknown: "other" is not a kind of execution`: func(p *policy.Proposal) { p.Kind = "other" },
		"unknown: the proposal names no pool":         func(p *policy.Proposal) { p.Pool = "" },
		"unknown: the proposal names no host":         func(p *policy.Proposal) { p.Host = "" },
		"unknown: the proposal names no action":       func(p *policy.Proposal) { p.Action = "" },
		"unknown: the proposal names no detector":     func(p *policy.Proposal) { p.Detector = "" },
	} {
		p := proposal(remedy.KindAct)
		change(&p)
		d := policy.Decide(p, goodWorld())
		if d.Level != remedy.LevelBlocked || d.BlockedBy != "freeze" || d.WouldAct || len(d.Answers) != len(policy.Names()) {
			t.Errorf("%s: %+v, want blocked by every guardrail", name, d)
		}
		for _, a := range d.Answers {
			if a.Observed != name || a.Effect != remedy.EffectBlock || !a.Unreadable {
				t.Errorf("%s: answer %+v", name, a)
			}
		}
	}
}

func TestDecideKeepsItsHandsOff(t *testing.T) {
	p, w := proposal(remedy.KindManual), tripAll()
	p.Acknowledged = []string{"hold", "common_mode"}
	before := slices.Clone(p.Acknowledged)
	first := policy.Decide(p, w)
	if diff := cmp.Diff(first, policy.Decide(p, w)); diff != "" {
		t.Errorf("the second decision differs (-first +second):\n%s", diff)
	}
	if diff := cmp.Diff(before, p.Acknowledged); diff != "" {
		t.Errorf("Decide changed its argument (-before +after):\n%s", diff)
	}
}

func TestDecisionGolden(t *testing.T) {
	for name, c := range map[string]struct {
		kind  remedy.ExecutionKind
		world policy.World
	}{
		"act_allowed":    {remedy.KindAct, goodWorld()},
		"act_tripped":    {remedy.KindAct, tripAll()},
		"manual_tripped": {remedy.KindManual, tripAll()},
		"undo_unknown":   {remedy.KindUndo, policy.World{}},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := json.MarshalIndent(policy.Decide(proposal(c.kind), c.world), "", "  ")
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, '\n')
			path := filepath.Join("testdata", name+".golden.json")
			golden.Check(t, *update, path, got)
			var back remedy.Decision
			if err := json.Unmarshal(got, &back); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(policy.Decide(proposal(c.kind), c.world), back); diff != "" {
				t.Errorf("read back (-made +read):\n%s", diff)
			}
		})
	}
}

func BenchmarkDecide(b *testing.B) {
	for name, w := range map[string]policy.World{"allowed": goodWorld(), "tripped": tripAll(), "unknown": {}} {
		b.Run(name, func(b *testing.B) {
			p := proposal(remedy.KindAct)
			b.ReportAllocs()
			for b.Loop() {
				policy.Decide(p, w)
			}
		})
	}
}
