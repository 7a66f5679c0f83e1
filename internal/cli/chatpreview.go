package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/chat/slack"
)

// previewed is the result of `chat preview`.
type previewed struct {
	Schema   string          `json:"schema"`
	File     string          `json:"file"`
	Messages []slack.Preview `json:"messages"`
}

func (p *program) newChatPreviewCommand() *cobra.Command {
	var path string
	cmd := &cobra.Command{
		Use: "preview [KIND]...", Short: "Show what the messages in Slack look like", ValidArgs: slack.Kinds(),
		Example: `  warden chat preview
  warden chat preview question complaint --config warden.toml
  warden chat preview question -o json`,
		Long: `Show every message that people see in Slack, on samples, with the tone, the time zone and
the channels of a config file: the line of the lock screen with its length, the text and the
buttons. With -o json it is Block Kit, as it would be sent; each message's blocks can be
pasted into Slack's Block Kit Builder. It asks nobody and sends nothing, and needs neither
a running warden nor Slack. Whom a question calls by name is not shown. Exits 1 if a
message is longer than Slack or a lock screen takes.`,
		RunE: func(_ *cobra.Command, args []string) error {
			file, _, err := p.loadConfig(path)
			if err != nil {
				return err
			}
			set := slackSettings(file, p.env)
			set.Templates, _ = slackTemplates(file) // what is wrong with them was an error already
			all, err := slack.Previews(set, args...)
			if err != nil {
				return usage("%w", err)
			}
			return p.showPreviews(path, all)
		},
	}
	cmd.Flags().StringVar(&path, "config", defaultConfig, "take the settings of this `FILE`")
	return cmd
}

func (p *program) showPreviews(path string, all []slack.Preview) error {
	bad := 0
	for _, m := range all {
		if len(m.Problems) > 0 {
			bad++
		}
	}
	if p.printer.asJSON() {
		if err := list(p.printer, previewed{Schema: "warden.chat_preview/v1", File: path, Messages: all}, all); err != nil {
			return err
		}
	} else {
		for i, m := range all {
			p.printer.previewMessage(i > 0, m)
		}
	}
	if bad > 0 {
		return fmt.Errorf("%s longer than can be shown: what is said above says by how much", plural(bad, "message"))
	}
	return nil
}

// previewMessage shows one message as a phone does.
func (o *printer) previewMessage(next bool, m slack.Preview) {
	if next {
		o.line("")
	}
	to := m.Channel
	if to == "" {
		to = "no channel is set"
	}
	text, n := m.LockScreen()
	o.line(say("%s, to %s", m.Kind, to))
	o.line(say("  lock screen (%d of %d): %s", n, chat.MaxHeadline, text))
	for _, l := range m.Lines() {
		o.line(say("  | %s", l))
	}
	for _, b := range m.Problems {
		o.line(say("  TOO LONG: %s", b))
	}
}
