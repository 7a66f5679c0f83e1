package ledger_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// busyRig is a ledger with something of everything.
func busyRig(tb reporter) *rig {
	tb.Helper()
	r := newRig(tb, at(remedy.LevelConfirm), hosts(20))
	r.drainByYes("h1")
	id := r.drainByYes("h2")
	r.ok(&ledger.ExecHelped{Case: id, Helped: true})
	r.finish(id, r.start(id, bob(), undoing), remedy.OutcomeDone, func(b *ledger.ExecFinish) { b.QuietFor = time.Hour })
	r.pass(time.Minute)
	r.ok(judge("h3", remedy.LevelConfirm, r.asks("alice", "@ops")))
	denied := r.ok(judge("h4", remedy.LevelConfirm, r.asks("alice")))
	r.okAs(bob(), &ledger.CaseAnswer{Case: denied, Reason: "no <b>& thanks", QuietFor: time.Hour})
	r.ok(judge("h5", remedy.LevelNotify, func(b *ledger.CaseJudge) { b.Tell = true }),
		judge("h6", remedy.LevelMetricOnly, shadowed),
		judge("h7", 0, func(b *ledger.CaseJudge) {
			b.Decision = blocked("rate")
			b.Finding.Value = remedy.Unknown[float64]("x")
		}))
	r.okAs(alice(), &ledger.ManualOpen{Pool: pool, Host: "h8", Action: drain, Reason: "disk", Acknowledged: []string{"hold"}, Plan: *plan("h8"), Decision: *decision(remedy.LevelAuto)})
	r.finish(8, r.start(8, alice(), manual), remedy.OutcomeUnknown)
	r.ok(&ledger.PoolOut{Pool: pool, Set: []ledger.OutFact{{Host: "h9", Admin: "maint"}, {Host: "h1", Admin: "drain"}}},
		&ledger.Storm{Pool: pool, Detector: canary, On: true, Detail: "many"}, &ledger.Storm{Pool: pool, Detector: canary})
	r.okAs(alice(), &ledger.HoldSet{Pool: pool, Host: "h5", Reason: "mine", Until: r.now.Add(time.Hour)}, &ledger.FreezeSet{Reason: "sale"},
		&ledger.PoolSize{Pool: "other", N: 4}, &ledger.PoolSize{Pool: "other", N: 1}, &ledger.PoolSize{Pool: "third", Stale: true})
	return r
}

// drainByYes drains a host that alice approved, and verifies it.
func (r *rig) drainByYes(host remedy.HostName) remedy.CaseID {
	r.t.Helper()
	id := r.ok(judge(host, remedy.LevelConfirm, r.asks("alice")))
	r.okAs(alice(), &ledger.CaseAnswer{Case: id, Approve: true, PlanHash: r.get(id).PlanHash})
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone)
	r.ok(&ledger.ExecVerdict{Case: id, Took: true})
	return id
}

// view is everything that can be read of a ledger.
func view(l *ledger.Ledger, now time.Time) map[string]any {
	v := map[string]any{"status": l.Status(), "cases": l.Cases(ledger.CaseFilter{}), "pending": l.Pending(), "counters": l.Counters()}
	for _, p := range []remedy.PoolName{pool, "other", "third", "nowhere"} {
		v["pool "+string(p)] = l.Pool(p, now)
		v["starts "+string(p)] = l.Starts(p)
		v["level "+string(p)] = l.Level(drain, p)
		for i := range 12 {
			for _, shadow := range []bool{false, true} {
				v[fmt.Sprint("facts ", p, i, shadow)] = l.Facts(ledger.FactsQuery{
					Pool: p, Host: remedy.HostName(fmt.Sprint("h", i)), Action: drain, Detector: canary, Now: now, CommonModeWindow: time.Hour, Shadow: shadow,
				})
			}
		}
	}
	return v
}

// sameView compares what two ledgers show. Unexported parts of facts are
// compared by their JSON elsewhere: the hash.
func sameView(tb reporter, want, got *ledger.Ledger, now time.Time) {
	tb.Helper()
	opts := []cmp.Option{
		cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b remedy.Fact[bool]) bool { return sameFact(a, b) }),
		cmp.Comparer(func(a, b remedy.Fact[float64]) bool { return sameFact(a, b) }),
	}
	if diff := cmp.Diff(view(want, now), view(got, now), opts...); diff != "" {
		tb.Errorf("the views differ:\n%s", diff)
	}
}

func sameFact[T comparable](a, b remedy.Fact[T]) bool {
	av, ak := a.Get()
	bv, bk := b.Get()
	return ak == bk && av == bv
}

func TestSnapshotRoundTrip(t *testing.T) {
	t.Parallel()
	r := busyRig(t)
	snap := snapshotOf(t, r.l)
	l := ledger.New()
	if err := l.Restore(bytes.NewReader(snap)); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(snap), string(snapshotOf(t, l))); diff != "" {
		t.Errorf("restored, it is written otherwise:\n%s", diff)
	}
	if hashOf(t, l) != hashOf(t, r.l) {
		t.Error("the hashes differ")
	}
	sameView(t, r.l, l, r.now)
	// Both go on alike.
	other := &rig{t: t, l: l, now: r.now, index: r.index, term: r.term}
	for _, g := range []*rig{r, other} {
		g.okAs(alice(), &ledger.FreezeLift{}, report(n1, setup{level: remedy.LevelConfirm, limits: roomy(), cooldown: 6 * time.Hour}))
		g.drainByYes("h19")
		g.ok(&ledger.CasesForget{Before: g.now.Add(time.Hour)})
	}
	if hashOf(t, l) != hashOf(t, r.l) {
		t.Error("after the restore they went different ways")
	}
}

// The same report in another spelling is the same report, on a node that
// restored a snapshot as on one that did not.
func TestAReportInAnotherSpellingMovesNothing(t *testing.T) {
	t.Parallel()
	const entry = `{"v":1,"at":"2026-03-02T09:00:00Z","by":{"name":"warden"},"ops":[{"kind":"node.report","body":{"node":"n1-aaaa","max_version":1,"config_hash":"h","levels":[],"pools":[]}}]}`
	a := bare(t)
	a.ok(&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{n1}})
	a.raw([]byte(entry))
	b := &rig{t: t, l: ledger.New(), now: a.now, index: a.index, term: a.term}
	if err := b.l.Restore(bytes.NewReader(snapshotOf(t, a.l))); err != nil {
		t.Fatal(err)
	}
	a.raw([]byte(entry))
	b.raw([]byte(entry))
	if hashOf(t, a.l) != hashOf(t, b.l) {
		t.Error("a restored node and one that was not differ")
	}
}

// damaged must be refused and leave the rig's ledger as it was.
func (r *rig) damaged(what string, data []byte) {
	r.t.Helper()
	before := r.l.Status()
	err := r.l.Restore(bytes.NewReader(data))
	if !errors.Is(err, ledger.ErrSnapshot) {
		r.t.Errorf("%s: got %v, want ErrSnapshot", what, err)
	}
	if diff := cmp.Diff(before, r.l.Status()); diff != "" {
		r.t.Errorf("%s: the state changed:\n%s", what, diff)
	}
}

func TestDamageIsNeverAccepted(t *testing.T) {
	t.Parallel()
	r := bare(t)
	r.ok(&ledger.ClusterInit{ClusterID: "c-1", Voters: []remedy.NodeID{n1}}, judge("h1", remedy.LevelMetricOnly, shadowed), &ledger.FreezeSet{})
	snap := snapshotOf(t, r.l)
	was := newRig(t)
	hash := hashOf(t, was.l)
	for i := range snap {
		bit := byte(0x20) // turns a letter's case, which JSON forgives in names
		if i%2 == 0 && i < len(snap)-200 {
			bit = 0x01
		}
		b := bytes.Clone(snap)
		b[i] ^= bit
		was.damaged(fmt.Sprintf("byte %d with %#x", i, bit), b)
		if i%5 == 0 || i > len(snap)-200 || snap[i] == '\n' {
			was.damaged(fmt.Sprintf("cut at %d", i), snap[:i])
		}
	}
	was.damaged("something behind it", append(bytes.Clone(snap), '\n'))
	was.damaged("twice", append(bytes.Clone(snap), snap...))
	if hashOf(t, was.l) != hash {
		t.Error("the state changed")
	}
	if err := ledger.New().Restore(bytes.NewReader(snap)); err != nil {
		t.Errorf("undamaged: %v", err)
	}
}

// sealed makes a snapshot of lines with a trailer that fits them.
func sealed(lines ...string) []byte {
	body := strings.Join(lines, "\n") + "\n"
	sum := sha256.Sum256([]byte(body))
	return fmt.Appendf([]byte(body), `{"trailer":{"records":%d,"sha256":"%s"}}`+"\n", len(lines)-1, hex.EncodeToString(sum[:]))
}

// A snapshot may be whole and still not be one that this build can go on from.
func TestSenselessSnapshots(t *testing.T) {
	t.Parallel()
	const head = `{"warden":"ledger","format":1,"index":3,"term":2,"time":"2026-03-02T09:00:00Z","last_case":2,"last_notice":0,"global":1}`
	const one = `{"case":{"id":"W-1","pool":"p","host":"h","action":"a","stage":"closed","opened_at":"2026-03-02T09:00:00Z","changed_at":"2026-03-02T09:00:00Z","helped":null}}`
	two := strings.Replace(one, "W-1", "W-2", 1)
	stage := func(s string) string { return strings.Replace(one, "closed", s, 1) }
	poolLine := func(name string, open string) string {
		return fmt.Sprintf(`{"pool":{"name":%q,"rev":1,"size":{"n":0},"open":[%s]}}`, name, open)
	}
	tests := []struct {
		name  string
		lines []string
		ok    bool
	}{
		{"empty", []string{head}, true},
		{"two cases", []string{head, one, two}, true},
		{"an open case", []string{head, poolLine("p", `"W-1"`), stage("detected")}, true},
		{"a newer format", []string{strings.Replace(head, `"format":1`, `"format":2`, 1)}, false},
		{"something else's", []string{strings.Replace(head, `"ledger"`, `"vault"`, 1)}, false},
		{"an unknown field in the header", []string{strings.Replace(head, `{`, `{"shards":1,`, 1)}, false},
		{"an unknown record", []string{head, `{"shard":{}}`}, false},
		{"an unknown field", []string{head, strings.Replace(one, `"id"`, `"shard":1,"id"`, 1)}, false},
		{"an empty record", []string{head, `{}`}, false},
		{"two records in one", []string{head, `{"hold":{"pool":"p","by":{"name":"x"},"reason":"","since":"2026-03-02T09:00:00Z","until":"2026-03-02T09:00:00Z"},"counter":{"key":"k","value":1}}`}, false},
		{"cases out of order", []string{head, two, one}, false},
		{"a case twice", []string{head, one, one}, false},
		{"a case beyond the last", []string{head, strings.Replace(one, "W-1", "W-3", 1)}, false},
		{"pools out of order", []string{head, poolLine("q", ""), poolLine("p", "")}, false},
		{"counters out of order", []string{head, `{"counter":{"key":"b","value":1}}`, `{"counter":{"key":"a","value":1}}`}, false},
		{"a stage nobody knows", []string{head, poolLine("p", `"W-1"`), stage("lost")}, false},
		{"executing without an execution", []string{head, poolLine("p", `"W-1"`), stage("executing")}, false},
		{"verifying without an execution", []string{head, poolLine("p", `"W-1"`), stage("verifying")}, false},
		{"out without an execution", []string{head, poolLine("p", `"W-1"`), stage("out")}, false},
		{"waiting without a question", []string{head, poolLine("p", `"W-1"`), stage("waiting")}, false},
		{"open, and its pool doesn't know", []string{head, poolLine("p", ""), stage("detected")}, false},
		{"open, without a pool", []string{head, stage("detected")}, false},
		{"closed, and its pool has it open", []string{head, poolLine("p", `"W-1"`), one}, false},
		{"open in two pools", []string{head, poolLine("p", `"W-1"`), poolLine("q", `"W-1"`), stage("detected")}, false},
		{"open, and no such case", []string{head, poolLine("p", `"W-2"`), one}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			data := sealed(tt.lines...)
			if !tt.ok {
				newRig(t).damaged(tt.name, data)
				return
			}
			if err := ledger.New().Restore(bytes.NewReader(data)); err != nil {
				t.Error(err)
			}
		})
	}
}
