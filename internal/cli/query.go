package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newQueryCommand() *cobra.Command {
	var from asking
	var since, step string
	cmd := &cobra.Command{
		Use: "query SOURCE EXPRESSION", Short: "Ask a source through warden's own client", GroupID: groupAuthor, Args: cobra.ExactArgs(2),
		Example: `  warden query prometheus 'canary_received_total{job="ingest"}'
  warden query prometheus 'up{job="ingest"}' --since 1h --step 5m
  warden query graphite 'canary.received.*' --since 10m --config ./warden.toml`,
		Long: `Ask a source one question, with warden's own client, address and credentials, and show the
answer as it came: about one instant, or with --since about the time before it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := p.ask(cmd.Context(), from, remedy.SourceName(args[0]), args[1], since, step)
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				if err := list(p.printer, a, a.Series); err != nil {
					return err
				}
			} else if a.Failed == "" {
				p.showSeries(a)
			}
			if a.Failed != "" {
				return fail(ExitError, fmt.Errorf("%s", a.Failed))
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "from this long before, a `TIME` such as 1h")
	cmd.Flags().StringVar(&step, "step", "30s", "one value each `TIME` of it")
	from.flags(cmd)
	return cmd
}

func (p *program) ask(ctx context.Context, from asking, name remedy.SourceName, expr, since, step string) (*web.RawAnswer, error) {
	at, err := from.when(p)
	if err != nil {
		return nil, err
	}
	if from.config == "" {
		client, err := p.dial()
		if err != nil {
			return nil, err
		}
		defer client.Close()
		return read(ctx, p, func(ctx context.Context) (*web.RawAnswer, error) {
			return client.Query(ctx, name, expr, at, since, step)
		})
	}
	cfg, err := from.offline(p)
	if err != nil {
		return nil, err
	}
	if at.IsZero() {
		at = p.clock.Now()
	}
	return read(ctx, p, func(ctx context.Context) (*web.RawAnswer, error) {
		return web.AskSource(ctx, cfg, name, expr, at, since, step)
	})
}

// showSeries shows a series a line with its newest value, or with --since each
// point of it.
func (p *program) showSeries(a *web.RawAnswer) {
	o := p.printer
	if len(a.Series) == 0 {
		o.talk("No series: %s has nothing for this.", a.Source)
		return
	}
	var rows [][]cell
	for _, s := range a.Series {
		name := labels(s.Labels)
		if len(s.Points) == 0 {
			rows = append(rows, []cell{c("%s", name), c("-"), c("-")})
		}
		for i, point := range s.Points {
			if i > 0 {
				name = ""
			}
			value := point.Text
			if point.Value != nil {
				value = strconv.FormatFloat(*point.Value, 'g', -1, 64)
			}
			rows = append(rows, []cell{c("%s", name), c("%s", o.stamp(point.At)), c("%s", value)})
		}
	}
	o.table("", []string{"SERIES", "AT", "VALUE"}, rows)
}

// labels writes labels as PromQL does; a Graphite series has its name alone.
func labels(all map[string]string) string {
	name := all["__name__"]
	if name == "" && len(all) == 1 {
		name = all[""]
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(all)) {
		if key != "__name__" && key != "" {
			parts = append(parts, key+"="+strconv.Quote(all[key]))
		}
	}
	if len(parts) == 0 && name != "" {
		return name
	}
	return name + "{" + strings.Join(parts, ", ") + "}"
}
