//go:build integration

package cli

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"warden/detectors"
	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/realtest"
	"warden/internal/remedy"
	"warden/internal/source"
)

// graphiteHosts are what became of each host's canary data in the last hour:
// how much of what it should have received it did, until how long ago, and at
// which share of its buckets there is a point.
var graphiteHosts = []struct {
	name  string
	share float64
	until time.Duration
	every int64 // a point in one of so many buckets
	want  string
}{
	{"web-1", 1, 0, 1, "good"},
	{"web-2", 0.4, 0, 1, "bad"},
	{"web-3", 1, 8 * time.Minute, 1, "bad stopped"},
	{"web-4", 1, 0, 2, "good"},
	{"web-5", 0.4, 0, 2, "bad"},
	{"web-6", 1, 20 * time.Second, 1, "good"}, // carbon's newest is null
	{"web-7", 0.7, 0, 1, remedy.ReasonBetween},
	{"web-8", 0, 0, 12, remedy.ReasonFewPoints},
	{"web-9", 1, 0, 0, remedy.ReasonNeverSeen},
}

const graphiteConfig = `config_version = 1
[sources.graphite]
type = "graphite"
url = "%s"
canary_target = "s10.canary.heartbeat"
no_cache = true
[pools.web]
inventory = { type = "static", hosts = [%s] }
min_in_service = 1
max_out_of_service = 1
[detectors.canary_missing]
type = "canary"
source = "graphite"
pools = ["web"]
propose = "drain"
%s
expect_per_minute = 60
max_staleness = "120s"
[actions.drain]
type = "haproxy"
address = "unix:/run/haproxy/admin.sock"
backend = "be_web"
`

// From a config file to verdicts, over what a real carbon stored and a real
// graphite-web answered.
func TestCanaryOnRealGraphite(t *testing.T) {
	t.Parallel()
	g := realtest.StartGraphite(t)
	at := time.Now().Add(-30 * time.Second).Truncate(30 * time.Second)
	var points []realtest.GraphitePoint
	var names []string
	for _, h := range graphiteHosts {
		names = append(names, fmt.Sprintf("%q", h.name))
		for ago := 10 * time.Second; h.every > 0 && ago <= time.Hour; ago += 10 * time.Second {
			if bucket := at.Add(-ago); ago > h.until && bucket.Unix()/10%h.every == 0 {
				points = append(points, realtest.GraphitePoint{Metric: "s10.canary." + h.name + "_example_net.received", At: bucket, Value: 10 * h.share})
			}
		}
	}
	for ago := time.Duration(0); ago <= 10*time.Minute; ago += 10 * time.Second {
		points = append(points, realtest.GraphitePoint{Metric: "s10.canary.heartbeat", At: at.Add(-ago), Value: 1})
	}
	g.Send(points...)
	g.Wait(points...)

	want := map[string]string{}
	for _, h := range graphiteHosts {
		want[h.name] = h.want
	}
	for name, keys := range map[string]string{
		"by node":  "query = \"s10.canary.*.received\"\nhost_node = 2\nhost_regex = '^([^.:_]+)'",
		"by alias": "query = \"aliasSub(aliasByNode(s10.canary.*.received,-2),'_.*','')\"",
		"grouped":  "query = \"groupByNode(s10.canary.*.received,2,'sum')\"\nhost_regex = '^([^.:_]+)'",
	} {
		t.Run(name, func(t *testing.T) {
			got, age := judgeGraphite(t, g.URL, keys, names, at)
			if d := cmp.Diff(want, got); d != "" {
				t.Error(d)
			}
			if age, ok := age.Get(); !ok || age < 0 || age > 10*time.Second {
				t.Errorf("the heart is %v old (known: %v)", age, ok)
			}
		})
	}
	for name := range want {
		want[name] = remedy.ReasonSourceStale
	}
	keys := "query = \"s10.canary.*.received\"\nhost_node = 2\nhost_regex = '^([^.:_]+)'"
	if got, _ := judgeGraphite(t, g.URL, keys, names, at.Add(5*time.Minute)); cmp.Diff(want, got) != "" {
		t.Errorf("five minutes after everything stopped: %v", got)
	}
	g.StopWeb()
	for name := range want {
		want[name] = remedy.ReasonSourceFailed
	}
	if got, _ := judgeGraphite(t, g.URL, keys, names, at); cmp.Diff(want, got) != "" {
		t.Errorf("with Graphite gone: %v", got)
	}
}

// builtFrom is what a config file without any warning says.
func builtFrom(t *testing.T, text string) ([]detectors.Detector, map[remedy.SourceName]source.Source) {
	t.Helper()
	file, report := config.Parse("warden.toml", []byte(text), parseOptions())
	if file == nil || len(report) > 0 {
		t.Fatalf("%v", report)
	}
	b := builder{clock: clock.System(), env: func(string) (string, bool) { return "", false }}
	cfg, err := b.build(file)
	if err != nil {
		t.Fatal(err)
	}
	sources := map[remedy.SourceName]source.Source{}
	for name, s := range cfg.Sources {
		sources[name] = s.Source
	}
	return cfg.Detectors, sources
}

// judgeGraphite builds what the config says, asks and judges once.
func judgeGraphite(t *testing.T, url, keys string, hosts []string, at time.Time) (map[string]string, remedy.Fact[time.Duration]) {
	t.Helper()
	text := fmt.Sprintf(graphiteConfig, url, strings.Join(hosts, ", "), keys)
	all, sources := builtFrom(t, text)
	d := all[0]
	pool := remedy.PoolView{Name: "web"}
	for _, h := range graphiteHosts {
		pool.Hosts = append(pool.Hosts, remedy.HostView{Name: remedy.HostName(h.name), State: remedy.ServiceIn})
	}
	queries := d.Queries(pool, at)
	if len(queries) != 2 {
		t.Errorf("%d queries for a pool and the heart", len(queries))
	}
	j := d.Judge(pool, at, source.FetchAll(t.Context(), sources, queries, 0), nil)
	got := map[string]string{}
	for _, f := range j.Findings() {
		got[string(f.Host)] = f.Verdict.String()
		switch {
		case f.Verdict == remedy.VerdictUnknown:
			got[string(f.Host)] = f.Reason
		case f.Stopped:
			got[string(f.Host)] += " stopped"
		}
	}
	return got, j.SourceAge
}
