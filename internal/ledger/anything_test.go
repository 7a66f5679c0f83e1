package ledger_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"reflect"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// anything fills bodies with whatever their types can hold: words that mean
// something and words that don't, times at both ends of the calendar, counts
// that overflow when added to.
type anything struct{ rng *rand.Rand }

// body is a random operation.
func (a anything) body() ledger.Body {
	kinds := everyKind()
	words := slices.Sorted(maps.Keys(kinds))
	if a.rng.IntN(2) == 0 {
		words = []string{"case.judge", "case.judge", "exec.start", "exec.start", "exec.finish", "exec.finish", "exec.verdict", "case.forgot", "freeze.lift", "pool.size", "breaker.reset"}
	}
	b := kinds[pickOf(a.rng, words)]
	a.fill(reflect.ValueOf(b).Elem(), "")
	if t, ok := b.(*ledger.TrustReport); ok && a.rng.IntN(4) > 0 {
		t.Rules.Enforce = false // or nearly nothing would start, for want of a verdict
	}
	return b
}

func pickOf[T any](rng *rand.Rand, all []T) T { return all[rng.IntN(len(all))] }

// words are what strings are filled with, by the name of the field.
func (a anything) words(field string) []string {
	switch field {
	case "Outcome":
		return []string{"done", "aborted", "failed", "unknown", "partial", "returned", "gone", "", "x"}
	case "Kind":
		return []string{"act", "manual", "undo", "reassert", "", "x"}
	case "PlanHash":
		return []string{remedy.Plan{Steps: []string{"drain"}}.Hash(), "", "x"}
	case "Node", "Voters", "Invited":
		return []string{"n1", "n2"}
	case "Steps":
		return []string{"drain"}
	case "Approvers", "Name":
		return []string{"alice", "bob", "", "@ops"}
	case "Surface", "Surfaces", "Asks":
		return []string{"console", "console", "slack", ""}
	case "Date":
		return []string{"2026-03-02", "2026-03-03", "9999-12-31", "2026-3-2", ""}
	default:
		return []string{"a", "b", "c", "", "nul\x00and\xffmore", "<&>\u2028"}
	}
}

func (a anything) time() time.Time {
	return pickOf(a.rng, []time.Time{
		{}, t0(), t0().Add(time.Duration(a.rng.IntN(7200)) * time.Second), t0().Add(-48 * time.Hour),
		time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 23*3600)), time.Date(9999, 12, 31, 23, 59, 59, 999999999, time.FixedZone("", -23*3600)),
		time.Date(1, 1, 1, 1, 0, 0, 0, time.FixedZone("", 3600)),
	})
}

func (a anything) fill(v reflect.Value, field string) {
	switch v.Addr().Interface().(type) {
	case *time.Time:
		v.Set(reflect.ValueOf(a.time()))
		return
	case *remedy.Fact[bool]:
		v.Set(reflect.ValueOf(pickOf(a.rng, []remedy.Fact[bool]{{}, remedy.Known(true), remedy.Known(false)})))
		return
	case *remedy.Fact[float64]:
		v.Set(reflect.ValueOf(pickOf(a.rng, []remedy.Fact[float64]{{}, remedy.Known(math.MaxFloat64), remedy.Known(math.Copysign(0, -1))})))
		return
	case *remedy.Level:
		v.SetUint(a.rng.Uint64N(5))
		return
	case *trust.Label:
		v.SetUint(a.rng.Uint64N(4))
		return
	case *remedy.Direction:
		v.SetUint(a.rng.Uint64N(2))
		return
	case *remedy.Verdict:
		v.SetUint(pickOf(a.rng, []uint64{0, 1, 2, 2, 2, 3}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			a.fill(v.Field(i), v.Type().Field(i).Name)
		}
	case reflect.Pointer:
		if a.rng.IntN(3) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			a.fill(v.Elem(), field)
		}
	case reflect.Slice:
		n := a.rng.IntN(3)
		v.Set(reflect.MakeSlice(v.Type(), n, n))
		for i := range n {
			a.fill(v.Index(i), field)
		}
	case reflect.String:
		v.SetString(pickOf(a.rng, a.words(field)))
	case reflect.Bool:
		v.SetBool(a.rng.IntN(2) == 0)
	case reflect.Int, reflect.Int64:
		v.SetInt(pickOf(a.rng, []int64{0, 0, 1, 2, 3, 5, 10, -1, math.MaxInt64, math.MinInt64, int64(time.Hour)}))
	case reflect.Uint32:
		v.SetUint(a.rng.Uint64N(3))
	case reflect.Uint64:
		v.SetUint(pickOf(a.rng, []uint64{0, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, math.MaxUint64}))
	case reflect.Float64:
		v.SetFloat(pickOf(a.rng, []float64{0, 0.1, 0.5, 1, 1e300, -1e300, math.SmallestNonzeroFloat64}))
	default:
		panic(fmt.Sprintf("%s: no idea how to fill a %s", field, v.Type()))
	}
}

// entry is a random entry as bytes, which may be in no version's spelling.
func (a anything) entry(l *ledger.Ledger, now time.Time) []byte {
	e := ledger.Entry{V: ledger.Version, At: now, Node: "n1", By: remedy.Actor{Name: pickOf(a.rng, []string{"alice", "bob"}), Person: a.rng.IntN(4) > 0}}
	if a.rng.IntN(20) == 0 {
		e.At = a.time()
	}
	for range 1 + a.rng.IntN(4)/3 {
		b := a.body()
		a.aim(b, l)
		raw, err := json.Marshal(b)
		if err != nil {
			continue // some times can't be spelt: those never get here
		}
		kind := ""
		for k, of := range everyKind() {
			if reflect.TypeOf(of) == reflect.TypeOf(b) {
				kind = k
			}
		}
		e.Ops = append(e.Ops, ledger.Op{Kind: kind, Body: raw})
	}
	data, err := json.Marshal(e)
	if err != nil {
		return []byte(`{"v":1,"ops":[]}`)
	}
	return data
}

// aim makes some operations fit the present state, so that histories get on.
func (a anything) aim(b ledger.Body, l *ledger.Ledger) {
	switch b := b.(type) {
	case *ledger.CaseJudge:
		if a.rng.IntN(3) > 0 {
			b.Pool, b.Action, b.Finding.Verdict, b.Finding.At = "a", "a", remedy.VerdictBad, l.Status().Time.Add(time.Second)
			b.Decision, b.Plan = decision(remedy.LevelAuto), &remedy.Plan{Steps: []string{"drain"}}
		}
	case *ledger.BreakerReset:
		b.Pool, b.Comment, b.Seen = pickOf(a.rng, []remedy.PoolName{"a", "a", ""}), "looked", l.Status().Time
	case *ledger.PoolSize:
		b.Pool, b.N, b.Accepted, b.Stale = "a", 9, true, a.rng.IntN(9) == 0
	case *ledger.NodeReport:
		if a.rng.IntN(9) > 0 {
			*b = *reportOf("n1", setup{level: remedy.LevelAuto, limits: roomy()}, "a", "a")
		}
	}
	all := l.Cases(ledger.CaseFilter{Open: a.rng.IntN(8) > 0})
	if len(all) == 0 || a.rng.IntN(8) == 0 {
		return
	}
	c := pickOf(a.rng, all)
	basis := l.Facts(ledger.FactsQuery{Pool: c.Pool}).Basis
	switch b := b.(type) {
	case *ledger.ExecStart:
		b.Case, b.Basis, b.PlanHash = c.ID, basis, c.PlanHash
		switch {
		case c.Forgotten != nil && a.rng.IntN(3) > 0:
			b.Kind, b.TakesOut = remedy.KindReassert, true
		case c.Stage == remedy.StageOut || c.Stage == remedy.StageVerifying:
			b.Kind = remedy.KindUndo
		case c.Manual != nil:
			b.Kind = remedy.KindManual
		default:
			b.Kind = remedy.KindAct
		}
	case *ledger.ExecFinish:
		b.Case = c.ID
		if x := c.Execution(); x != nil {
			b.Token = x.Token
		} else if a.rng.IntN(8) > 0 {
			b.Outcome = remedy.OutcomeAborted // else it latches the breaker, and little starts
		}
	case *ledger.CaseForgot:
		b.Case = c.ID
	case *ledger.CaseSpare:
		b.Case = c.ID
	case *ledger.CaseAnswer:
		b.Case, b.PlanHash = c.ID, c.PlanHash
		b.Question %= c.Question() + 2 // else none is the one that is asked
	case *ledger.ExecVerdict:
		b.Case = c.ID
	case *ledger.CaseCancel:
		b.Case = c.ID
	case *ledger.CaseLabel:
		b.Case, b.Withdraw = c.ID, b.Label == trust.Unlabelled
	case *ledger.CaseStayed:
		b.Case = c.ID
	case *ledger.CaseSnooze:
		b.Case = c.ID
	case *ledger.CaseReconsider:
		b.Case = c.ID
	case *ledger.Resolve:
		b.Case = c.ID
	}
}

// Whatever can be decoded can be applied: it never panics, two ledgers answer
// alike, and what comes of it can be written down and read back.
func TestApplyTakesAnythingThatDecodes(t *testing.T) {
	t.Parallel()
	applied, starts := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		seed := rapid.Uint64().Draw(t, "seed")
		a := anything{rand.New(rand.NewPCG(seed, 1))}
		x, y := ledger.New(), ledger.New()
		now := t0()
		s := setup{level: remedy.LevelAuto, limits: roomy(), n: 9}
		for i, b := range []ledger.Body{&ledger.ClusterInit{ClusterID: "c", Voters: []remedy.NodeID{"n1"}}, reportOf("n1", s, "a", "a")} {
			e, err := ledger.NewEntry(now, remedy.Warden(), "n1", b)
			if err != nil {
				t.Fatal(err)
			}
			data, err := e.Encode()
			if err != nil {
				t.Fatal(err)
			}
			x.Apply(uint64(i+1), 1, data)
			y.Apply(uint64(i+1), 1, data)
		}
		for i := range rapid.IntRange(120, 250).Draw(t, "entries") {
			now = now.Add(time.Duration(a.rng.IntN(60)) * time.Second)
			data := a.entry(x, now)
			if _, _, err := ledger.DecodeEntry(data); err != nil {
				continue
			}
			r, q := x.Apply(uint64(i+3), 1, data), y.Apply(uint64(i+3), 1, data)
			if !reflect.DeepEqual(r, q) {
				t.Fatalf("two ledgers answered %+v and %+v to %s", r, q, data)
			}
			applied++
		}
		if hx, hy := hashOf(t, x), hashOf(t, y); hx != hy {
			t.Fatal("two ledgers differ")
		}
		restored(t, x)
		for _, c := range x.Cases(ledger.CaseFilter{}) {
			starts += len(c.Executions)
		}
	})
	if applied < 1000 || starts < 100 {
		t.Errorf("%d entries were applied, %d executions were started: this tests little", applied, starts)
	}
}

// restored checks that a ledger's snapshot can be read back.
func restored(tb reporter, l *ledger.Ledger) {
	tb.Helper()
	back := ledger.New()
	if err := back.Restore(bytes.NewReader(snapshotOf(tb, l))); err != nil {
		tb.Fatalf("its snapshot can't be read back: %v", err)
	}
	if hashOf(tb, back) != hashOf(tb, l) {
		tb.Fatal("its snapshot is another state")
	}
}
