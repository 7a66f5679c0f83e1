package arch_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/goccy/go-yaml"
)

// alert is one rule of deploy/prometheus/warden-alerts.yml.
type alert struct {
	Alert       string            `yaml:"alert"`
	Expr        string            `yaml:"expr"`
	For         string            `yaml:"for"`
	Labels      map[string]string `yaml:"labels"`
	Annotations map[string]string `yaml:"annotations"`
}

func root(parts ...string) string { return filepath.Join(append([]string{"..", ".."}, parts...)...) }

func readYAML(t *testing.T, into any, parts ...string) {
	t.Helper()
	text, err := os.ReadFile(root(parts...))
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions(text, into, yaml.Strict()); err != nil {
		t.Fatalf("%v: %v", parts, err)
	}
}

func alerts(t *testing.T) []alert {
	t.Helper()
	var file struct {
		Groups []struct {
			Name  string  `yaml:"name"`
			Rules []alert `yaml:"rules"`
		} `yaml:"groups"`
	}
	readYAML(t, &file, "deploy", "prometheus", "warden-alerts.yml")
	var all []alert
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	if len(all) < 20 {
		t.Fatalf("only %d rules were read", len(all))
	}
	return all
}

// documentedMetrics are the rows of docs/metrics.md: the kind of each metric,
// and whether it lives in the ledger.
func documentedMetrics(t *testing.T) (kinds map[string]string, ofLedger map[string]bool) {
	t.Helper()
	page, err := os.ReadFile(root("docs", "metrics.md"))
	if err != nil {
		t.Fatal(err)
	}
	kinds, ofLedger = map[string]string{}, map[string]bool{}
	for line := range strings.Lines(string(page)) {
		if row := metricRow.FindStringSubmatch(strings.TrimSpace(line)); row != nil {
			kinds[row[1]] = row[2]
			ofLedger[row[1]] = strings.Contains(line, "*ledger*")
		}
	}
	if len(kinds) < 40 {
		t.Fatalf("only %d rows of docs/metrics.md were read", len(kinds))
	}
	return kinds, ofLedger
}

var (
	metricUse = regexp.MustCompile(`\bwarden_[a-z0-9_]+`)
	histogram = regexp.MustCompile(`_(bucket|count|sum)$`)
	// summedUp is a counter of the ledger whose nodes are added up: each says
	// the same.
	ledgerUse = regexp.MustCompile(`(?:(?:max by \([^)]*\)|group by \([^)]*\)) ?\((?:max_over_time\()?|max_over_time\()(warden_[a-z0-9_]+_total)`)
)

// expressionProblems says what an expression gets wrong about warden's metrics.
func expressionProblems(expr string, kinds map[string]string, ofLedger map[string]bool) []string {
	var problems []string
	joined := map[string]int{}
	for _, m := range ledgerUse.FindAllStringSubmatch(expr, -1) {
		joined[m[1]]++
	}
	uses := map[string]int{}
	for _, name := range metricUse.FindAllString(expr, -1) {
		if base := histogram.ReplaceAllString(name, ""); kinds[base] == "histogram" {
			name = base
		}
		uses[name]++
	}
	for _, name := range slices.Sorted(maps.Keys(uses)) {
		switch {
		case kinds[name] == "":
			problems = append(problems, name+" has no row in docs/metrics.md")
		case ofLedger[name] && joined[name] != uses[name]:
			problems = append(problems, name+" is the same on every node: join nodes by max before anything else")
		}
	}
	return problems
}

// TestAlerts holds the rules, their tests, their runbooks and the metrics
// together.
func TestAlerts(t *testing.T) {
	t.Parallel()
	kinds, ofLedger := documentedMetrics(t)
	fires, silent := map[string]bool{}, map[string]bool{}
	for _, name := range []string{"warden-alerts_test.yml", "warden-alerts_days_test.yml"} {
		var file struct {
			RuleFiles []string `yaml:"rule_files"`
			Every     string   `yaml:"evaluation_interval"`
			Tests     []struct {
				Name     string              `yaml:"name"`
				Interval string              `yaml:"interval"`
				Input    []map[string]string `yaml:"input_series"`
				Alerts   []struct {
					At   string           `yaml:"eval_time"`
					Name string           `yaml:"alertname"`
					Want []map[string]any `yaml:"exp_alerts"`
				} `yaml:"alert_rule_test"`
			} `yaml:"tests"`
		}
		readYAML(t, &file, "deploy", "prometheus", name)
		for _, test := range file.Tests {
			for _, a := range test.Alerts {
				fires[a.Name] = fires[a.Name] || len(a.Want) > 0
				silent[a.Name] = silent[a.Name] || len(a.Want) == 0
			}
		}
	}
	books := map[string]bool{}
	files, err := filepath.Glob(root("docs", "runbooks", "*.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		books[strings.TrimSuffix(filepath.Base(f), ".md")] = true
	}
	for _, a := range alerts(t) {
		for _, p := range expressionProblems(a.Expr, kinds, ofLedger) {
			t.Errorf("%s: %s", a.Alert, p)
		}
		if !slices.Contains([]string{"critical", "warning", "info"}, a.Labels["severity"]) {
			t.Errorf("%s: severity %q", a.Alert, a.Labels["severity"])
		}
		if len(a.Annotations["summary"]) < 20 || len(a.Annotations["description"]) < 60 {
			t.Errorf("%s: the summary says what is wrong, the description what to do", a.Alert)
		}
		if want := "docs/runbooks/" + a.Alert + ".md"; a.Annotations["runbook_url"] != want {
			t.Errorf("%s: runbook_url is %q, want %s", a.Alert, a.Annotations["runbook_url"], want)
		}
		text, err := os.ReadFile(root("docs", "runbooks", a.Alert+".md"))
		if err != nil {
			t.Error(err)
		}
		at := 0
		for _, heading := range []string{"# " + a.Alert + "\n", "\n## Meaning\n", "\n## Impact\n", "\n## Diagnosis\n", "\n## Mitigation\n"} {
			i := strings.Index(string(text[at:]), heading)
			if i < 0 {
				t.Errorf("the runbook of %s has no %q, or not in this order", a.Alert, strings.TrimSpace(heading))
				continue
			}
			at += i
		}
		if !fires[a.Alert] || !silent[a.Alert] {
			t.Errorf("%s: the tests show that it fires: %v, and that it is silent: %v", a.Alert, fires[a.Alert], silent[a.Alert])
		}
		delete(books, a.Alert)
		delete(fires, a.Alert)
	}
	for name := range fires {
		t.Errorf("a test is about %s, and there is no such rule", name)
	}
	for name := range books {
		if strings.HasPrefix(name, "Warden") {
			t.Errorf("docs/runbooks/%s.md is of no rule", name)
		}
	}
}

// TestAlertsCanFail: the checks of expressions find what they look for.
func TestAlertsCanFail(t *testing.T) {
	t.Parallel()
	kinds, ofLedger := documentedMetrics(t)
	for expr, wrong := range map[string]bool{
		`warden_no_such_thing == 1`:                                              true,
		`sum(warden_frozen_total)`:                                               true,
		`sum by (pool) (warden_actions_total)`:                                   true,
		`sum by (pool) (increase(warden_actions_total[5m]))`:                     true,
		`max by (pool) (warden_actions_total) + sum(warden_actions_total)`:       true,
		`max by (pool, result) (warden_actions_total{result="failed"}) > 0`:      false,
		`max by (pool) (max_over_time(warden_actions_total[1h] offset 15m))`:     false,
		`max by (cluster) (warden_frozen) == 1`:                                  false,
		`rate(warden_source_request_duration_seconds_bucket{source="graphite"})`: false,
	} {
		if got := expressionProblems(expr, kinds, ofLedger); (len(got) > 0) != wrong {
			t.Errorf("%s: %q", expr, got)
		}
	}
}

// dashboard is what is read of a file in deploy/grafana.
type dashboard struct {
	UID           string   `json:"uid"`
	Title         string   `json:"title"`
	Tags          []string `json:"tags"`
	SchemaVersion int      `json:"schemaVersion"`
	ID            *int     `json:"id"`
	Inputs        []any    `json:"__inputs"`
	Templating    struct {
		List []struct {
			Name  string `json:"name"`
			Type  string `json:"type"`
			Query any    `json:"query"`
		} `json:"list"`
	} `json:"templating"`
	Panels []panel `json:"panels"`
}

type panel struct {
	ID          int    `json:"id"`
	Type        string `json:"type"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Datasource  *struct {
		Type, UID string
	} `json:"datasource"`
	GridPos struct{ H, W, X, Y int } `json:"gridPos"`
	Targets []struct {
		RefID string `json:"refId"`
		Expr  string `json:"expr"`
	} `json:"targets"`
}

// builtIn are the panels that every Grafana has.
var builtIn = []string{"row", "stat", "timeseries", "state-timeline", "table", "bargauge", "text"}

// TestDashboards holds the dashboards to what a Grafana can load without
// anything installed, and their expressions to metrics that exist.
func TestDashboards(t *testing.T) {
	t.Parallel()
	kinds, ofLedger := documentedMetrics(t)
	files, err := filepath.Glob(root("deploy", "grafana", "*.json"))
	if err != nil || len(files) < 3 {
		t.Fatalf("%d dashboards, %v", len(files), err)
	}
	uids := map[string]string{}
	for _, f := range files {
		text, err := os.ReadFile(f)
		if err != nil {
			t.Fatal(err)
		}
		var d dashboard
		if err := json.Unmarshal(text, &d); err != nil {
			t.Errorf("%s: %v", f, err)
			continue
		}
		name := filepath.Base(f)
		if d.UID != strings.TrimSuffix(name, ".json") || uids[d.UID] != "" || len(d.UID) > 40 || !strings.HasPrefix(d.Title, "warden / ") {
			t.Errorf("%s: uid %q, title %q", name, d.UID, d.Title)
		}
		uids[d.UID] = name
		if !slices.Contains(d.Tags, "warden-mixin") || d.ID != nil || d.Inputs != nil || d.SchemaVersion < 36 {
			t.Errorf("%s: tags %v, id %v, inputs %v, schema %d", name, d.Tags, d.ID, d.Inputs, d.SchemaVersion)
		}
		var variables []string
		for _, v := range d.Templating.List {
			variables = append(variables, v.Name+" "+v.Type)
		}
		if fmt.Sprint(variables) != "[datasource datasource cluster query]" {
			t.Errorf("%s: variables %q", name, variables)
		}
		for _, p := range panelProblems(d.Panels, kinds, ofLedger) {
			t.Errorf("%s: %s", name, p)
		}
	}
}

func panelProblems(panels []panel, kinds map[string]string, ofLedger map[string]bool) []string {
	var problems []string
	say := func(p panel, format string, args ...any) {
		problems = append(problems, fmt.Sprintf("panel %d %q: ", p.ID, p.Title)+fmt.Sprintf(format, args...))
	}
	ids, cells := map[int]bool{}, map[[2]int]string{}
	for _, p := range panels {
		if ids[p.ID] || p.ID == 0 || p.Title == "" || !slices.Contains(builtIn, p.Type) {
			say(p, "type %q, or its id or title is missing or used twice", p.Type)
		}
		ids[p.ID] = true
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W == 0 || p.GridPos.H == 0 {
			say(p, "it stands at %+v, and the grid has 24 columns", p.GridPos)
		}
		for x := range p.GridPos.W {
			for y := range p.GridPos.H {
				cell := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
				if other := cells[cell]; other != "" {
					say(p, "it lies on %q", other)
				}
				cells[cell] = p.Title
			}
		}
		if p.Type == "row" || p.Type == "text" {
			continue
		}
		if p.Datasource == nil || p.Datasource.UID != "$datasource" || p.Description == "" || len(p.Targets) == 0 {
			say(p, "no $datasource, no description or no target")
		}
		for _, q := range p.Targets {
			for _, problem := range expressionProblems(q.Expr, kinds, ofLedger) {
				say(p, "%s", problem)
			}
			if n := strings.Count(q.Expr, `cluster=~"$cluster"`); n < len(metricUse.FindAllString(q.Expr, -1)) {
				say(p, "a selector does not ask for $cluster: %s", q.Expr)
			}
		}
	}
	return problems
}
