package cli

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/chat/slack"
)

func (p *program) newChatCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "chat", Short: "Set up chat", GroupID: groupAuthor, Args: cobra.NoArgs,
		Example: `  warden chat manifest > warden-app.json
  warden chat preview question`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.newChatManifestCommand(), p.newChatPreviewCommand())
	return cmd
}

func (p *program) newChatManifestCommand() *cobra.Command {
	var name, base string
	cmd := &cobra.Command{
		Use: "manifest", Short: "Print the manifest of the Slack app that warden needs", Args: cobra.NoArgs,
		Example: `  warden chat manifest
  warden chat manifest --base-url https://warden.example.net`,
		Long: `Print the manifest of the Slack app that warden needs, as JSON: at https://api.slack.com/apps,
"Create New App", "From a manifest". Then install it, invite it to the channels, and put its bot
token (xoxb-) and, for a socket, an app-level token (xapp-) with connections:write into files
for [chat.slack].`,
		RunE: func(*cobra.Command, []string) error {
			if u, err := url.Parse(base); base != "" && (err != nil || u.Scheme != "https" || u.Host == "") {
				return usage("--base-url %q is no https address: give the one at which Slack reaches warden", base)
			}
			out, err := json.MarshalIndent(slack.Manifest(name, strings.TrimSuffix(base, "/")), "", "  ")
			if err != nil {
				return fmt.Errorf("write the manifest: %w", err)
			}
			p.printer.line(string(out))
			return nil
		},
	}
	cmd.Flags().StringVar(&name, "name", "warden", "call the app NAME")
	cmd.Flags().StringVar(&base, "base-url", "", "for mode http: the `URL` at which Slack reaches this warden")
	return cmd
}
