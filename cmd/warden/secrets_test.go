//go:build integration

package main_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"warden/internal/realtest/hostile"
	"warden/internal/web"
)

// marker is planted beside the secrets and is none.
const marker = hostile.Marker

// redactedMark stands where a secret of a command was.
const redactedMark = "[redacted]"

// The values hold what is escaped somewhere, so that half-escaped forms show.
func plantedSecrets() []hostile.Secret {
	return []hostile.Secret{
		{What: "the token's file", Value: "tok-PLANTED/one+two=="},
		{What: "the token in the environment", Value: "env-PLANTED&three four"},
		{What: "the password's file", Value: `pw-PLANTED"five\six%`},
		{What: "the inline token", Value: "inline-PLANTED-seven"},
		{What: "the userinfo of a URL", Value: "user-PLANTED-eight"},
		{What: "the query of a URL", Value: "query-PLANTED-nine"},
		{What: "the token's file of a Graphite", Value: "gtok-PLANTED/ten+11=="},
		{What: "the password's file of a Graphite", Value: `gpw-PLANTED"twelve\six%`},
		{What: "the variable that a command may have", Value: `var-PLANTED"13 fourteen&`},
		{What: "the address of the outside watcher", Value: "hb-PLANTED-15/sixteen?x=17%2B18"},
	}
}

// sayText is a command that says all it knows, in each way it can. Only what it
// observes with holds its tongue on stdout: a prior value with a secret in it
// is none, and then nothing is done.
const sayText = `#!/bin/sh
case $1 in observe) exec >&2;; esac
echo "$1 marker-of-the-command"
echo "$SAY_TOKEN"
env
printf '%s' "$SAY_TOKEN" | base64 -w 0; echo
env >&2
printf '{"token": "%s"}' "$(printf '%s' "$SAY_TOKEN" | sed 's/"/\\"/g')" >&2
echo >&2
echo "$1 $SAY_TOKEN marker-of-the-command" >&2
case $1 in
plan) exit 0;;
observe) exit 1;;
esac
exit 7
`

// TestSecretsStayInside plants one secret of each kind, has the sources' server
// give them back in every way it can, and looks for them in all that comes out.
func TestSecretsStayInside(t *testing.T) {
	t.Parallel()
	planted := plantedSecrets()
	hosts := []string{"web-01", "web-02", "web-03"}
	truth := hostile.Prometheus{Hosts: hosts, Label: "host", Received: 50, Age: 0.5}
	paths := hostile.Graphite{Hosts: hosts, Prefix: "canary.", Suffix: ".received", Step: 1, Received: 10}
	var mode, asked atomic.Int64 // 0 is honest
	var unauthorized, beats atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.Contains(r.URL.Path, "hb-PLANTED") { // the outside watcher gives back its address
			beats.Add(1)
			if m := mode.Load(); m > 0 {
				hostile.Echoes()[m-1](w, planted[9].Value)
			}
			return
		}
		asked.Add(1)
		_ = r.ParseForm() // what can't be read asks for nothing
		auth := r.Header.Get("Authorization")
		if auth == "" {
			unauthorized.Add(1)
		}
		if user, password, ok := r.BasicAuth(); ok {
			auth += " " + user + ":" + password
		}
		if m := mode.Load(); m > 0 {
			hostile.Echoes()[m-1](w, auth)
			return
		}
		if strings.HasSuffix(r.URL.Path, "/render") {
			series, _ := paths.Truth(r, hosts[1])
			_, _ = w.Write(paths.Encode(series))
			return
		}
		series, _ := truth.Truth(r, hosts[1])
		_, _ = w.Write(truth.Encode(series))
	}))
	defer server.Close()

	f := &fleet{name: "secrets", hosts: hosts}
	b := newBalancer(t, f)
	dir := shortDir(t)
	file := func(name, value string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(value), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	s := settings{
		Level: "notify", Source: server.URL, Fleet: f.name, Hosts: hosts, Address: b.gate.path, Backend: b.Backend,
		MinInService: 2, MaxOut: 1, MaxPerHour: 10, Approver: "root", Settle: "1s", Cooldown: "1h", StartWithin: "5s", Timeout: "5s",
	}
	program := file("say", sayText)
	if err := os.Chmod(program, 0o700); err != nil { //nolint:gosec // it is to be run
		t.Fatal(err)
	}
	stored := func(name, source string) string {
		return `
[detectors.` + name + `]
type = "canary"
source = "` + source + `"
pools = ["web"]
propose = "say"
query = "canary.*.received"
host_node = 2
expect_per_minute = 600
interval = "1s"
window = "5s"
for = "5s"
min_points = 3
seen_within = "60s"
`
	}
	detector := func(name, source string) string {
		return `
[detectors.` + name + `]
type = "canary"
source = "` + source + `"
pools = ["web"]
propose = "drain"
query = 'canary_received_total{from="` + source + `"}'
expect_per_minute = 600
host_label = "host"
interval = "1s"
window = "5s"
for = "5s"
min_points = 3
seen_within = "60s"
`
	}
	s.Extra = `
[heartbeat]
url_file = "` + file("heartbeat", server.URL+"/"+planted[9].Value) + `"
interval = "1s"
[sources.basic]
type = "prometheus"
url = "` + server.URL + `"
username = "fran"
password_file = "` + file("password", planted[2].Value) + `"
[sources.env]
type = "prometheus"
url = "` + server.URL + `"
token_file = "token-of-env"
[sources.graphite_token]
type = "graphite"
url = "` + server.URL + `"
canary_target = "canary.target.received"
max_staleness = "5s"
token_file = "` + file("gtoken", planted[6].Value) + `"
[sources.graphite_basic]
type = "graphite"
url = "` + server.URL + `"
canary_target = "canary.target.received"
max_staleness = "5s"
username = "fran"
password_file = "` + file("gpassword", planted[7].Value) + `"
[actions.say]
type = "exec"
policy = "auto"
approvers = ["root"]
plan = ["` + program + `", "plan", "{{ .Host }}"]
run = ["` + program + `", "run", "{{ .Host }}"]
undo = ["` + program + `", "undo", "{{ .Host }}"]
observe = ["` + program + `", "observe", "{{ .Host }}"]
env = ["SAY_TOKEN"]
manual_hint = "say {{ .Host }}"
timeout = "5s"
start_within = "5s"
` + detector("by_password", "basic") + detector("by_env", "env") + stored("by_gtoken", "graphite_token") + stored("by_gpassword", "graphite_basic") +
		strings.Replace(detector("by_say", "env"), `propose = "drain"`, `propose = "say"`, 1)
	a := newAgent(t, s)
	text := strings.NewReplacer("canary_heartbeat", "canary_target").Replace(s.text(t))
	text = strings.Replace(text, "timeout       = \"2s\"\n", "timeout = \"1s\"\ntoken_file = \""+file("token", planted[0].Value)+"\"\n", 1)
	a.write(text)
	// Unit tests of that configuration, of which one fails and says all it saw.
	file("warden_test.toml", unitText(a.config))

	out := &hostile.Seen{}
	a.start("WARDEN_SOURCES_ENV_TOKEN="+planted[1].Value, "SAY_TOKEN="+planted[8].Value)
	a.rounds(2)
	a.await("a case", hosts[1], func(*web.CaseSummary) error { return nil })
	collect(t, a, out, "honest", true)
	// People's words are kept and shown, also in what proves them.
	for _, args := range [][]string{
		{"label", "W-1", "wrong", "--note", marker}, {"demote", "say", "--to", "notify", "--reason", marker},
	} {
		r := a.run(args...)
		if r.code != exitOK {
			t.Errorf("warden %s: exit %d: %s", strings.Join(args, " "), r.code, r.err)
		}
		out.Add("warden "+args[0], r.out+r.err)
	}
	proofs(t, a, out, filepath.Join(dir, "warden_test.toml"))
	for m := range hostile.Echoes() {
		mode.Store(int64(m + 1))
		before := asked.Load()
		a.rounds(1)
		if asked.Load() == before {
			t.Fatal("nobody asked")
		}
		collect(t, a, out, fmt.Sprintf("echo %d", m), m%7 == 0)
	}
	if n := unauthorized.Load(); n > 0 {
		t.Errorf("%d requests came without credentials: the test plants nothing", n)
	}
	if beats.Load() == 0 {
		t.Error("the outside watcher was never asked: the test plants nothing there")
	}
	// Files that can't be read, and are wrong, while it runs.
	mode.Store(0)
	for _, bad := range []string{"\n" + planted[0].Value + "\n" + planted[0].Value, ""} {
		file("token", bad)
		file("password", bad)
		file("heartbeat", bad+planted[9].Value)
		a.rounds(2)
		collect(t, a, out, "bad files", true)
	}
	if err := os.Chmod(filepath.Join(dir, "token"), 0o604); err != nil {
		t.Fatal(err)
	}
	a.rounds(2)
	collect(t, a, out, "readable by others", true)
	// Config files that hold secrets, given to every command that reads one,
	// and to the running daemon.
	for _, bad := range []string{
		strings.Replace(text, "[sources.prometheus]", "[sources.prometheus]\ntoken = \""+planted[3].Value+"\"", 1),
		strings.Replace(text, "http://", "http://fran:"+planted[4].Value+"@", 1),
		strings.Replace(text, server.URL, server.URL+"/?token="+planted[5].Value, 1),
		strings.Replace(text, "[sources.prometheus]", "[sources.prometheus]\ntoken = "+planted[3].Value, 1),
		strings.Replace(text, "[sources.prometheus]", "[sources.prometheus]\ntoken_file = [\""+planted[3].Value+"\"]", 1),
		strings.Replace(text, "unix:", "tcp://fran:"+planted[4].Value+"@", 1),
		strings.Replace(text, "[heartbeat]\nurl_file = \"", "[heartbeat]\nurl_file = \""+server.URL+"/"+planted[9].Value, 1),
	} {
		a.write(bad + "\n[log." + marker + "]\n")
		for _, args := range [][]string{{"config", "check", a.config}, {"config", "show", a.config}, {"config", "diff", a.config}, {"policy", "diff", a.config}, {"test", filepath.Join(dir, "warden_test.toml")}} {
			r := a.run(args...)
			if r.code == exitOK && args[1] == "check" {
				t.Errorf("a config with a secret in it is accepted:\n%s", r.out)
			}
			out.Add(strings.Join(args[:2], " "), r.out+r.err)
		}
		a.signal(syscall.SIGHUP)
		a.rounds(1)
		collect(t, a, out, "bad config", false)
	}
	a.write(text)
	proofs(t, a, out, filepath.Join(dir, "warden_test.toml"))
	// What a crash writes: the runtime's dump of all goroutines, with a request
	// under way.
	file("token", planted[0].Value)
	file("password", planted[2].Value)
	file("heartbeat", server.URL+"/"+planted[9].Value)
	a.rounds(1)
	a.signal(syscall.SIGQUIT)
	a.wait()
	out.Add("stdout", a.stdout.text())
	out.Add("stderr", a.stderr.text())
	if !strings.Contains(a.stderr.text(), "goroutine ") {
		t.Error("there is no dump of goroutines to look into")
	}
	err := filepath.WalkDir(a.storage, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		out.Add("the file "+strings.TrimPrefix(path, a.storage), string(data))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, leak := range out.Leaks(planted) {
		t.Error(leak)
	}
	all := out.All()
	for _, where := range []string{"warden test", "the JUnit of warden test"} {
		if !strings.Contains(all[where], "a host that is not silent") || !strings.Contains(all[where], "say web-01") {
			t.Errorf("%s doesn't say what it saw:\n%s", where, all[where])
		}
	}
	for _, where := range []string{"stdout", "stderr", "GET /api/v1/status", "config check", "warden audit tail", "warden audit export", "warden trust", "the page of warden trust", "the file /audit/audit.jsonl"} {
		if !strings.Contains(all[where], marker) {
			t.Errorf("the marker is not in %s, so a secret would not have been found there", where)
		}
	}
	said := map[string]bool{}
	for where, text := range all {
		if strings.Contains(text, "run "+redactedMark+" marker-of-the-command") {
			kind, _, _ := strings.Cut(where, " ")
			said[kind] = true
		}
	}
	for _, kind := range []string{"stdout", "GET", "warden", "the"} {
		if !said[kind] {
			t.Errorf("what the command said is not in %s, so a secret of it would not have been found there: %v", kind, said)
		}
	}
	if len(all) < 25 {
		t.Errorf("only %d places were looked into", len(all))
	}
}

// collect asks for everything that can be asked for over HTTP, and by commands.
func collect(t *testing.T, a *agent, out *hostile.Seen, when string, commands bool) {
	t.Helper()
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", a.socket)
		},
	}}
	get := func(path string) string {
		resp, err := client.Get("http://warden" + path)
		if err != nil {
			t.Errorf("%s, GET %s: %v", when, path, err)
			return ""
		}
		defer resp.Body.Close()
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Errorf("%s, GET %s: %v", when, path, err)
		}
		out.Add("GET "+path, fmt.Sprint(resp.Header)+string(body))
		return string(body)
	}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal([]byte(get("/api/v1/openapi.json")), &doc); err != nil || len(doc.Paths) < 5 {
		t.Fatalf("the description of the API: %v, %d paths", err, len(doc.Paths))
	}
	fill := strings.NewReplacer("{id}", "W-1", "{name}", "web", "{pool}", "web", "{host}", "web-02", "{action}", "drain", "{detector}", "canary_missing")
	for path, methods := range doc.Paths {
		if _, ok := methods["get"]; ok {
			get(fill.Replace(path))
		}
	}
	for _, path := range []string{"/api/v1/cases/W-2", "/metrics", "/-/ready", "/-/healthy", "/", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/vars"} {
		get(path)
	}
	if !commands {
		return
	}
	for _, args := range [][]string{
		{"status"}, {"-o", "json", "status"}, {"cases"}, {"show", "W-2"}, {"-o", "json", "show", "W-2"}, {"show", "W-1"}, {"-o", "json", "show", "W-1"}, {"explain", "W-1"}, {"hosts", "web"}, {"hosts", "web", "-o", "json"},
		{"config", "show", a.config}, {"config", "show"}, {"config", "check", a.config}, {"policy", "list"},
	} {
		r := a.run(args...)
		out.Add("warden "+strings.TrimSuffix(strings.Join(args, " "), a.config), r.out+r.err)
	}
}
