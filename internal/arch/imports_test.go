package arch_test

import (
	"path"
	"slices"
	"strings"
)

// row says which of warden's own packages a package may import.
type row struct {
	pkg string // a directory, or everything one level below it when it ends in /*
	may []string
}

// layers is the import table, from the words at the bottom to the commands at
// the top. A package that isn't in it fails the check: whoever adds one says
// here, and in an ADR, where it stands. Packages of one level don't import
// each other; where they need to meet, the engine introduces them.
func layers() []row {
	remedy := []string{"internal/remedy"}
	words := append([]string{"internal/cron"}, remedy...)
	tools := []string{"internal/clock", "internal/failpoint", "internal/command"}
	outlets := []string{"internal/outbound", "internal/doctor"}
	pureCore := []string{"detectors", "policy", "internal/trust", "internal/ledger"}
	edges := []string{"actions", "internal/source", "internal/inventory", "internal/chat", "internal/config"}

	edge := slices.Concat(words, tools)
	engine := slices.Concat(edge, pureCore, edges)
	shell := slices.Concat(engine, []string{"actions/*", "internal/engine"})
	talk := slices.Concat(edge, []string{"internal/chat", "internal/config", "internal/ledger", "internal/trust", "internal/report"})
	cli := slices.Concat(shell, []string{"internal/chat/slack", "internal/pager", "internal/annotate", "internal/webhook", "internal/outbound", "internal/doctor", "internal/cluster", "internal/peer", "internal/peertls", "internal/web", "internal/audit", "internal/telemetry", "internal/heartbeat", "internal/report", "internal/systemd", "simulate", "simulate/*"})

	return []row{
		{pkg: "internal/remedy"},
		{pkg: "internal/cron"}, // ADR 0013
		{pkg: "internal/clock"},
		{pkg: "internal/failpoint"},
		{pkg: "internal/command", may: append([]string{"internal/clock"}, remedy...)}, // ADR 0011; of remedy the quoting of what is shown

		{pkg: "detectors", may: remedy},
		{pkg: "policy", may: words},
		{pkg: "internal/trust", may: remedy}, // ADR 0017
		{pkg: "internal/ledger", may: append([]string{"internal/trust"}, remedy...)},

		{pkg: "internal/audit", may: append([]string{"internal/ledger"}, edge...)}, // ADR 0019

		{pkg: "actions", may: edge},
		{pkg: "actions/*", may: append([]string{"actions"}, edge...)},
		{pkg: "internal/source", may: edge},
		{pkg: "internal/inventory", may: edge},
		{pkg: "internal/chat", may: append([]string{"internal/ledger", "internal/trust"}, edge...)}, // messages are views over ledger records
		{pkg: "internal/config", may: append([]string{"internal/trust"}, edge...)},                  // [policy] is trust.Rules
		{pkg: "internal/report", may: append([]string{"internal/trust", "internal/ledger", "internal/chat", "internal/cron"}, remedy...)}, // ADR 0021, 0022
		{pkg: "internal/chat/slack", may: slices.Concat(outlets, talk)},                                                                   // ADR 0022
		{pkg: "internal/pager", may: slices.Concat(outlets, talk)},
		{pkg: "internal/annotate", may: slices.Concat(outlets, talk)},
		{pkg: "internal/webhook", may: slices.Concat(outlets, talk)},
		{pkg: "internal/outbound", may: []string{"internal/clock"}},                                  // ADR 0022: one bounded request
		{pkg: "internal/doctor", may: append([]string{"internal/config", "internal/chat"}, edge...)}, // ADR 0022
		{pkg: "internal/telemetry", may: tools},
		{pkg: "internal/heartbeat", may: tools},
		{pkg: "internal/systemd", may: []string{"internal/clock"}}, // ADR 0016
		{pkg: "internal/peertls", may: append([]string{"internal/config"}, tools...)},

		{pkg: "internal/engine", may: engine},

		{pkg: "internal/cluster", may: shell},
		{pkg: "internal/peer", may: shell}, // ADR 0015
		{pkg: "internal/web", may: shell},
		{pkg: "simulate", may: append([]string{"simulate/*"}, shell...)},
		{pkg: "simulate/*", may: append([]string{"simulate/*"}, shell...)},

		{pkg: "internal/cli", may: cli},
		{pkg: "cmd/*", may: []string{"internal/cli"}},

		{pkg: "internal/cluster/clustertest"},
		{pkg: "internal/arch"},
		{pkg: "internal/golden"}, // ADR 0005
		{pkg: "internal/realtest"},
		{pkg: "internal/realtest/hostile"},
	}
}

// testOnly are packages that no part of the binary may import.
var testOnly = []string{
	"testing", "internal/realtest", "internal/cluster/clustertest", "internal/arch", "internal/golden",
	"github.com/google/go-cmp", "pgregory.net/rapid", "go.uber.org/goleak", "github.com/rogpeppe/go-internal",
	"golang.org/x/tools",
}

// covers says whether a table entry means the directory.
func covers(entry, dir string) bool {
	if parent, ok := strings.CutSuffix(entry, "/*"); ok {
		return path.Dir(dir) == parent
	}
	return entry == dir
}

// importTable checks that imports go one way. Tests may import anything: they
// stand outside of what they test.
func importTable(tr *tree) ([]finding, error) {
	table := layers()
	var findings []finding
	unknown := map[string]bool{}
	for _, f := range tr.files {
		i := slices.IndexFunc(table, func(r row) bool { return covers(r.pkg, f.dir) })
		if i < 0 && !unknown[f.dir] {
			unknown[f.dir] = true
			findings = append(findings, tr.at(f.ast.Package, "package %s isn't in the import table: add its row to layers and an ADR", f.dir))
		}
		if i < 0 || f.test {
			continue
		}
		for _, spec := range f.ast.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			own, isOwn := strings.CutPrefix(imported, module+"/")
			switch {
			case slices.ContainsFunc(testOnly, func(p string) bool { return under(strings.TrimPrefix(imported, module+"/"), p) }):
				if !slices.Contains([]string{"internal/realtest", "internal/cluster/clustertest", "internal/golden"}, f.dir) {
					findings = append(findings, tr.at(spec.Pos(), "%s imports %s, which is for tests only", f.dir, imported))
				}
			case isOwn && !slices.ContainsFunc(table[i].may, func(e string) bool { return covers(e, own) }):
				findings = append(findings, tr.at(spec.Pos(), "%s may not import %s: see layers", f.dir, own))
			}
		}
	}
	return findings, nil
}

// home says where alone a library may be imported, so that it can be replaced
// by editing one package.
type home struct {
	library string
	dirs    []string
}

var homes = []home{
	{"github.com/hashicorp", []string{"internal/cluster"}},
	{"github.com/prometheus/client_golang/api", []string{"internal/source"}},
	{"github.com/prometheus/common", []string{"internal/source"}},
	{"github.com/pelletier/go-toml", []string{"internal/config"}},
	{"github.com/goccy/go-yaml", []string{"internal/inventory"}},
	{"github.com/danielgtaylor/huma", []string{"internal/web"}},
	{"github.com/spf13", []string{"internal/cli"}},
	{"github.com/slack-go", []string{"internal/chat/slack"}},
	{"github.com/gorilla/websocket", []string{"simulate/fakeslack", "internal/chat/slack"}},
	{"github.com/PagerDuty", []string{"internal/pager"}},
}

// confined checks that libraries stay in the package that wraps them.
func confined(tr *tree) ([]finding, error) {
	var findings []finding
	for _, f := range tr.code() {
		for _, spec := range f.ast.Imports {
			imported := strings.Trim(spec.Path.Value, `"`)
			for _, h := range homes {
				if under(imported, h.library) && !slices.Contains(h.dirs, f.dir) {
					findings = append(findings, tr.at(spec.Pos(), "%s is for %s only", imported, strings.Join(h.dirs, ", ")))
				}
			}
		}
	}
	return findings, nil
}
