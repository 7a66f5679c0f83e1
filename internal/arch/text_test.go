package arch_test

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// phrase is a piece of text that may stand nowhere in the project.
type phrase struct {
	pattern *regexp.Regexp
	why     string
}

var phrases = []phrase{
	{regexp.MustCompile(`\.\./shared\b`), "names a place outside of the project"},
	{regexp.MustCompile(`(^|[^\w.])/(root|work|home)/`), "names a place on one person's machine"},
	{regexp.MustCompile(`\b(GOPROXY|GOSUMDB|GONOSUMDB|GONOSUMCHECK|GOINSECURE|GOFLAGS)\s*[:?]?=`), "where modules come from is the machine's business"},
	{regexp.MustCompile(`(?i)\b(proxy|sum|registry|index|mirror)\.[a-z0-9-]+(\.[a-z0-9-]+)*\.?(org|com|io|dev|net)\b`), "names a registry"},
	{regexp.MustCompile(`(?i)--(registry|index-url|extra-index-url)\b`), "names a registry"},
	{regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X)\b`), "leaves something open: do it, or write it into docs/plan.md"},
	{regexp.MustCompile(`-----BEGIN [A-Z ]*PRIVATE KEY-----`), "is a key"},
}

// forbiddenText looks for phrases in every file of the tree that is text. The
// dot files are part of it; what a build or a download left behind is not.
func forbiddenText(tr *tree) ([]finding, error) {
	var findings []finding
	err := filepath.WalkDir(tr.root, func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if slices.Contains([]string{".git", ".cache", "bin", "node_modules"}, d.Name()) {
				return fs.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || filepath.Base(name) == "go.sum" {
			return nil
		}
		rel, err := filepath.Rel(tr.root, name)
		if err != nil {
			return err
		}
		if strings.HasPrefix(filepath.ToSlash(rel), "internal/arch/testdata/") {
			return nil // bad on purpose
		}
		text, err := os.ReadFile(name)
		if err != nil || bytes.IndexByte(text, 0) >= 0 {
			return err
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			for _, p := range phrases {
				if found := p.pattern.Find(line); found != nil {
					findings = append(findings, finding{filepath.ToSlash(rel), number, fmt.Sprintf("%q %s", bytes.TrimSpace(found), p.why)})
				}
			}
		}
		return nil
	})
	return findings, err
}
