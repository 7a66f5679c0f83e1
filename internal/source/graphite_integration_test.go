//go:build integration

package source

import (
	"math"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/realtest"
	"warden/internal/remedy"
)

// What the rules of Graphite's answers rest on, against a real one.
func TestRealGraphite(t *testing.T) {
	t.Parallel()
	server := realtest.StartGraphite(t)
	now := time.Now().Truncate(time.Minute)
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	point := func(metric string, at time.Time, v float64) realtest.GraphitePoint {
		return realtest.GraphitePoint{Metric: metric, At: at, Value: v}
	}
	points := []realtest.GraphitePoint{
		point("s10.got.web-1.n", ago(40*time.Second), 1), point("s10.got.web-1.n", ago(30*time.Second), 2.5), point("s10.got.web-1.n", ago(10*time.Second), -3),
		point("s60.got.web-2.n", ago(2*time.Minute), 60), point("s10.got.web-3.n", ago(30*time.Second), math.Inf(1)), point("s10.got.web-3.n", ago(10*time.Second), 1),
	}
	server.Send(points...)
	server.Wait(points...)
	g, err := NewGraphite(Options{Name: "graph", URL: server.URL}, true)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	fetch := func(target string, from, until time.Duration) *remedy.Frame {
		t.Helper()
		q := remedy.NewQuery("graph", target, ago(from), ago(until), 30*time.Second)
		r := g.Fetch(t.Context(), q)
		if r.Failed != "" || !r.Frame.FitsBuckets(q) {
			t.Fatalf("%s: %+v", target, r)
		}
		return r.Frame
	}
	at := func(d time.Duration, v float64) remedy.Point { return remedy.Point{At: ago(d).UnixMilli(), Value: v} }

	t.Run("both ends of the window are in it, and null is missing", func(t *testing.T) {
		f := fetch("s10.got.web-1.n", 40*time.Second, 10*time.Second)
		if d := cmp.Diff([]remedy.Point{at(40*time.Second, 1), at(30*time.Second, 2.5), at(10*time.Second, -3)}, f.Points(0)); d != "" || f.Steps() != 4 || f.Widths[0] != 10_000 {
			t.Errorf("%+v\n%s", f, d)
		}
		f = fetch("s10.got.web-1.n", 39*time.Second, 11*time.Second)
		if d := cmp.Diff([]remedy.Point{at(30*time.Second, 2.5)}, f.Points(0)); d != "" || f.Steps() != 2 {
			t.Errorf("%+v\n%s", f, d)
		}
	})
	t.Run("each series has its own step", func(t *testing.T) {
		f := fetch("s*.got.web-*.n", 5*time.Minute, 0)
		widths := map[string]int64{}
		for i, w := range f.Widths {
			widths[f.Keys.Name(int32(i))] = w
		}
		if d := cmp.Diff(map[string]int64{"s10.got.web-1.n": 10_000, "s60.got.web-2.n": 60_000, "s10.got.web-3.n": 10_000}, widths); d != "" {
			t.Error(d)
		}
	})
	t.Run("an infinity is one", func(t *testing.T) {
		if p := fetch("s10.got.web-3.n", time.Minute, 0).Points(0); len(p) != 2 || !math.IsInf(p[0].Value, 1) {
			t.Errorf("%+v", p)
		}
	})
	t.Run("names", func(t *testing.T) {
		for target, want := range map[string]string{
			"aliasByNode(s10.got.web-1.n,2)":             "web-1",
			`groupByNode(s10.got.web-1.*,2,"sum")`:       "web-1",
			"sumSeries(s10.got.web-1.*)":                 "sumSeries(s10.got.web-1.*)",
			"asPercent(s10.got.web-1.n,s60.got.web-2.n)": "asPercent(s10.got.web-1.n,s60.got.web-2.n)",
		} {
			f := fetch(target, 5*time.Minute, 0)
			if f.Keys.Len() != 1 || f.Keys.Name(0) != want {
				t.Errorf("%s gives %d rows, %q", target, f.Keys.Len(), f.Keys.Name(0))
			}
		}
	})
	t.Run("what is not there is no failure", func(t *testing.T) {
		if f := fetch("no.such.metric", time.Minute, 0); f.Keys.Len() != 0 {
			t.Errorf("%+v", f)
		}
	})
	t.Run("refusals are passed on", func(t *testing.T) {
		q := remedy.NewQuery("graph", "nofunc(a)", ago(time.Minute), now, time.Second)
		wantFailed(t, Answer{Failed: g.Fetch(t.Context(), q).Failed}, "status 400", "unknown function: nofunc")
	})
	t.Run("a cached answer is not taken", func(t *testing.T) {
		cached, err := NewGraphite(Options{Name: "graph", URL: server.URL}, false)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(cached.Close)
		q := remedy.NewQuery("graph", "s10.late", ago(time.Minute), now, 10*time.Second)
		if r := cached.Fetch(t.Context(), q); r.Failed != "" || r.Frame.Keys.Len() != 0 {
			t.Fatalf("%+v", r)
		}
		late := point("s10.late", ago(20*time.Second), 5)
		server.Send(late)
		server.Wait(late)
		if r := g.Fetch(t.Context(), q); r.Failed != "" || r.Frame.Keys.Len() != 1 {
			t.Errorf("with no_cache: %+v", r)
		}
		if r := cached.Fetch(t.Context(), q); r.Failed != "" || r.Frame.Keys.Len() != 0 {
			t.Errorf("without it the server answers from its cache; does it no more? %+v", r)
		}
	})
	t.Run("credentials", func(t *testing.T) {
		to, err := url.Parse(server.URL)
		if err != nil {
			t.Fatal(err)
		}
		proxy := httputil.NewSingleHostReverseProxy(to)
		front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			user, password, _ := r.BasicAuth()
			if r.Header.Get("Authorization") != "Bearer "+planted && (user != "ann" || password != planted) {
				http.Error(w, "who are you?", http.StatusUnauthorized)
				return
			}
			proxy.ServeHTTP(w, r)
		}))
		t.Cleanup(front.Close)
		secret := func() (string, error) { return planted, nil }
		for name, o := range map[string]Options{
			"token": {Token: secret}, "basic": {Username: "ann", Password: secret}, "none": {}, "wrong": {Username: "bob", Password: secret},
		} {
			o.Name, o.URL = "graph", front.URL
			g, err := NewGraphite(o, true)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(g.Close)
			r := g.Fetch(t.Context(), remedy.NewQuery("graph", "s10.got.web-1.n", ago(time.Minute), now, time.Second))
			if refused := strings.Contains(r.Failed, "status 401"); refused != (name == "none" || name == "wrong") || !refused && r.Frame.Keys.Len() != 1 {
				t.Errorf("%s: %+v", name, r)
			}
		}
	})
	t.Run("a server that is gone", func(t *testing.T) {
		server.StopWeb()
		q := remedy.NewQuery("graph", "s10.got.web-1.n", ago(time.Minute), now, time.Second)
		wantFailed(t, Answer{Failed: g.Fetch(t.Context(), q).Failed}, "connection refused")
	})
}
