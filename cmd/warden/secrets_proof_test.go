//go:build integration

package main_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"warden/internal/realtest/hostile"
)

// unitText are unit tests of a configuration, of which one can't pass.
func unitText(file string) string {
	return `config = "` + file + `"
[[test]]
name   = "a host that is not silent is proposed, which is wrong"
series = { 'canary_received_total{from="env",host="web-02"}' = "0x60", 'canary_received_total{from="env",host="web-[01,03]"}' = "0+10x60" }
expect = [{ at = "10m", proposals = ["say web-01"] }]
`
}

// proofs looks into what is made to be shown to others: the audit files, the
// evidence, what a promotion would rest on, and unit tests.
func proofs(t *testing.T, a *agent, out *hostile.Seen, units string) {
	t.Helper()
	where := shortDir(t)
	page := filepath.Join(where, "report.html")
	for _, args := range [][]string{
		{"audit", "tail", "-n", "10000"}, {"audit", "tail", "-n", "10000", "-o", "json"}, {"audit", "export", "--format", "csv"}, {"audit", "export", "--format", "jsonl"},
		{"audit", "verify"}, {"trust"}, {"trust", "say", "-o", "json"}, {"trust", "drain"}, {"trust", "say"}, {"trust", "say", "--out", page},
		{"promote", "say"}, {"policy", "diff", a.config}, {"policy", "list"}, {"test", units}, {"test", units, "-o", "json"}, {"test", units, "--junit", filepath.Join(where, "junit.xml")},
	} {
		r := a.run(args...)
		out.Add("warden "+strings.Join(args[:min(2, len(args))], " "), r.out+r.err)
		out.Add("warden "+args[0], r.out+r.err)
	}
	for name, path := range map[string]string{"the page of warden trust": page, "the JUnit of warden test": filepath.Join(where, "junit.xml")} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Errorf("%s is not there: %v", name, err)
		}
		out.Add(name, string(text))
	}
}
