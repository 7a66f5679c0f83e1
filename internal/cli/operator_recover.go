package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"warden/internal/cluster"
	"warden/internal/remedy"
)

// recovery is what `operator recover` found, and did.
type recovery struct {
	Schema string         `json:"schema"`
	Store  cluster.Survey `json:"store"`
	// Did is planned, cancelled or nothing.
	Did string `json:"did"`
}

func (p *program) newOperatorRecoverCommand() *cobra.Command {
	var dir, confirm string
	var check, cancel bool
	cmd := &cobra.Command{
		Use: "recover", Short: "Go on from one node after the disks of most voters were lost", Args: cobra.NoArgs,
		Example: `  warden operator recover --check
  warden operator recover
  warden operator recover --cancel`,
		Long: `Go on from one node after the disks of most voters were lost for good. While a majority
can still be started, start it instead: nothing needs to be recovered.

Run it on a stopped node, as warden's user. It shows what is in the data directory, and
after the node's name was typed, asks the next start to make this node the only voter of
a new cluster that goes on from everything in its log. Warden is frozen then until a
person unfreezes. Of several nodes that are left, take the one with the highest term and
index: --check on each shows them, and changes nothing.

The files of the nodes that are lost count no longer. Which levels rise with the unfreeze
because of that is in the freeze's reason, and in a page.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return p.recover(cmd.Context(), dir, confirm, check, cancel)
		},
	}
	cmd.Flags().StringVar(&dir, "storage.path", "/var/lib/warden", "the `DIR` of the stopped node's data")
	cmd.Flags().BoolVar(&check, "check", false, "only show what is there")
	cmd.Flags().BoolVar(&cancel, "cancel", false, "take a recovery back that was not started yet")
	cmd.Flags().StringVar(&confirm, "confirm", "", "the node's `NAME`, instead of typing it")
	exclusive(cmd, "check", "cancel")
	return cmd
}

func (p *program) recover(ctx context.Context, dir, confirm string, check, cancel bool) (err error) {
	s, err := cluster.OpenStopped(dir)
	if errors.Is(err, cluster.ErrRunning) {
		return fail(ExitRefused, fmt.Errorf("%w: nothing was changed", err))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	found, err := s.Survey()
	if err != nil {
		return err
	}
	out := recovery{Schema: "warden.recovery/v1", Store: found, Did: "nothing"}
	if !p.printer.asJSON() {
		p.showSurvey(found)
	}
	switch {
	case check:
	case cancel && found.Planned == nil:
		return fail(ExitRefused, errors.New("no recovery waits for the next start: there is nothing to take back"))
	case cancel:
		if err := s.Cancel(); err != nil {
			return err
		}
		out.Did, out.Store.Planned = "cancelled", nil
		p.printer.talk("Taken back: the next start is as before.")
		p.printer.talk("The opposite: warden operator recover --storage.path %s", dir)
	default:
		if err := p.planRecovery(ctx, s, &out, confirm); err != nil {
			return err
		}
	}
	if p.printer.asJSON() {
		return p.printer.object(out)
	}
	return nil
}

func (p *program) showSurvey(s cluster.Survey) {
	ids := []string{}
	for _, v := range s.Voters {
		id := string(v)
		if v == s.ID {
			id += " (this one)"
		}
		ids = append(ids, id)
	}
	planned := "none"
	if s.Planned != nil {
		planned = fmt.Sprintf("by %s at %s: waits for the next start", s.Planned.By.Name, p.printer.stamp(s.Planned.At))
	}
	p.printer.table("", nil, [][]cell{
		{c("Node"), c("%s", s.ID)},
		{c("Data"), c("%s", s.Dir)},
		{c("Cluster"), orDash(s.ClusterID)},
		{c("Voters"), c("%s", joined(", ", ids...))},
		{c("Last entry"), c("%d of term %d", s.LastIndex, s.LastTerm)},
		{c("Snapshot"), c("%d", s.Snapshot)},
		{c("Newest term"), c("%d", s.Term)},
		{c("Recovery"), c("%s", planned)},
	})
}

// planRecovery asks what only a person can know, and writes the recovery down.
func (p *program) planRecovery(ctx context.Context, s *cluster.Stopped, out *recovery, confirm string) error {
	found := out.Store
	switch {
	case found.Planned != nil:
		return fail(ExitRefused, errors.New("a recovery waits for the next start already: start warden, or take it back with --cancel"))
	case len(found.Voters) == 1 && found.Voters[0] == found.ID:
		return fail(ExitRefused, fmt.Errorf("%s is the only voter already: start warden, there is nothing to recover", found.ID))
	}
	others := slices.DeleteFunc(slices.Clone(found.Voters), func(v remedy.NodeID) bool { return v == found.ID })
	var gone []string
	for _, v := range others {
		gone = append(gone, string(v))
	}
	list := strings.Join(gone, ", ")
	what := fmt.Sprintf(`
Before you go on:
  [x] warden is stopped here, and can't be started while you read this
  [ ] %s: most of them are lost for good; if not, start them instead
  [ ] none of them runs, or will ever be started with its old data: together they
      would still be a cluster that acts
  [ ] no other node that is left has a later entry than %d of term %d (--check there)
Then this node is the only voter of a new cluster, frozen, with all that is in its log.
The files of %s count no longer: a level that only they kept low
rises with the unfreeze. The freeze's reason, in warden status, names each.`, list, found.LastIndex, found.LastTerm, list)
	if err := p.named(ctx, confirm, found.Node, what); err != nil {
		return err
	}
	by, err := p.here()
	if err != nil {
		return err
	}
	r, err := s.Plan(by, p.clock.Now())
	if err != nil {
		return err
	}
	out.Did, out.Store.Planned = "planned", &r
	if !p.printer.asJSON() {
		p.printer.line(say("%s becomes the only voter of cluster %s at its next start.", found.ID, r.ClusterID))
	}
	p.printer.talk("Next, here:     systemctl start warden, then warden status")
	p.printer.talk("On the others:  move the data directory away, start warden; then here: warden operator raft join NAME")
	p.printer.talk("At the end:     compare what is out of service with warden status, read there which levels rise, and warden unfreeze")
	p.printer.talk("The opposite, before the start: warden operator recover --storage.path %s --cancel", found.Dir)
	return nil
}

// here is the person at this machine, as the system knows them; under sudo, who
// called it.
func (p *program) here() (remedy.Actor, error) {
	uid := os.Getuid()
	u, err := user.LookupId(strconv.Itoa(uid))
	if err != nil {
		return remedy.Actor{}, fmt.Errorf("find out who you are: %w", err)
	}
	by := remedy.Actor{Name: u.Username, UID: uint32(uid), Via: "cli", Person: true}
	if who, ok := p.env("SUDO_USER"); ok && who != "" {
		by.Name = who
	}
	return by, nil
}
