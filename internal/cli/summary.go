package cli

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/web"
)

func (p *program) newSummaryCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "summary", Short: "The morning summary: what it would say now, or one more of it", GroupID: groupTrust, Args: unknownCommand,
		Example: `  warden summary preview
  warden summary send --since 3d`,
		Long: `What warden did, wanted and waits for, as it is told every morning where people are told
([summary] of the config). Each covers all that came since the one before.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(p.newSummaryPreviewCommand(), p.newSummarySendCommand())
	return cmd
}

func (p *program) newSummaryPreviewCommand() *cobra.Command {
	var since string
	cmd := &cobra.Command{
		Use: "preview", Short: "Show what the morning summary would say now", Args: cobra.NoArgs,
		Example: `  warden summary preview
  warden summary preview --since 3d -o json`,
		Long: `Show what the morning summary would say if it were due now: what came since the last
one. Nothing is told to anybody.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := timeFlag(since); err != nil {
				return err
			}
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			s, err := read(cmd.Context(), p, func(ctx context.Context) (*web.Summary, error) { return client.PreviewSummary(ctx, since) })
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				return list(p.printer, s, s.Summary.Parts)
			}
			p.printer.summary(s)
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "what came within this `TIME`, such as 24h or 3d; without it since the last one")
	return cmd
}

// summary shows a summary as the console tells it.
func (o *printer) summary(s *web.Summary) {
	text := chat.MorningText(&s.Summary)
	o.line(say("%s", text.Headline))
	for _, l := range text.Lines {
		o.line(say("%s", l))
	}
	switch {
	case s.Due.IsZero():
		o.talk("None is told every morning: [summary] of the config has no enabled = true.")
	case s.Summary.Skip:
		o.talk("On a day like this nothing is told: quiet_line = false. The next one is due at %s.", o.stamp(s.Due))
	default:
		o.talk("The next one is due at %s.", o.stamp(s.Due))
	}
}

func (p *program) newSummarySendCommand() *cobra.Command {
	var q web.SummarySendRequest
	cmd := &cobra.Command{
		Use: "send", Short: "Have an extra summary told to everybody", Args: cobra.NoArgs,
		Example: `  warden summary send
  warden summary send --since 3d`,
		Long: `Have an extra summary told wherever people are told, in your name. It counts for no
day: the next morning's covers what it would have covered without.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := timeFlag(q.Since); err != nil {
				return err
			}
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			sent, err := write(cmd.Context(), p, "warden status", func(ctx context.Context) (*web.SummarySent, error) { return client.SendSummary(ctx, q) })
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				return p.printer.object(sent)
			}
			p.printer.line(say("On its way to %s.", strings.Join(sent.Surfaces, ", ")))
			return nil
		},
	}
	cmd.Flags().StringVar(&q.Since, "since", "", "what came within this `TIME`, such as 24h or 3d; without it since the last one")
	return cmd
}

// timeFlag checks --since.
func timeFlag(since string) error {
	if since == "" {
		return nil
	}
	if d, err := config.ParseDuration(since); err != nil {
		return usage("--since: %w", err)
	} else if d <= 0 {
		return usage("--since: use a time such as 24h or 3d")
	}
	return nil
}
