package cli

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newPolicyWaiveCommand() *cobra.Command {
	var q web.WaiveRequest
	var confirmed string
	cmd := &cobra.Command{
		Use: "waive NODE", Short: "Let a dead node's file no longer hold levels down, until it reports again", Args: cobra.ExactArgs(1),
		Example: `  warden policy waive warden-3 --reason 'its disk is gone, a new one comes tomorrow'
  warden policy waive warden-3 --reason 'its disk is gone' --confirm warden-3`,
		Long: `Take a voter's word out of the lowest level, until that node reports again or
somebody unwaives it. What it last said of limits goes on counting, and a node that
is up ends the waiver by itself: edit its file instead. One voter's word is always
left. A node that will not come back is removed with warden operator raft remove-peer;
so is one that is being put back to an older warden, which could not read a waiver.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if q.Node = args[0]; q.Reason == "" {
				return usage("say why with --reason TEXT: people will ask")
			}
			return p.waive(cmd.Context(), q, confirmed)
		},
	}
	cmd.Flags().StringVar(&q.Reason, "reason", "", "why, a `TEXT` for the others (required)")
	cmd.Flags().StringVar(&confirmed, "confirm", "", "yes, waive this `NODE`")
	return cmd
}

func (p *program) waive(ctx context.Context, q web.WaiveRequest, confirmed string) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	before, err := read(ctx, p, client.Policy)
	if err != nil {
		return err
	}
	rises := risesWithout(before, q.Node)
	for _, line := range rises {
		p.printer.talk("! %s", line)
	}
	if len(rises) == 0 {
		p.printer.talk("As far as this node knows, no level goes higher by it.")
	}
	p.printer.talk("! Nobody asks %s whether it can read a waiver: what it last reported counts. If an older warden than that is put on it, it stops", q.Node)
	p.printer.talk("! at this entry for good: then take it out instead, with `warden operator raft remove-peer %s`.", q.Node)
	if err := p.severe(ctx, confirmed, q.Node, "%s would no longer hold any level down.", q.Node); err != nil {
		return err
	}
	after, err := write(ctx, p, "warden policy list", func(ctx context.Context) (*web.Policy, error) { return client.Waive(ctx, q) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return list(p.printer, after, after.Levels)
	}
	p.printer.line(say("%s counts no more for levels, until it reports again. Its limits still do.", q.Node))
	p.printer.talk("The opposite: warden policy unwaive %s", q.Node)
	return nil
}

// risesWithout words which levels would be higher if a node's word counted no
// more.
func risesWithout(policy *web.Policy, node string) []string {
	var out []string
	for _, l := range policy.Levels {
		level, left := remedy.LevelAuto, 0
		for _, n := range l.Nodes {
			if !n.Waived && !isNode(n.Node, node) {
				level = min(level, n.Level)
				left++
			}
		}
		if left > 0 && level > l.Effective {
			out = append(out, fmt.Sprintf("%s on %s would go from %s to %s", l.Action, l.Pool, l.Effective, level))
		}
	}
	return out
}

// isNode reports whether a word means a node: its id, or the name in front of
// what was minted.
func isNode(id remedy.NodeID, word string) bool {
	i := strings.LastIndexByte(string(id), '-')
	return string(id) == word || i > 0 && string(id[:i]) == word
}

// nameIn is the name in a node's id.
func nameIn(id remedy.NodeID) string {
	if i := strings.LastIndexByte(string(id), '-'); i > 0 {
		return string(id[:i])
	}
	return string(id)
}

func (p *program) newPolicyUnwaiveCommand() *cobra.Command {
	var confirmed string
	cmd := &cobra.Command{
		Use: "unwaive NODE", Short: "Have a waived node's file count again", Args: cobra.ExactArgs(1),
		Example: `  warden policy unwaive warden-3`,
		RunE: func(cmd *cobra.Command, args []string) error {
			ctx := cmd.Context()
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			if err := p.severe(ctx, confirmed, args[0], "What %s last said holds levels down again.", args[0]); err != nil {
				return err
			}
			after, err := write(ctx, p, "warden policy list", func(ctx context.Context) (*web.Policy, error) { return client.Unwaive(ctx, args[0]) })
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				return list(p.printer, after, after.Levels)
			}
			p.printer.line(say("%s counts for levels again.", args[0]))
			p.printer.talk("See: warden policy list")
			return nil
		},
	}
	cmd.Flags().StringVar(&confirmed, "confirm", "", "yes, unwaive this `NODE`")
	return cmd
}

// showWaivers says under the table whose word doesn't count, and why.
func (p *program) showWaivers(res *web.Policy) {
	for _, w := range res.Waivers {
		p.printer.line(say("%s doesn't count until it reports again: waived by %s at %s: %s", w.Node, w.By.Name, p.printer.stamp(w.Since), w.Reason))
	}
}
