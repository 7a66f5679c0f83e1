package arch_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"slices"
	"strings"

	"golang.org/x/tools/go/packages"
)

// initFunctions finds init functions: what happens at start-up is called from
// main, where a reader can follow it.
func initFunctions(tr *tree) ([]finding, error) {
	var findings []finding
	for _, f := range tr.code() {
		for _, decl := range f.ast.Decls {
			if fn, ok := decl.(*ast.FuncDecl); ok && fn.Recv == nil && fn.Name.Name == "init" {
				findings = append(findings, tr.at(fn.Pos(), "init() runs behind the reader's back: call it from where it is needed"))
			}
		}
	}
	return findings, nil
}

// constantPointers are pointer types whose values never change once made.
var constantPointers = []string{
	"*regexp.Regexp", "*strings.Replacer", "*text/template.Template", "*html/template.Template", "*time.Location",
}

// packageState checks that what lives at package level never changes. Allowed
// are the blank identifier, error sentinels, embedded files, the version that
// the linker sets, and unexported tables: values that are initialised where
// they are declared, hold no lock, channel, function or pointer at their top,
// and are never written, or have their address taken, in their package.
func packageState(tr *tree) ([]finding, error) {
	pkgs, err := tr.typed()
	if err != nil {
		return nil, err
	}
	var findings []finding
	for _, p := range pkgs {
		written := writes(p)
		for _, f := range p.Syntax {
			for _, decl := range f.Decls {
				gen, ok := decl.(*ast.GenDecl)
				if !ok || gen.Tok != token.VAR {
					continue
				}
				for _, spec := range gen.Specs {
					vs, ok := spec.(*ast.ValueSpec)
					if !ok || embedded(gen, vs) {
						continue
					}
					for _, name := range vs.Names {
						if why := mutable(p, name, vs, written); why != "" {
							findings = append(findings, tr.at(name.Pos(), "package-level %s %s: pass it by constructor", name.Name, why))
						}
					}
				}
			}
		}
	}
	return findings, nil
}

// mutable says why a package-level variable is state, or nothing if it isn't.
func mutable(p *packages.Package, name *ast.Ident, spec *ast.ValueSpec, written map[types.Object]bool) string {
	obj := p.TypesInfo.Defs[name]
	if name.Name == "_" || obj == nil {
		return ""
	}
	if name.Name == "version" && p.PkgPath == module+"/internal/cli" {
		return "" // set by the linker, see the Makefile
	}
	if written[obj] {
		return "is written after its declaration"
	}
	if types.AssignableTo(obj.Type(), types.Universe.Lookup("error").Type()) {
		return ""
	}
	switch {
	case name.IsExported():
		return "is exported, so that anybody can change it"
	case len(spec.Values) == 0:
		return "has no value yet, so somebody must change it"
	}
	switch obj.Type().Underlying().(type) {
	case *types.Pointer:
		if slices.Contains(constantPointers, types.TypeString(obj.Type(), nil)) {
			return ""
		}
		return "is a pointer"
	case *types.Chan:
		return "is a channel"
	case *types.Signature:
		return "is a function value"
	}
	if strings.HasPrefix(types.TypeString(obj.Type(), nil), "sync") {
		return "is a lock"
	}
	return ""
}

// embedded says whether the declaration has a go:embed directive.
func embedded(gen *ast.GenDecl, spec *ast.ValueSpec) bool {
	for _, doc := range []*ast.CommentGroup{gen.Doc, spec.Doc} {
		if doc == nil {
			continue
		}
		for _, c := range doc.List {
			if strings.HasPrefix(c.Text, "//go:embed ") {
				return true
			}
		}
	}
	return false
}

// writes lists the variables that a package's code changes: assigned to,
// counted up, written through an index or a field, deleted from, cleared, or
// handed out by address.
func writes(p *packages.Package) map[types.Object]bool {
	written := map[types.Object]bool{}
	mark := func(e ast.Expr) {
		for {
			switch x := ast.Unparen(e).(type) {
			case *ast.IndexExpr:
				e = x.X
			case *ast.SelectorExpr:
				e = x.X
			case *ast.StarExpr:
				e = x.X
			case *ast.SliceExpr:
				e = x.X
			case *ast.Ident:
				if obj := p.TypesInfo.Uses[x]; obj != nil {
					written[obj] = true
				}
				return
			default:
				return
			}
		}
	}
	for _, f := range p.Syntax {
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.AssignStmt:
				for _, e := range n.Lhs {
					mark(e)
				}
			case *ast.IncDecStmt:
				mark(n.X)
			case *ast.RangeStmt:
				if n.Tok == token.ASSIGN {
					mark(n.Key)
					mark(n.Value)
				}
			case *ast.UnaryExpr:
				if n.Op == token.AND {
					mark(n.X)
				}
			case *ast.CallExpr:
				if id, ok := n.Fun.(*ast.Ident); ok && len(n.Args) > 0 && slices.Contains([]string{"clear", "copy", "delete"}, id.Name) {
					mark(n.Args[0])
				}
			}
			return true
		})
	}
	return written
}
