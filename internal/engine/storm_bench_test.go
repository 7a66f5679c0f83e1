package engine

import (
	"context"
	"fmt"
	"testing"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// prepared is a source that answers each question of one instant from memory,
// so that a benchmark of a round leaves out fetching and decoding.
type prepared map[remedy.Query]remedy.Result

func (p prepared) Fetch(_ context.Context, q remedy.Query) remedy.Result { return p[q] }

// crowd is a rig of n hosts whose answers for the present instant are prepared,
// two rounds after it began.
func crowd(tb reporter, n int, bad ...int) *rig {
	r := newRig(tb, func(s *setup) {
		s.n = n
		s.limits.MaxOut, s.limits.PerHour, s.limits.PerDay = 5, 4, 12
	})
	r.bad(bad...)
	r.clk.Advance(10 * time.Minute)
	answers := prepared{}
	d := r.cfg.Detectors[0]
	at := judgedAt(r.clk.Now(), step)
	for _, q := range d.Queries(remedy.PoolView{}, at) {
		answers[q] = r.src.Fetch(context.Background(), q)
	}
	r.cfg.Sources["prom"] = Source{Source: answers}
	r.turn()
	r.turn()
	return r
}

// 10,000 hosts turn bad at once: nobody is touched, and what is remembered
// stays bounded.
func TestStormStaysBounded(t *testing.T) {
	t.Parallel()
	all := make([]int, 10_000)
	for i := range all {
		all[i] = i
	}
	r := crowd(t, len(all), all...)
	if open := len(r.l.Pool(ingest, r.clk.Now()).Open); open != maxStormCases {
		t.Errorf("%d open cases", open)
	}
	n := len(r.log.entries)
	for range 3 {
		r.turn()
	}
	if r.lb.acts() != 0 || len(r.log.entries) != n {
		t.Errorf("%d acts, %d entries in rounds without news", r.lb.acts(), len(r.log.entries)-n)
	}
	for _, e := range r.log.entries {
		if b, err := e.Encode(); err != nil || len(b) > 1<<20 {
			t.Errorf("an entry of %d bytes, %v", len(b), err)
		}
	}
}

func benchmarkRound(b *testing.B, n int, bad ...int) {
	b.Helper()
	r := crowd(b, n, bad...)
	// A ledger with some history.
	for i := range 2000 {
		r.commit(&ledger.CaseJudge{
			Pool: ingest, Host: remedy.HostName(fmt.Sprint("old", i)), Action: drain, Detector: canary,
			Finding: remedy.Finding{Verdict: remedy.VerdictBad},
		})
		c := r.l.Cases(ledger.CaseFilter{Limit: 1})[0]
		r.commit(&ledger.CaseClose{Case: c.ID, Outcome: remedy.OutcomeSelfRecovered})
	}
	b.ReportAllocs()
	for b.Loop() {
		r.turn()
	}
}

func BenchmarkRound10k(b *testing.B)  { benchmarkRound(b, 10_000) }
func BenchmarkRound100k(b *testing.B) { benchmarkRound(b, 100_000) }

// BenchmarkRoundStorm10k has every host bad.
func BenchmarkRoundStorm10k(b *testing.B) {
	all := make([]int, 10_000)
	for i := range all {
		all[i] = i
	}
	benchmarkRound(b, len(all), all...)
}
