package cli

import (
	"context"
	"slices"

	"github.com/spf13/cobra"

	"warden/internal/config"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newCasesCommand() *cobra.Command {
	var q web.CaseQuery
	var pool, host, action, stage, since string
	var detailed bool
	cmd := &cobra.Command{
		Use: "cases", Short: "List cases, newest first", GroupID: groupLook, Args: cobra.NoArgs,
		Example: `  warden cases --open
  warden cases --pool web --since 24h
  warden cases --stage waiting -o jsonl`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if stage != "" && !slices.Contains(remedy.Stages(), remedy.Stage(stage)) {
				return usage("--stage %q: use one of %s", stage, remedy.Listed(remedy.Stages()))
			}
			if since != "" {
				if _, err := config.ParseDuration(since); err != nil {
					return usage("--since: %w", err)
				}
				q.Within = since
			}
			q.Pool, q.Host, q.Action, q.Stage = remedy.PoolName(pool), remedy.HostName(host), remedy.ActionName(action), remedy.Stage(stage)
			return p.cases(cmd.Context(), q, detailed)
		},
	}
	f := cmd.Flags()
	f.StringVar(&stage, "stage", "", "only cases in this `STAGE`")
	f.StringVar(&pool, "pool", "", "only cases of this `POOL`")
	f.StringVar(&action, "action", "", "only cases of this `ACTION`")
	f.StringVar(&host, "host", "", "only cases of this `HOST`")
	f.StringVar(&since, "since", "", "only cases that changed within this `TIME`, such as 24h or 7d")
	f.BoolVar(&q.Open, "open", false, "only cases that are not closed")
	f.IntVar(&q.Limit, "limit", 0, "at most `N`, the newest (default 100)")
	f.BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there are any")
	words := make([]string, 0, len(remedy.Stages()))
	for _, s := range remedy.Stages() {
		words = append(words, string(s))
	}
	complete(cmd, "stage", words...)
	return cmd
}

func (p *program) cases(ctx context.Context, q web.CaseQuery, detailed bool) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	res, err := read(ctx, p, func(ctx context.Context) (*web.Cases, error) { return client.Cases(ctx, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		err = list(p.printer, res, res.Cases)
	} else {
		p.showCases(res)
	}
	if err == nil && detailed && len(res.Cases) > 0 {
		return exit(ExitSomething)
	}
	return err
}

func (p *program) showCases(res *web.Cases) {
	if len(res.Cases) == 0 {
		p.printer.talk("No cases.")
		return
	}
	wide := p.printer.format == formatWide
	head := []string{"CASE", "STAGE", "OUTCOME", "ACTION", "HOST", "POOL", "VALUE", "OPENED", "SITUATION"}
	if wide {
		head = append(head[:8], "DETECTOR", "VERDICT", "LEVEL", "PLAN", "CHANGED", "SITUATION")
	}
	now := p.asOf(res.ServedAt)
	rows := make([][]cell, 0, len(res.Cases))
	for _, k := range res.Cases {
		row := []cell{
			c("%s", k.ID), c("%s", k.Stage).in(styleOf(k.Stage, k.Outcome)), orDash(k.Outcome), c("%s", k.Action),
			c("%s", k.Host), c("%s", k.Pool), c("%s", short(k.Value, k.Unit, k.Bad)), c("%s", ago(now, k.OpenedAt)),
		}
		if wide {
			row = append(row, orDash(k.Detector), orDash(joined(" ", k.Verdict, k.Reason)), orDash(k.Level), orDash(k.PlanHash),
				c("%s", p.printer.stamp(k.ChangedAt)))
		}
		rows = append(rows, append(row, c("%s", situation(k, now))))
	}
	p.printer.table("", head, rows)
	if res.More {
		p.printer.talk("There are more: narrow it down, or raise --limit.")
	}
}
