package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/web"
)

// live is a real daemon, as `warden agent` runs one, whose source and load
// balancer can't be reached.
type live struct {
	t            *testing.T
	config, sock string
	console      *transcript
	d            *daemon
}

const liveConfig = `config_version = 1

[sources.prometheus]
type = "prometheus"
url  = "http://127.0.0.1:1"
timeout = "1s"

[pools.web]
inventory          = { type = "static", hosts = ["web-1", "web-2", "web-3", "web-4"] }
min_in_service     = 2
max_out_of_service = 1

[detectors.canary_missing]
type    = "canary"
source  = "prometheus"
pools   = ["web"]
propose = "drain"
query   = "canary_received_total"
for     = "5m"
expect_per_minute = 60

[actions.drain]
policy    = "notify"
approvers = ["sam"]
type      = "haproxy"
address   = "unix:/nowhere/haproxy.sock"
backend   = "be_web"
`

func newLive(t *testing.T) *live {
	t.Helper()
	return newLiveOf(t, liveConfig)
}

// newLiveOf is one that begins with this config.
func newLiveOf(t *testing.T, text string) *live {
	t.Helper()
	dir := t.TempDir()
	l := &live{t: t, config: filepath.Join(dir, "warden.toml"), sock: filepath.Join(dir, "w.sock"), console: &transcript{}}
	l.write(text)
	d, err := openDaemon(t.Context(), daemonOptions{
		ConfigFile: l.config, Storage: filepath.Join(dir, "data"), NodeName: "n1", Socket: l.sock, Clock: clock.System(),
		Announcer: chat.NewConsole(l.console, chat.ConsoleOptions{Zone: time.UTC}), Logger: zap.NewNop(),
		Registry: prometheus.NewRegistry(), Env: func(string) (string, bool) { return "", false }, Build: web.Build{Version: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	l.d = d
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	l.eventually("n1 has reported its file", func() bool {
		code, out, _ := l.run("policy", "list")
		return code == ExitOK && strings.Contains(out, "the file says so")
	})
	return l
}

func (l *live) write(text string) {
	l.t.Helper()
	if err := os.WriteFile(l.config, []byte(text), 0o600); err != nil {
		l.t.Fatal(err)
	}
}

// run runs one command against the daemon.
func (l *live) run(args ...string) (code int, out, talk string) {
	l.t.Helper()
	var stdout, stderr bytes.Buffer
	p := &program{
		env: func(name string) (string, bool) { return l.sock, name == "WARDEN_SOCKET" },
		in:  strings.NewReader(""), out: &stdout, err: &stderr, clock: clock.System(), local: time.UTC,
	}
	code = p.run(l.t.Context(), args)
	return code, stdout.String(), stderr.String()
}

func (l *live) eventually(what string, ok func() bool) {
	l.t.Helper()
	for end := time.Now().Add(patient); !ok(); {
		if time.Now().After(end) {
			l.t.Fatalf("never: %s", what)
		}
		select {
		case <-l.t.Context().Done():
			l.t.Fatal(context.Cause(l.t.Context()))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// TestLiveConfig edits the file of a running daemon: what the diff announces
// is what the reload does, tells and puts in force.
func TestLiveConfig(t *testing.T) {
	t.Parallel()
	l := newLive(t)
	if code, out, talk := l.run("policy", "diff", "--config", l.config, "--detailed-exitcode"); code != ExitOK {
		t.Fatalf("%d %s %s", code, out, talk)
	}
	edited := strings.NewReplacer(`"notify"`, `"auto"`, `"5m"`, `"3m"`).Replace(liveConfig)
	l.write(edited)
	code, diff, _ := l.run("policy", "diff", "--config", l.config, "--detailed-exitcode", "-o", "json")
	var announced diffed
	if err := json.Unmarshal([]byte(diff), &announced); err != nil || code != ExitSomething || announced.Verdict != "1 promotion, 1 detector change" {
		t.Fatalf("%d %s %v", code, diff, err)
	}
	code, out, talk := l.run("reload", "--wait", "-o", "json")
	var done web.ReloadReport
	if err := json.Unmarshal([]byte(out), &done); err != nil || code != ExitOK || done.Hash != announced.To || len(done.Changes) != 2 {
		t.Fatalf("%d %s %s %v", code, out, talk, err)
	}
	for i, c := range done.Changes {
		if c.Change != announced.Changes[i] {
			t.Errorf("announced %+v, done %+v", announced.Changes[i], c.Change)
		}
	}
	l.eventually("it is told", func() bool {
		text := l.console.String()
		return strings.Contains(text, "1 promotion, 1 detector change") && strings.Contains(text, "drain on web  notify -> AUTO")
	})
	if code, out, _ := l.run("policy", "list"); code != ExitOK || !strings.Contains(out, "auto  auto") {
		t.Errorf("%d %s", code, out)
	}

	l.write(strings.Replace(edited, "min_in_service ", "min_in_servcie ", 1))
	code, out, _ = l.run("reload")
	if code != ExitError || !strings.Contains(out, l.config+":10:1: pools.web.min_in_servcie: error: unknown key") {
		t.Errorf("%d %s", code, out)
	}
	l.write(edited)
	if code, out, talk := l.run("policy", "diff", "--config", l.config, "--detailed-exitcode"); code != ExitOK {
		t.Errorf("the file with errors changed something: %d %s %s", code, out, talk)
	}
}
