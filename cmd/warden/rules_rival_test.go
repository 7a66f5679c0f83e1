//go:build integration && !failpoints

package main_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"warden/internal/realtest"
)

// judge is one way to tell bad hosts: a detector of warden's and an alerting
// rule of Prometheus' that mean the same.
type judge struct {
	name, kind string
	bound      float64
}

// judges are n of them: over one ratio at the instant, over its mean in the
// window, and over one gauge at the instant, each with other bounds.
func judges(n int) []judge {
	kinds := []struct {
		name  string
		bound float64
	}{{"instant", 0.9}, {"window", 0.9}, {"low", 45}}
	out := make([]judge, n)
	for i := range out {
		k := kinds[i%len(kinds)]
		out[i] = judge{name: fmt.Sprintf("%s_%d", k.name, i), kind: k.name, bound: k.bound * (1 - 0.04*float64(i/len(kinds)))}
	}
	return out
}

// rule is the judge as an alerting rule, in a group of its own so that rules
// are evaluated side by side. The window is over both gauges, as people write
// it: a subquery over the ratio would cost a multiple.
func (j judge) rule(step time.Duration) string {
	window := (windowSteps * step).String()
	left := map[string]string{
		"instant": "canary_received / canary_sent",
		"window":  "avg_over_time(canary_received[" + window + "]) / avg_over_time(canary_sent[" + window + "])",
		"low":     "canary_received",
	}[j.kind]
	return fmt.Sprintf("  - name: %s\n    interval: %s\n    rules:\n      - alert: %s\n        expr: %s < %g\n        for: %s\n",
		j.name, step, j.name, left, j.bound, forSteps*step)
}

// detector is the judge as a detector's table in warden's config.
func (j judge) detector(step time.Duration, pools string) string {
	query := "query       = 'canary_received / canary_sent'\nfresh_query = 'canary_received'\n"
	switch j.kind {
	case "low":
		query = "query       = 'canary_received'\n"
	case "window":
		query += fmt.Sprintf("window      = %q\naggregate   = \"avg\"\nmin_points  = %d\n", windowSteps*step, windowSteps*4/5)
	}
	return fmt.Sprintf("[detectors.%s]\ntype        = \"threshold\"\nsource      = \"prometheus\"\npools       = [%s]\npropose     = \"drain\"\n"+
		"host_label  = \"host\"\ninterval    = %q\nfor         = %q\nbad_below   = %g\n%s\n",
		j.name, pools, step, forSteps*step, j.bound, query)
}

// rulesConfig is a Prometheus that evaluates the judges and scrapes nothing;
// without judges one that only answers.
func rulesConfig(p *realtest.Prometheus, all []judge, step time.Duration) string {
	if len(all) == 0 {
		return "global:\n  evaluation_interval: 15s\n"
	}
	var b strings.Builder
	b.WriteString("groups:\n")
	for _, j := range all {
		b.WriteString(j.rule(step))
	}
	p.File("rules.yml", b.String())
	return "global:\n  evaluation_interval: 15s\nrule_files: [rules.yml]\n"
}

// metrics are the families of /metrics, each summed over its series.
func metrics(tb testing.TB, url string) map[string]float64 {
	tb.Helper()
	resp, err := http.Get(url + "/metrics")
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	sums := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		name := line[:strings.IndexAny(line, "{ ")]
		v, err := strconv.ParseFloat(strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), 64)
		if err != nil {
			tb.Fatal(err)
		}
		sums[name] += v
	}
	return sums
}

// firing are the hosts of which a rule's alert fires.
func firing(tb testing.TB, p *realtest.Prometheus, j judge) map[string]bool {
	tb.Helper()
	resp, err := http.PostForm(p.URL+"/api/v1/query", url.Values{"query": {fmt.Sprintf("ALERTS{alertname=%q,alertstate=\"firing\"}", j.name)}})
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	var answer struct {
		Status string
		Data   struct {
			Result []struct{ Metric map[string]string }
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || answer.Status != "success" {
		tb.Fatalf("ask for alerts: %s, %v", resp.Status, err)
	}
	out := make(map[string]bool, len(answer.Data.Result))
	for _, r := range answer.Data.Result {
		out[r.Metric["host"]] = true
	}
	return out
}
