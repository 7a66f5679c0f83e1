package detectors

import (
	"fmt"
	"regexp"
	"testing"
	"time"

	"warden/internal/remedy"
)

// BenchmarkJudge judges one pool with the default window and `for`: 11 steps of
// values and counts and 30 stamps a host. Of the hosts 1 in 50 receives a tenth.
func BenchmarkJudge(b *testing.B) {
	for _, n := range []int{10_000, 100_000} {
		for _, regex := range []*regexp.Regexp{nil, regexp.MustCompile(`^([^.:]+)`)} {
			b.Run(fmt.Sprintf("hosts=%d/regex=%v", n, regex != nil), func(b *testing.B) {
				w := benchWorld(b, n, regex)
				w.pool.Roster = w.pool.Listed()
				results := w.results()
				b.ReportAllocs()
				bad := 0
				// Whose a series is gets worked out once, as long as the series stay.
				buf := w.c.Judge(w.pool, testAt, results, nil).Verdicts
				began := cpu(b)
				for b.Loop() {
					bad = 0
					buf = w.c.Judge(w.pool, testAt, results, buf).Verdicts
					for i := range buf {
						if buf[i].Verdict == remedy.VerdictBad {
							bad++
						}
					}
				}
				if bad != n/50 {
					b.Fatalf("%d bad, want %d", bad, n/50)
				}
				b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N*n), "cpu-ns/host")
			})
		}
	}
}

func benchWorld(b *testing.B, n int, regex *regexp.Regexp) *world {
	b.Helper()
	w := newWorld(b, testSpec(func(s *CanarySpec) {
		s.Window, s.For, s.MinPoints, s.MaxStaleness, s.HostRegex = 10*time.Minute, 5*time.Minute, 8, 0, regex
	}), n)
	for i := range w.pool.Hosts {
		if i%50 == 0 {
			w.ratio(string(w.pool.Hosts[i].Name), 0.1)
		}
	}
	return w
}
