package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"warden/internal/chat"
	"warden/internal/clock"
	"warden/internal/ledger"
	"warden/internal/realtest/hostile"
	"warden/internal/remedy"
	"warden/internal/web"
	"warden/simulate/fakepager"
	"warden/simulate/fakeslack"
)

// plantedOutside are one secret for each key that holds one for somebody who is
// told. They have the form that their keys ask for, and what is escaped somewhere
// where that form allows it.
func plantedOutside() map[string]hostile.Secret {
	return map[string]hostile.Secret{
		"bot":      {What: "Slack's bot token", Value: "xoxb-PLANTED-1-bot/one+two=="},
		"app":      {What: "Slack's app token", Value: "xapp-PLANTED-2-app&three four"},
		"signing":  {What: "Slack's signing secret", Value: "PLANTED-3-signing\"five"},
		"rest":     {What: "PagerDuty's REST token", Value: "u+PLANTED-4-rest/six"},
		"routing":  {What: "PagerDuty's routing key", Value: "R0PLANTED5routing7890123456789AB"},
		"webhook":  {What: "the webhook's key", Value: "whsec-PLANTED-6-webhook-seven/eight+nine=="},
		"grafana":  {What: "Grafana's token", Value: "glsa_PLANTED-7-grafana/ten+11=="},
		"graphite": {What: "Graphite's token", Value: "gtok-PLANTED-8-graphite&twelve 13"},
		"beat":     {What: "the watcher's address", Value: "hb-PLANTED-9/fourteen?x=15%2B16"},
		"source":   {What: "the source's token", Value: "src-PLANTED-10/seventeen+18=="},
	}
}

// outside is everybody whom warden tells, in one server, honest or in one bad mood.
type outside struct {
	t      *testing.T
	server *httptest.Server
	slack  *fakeslack.Server
	pager  *fakepager.Server
	// bad answers instead, with the credentials that came; nil for an honest server.
	bad func(w http.ResponseWriter, auth string)

	mu    sync.Mutex
	asked map[string]int    // by the first element of the path
	came  map[string]bool   // secrets that were seen in requests
	said  map[string]string // bodies of requests, by the first element of the path
}

func newOutside(t *testing.T, bad func(http.ResponseWriter, string)) *outside {
	t.Helper()
	planted := plantedOutside()
	slack, err := fakeslack.New(fakeslack.Options{Unlimited: true, BotToken: planted["bot"].Value, AppToken: planted["app"].Value})
	if err != nil {
		t.Fatal(err)
	}
	if err := slack.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(slack.Close)
	o := &outside{t: t, slack: slack, bad: bad, asked: map[string]int{}, came: map[string]bool{}, said: map[string]string{}}
	o.pager = fakepager.New(fakepager.Options{
		Clock: clock.System(), Token: planted["rest"].Value, Users: []fakepager.User{{ID: "PUSER", Name: "warden", Email: "warden@example.net"}},
		Services: []fakepager.Service{{ID: "PWEB", Name: "web"}, {ID: "PWARDEN", Name: "warden", Keys: []string{planted["routing"].Value}}},
	})
	to, err := url.Parse(slack.URL())
	if err != nil {
		t.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.Handle("/slack/", http.StripPrefix("/slack", httputil.NewSingleHostReverseProxy(to)))
	mux.Handle("/pager/", http.StripPrefix("/pager", o.pager))
	mux.HandleFunc("/grafana/", func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = io.WriteString(w, "[]")
			return
		}
		_, _ = io.WriteString(w, `{"id":1,"message":"Annotation added"}`)
	})
	mux.HandleFunc("GET /graphite/", func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "[]") })
	mux.HandleFunc("/source/", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"status":"success","data":{"resultType":"matrix","result":[]}}`)
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	o.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { o.serve(mux, w, r) }))
	t.Cleanup(o.server.Close)
	return o
}

func (o *outside) serve(honest http.Handler, w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	form, _ := url.ParseQuery(string(body))
	var event struct {
		Key string `json:"routing_key"`
	}
	_ = json.Unmarshal(body, &event)
	auth := strings.TrimSpace(strings.Join([]string{r.Header.Get("Authorization"), form.Get("token"), event.Key}, " "))
	who := strings.Split(r.URL.Path, "/")[1]
	if who == "watcher" {
		auth = strings.TrimPrefix(r.URL.RequestURI(), "/watcher/")
	}
	o.mu.Lock()
	o.asked[who]++
	o.said[who] += string(body) + "\n"
	for key, s := range plantedOutside() {
		if strings.Contains(auth, s.Value) {
			o.came[key] = true
		}
	}
	o.mu.Unlock()
	if o.bad != nil {
		o.bad(w, auth)
		return
	}
	honest.ServeHTTP(w, r)
}

// times is how often each of them was asked.
func (o *outside) times(who string) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.asked[who]
}

// told is a running daemon that tells all of outside, and all that came out of it.
type told struct {
	*live
	d            *daemon
	out          *hostile.Seen
	logs         *transcript
	registry     *prometheus.Registry
	dir, storage string
	env          map[string]string
}

const outsideConfig = `
[approvals.people.fran]
email = "fran@example.net"
unix  = ["sam"]

[heartbeat]
url_file = "beat"
interval = "1s"

[chat.slack]
enabled        = true
bot_token_file = "bot"
app_token_file = "app"
signing_secret_file = "signing"
channel        = "#ops"
api_url        = "URL/slack/api/"

[pagerduty]
enabled          = true
api_token_file   = "rest"
routing_key_file = "routing"
from_email       = "warden@example.net"
services         = ["PWEB"]
page_on_confirm  = ["web"]
api_url          = "URL/pager"
events_url       = "URL/pager"

[annotations.graphite]
url = "URL/graphite"
token_file = "graphite"
what = "all"
timeout = "2s"

[annotations.grafana]
url = "URL/grafana"
token_file = "grafana"
what = "all"
timeout = "2s"

[[webhooks]]
name = "status-page"
url  = "URL/hook"
secret_file = "webhook"
timeout = "2s"
`

// tell starts the daemon. Secrets are in files, which the environment says where
// to find, or in the environment itself. address is where everybody is.
func tell(t *testing.T, address string, inFiles bool) *told {
	t.Helper()
	dir := t.TempDir()
	l := &live{t: t, config: filepath.Join(dir, "warden.toml"), sock: filepath.Join(dir, "w.sock"), console: &transcript{}}
	s := &told{live: l, out: &hostile.Seen{}, logs: &transcript{}, registry: prometheus.NewRegistry(), dir: dir, storage: filepath.Join(dir, "data")}
	s.env = map[string]string{"CREDENTIALS_DIRECTORY": dir}
	variables := map[string]string{
		"bot": "CHAT_SLACK_BOT_TOKEN", "app": "CHAT_SLACK_APP_TOKEN", "signing": "CHAT_SLACK_SIGNING_SECRET", "rest": "PAGERDUTY_API_TOKEN", "routing": "PAGERDUTY_ROUTING_KEY",
		"webhook": "WEBHOOKS_STATUS_PAGE_SECRET", "grafana": "ANNOTATIONS_GRAFANA_TOKEN", "graphite": "ANNOTATIONS_GRAPHITE_TOKEN", "beat": "HEARTBEAT_URL", "source": "SOURCES_PROMETHEUS_TOKEN",
	}
	for key, secret := range plantedOutside() {
		value := secret.Value
		if key == "beat" {
			value = address + "/watcher/" + value
		}
		if !inFiles {
			s.env["WARDEN_"+variables[key]] = value
			continue
		}
		if err := os.WriteFile(filepath.Join(dir, key), []byte(value+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	text := strings.NewReplacer(`"http://127.0.0.1:1"`, `"URL/source"`+"\ntoken_file = \"source\"", `["sam"]`, `["sam", "fran@example.net"]`).Replace(liveConfig) + outsideConfig
	l.write(strings.ReplaceAll(text, "URL", address))
	level := zapcore.NewCore(zapcore.NewJSONEncoder(zap.NewProductionEncoderConfig()), zapcore.AddSync(s.logs), zapcore.DebugLevel)
	var err error
	s.d, err = openDaemon(t.Context(), daemonOptions{
		ConfigFile: l.config, Storage: s.storage, NodeName: "n1", Socket: l.sock, Clock: clock.System(),
		Announcer: chat.NewConsole(l.console, chat.ConsoleOptions{Zone: time.UTC}), Logger: zap.New(level, zap.AddStacktrace(zapcore.ErrorLevel)),
		Registry: s.registry, Env: func(name string) (string, bool) { v, ok := s.env[name]; return v, ok }, Build: web.Build{Version: "test"},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan error, 1)
	go func() { ended <- s.d.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	l.eventually("everybody is owed what comes", func() bool {
		all, _ := s.d.ledger.Surfaces()
		return len(all) == 6 // with the console
	})
	return s
}

// asks has the daemon ask people about a host.
func (s *told) asks(host remedy.HostName) remedy.CaseID {
	s.t.Helper()
	p := remedy.Plan{Action: "drain", Pool: "web", Host: host, Summary: "drain it", Steps: []string{"drain"}, ManualHint: "do it by hand"}
	decision := remedy.Decision{Level: remedy.LevelConfirm, Effective: remedy.LevelConfirm}
	applied, err := s.d.engine.Relayed(s.t.Context(), s.d.node.ID(), &ledger.CaseJudge{
		Pool: "web", Host: host, Action: "drain", Detector: "canary_missing", Digest: hostile.Marker,
		Finding:  remedy.Finding{Detector: "canary_missing", Pool: "web", Host: host, At: s.d.Clock.Now(), Verdict: remedy.VerdictBad, Reason: hostile.Marker},
		Decision: &decision, Plan: &p,
		Ask: &ledger.Ask{PlanHash: p.Hash(), Approvers: []string{"fran@example.net"}, ExpiresAt: s.d.Clock.Now().Add(time.Hour)},
	})
	if err != nil || !applied.Results[0].OK {
		s.t.Fatalf("%+v %v", applied, err)
	}
	return applied.Results[0].Case
}

// gives runs a command and keeps all it said. It has the secrets in its
// environment where the daemon does.
func (s *told) gives(args ...string) int {
	s.t.Helper()
	var out, talk bytes.Buffer
	p := &program{
		env: func(name string) (string, bool) {
			if name == "WARDEN_SOCKET" {
				return s.sock, true
			}
			v, ok := s.env[name]
			return v, ok
		},
		in: strings.NewReader(""), out: &out, err: &talk, clock: clock.System(), local: time.UTC,
	}
	code := p.run(s.t.Context(), args)
	s.out.Add("warden "+strings.Join(args[:min(len(args), 2)], " "), out.String()+talk.String())
	return code
}

// get keeps what the API says.
func (s *told) get(client *http.Client, path string) []byte {
	s.t.Helper()
	resp, err := client.Get("http://warden" + path)
	if err != nil {
		s.t.Errorf("GET %s: %v", path, err)
		return nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Errorf("GET %s: %v", path, err)
	}
	s.out.Add("GET "+path, fmt.Sprint(resp.Header)+string(body))
	return body
}

// everything looks into all that can be looked into from outside the process.
func (s *told) everything() {
	s.t.Helper()
	client := &http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", s.sock)
		},
	}}
	var doc struct {
		Paths map[string]map[string]any `json:"paths"`
	}
	if err := json.Unmarshal(s.get(client, "/api/v1/openapi.json"), &doc); err != nil || len(doc.Paths) < 5 {
		s.t.Fatalf("the description of the API: %v, %d paths", err, len(doc.Paths))
	}
	fill := strings.NewReplacer("{id}", "W-1", "{name}", "web", "{pool}", "web", "{host}", "web-2", "{action}", "drain", "{detector}", "canary_missing")
	for path, methods := range doc.Paths {
		if _, ok := methods["get"]; ok {
			s.get(client, fill.Replace(path))
		}
	}
	for _, path := range []string{"/metrics", "/-/ready", "/-/healthy", "/", "/debug/pprof/", "/debug/pprof/cmdline", "/debug/pprof/goroutine?debug=2", "/debug/vars"} {
		s.get(client, path)
	}
	for _, args := range [][]string{
		{"status"}, {"-o", "json", "status"}, {"cases"}, {"show", "W-1"}, {"-o", "json", "show", "W-1"}, {"explain", "W-1"}, {"hosts", "web"}, {"audit", "export", "--path", filepath.Join(s.storage, "audit")}, {"audit", "tail", "--path", filepath.Join(s.storage, "audit")},
		{"config", "check", s.config}, {"config", "check", "--files", s.config}, {"config", "show", s.config}, {"policy", "list"}, {"stats"}, {"trust"}, {"summary", "preview"}, {"summary", "preview", "-o", "json"},
		{"doctor", "--config", s.config, "--storage.path", s.storage, "--node.name", "n1", "--within", "20s"}, {"doctor", "--config", s.config, "--storage.path", s.storage, "--node.name", "n1", "--within", "20s", "-o", "json"},
		{"chat", "preview", "--config", s.config}, {"chat", "manifest"}, {"show", "--incident", "Q000001", "--out", "md"}, {"operator", "raft", "list-peers"}, {"operator", "raft", "snapshot", "save", filepath.Join(s.dir, "saved")},
	} {
		s.gives(args...)
	}
	families, err := s.registry.Gather()
	if err != nil {
		s.t.Error(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			s.t.Error(err)
		}
	}
	s.out.Add("metrics", text.String())
	s.out.Add("console", s.console.String())
	s.out.Add("logs", s.logs.String())
	if saved, err := os.ReadFile(filepath.Join(s.dir, "saved")); err == nil {
		s.out.Add("the snapshot", string(saved))
	}
	err = filepath.WalkDir(s.storage, func(path string, d os.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		s.out.Add("the file "+strings.TrimPrefix(path, s.storage), string(data))
		return err
	})
	if err != nil {
		s.t.Error(err)
	}
}
