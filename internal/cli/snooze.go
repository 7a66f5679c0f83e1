package cli

import (
	"context"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newSnoozeCommand() *cobra.Command {
	var q web.SnoozeRequest
	cmd := &cobra.Command{
		Use: "snooze CASE TIME", Short: "Have a case ask, or announce, again later", GroupID: groupDecide, Args: cobra.ExactArgs(2),
		Example: `  warden snooze W-1042 30m
  warden snooze W-1042 2h --reason 'deploy until noon'`,
		Long: `Take a case's question, or what is announced about it, back for TIME. If the host is
still bad then it is asked, or announced, again; what is announced is done unless somebody
says no. Anybody who reaches warden may: it only delays. Nothing is done on the case
meanwhile, but what a person runs by hand. One that was approved is not put off any more.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := caseArg(args[0])
			if err != nil {
				return err
			}
			d, err := time.ParseDuration(args[1])
			if err != nil || d < time.Second {
				return usage("%q is no time to put it off for: write one such as 30m or 2h", args[1])
			}
			q.Seconds = int64(d / time.Second)
			return p.snooze(cmd.Context(), id, q)
		},
	}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why, a `TEXT` for the record")
	return cmd
}

func (p *program) snooze(ctx context.Context, id remedy.CaseID, q web.SnoozeRequest) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	d, err := p.change(ctx, showLook(id), func(ctx context.Context) (*web.CaseDetail, error) { return client.Snooze(ctx, id, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(d)
	}
	k := d.Case
	until, announced := "then", false
	if s := k.Snooze; s != nil {
		until, announced = p.printer.stamp(s.Until), s.Announced
	}
	p.printer.line(say("%s put off: nothing is done before %s. If %s is still bad then, %s.", id, until, k.Host, chat.AfterSnooze(announced)))
	p.printer.talk("Now after all: warden run %s %s --pool %s --reason TEXT", k.Action, k.Host, k.Pool)
	return nil
}
