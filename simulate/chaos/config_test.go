//go:build integration && failpoints

package chaos_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// rules are what a config rollout changes: by pool, the level and the limits.
type rules map[string]rule

type rule struct {
	level    string
	min, out int
}

// usual are the rules that every node starts with, and that hold again at the
// end.
func (r *seedRun) usual() rules {
	all := rules{}
	for _, p := range r.pools {
		all[p.name] = rule{level: p.level, min: p.min, out: p.out}
	}
	return all
}

const configTemplate = `config_version = 1

[cluster]
name = "chaos-{{ .Seed }}"
{{ .Cluster }}
[sources.prometheus]
type          = "prometheus"
url           = "http://{{ .Services }}:9090"
timeout       = "2s"
canary_target = 'chaos_heartbeat{slot="{{ .Slot }}"}'
max_staleness = "4s"
{{ range .Pools }}
[pools.{{ .Name }}]
inventory            = { type = "static", hosts = [{{ range .Hosts }}"{{ . }}", {{ end }}] }
min_in_service       = {{ .Min }}
max_out_of_service   = {{ .Out }}
max_concurrent       = 2
max_actions_per_hour = 500
max_actions_per_day  = 500
max_attempts         = 100
flap_limit           = 100
settle_after_action  = "1s"

[detectors.load_{{ .Name }}]
type             = "threshold"
source           = "prometheus"
pools            = ["{{ .Name }}"]
propose          = "{{ .Action }}"
query            = 'chaos_load{slot="{{ $.Slot }}",host=~"{{ .Name }}-.*"}'
host_label       = "host"
interval         = "1s"
for              = "1s"
bad_above        = 5
max_bad_fraction = 1.0
{{ end }}
[actions.drain]
type              = "haproxy"
policy            = "auto"
approvers         = ["root"]
address           = "tcp://{{ .Services }}:9999"
backend           = "web"
start_within      = "5s"
timeout           = "3s"
took_within       = "8s"
expires_after     = "1m"
cooldown_per_host = "6s"
complain_at_most_every = "60s"
pool_policy       = { web = "{{ .Level "web" }}", edge = "{{ .Level "edge" }}" }
pool_backend      = { edge = "edge" }

[actions.remove]
type              = "exec"
policy            = "{{ .Level "app" }}"
approvers         = ["root"]
run               = ["{{ .Counter }}", "out", "{{ "{{ .Host }}" }}"]
observe           = ["{{ .Counter }}", "is", "{{ "{{ .Host }}" }}"]
observe_all       = ["{{ .Counter }}", "all"]
undo              = ["{{ .Counter }}", "in", "{{ "{{ .Host }}" }}"]
verify            = { command = ["{{ .Counter }}", "is", "{{ "{{ .Host }}" }}"], within = "8s" }
env               = ["CHAOS_NODE"]
idempotent        = true
start_within      = "5s"
timeout           = "4s"
expires_after     = "1m"
cooldown_per_host = "6s"
`

type configPool struct {
	Name, Action string
	Hosts        []string
	Min, Out     int
}

type configData struct {
	Seed                       uint64
	Slot                       int
	Services, Counter, Cluster string
	Pools                      []configPool
	rules                      rules
}

// Level is the rung of a pool.
func (d configData) Level(pool string) string { return d.rules[pool].level }

// configText is one node's config file.
func (r *seedRun) configText(n *node, rs rules) string {
	r.t.Helper()
	d := configData{Seed: r.seed, Slot: r.net.slot, Services: r.net.services(), Counter: r.counter.program(), Cluster: r.clusterText(n), rules: rs}
	for _, p := range r.pools {
		d.Pools = append(d.Pools, configPool{p.name, p.action, p.hosts, rs[p.name].min, rs[p.name].out})
	}
	var b strings.Builder
	if err := template.Must(template.New("config").Parse(configTemplate)).Execute(&b, d); err != nil {
		r.t.Fatal(err)
	}
	return b.String()
}

// clusterText is what a cluster of several adds to the file. The addresses are
// those of the proxies on the node itself, so the file is the same on each.
func (r *seedRun) clusterText(n *node) string {
	if r.net.nodes == 1 {
		return ""
	}
	var peers []string
	for i := 1; i <= r.net.nodes; i++ {
		peers = append(peers, fmt.Sprintf("%q", fmt.Sprintf("n%d=%s", i, peerAddress(i))))
	}
	return fmt.Sprintf("peers = [%s]\ntls_cert_file = %q\ntls_key_file = %q\ntls_ca_file = %q\n", strings.Join(peers, ", "),
		filepath.Join(r.dir, "tls", n.name+".crt"), filepath.Join(r.dir, "tls", n.name+".key"), filepath.Join(r.dir, "tls", "ca.crt"))
}

// certify makes the nodes' certificates as people do.
func (r *seedRun) certify(names ...string) {
	dir := filepath.Join(r.dir, "tls")
	must(r.t, os.Getenv(binaryVariable), "operator", "tls", "ca", "create", "--out", dir)
	must(r.t, append([]string{os.Getenv(binaryVariable), "operator", "tls", "cert", "create", "--ca", dir, "--out", dir}, names...)...)
}

// clusterFlags are the flags that a node of several has.
func (r *seedRun) clusterFlags(n *node) []string {
	if r.net.nodes == 1 {
		return nil
	}
	return []string{"--cluster.listen-address", r.net.address(n.i) + ":" + clusterPort}
}
