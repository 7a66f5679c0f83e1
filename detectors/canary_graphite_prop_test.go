package detectors

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// anyHoles draws which buckets of a host are null, from none to nearly all.
func anyHoles(t *rapid.T, name string) func(ago int64) bool {
	seed, share := rapid.Int64().Draw(t, name+" seed"), rapid.Int64Range(0, 10).Draw(t, name+" share")
	return func(ago int64) bool {
		x := uint64(ago*2654435761 + seed)
		x ^= x >> 29
		x *= 0xbf58476d1ce4e5b9
		return int64(x>>33)%10 >= share
	}
}

// A host that receives what it should is never bad, whatever is null, except
// by the stopped-host rule, and of those there is at most one.
func TestNullsMakeNobodyBad(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		hosts := rapid.IntRange(1, 8).Draw(rt, "hosts")
		target := rapid.Bool().Draw(rt, "target")
		w := newGraphiteWorld(t, graphiteSpec(func(s *CanarySpec) {
			if !target {
				s.CanaryTarget = ""
			}
		}), hosts)
		for i := range hosts {
			step := rapid.SampledFrom([]int64{1, 10, 20, 30, 60}).Draw(rt, "step")
			end := rapid.SampledFrom([]int64{0, 0, 0, 30, 70, 150, 600}).Draw(rt, "end")
			holes := anyHoles(rt, "host")
			w.shelf[graphitePath(i)] = rate(step, rapid.Float64Range(0.9, 2).Draw(rt, "rate")).but(func(ago int64) bool { return ago >= end && holes(ago) })
		}
		bad := 0
		for _, f := range w.judge().Findings() {
			if f.BadNow || f.Verdict == remedy.VerdictBad {
				bad++
				if !f.Stopped || !target {
					rt.Fatalf("%+v", f)
				}
			}
		}
		if bad > 1 {
			rt.Fatalf("%d hosts have stopped", bad)
		}
	})
}

// Points that come late make known what was unknown. They turn no verdict
// around, for a host that receives the same share all the time.
func TestLatePointsOnlyMakeKnown(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		share := rapid.SampledFrom([]float64{0, 0.2, 0.49, 0.51, 0.7, 0.89, 0.91, 1, 1.5}).Draw(rt, "share")
		step := rapid.SampledFrom([]int64{1, 10, 30}).Draw(rt, "step")
		early, late := anyHoles(rt, "early"), anyHoles(rt, "late")
		spec := graphiteSpec(func(s *CanarySpec) { s.CanaryTarget = "" })
		judge := func(keep func(int64) bool) remedy.Finding {
			w := newGraphiteWorld(t, spec, 1)
			w.shelf[graphitePath(0)] = rate(step, share).but(keep)
			return w.first()
		}
		before, after := judge(early), judge(func(ago int64) bool { return early(ago) || late(ago) })
		known := func(f remedy.Finding) bool { return f.Covered() && f.Reason != remedy.ReasonPending }
		if known(before) && say(before) != say(after) {
			rt.Fatalf("%s became %s", say(before), say(after))
		}
		if before.Covered() && !after.Covered() {
			rt.Fatalf("%s became %s", say(before), say(after))
		}
	})
}

func BenchmarkJudgeGraphite(b *testing.B) {
	const hosts = 10_000
	spec := graphiteSpec(func(s *CanarySpec) {
		s.Window, s.For, s.MinPoints, s.MaxStaleness = 10*time.Minute, 5*time.Minute, 8, 90*time.Second
	})
	c, pool := mustCanary(b, spec), poolOf(0)
	s := shelf{graphiteHeart: rate(10, 1)}
	var names []string
	for i := range hosts {
		h := remedy.HostName(fmt.Sprintf("h%05d", i))
		pool.Hosts = append(pool.Hosts, remedy.HostView{Name: h, State: remedy.ServiceIn})
		names = append(names, fmt.Sprintf("canary.received.%s.count", h))
		s[names[i]] = rate(10, 1)
	}
	pool.Roster = pool.Listed()
	ask := c.ask(testAt)
	results := remedy.Results{ask.target: s.answer(ask.target, graphiteHeart)}
	f := &remedy.Frame{Start: ask.value.Start.UnixMilli(), Step: 10_000, Widths: slices.Repeat([]int64{10_000}, hosts), Keys: remedy.NewKeys(names)}
	for at := ask.value.Start; !at.After(ask.value.End); at = at.Add(10 * time.Second) {
		f.Cols = append(f.Cols, slices.Repeat([]float64{10}, hosts))
	}
	results[ask.value] = remedy.Result{Frame: f}
	buf := c.Judge(pool, testAt, results, nil).Verdicts
	b.ReportAllocs()
	began := cpu(b)
	for b.Loop() {
		j := c.Judge(pool, testAt, results, buf)
		buf = j.Verdicts
		if buf[0].Verdict != remedy.VerdictGood {
			b.Fatal(buf[0])
		}
	}
	b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N*hosts), "cpu-ns/host")
}
