package arch_test

import (
	"go/ast"
	"maps"
	"slices"
	"strings"
)

// maxLines is the most that a Go file may have; 400 is what to aim for.
const maxLines = 450

// fileLength finds files that are too long to be read in one go.
func fileLength(tr *tree) ([]finding, error) {
	var findings []finding
	for _, f := range tr.files {
		if n := tr.fset.File(f.ast.FileStart).LineCount(); n > maxLines {
			findings = append(findings, tr.at(f.ast.Package, "the file has %d lines, %d is the most: split it by meaning", n, maxLines))
		}
	}
	return findings, nil
}

// packageComments checks that each package says once what it is.
func packageComments(tr *tree) ([]finding, error) {
	var findings []finding
	byDir := map[string][]*file{}
	for _, f := range tr.code() {
		byDir[f.dir] = append(byDir[f.dir], f)
	}
	for _, dir := range slices.Sorted(maps.Keys(byDir)) {
		var commented []*file
		for _, f := range byDir[dir] {
			if f.ast.Doc != nil && strings.TrimSpace(f.ast.Doc.Text()) != "" {
				commented = append(commented, f)
			}
		}
		if len(commented) == 0 {
			findings = append(findings, tr.at(byDir[dir][0].ast.Package, "package %s has no package comment", dir))
			continue
		}
		for _, f := range commented[1:] {
			findings = append(findings, tr.at(f.ast.Doc.Pos(), "package %s has a second package comment, the first is in %s", dir, commented[0].path))
		}
		name := commented[0].ast.Name.Name
		opening := "Package " + name + " "
		if name == "main" {
			opening = "Command "
		}
		if !strings.HasPrefix(commented[0].ast.Doc.Text(), opening) {
			findings = append(findings, tr.at(commented[0].ast.Doc.Pos(), "the package comment of %s must begin with %q", dir, opening))
		}
	}
	return findings, nil
}

// testHabits finds tests that may not run, and tests that wait for a length of
// time instead of for the thing itself. In a synctest bubble a sleep is exact.
func testHabits(tr *tree) ([]finding, error) {
	var findings []finding
	for _, f := range tr.files {
		if !f.test {
			continue
		}
		bubble := imports(f, "testing/synctest")
		ast.Inspect(f.ast, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			sel, ok := call.Fun.(*ast.SelectorExpr)
			if !ok {
				return true
			}
			of, _ := sel.X.(*ast.Ident)
			pkg := ""
			if of != nil {
				pkg = of.Name
			}
			switch name := sel.Sel.Name; {
			case name == "Skip" || name == "Skipf" || name == "SkipNow", pkg == "testing" && name == "Short":
				findings = append(findings, tr.at(sel.Sel.Pos(), "%s: a test that may not run proves nothing; make it run or delete it", name))
			case pkg == "time" && name == "Sleep" && !bubble:
				findings = append(findings, tr.at(sel.Sel.Pos(), "time.Sleep in a test: poll with a deadline"))
			}
			return true
		})
	}
	return findings, nil
}
