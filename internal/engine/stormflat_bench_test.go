package engine

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"warden/detectors"
	"warden/internal/remedy"
)

// standing is a balancer of many pools in which nothing happens: what it says of
// a pool is made beforehand, so that a benchmark leaves it out.
type standing struct {
	*balancer
	hosts map[remedy.PoolName]map[remedy.HostName]remedy.Observation
}

func (s standing) Observe(_ context.Context, pool remedy.PoolName, _ []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	return s.hosts[pool], nil
}

// regions is a rig of pools of hosts with three threshold detectors over one
// gauge, one of them by a window; of the hosts one in share is past all bounds.
// Its answers are prepared.
func regions(tb testing.TB, pools, hosts, share int) *rig {
	tb.Helper()
	r := newRig(tb, func(s *setup) {
		s.limits.MaxOut, s.limits.PerHour, s.limits.PerDay = 5, 4, 12
	})
	r.clk.Advance(10 * time.Minute)
	names := make([]string, 0, pools*hosts)
	all := r.cfg.Pools[ingest]
	clear(r.cfg.Pools)
	action, calm := r.cfg.Actions[drain], standing{balancer: r.lb, hosts: map[remedy.PoolName]map[remedy.HostName]remedy.Observation{}}
	action.Action = calm
	r.cfg.Actions[drain] = action
	listed := make([]remedy.PoolName, pools)
	for p := range pools {
		listed[p] = remedy.PoolName(fmt.Sprintf("pool%02d", p))
		one, inv := all, &list{}
		calm.hosts[listed[p]] = map[remedy.HostName]remedy.Observation{}
		for i := range hosts {
			h := remedy.HostName(fmt.Sprintf("p%02dh%05d", p, i))
			names = append(names, string(h))
			inv.hosts = append(inv.hosts, h)
			calm.hosts[listed[p]][h] = remedy.Observation{State: remedy.ServiceIn, Admin: "ready"}
		}
		one.Inventory = inv
		r.cfg.Pools[listed[p]], action.Levels[listed[p]] = one, remedy.LevelConfirm
	}
	keys, answers := remedy.NewKeys(names), prepared{}
	r.cfg.Detectors = nil
	for i, bound := range []float64{80, 85, 70} {
		s := detectors.DefaultThreshold()
		s.Name, s.Source, s.Pools, s.Propose = remedy.DetectorName(fmt.Sprint("load", i)), "prom", listed, drain
		s.CommonModeWindow, s.Conditions = time.Hour, []detectors.Condition{{Query: "load", BadAbove: new(bound)}}
		if i == 2 {
			s.Aggregate, s.Window, s.MinPoints = detectors.AggregateAvg, 10*time.Minute, 8
		}
		d, err := detectors.NewThreshold(s)
		if err != nil {
			tb.Fatal(err)
		}
		r.cfg.Detectors = append(r.cfg.Detectors, d)
		r.cfg.MaxEvidenceAge[s.Name] = 2*step + 5*time.Second
		for n, q := range d.Queries(remedy.PoolView{}, judgedAt(r.clk.Now(), step)) {
			f := &remedy.Frame{Keys: keys, Start: q.Start.UnixMilli(), Step: q.Step.Milliseconds(), Cols: make([][]float64, q.Steps())}
			for k := range f.Cols {
				f.Cols[k] = make([]float64, len(names))
				for i := range names {
					switch {
					case n == 1:
						f.Cols[k][i] = float64(f.Instant(k)/1000) - float64(i%25)
					case i%share == 0:
						f.Cols[k][i] = 90
					default:
						f.Cols[k][i] = float64(i % 50)
					}
				}
			}
			answers[q] = remedy.Result{Frame: f}
		}
	}
	r.cfg.Sources["prom"] = Source{Source: answers}
	r.restart()
	return r
}

// BenchmarkRoundOfThree is the cost of a storm: of 100,000 hosts in 100 pools
// one in a thousand is bad by three detectors, or all are. The rounds in which
// it breaks, and cases are opened, are told by the dearest of them.
func BenchmarkRoundOfThree(b *testing.B) {
	for _, share := range []int{1000, 1} {
		b.Run(fmt.Sprintf("bad=1in%d", share), func(b *testing.B) {
			r := regions(b, 100, 1000, share)
			var breaks time.Duration
			for range 10 {
				began := cpu(b)
				r.turn()
				breaks = max(breaks, cpu(b)-began)
			}
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				r.turn()
			}
			b.ReportMetric((cpu(b)-began).Seconds()*1000/float64(b.N), "cpu-ms/op")
			b.ReportMetric(breaks.Seconds()*1000, "first-cpu-ms")
			want := 1000
			if share > 1 {
				want = 1
			}
			for _, p := range r.e.detect(b.Context(), r.cfg, r.e.baton.memory, false).pools {
				for _, j := range p.judgements {
					if j.real.badNow != want || r.lb.acts() > 0 {
						b.Fatalf("%s finds %d of %s bad, want %d; %d acts", j.Detector, j.real.badNow, j.Pool, want, r.lb.acts())
					}
				}
			}
		})
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
