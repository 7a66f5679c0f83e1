package arch_test

import (
	"cmp"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/tools/go/packages"
)

const module = "warden"

// tree is a source tree under examination.
type tree struct {
	root  string
	fset  *token.FileSet
	files []*file // in order of path
	// typed loads the tree's packages with their types, without tests. The
	// pure packages and the state check need it; it is slower than parsing.
	typed func() ([]*packages.Package, error)
}

// file is one Go file, whatever its build tags.
type file struct {
	path string // slash-separated, below the root
	dir  string // "." for the root
	test bool
	ast  *ast.File
}

// outside says which directories are no part of the module's source.
func outside(name string) bool {
	return name == "testdata" || name == "bin" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_")
}

// load parses every Go file below root. Nested modules are left out.
func load(root string) (*tree, error) {
	tr := &tree{root: root, fset: token.NewFileSet()}
	tr.typed = sync.OnceValues(tr.loadTypes)
	err := filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && name != root && outside(d.Name()):
			return fs.SkipDir
		case d.IsDir() && name != root:
			if _, err := os.Stat(filepath.Join(name, "go.mod")); err == nil {
				return fs.SkipDir
			}
			return nil
		case d.IsDir() || filepath.Ext(name) != ".go":
			return nil
		}
		parsed, err := parser.ParseFile(tr.fset, name, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, name)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		tr.files = append(tr.files, &file{
			path: rel, dir: path.Dir(rel), ast: parsed,
			test: strings.HasSuffix(rel, "_test.go"),
		})
		return nil
	})
	return tr, err
}

func (tr *tree) loadTypes() ([]*packages.Package, error) {
	pkgs, err := packages.Load(&packages.Config{
		Dir:  tr.root,
		Fset: tr.fset,
		Mode: packages.NeedName | packages.NeedFiles | packages.NeedSyntax | packages.NeedTypes |
			packages.NeedTypesInfo | packages.NeedImports,
	}, "./...")
	if err != nil {
		return nil, err
	}
	for _, p := range pkgs {
		for _, e := range p.Errors {
			// An unreadable package can't be called pure.
			return nil, fmt.Errorf("%s doesn't compile: %w", p.PkgPath, e)
		}
	}
	return pkgs, nil
}

// code lists the files that are no tests.
func (tr *tree) code() []*file {
	return slices.DeleteFunc(slices.Clone(tr.files), func(f *file) bool { return f.test })
}

// finding is one thing that is wrong with a tree.
type finding struct {
	path string
	line int
	what string
}

func (f finding) String() string { return fmt.Sprintf("%s:%d: %s", f.path, f.line, f.what) }

// compare orders findings as a reader goes through the tree.
func (f finding) compare(g finding) int {
	return cmp.Or(strings.Compare(f.path, g.path), cmp.Compare(f.line, g.line), strings.Compare(f.what, g.what))
}

// at makes a finding out of a position and what is wrong there.
func (tr *tree) at(pos token.Pos, format string, args ...any) finding {
	p := tr.fset.Position(pos)
	name := p.Filename
	if rel, err := filepath.Rel(tr.root, name); err == nil {
		name = filepath.ToSlash(rel)
	}
	return finding{name, p.Line, fmt.Sprintf(format, args...)}
}

// importsOf lists a file's imports with their positions.
func importsOf(f *file) map[token.Pos]string {
	paths := map[token.Pos]string{}
	for _, spec := range f.ast.Imports {
		if p, err := strconv.Unquote(spec.Path.Value); err == nil {
			paths[spec.Pos()] = p
		}
	}
	return paths
}

// imports says whether a file imports the package.
func imports(f *file, pkg string) bool {
	for _, p := range importsOf(f) {
		if p == pkg {
			return true
		}
	}
	return false
}

// under says whether the import path is the package or lies below it.
func under(importPath, pkg string) bool {
	return importPath == pkg || strings.HasPrefix(importPath, pkg+"/")
}

// standard says whether the import path is the standard library's.
func standard(importPath string) bool {
	first, _, _ := strings.Cut(importPath, "/")
	return !strings.Contains(first, ".") && first != module
}

// warden loads the repository's own tree once for all tests.
var warden = sync.OnceValues(func() (*tree, error) {
	root, err := filepath.Abs(filepath.Join("..", ".."))
	if err != nil {
		return nil, err
	}
	return load(root)
})

func self(t *testing.T) *tree {
	t.Helper()
	tr, err := warden()
	if err != nil {
		t.Fatal(err)
	}
	return tr
}
