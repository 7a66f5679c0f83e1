package cli

import (
	"github.com/spf13/cobra"
)

func (p *program) newCompletionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "completion bash|zsh|fish", Short: "Print the completion script for a shell", GroupID: groupAuthor,
		Long: `Print the completion script for a shell. Put where the shell looks for it, it is
loaded by every new shell.`,
		Example: `  warden completion bash > /etc/bash_completion.d/warden
  warden completion zsh > "${fpath[1]}/_warden"
  warden completion fish > ~/.config/fish/completions/warden.fish`,
		Args:      cobra.MatchAll(cobra.ExactArgs(1), cobra.OnlyValidArgs),
		ValidArgs: []cobra.Completion{"bash", "zsh", "fish"},
		RunE: func(cmd *cobra.Command, args []string) error {
			root := cmd.Root()
			switch args[0] {
			case "bash":
				return root.GenBashCompletionV2(p.out, true)
			case "zsh":
				return root.GenZshCompletion(p.out)
			default:
				return root.GenFishCompletion(p.out, true)
			}
		},
	}
}
