//go:build integration && !failpoints

package main_test

import (
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"warden/internal/realtest"
	"warden/internal/remedy"
)

// scriptConfig is what the teams that warden was made for have: canaries in
// Graphite, and a script that takes a host out of service.
const scriptConfig = `config_version = 1

[log]
level = "debug"

[sources.graphite]
type          = "graphite"
url           = "{{ .Source }}"
timeout       = "5s"
canary_target = "canary.{{ .Fleet }}.heartbeat"
max_staleness = "5s"
no_cache      = true

[pools.web]
inventory            = { type = "exec", command = ["{{ .Script }}", "list", "{{ .Address }}", "{{ .Backend }}"], refresh = "2s" }
min_in_service       = {{ .MinInService }}
max_out_of_service   = {{ .MaxOut }}
max_actions_per_hour = {{ .MaxPerHour }}
settle_after_action  = "{{ .Settle }}"

[detectors.canary_missing]
type              = "canary"
source            = "graphite"
pools             = ["web"]
propose           = "drain"
query             = "canary.{{ .Fleet }}.*.received"
host_node         = 2
expect_per_minute = 600
interval          = "1s"
window            = "5s"
for               = "5s"
min_points        = 3
seen_within       = "60s"

{{ if eq .Level "auto" }}
[detectors.traffic_gone]
type              = "threshold"
source            = "graphite"
pools             = ["web"]
query             = "traffic.{{ .Fleet }}.*.points"
host_node         = 2
interval          = "1s"
window            = "2s"
aggregate         = "max"
for               = "2s"
bad_above         = 1
unit              = "points a second"
{{ end }}
[actions.drain]
type              = "exec"
policy            = "{{ .Level }}"
{{ if eq .Level "auto" -}}
verify            = { detector = "traffic_gone", within = "15s" }
{{ end -}}
approvers         = ["{{ .Approver }}"]
plan              = ["{{ .Script }}", "plan", "{{ .Address }}", "{{ .Backend }}", "{{ "{{ .Host }}" }}", "drain"]
run               = ["{{ .Script }}", "set", "{{ .Address }}", "{{ .Backend }}", "{{ "{{ .Host }}" }}", "drain"]
undo              = ["{{ .Script }}", "set", "{{ .Address }}", "{{ .Backend }}", "{{ "{{ .Host }}" }}", "{{ "{{ .Prior }}" }}"]
observe           = ["{{ .Script }}", "observe", "{{ .Address }}", "{{ .Backend }}", "{{ "{{ .Host }}" }}"]
observe_all       = ["{{ .Script }}", "observe", "{{ .Address }}", "{{ .Backend }}"]
manual_hint       = "lb set {{ .Backend }} {{ "{{ .Host }}" }} drain"
timeout           = "{{ .Timeout }}"
start_within      = "{{ .StartWithin }}"
took_within       = "10s"
cooldown_per_host = "{{ .Cooldown }}"

[guardrails]
{{ with .FreezeFile }}freeze_file = "{{ . }}"{{ end }}
{{ .Extra }}
`

// scriptText is the team's script: it talks to HAProxy's runtime API the way
// socat would.
const scriptText = `#!/usr/bin/python3 -I
import socket, sys

def talk(path, line):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(4)
    s.connect(path)
    s.sendall(line.encode() + b"\n")
    out = b""
    while True:
        part = s.recv(65536)
        if not part:
            return out.decode()
        out += part

def states(path, backend):
    rows = [r.split() for r in talk(path, "show servers state " + backend).splitlines() if r[:1].isdigit() and " " in r]
    return {r[3]: "drain" if int(r[6]) & 8 else "maint" if int(r[6]) & 1 else "ready" for r in rows}

verb, path, backend = sys.argv[1:4]
if verb == "list":
    print("\n".join(sorted(states(path, backend))))
elif verb == "plan":
    print("set server %s/%s state %s" % (backend, sys.argv[4], sys.argv[5]))
elif verb == "set":
    said = talk(path, "set server %s/%s state %s" % (backend, sys.argv[4], sys.argv[5])).strip()
    sys.exit(said or 0)
elif verb == "observe" and len(sys.argv) > 4:
    state = states(path, backend).get(sys.argv[4])
    if state is None:
        sys.exit(2)
    print(state)
    sys.exit(0 if state == "drain" else 1)
elif verb == "observe":
    for host, state in states(path, backend).items():
        print(host, "wanted" if state == "drain" else "not", state)
else:
    sys.exit(64)
`

// TestGraphiteAndScript is the main job for a team with Graphite and a script,
// at each rung: real carbon, real graphite-web, a script of theirs, and a real
// HAProxy behind it. The inventory is a script's, too. At auto, that the drain
// took is what the hosts' traffic in Graphite says.
func TestGraphiteAndScript(t *testing.T) {
	t.Parallel()
	g := realtest.StartGraphite(t)
	script := filepath.Join(t.TempDir(), "lb")
	if err := os.WriteFile(script, []byte(scriptText), 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	rungs := map[string]func(*story){
		"metric-only": (*story).counted, "notify": (*story).told, "confirm": (*story).confirmed, "auto": (*story).automatic,
	}
	ways := map[string]string{"metric-only": "flat", "notify": "vanishes", "confirm": "vanishes", "auto": "flat"}
	for level, follow := range rungs {
		t.Run(level, func(t *testing.T) {
			t.Parallel()
			const size = 10
			f := (&world{}).fleet(level, size, false)
			feed(t, g, f)
			b := newBalancer(t, f)
			if level == "auto" {
				carry(t, g, f, b)
			}
			s := (&world{}).settings(t, level, f, b)
			s.Source, s.Template, s.Script = g.URL, scriptConfig, script
			a := startAgent(t, s)
			a.verdicts("good", size)
			story := &story{agent: a, fleet: f, balancer: b, host: f.hosts[victim], index: victim}
			b.untouched(t)
			failures[ways[level]](f, victim)
			follow(story)
			if level == "auto" {
				story.tookByTraffic()
			}
			if level != "metric-only" {
				story.said("lb set " + b.Backend + " " + story.host + " drain") // how to do it by hand
			}
		})
	}
}

// carry tells carbon at the end of each second how much traffic every host
// carried in it: none from when HAProxy has it drained.
func carry(t *testing.T, g *realtest.Graphite, f *fleet, b *balancer) {
	t.Helper()
	var feeding sync.WaitGroup
	t.Cleanup(feeding.Wait)
	feeding.Go(func() {
		for t.Context().Err() == nil {
			bucket := time.Now().Truncate(time.Second)
			rows, err := table(b.Socket, "show stat "+b.Backend+" 4 -1", "svname")
			select {
			case <-t.Context().Done():
				return
			case <-time.After(time.Until(bucket.Add(time.Second))):
			}
			var points []realtest.GraphitePoint
			for _, host := range f.hosts {
				p := realtest.GraphitePoint{Metric: "traffic." + f.name + "." + host + ".points", At: bucket, Value: 400}
				if rows[host]["status"] == drained {
					p.Value = 0
				}
				points = append(points, p)
			}
			if err == nil && t.Context().Err() == nil { // what can't be known is null
				g.Send(points...)
			}
		}
	})
}

// tookByTraffic: that the drain took is what the detector said of a host that
// was out by then, and of data that is newer than the drain.
func (s *story) tookByTraffic() {
	s.t.Helper()
	drains := 0
	for _, c := range s.cases() {
		for _, x := range s.show(c.ID).Executions {
			if x.Kind == remedy.KindUndo {
				continue
			}
			drains++
			// A window of traffic that is all newer than the drain takes its time.
			if took, known := x.Took.Get(); !took || !known || x.TookAt.Sub(x.FinishedAt) < 2*time.Second {
				s.t.Errorf("%s: took %v at %v, ended at %v", c.ID, x.Took, x.TookAt, x.FinishedAt)
			}
		}
	}
	if drains != 1 {
		s.t.Errorf("%d drains", drains)
	}
}
