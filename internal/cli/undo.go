package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/remedy"
	"warden/internal/web"
)

// undoing is what the flags of undo say.
type undoing struct {
	host, pool string
	last       bool
	plan       bool
	reason     string
	confirm    string
	waiting
}

func (p *program) newUndoCommand() *cobra.Command {
	var u undoing
	cmd := &cobra.Command{
		Use: "undo CASE | --host HOST | --last", Short: "Put a host back that warden took out", GroupID: groupDecide, Args: cobra.MaximumNArgs(1),
		Example: `  warden undo W-1042 --plan
  warden undo W-1042 --reason fixed --wait
  warden undo --host web-3 --reason was-fine --confirm=web-3`,
		Long: `Put a host back that warden took out, by the inverse of what was done, and verify it.
The reason is a word on the detector: fixed says it was right, was-fine that it was
wrong, test says nothing. Without one the host is held for the cooldown.

A host that may still be bad needs a yes: on a terminal it is asked for, elsewhere
give --confirm=HOST or --yes.`,
		RunE: func(cmd *cobra.Command, args []string) error { return p.undo(cmd.Context(), args, u) },
	}
	f := cmd.Flags()
	f.StringVar(&u.host, "host", "", "the case because of which this `HOST` is out")
	f.StringVar(&u.pool, "pool", "", "the `POOL` of --host, if several have it")
	f.BoolVar(&u.last, "last", false, "the case that took a host out last")
	f.BoolVar(&u.plan, "plan", false, "only show what would be done")
	f.StringVar(&u.reason, "reason", "", "a `WORD`: fixed, was-fine or test")
	f.StringVar(&u.confirm, "confirm", "", "yes, put this `HOST` back even if it may be bad")
	u.flags(cmd)
	exclusive(cmd, "host", "last")
	complete(cmd, "reason", undoReasons()...)
	return cmd
}

func undoReasons() []string {
	return []string{string(remedy.UndoFixed), string(remedy.UndoWasFine), string(remedy.UndoTest)}
}

func (p *program) undo(ctx context.Context, args []string, u undoing) error {
	if (len(args) > 0) == (u.host != "" || u.last) {
		return usage("say which one: a case, --host HOST, or --last")
	}
	reason, err := remedy.ParseUndoReason(u.reason)
	if err != nil {
		return &usageError{err}
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	id, err := p.undoCase(ctx, client, args, u)
	if err != nil {
		return err
	}
	preview, err := read(ctx, p, func(ctx context.Context) (*web.Preview, error) { return client.PreviewUndo(ctx, id) })
	if err != nil {
		return err
	}
	host := preview.Plan.Host
	if u.plan {
		return p.undoPlan(id, preview)
	}
	if err := p.agreeToUndo(ctx, id, preview, u.confirm); err != nil {
		return err
	}
	if reason == "" && p.interactive() && !p.flags.yes {
		word, err := p.choose(ctx, "Why? Nothing: hold it for the cooldown", undoReasons()...)
		if err != nil {
			return err
		}
		reason = remedy.UndoReason(word)
	}
	d, err := p.change(ctx, showLook(id), func(ctx context.Context) (*web.CaseDetail, error) {
		return client.Undo(ctx, id, web.UndoRequest{Reason: reason})
	})
	if err != nil {
		return err
	}
	k := d.Case
	if !p.printer.asJSON() {
		p.printer.line(say("%s: putting %s back in %s.", id, host, k.Pool))
	}
	if reason == "" {
		p.printer.talk("No reason was given: %s is held for the cooldown.", host)
	}
	p.printer.talk("The opposite: warden run %s %s --pool %s --reason TEXT", k.Action, host, k.Pool)
	return p.finish(ctx, client, d, u.waiting, undoEnding)
}

// undoCase finds the case that is meant.
func (p *program) undoCase(ctx context.Context, client *web.Client, args []string, u undoing) (remedy.CaseID, error) {
	if len(args) > 0 {
		return caseArg(args[0])
	}
	// A case that is out or verifying can be undone; nothing else matches.
	var found []web.CaseSummary
	for _, stage := range []remedy.Stage{remedy.StageOut, remedy.StageVerifying} {
		q := web.CaseQuery{Host: remedy.HostName(u.host), Pool: remedy.PoolName(u.pool), Stage: stage, Open: true, Limit: 1000}
		res, err := read(ctx, p, func(ctx context.Context) (*web.Cases, error) { return client.Cases(ctx, q) })
		if err != nil {
			return 0, err
		}
		found = append(found, res.Cases...)
	}
	switch {
	case len(found) == 0 && u.last:
		return 0, fail(ExitNotFound, fmt.Errorf("no host is out because of warden: there is nothing to undo"))
	case len(found) == 0:
		return 0, fail(ExitNotFound, fmt.Errorf("%s is not out because of warden: see `warden hosts --out`", u.host))
	case u.last:
		newest := found[0]
		for _, k := range found[1:] {
			if k.OutSince.After(newest.OutSince) {
				newest = k
			}
		}
		return newest.ID, nil
	case len(found) > 1:
		ids := make([]string, 0, len(found))
		for _, k := range found {
			ids = append(ids, fmt.Sprintf("%s (%s in %s)", k.ID, k.Action, k.Pool))
		}
		return 0, usage("%s is out because of several cases: name one of %s", u.host, strings.Join(ids, ", "))
	}
	return found[0].ID, nil
}

func (p *program) undoPlan(id remedy.CaseID, preview *web.Preview) error {
	if p.printer.asJSON() {
		return p.printer.object(preview)
	}
	host := preview.Plan.Host
	p.printer.line(p.printer.paint(bold, say("Undo %s: put %s back in %s.", id, host, preview.Plan.Pool)))
	p.printer.preview(preview)
	if !preview.Allowed {
		p.printer.talk("Nothing was done, and now it would be refused.")
		return nil
	}
	p.printer.talk("Nothing was done. To do it: warden undo %s --confirm=%s", id, host)
	return nil
}

// agreeToUndo gets a person's yes to putting a host back that may be bad.
func (p *program) agreeToUndo(ctx context.Context, id remedy.CaseID, preview *web.Preview, confirmed string) error {
	host := string(preview.Plan.Host)
	switch {
	case confirmed != "" && confirmed != host:
		return usage("--confirm=%s, but %s is about %s: look with `warden undo %s --plan`", confirmed, id, host, id)
	case confirmed != "" || len(preview.Warnings) == 0:
		return nil
	}
	for _, w := range preview.Warnings {
		p.printer.talk("! %s", w)
	}
	return p.confirm(ctx, "give --confirm="+host+", or --yes", "Put %s back?", host)
}
