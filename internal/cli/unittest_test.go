package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/simulate/unit"
)

// runUnit runs the tests of a file in process.
func runUnit(tb testing.TB, path string, only ...string) unit.Suite {
	tb.Helper()
	p := &program{env: noEnv, clock: clock.System(), local: time.UTC, out: &bytes.Buffer{}, err: &bytes.Buffer{}}
	return p.unitSuite(tb.Context(), path, regexp.MustCompile(strings.Join(only, "|")))
}

// writeUnit writes a configuration and its tests, and returns the tests' path.
func writeUnit(tb testing.TB, config, tests string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range map[string]string{"warden.toml": config, "warden_test.toml": tests} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return filepath.Join(dir, "warden_test.toml")
}

// said is all that a suite says of what went wrong.
func said(s unit.Suite) string {
	out := []string{s.Failed + s.Report.String()}
	for _, r := range s.Results {
		if !r.OK() {
			out = append(out, r.Name)
			out = append(out, r.Lines()...)
		}
	}
	return strings.Join(out, "\n")
}

// The example's tests pass, both as `config example --tests` prints them and as
// docs/examples has them, which is the same text but for the line that names the
// configuration.
func TestExampleTests(t *testing.T) {
	t.Parallel()
	inDocs := "../../docs/examples/warden_test.toml"
	for _, path := range []string{writeUnit(t, config.Example(), unit.Example()), inDocs} {
		if s := runUnit(t, path); !s.OK() || len(s.Results) < 9 {
			t.Errorf("%s: %d tests\n%s", path, len(s.Results), said(s))
		}
	}
	data, err := os.ReadFile(inDocs)
	if err != nil {
		t.Fatal(err)
	}
	line := regexp.MustCompile(`(?m)^config .*$`)
	if got, want := line.ReplaceAllString(string(data), ""), line.ReplaceAllString(unit.Example(), ""); got != want {
		t.Errorf("docs/examples/warden_test.toml and simulate/unit/example.toml differ: write the same into both")
	}
}

// TestExampleTestsOfTheMinimalFile: the example's tests beside another configuration say
// in one line that they are of another.
func TestExampleTestsOfTheMinimalFile(t *testing.T) {
	t.Parallel()
	s := runUnit(t, writeUnit(t, config.Minimal(), unit.Example()))
	if got := said(s); s.OK() || len(s.Results) != 0 || strings.Count(got, "\n") != 0 || !strings.Contains(got, "warden_test.toml:") ||
		!strings.Contains(got, "these tests are of pool ingest, and warden.toml has only web") {
		t.Errorf("%d tests, and it says %q", len(s.Results), got)
	}
}

// Each change of the configuration that makes warden do something else is
// noticed by the example's tests.
func TestExampleTestsNotice(t *testing.T) {
	t.Parallel()
	for _, m := range []struct{ name, from, to, fails string }{
		{"a lower threshold", "bad_below   = 0.50 ", "bad_below   = 0.20 ", "a host that gets a third"},
		{"no waiting", `for         = "5m" `, `for         = "1m" `, "a host that gets a third"},
		{"a longer wait", `for         = "5m" `, `for         = "20m" `, "a host that gets a third"},
		{"a higher rung", `policy      = "notify" `, `policy      = "confirm" `, "a host that gets a third"},
		{"no common mode", "max_bad_fraction   = 0.20", "max_bad_fraction   = 1.0", "everybody gets a third"},
		{"no stopped hosts", "max_ended   = 1 ", "max_ended   = 0 ", "one host that stops"},
		{"any domain", "max_failure_domains = 1 ", "max_failure_domains = 2 ", "three bad hosts"},
		{"one host out", "max_out_of_service  = 3 ", "max_out_of_service  = 1 ", "three bad hosts"},
		{"a higher floor", "min_in_service      = 30 ", "min_in_service      = 40 ", "at auto it is taken out"},
		{"a protected host", `protected           = ["ingest-1", `, `protected           = ["ingest-17", `, "at auto it is taken out"},
		{"another incident", `ALERTS{alertname="MajorIncident"`, `ALERTS{alertname="Other"`, "a major incident"},
		{"another query", `query       = 'canary_received_total{job="ingest"}'`, `query       = 'canary_received_total{job="other"}'`, "a host that gets a third"},
		{"another host label", `host_label  = "instance" `, `host_label  = "job" `, "a host that gets a third"},
	} {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if strings.Count(config.Example(), m.from) != 1 {
				t.Fatalf("the example has %q %d times", m.from, strings.Count(config.Example(), m.from))
			}
			s := runUnit(t, writeUnit(t, strings.Replace(config.Example(), m.from, m.to, 1), unit.Example()), "^"+m.fails)
			if s.Failed != "" || s.Report.Count(config.SeverityError) > 0 {
				t.Fatalf("the changed configuration can't be run:\n%s", said(s))
			}
			if len(s.Results) != 1 || len(s.Results[0].Failures) == 0 {
				t.Errorf("%d tests %q…, and none failed\n%s", len(s.Results), m.fails, said(s))
			}
		})
	}
}

// A test says the same each time, whatever else runs.
func TestUnitTestsRepeat(t *testing.T) {
	t.Parallel()
	path := writeUnit(t, strings.Replace(config.Example(), "bad_below   = 0.50 ", "bad_below   = 0.20 ", 1), unit.Example())
	first := said(runUnit(t, path, "third"))
	if first == "" {
		t.Fatal("nothing failed, so that nothing is compared")
	}
	if again := said(runUnit(t, path, "third")); again != first {
		t.Fatalf("%s\n\nand again:\n%s", first, again)
	}
}

// fleetTests is a pool of n hosts over two hours, with a bad one and a gap.
func fleetTests(n int) string {
	return fmt.Sprintf(`config = "warden.toml"
interval = "30s"
detectors = ["canary_missing"]
hosts = { ingest = ["ingest-[0001-%04d]"] }
labels = { "ingest-[0001-%04d]" = { rack = "a" } }
[series]
'up{job="warden-canary"}' = "1x250"
'prometheus_rule_group_last_evaluation_timestamp_seconds' = "1x250"
'canary_received_total{job="ingest",instance="ingest-[others]:9100"}' = "0+30x250"
[[test]]
name = "two hours"
levels = { drain = "auto" }
series = { 'canary_received_total{job="ingest",instance="ingest-0017:9100"}' = "0+30x100 3000+10x150", 'canary_received_total{job="ingest",instance="ingest-0018:9100"}' = "0+30x100 _x100 6000+30x50" }
expect = [ { at = "2h", total = 2, done = ["drain ingest-0018", "drain ingest-0017"], out = ["ingest-0017", "ingest-0018"] } ]
`, n, n)
}

// BenchmarkUnitTest is a test of two hours, 241 rounds, in pools of several
// sizes.
func BenchmarkUnitTest(b *testing.B) {
	for _, n := range []int{40, 1000, 5000} {
		b.Run(fmt.Sprintf("hosts=%d", n), func(b *testing.B) {
			path := writeUnit(b, config.Example(), fleetTests(n))
			for b.Loop() {
				if s := runUnit(b, path); !s.OK() {
					b.Fatal(said(s))
				}
			}
		})
	}
}
