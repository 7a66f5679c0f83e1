package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/config"
	"warden/internal/remedy"
	"warden/internal/trust"
	"warden/internal/web"
)

func (p *program) newTrustCommand() *cobra.Command {
	var q web.TrustQuery
	var pool string
	cmd := &cobra.Command{
		Use: "trust [ACTION]", Short: "Show how right warden has been, and what a rung still takes", GroupID: groupTrust, Args: cobra.MaximumNArgs(1),
		Example: `  warden trust
  warden trust drain --pool web
  warden trust drain --since 30d -o json`,
		Long: `Show how right warden has been, for every action in every pool; of one action, all of the
evidence: the wrong cases by name and what setting would have kept each away, what to
label next, and every check of the gate for the next rung.

Evidence is counted in episodes: cases of one pool close together are one. "At least" is
the lower end of the 95% interval. --since changes what is shown; a gate is always judged
by the window of [policy], and by the whole record.`,
		ValidArgsFunction: p.completeActions,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 1 {
				q.Action = remedy.ActionName(args[0])
			}
			q.Pool = remedy.PoolName(pool)
			if q.Within != "" {
				if d, err := config.ParseDuration(q.Within); err != nil || d == 0 {
					return usage("--since %q is not how long: write it as 12h or 90d", q.Within)
				}
			}
			return p.trust(cmd.Context(), q)
		},
	}
	f := cmd.Flags()
	f.StringVar(&pool, "pool", "", "only this `POOL`")
	f.StringVar(&q.Within, "since", "", "count numbers over this `TIME`, such as 30d; default: [policy] evidence_window")
	p.completePools(cmd)
	return p.withReport(cmd)
}

func (p *program) trust(ctx context.Context, q web.TrustQuery) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	res, err := p.evidence(ctx, client, q)
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return list(p.printer, res, res.Rows)
	}
	switch {
	case len(res.Rows) == 0:
		p.printer.talk("No action is meant for any pool.")
	case q.Action == "":
		p.printer.trustTable(res)
		p.printer.talk("All of one: warden trust ACTION [--pool POOL]")
	default:
		for i := range res.Rows {
			if i > 0 {
				p.printer.line("")
			}
			p.printer.trustReport(&res.Rows[i])
		}
	}
	return nil
}

// evidence asks for the evidence, and for some of it where an action or a pool is
// named.
func (p *program) evidence(ctx context.Context, client *web.Client, q web.TrustQuery) (*web.Trust, error) {
	res, err := read(ctx, p, func(ctx context.Context) (*web.Trust, error) { return client.Trust(ctx, q) })
	if err != nil {
		return nil, err
	}
	if len(res.Rows) == 0 && (q.Action != "" || q.Pool != "") {
		what := joined(" on ", string(q.Action), string(q.Pool))
		return nil, fail(ExitNotFound, fmt.Errorf("there is no %s: see `warden policy list`", what))
	}
	return res, nil
}

// trustTable is a line for every detector of every action in every pool.
func (o *printer) trustTable(res *web.Trust) {
	head := []string{"ACTION", "POOL", "N", "RIGHT", "WRONG", "UNCLEAR", "UNLABELLED", "COVERAGE", "PRECISION", "AT LEAST", "WORKED", "LIVE", "LEVEL", "NEXT", "VERDICT"}
	wide := o.format == formatWide
	if wide {
		head = append(head, "DETECTOR", "SINCE")
	}
	rows := make([][]cell, 0, len(res.Rows))
	for i := range res.Rows {
		r := &res.Rows[i]
		next, verdict := nextCells(r)
		w := r.Weakest(r.Next)
		if w == nil {
			w = &trust.DetectorAssessment{LiveDays: remedy.Unknown[int]("no detector proposes it")}
		}
		n := w.Window
		least := "-"
		if n.Labelled() > 0 {
			least = percent(n.Low)
		}
		row := []cell{
			c("%s", r.Action), c("%s", r.Pool), c("%d", n.Episodes), c("%d", n.Right), c("%d", n.Wrong), c("%d", n.Unclear), c("%d", n.Unlabelled),
			c(percentOf(n.Coverage)), c(percentOf(n.Precision)), c(least), worked(r.Runs), c(days(w.LiveDays)), levelCell(r), next, verdict,
		}
		if wide {
			row = append(row, orDash(w.Detector), c("%s", o.date(w.Since)))
		}
		rows = append(rows, row)
	}
	o.table("", head, rows)
}

// levelCell is the level in force, marked where that is less than asked for.
func levelCell(r *web.TrustRow) cell {
	x := c("%s", r.Effective)
	if r.Effective < r.Reported {
		return x.in(yellow)
	}
	return x
}

// nextCells are the next rung and what stands against it, in a few words.
func nextCells(r *web.TrustRow) (next, verdict cell) {
	next = cell{text: "-"}
	if r.Next != nil {
		next = c("%s", r.Next.To)
	}
	switch {
	case r.Demotion != nil:
		verdict = c("demoted to %s: needs a review", r.Demotion.To).in(yellow)
	case r.Effective < r.Reported:
		// What counts is the level that it is held from, and not the one above it.
		next = c("%s", r.Reported)
		verdict = c("held at %s: %s", r.Effective, heldFor(r)).in(yellow)
	case r.Stance == trust.StanceDont:
		verdict = c("don't").in(red)
	case r.Next == nil && r.Stance == trust.StanceLower:
		verdict = c("its gate no longer holds").in(red)
	case r.Next == nil:
		verdict = c("its gate holds").in(green)
	case r.Next.Met:
		verdict = c("gate met").in(green)
	default:
		verdict = c("not yet: %s", strings.Join(failedKeys(r.Next), ", "))
	}
	return next, verdict
}

// heldFor is in a few words what a level waits for that its gate holds down.
func heldFor(r *web.TrustRow) string {
	v := r.Rung(r.Reported)
	switch {
	case r.Grant != nil && !r.Grant.Judged:
		return "its verdict is awaited"
	case v == nil || v.Met:
		return "gate met, needs a review"
	}
	return "not yet: " + strings.Join(failedKeys(v), ", ")
}

// failedKeys are the checks that a verdict fails, each once.
func failedKeys(v *trust.Verdict) []string {
	var out []string
	seen := map[string]bool{}
	for _, x := range v.Failed() {
		key, _, _ := strings.Cut(x.Key, ".")
		if !seen[key] {
			seen[key] = true
			out = append(out, key)
		}
	}
	return out
}

// worked is how reliable an action is.
func worked(r trust.Reliability) cell {
	if r.Good+r.Bad == 0 {
		return cell{text: "-"}
	}
	return c("%d of %d", r.Good, r.Good+r.Bad)
}

func days(d remedy.Fact[int]) string {
	n, ok := d.Get()
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%dd", n)
}

func percentOf(f remedy.Fact[float64]) string {
	v, ok := f.Get()
	if !ok {
		return "-"
	}
	return percent(v)
}

// percent is a share with one decimal where it has one.
func percent(share float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", share*100), ".0") + "%"
}
