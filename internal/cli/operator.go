package cli

import "github.com/spf13/cobra"

func (p *program) newOperatorCommand() *cobra.Command {
	return group("operator", "Look after warden itself: its nodes, their certificates, its ledger", groupCluster,
		p.newOperatorTLSCommand())
}
