//go:build integration

package cli

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/internal/engine"
	"warden/internal/realtest"
	"warden/internal/remedy"
	"warden/internal/source"
	"warden/internal/web"
)

// storedConfig has a threshold on Graphite that proposes, one that verifies, and
// one that looks at buckets wider than its interval.
const storedConfig = `config_version = 1
[sources.graphite]
type = "graphite"
url = "%s"
canary_target = "s10.heartbeat"
no_cache = true
[pools.web]
inventory = { type = "static", hosts = ["web-1", "web-2", "web-3", "web-4", "web-5"] }
min_in_service = 2
max_out_of_service = 1
[detectors.load_high]
type = "threshold"
source = "graphite"
pools = ["web"]
propose = "drain"
query = "s10.servers.*.load"
host_node = 2
interval = "10s"
window = "1m"
aggregate = "avg"
min_points = 3
for = "2m"
bad_above = 80
clear_below = 60
[detectors.traffic_gone]
type = "threshold"
source = "graphite"
pools = ["web"]
query = "aliasByNode(s10.servers.*.points,2)"
interval = "10s"
for = "10s"
bad_above = 1
[detectors.wide]
type = "threshold"
source = "graphite"
pools = ["web"]
propose = "drain"
query = "s60.servers.*.load"
host_node = 2
bad_above = 80
[actions.drain]
policy = "notify"
approvers = ["sam"]
type = "haproxy"
address = "unix:/run/haproxy/admin.sock"
backend = "be_web"
verify = { detector = "traffic_gone", within = "1m" }
`

// storedLoad is the hosts' load in the bucket that begins so long before the
// judged instant; NaN for a null.
func storedLoad(host int, ago time.Duration) float64 {
	switch {
	case host == 2: // too high throughout
		return 95
	case host == 3 && ago > 20*time.Minute && ago <= 21*time.Minute+30*time.Second: // for a while, long ago
		return 150
	case host == 4 && ago%(20*time.Second) != 0: // every other bucket, and those too high
		return math.NaN()
	case host == 4:
		return 95
	case host == 5: // between the bounds
		return 70
	}
	return 10
}

// storedHistory is half an hour in Graphite.
func storedHistory(at time.Time) []realtest.GraphitePoint {
	var points []realtest.GraphitePoint
	for ago := 10 * time.Second; ago <= 30*time.Minute; ago += 10 * time.Second {
		bucket := at.Add(-ago)
		points = append(points, realtest.GraphitePoint{Metric: "s10.heartbeat", At: bucket, Value: 1})
		for host := 1; host <= 5; host++ {
			name := fmt.Sprintf("servers.web-%d.", host)
			if v := storedLoad(host, ago); !math.IsNaN(v) {
				points = append(points, realtest.GraphitePoint{Metric: "s10." + name + "load", At: bucket, Value: v})
			}
			traffic := 400.0
			if host == 2 && ago <= time.Minute {
				traffic = 0 // it was drained
			}
			points = append(points, realtest.GraphitePoint{Metric: "s10." + name + "points", At: bucket, Value: traffic})
			if bucket.Unix()%60 == 0 {
				points = append(points, realtest.GraphitePoint{Metric: "s60." + name + "load", At: bucket, Value: 95})
			}
		}
	}
	return points
}

// TestThresholdOnRealGraphite goes from a config file to verdicts, to whether an
// action took, to the arithmetic, and to how close a host once came, over what a
// real carbon stored and a real graphite-web answered.
func TestThresholdOnRealGraphite(t *testing.T) {
	t.Parallel()
	g := realtest.StartGraphite(t)
	at := time.Now().Add(-30 * time.Second).Truncate(30 * time.Second)
	points := storedHistory(at)
	g.Send(points...)
	g.Wait(points...)
	text := fmt.Sprintf(storedConfig, g.URL)
	all, sources := builtFrom(t, text)
	judge := func(detector int, at time.Time) map[string]string {
		d := all[detector]
		view := remedy.PoolView{Name: "web"}
		for host := 1; host <= 5; host++ {
			// Lent, to verify or to probe, it judges hosts that are out, too: see engine.
			view.Hosts = append(view.Hosts, remedy.HostView{Name: remedy.HostName(fmt.Sprintf("web-%d", host)), State: remedy.ServiceUnknown})
		}
		got := map[string]string{}
		j := d.Judge(view, at, source.FetchAll(t.Context(), sources, d.Queries(view, at), 0), nil)
		for _, f := range j.Findings() {
			got[string(f.Host)] = f.Verdict.String() + f.Reason
		}
		return got
	}
	const load, gone, wide = 0, 1, 2
	everyone := func(word string) map[string]string {
		return map[string]string{"web-1": word, "web-2": word, "web-3": word, "web-4": word, "web-5": word}
	}
	verified := everyone("bad")
	verified["web-2"] = "good"
	for _, tt := range []struct {
		name     string
		detector int
		at       time.Time
		want     map[string]string
	}{
		{"over the bound", load, at, map[string]string{"web-1": "good", "web-2": "bad", "web-3": "good", "web-4": "bad", "web-5": "unknownbetween"}},
		{"over it for less than for", load, at.Add(-20 * time.Minute), map[string]string{"web-1": "good", "web-2": "bad", "web-3": "unknownpending", "web-4": "bad", "web-5": "unknownbetween"}},
		{"traffic flows", gone, at.Add(-time.Minute), everyone("bad")},
		{"in part of a bucket's time", gone, at.Add(-51 * time.Second).Truncate(10 * time.Second), everyone("bad")},
		{"traffic is gone", gone, at.Add(-50 * time.Second), verified},
		{"and stays gone", gone, at, verified},
		{"buckets too wide", wide, at, everyone("unknownfew_points")},
		{"five minutes after all stopped", load, at.Add(5 * time.Minute), everyone("unknownsource_stale")},
	} {
		if d := cmp.Diff(tt.want, judge(tt.detector, tt.at)); d != "" {
			t.Errorf("%s: %s", tt.name, d)
		}
	}

	l := newLive(t)
	l.write(text)
	if code, _, talk := l.run("reload", "--wait"); code != ExitOK {
		t.Fatal(talk)
	}
	for host, want := range map[string]string{
		"web-2": "95, bad above 80, good below 60, avg of 6 buckets of 10s, newest 0s old",
		"web-4": "95, bad above 80, good below 60, avg of 3 buckets of 10s, newest ",
	} {
		trial := &web.Trial{}
		code, out, talk := l.run("detector", "test", "load_high", "--host", host, "--at", at.Format(time.RFC3339), "--json")
		if err := json.Unmarshal([]byte(out), trial); code != ExitOK || err != nil {
			t.Fatalf("%d %s %s", code, out, talk)
		}
		if n := len(trial.Steps); n != 13 || trial.Steps[n-1].State != "bad" || !strings.HasPrefix(trial.Steps[n-1].Text, want) {
			t.Errorf("%+v\nwant %s", trial.Steps, want)
		}
	}
	closest(t, l, at.Add(-20*time.Minute))
}

// closest: web-3 was too high for a minute and a half, and had no case: judged
// again on what Graphite keeps, it came close, and recovered.
func closest(t *testing.T, l *live, when time.Time) {
	t.Helper()
	ask := []string{"explain", "--host", "web-3", "--at", when.Format(time.RFC3339), "--around", "8m"}
	var x engine.Explanation
	l.eventually("the first round is over", func() bool {
		code, out, _ := l.run(append(ask, "-o", "json")...)
		x = engine.Explanation{}
		return code == ExitOK && json.Unmarshal([]byte(out), &x) == nil && len(x.Recomputed) > 0
	})
	i := 0
	for i < len(x.Recomputed) && x.Recomputed[i].Detector != "load_high" {
		i++
	}
	if i == len(x.Recomputed) {
		t.Fatalf("%+v", x)
	}
	got := x.Recomputed[i]
	c := got.Closest
	if len(got.Failed) != 0 || c == nil || got.Bad != 0 || c.Proposed || c.PoolBad != 3 {
		t.Fatalf("%+v, %+v", got, c)
	}
	// The load rose 90 s before when: the average of a minute is over 80 with the
	// fourth bucket of it, and no longer with the third after it.
	if want := when.Add(-50 * time.Second); !c.From.Equal(want) {
		t.Errorf("bad from %v, want %v", c.From, want)
	}
	if c.RecoveredAt.IsZero() || !c.RecoveredAt.After(when) || c.RecoveredAt.After(when.Add(time.Minute)) {
		t.Errorf("recovered at %v", c.RecoveredAt)
	}
	if got.Instants != 97 || got.Good+got.Between+got.Unknown != got.Instants {
		t.Errorf("%+v", got)
	}
	code, out, talk := l.run(ask...)
	if code != ExitOK || !strings.Contains(out, "closest it came:") || !strings.Contains(out, "150") {
		t.Errorf("%d %s %s", code, out, talk)
	}
}
