//go:build integration

package main_test

import (
	"cmp"
	"fmt"
	"os/user"
	"strings"
	"testing"
	"text/template"
	"time"
)

// settings are what a test's config file says. The times are as short as the
// config allows or a second's scrape interval bears.
type settings struct {
	Level string // the rung of the one action
	// Source, Fleet, Hosts, Address and Backend are where things are.
	Source, Fleet    string
	Hosts            []string
	Address, Backend string
	// MinInService is one below the pool's size unless a test says otherwise.
	MinInService, MaxOut, MaxPerHour int
	Approver                         string
	Settle, Cooldown                 string
	StartWithin, Timeout             string
	FreezeFile                       string
	// Extra lines are added at the end.
	Extra string
	// Template is the file, where it isn't configText; Script the program that
	// it runs.
	Template, Script string
}

const configText = `config_version = 1

[log]
level = "debug"

[sources.prometheus]
type          = "prometheus"
url           = "{{ .Source }}"
timeout       = "2s"
canary_target = 'canary_heartbeat{pool="{{ .Fleet }}"}'
max_staleness = "3s"

[pools.web]
inventory            = { type = "static", hosts = [{{ range .Hosts }}"{{ . }}", {{ end }}] }
min_in_service       = {{ .MinInService }}
max_out_of_service   = {{ .MaxOut }}
max_actions_per_hour = {{ .MaxPerHour }}
settle_after_action  = "{{ .Settle }}"

[detectors.canary_missing]
type              = "canary"
source            = "prometheus"
pools             = ["web"]
propose           = "drain"
query             = 'canary_received_total{pool="{{ .Fleet }}"}'
expect_per_minute = 600
host_label        = "host"
interval          = "1s"
window            = "5s"
for               = "5s"
min_points        = 3
seen_within       = "60s"

[actions.drain]
type              = "haproxy"
policy            = "{{ .Level }}"
approvers         = ["{{ .Approver }}"]
address           = "unix:{{ .Address }}"
backend           = "{{ .Backend }}"
timeout           = "{{ .Timeout }}"
start_within      = "{{ .StartWithin }}"
took_within       = "10s"
cooldown_per_host = "{{ .Cooldown }}"

[guardrails]
{{ with .FreezeFile }}freeze_file = "{{ . }}"{{ end }}
{{ .Extra }}
`

// settings is a config at a rung for a fleet, behind a balancer.
func (w *world) settings(t *testing.T, level string, f *fleet, b *balancer) settings {
	t.Helper()
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	return settings{
		Level: level, Source: w.source(), Fleet: f.name, Hosts: f.hosts, Address: b.gate.path, Backend: b.Backend,
		MinInService: len(f.hosts) - 1, MaxOut: 1, MaxPerHour: 10, Approver: me.Username,
		Settle: "1s", Cooldown: "1h", StartWithin: "5s", Timeout: "5s",
	}
}

// text is the config file.
func (s settings) text(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := template.Must(template.New("config").Parse(cmp.Or(s.Template, configText))).Execute(&b, s); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// patience bounds a wait for something that must happen.
const patience = 45 * time.Second

// eventually waits until look returns nil.
func eventually(t *testing.T, what string, look func() error) {
	t.Helper()
	end := time.Now().Add(patience)
	for {
		err := look()
		if err == nil {
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v: %v", what, patience, err)
		}
		select {
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, t.Context().Err())
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// mustBe is an error unless got is what is wanted.
func mustBe[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s is %v, want %v", what, got, want)
	}
	return nil
}
