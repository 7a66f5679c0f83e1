package cluster

import (
	"bytes"
	"slices"
	"testing"
	"time"
)

// BenchmarkPropose measures one proposer on the real log: append, fsync,
// commit, apply.
func BenchmarkPropose(b *testing.B) {
	n := start(b, options(b, b.TempDir(), &listMachine{}), production(Options{}))
	data := bytes.Repeat([]byte("x"), 512)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		if _, err := n.Propose(b.Context(), data); err != nil {
			b.Fatal(err)
		}
		took = append(took, time.Since(began))
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}

// BenchmarkVerify measures the last check before an effect.
func BenchmarkVerify(b *testing.B) {
	n := start(b, options(b, b.TempDir(), &listMachine{}), production(Options{}))
	propose(b, n, "x")
	for b.Loop() {
		if err := n.Verify(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStartToLeader measures from Open on a log of some hundred entries
// to the moment a tenure could begin.
func BenchmarkStartToLeader(b *testing.B) {
	dir := b.TempDir()
	n := start(b, options(b, dir, &listMachine{}), production(Options{}))
	for range 300 {
		propose(b, n, "some entry")
	}
	stop(b, n)
	var took []time.Duration
	for b.Loop() {
		began := time.Now()
		n, err := open(b.Context(), options(b, dir, &listMachine{}), production(Options{}))
		if err != nil {
			b.Fatal(err)
		}
		lead(b, n)
		took = append(took, time.Since(began))
		stop(b, n)
	}
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Milliseconds()), "p50-ms")
	b.ReportMetric(float64(took[len(took)-1].Milliseconds()), "max-ms")
}
