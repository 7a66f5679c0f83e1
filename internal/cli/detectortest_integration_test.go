//go:build integration

package cli

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"warden/internal/realtest"
	"warden/internal/web"
)

// gaugeText is what the exporter shows: web-2 is over its bound, web-3 between
// the two, and web-9 in no inventory.
const gaugeText = `load{host="web-1.example.net"} 10
load{host="web-2.example.net"} 95
load{host="web-3.example.net"} 70
load{host="web-4.example.net"} NaN
load{host="web-9.example.net"} 10
`

// TestDetectorTestOnPrometheus runs both commands against a real daemon on a
// real Prometheus, and against the file alone.
func TestDetectorTestOnPrometheus(t *testing.T) {
	exporter := realtest.StartExporter(t, gaugeText)
	server := realtest.StartPrometheus(t, realtest.PrometheusOptions{Targets: map[string][]string{"web": {exporter.Address}}})
	l := newLive(t)
	text := strings.Replace(liveConfig, "http://127.0.0.1:1", server.URL, 1) + `
[detectors.load_high]
type        = "threshold"
source      = "prometheus"
pools       = ["web"]
propose     = "drain"
query       = 'load{job="web"}'
host_label  = "host"
host_regex  = '^([^.:]+)'
interval    = "1s"
for         = "3s"
max_staleness = "5s"
bad_above   = 80
clear_below = 60
`
	l.write(text)
	if code, _, talk := l.run("reload"); code != ExitOK {
		t.Fatal(talk)
	}
	for _, where := range [][]string{nil, {"--config", l.config}} {
		trial := &web.Trial{}
		test := func(args ...string) *web.Trial {
			code, out, talk := l.run(append(append([]string{"detector", "test"}, args...), where...)...)
			trial = &web.Trial{}
			if code != ExitOK || json.Unmarshal([]byte(out), trial) != nil {
				t.Fatalf("%d %s %s", code, out, talk)
			}
			return trial
		}
		l.eventually("web-2 is bad and web-1 good", func() bool {
			got := map[string]string{}
			for _, f := range test("load_high", "--host", "web-2", "--json").Findings {
				got[string(f.Host)] = f.Verdict.String() + f.Reason
			}
			return got["web-1"] == "good" && got["web-2"] == "bad" && got["web-3"] == "unknownbetween" && got["web-4"] == "unknownnot_a_number"
		})
		if len(trial.Steps) != 4 || trial.Steps[3].State != "bad" || !strings.HasPrefix(trial.Steps[3].Text, "95, bad above 80, good below 60, newest ") {
			t.Errorf("%+v", trial.Steps)
		}
		if trial.Unmatched != 1 || len(trial.Strangers) != 1 || trial.Strangers[0] != "web-9.example.net" {
			t.Errorf("%d unmatched: %q", trial.Unmatched, trial.Strangers)
		}
		code, out, talk := l.run(append([]string{"detector", "test", "load_high"}, where...)...)
		if code != ExitOK || !strings.Contains(out, "95, bad above 80, for 3s") || !strings.Contains(out, `"web-9.example.net"`) {
			t.Errorf("%d %s %s", code, out, talk)
		}
		if code, _, talk := l.run(append([]string{"detector", "test", "load_hihg"}, where...)...); code == ExitOK || !strings.Contains(talk, "there is no detector load_hihg") {
			t.Errorf("%d %s", code, talk)
		}

		code, out, talk = l.run(append([]string{"query", "prometheus", `load{host="web-2.example.net"}`, "--json"}, where...)...)
		a := &web.RawAnswer{}
		if err := json.Unmarshal([]byte(out), a); code != ExitOK || err != nil || len(a.Series) != 1 || *a.Series[0].Points[0].Value != 95 {
			t.Errorf("%d %s %s", code, out, talk)
		}
		code, out, _ = l.run(append([]string{"query", "prometheus", `load{host="web-4.example.net"}`}, where...)...)
		if code != ExitOK || !strings.Contains(out, "NaN") {
			t.Errorf("%d %s", code, out)
		}
		code, out, _ = l.run(append([]string{"query", "prometheus", `load{host="web-1.example.net"}`, "--since", "4s", "--step", "1s"}, where...)...)
		if code != ExitOK || strings.Count(out, "\n") < 4 {
			t.Errorf("%d %s", code, out)
		}
		code, _, talk = l.run(append([]string{"query", "prometheus", "sum("}, where...)...)
		if code != ExitError || !strings.Contains(talk, "parse error") {
			t.Errorf("%d %s", code, talk)
		}
		if code, _, talk := l.run(append([]string{"query", "grafana", "up"}, where...)...); code == ExitOK || !strings.Contains(talk, "there is no source grafana") {
			t.Errorf("%d %s", code, talk)
		}
	}

	// A name that is spelled otherwise, and a bound that is plainly off.
	l.write(strings.Replace(strings.Replace(text, "host_regex  = '^([^.:]+)'\n", "", 1), "bad_above   = 80\nclear_below = 60", "bad_above   = 5", 1))
	_, out, _ := l.run("detector", "test", "load_high", "--config", l.config)
	if want := fmt.Sprintf("host_regex = '%s'", `^([^.:]+)`); !strings.Contains(out, want) {
		t.Errorf("%s\nwant %s", out, want)
	}
	l.write(strings.Replace(text, "bad_above   = 80\nclear_below = 60", "bad_above   = 5", 1))
	_, out, _ = l.run("detector", "test", "load_high", "--config", l.config)
	if !strings.Contains(out, "bad above 5") || strings.Contains(out, "bad_above = ") {
		t.Errorf("%s\nof three hosts nobody can tell which are the sick ones: no bound may be proposed", out)
	}
}
