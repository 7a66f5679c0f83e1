package config_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"warden/internal/config"
)

// parse reads a configuration that must be right.
func parse(t *testing.T, text string) *config.Config {
	t.Helper()
	c, report := config.Parse("t.toml", []byte(text), options())
	if c == nil {
		t.Fatalf("%s", report)
	}
	return c
}

func TestShowReadsBackTheSame(t *testing.T) {
	for name, text := range map[string]string{"example": config.Example(), "minimal": config.Minimal()} {
		text = strings.ReplaceAll(text, `"prometheus-token"`, `"/etc/warden/token"`) // bare names are not shown
		c := parse(t, text)
		for _, defaults := range []bool{false, true} {
			shown := config.Show(c, defaults)
			back := parse(t, shown)
			if back.Hash() != c.Hash() {
				t.Errorf("%s, defaults %v:\n%s", name, defaults, strings.Join(config.Diff(c, back), "\n"))
			}
			if !defaults && strings.Contains(shown, "# default") {
				t.Errorf("%s: defaults were not asked for:\n%s", name, shown)
			}
		}
	}
}

func TestShowSaysWhereValuesComeFrom(t *testing.T) {
	shown := config.Show(parse(t, config.Example()), true)
	for _, want := range []string{
		"config_version = 1\n",
		"token_file = \"<secret>\"  # in $CREDENTIALS_DIRECTORY; $WARDEN_SOURCES_PROMETHEUS_TOKEN wins\n",
		"password_file = \"/etc/warden/credentials/mimir-password\"  # $WARDEN_SOURCES_MIMIR_PASSWORD wins\n",
		"canary_target = 'up{job=\"warden-canary\"}'\n",
		"policy = \"metric-only\"  # policy.default\n",
		"[pools.ingest-staging.inventory]\ntype = \"static\"\nhosts = [",
		"max_staleness = \"1m30s\"  # 3 intervals\n",
		"max_out_fraction = 1.0  # default\n",
		"assume_in_service = false  # default\n",
	} {
		if !strings.Contains(shown, want) {
			t.Errorf("not shown: %q", want)
		}
	}
	if strings.Contains(shown, "prometheus-token") {
		t.Error("a bare name may be a secret and was shown")
	}
	if t.Failed() {
		t.Log(shown)
	}
}

func TestHashIsOfTheMeaning(t *testing.T) {
	base := parse(t, config.Minimal())
	if again := parse(t, config.Minimal()).Hash(); len(again) != 12 || again != base.Hash() {
		t.Errorf("hash %q, and then %q", base.Hash(), again)
	}
	same := parse(t, "# a comment\n"+strings.Replace(config.Minimal(), "expect_per_minute", "interval = \"30s\"\nexpect_per_minute", 1))
	if same.Hash() != base.Hash() {
		t.Errorf("a comment and a spelt-out default changed the hash: %v", config.Diff(base, same))
	}
	other := parse(t, strings.Replace(config.Minimal(), "expect_per_minute = 60", "expect_per_minute = 61", 1))
	if other.Hash() == base.Hash() {
		t.Error("another value has the same hash")
	}
	a := parse(t, strings.Replace(config.Example(), "prometheus-token", "other-token", 1))
	if a.Hash() == parse(t, config.Example()).Hash() {
		t.Error("another credential has the same hash")
	}
}

func TestDiffInWords(t *testing.T) {
	before := parse(t, config.Example())
	after := parse(t, strings.NewReplacer(
		`policy      = "notify"`, `policy      = "auto"`,
		`ingest-staging = "confirm"`, `ingest-staging = "notify"`,
		"min_in_service      = 30 ", "min_in_service      = 20 ",
		`max_out_fraction    = 0.10`, `#`,
		`"prometheus-token"`, `"other-token"`,
		`freeze_file      = "/run/warden/freeze"`, `#`,
		"[ledger]", "[sources.third]\ntype = \"prometheus\"\nurl = \"http://[::1]:9090\"\n[ledger]",
		"detectors.canary_uneven", "detectors.canary_unequal",
	).Replace(config.Example()))
	want := []string{
		"drain on edge  notify -> AUTO",
		"drain on edge-staging  notify -> AUTO",
		"drain on ingest  notify -> AUTO",
		"drain on receivers  notify -> AUTO",
		"drain on ingest-staging  confirm -> notify  (quieter)",
		`guardrails  freeze_file: no longer set, was "/run/warden/freeze"`,
		"pools.ingest  max_out_fraction: 0.1 -> 1.0  (looser)",
		"pools.ingest  min_in_service: 30 -> 20  (looser)",
		"detectors.canary_unequal  added",
		"detectors.canary_uneven  removed",
		"sources.third  added",
		"sources.prometheus  token_file: changed",
	}
	if d := cmp.Diff(want, config.Diff(before, after)); d != "" {
		t.Error(d)
	}
	few := parse(t, config.Minimal())
	renamed := parse(t, strings.NewReplacer("[pools.web]", "[pools.api]", `pools   = ["web"]`, `pools   = ["api"]`, "[actions.drain]", "[actions.drain]\ndescription = 'a \"b\"'").Replace(config.Minimal()))
	want = []string{
		"drain on api  (new) -> metric-only",
		"drain on web  metric-only -> (gone)",
		`canary_missing  pools: ["web"] -> ["api"]`,
		"pools.api  added",
		"pools.web  removed",
		`actions.drain  description: set to 'a "b"'`,
	}
	if d := cmp.Diff(want, config.Diff(few, renamed)); d != "" {
		t.Error(d)
	}
	if d := config.Diff(before, before); d != nil {
		t.Errorf("nothing changed, but: %v", d)
	}
}

func TestLookups(t *testing.T) {
	c := parse(t, config.Example())
	check := func(what string, got, want any) {
		t.Helper()
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s: %s", what, d)
		}
	}
	check("level", c.Level("drain", "ingest").String(), "notify")
	check("level by pool", c.Level("drain", "ingest-staging").String(), "confirm")
	check("level by default", c.Level("maint", "ingest").String(), "metric-only")
	check("level of nothing", c.Level("nothing", "ingest").String(), "blocked")
	check("level of no pool", c.Level("drain", "nothing").String(), "blocked")
	check("backend", c.Backend("drain", "ingest"), "be_ingest")
	check("backend by pool", c.Backend("drain", "ingest-staging"), "be_staging")
	check("staleness", c.MaxStaleness("canary_missing").String(), "1m30s")
	check("detectors", len(c.DetectorsOf("ingest")), 8)
	check("on Graphite", c.OnGraphite("canary_stored"), true)
	check("not on Graphite", c.OnGraphite("canary_missing"), false)
	check("host node, from 1", c.HostNode("canary_stored"), 3)
	check("no host node", c.HostNode("canary_missing"), 0)
	first := parse(t, strings.NewReplacer("host_node   = 2", "host_node   = 0", `"prometheus-token"`, `"/etc/warden/token"`).Replace(config.Example()))
	check("the first node", first.HostNode("canary_stored"), 1)
	check("the first node, shown and read back", parse(t, config.Show(first, true)).HostNode("canary_stored"), 1)
	last := parse(t, strings.Replace(config.Example(), "host_node   = 2", "host_node   = -1", 1))
	check("the last node", last.HostNode("canary_stored"), -1)
	none := parse(t, strings.Replace(config.Example(), "host_node   = 2", "", 1))
	check("none is not the first", none.HostNode("canary_stored") == 0 && none.Hash() != first.Hash(), true)
	check("actions", len(c.ActionsOf("ingest")), 2)
	check("protected", c.Pools["ingest"].ProtectedBy("ingest-canary-7"), "ingest-canary-*")
	check("not protected", c.Pools["ingest"].ProtectedBy("ingest-12"), "")
}

func TestSettingsAsJSON(t *testing.T) {
	c := parse(t, strings.Replace(config.Minimal(), `type = "prometheus"`, "type = \"prometheus\"\ntoken_file = \"hunter2\"", 1))
	b, err := json.Marshal(c.Settings())
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`{"key":"pools.web.min_in_service","value":"2","origin":"file"}`,
		`{"key":"detectors.canary_missing.for","value":"\"5m\"","origin":"default"}`,
	} {
		if !strings.Contains(string(b), want) {
			t.Errorf("%s is not in %s", want, b)
		}
	}
	if b, err = json.Marshal(c); err != nil || strings.Contains(string(b), "hunter2") {
		t.Errorf("a bare name may be a secret and came out: %s, %v", b, err)
	}
}

func TestShowEscapes(t *testing.T) {
	text := strings.Replace(config.Minimal(), "[actions.drain]", "[actions.drain]\ndescription = \"it's \\\"so\\\"\\n\\t\\u0001\\\\ \u00e9\"", 1)
	c := parse(t, text)
	if got := parse(t, config.Show(c, true)).Actions["drain"].Description; got != "it's \"so\"\n\t\x01\\ \u00e9" {
		t.Errorf("%q came back from\n%s", got, config.Show(c, false))
	}
}
