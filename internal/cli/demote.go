package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/config"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newDemoteCommand() *cobra.Command {
	var q web.DemoteRequest
	var pool, to, file string
	cmd := &cobra.Command{
		Use: "demote ACTION --to LEVEL", Short: "Take a level away at once, until somebody reviews it", GroupID: groupTrust, Args: cobra.ExactArgs(1),
		Example: `  warden demote drain --pool web --to confirm --reason 'two healthy hosts drained'
  warden demote restart --to metric-only --reason 'a coin toss'`,
		Long: `Take a level away from an action at once, on all nodes: in one pool, or in all where it is
higher. Anybody may. It holds, whatever the files say, until an approver of the action
lifts it with warden promote ACTION --review. The patch that is printed makes the file
say the same, for whoever reads it next.`,
		ValidArgsFunction: p.completeActions,
		RunE: func(cmd *cobra.Command, args []string) error {
			q.Action, q.Pool = remedy.ActionName(args[0]), remedy.PoolName(pool)
			if err := q.To.UnmarshalText([]byte(to)); err != nil || q.To <= remedy.LevelBlocked || q.To >= remedy.LevelAuto {
				return usage("--to %q is no level to go down to: use metric-only, notify or confirm", to)
			}
			if q.Reason == "" {
				return usage("say why with --reason TEXT: people will ask")
			}
			return p.demote(cmd.Context(), q, file)
		},
	}
	f := cmd.Flags()
	f.StringVar(&pool, "pool", "", "only in this `POOL`")
	f.StringVar(&to, "to", "", "the highest `LEVEL` that is left (required): metric-only, notify or confirm")
	f.StringVar(&q.Reason, "reason", "", "why, a `TEXT` for the record (required)")
	f.StringVar(&file, "config", defaultConfig, "the `FILE` that the patch is for")
	complete(cmd, "to", "metric-only", "notify", "confirm")
	p.completePools(cmd)
	return cmd
}

func (p *program) demote(ctx context.Context, q web.DemoteRequest, file string) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	pools := []remedy.PoolName{q.Pool}
	if q.Pool == "" {
		res, err := p.evidence(ctx, client, web.TrustQuery{Action: q.Action})
		if err != nil {
			return err
		}
		pools = nil
		for _, r := range res.Rows {
			if r.Effective > q.To {
				pools = append(pools, r.Pool)
			}
		}
		if len(pools) == 0 {
			return fail(ExitRefused, fmt.Errorf("%s is at %s or lower everywhere: there is nothing to take; see `warden policy list`", q.Action, q.To))
		}
	}
	var res *web.Trust
	for i, pool := range pools {
		one := q
		one.Pool = pool
		if res, err = write(ctx, p, "warden policy list", func(ctx context.Context) (*web.Trust, error) { return client.Demote(ctx, one) }); err != nil {
			if i > 0 {
				p.printer.talk("Done on %s only.", remedy.Listed(pools[:i]))
			}
			return err
		}
		if !p.printer.asJSON() {
			p.printer.line(say("%s on %s is at %s now, until somebody reviews it: %s", q.Action, pool, levelOf(res, q.Action, pool, q.To), q.Reason))
		}
	}
	if p.printer.asJSON() {
		return list(p.printer, res, res.Rows)
	}
	p.agreeing(q, pools, file)
	p.printer.talk("The opposite: warden promote %s --pool %s --review --reason TEXT", q.Action, pools[0])
	return nil
}

// levelOf is what is in force by an answer.
func levelOf(res *web.Trust, action remedy.ActionName, pool remedy.PoolName, otherwise remedy.Level) remedy.Level {
	i := slices.IndexFunc(res.Rows, func(r web.TrustRow) bool { return r.Action == action && r.Pool == pool })
	if i < 0 {
		return otherwise
	}
	return res.Rows[i].Effective
}

// agreeing prints the patch with which the file says what is in force. Nothing
// depends on it: what can't be read or edited is said and left.
func (p *program) agreeing(q web.DemoteRequest, pools []remedy.PoolName, file string) {
	text, err := config.ReadText(file)
	if err != nil {
		p.printer.talk("The file still says more, which counts for nothing meanwhile. With --config FILE the edit is shown.")
		return
	}
	before := text
	for _, pool := range pools {
		cfg, _ := config.Parse(file, text, parseOptions())
		if cfg == nil || cfg.Level(q.Action, pool) <= q.To {
			continue
		}
		at := pool
		if a := cfg.Actions[q.Action]; q.Pool == "" && a.PoolPolicy[pool] == remedy.LevelBlocked {
			at = "" // its level is `policy`, and so is that of all others that follow it
		}
		e, err := config.EditLevel(file, text, parseOptions(), q.Action, at, q.To)
		if err != nil {
			p.printer.talk("The file can't be edited to say the same: %v", err)
			return
		}
		text = e.After
	}
	name, err := pathInRepository(file)
	if err != nil || slices.Equal(before, text) {
		return
	}
	patch := config.LevelEdit{Before: before, After: text}.Diff("a/"+name, "b/"+name)
	p.printer.talk("To have %s say the same:", file)
	_ = p.printPatch(strings.TrimSuffix(patch, "\n") + "\n") // what is printed was done already
}
