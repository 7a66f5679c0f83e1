//go:build integration

package source

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest"
	"warden/internal/remedy"
)

// age is the age of the explicit timestamps that the old series carry: less
// than the five minutes for which Prometheus goes on showing a value.
const age = 100 * time.Second

// TestRealPrometheus shows, against a Prometheus of Debian's, what the detectors
// rely on. One server serves all of it, for its first scrape takes five seconds.
func TestRealPrometheus(t *testing.T) {
	live := realtest.StartExporter(t, "canary{host=\"live\"} 42\nodd{host=\"nan\"} NaN\nodd{host=\"inf\"} +Inf\n")
	doomed := realtest.StartExporter(t, "canary{host=\"doomed\"} 7\n")
	frozenAt := time.Now().Add(-age).Truncate(time.Millisecond)
	old := realtest.StartExporter(t, fmt.Sprintf("canary{host=\"old\"} 42 %d\n", frozenAt.UnixMilli()))
	server := realtest.StartPrometheus(t, realtest.PrometheusOptions{
		Targets: map[string][]string{"live": {live.Address}, "doomed": {doomed.Address}, "old": {old.Address}},
	})
	p, err := NewPrometheus(Options{Name: "prom", URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	until(t, 20*time.Second, func() string {
		if got := instant(t, p, "canary"); len(got) != 3 {
			return fmt.Sprintf("canary: %v", got)
		}
		return ""
	})

	t.Run("an unknown metric is an empty answer, not a failure", func(t *testing.T) {
		now := time.Now()
		for _, start := range []time.Time{now, now.Add(-10 * time.Second)} {
			r := p.Raw(t.Context(), remedy.NewQuery("prom", "no_such_metric", start, now, time.Second))
			if r.Failed != "" || r.Series == nil || len(r.Series) != 0 {
				t.Errorf("%+v", r)
			}
		}
	})

	t.Run("NaN and infinity are kept", func(t *testing.T) {
		got := instant(t, p, "odd")
		if v := got["nan"].Value; !math.IsNaN(v) {
			t.Errorf("NaN became %v", v)
		}
		if v := got["inf"].Value; !math.IsInf(v, 1) {
			t.Errorf("+Inf became %v", v)
		}
	})

	t.Run("only timestamp() tells how old a value is", func(t *testing.T) {
		now := time.Now()
		values, stamps := instant(t, p, "canary"), instant(t, p, "timestamp(canary)")
		if got := values["old"]; got.Value != 42 || now.UnixMilli()-got.At > 5000 {
			t.Errorf("the old value must look new: %+v", got)
		}
		if got := time.UnixMilli(int64(stamps["old"].Value * 1000)); got.Sub(frozenAt).Abs() > 2*time.Millisecond {
			t.Errorf("timestamp() says %v, want %v", got, frozenAt)
		}
		if got := time.UnixMilli(int64(stamps["live"].Value * 1000)); now.Sub(got) > 5*time.Second {
			t.Errorf("timestamp() of a live series says %v", got)
		}
	})

	t.Run("a raw range has the samples' own times", func(t *testing.T) {
		got := instant(t, p, fmt.Sprintf(`canary{host="old"}[%ds]`, int(2*age.Seconds())))
		if got["old"].At != frozenAt.UnixMilli() {
			t.Errorf("%+v, want %d", got["old"], frozenAt.UnixMilli())
		}
	})

	t.Run("a range query has a point a step and leaves holes", func(t *testing.T) {
		until(t, 10*time.Second, func() string {
			end := time.Now().Truncate(time.Second)
			q := remedy.NewQuery("prom", `canary{host="live"}`, end.Add(-10*time.Minute), end, time.Second)
			r := p.Raw(t.Context(), q)
			if r.Failed != "" || len(r.Series) != 1 {
				return fmt.Sprintf("%+v", r)
			}
			points := r.Series[0].Points
			if first, last := points[0].At, points[len(points)-1].At; last != end.UnixMilli() || first <= q.Start.UnixMilli() || first%1000 != 0 {
				return fmt.Sprintf("from %d to %d", first, last)
			}
			return ""
		})
	})

	t.Run("what is remembered is what the server has", func(t *testing.T) {
		cached := NewCached(p, CacheOptions{Name: "prom", LateWithin: 10 * time.Second})
		for _, expr := range []string{"canary", "count_over_time(up[20s])", "timestamp(canary)"} {
			same, last := 0, time.Time{}
			until(t, 30*time.Second, func() string {
				end := time.Now().Add(-2 * time.Second).Truncate(time.Second)
				if end.Equal(last) {
					return "the next second"
				}
				last = end
				q := remedy.NewQuery("prom", expr, end.Add(-20*time.Second), end, time.Second).KeyedBy("instance")
				before, got, after := p.Fetch(t.Context(), q), cached.Fetch(t.Context(), q), p.Fetch(t.Context(), q)
				if before.Failed+got.Failed+after.Failed != "" {
					return before.Failed + got.Failed + after.Failed
				}
				if sameRows(before.Frame, after.Frame) != "" {
					return "a sample came meanwhile"
				}
				if diff := sameRows(after.Frame, got.Frame); diff != "" {
					t.Fatalf("%s: %s", expr, diff)
				}
				if same++; same < 4 {
					return fmt.Sprintf("%d answers compared", same)
				}
				return ""
			})
		}
	})

	t.Run("a target that disappears ends at once", func(t *testing.T) {
		doomed.Stop()
		until(t, 15*time.Second, func() string {
			if got := instant(t, p, "canary"); len(got) != 2 {
				return fmt.Sprintf("still there: %v", got)
			}
			return ""
		})
		if got := instant(t, p, `canary{host="doomed"}[1m]`); len(got) != 1 {
			t.Errorf("the raw samples are still there for the stopped-host rule to see: %v", got)
		}
	})

	t.Run("its refusals say what to do", func(t *testing.T) {
		now := time.Now()
		for _, tt := range []struct {
			q    remedy.Query
			want string
		}{
			{remedy.NewQuery("prom", "sum(", now, now, 0), "parse error"},
			{remedy.NewQuery("prom", "up", now.Add(-24*time.Hour), now, time.Second), "raise the detector's interval"},
			{remedy.NewQuery("prom", `"text"`, now, now, 0), "not a vector"},
		} {
			if r := p.Raw(t.Context(), tt.q); !strings.Contains(r.Failed, tt.want) {
				t.Errorf("%s: %q, want %q", tt.q.Expr, r.Failed, tt.want)
			}
		}
	})

	t.Run("a server that hangs, is gone, or came back", func(t *testing.T) {
		quick, err := NewPrometheus(Options{Name: "prom", URL: server.URL, Timeout: 300 * time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(quick.Close)
		now := time.Now()
		q := remedy.NewQuery("prom", "up", now, now, 0)
		server.Freeze()
		if r := quick.Raw(t.Context(), q); !strings.Contains(r.Failed, "no complete answer within 300ms") {
			t.Errorf("hanging: %+v", r)
		}
		server.Thaw()
		server.Stop()
		if r := quick.Raw(t.Context(), q); !strings.Contains(r.Failed, "connection refused") {
			t.Errorf("gone: %+v", r)
		}
		server.Start()
		if r := p.Raw(t.Context(), q); r.Failed != "" {
			t.Errorf("back: %+v", r)
		}
	})
}

// instant asks now and returns the newest point of each series by its host.
func instant(t *testing.T, p *Prometheus, expr string) map[string]remedy.Point {
	t.Helper()
	now := time.Now()
	r := p.Raw(t.Context(), remedy.NewQuery("prom", expr, now, now, 0))
	if r.Failed != "" {
		t.Fatalf("%s: %s", expr, r.Failed)
	}
	out := map[string]remedy.Point{}
	for _, s := range r.Series {
		out[s.Labels["host"]] = s.Points[len(s.Points)-1]
	}
	return out
}

// until calls look until it finds nothing wrong, for at most d.
func until(t *testing.T, d time.Duration, look func() (wrong string)) {
	t.Helper()
	deadline := time.Now().Add(d)
	for wrong := look(); wrong != ""; wrong = look() {
		if time.Now().After(deadline) {
			t.Fatalf("after %v: %s", d, wrong)
		}
		select {
		case <-t.Context().Done():
			t.Fatal(wrong)
		case <-time.After(50 * time.Millisecond):
		}
	}
}
