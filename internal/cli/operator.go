package cli

import (
	"context"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

func (p *program) newOperatorCommand() *cobra.Command {
	return group("operator", "Look after warden itself: its nodes, their certificates, its ledger", groupCluster,
		p.newOperatorRaftCommand(), p.newOperatorAutopilotCommand(), p.newOperatorRecoverCommand(), p.newOperatorTLSCommand())
}

// named asks for a name to be typed, for what can't be taken back easily. given
// is what --confirm said. --yes is not enough: a name shows that the right thing
// is meant.
func (p *program) named(ctx context.Context, given, name, consequence string) error {
	switch {
	case given == name:
		return nil
	case given != "":
		return usage("--confirm=%s is not %s: nothing was done", given, name)
	case !p.interactive():
		return usage("%s To go on, repeat it with --confirm=%s", consequence, name)
	}
	answer, err := p.question(ctx, "%s\nType %s to go on:", consequence, name)
	if err != nil {
		return err
	}
	if strings.TrimSpace(answer) != name {
		p.printer.talk("Nothing was done.")
		return exit(ExitRefused)
	}
	return nil
}

// slow is how long an answer may take that waits for other nodes.
const slow = 110 * time.Second

// patient gives a command that waits for other nodes more time than one that only
// looks, unless the person said how much.
func (p *program) patient(cmd *cobra.Command) {
	if !cmd.Flags().Changed("timeout") {
		p.flags.timeout = slow
	}
}
