//go:build failpoints

package failpoint

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestPointsAreAll reads the names off the code itself.
func TestPointsAreAll(t *testing.T) {
	var found []string
	err := filepath.WalkDir("../..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == "tools" || d.Name() == "failpoint" || len(d.Name()) > 2 && d.Name()[0] == '.'):
			return fs.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			fn, ok := call.Fun.(*ast.SelectorExpr)
			if !ok || fn.Sel.Name != "Hit" && fn.Sel.Name != "Fail" {
				return true
			}
			if of, ok := fn.X.(*ast.Ident); !ok || of.Name != "failpoint" {
				return true
			}
			word, ok := call.Args[0].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: the name of a point must be a literal, or it can't be listed", path)
				return true
			}
			name, err := strconv.Unquote(word.Value)
			if err != nil {
				t.Errorf("%s: %v", path, err)
			}
			found = append(found, name)
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	if found = slices.Compact(found); !slices.Equal(found, points) {
		t.Errorf("the code has the points\n%q\nand points lists\n%q", found, points)
	}
}

func TestListed(t *testing.T) {
	var out bytes.Buffer
	if Listed(&out) || out.Len() != 0 {
		t.Errorf("nobody asked, and it printed %q", out.String())
	}
	t.Setenv(specVariable, listSpec)
	if !Listed(&out) || out.String() != strings.Join(points, "\n")+"\n" {
		t.Errorf("it printed %q", out.String())
	}
}
