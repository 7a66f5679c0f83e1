package config_test

import (
	"strings"
	"testing"

	"warden/internal/config"
)

// A node asks where its own table says, by its name or its first label, and
// every other node where the source says; what it shows there is its own secret,
// or the source's where it has none.
func TestSourceOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	all := fileWith(t, dir, "all", secretText, 0o600)
	own := fileWith(t, dir, "own", "of-rack-b", 0o600)
	c := sourceConfig(t, `token_file = "`+all+`"`)
	text := strings.Replace(config.Minimal(), "type = \"prometheus\"\n", "type = \"prometheus\"\ntoken_file = \""+all+"\"\n", 1) + `
[sources.prometheus.per_node.warden-2]
url        = "https://b.example.net"
token_file = "` + own + `"

[sources.prometheus.per_node.warden-3]
url = "https://c.example.net"

[sources.prometheus.per_node.warden-4]
url        = "https://d.example.net"
token_file = "/nowhere"
`
	base := c.Sources["prometheus"].URL
	c = parse(t, text)
	none := func(string) (string, bool) { return "", false }
	for _, tt := range []struct{ node, url, token string }{
		{"", base, secretText},
		{"warden-1", base, secretText},
		{"warden-2", "https://b.example.net", "of-rack-b"},
		{"Warden-2.ops.example.net", "https://b.example.net", "of-rack-b"},
		{"warden-3", "https://c.example.net", secretText},
		{"warden-20", base, secretText},
		{"10.0.0.2", base, secretText},
	} {
		s := c.SourceOn("prometheus", tt.node)
		got, err := c.Credentials("prometheus", tt.node, none)
		if s.URL != tt.url || err != nil || got.Token.Reveal() != tt.token || s.PerNode != nil {
			t.Errorf("%q asks %s with %q, %v", tt.node, s.URL, got.Token.Reveal(), err)
		}
		if report := config.CheckFiles(c, tt.node, none); report.Err() != nil {
			t.Errorf("%q: %v", tt.node, report)
		}
	}
	if report := config.CheckFiles(c, "warden-4", none); report.Err() == nil || report[len(report)-1].Key != "sources.prometheus.per_node.warden-4.token_file" {
		t.Errorf("warden-4: %v", report)
	}
	got, err := c.Credentials("prometheus", "warden-4", func(k string) (string, bool) {
		return "from-env", k == "WARDEN_SOURCES_PROMETHEUS_PER_NODE_WARDEN_4_TOKEN"
	})
	if err != nil || got.Token.Reveal() != "from-env" {
		t.Errorf("%q, %v", got.Token.Reveal(), err)
	}
}
