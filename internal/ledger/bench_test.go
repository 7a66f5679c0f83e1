package ledger_test

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// manyCases is a ledger with n closed cases of a usual size: decided by
// seventeen guardrails, drained, verified and undone.
func manyCases(b *testing.B, n int) *rig {
	b.Helper()
	r := newRig(b, hosts(40))
	d := decision(remedy.LevelAuto)
	d.Answers = nil
	for g := range strings.FieldsSeq("freeze freeze_file hold protected source_fresh coverage common_mode pool_floor max_out host_lock concurrency rate cooldown settle attempts flapping evidence_age warm_up in_service_known clock") {
		d.Answers = append(d.Answers, remedy.Answer{Guardrail: g, Effect: remedy.EffectAllow, Cap: remedy.LevelAuto, Observed: "3 of 40 observed to be so", Limit: "8 (20 %)"})
	}
	id := r.ok(judge("h1", remedy.LevelAuto, func(j *ledger.CaseJudge) { j.Decision = d }))
	r.finish(id, r.start(id, remedy.Warden()), remedy.OutcomeDone, func(f *ledger.ExecFinish) { f.Prior, f.Output = "ready", "set server be/h1 state drain: done" })
	r.ok(&ledger.ExecVerdict{Case: id, Took: true}, &ledger.ExecHelped{Case: id, Helped: true})
	r.finish(id, r.start(id, bob(), undoing, func(s *ledger.ExecStart) { s.UndoReason = remedy.UndoFixed }), remedy.OutcomeDone)
	r.ok(&ledger.NoticeReceipt{Upto: 1 << 40})
	lines := strings.Split(strings.TrimSpace(string(snapshotOf(b, r.l))), "\n")
	var out []string
	for _, l := range lines[:len(lines)-1] {
		if !strings.HasPrefix(l, `{"case":`) {
			out = append(out, strings.Replace(l, `"last_case":1,`, fmt.Sprintf(`"last_case":%d,`, n), 1))
			continue
		}
		for i := range n {
			out = append(out, strings.Replace(l, `"W-1"`, fmt.Sprintf(`"W-%d"`, i+1), 1))
		}
	}
	if err := r.l.Restore(bytes.NewReader(sealed(out...))); err != nil {
		b.Fatal(err)
	}
	return r
}

const aYearOfCases = 100_000

// entryOf encodes one entry.
func entryOf(b *testing.B, at time.Time, bodies ...ledger.Body) []byte {
	b.Helper()
	e, err := ledger.NewEntry(at, remedy.Warden(), n1, bodies...)
	if err != nil {
		b.Fatal(err)
	}
	data, err := e.Encode()
	if err != nil {
		b.Fatal(err)
	}
	return data
}

func BenchmarkApplyJudge(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	data := entryOf(b, r.now, judge("h1", 0, func(j *ledger.CaseJudge) { j.Decision = blocked("rate") }))
	b.ReportAllocs()
	for b.Loop() {
		r.index++
		r.l.Apply(r.index, r.term, data)
	}
}

// BenchmarkApplyRound is one entry about a hundred bad hosts: a storm's round.
func BenchmarkApplyRound(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	var bodies []ledger.Body
	for i := range 100 {
		bodies = append(bodies, judge(remedy.HostName(fmt.Sprint("h", i)), 0, func(j *ledger.CaseJudge) { j.Decision = blocked("common_mode") }))
	}
	data := entryOf(b, r.now, bodies...)
	b.ReportAllocs()
	for b.Loop() {
		r.index++
		r.l.Apply(r.index, r.term, data)
	}
}

func BenchmarkEncode(b *testing.B) {
	at := t0()
	body := judge("h1", remedy.LevelAuto)
	b.ReportAllocs()
	for b.Loop() {
		entryOf(b, at, body)
	}
}

func BenchmarkSnapshot(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := r.l.Snapshot(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkSnapshotWriteTo(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	s, err := r.l.Snapshot()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		n, err := s.WriteTo(io.Discard)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(n)
	}
}

func BenchmarkRestore(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	snap := snapshotOf(b, r.l)
	r.l = nil
	b.SetBytes(int64(len(snap)))
	b.ReportAllocs()
	for b.Loop() {
		if err := ledger.New().Restore(bytes.NewReader(snap)); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkMemory reports the heap that a closed case takes.
func BenchmarkMemory(b *testing.B) {
	heap := func() uint64 {
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return m.HeapAlloc
	}
	for b.Loop() {
		before := heap()
		r := manyCases(b, aYearOfCases)
		b.ReportMetric(float64(heap()-before)/aYearOfCases, "B/case")
		runtime.KeepAlive(r)
	}
}

// withStarts adds a month of STARTs in a pool that is busy, and in others.
func withStarts(b *testing.B, r *rig) {
	b.Helper()
	r.ok(report(n1, setup{level: remedy.LevelMetricOnly, limits: roomy()}))
	for range 1000 {
		r.pass(40 * time.Minute)
		r.ok(judge("h1", remedy.LevelMetricOnly, shadowed))
	}
	for i := range 50 {
		name := remedy.PoolName(fmt.Sprint("pool", i))
		for range 20 {
			r.ok(judge("h1", remedy.LevelMetricOnly, shadowed, func(j *ledger.CaseJudge) { j.Pool = name }))
		}
	}
}

func BenchmarkFacts(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	withStarts(b, r)
	q := ledger.FactsQuery{Pool: pool, Host: "h1", Action: drain, Detector: canary, Now: r.now, CommonModeWindow: time.Hour, Shadow: true}
	b.ReportAllocs()
	for b.Loop() {
		r.l.Facts(q)
	}
}

func BenchmarkPreview(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	body := judge("h1", 0, func(j *ledger.CaseJudge) { j.Decision = blocked("rate") })
	b.ReportAllocs()
	for b.Loop() {
		r.l.Preview(r.now, remedy.Warden(), body)
	}
}

func BenchmarkOpenCases(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	r.ok(judge("h1", remedy.LevelNotify), judge("h2", remedy.LevelNotify))
	b.ReportAllocs()
	for b.Loop() {
		if len(r.l.Cases(ledger.CaseFilter{Open: true})) != 2 {
			b.Fatal("not two")
		}
	}
}

func BenchmarkStatus(b *testing.B) {
	r := manyCases(b, aYearOfCases)
	b.ReportAllocs()
	for b.Loop() {
		r.l.Status()
	}
}
