package arch_test

import (
	"go/ast"
	"slices"
	"strconv"
	"strings"
)

// mayExec are the audited files, beside tests and their helpers, that may
// start a process: see ADR 0011.
var mayExec = []string{"internal/command/run.go"}

// shells are programs that would read a host's name as code.
var shells = []string{"ash", "bash", "dash", "ksh", "sh", "zsh"}

// processes checks that only audited files start processes, and that nobody,
// tests included, goes through a shell.
func processes(tr *tree) ([]finding, error) {
	var findings []finding
	for _, f := range tr.files {
		allowed := f.test || f.dir == "internal/realtest" || slices.Contains(mayExec, f.path)
		for pos, imported := range importsOf(f) {
			if imported == "os/exec" && !allowed {
				findings = append(findings, tr.at(pos, "os/exec outside the audited files: see mayExec"))
			}
		}
		ast.Inspect(f.ast, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.SelectorExpr:
				of, ok := n.X.(*ast.Ident)
				if ok && !allowed && slices.Contains([]string{"os.StartProcess", "syscall.Exec", "syscall.ForkExec", "syscall.StartProcess", "unix.Exec"}, of.Name+"."+n.Sel.Name) {
					findings = append(findings, tr.at(n.Pos(), "%s.%s outside the audited files: see mayExec", of.Name, n.Sel.Name))
				}
			case *ast.CallExpr:
				if shellCommand(n.Args) {
					findings = append(findings, tr.at(n.Pos(), "a shell reads its arguments as code: pass an argv"))
				}
			case *ast.CompositeLit:
				if shellCommand(n.Elts) {
					findings = append(findings, tr.at(n.Pos(), "a shell reads its arguments as code: pass an argv"))
				}
			}
			return true
		})
	}
	return findings, nil
}

// shellCommand says whether literals among the expressions spell a shell, and
// after it an option that makes it read a command from its arguments.
func shellCommand(args []ast.Expr) bool {
	shell := false
	for _, arg := range args {
		lit, ok := arg.(*ast.BasicLit)
		if !ok {
			continue
		}
		word, err := strconv.Unquote(lit.Value)
		if err != nil {
			continue
		}
		if shell && strings.HasPrefix(word, "-") && strings.Contains(word, "c") {
			return true
		}
		shell = shell || slices.Contains(shells, word[strings.LastIndex(word, "/")+1:])
	}
	return false
}
