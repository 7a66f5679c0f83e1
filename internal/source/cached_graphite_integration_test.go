//go:build integration

package source

import (
	"testing"
	"time"

	"warden/internal/realtest"
	"warden/internal/remedy"
)

// TestRealGraphiteCached asks a live Graphite in rounds, whose points come on
// time, late, twice and never, and of which hosts are new and stop: the cache's
// answers are those of the server to the whole question, bit for bit.
func TestRealGraphiteCached(t *testing.T) {
	t.Parallel()
	server := realtest.StartGraphite(t)
	g, err := NewGraphite(Options{Name: "graph", URL: server.URL}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	cached := NewCached(g, CacheOptions{Name: "graph", LateWithin: 40 * time.Second})
	const rounds = 12
	// Rounds are ten seconds apart in the points' time, and end now.
	begin := time.Now().Truncate(time.Minute).Add(-rounds * 10 * time.Second)
	point := func(host string, at time.Time, v float64) realtest.GraphitePoint {
		return realtest.GraphitePoint{Metric: "s10.live." + host + ".n", At: at, Value: v}
	}
	var first []realtest.GraphitePoint
	for k := range 30 {
		first = append(first, point("x", begin.Add(-time.Duration(k)*10*time.Second), float64(k)+0.1))
	}
	server.Send(first...)
	server.Wait(first...)
	targets := []string{
		"s10.live.*.n", "aliasByNode(s10.live.*.n,2)", "sumSeries(s10.live.*.n)", `groupByNode(scale(s10.live.*.n,0.1),1,"averageSeries")`, "movingAverage(s10.live.*.n,3)",
	}
	for k := range rounds {
		end := begin.Add(time.Duration(k) * 10 * time.Second)
		sent := []realtest.GraphitePoint{point("x", end, float64(k)/3)}
		if k%3 == 2 { // late, and another value for a bucket that has one
			sent = append(sent, point("x", end.Add(-30*time.Second), 100+float64(k)), point("y", end.Add(-20*time.Second), float64(k)/7))
		}
		if k > 4 && k < 8 { // new, and with a hole; then it stops
			sent = append(sent, point("z", end, -1.5))
		}
		for _, p := range sent {
			server.Send(p)
			server.Wait(p)
		}
		for _, target := range targets {
			q := remedy.NewQuery("graph", target, end.Add(-3*time.Minute), end, 10*time.Second)
			got, want := cached.Fetch(t.Context(), q), g.Fetch(t.Context(), q)
			if got.Failed != "" || want.Failed != "" {
				t.Fatalf("%q, %q", got.Failed, want.Failed)
			}
			if diff := sameBuckets(want.Frame, got.Frame); diff != "" || want.Frame.Keys.Len() == 0 {
				t.Errorf("round %d, %s: %s", k, target, diff)
			}
		}
	}
	whole := 0
	for _, e := range cached.entries {
		if e.cols == nil || e.whole == e.end {
			whole++
		}
	}
	if whole != 1 || len(cached.entries) != len(targets) {
		t.Errorf("%d of %d answers were not put together from parts, want that of movingAverage", whole, len(cached.entries))
	}
}
