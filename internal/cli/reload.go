package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newReloadCommand() *cobra.Command {
	var w waiting
	cmd := &cobra.Command{
		Use: "reload", Short: "Have the agent load its config file again, all of it or nothing", GroupID: groupAuthor, Args: cobra.NoArgs,
		Example: `  warden policy diff --config /etc/warden/warden.toml
  warden reload --wait`,
		Long: `Have the agent load its config file again, and say what that changed. A file with
errors is not loaded: they are shown, each with its line, and the old config stays.
With --wait, wait until every voter has committed this config.`,
		RunE: func(cmd *cobra.Command, _ []string) error { return p.reload(cmd.Context(), w) },
	}
	cmd.Flags().BoolVar(&w.wait, "wait", false, "wait until every voter has this config")
	cmd.Flags().DurationVar(&w.timeout, "wait-timeout", time.Minute, "give up waiting after this `TIME` and exit 6")
	return cmd
}

func (p *program) reload(ctx context.Context, w waiting) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	done, err := write(ctx, p, "warden policy diff", client.Reload)
	if a, ok := errors.AsType[*web.APIError](err); ok && a.Code == web.CodeConfig && len(a.Errors) > 0 {
		return p.notReloaded(a)
	}
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		if err := p.printer.object(done); err != nil {
			return err
		}
	} else {
		for _, warning := range done.Warnings {
			p.printer.talk("%s", warning)
		}
		for _, change := range done.Changes {
			p.printer.line(p.printer.paint(styleOfChange(change.Change), chat.Clean(joined("; ", change.Text, change.InForce))))
			if change.Verdict != "" {
				p.printer.line("  " + chat.Clean(change.Verdict))
			}
		}
		p.moves(done.Moves)
		p.printer.line(say("Reloaded on %s: %s.", done.Node, done.Verdict))
	}
	if !w.wait {
		return nil
	}
	return p.awaitConfig(ctx, client, done.Hash, w.timeout)
}

// notReloaded shows everything that is wrong with the file.
func (p *program) notReloaded(a *web.APIError) error {
	if p.printer.asJSON() {
		if err := p.printer.object(struct {
			Schema string            `json:"schema"`
			Errors []web.ProblemPart `json:"errors"`
		}{"warden.reload_refused/v1", a.Errors}); err != nil {
			return err
		}
	} else {
		for _, e := range a.Errors {
			p.printer.line(say("%s: %s", e.Where, joined(": ", e.Key, e.Message)))
		}
	}
	return fail(ExitError, errors.New("nothing was reloaded: the old config stays in force"))
}

// awaitConfig waits until every voter has committed the config.
func (p *program) awaitConfig(ctx context.Context, client *web.Client, hash string, within time.Duration) error {
	deadline := p.clock.Now().Add(within)
	for {
		st, err := read(ctx, p, client.Status)
		var missing []remedy.NodeID
		switch {
		case err == nil:
			if missing = behind(st, hash); len(missing) == 0 {
				p.printer.talk("Every voter has %s.", hash)
				return nil
			}
		case exitCode(ctx, err) != ExitUnreachable:
			return err
		}
		if !p.clock.Now().Before(deadline) {
			if err != nil {
				return err
			}
			return fail(ExitWaited, fmt.Errorf("%s don't have %s yet: look with `warden status`, and reload there", remedy.Listed(missing), hash))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.clock.After(pollEvery):
		}
	}
}

// behind lists the voters that have not committed the config.
func behind(st *web.Status, hash string) []remedy.NodeID {
	var out []remedy.NodeID
	for _, v := range st.Raft.Voters {
		if !slices.Contains(st.Nodes, web.NodeConfig{Node: v, ConfigHash: hash}) {
			out = append(out, v)
		}
	}
	return out
}
