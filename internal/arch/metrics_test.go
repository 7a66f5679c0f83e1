package arch_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const metricsPage = "docs/metrics.md"

var (
	metricName = regexp.MustCompile(`^warden_[a-z0-9_]+$`)
	metricRow  = regexp.MustCompile("^\\| `(warden_[a-z0-9_]+)` \\| (counter|gauge|histogram) \\| [^|]+ \\| [^|]+ \\|$")
)

// metricsDocumented checks that the code's metrics and the page's rows are the
// same, both ways. It finds a metric by its whole name as one string literal,
// so names may not be put together from pieces.
func metricsDocumented(tr *tree) ([]finding, error) {
	var findings []finding
	used := map[string]token.Pos{}
	for _, f := range tr.code() {
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				name, err := strconv.Unquote(n.Value)
				if n.Kind == token.STRING && err == nil && metricName.MatchString(name) && used[name] == 0 {
					used[name] = n.Pos()
				}
			case *ast.KeyValueExpr:
				key, ok := n.Key.(*ast.Ident)
				if ok && (key.Name == "Namespace" || key.Name == "Subsystem") && imports(f, "github.com/prometheus/client_golang/prometheus") {
					findings = append(findings, tr.at(n.Pos(), "%s hides a metric's name from grep: write it out in Name", key.Name))
				}
			}
			return true
		})
	}

	documented := map[string]int{}
	page, err := os.ReadFile(filepath.Join(tr.root, filepath.FromSlash(metricsPage)))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	number := 0
	for line := range strings.Lines(string(page)) {
		number++
		line = strings.TrimSpace(line)
		row := metricRow.FindStringSubmatch(line)
		switch {
		case row == nil && strings.HasPrefix(line, "| `warden_"):
			findings = append(findings, finding{metricsPage, number, "the row must read: | `name` | counter, gauge or histogram | labels | meaning |"})
		case row == nil:
		case documented[row[1]] != 0:
			findings = append(findings, finding{metricsPage, number, fmt.Sprintf("%s has a row already, in line %d", row[1], documented[row[1]])})
		default:
			documented[row[1]] = number
		}
	}
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if documented[name] == 0 {
			findings = append(findings, tr.at(used[name], "the metric %s has no row in %s", name, metricsPage))
		}
	}
	for _, name := range slices.Sorted(maps.Keys(documented)) {
		if used[name] == 0 {
			findings = append(findings, finding{metricsPage, documented[name], "no code has the metric " + name})
		}
	}
	return findings, nil
}
