package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newCancelCommand() *cobra.Command {
	var q web.CancelRequest
	w := waiting{wait: true}
	cmd := &cobra.Command{
		Use: "cancel CASE", Short: "Stop a case before anything is done", GroupID: groupDecide, Args: cobra.ExactArgs(1),
		Example: `  warden cancel W-1042
  warden cancel W-1042 --reason 'kernel upgrade, back in an hour'`,
		Long: `Stop a case. Anybody who reaches warden may: it only ever stops something.

A case that has not started is closed, and its host is not asked about again before it
was good or the cooldown passed. One that executes is called off if its effect has not
begun. What has begun is not killed half way: then this exits 7, and warden undo puts
the host back. A case that is out already is refused, exit 3, for the same reason.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			id, err := caseArg(args[0])
			if err != nil {
				return err
			}
			return p.cancel(cmd.Context(), id, q, w)
		},
	}
	f := cmd.Flags()
	f.StringVar(&q.Reason, "reason", "", "why, a `TEXT` for the record")
	f.BoolVar(&w.wait, "wait", true, "of a case that executes, wait to see whether it came in time")
	f.DurationVar(&w.timeout, "wait-timeout", 3*time.Minute, "give up waiting after this `TIME` and exit 6")
	return cmd
}

func (p *program) cancel(ctx context.Context, id remedy.CaseID, q web.CancelRequest, w waiting) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	d, err := p.change(ctx, showLook(id), func(ctx context.Context) (*web.CaseDetail, error) { return client.Cancel(ctx, id, q) })
	if err != nil {
		return err
	}
	k := d.Case
	if k.Stage == remedy.StageExecuting {
		p.printer.talk("%s is executing: it is called off if its effect has not begun.", id)
		return p.finish(ctx, client, d, w, cancelEnding)
	}
	if p.printer.asJSON() {
		return p.printer.object(d)
	}
	p.printer.line(say("%s cancelled: %s is left alone. It is not asked again before the host was good, or the cooldown passed.", id, k.Host))
	p.printer.talk("The opposite: warden run %s %s --pool %s --reason TEXT", k.Action, k.Host, k.Pool)
	return nil
}

// cancelEnding judges whether an execution that was to stop has stopped.
func cancelEnding(k *ledger.Case) (ending, bool) {
	on := fmt.Sprintf("%s: %s %s", k.ID, k.Action, k.Host)
	x := k.Execution()
	switch {
	case k.UnknownExecution():
		return ending{ExitLook, fmt.Sprintf("%s: nobody knows whether it happened: look where %s is, then `warden resolve %s --as out|in`", on, k.Host, k.ID)}, true
	case k.Stage == remedy.StageExecuting:
		return ending{}, false
	case x != nil && x.Outcome == remedy.OutcomeAborted && x.Kind == remedy.KindUndo:
		return ending{ExitOK, fmt.Sprintf("%s: putting it back was called off; it is still out.", on)}, true
	case x == nil || x.Outcome == remedy.OutcomeAborted:
		return ending{ExitOK, on + " was called off: nothing was done" + noted(k) + "."}, true
	case x.Kind == remedy.KindUndo:
		return ending{ExitLook, fmt.Sprintf("%s: too late, putting it back had begun and is %s: look at %s", on, x.Outcome, k.Host)}, true
	case !k.Open():
		return ending{ExitLook, fmt.Sprintf("%s: too late, it had begun, and the case is closed as %s: look at %s%s", on, k.Outcome, k.Host, noted(k))}, true
	}
	return ending{ExitLook, fmt.Sprintf("%s: too late, its effect had begun: put it back with `warden undo %s`", on, k.ID)}, true
}
