package source

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"warden/internal/remedy"
)

func graphiteQuery() remedy.Query {
	return remedy.NewQuery("graph", "canary.*.count", at.Add(-time.Minute), at, 30*time.Second)
}

// serveGraphite starts a fake and returns a source that asks it with the
// planted token.
func serveGraphite(t *testing.T, h http.HandlerFunc, change ...func(*Options)) *Graphite {
	t.Helper()
	srv := httptest.NewServer(h)
	t.Cleanup(srv.Close)
	o := Options{Name: "graph", URL: srv.URL, Token: func() (string, error) { return planted, nil }, Timeout: 5 * time.Second}
	for _, c := range change {
		c(&o)
	}
	g, err := NewGraphite(o, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return g
}

func TestGraphiteAsks(t *testing.T) {
	t.Parallel()
	var form url.Values
	var auth, method, path string
	record := func(w http.ResponseWriter, r *http.Request) {
		if err := r.ParseForm(); err != nil {
			t.Error(err)
		}
		form, auth, method, path = r.Form, r.Header.Get("Authorization"), r.Method, r.URL.Path
		_, _ = io.WriteString(w, "[]")
	}
	want := url.Values{
		"target": {"canary.*.count"}, "format": {"json"}, "tz": {"UTC"}, "noCache": {"1"},
		"from": {"1772366339"}, "until": {"1772366400"}, // from is exclusive
	}
	r := serveGraphite(t, record).Fetch(t.Context(), graphiteQuery())
	if d := cmp.Diff(want, form); d != "" || r.Failed != "" || auth != "Bearer "+planted || method != http.MethodPost || path != "/render" {
		t.Errorf("%s %s %q %q\n%s", method, path, auth, r.Failed, d)
	}
	if !r.Frame.FitsBuckets(graphiteQuery()) || r.Frame.Keys.Len() != 0 {
		t.Errorf("an answer without series: %+v", r.Frame)
	}

	g := serveGraphite(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPost {
			http.Error(w, "no", http.StatusMethodNotAllowed)
			return
		}
		record(w, r)
	}, func(o *Options) {
		o.Token, o.Username, o.Password = nil, "ann", func() (string, error) { return planted, nil }
		o.URL += "/graphite/"
	})
	g.noCache = false
	want.Del("noCache")
	if r := g.Fetch(t.Context(), graphiteQuery()); r.Failed != "" || method != http.MethodGet || path != "/graphite/render" || !strings.HasPrefix(auth, "Basic ") {
		t.Errorf("%s %s %q %q", method, path, auth, r.Failed)
	}
	if d := cmp.Diff(want, form); d != "" {
		t.Error(d)
	}
}

func TestGraphiteFetch(t *testing.T) {
	t.Parallel()
	body := `[{"target": "canary.a.count", "tags": {}, "datapoints": [[58.0, 1772366340], [null, 1772366370], [61.5, 1772366400]]}]`
	g := serveGraphite(t, respond(body))
	r := g.Fetch(t.Context(), graphiteQuery())
	if r.Failed != "" || !r.Frame.FitsBuckets(graphiteQuery()) {
		t.Fatalf("%+v", r)
	}
	want := []remedy.Point{{At: 1772366340_000, Value: 58}, {At: 1772366400_000, Value: 61.5}}
	if d := cmp.Diff(want, r.Frame.Points(0)); d != "" || r.Frame.Keys.Name(0) != "canary.a.count" || r.Frame.Widths[0] != 30_000 {
		t.Errorf("%+v\n%s", r.Frame, d)
	}
	a := g.Raw(t.Context(), graphiteQuery())
	if d := cmp.Diff(Answer{Series: []remedy.Series{{Labels: map[string]string{"target": "canary.a.count"}, Points: want}}}, a); d != "" {
		t.Error(d)
	}
}

// An instant looks back: it shows of each series the newest value of a bucket
// that begins no later, and never one that begins after it.
func TestGraphiteInstant(t *testing.T) {
	t.Parallel()
	const now = 1772366400
	instant := time.Unix(now, 0).Add(678 * time.Millisecond)
	tests := []struct {
		name string
		body func(from int64) string
		asks int
		want []remedy.Series
	}{
		{"the newest is not there yet, and the one after it is not shown", func(int64) string {
			return `[{"target": "a", "datapoints": [[1, 1772366340], [2, 1772366370], [null, 1772366400], [9, 1772366430]]},
				{"target": "b", "datapoints": [[3, 1772366340], [4, 1772366370], [5, 1772366400], [null, 1772366430]]},
				{"target": "c", "datapoints": [[null, 1772366340], [null, 1772366370], [null, 1772366400], [null, 1772366430]]}]`
		}, 1, []remedy.Series{
			{Labels: map[string]string{"target": "a"}, Points: []remedy.Point{{At: (now - 30) * 1000, Value: 2}}},
			{Labels: map[string]string{"target": "b"}, Points: []remedy.Point{{At: now * 1000, Value: 5}}},
			{Labels: map[string]string{"target": "c"}, Points: []remedy.Point{}},
		}},
		{"an archive of an hour", func(from int64) string {
			if now-from < 1000 {
				return `[{"target": "a", "datapoints": [[null, 1772368200]]}]`
			}
			return `[{"target": "a", "datapoints": [[7, 1772361000], [8, 1772364600], [9, 1772368200]]}]`
		}, 2, []remedy.Series{{Labels: map[string]string{"target": "a"}, Points: []remedy.Point{{At: 1772364600_000, Value: 8}}}}},
		{"nothing by that name", func(int64) string { return `[]` }, 1, []remedy.Series{}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			asks := 0
			g := serveGraphite(t, func(w http.ResponseWriter, r *http.Request) {
				asks++
				from, err := strconv.ParseInt(r.FormValue("from"), 10, 64)
				if err != nil || r.FormValue("until") != "1772366400" || from > now-300 {
					t.Errorf("asked from %s until %s", r.FormValue("from"), r.FormValue("until"))
				}
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, tt.body(from))
			})
			a := g.Raw(t.Context(), remedy.NewQuery("graph", "x", instant, instant, 30*time.Second))
			if d := cmp.Diff(Answer{Series: tt.want}, a); d != "" || asks != tt.asks {
				t.Errorf("asked %d times\n%s", asks, d)
			}
		})
	}
	refusal := `Invalid parameters (Received request for unknown function: nofunc); targets: "nofunc(a)"`
	g := serveGraphite(t, status(400, refusal))
	if a := g.Raw(t.Context(), remedy.NewQuery("graph", "nofunc(a)", instant, instant, time.Second)); !strings.Contains(a.Failed, "unknown function: nofunc") {
		t.Errorf("Graphite's own words are missing: %s", a.Failed)
	}
}

func TestGraphiteFailures(t *testing.T) {
	t.Parallel()
	html := func(code int, body string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "text/html; charset=utf-8")
			w.WriteHeader(code)
			_, _ = io.WriteString(w, body)
		}
	}
	location := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	tests := []struct {
		name string
		h    http.HandlerFunc
		want []string
		code string
	}{
		// As graphite-web words it, and calls it HTML.
		{"unknown function", html(400, `Invalid parameters (Received request for unknown function: nofunc); targets: "nofunc(a)"`),
			[]string{"status 400", "unknown function: nofunc", "Graphite's own page"}, "400"},
		{"a refusal that repeats the token", html(400, "bad token "+planted), []string{"[redacted]"}, "400"},
		{"not authenticated", html(401, "<html>no</html>"), []string{"status 401", "check token_file, or username"}, "401"},
		{"not allowed", status(403, ""), []string{"status 403", "may not query"}, "403"},
		{"no render", html(404, "<html>"), []string{"no /render at this address", "/graphite"}, "404"},
		{"too many", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "30")
			w.WriteHeader(429)
		}, []string{"slow down", `Retry-After: "30"`}, "429"},
		{"it broke", html(500, "<h1>Traceback</h1>"), []string{"status 500", "graphite-web failed on the target"}, "500"},
		{"proxy without server", html(502, "<html>"), []string{"status 502", "down or overloaded"}, "502"},
		{"login page", html(200, "<html><form>"), []string{"login page", "token_file"}, "bad_answer"},
		{"a page that begins like a list", html(200, "[x]"), []string{"text/html", "check url"}, "bad_answer"},
		{"redirect to another host", location("https://login.example.net/?next=" + planted), []string{"redirects (302) to login.example.net"}, "302"},
		{"nothing", status(200, ""), []string{"the answer is empty"}, "bad_answer"},
		{"Prometheus", respond(`{"status":"error"}`), []string{"not an answer of Graphite's /render", "check url"}, "bad_answer"},
		{"cut off", respond(`[{"target":"a","datapoints":[[1,60]`), []string{"cut off"}, "bad_answer"},
		{"text values", respond(`[{"target":"a","datapoints":[["1",60]]}]`), []string{"not [value, time]"}, "bad_answer"},
		{"too large", respond("[" + strings.Repeat(" ", 5000) + "]"), []string{"larger than 4096 bytes", "narrow the target"}, "too_large"},
		{"too many series", respond(`[{"target":"a","datapoints":[]},{"target":"b","datapoints":[]},{"target":"c","datapoints":[]}]`), []string{"more than 2 series"}, "too_large"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			reg := prometheus.NewRegistry()
			m, err := NewMetrics(reg)
			if err != nil {
				t.Fatal(err)
			}
			g := serveGraphite(t, tt.h, func(o *Options) { o.MaxBytes, o.MaxSeries, o.Metrics = 4096, 2, m })
			r := g.Fetch(t.Context(), graphiteQuery())
			wantFailed(t, Answer{Failed: r.Failed}, append(tt.want, "source graph at http://")...)
			if got := testutil.ToFloat64(m.requests.WithLabelValues("graph", tt.code)); got != 1 {
				t.Errorf("counted %v times as %s", got, tt.code)
			}
		})
	}
}

func TestGraphiteRefusesQueries(t *testing.T) {
	t.Parallel()
	g := serveGraphite(t, func(http.ResponseWriter, *http.Request) { t.Error("asked") })
	for _, q := range []remedy.Query{
		remedy.NewQuery("graph", " ", at.Add(-time.Minute), at, time.Second),
		remedy.NewQuery("graph", "a", at, at.Add(-time.Minute), time.Second),
		remedy.NewQuery("graph", "a", time.Unix(0, 0), at, time.Second),
	} {
		if r := g.Fetch(t.Context(), q); r.Failed == "" || r.Frame != nil {
			t.Errorf("%+v", r)
		}
	}
}

func TestGraphiteTimesOut(t *testing.T) {
	t.Parallel()
	stuck := make(chan struct{})
	g := serveGraphite(t, func(w http.ResponseWriter, _ *http.Request) { <-stuck }, func(o *Options) { o.Timeout = 50 * time.Millisecond })
	t.Cleanup(func() { close(stuck) })
	wantFailed(t, Answer{Failed: g.Fetch(t.Context(), graphiteQuery()).Failed}, "no complete answer within 50ms")
}
