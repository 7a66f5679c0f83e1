package cli

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/remedy"
	"warden/internal/web"
)

func (p *program) newOperatorRaftCommand() *cobra.Command {
	return group("raft", "Look at the members of the cluster, change them, save and restore the ledger", "",
		p.newListPeersCommand(), p.newJoinCommand(), p.newRemovePeerCommand(), p.newTransferLeaderCommand(),
		group("snapshot", "Save, restore and look into the ledger as a whole", "",
			p.newSnapshotSaveCommand(), p.newSnapshotRestoreCommand(), p.newSnapshotInspectCommand()))
}

func (p *program) newListPeersCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "list-peers", Short: "List the members of the cluster", Args: cobra.NoArgs,
		Example: `  warden operator raft list-peers
  warden operator raft list-peers --stale -o json`,
		Long: `List the members of the cluster as the node that is asked sees them: any node answers,
without a leader too, and then exits 5 unless --stale is given: who is a member is what that
node last heard. It asks each of them, so one that is down takes some seconds.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			peers, err := read(cmd.Context(), p, client.RaftPeers)
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				if err := list(p.printer, peers, peers.Peers); err != nil {
					return err
				}
			} else {
				p.showPeers(peers)
			}
			if peers.LeaderID == "" && !stale {
				return exit(ExitUnreachable)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "exit 0 without a leader too: this node's word is enough")
	return cmd
}

func (p *program) showPeers(all *web.RaftPeers) {
	var rows [][]cell
	for _, x := range all.Peers {
		trails := c("-")
		if x.State != "leader" && x.LastIndex > 0 {
			trails = c("%s", count64(x.TrailsLeaderBy, "entry", "entries"))
		}
		state := c("%s", x.State)
		if !x.Healthy {
			state = state.in(red)
		}
		rows = append(rows, []cell{
			c("%s", x.Node), c("%s", x.ID), orDash(x.Address), state, c("%t", x.Voter), c("%d", x.RaftVersion), number(x.CommitIndex), trails,
		})
	}
	p.printer.table("", []string{"NODE", "ID", "ADDRESS", "STATE", "VOTER", "RAFT", "COMMIT INDEX", "TRAILS LEADER BY"}, rows)
	p.unwell(all.Peers)
	if all.Why != "" {
		p.printer.talk("%s: %s", all.Node, all.Why)
	}
	switch {
	case all.LeaderID != "":
	case len(all.Peers) == 0:
		p.printer.talk("This node knows no members: ask one that is in the cluster.")
	default:
		p.printer.talk("No leader is known: nothing is done and nothing can be approved. If most voters' disks are lost for good: warden operator recover --help")
	}
}

// unwell says of every member that isn't well why.
func (p *program) unwell(peers []web.RaftPeer) {
	for _, x := range peers {
		if x.Why != "" {
			p.printer.talk("%s: %s", x.ID, x.Why)
		}
	}
}

func number(n uint64) cell {
	if n == 0 {
		return c("-")
	}
	return c("%d", n)
}

func count64(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

func (p *program) newJoinCommand() *cobra.Command {
	return &cobra.Command{
		Use: "join NAME", Short: "Make a node a voter", Args: cobra.ExactArgs(1),
		Example: `  warden operator raft join warden-3`,
		Long: `Make a node a voter. NAME stands in [cluster] peers on every node, and warden runs
there with an empty data directory, or with this cluster's. The node gets the whole log
first, as a non-voter, and then votes. Until its config is reported every level is
metric-only, which takes a few seconds.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.patient(cmd)
			return p.changed(cmd.Context(), func(ctx context.Context, client *web.Client) (*web.RaftChange, error) {
				return client.JoinPeer(ctx, args[0])
			}, func(done *web.RaftChange) {
				p.printer.line(say("%s is a voter now, as %s. %s", done.Peer, done.ID, voters(done)))
				p.printer.talk("The opposite: warden operator raft remove-peer %s", done.ID)
			})
		},
	}
}

// changed makes one change of the members and tells of it.
func (p *program) changed(ctx context.Context, do func(context.Context, *web.Client) (*web.RaftChange, error), tell func(*web.RaftChange)) error {
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	done, err := write(ctx, p, "warden operator raft list-peers", func(ctx context.Context) (*web.RaftChange, error) { return do(ctx, client) })
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(done)
	}
	tell(done)
	return nil
}

func voters(done *web.RaftChange) string {
	ids := make([]string, len(done.Voters))
	for i, v := range done.Voters {
		ids[i] = string(v)
	}
	return count(len(ids), "voter") + ": " + strings.Join(ids, ", ") + "."
}

// peers asks for the members, to say of one what is about to happen.
func (p *program) peers(ctx context.Context) (*web.RaftPeers, error) {
	client, err := p.dial()
	if err != nil {
		return nil, err
	}
	defer client.Close()
	return read(ctx, p, client.RaftPeers)
}

// pick finds the member that a word means: its id, its configured name, or the
// name in its id, which is what `policy waive` takes as well. The two names differ
// where a peer's name has dots.
func pick(all *web.RaftPeers, word string) (web.RaftPeer, error) {
	var found []web.RaftPeer
	for _, x := range all.Peers {
		if string(x.ID) == word {
			return x, nil
		}
		if strings.EqualFold(x.Node, word) || isNode(x.ID, word) {
			found = append(found, x)
		}
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return web.RaftPeer{}, fail(ExitNotFound, fmt.Errorf("no member is called %q: see `warden operator raft list-peers`", word))
	}
	return web.RaftPeer{}, usage("%d members are called %s: say which by its id, %s or %s", len(found), word, found[0].ID, found[1].ID)
}

// membersWithout counts raft's members without one.
func membersWithout(all *web.RaftPeers, id remedy.NodeID) int {
	n := 0
	for _, x := range all.Peers {
		if x.ID != id && x.State != web.PeerLedgerOnly {
			n++
		}
	}
	return n
}

func (p *program) newRemovePeerCommand() *cobra.Command {
	var confirm string
	cmd := &cobra.Command{
		Use: "remove-peer NAME|ID", Short: "Remove a node from the cluster for good", Args: cobra.ExactArgs(1),
		Example: `  warden operator raft remove-peer warden-3
  warden operator raft remove-peer warden-3-1f2e3d4c --confirm=warden-3`,
		Long: `Remove a node from the cluster: it votes no more, and its file no longer counts for
levels and limits. That may raise levels that its file, or its silence, kept low. A node
whose disk was lost is removed before the new one of that name joins. Refused where it
would leave no majority of healthy voters, and for the leader itself. One that list-peers
shows as "ledger only" is what a removal that was cut short has left: this ends it.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.patient(cmd)
			all, err := p.peers(cmd.Context())
			if err != nil {
				return err
			}
			x, err := pick(all, args[0])
			if err != nil {
				return err
			}
			what := fmt.Sprintf("%s (%s, %s) is removed from the cluster: %s remain.", x.ID, x.State, cmp.Or(x.Address, "no address"), count(membersWithout(all, x.ID), "member"))
			name := x.Node
			if args[0] != string(x.ID) && isNode(x.ID, args[0]) {
				name = args[0] // they know it by this one
			}
			if err := p.named(cmd.Context(), confirm, name, what); err != nil {
				return err
			}
			return p.changed(cmd.Context(), func(ctx context.Context, client *web.Client) (*web.RaftChange, error) {
				return client.RemovePeer(ctx, x.ID)
			}, func(done *web.RaftChange) {
				p.printer.line(say("Removed %s. %s", done.ID, voters(done)))
				p.printer.talk("Stop warden there if it still runs.")
				p.printer.talk("The opposite: move its data directory away, start it, and warden operator raft join %s", done.Peer)
			})
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the node's `NAME`, instead of typing it")
	return cmd
}

func (p *program) newTransferLeaderCommand() *cobra.Command {
	var confirm, to string
	cmd := &cobra.Command{
		Use: "transfer-leader", Short: "Have another node lead", Args: cobra.NoArgs,
		Example: `  warden operator raft transfer-leader
  warden operator raft transfer-leader --to warden-2 --confirm=warden-1`,
		Long: `Have another node lead. The leader starts nothing new, waits for what runs, hands over,
and its process ends with status 75, upon which systemd starts it again: a node that gave
its leadership away and stays up may hang for good. Where nothing starts it again, it
stays down. Refused while that would leave no majority of healthy voters.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			p.patient(cmd)
			all, err := p.peers(cmd.Context())
			if err != nil {
				return err
			}
			leader := ""
			for _, x := range all.Peers {
				if x.State == "leader" {
					leader = x.Node
				}
			}
			if leader == "" {
				return fail(ExitUnreachable, fmt.Errorf("no leader is known, so there is nothing to hand over: see `warden operator raft list-peers`"))
			}
			if err := p.named(cmd.Context(), confirm, leader, leader+" leads. It hands over, ends and is started again."); err != nil {
				return err
			}
			return p.changed(cmd.Context(), func(ctx context.Context, client *web.Client) (*web.RaftChange, error) {
				return client.TransferLeader(ctx, to)
			}, func(done *web.RaftChange) {
				p.printer.line(say("%s hands over, and starts again.", done.ID))
				next := to
				if next == "" {
					next = "NEW-LEADER"
				}
				p.printer.talk("See who leads: warden operator raft list-peers")
				p.printer.talk("The opposite: warden operator raft transfer-leader --to %s --confirm=%s", done.Peer, next)
			})
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the present leader's `NAME`, instead of typing it")
	cmd.Flags().StringVar(&to, "to", "", "the `NAME` or id of the voter that should lead; whoever is most up to date if left out")
	return cmd
}

func (p *program) newOperatorAutopilotCommand() *cobra.Command {
	var detailed bool
	state := &cobra.Command{
		Use: "state", Short: "Say how well the cluster would stand a loss", Args: cobra.NoArgs,
		Example: `  warden operator autopilot state
  warden operator autopilot state --detailed-exitcode`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			a, err := read(cmd.Context(), p, client.Autopilot)
			if err != nil {
				return err
			}
			if err := p.showAutopilot(a); err != nil {
				return err
			}
			if detailed && !a.Healthy {
				return exit(ExitSomething)
			}
			return nil
		},
	}
	state.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 unless it is healthy")
	return group("autopilot", "See how the cluster stands", "", state)
}

func (p *program) showAutopilot(a *web.Autopilot) error {
	if p.printer.asJSON() {
		return list(p.printer, a, a.Servers)
	}
	healthy := c("%t", a.Healthy)
	if !a.Healthy {
		healthy = healthy.in(red)
	}
	p.printer.table("", nil, [][]cell{
		{c("Healthy"), healthy},
		{c("Failure Tolerance"), c("%d", a.FailureTolerance)},
		{c("Leader"), orDash(a.LeaderID)},
		{c("Voters"), c("%d", len(a.Voters))},
	})
	p.printer.line("Servers")
	var rows [][]cell
	for _, x := range a.Servers {
		well := c("healthy")
		if !x.Healthy {
			well = c("failed").in(red)
		}
		rows = append(rows, []cell{c("%s", x.Node), c("%s", x.ID), orDash(x.Address), c("%s", x.State), well, number(x.LastIndex)})
	}
	p.printer.table("  ", []string{"NAME", "ID", "ADDRESS", "STATUS", "HEALTH", "LAST INDEX"}, rows)
	p.unwell(a.Servers)
	return nil
}
