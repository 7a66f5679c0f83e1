package detectors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// story is a fleet whose samples are known, judged at any instant.
type story struct {
	c      *Canary
	pool   remedy.PoolView
	hosts  []scraped
	target []scraped
}

const storyLength = 3 * time.Hour

func storyEnd() time.Time { return testAt.Add(storyLength) }

// newStory has n hosts that receive all they should, sampled every 15 s.
func newStory(tb testing.TB, n int, edit ...func(*CanarySpec)) *story {
	tb.Helper()
	spec := testSpec(func(s *CanarySpec) {
		s.Window, s.For, s.MinPoints, s.MaxStaleness = 10*time.Minute, 5*time.Minute, 8, 0
	})
	for _, e := range edit {
		e(&spec)
	}
	s := &story{c: mustCanary(tb, spec), pool: poolOf(n)}
	for i := range n {
		s.hosts = append(s.hosts, s.host(i, 60, alwaysUp))
	}
	s.target = []scraped{scrape("heartbeat", testAt, storyEnd(), time.Second, 15*time.Second, 1, alwaysUp)}
	return s
}

func (s *story) host(i int, perMinute float64, up func(time.Time) bool) scraped {
	offset := time.Duration(i*7%15) * time.Second
	return scrape(string(hostName(i)), testAt, storyEnd(), offset, 15*time.Second, perMinute, up)
}

func (s *story) judge(after time.Duration) remedy.Judgement {
	at := testAt.Add(after)
	return s.c.Judge(s.pool, at, answer(s.c, at, s.hosts, s.target), nil)
}

// timeline is what a host is at every step of a stretch, each change once.
func (s *story) timeline(host int, from, to time.Duration) string {
	var out []string
	for d := from; d <= to; d += s.c.spec.Interval {
		w := say(s.judge(d).Findings()[host])
		if len(out) == 0 || !strings.HasSuffix(out[len(out)-1], w) {
			out = append(out, fmt.Sprintf("%v %s", d-from, w))
		}
	}
	return strings.Join(out, ", ")
}

func upUntil(d time.Duration) func(time.Time) bool {
	return func(t time.Time) bool { return !t.After(testAt.Add(d)) }
}

func TestStoryCanaryStops(t *testing.T) {
	s := newStory(t, 10)
	// The host goes on being scraped, but its counter stands still.
	h := s.hosts[3]
	for i, p := range h.samples {
		if p.at > testAt.Add(time.Hour).UnixMilli() {
			h.samples[i].v = h.samples[i-1].v
		}
	}
	got := s.timeline(3, time.Hour, time.Hour+20*time.Minute)
	if want := "0s good, 1m0s between, 5m0s pending, 10m0s bad"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStorySeriesEnds(t *testing.T) {
	for _, marker := range []bool{true, false} {
		t.Run(fmt.Sprintf("marker %v", marker), func(t *testing.T) {
			s := newStory(t, 10)
			s.hosts[3] = s.host(3, 60, upUntil(time.Hour))
			want := "0s good, 1m0s between, 1m30s stale, 5m0s bad stopped, 58m30s few_points, 1h0m0s never_seen"
			if marker {
				s.hosts[3].ended = testAt.Add(time.Hour + 15*time.Second).UnixMilli()
				want = "0s good, 30s no_series, 1m30s stale, 5m0s bad stopped, 58m30s few_points, 1h0m0s never_seen"
			}
			if got := s.timeline(3, time.Hour, time.Hour+70*time.Minute); got != want {
				t.Errorf("got  %s\nwant %s", got, want)
			}
		})
	}
}

func TestStoryHostStarts(t *testing.T) {
	s := newStory(t, 10)
	s.hosts[3] = s.host(3, 60, func(t time.Time) bool { return t.After(testAt.Add(time.Hour)) })
	got := s.timeline(3, time.Hour, time.Hour+20*time.Minute)
	if want := "0s never_seen, 30s few_points, 5m30s between, 9m30s good"; got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestStoryPipeDies(t *testing.T) {
	s := newStory(t, 10)
	for i := range s.hosts {
		s.hosts[i] = s.host(i, 60, upUntil(time.Hour))
	}
	for _, target := range []bool{true, false} { // whether the target lives on
		if !target {
			s.target = []scraped{scrape("heartbeat", testAt, storyEnd(), time.Second, 15*time.Second, 1, upUntil(time.Hour))}
		}
		for d := time.Hour; d < 2*time.Hour+10*time.Minute; d += 30 * time.Second {
			for _, f := range s.judge(d).Findings() {
				if f.BadNow || d > time.Hour+2*time.Minute && f.Covered() {
					t.Fatalf("%v after, target alive %v: %s is %s", d-time.Hour, target, f.Host, say(f))
				}
			}
		}
	}
}

// TestStoryRestartIsNeverBad holds that a host that receives everything
// whenever it is up is not bad for having been away, which the missing part of
// its window would make it if missing were 0.
func TestStoryRestartIsNeverBad(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newStory(t, 3, func(spec *CanarySpec) {
			spec.CanaryTarget = ""
			spec.For = time.Duration(rapid.IntRange(4, 12).Draw(rt, "for")) * 30 * time.Second
		})
		gap := time.Duration(rapid.IntRange(1, 40).Draw(rt, "gap")) * 30 * time.Second
		s.hosts[1] = s.host(1, 60, func(t time.Time) bool {
			d := t.Sub(testAt)
			return d <= 30*time.Minute || d > 30*time.Minute+gap
		})
		for d := 30 * time.Minute; d < 45*time.Minute+gap; d += 30 * time.Second {
			if f := s.judge(d).Findings()[1]; f.Verdict == remedy.VerdictBad {
				rt.Fatalf("away for %v, bad %v after", gap, d-30*time.Minute)
			}
		}
	})
}

// TestStoryHostsStopTogether holds that two or more hosts that stop within one
// scrape of each other are never bad, at no step and for no setting of `for`.
func TestStoryHostsStopTogether(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		n := rapid.IntRange(2, 12).Draw(rt, "hosts")
		k := rapid.IntRange(2, n).Draw(rt, "stopped")
		s := newStory(t, n, func(spec *CanarySpec) {
			spec.For = time.Duration(rapid.IntRange(0, 12).Draw(rt, "for")) * 30 * time.Second
			spec.MaxStaleness = time.Duration(rapid.IntRange(30, 120).Draw(rt, "max_staleness")) * time.Second
			spec.MinPoints = rapid.IntRange(2, 12).Draw(rt, "min_points")
		})
		stop := 40*time.Minute + time.Duration(rapid.IntRange(0, 60).Draw(rt, "stop"))*time.Second
		marker := rapid.Bool().Draw(rt, "marker")
		for i := range k {
			s.hosts[i] = s.host(i, 60, upUntil(stop))
			if marker {
				s.hosts[i].ended = testAt.Add(stop + 15*time.Second).UnixMilli()
			}
		}
		for d := 40 * time.Minute; d < 52*time.Minute; d += 30 * time.Second {
			for _, f := range s.judge(d).Findings() {
				if f.BadNow {
					rt.Fatalf("%s is bad %v after %d of %d stopped", f.Host, d-stop, k, n)
				}
			}
		}
	})
}
