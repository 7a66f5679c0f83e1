package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/web"
)

func (p *program) newStatsCommand() *cobra.Command {
	var since, by string
	cmd := &cobra.Command{
		Use: "stats", Short: "Count cases, outcomes and how long things took", GroupID: groupLook, Args: cobra.NoArgs,
		Example: `  warden stats --since 24h
  warden stats --since 30d --by detector`,
		Long: `Count the cases that were opened, what became of them, and how long it took from the
instant judged to the question or the start, from the question to the answer, and from
the start until it was seen to have taken: the median, the worst, and whose that was.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if since != "" {
				if _, err := config.ParseDuration(since); err != nil {
					return usage("--since: %w", err)
				}
			}
			if !slices.Contains(statsBy(), by) {
				return usage("--by %q: use one of %s", by, strings.Join(statsBy(), ", "))
			}
			return p.stats(cmd.Context(), since, by)
		},
	}
	cmd.Flags().StringVar(&since, "since", "", "only cases opened within this `TIME`, such as 24h or 30d")
	cmd.Flags().StringVar(&by, "by", "all", "one row a `WORD`: detector, action or pool")
	complete(cmd, "by", statsBy()...)
	return cmd
}

func statsBy() []string { return []string{"all", "detector", "action", "pool"} }

func (p *program) stats(ctx context.Context, since, by string) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	res, err := read(ctx, p, func(ctx context.Context) (*web.Stats, error) { return client.Stats(ctx, since, by) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return list(p.printer, res, res.Rows)
	}
	o := p.printer
	if len(res.Rows) == 0 {
		o.talk("No cases.")
		return nil
	}
	for i := range res.Rows {
		if i > 0 {
			o.line("")
		}
		o.statsRow(&res.Rows[i], res)
	}
	return nil
}

// statsRow shows one row as a block: it is read by people, and wide.
func (o *printer) statsRow(r *web.StatsRow, res *web.Stats) {
	name := r.Name
	switch {
	case res.By == "all":
		name = "all cases"
	case name == "":
		name = "by hand"
	}
	if !res.Since.IsZero() {
		name += " since " + o.stamp(res.Since)
	}
	o.line(o.paint(bold, chat.Clean(name)))
	rows := [][]cell{
		{c("opened"), c("%d, %d open, %d by hand", r.Opened, r.Open, r.ByHand)},
		{c("would have"), c("%d counted", r.WouldHave)},
		{c("asked"), c("%d, %d approved, %d denied", r.Asked, r.Approved, r.Denied)},
		{c("started"), c("%d, %d took, %d did not, %d undone; %d called off before", r.Started, r.Took, r.NotTaken, r.Undone, r.CalledOff)},
	}
	if r.NotTaken > 0 {
		rows[3][1] = rows[3][1].in(red)
	}
	var ended []string
	for _, name := range slices.Sorted(maps.Keys(r.Outcomes)) {
		ended = append(ended, fmt.Sprintf("%d %s", r.Outcomes[name], name))
	}
	rows = append(rows, []cell{c("closed"), orDash(strings.Join(ended, ", "))},
		[]cell{c("detect to decide"), took(r.Decide)}, []cell{c("ask to answer"), took(r.Answer)}, []cell{c("start to took"), took(r.Take)})
	o.table("  ", nil, rows)
}

// took says how long something took.
func took(d web.Duration) cell {
	if d.N == 0 {
		return c("-")
	}
	span := func(sec float64) string { return chat.Span(time.Duration(sec * float64(time.Second))) }
	return c("median %s, worst %s (%s), of %d", span(d.MedianSec), span(d.WorstSec), d.WorstCase, d.N)
}
