package source

import (
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"pgregory.net/rapid"

	"warden/internal/remedy"
)

// arrival is a point and when the server has it; both in steps of 15 s.
type arrival struct{ at, from int }

// laggard is a Prometheus whose points arrive late. The value of each
// expression at an instant is a sum over the points of the last three steps
// that have arrived by now, so that one late point changes several instants.
type laggard struct {
	now    int // in steps since the test's beginning
	points map[string][]arrival
	down   bool
	mixed  *rand.Rand // shuffles the series of each answer

	asked    int // instants
	requests int
}

func (l *laggard) RoundTrip(r *http.Request) (*http.Response, error) {
	l.requests++
	text, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, err
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil, err
	}
	code, body := http.StatusOK, ""
	switch {
	case l.down:
		code = http.StatusServiceUnavailable
	case strings.HasSuffix(r.URL.Path, "query_range"):
		body = l.answer("matrix", stepOf(form.Get("start")), stepOf(form.Get("end")))
	default:
		body = l.answer("vector", stepOf(form.Get("time")), stepOf(form.Get("time")))
	}
	return &http.Response{StatusCode: code, Header: http.Header{"Content-Type": {"application/json"}}, Body: io.NopCloser(strings.NewReader(body)), Request: r}, nil
}

// stepOf is a time in steps since the test's beginning. All are aligned.
func stepOf(s string) int {
	var sec, milli int64
	if _, err := fmt.Sscanf(s, "%d.%d", &sec, &milli); err != nil || milli != 0 {
		panic("an odd time " + s)
	}
	return int(sec-at.Unix()) / 15
}

func (l *laggard) answer(kind string, start, end int) string {
	l.asked += end - start + 1
	var series []string
	for _, labels := range slices.Sorted(maps.Keys(l.points)) {
		points := l.points[labels]
		var samples []string
		for t := start; t <= end; t++ {
			sum, n := 0, 0
			for _, p := range points {
				if p.from <= l.now && p.at <= t && p.at > t-3 {
					sum += p.at*7 + 1
					n++
				}
			}
			if n > 0 {
				samples = append(samples, fmt.Sprintf(`[%d,"%d.5"]`, at.Unix()+int64(15*t), sum))
			}
		}
		switch {
		case len(samples) == 0:
		case kind == "vector":
			series = append(series, `{"metric":{`+labels+`},"value":`+samples[0]+`}`)
		default:
			series = append(series, `{"metric":{`+labels+`},"values":[`+strings.Join(samples, ",")+`]}`)
		}
	}
	if l.mixed != nil {
		l.mixed.Shuffle(len(series), func(i, j int) { series[i], series[j] = series[j], series[i] })
	}
	return `{"status":"success","data":{"resultType":"` + kind + `","result":[` + strings.Join(series, ",") + `]}}`
}

func (l *laggard) source(t interface{ Fatal(...any) }) *Prometheus {
	p, err := NewPrometheus(Options{Name: "prom", URL: "http://prometheus.example", Transport: l})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// span is a query over steps of 15 s.
func span(expr string, start, end int) remedy.Query {
	return remedy.NewQuery("prom", expr, at.Add(time15(start)), at.Add(time15(end)), time15(1)).KeyedBy("host")
}

// TestCachedIsFetched is the promise of the cache: whatever arrives late,
// appears, vanishes, changes its labels, fails or goes back in between, its
// answer is what the server would answer to the whole question now.
func TestCachedIsFetched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		late := rapid.IntRange(0, 4).Draw(t, "late")
		l := &laggard{points: map[string][]arrival{}, mixed: rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "order")))}
		const horizon = 60
		for i := range rapid.IntRange(1, 7).Draw(t, "series") {
			// Three hosts, so that some have several series, at the same time or
			// one after the other.
			labels := fmt.Sprintf(`"host":"h%d","incarnation":"%d"`, i%3, i)
			born := rapid.IntRange(-5, horizon).Draw(t, "born")
			dies := rapid.IntRange(born, horizon+5).Draw(t, "dies")
			for s := born; s < dies; s++ {
				if rapid.IntRange(0, 3).Draw(t, "there") > 0 {
					l.points[labels] = append(l.points[labels], arrival{at: s, from: s + rapid.IntRange(0, late).Draw(t, "delay")})
				}
			}
		}
		p := l.source(t)
		small := rapid.SampledFrom([]int64{0, 0, 0, 3000}).Draw(t, "bytes")
		cached := NewCached(p, CacheOptions{Name: "prom", LateWithin: time15(late), MaxBytes: small})
		for l.now = 5; l.now < horizon; l.now += rapid.SampledFrom([]int{0, 1, 1, 1, 2, 9}).Draw(t, "pause") {
			if rapid.IntRange(0, 40).Draw(t, "stop") == 0 {
				break
			}
			end := l.now - rapid.SampledFrom([]int{0, 1, 1, 1, 1, 3}).Draw(t, "behind")
			var queries []remedy.Query
			for range rapid.IntRange(1, 3).Draw(t, "queries") {
				expr := rapid.SampledFrom([]string{"a", "a", "b", "a @ end()"}).Draw(t, "expr")
				queries = append(queries, span(expr, end-rapid.SampledFrom([]int{0, 3, 8, 8, 12}).Draw(t, "window"), end))
			}
			l.down = rapid.IntRange(0, 9).Draw(t, "down") == 0
			results := FetchAll(t.Context(), map[remedy.SourceName]Source{"prom": cached}, queries, 1)
			for _, q := range queries {
				got := results[q]
				if l.down {
					if got.Failed == "" || got.Frame != nil {
						t.Fatal("an old answer in place of a failure")
					}
					continue
				}
				want := p.Fetch(t.Context(), q)
				if got.Failed != "" || want.Failed != "" {
					t.Fatalf("%q, %q", got.Failed, want.Failed)
				}
				if diff := sameRows(want.Frame, got.Frame); diff != "" {
					t.Fatalf("now %d, %v: %s", l.now, q, diff)
				}
				if empty := got.Frame.Empty(); len(empty) > 0 || !got.Frame.Fits(q) || got.Frame.Keys.Len() != want.Frame.Keys.Len() {
					t.Fatalf("now %d, %v: rows %v of %d are empty", l.now, q, empty, got.Frame.Keys.Len())
				}
			}
			if cached.bytes > cached.opts.MaxBytes {
				t.Fatalf("%d bytes, %d are allowed", cached.bytes, cached.opts.MaxBytes)
			}
		}
	})
}

func steady(hosts, until int) *laggard {
	l := &laggard{points: map[string][]arrival{}}
	for h := range hosts {
		for s := range until {
			labels := fmt.Sprintf(`"host":"h%d"`, h)
			l.points[labels] = append(l.points[labels], arrival{at: s, from: s})
		}
	}
	return l
}

// TestCachedAsksForWhatIsNew counts what the server is asked for.
func TestCachedAsksForWhatIsNew(t *testing.T) {
	l := steady(3, 200)
	reg := prometheus.NewPedanticRegistry()
	m, err := NewMetrics(reg)
	if err != nil {
		t.Fatal(err)
	}
	p := l.source(t)
	cached := NewCached(p, CacheOptions{Name: "prom", LateWithin: time15(3), Metrics: m})
	sources := map[remedy.SourceName]Source{"prom": cached}
	round := func(source Source, end int) (asked, requests int) {
		t.Helper()
		l.now, l.asked, l.requests = end+1, 0, 0
		sources["prom"] = source
		// Two detectors, one of which looks back further, and an instant of the
		// same expression.
		for q, r := range FetchAll(t.Context(), sources, []remedy.Query{span("a", end-10, end), span("a", end-40, end), span("a", end, end)}, 4) {
			if r.Failed != "" || !r.Frame.Fits(q) {
				t.Errorf("%v: %q", q, r.Failed)
			}
		}
		return l.asked, l.requests
	}
	steps := []struct{ end, asked int }{
		{100, 41},    // nothing is known
		{101, 1 + 4}, // the new one, and those that may have changed within 3 steps
		{102, 1 + 4},
		{102, 4},      // judged again
		{105, 3 + 4},  // two rounds were missed
		{99, 41},      // back
		{100, 1 + 4},  // and on from there
		{141, 41},     // a gap as long as the window
		{150, 9 + 4},  //
		{190, 40 + 1}, // the tail alone would be as long as the whole
	}
	for _, s := range steps {
		if asked, requests := round(cached, s.end); asked != s.asked || requests != 1 {
			t.Errorf("to %d: %d instants in %d requests, want %d in 1", s.end, asked, requests, s.asked)
		}
	}
	if asked, requests := round(Fresh(cached), 190); asked != 41 || requests != 1 {
		t.Errorf("fresh: %d instants in %d requests", asked, requests)
	}
	if Fresh(p) != Source(p) {
		t.Error("a source without a cache is fresh as it is")
	}
	if got := testutil.ToFloat64(m.values.WithLabelValues("prom", "cached")); got == 0 {
		t.Error("no value counted as cached")
	}
	if got := testutil.ToFloat64(m.cache.WithLabelValues("prom")); got != float64(cached.bytes) || got == 0 {
		t.Errorf("%v bytes shown, %d held", got, cached.bytes)
	}
}

// TestCachedLaterThanLate pins what happens to a point that comes later than
// late_within: the cache doesn't see it as long as its instant is in the
// window, and what is asked afresh does.
func TestCachedLaterThanLate(t *testing.T) {
	l := steady(1, 100)
	host := `"host":"h0"`
	l.points[host] = append(l.points[host][:20], l.points[host][21:]...)
	l.points[host] = append(l.points[host], arrival{at: 20, from: 27}) // 7 late, 5 allowed
	cached := NewCached(l.source(t), CacheOptions{Name: "prom", LateWithin: time15(5)})
	var differs []int
	for l.now = 20; l.now < 40; l.now++ {
		q := span("a", l.now-8, l.now)
		got, want := cached.Fetch(t.Context(), q), Fresh(cached).Fetch(t.Context(), q)
		if sameRows(want.Frame, got.Frame) != "" {
			differs = append(differs, l.now)
		}
	}
	// The instants 20 to 22 change at 27, when 20 is not asked for again. It
	// leaves the window at 29.
	if want := []int{27, 28}; !slices.Equal(differs, want) {
		t.Errorf("the answers differ at %v, want %v", differs, want)
	}
}

// TestCachedForgets shows what nobody asks for any more being dropped.
func TestCachedForgets(t *testing.T) {
	l := steady(3, 200)
	cached := NewCached(l.source(t), CacheOptions{Name: "prom"})
	for end := 20; end < 40; end++ {
		l.now = end
		if end < 25 {
			cached.Fetch(t.Context(), span("a", end-8, end))
		}
		cached.Fetch(t.Context(), span("b", end-8, end))
	}
	if len(cached.entries) != 1 {
		t.Errorf("%d answers are kept", len(cached.entries))
	}
}

// TestSameSeriesShareATable shows that expressions about the same hosts share
// what names their rows, so that the memory is that of one.
func TestSameSeriesShareATable(t *testing.T) {
	l := steady(3, 50)
	cached := NewCached(l.source(t), CacheOptions{Name: "prom"})
	var frames []*remedy.Frame
	for l.now = 20; l.now < 24; l.now++ {
		for _, expr := range []string{"a", "b"} {
			frames = append(frames, cached.Fetch(t.Context(), span(expr, l.now-5, l.now)).Frame)
		}
	}
	for i, f := range frames {
		if f.Keys != frames[0].Keys {
			t.Errorf("answer %d has other Keys for the same rows", i)
		}
	}
}

func TestSeparable(t *testing.T) {
	p := newSource(t, "http://prometheus.example")
	for expr, want := range map[string]bool{
		`increase(canary_received_total{job="ingest"}[10m])`: true,
		`x offset 5m`:                      true,
		`rate(x[5m] offset 1h)`:            true,
		`x offset -5m`:                     false,
		`x offset  - 5m`:                   false,
		`x @ end()`:                        false,
		`x @ 1609746000`:                   false,
		`max_over_time(x[1h:1m] @start())`: false,
		`x{mail="a@b"}`:                    false, // costs a whole fetch and no more
		`x > step()`:                       false,
		`x OFFSET -5m`:                     false,
		`x Offset\t-5m`:                    false,
		`x OFFSET 5m`:                      true,
		`x offset (-5m)`:                   false, // MetricsQL
		`x offset # why\n -5m`:             false,
		`bend(x)`:                          false, // nobody knows what it does
		`range_avg(x)`:                     false, // of VictoriaMetrics, over the window
		`running_sum(x)`:                   false,
		`keep_last_value(x)`:               false,
		`keep_next_value(x)`:               false,
		`interpolate(x)`:                   false,
		`rand()`:                           false,
		`now() - x`:                        false,
		`WITH (y = x) y`:                   false,
		`Start()`:                          false,
		`SUM BY (host) (rate(x[5m]))`:      true,
		`sum(x) without(pod) / on (host) group_left (dc) y`:     true,
		`(x > bool (y)) and (z) or (a) unless (b)`:              true,
		`histogram_quantile(0.9, sum by (le) (rate(x[5m])))`:    true,
		`label_replace(x, "host", "$1", "instance", "([^:]+)")`: true,
		`avg_over_time((clamp_min(x, 0))[10m:1m])`:              true,
		`range_total`: true,
	} {
		if got := p.Separable(expr); got != want {
			t.Errorf("%s: %v", expr, got)
		}
	}
}
