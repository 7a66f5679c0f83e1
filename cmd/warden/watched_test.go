//go:build integration && !failpoints

package main_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"warden/internal/realtest"
)

// rulesDir is where the alert rules and their tests are.
var rulesDir = filepath.Join("..", "..", "deploy", "prometheus")

// TestAlertRules: promtool takes the rules, and they fire and are silent when
// their tests say so.
func TestAlertRules(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"check", "rules", "warden-alerts.yml"},
		{"test", "rules", "warden-alerts_test.yml"},
		{"test", "rules", "warden-alerts_days_test.yml"},
	} {
		t.Run(args[0]+" "+args[2], func(t *testing.T) {
			t.Parallel()
			cmd := exec.CommandContext(t.Context(), "promtool", args...)
			cmd.Dir = rulesDir
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("promtool %v: %v\n%s", args, err, out)
			}
		})
	}
}

// answerOf is what Prometheus answers.
type answerOf struct {
	Status, Error string
	Data          struct {
		Result []struct {
			Metric map[string]string `json:"metric"`
		} `json:"result"`
		Groups []struct {
			Rules []struct {
				Name, Query, Health, LastError string
			} `json:"rules"`
		} `json:"groups"`
	}
}

func askPrometheus(p *realtest.Prometheus, path string, form url.Values) (answerOf, error) {
	var out answerOf
	resp, err := http.Get(p.URL + path + "?" + form.Encode())
	if err != nil {
		return out, err
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&out); err != nil {
		return out, err
	}
	if out.Status != "success" {
		return out, fmt.Errorf("%s", out.Error)
	}
	return out, nil
}

// evaluate is how many series an expression has now.
func evaluate(p *realtest.Prometheus, expr string) (int, error) {
	a, err := askPrometheus(p, "/api/v1/query", url.Values{"query": {expr}})
	return len(a.Data.Result), err
}

// ownMetric is a metric's name in an expression.
var ownMetric = regexp.MustCompile(`\bwarden_[a-z0-9_]+`)

// dashboardExpressions are those of deploy/grafana, with Grafana's variables
// filled in.
func dashboardExpressions(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "..", "deploy", "grafana", "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("dashboards: %v, %v", files, err)
	}
	fill := strings.NewReplacer("$cluster", "story", "$__rate_interval", "1m", "$__range", "6h")
	out := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d struct {
			Panels []struct {
				Title   string
				Targets []struct{ RefID, Expr string }
			}
		}
		if err := json.Unmarshal(text, &d); err != nil {
			t.Fatalf("%s: %v", f, err)
		}
		for _, p := range d.Panels {
			for _, q := range p.Targets {
				out[filepath.Base(f)+" "+p.Title+" "+q.RefID] = fill.Replace(q.Expr)
			}
		}
	}
	return out
}

// onlySometimes are metrics that a healthy, lone node doesn't show.
var onlySometimes = []string{"warden_tls_certificate_expiry_timestamp_seconds", "warden_host_out", "warden_peer_connections_refused_total"}

// watched: a real Prometheus scrapes the daemon and evaluates the shipped rules
// and dashboards: what they ask for is there, nothing fires while all is well,
// and the right thing does when it isn't. The outside watcher hears of it as
// long as warden works.
func (w *world) watched(t *testing.T) {
	t.Parallel()
	var beats atomic.Int64
	var deaf atomic.Bool
	outside := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, _ *http.Request) {
		if deaf.Load() {
			rw.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		beats.Add(1)
	}))
	defer outside.Close()
	address := filepath.Join(shortDir(t), "url")
	if err := os.WriteFile(address, []byte(outside.URL+"/ping"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := w.begin(t, "confirm", 5, func(s *settings) {
		s.Extra += "\n[heartbeat]\nurl_file = \"" + address + "\"\ninterval = \"1s\"\n"
	})
	rules, err := filepath.Abs(filepath.Join(rulesDir, "warden-alerts.yml"))
	if err != nil {
		t.Fatal(err)
	}
	p := realtest.StartPrometheus(t, realtest.PrometheusOptions{Config: fmt.Sprintf(`
global: {scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: warden
    static_configs:
      - labels: {cluster: story}
        targets: [%q]
`, rules, s.listen)})

	// All that the rules ask for is there.
	expr := map[string]string{}
	eventually(t, "Prometheus has evaluated every rule", func() error {
		a, err := askPrometheus(p, "/api/v1/rules", nil)
		if err != nil {
			return err
		}
		for _, g := range a.Data.Groups {
			for _, r := range g.Rules {
				if r.Health != "ok" {
					return fmt.Errorf("%s: %s %s", r.Name, r.Health, r.LastError)
				}
				expr[r.Name] = r.Query
			}
		}
		return nil
	})
	if len(expr) < 20 {
		t.Fatalf("Prometheus has %d rules", len(expr))
	}
	for name, e := range expr {
		for _, m := range ownMetric.FindAllString(e, -1) {
			if slices.Contains(onlySometimes, m) {
				continue
			}
			eventually(t, name+" has "+m, func() error {
				n, err := evaluate(p, m)
				if err == nil && n == 0 {
					err = fmt.Errorf("there is no series %s", m)
				}
				return err
			})
		}
	}
	// Nothing fires while all is well, and the dashboards can be drawn.
	quiet := func() error {
		for name, e := range expr {
			if n, err := evaluate(p, e); err != nil || n != 0 {
				return fmt.Errorf("%s: %d series, %w", name, n, err)
			}
		}
		return nil
	}
	eventually(t, "nothing fires", quiet)
	eventually(t, "the dashboards show most of a healthy daemon", func() error {
		drawn := 0
		for where, e := range dashboardExpressions(t) {
			n, err := evaluate(p, e)
			if err != nil {
				return fmt.Errorf("%s: %w", where, err)
			}
			if n > 0 {
				drawn++
			}
		}
		// Rates take two scrapes at least, and much is there only when something happened.
		if drawn < 40 {
			return fmt.Errorf("%d expressions show anything", drawn)
		}
		return nil
	})
	eventually(t, "the outside watcher hears", func() error {
		if beats.Load() == 0 {
			return fmt.Errorf("it was never asked")
		}
		return nil
	})

	// What is wrong is seen.
	fires := func(name string) {
		t.Helper()
		eventually(t, name, func() error {
			n, err := evaluate(p, expr[name])
			if err == nil && n == 0 {
				err = fmt.Errorf("%s has no series", expr[name])
			}
			return err
		})
	}
	s.must(exitOK, "freeze", "--reason", "the test says so", "--yes")
	fires("WardenFrozenTooLong")
	s.must(exitOK, "unfreeze", "--yes")
	deaf.Store(true)
	fires("WardenHeartbeatFailing")
	deaf.Store(false)
	good, err := os.ReadFile(s.config)
	if err != nil {
		t.Fatal(err)
	}
	s.write(string(good) + "\nno_such_key = 1\n")
	s.must(exitError, "reload")
	eventually(t, "the refused reload shows", func() error {
		n, err := evaluate(p, "warden_config_last_reload_successful == 0")
		if err == nil && n == 0 {
			err = fmt.Errorf("it says 1")
		}
		return err
	})
	s.kill()
	fires("WardenAbsent")
	heard := beats.Load()
	s.write(string(good))
	s.start()
	eventually(t, "the outside watcher hears again", func() error {
		if beats.Load() == heard {
			return fmt.Errorf("%d heartbeats, as before", heard)
		}
		return nil
	})
}
