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
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newApproveCommand() *cobra.Command {
	var q web.ApproveRequest
	var w waiting
	var seen string
	cmd := &cobra.Command{
		Use: "approve CASE", Short: "Say yes to a case's plan", GroupID: groupDecide, Args: cobra.ExactArgs(1),
		Example: `  warden approve W-1042
  warden approve W-1042 --plan-hash 9f31c2d0a4b8 --question 17 --wait`,
		Long: `Say yes to a case's plan. On a terminal the plan is shown first; elsewhere
--plan-hash says which plan is meant, and no other is approved. With --question a newer
question about the same plan isn't answered either, and what others say against it has to
have been seen, up to --seen. warden prints the command with all of them.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := caseArg(args[0])
			if err != nil {
				return err
			}
			if seen != "" {
				if q.Seen, err = time.Parse(time.RFC3339Nano, seen); err != nil || q.Question == 0 || q.PlanHash == "" {
					return usage("--seen is a time such as 2026-11-21T03:12:07.5Z, and goes with --plan-hash and --question: take the command that `%s` prints", showLook(id))
				}
			}
			return p.approve(cmd.Context(), id, q, w)
		},
	}
	cmd.Flags().StringVar(&q.PlanHash, "plan-hash", "", "the `HASH` of the plan that is meant, as warden show prints it")
	cmd.Flags().Uint64Var(&q.Question, "question", 0, "the `NUMBER` of the question that is meant, as warden show prints it")
	cmd.Flags().StringVar(&seen, "seen", "", "the `TIME` of the newest that others say against it which was read, as warden show prints it")
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why, a `TEXT` for the record")
	w.flags(cmd)
	return cmd
}

func (p *program) approve(ctx context.Context, id remedy.CaseID, q web.ApproveRequest, w waiting) error {
	if q.PlanHash == "" && !p.interactive() {
		return usage("without a terminal say which plan you mean: --plan-hash HASH, as `%s` prints it", showLook(id))
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	if q.PlanHash == "" {
		if err := p.readPlan(ctx, client, id, &q); err != nil {
			return err
		}
	}
	d, err := p.change(ctx, showLook(id), func(ctx context.Context) (*web.CaseDetail, error) { return client.Approve(ctx, id, q) })
	if err != nil {
		return err
	}
	if !p.printer.asJSON() {
		p.printer.line(approvedWords(d.Case, p.asOf(d.ServedAt)))
	}
	if d.Case.Answer != nil { // else somebody else has to say yes, too
		p.printer.talk("The opposite, once it is out: warden undo %s", id)
	}
	return p.finish(ctx, client, d, w, actEnding)
}

// readPlan shows a case's question to the person, and notes in q what it was if they
// agree. Only what was shown is approved: this plan, this question, and over no word of
// others that came since.
func (p *program) readPlan(ctx context.Context, client *web.Client, id remedy.CaseID, q *web.ApproveRequest) error {
	d, err := p.fetch(ctx, client, id)
	if err != nil {
		return err
	}
	k := d.Case
	switch {
	case k.Stage != remedy.StageWaiting || k.Ask == nil || k.Plan == nil || k.Answer != nil:
		q.PlanHash = notShown // the node says what holds now
		return nil
	case k.Plan.Hash() != k.Ask.PlanHash:
		return fail(ExitRefused, fmt.Errorf("the plan of %s is not the one that was asked about: look again in a moment", id))
	}
	shown := p.talker()
	shown.title(k)
	if k.Latest != nil {
		shown.line("  " + saw(k.Latest))
	}
	if d.Against != "" {
		shown.line("  " + chat.Clean(d.Against) + ": your yes counts all the same, so look first")
	}
	if d.Labels != nil {
		for _, s := range d.Labels.Statements {
			shown.line("    " + say("%s  %s", shown.stamp(s.At), statement(s)))
		}
	}
	shown.plan("  ", k.Plan, k.Ask.PlanHash)
	for _, w := range k.Ask.Changes {
		shown.line("  " + chat.Clean("since "+k.Ask.After.String()+" was asked: "+w))
	}
	if w := chat.Waits(k, p.asOf(d.ServedAt)); w != "" {
		shown.line("  " + w)
	}
	if err := p.confirm(ctx, "", "Approve this plan?"); err != nil {
		return err
	}
	q.PlanHash, q.Question, q.Seen = k.Ask.PlanHash, k.Question(), d.AgainstAt
	return nil
}

// notShown is no plan's hash: nothing was shown, so nothing is approved.
const notShown = "none"

// approvedWords says what follows from a yes.
func approvedWords(k *ledger.Case, now time.Time) string {
	switch {
	case k.Answer == nil && k.Ask != nil:
		return say("%s: %s approved, %s. Somebody else of %s has to say yes, too.", k.ID, k.Action, chat.Waits(k, now), strings.Join(k.AskedOf(), ", "))
	case k.Stage != remedy.StageWaiting:
		return say("%s is approved: %s %s in %s is %s.", k.ID, k.Action, k.Host, k.Pool, joined(", ", string(k.Stage), string(k.Outcome)))
	}
	return say("%s approved: %s %s in %s. It starts with the next round, if every guardrail still agrees.", k.ID, k.Action, k.Host, k.Pool)
}

// denials are the reasons for a denial.
func denials() []string { return []string{"false-alarm", "known-work", "not-now", "other"} }

func (p *program) newDenyCommand() *cobra.Command {
	var q web.DenyRequest
	cmd := &cobra.Command{
		Use: "deny CASE", Short: "Say no to a case's plan", GroupID: groupDecide, Args: cobra.ExactArgs(1),
		Example: `  warden deny W-1042
  warden deny W-1042 --reason known-work`,
		Long: `Say no to a case's plan. The reason becomes a label: false-alarm says that the detector
was wrong, known-work that it can't be told; not-now and other say nothing about it.
Where [approvals] ask_reason_on_deny is true, which is the default, it is asked for on a
terminal, and elsewhere --reason has to say it; where it is false nobody needs to say why.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := caseArg(args[0])
			if err != nil {
				return err
			}
			return p.deny(cmd.Context(), id, q)
		},
	}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "a `WORD`: "+strings.Join(denials(), ", "))
	complete(cmd, "reason", denials()...)
	return cmd
}

func (p *program) deny(ctx context.Context, id remedy.CaseID, q web.DenyRequest) error {
	if q.Reason != "" && !slices.Contains(denials(), q.Reason) {
		return usage("%q is no reason: say %s", q.Reason, strings.Join(denials(), ", "))
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	if q.Reason == "" {
		if q.Reason, err = p.whyNot(ctx, client); err != nil {
			return err
		}
	}
	d, err := p.change(ctx, showLook(id), func(ctx context.Context) (*web.CaseDetail, error) { return client.Deny(ctx, id, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(d)
	}
	why := ""
	if q.Reason != "" {
		why = " (" + q.Reason + ")"
	}
	p.printer.line(say("%s denied%s: %s stays in service. It is not asked again before the host was good, or the cooldown passed.", id, why, d.Case.Host))
	p.printer.talk("The opposite: warden run %s %s --pool %s --reason TEXT", d.Case.Action, d.Case.Host, d.Case.Pool)
	return nil
}

// whyNot is why a person says no, where the agent's config wants that to be
// asked; empty where it doesn't. An agent that doesn't say so wants it.
func (p *program) whyNot(ctx context.Context, client *web.Client) (string, error) {
	in, err := read(ctx, p, client.Config)
	if err != nil {
		return "", err
	}
	if slices.ContainsFunc(in.Settings, func(x config.Setting) bool {
		return x.Key == "approvals.ask_reason_on_deny" && x.Value == "false"
	}) {
		return "", nil
	}
	why := ""
	if p.interactive() {
		if why, err = p.choose(ctx, "Why?", denials()...); err != nil {
			return "", err
		}
	}
	if why == "" {
		return "", usage("say why with --reason: %s", strings.Join(denials(), ", "))
	}
	return why, nil
}

func (p *program) newResolveCommand() *cobra.Command {
	var q web.ResolveRequest
	cmd := &cobra.Command{
		Use: "resolve CASE --as out|in", Short: "Say where a host is of which nobody knows", GroupID: groupDecide, Args: cobra.ExactArgs(1),
		Example: `  warden resolve W-1042 --as out
  warden resolve W-1042 --as in --reason 'it serves: seen in the balancer'`,
		Long: `Say where the host is after an execution of which nobody knows whether it happened.
Look first: warden takes your word for it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := caseArg(args[0])
			if err != nil {
				return err
			}
			if q.As != "out" && q.As != "in" {
				return usage("say where the host is: --as out, or --as in")
			}
			return p.resolve(cmd.Context(), id, q)
		},
	}
	cmd.Flags().StringVar(&q.As, "as", "", "`WHERE` the host is: out (of service) or in")
	cmd.Flags().StringVar(&q.Reason, "reason", "", "how you know, a `TEXT` for the record")
	complete(cmd, "as", "out", "in")
	return cmd
}

func (p *program) resolve(ctx context.Context, id remedy.CaseID, q web.ResolveRequest) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	d, err := p.change(ctx, showLook(id), func(ctx context.Context) (*web.CaseDetail, error) { return client.Resolve(ctx, id, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(d)
	}
	k := d.Case
	if q.As == "out" {
		p.printer.line(say("%s resolved: %s is out of service because of it.", id, k.Host))
		p.printer.talk("The opposite: warden undo %s", id)
		return nil
	}
	p.printer.line(say("%s resolved: %s is in service, and the case is closed.", id, k.Host))
	p.printer.talk("The opposite: warden run %s %s --pool %s --reason TEXT", k.Action, k.Host, k.Pool)
	return nil
}
