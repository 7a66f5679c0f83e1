package cli

import (
	"context"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print the completion script for a shell", GroupID: groupAuthor,
		Long: `Print the completion script for a shell. Put where the shell looks for it, it is
loaded by every new shell.`,
		Example: `  warden completion bash > /etc/bash_completion.d/warden
  warden completion zsh > "${fpath[1]}/_warden"
  warden completion fish > ~/.config/fish/completions/warden.fish`,
		Args:      cobra.ExactArgs(1),
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.out, true)
			case "zsh":
				return root.GenZshCompletion(p.out)
			case "fish":
				return root.GenFishCompletion(p.out, true)
			}
			return usage("there is no completion for %q: use bash, zsh or fish", args[0])
		},
	}
}

// completeWithin is how long a shell waits for the agent while a person types.
const completeWithin = time.Second

// known asks the agent for the actions and pools that it has; none when it can't
// be asked.
func (p *program) known(ctx context.Context) []web.PolicyLevel {
	client, err := p.dial()
	if err != nil {
		return nil
	}
	defer client.Close()
	client.Observe = nil // nobody reads it
	ctx, cancel := context.WithTimeout(ctx, completeWithin)
	defer cancel()
	res, err := client.Policy(ctx)
	if err != nil {
		return nil
	}
	return res.Levels
}

// completeActions offers the actions that the agent has, as a first argument.
func (p *program) completeActions(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	var out []cobra.Completion
	if len(args) == 0 {
		for _, l := range p.known(cmd.Context()) {
			out = append(out, string(l.Action))
		}
	}
	return slices.Compact(out), cobra.ShellCompDirectiveNoFileComp
}

// completePools offers, for --pool, the pools that the action at hand is for.
func (p *program) completePools(cmd *cobra.Command) {
	_ = cmd.RegisterFlagCompletionFunc("pool", func(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
		var out []cobra.Completion
		for _, l := range p.known(cmd.Context()) {
			if len(args) == 0 || l.Action == remedy.ActionName(args[0]) {
				out = append(out, string(l.Pool))
			}
		}
		slices.Sort(out)
		return slices.Compact(out), cobra.ShellCompDirectiveNoFileComp
	})
}
