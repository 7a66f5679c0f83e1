package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// byHand is what the flags of run say.
type byHand struct {
	plan    bool
	confirm string
	waiting
}

func (p *program) newRunCommand() *cobra.Command {
	var q web.RunRequest
	var h byHand
	var pool string
	cmd := &cobra.Command{
		Use: "run ACTION HOST", Short: "Run an action by hand, under the same guardrails", GroupID: groupDecide, Args: cobra.ExactArgs(2),
		Example: `  warden run drain web-3 --plan
  warden run drain web-3 --reason 'fan is loud' --wait`,
		Long: `Run an action on one host by hand: under the same floors and limits as warden's own,
recorded, verified, and to be undone like any other. What is shown is what is run.
An action with approvals = 2 becomes a question to the others: that it was asked is 0,
and with --wait the answer decides: 3 for a no, 6 when nobody answered in time.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Action, q.Host, q.Pool = remedy.ActionName(args[0]), remedy.HostName(args[1]), remedy.PoolName(pool)
			if q.Reason == "" && !h.plan {
				return usage("say why with --reason TEXT: people will ask")
			}
			return p.runByHand(cmd.Context(), q, h)
		},
	}
	f := cmd.Flags()
	f.StringVar(&pool, "pool", "", "the host's `POOL`, if several have it")
	f.StringVar(&q.Reason, "reason", "", "why, a `TEXT` for the record (required)")
	f.BoolVar(&h.plan, "plan", false, "only show what would be done, and what the guardrails say")
	f.StringSliceVar(&q.Acknowledge, "acknowledge", nil, "go on although this `GUARDRAIL` asks; it was shown to you")
	f.StringVar(&h.confirm, "confirm", "", "yes, run it on this `HOST`")
	h.flags(cmd)
	return cmd
}

func (p *program) runByHand(ctx context.Context, q web.RunRequest, h byHand) error {
	if h.confirm != "" && h.confirm != string(q.Host) {
		return usage("--confirm=%s, but the host is %s", h.confirm, q.Host)
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	preview, err := read(ctx, p, func(ctx context.Context) (*web.Preview, error) { return client.PreviewRun(ctx, q) })
	if err != nil {
		return err
	}
	if h.plan {
		return p.runPlan(q, preview)
	}
	if err := refusal(preview); err != nil {
		return err
	}
	if h.confirm == "" && !p.flags.yes {
		if p.interactive() {
			shown := p.talker()
			shown.preview(preview)
		}
		if err := p.confirm(ctx, "give --confirm="+string(q.Host)+", or --yes", "Run %s on %s?", q.Action, q.Host); err != nil {
			return err
		}
	}
	q.PlanHash = preview.PlanHash
	d, err := p.change(ctx, "warden cases --host "+string(q.Host), func(ctx context.Context) (*web.CaseDetail, error) { return client.Run(ctx, q) })
	if err != nil {
		return err
	}
	k := d.Case
	if k.Stage == remedy.StageWaiting && k.Ask != nil && k.Answer == nil {
		p.askedOthers(k)
		return p.finish(ctx, client, d, h.waiting, actEnding)
	}
	if !p.printer.asJSON() {
		p.printer.line(say("%s: running %s on %s in %s.", k.ID, k.Action, k.Host, k.Pool))
	}
	p.printer.talk("The opposite: warden undo %s", k.ID)
	return p.finish(ctx, client, d, h.waiting, actEnding)
}

// askedOthers says of a run that became a question what was asked, of whom,
// until when, and how they answer.
func (p *program) askedOthers(k *ledger.Case) {
	a := k.Ask
	if !p.printer.asJSON() {
		p.printer.line(say("%s: %s on %s in %s is not done yet: it needs %d different people, and you are one.", k.ID, k.Action, k.Host, k.Pool, a.NeededYes()+1))
		p.printer.line(say("Asked until %s: %s", p.printer.stamp(a.ExpiresAt), strings.Join(k.AskedOf(), ", ")))
	}
	p.printer.talk("They answer: %s    or: warden deny %s --reason not-now", k.YesCommand(time.Time{}), k.ID)
	p.printer.talk("It starts with the last yes. Take it back: warden cancel %s", k.ID)
}

func (p *program) runPlan(q web.RunRequest, preview *web.Preview) error {
	if p.printer.asJSON() {
		return p.printer.object(preview)
	}
	p.printer.line(p.printer.paint(bold, say("Run %s on %s in %s.", q.Action, q.Host, preview.Plan.Pool)))
	p.printer.preview(preview)
	if err := refusal(preview); err != nil {
		p.printer.talk("Nothing was done, and now it would be refused: %v", err)
		return nil
	}
	p.printer.talk("Nothing was done. To do it: warden run %s %s --reason TEXT", q.Action, q.Host)
	return nil
}

// refusal is what the guardrails say against a preview, or nil. The daemon
// decides once more when it is asked to run.
func refusal(v *web.Preview) error {
	if v.Allowed {
		return nil
	}
	var asks, blocks []string
	for _, a := range against(&v.Decision) {
		text := fmt.Sprintf("%s (%s)", a.Guardrail, chat.AnswerWords(a))
		if a.Effect == remedy.EffectAsk {
			asks = append(asks, text)
		} else {
			blocks = append(blocks, text)
		}
	}
	switch {
	case len(blocks) > 0:
		return fail(ExitRefused, fmt.Errorf("refused by %s; nothing was done", strings.Join(blocks, ", ")))
	case len(asks) > 0:
		names := slices.Clone(v.Decision.Asks)
		return fail(ExitRefused, fmt.Errorf("%s: if you have seen it, repeat the request with --acknowledge %s; nothing was done",
			strings.Join(asks, ", "), strings.Join(names, ",")))
	}
	return fail(ExitRefused, errors.New("refused, and no guardrail says why: look with --plan; nothing was done"))
}
