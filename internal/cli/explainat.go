package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// explainTimeout is how long an explanation from history may take unless
// --timeout says otherwise: sources are asked for hours at once.
const explainTimeout = 45 * time.Second

func (p *program) newExplainCommand() *cobra.Command {
	var host, pool, at, around string
	cmd := &cobra.Command{
		Use: "explain CASE | --host HOST --at TIME", Short: "Explain a case, or why nothing was done: why, and why not", GroupID: groupLook, Args: cobra.MaximumNArgs(1),
		Example: `  warden explain W-1042
  warden explain --host ingest-22 --at 02:40
  warden explain --host ingest-22 --at '2026-11-20 02:40' --around 2h --tz Europe/Dublin`,
		Long: `Explain a case: what was seen, what would be done, and what every guardrail said.

With --host and --at, explain what was made of a host at an instant. If it had a case
then, its record is shown as it was. If not, the history that the sources keep is judged
again with today's config, and the answer says how close it came. TIME is 02:40, which is
the last such instant, 2026-11-20 02:40, or RFC 3339; in the zone of --tz, --utc or yours.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && host == "" && at == "":
				return p.lookAt(cmd.Context(), args[0], p.explainCase)
			case len(args) == 1 || host == "" || at == "":
				return usage("say which one: a case, or --host HOST and --at TIME")
			}
			if _, err := config.ParseDuration(around); err != nil {
				return usage("--around: %w", err)
			}
			when, err := parseAt(at, p.clock.Now(), p.printer.zone)
			if err != nil {
				return &usageError{err}
			}
			if !cmd.Flags().Changed("timeout") {
				p.flags.timeout = explainTimeout
			}
			return p.explainAt(cmd.Context(), remedy.HostName(host), remedy.PoolName(pool), when, around)
		},
	}
	f := cmd.Flags()
	f.StringVar(&host, "host", "", "explain this `HOST`")
	f.StringVar(&at, "at", "", "at this `TIME`: 02:40, '2026-11-20 02:40' or RFC 3339")
	f.StringVar(&pool, "pool", "", "the `POOL` of --host, if several have it")
	f.StringVar(&around, "around", "30m", "how far before and after it to look, a `TIME` of at most 6h")
	return cmd
}

// parseAt reads an instant as people type it. A time of day is the last such
// instant before now.
func parseAt(text string, now time.Time, zone *time.Location) (time.Time, error) {
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02 15:04", "2006-01-02T15:04:05", "2006-01-02T15:04"} {
		if t, err := time.ParseInLocation(layout, text, zone); err == nil {
			return t, nil
		}
	}
	for _, layout := range []string{"15:04:05", "15:04"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		today := now.In(zone)
		on := func(days int) time.Time {
			return time.Date(today.Year(), today.Month(), today.Day()+days, t.Hour(), t.Minute(), t.Second(), 0, zone)
		}
		if last := on(0); !last.After(now) {
			return last, nil
		}
		return on(-1), nil
	}
	return time.Time{}, fmt.Errorf("--at %q is not a time: write 02:40, '2026-11-20 02:40' or 2026-11-20T02:40:00Z", text)
}

func (p *program) explainAt(ctx context.Context, host remedy.HostName, pool remedy.PoolName, at time.Time, around string) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	x, err := read(ctx, p, func(ctx context.Context) (*web.Explanation, error) {
		return client.Explain(ctx, host, pool, at, around)
	})
	if err != nil {
		return err
	}
	o := p.printer
	if o.asJSON() {
		return o.object(x)
	}
	for _, c := range x.Cases {
		o.caseAsOf(c, x.At)
	}
	if len(x.Cases) > 0 {
		return nil
	}
	title := say("Nothing was proposed for %s at %s.", x.Host, o.moment(x.At, x.ServedAt))
	if x.Forgotten {
		title = say("Whether anything was proposed for %s at %s nobody knows any more: cases that old have been forgotten.", x.Host, o.moment(x.At, x.ServedAt))
	}
	o.line(o.paint(bold, title))
	if len(x.Nearby) > 0 {
		ids := make([]string, len(x.Nearby))
		for i, id := range x.Nearby {
			ids[i] = id.String()
		}
		o.line(say("  Near it there was %s: warden explain %s", strings.Join(ids, ", "), ids[0]))
	}
	for i := range x.Recomputed {
		o.recomputed(&x.Recomputed[i], x)
	}
	if len(x.Recomputed) == 0 {
		o.line(say("  No detector judges pool %s.", x.Pool))
		return nil
	}
	o.line(say("  Recomputed from history with today's config, %s to %s. Nobody knows any more:", o.clockTime(x.From), o.clockTime(x.To)))
	for _, u := range x.Unknowable {
		o.line(say("    - %s", u))
	}
	return nil
}

// moment is a time of day, with its date where that is not today.
func (o *printer) moment(t, now time.Time) string {
	if t.In(o.zone).Format(time.DateOnly) == now.In(o.zone).Format(time.DateOnly) {
		return t.In(o.zone).Format("15:04")
	}
	return t.In(o.zone).Format("2006-01-02 15:04")
}

// caseAsOf shows a case's record as it was at an instant: what the case holds
// is of now, what happened when is in its timeline.
func (o *printer) caseAsOf(c *ledger.Case, at time.Time) {
	then := *c
	i := slices.IndexFunc(c.Events, func(e ledger.Event) bool { return e.At.After(at) })
	if i >= 0 {
		then.Events = c.Events[:i]
	}
	o.line(o.paint(bold, say("%s  %s %s", c.ID, c.Action, c.Host)) + say(" (pool %s), as of %s", c.Pool, o.stamp(at)))
	if n := len(then.Events); n > 0 {
		o.line(say("It stood at: %s.", then.Events[n-1].What))
	}
	if c.Opened != nil && !c.Opened.At.After(at) {
		o.line(say("  saw   %s; judged %s", saw(c.Opened), o.stamp(c.Opened.At)))
	}
	o.timeline(&then)
	if c.Decision != nil && i < 0 {
		o.line("")
		o.answers("  ", c.Decision)
	} else if i >= 0 {
		o.line(say("  It went on after that: warden explain %s", c.ID))
	}
}

// recomputed says what one detector makes of the history.
func (o *printer) recomputed(r *engine.Recomputed, x *web.Explanation) {
	o.line("")
	head := say("  %s, which proposes %s: ", r.Detector, r.Proposes)
	for _, why := range r.Failed {
		o.line(say("  ! the source did not answer: %s", why))
	}
	known := r.Good + r.Bad + r.Between
	switch {
	case r.Instants == 0:
		o.line(head + "there is nothing to judge in that span.")
		return
	case r.Closest == nil && known == 0 && r.Out == r.Instants:
		o.line(head + "warden had it out throughout, and a host that is out is not judged.")
		return
	case r.Closest == nil && known == 0:
		text := head + "unknown throughout" + because(r) + "."
		if len(r.Failed) == 0 {
			text += " The source's history may not reach back that far."
		}
		o.line(text)
		return
	case r.Closest == nil:
		o.line(head + "it was never past the threshold.")
		if f := r.Worst; f != nil {
			o.line(say("  Nearest to it, at %s: %s", o.clockTime(f.At), chat.FindingShort(*f)))
		}
	default:
		o.closest(head, r, x)
	}
	if r.Unknown > 0 {
		o.line(say("  Of %s %d could not be judged%s.", count(r.Instants, "instant"), r.Unknown, because(r)))
	}
}

// because says why instants were unknown, the most frequent reason first.
func because(r *engine.Recomputed) string {
	words := make([]string, 0, len(r.Reasons))
	for word := range r.Reasons {
		words = append(words, word)
	}
	slices.SortFunc(words, func(a, b string) int {
		if d := r.Reasons[b] - r.Reasons[a]; d != 0 {
			return d
		}
		return strings.Compare(a, b)
	})
	for i, word := range words {
		words[i] = chat.ReasonWords(word)
	}
	if len(words) == 0 {
		return ""
	}
	return " (" + strings.Join(words, "; ") + ")"
}

// closest says how close it came, and what that would have been.
func (o *printer) closest(head string, r *engine.Recomputed, x *web.Explanation) {
	c := r.Closest
	lasted := c.To.Sub(c.From)
	span := o.clockTime(c.From)
	if lasted > 0 {
		span += "-" + o.clockTime(c.To)
	}
	limit := c.Worst
	limit.Value = remedy.Known(limit.Bad)
	worst := say("%s (bad %s %s)", chat.FindingShort(c.Worst), c.Worst.Direction, chat.FindingShort(limit))
	if c.Proposed {
		o.line(head + "with today's config it would have been proposed.")
		o.line(say("  %s  %s for %s; %s is enough.", span, worst, chat.Span(lasted), chat.Span(c.Worst.For)))
	} else {
		o.line(head + "closest it came:")
		o.line(say("  %s  %s for %s. Needed %s.", span, worst, chat.Span(lasted), chat.Span(c.Worst.For)))
	}
	switch {
	case !c.RecoveredAt.IsZero():
		o.line(say("  No longer past it at %s, and warden had done nothing.", o.clockTime(c.RecoveredAt)))
	case c.To.Before(x.To):
		o.line("  What came right after it is not known.")
	}
	var blockers []string
	for _, g := range r.Guardrails {
		if g.Answer == "block" {
			blockers = append(blockers, g.Guardrail)
		}
	}
	stopped := ""
	if len(blockers) > 0 {
		stopped = ", and blocked by " + strings.Join(blockers, ", ")
	}
	switch {
	case c.Proposed && stopped != "":
		o.line(say("  It would have been proposed%s.", stopped))
	case !c.Proposed && lasted > 0:
		o.line(say("  With `for = \"%s\"` this would have been a %s%s.", chat.Span(lasted), r.Proposes, stopped))
	}
	var rows [][]cell
	for _, g := range r.Guardrails {
		mark := map[string]cell{"allow": fact("ok", green), "block": fact("NO", red), "cap": fact("less", yellow), "unknown": fact("?", yellow)}[g.Answer]
		rows = append(rows, []cell{mark, fact(g.Guardrail, plain), fact(g.Observed, plain), orDash(g.Limit)})
	}
	o.table("    ", nil, rows)
}

func fact(text string, s style) cell { return c("%s", text).in(s) }
