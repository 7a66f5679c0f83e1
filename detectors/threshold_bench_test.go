package detectors

import (
	"fmt"
	"syscall"
	"testing"
	"time"

	"warden/internal/remedy"
)

// BenchmarkThreshold judges a pool with the default `for`, 11 steps, when next
// to none is bad and when all are; then by a window of 20 values.
func BenchmarkThreshold(b *testing.B) {
	const n = 100_000
	for _, window := range []int{0, 20, 60} {
		for _, share := range []int{1000, 1} {
			b.Run(fmt.Sprintf("hosts=%d/window=%d/bad=1in%d", n, window, share), func(b *testing.B) {
				d := mustThreshold(b, thresholdSpec(func(s *ThresholdSpec) {
					s.For, s.MaxStaleness = 5*time.Minute, 0
					if window > 0 {
						s.Aggregate, s.Window, s.MinPoints = AggregateAvg, time.Duration(window)*s.Interval, 8
					}
				}))
				pool := poolOf(n)
				names := make([]remedy.HostName, n)
				for i := range names {
					names[i] = pool.Hosts[i].Name
				}
				pool.Roster = remedy.NewRoster(names)
				results := benchGauges(d, pool, share)
				buf := d.Judge(pool, testAt, results, nil).Verdicts // whose a series is is known from then on
				b.ReportAllocs()
				bad, began := 0, cpu(b)
				for b.Loop() {
					buf = d.Judge(pool, testAt, results, buf).Verdicts
					bad = 0
					for i := range buf {
						if buf[i].Verdict == remedy.VerdictBad {
							bad++
						}
					}
				}
				if bad != n/share {
					b.Fatalf("%d bad, want %d", bad, n/share)
				}
				b.ReportMetric((cpu(b)-began).Seconds()*1000/float64(b.N), "cpu-ms/op")
			})
		}
	}
}

// cpu is the processor time that this process has used: on a machine that does
// other things as well the clock on the wall says little.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// benchGauges are the answers of a fleet of which one in share is bad.
func benchGauges(d *Threshold, pool remedy.PoolView, share int) remedy.Results {
	names := make([]string, pool.N())
	for i := range names {
		names[i] = string(pool.Hosts[i].Name)
	}
	keys := remedy.NewKeys(names)
	out := remedy.Results{}
	for _, q := range d.Queries(pool, testAt) {
		if q == d.askTarget(testAt) {
			s := remedy.Series{}
			for at := q.Start; !at.After(q.End); at = at.Add(q.Step) {
				s.Points = append(s.Points, remedy.Point{At: at.UnixMilli(), Value: float64(at.Unix() - 10)})
			}
			out[q] = remedy.Result{Frame: remedy.NewFrame(q, []remedy.Series{s})}
			continue
		}
		f := &remedy.Frame{Keys: keys, Start: q.Start.UnixMilli(), Step: q.Step.Milliseconds(), Cols: make([][]float64, q.Steps())}
		for k := range f.Cols {
			f.Cols[k] = make([]float64, len(names))
			for i := range names {
				switch {
				case q.Expr != d.conditions[0].expr:
					f.Cols[k][i] = float64(f.Instant(k))/1000 - float64(i%25)
				case i%share == 0:
					f.Cols[k][i] = 90
				default:
					f.Cols[k][i] = float64(i % 50)
				}
			}
		}
		out[q] = remedy.Result{Frame: f}
	}
	return out
}
