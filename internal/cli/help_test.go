package cli

import (
	"regexp"
	"strings"
	"testing"

	"github.com/spf13/cobra"

	"warden/internal/clock"
)

// TestExamples holds that every command's help shows how it is called, and that
// what it shows is understood: commands, flags and the number of arguments.
func TestExamples(t *testing.T) {
	t.Parallel()
	fresh := func() *cobra.Command {
		root := (&program{clock: clock.System(), env: func(string) (string, bool) { return "", false }}).newRootCommand()
		root.InitDefaultHelpCmd()
		return root
	}
	words := regexp.MustCompile(`'[^']*'|"[^"]*"|\S+`)
	var check func(cmd *cobra.Command)
	check = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			check(sub)
		}
		if cmd.HasParent() && cmd.HasSubCommands() {
			return // its own commands show theirs
		}
		if !strings.Contains(cmd.Example, cmd.CommandPath()) {
			t.Errorf("%s: its examples don't call it", cmd.CommandPath())
		}
		for line := range strings.Lines(cmd.Example) {
			_, call, found := strings.Cut(" "+strings.TrimSpace(line), " warden ")
			if !found && strings.TrimSpace(line) != "warden" {
				t.Errorf("%s: %q calls something else", cmd.CommandPath(), line)
				continue
			}
			call, _, _ = strings.Cut(call, " >")
			call, _, _ = strings.Cut(call, " ||")
			root := fresh()
			target, args, err := root.Find(words.FindAllString(call, -1))
			if err == nil {
				err = target.ParseFlags(args)
			}
			if err == nil {
				err = target.ValidateArgs(target.Flags().Args())
			}
			if err != nil {
				t.Errorf("%s: %q: %v", cmd.CommandPath(), line, err)
			}
		}
	}
	check(fresh())
}

// TestHelpNamesEveryCommand holds that no command is left out of the overview.
func TestHelpNamesEveryCommand(t *testing.T) {
	t.Parallel()
	p, out := demoProgram(t, strings.NewReader(""))
	if code := p.run(t.Context(), nil); code != ExitOK {
		t.Fatal(code)
	}
	for _, cmd := range append(p.commands(), newHelpCommand()) {
		if !strings.Contains(out.String(), "\n  "+cmd.Name()+" ") {
			t.Errorf("no %s in\n%s", cmd.Name(), out.String())
		}
	}
}
