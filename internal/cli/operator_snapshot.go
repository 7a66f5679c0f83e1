package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/web"
)

// snapshotFile is a saved ledger, as the snapshot commands show it.
type snapshotFile struct {
	Schema string `json:"schema"`
	File   string `json:"file"`
	ledger.Contents
}

const schemaSnapshot = "warden.snapshot/v1"

func (p *program) newSnapshotSaveCommand() *cobra.Command {
	var stale bool
	cmd := &cobra.Command{
		Use: "save FILE", Short: "Save the whole ledger into a file", Args: cobra.ExactArgs(1),
		Example: `  warden operator raft snapshot save /var/backups/warden.snap
  warden operator raft snapshot save here.snap --stale`,
		Long: `Save the whole ledger into a file that doesn't exist yet: cases, restraints, levels,
counters, everything that warden remembers. The leader gives it, as of this moment, and the
file is read back and its checksum checked before it gets its name. With --stale the node
that is asked gives what it has, without a leader too.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.patient(cmd)
			client, err := p.dial()
			if err != nil {
				return err
			}
			defer client.Close()
			data, err := read(cmd.Context(), p, func(ctx context.Context) ([]byte, error) { return client.SaveSnapshot(ctx, stale) })
			if err != nil {
				return err
			}
			found, err := ledger.Inspect(bytes.NewReader(data))
			if err != nil {
				return fmt.Errorf("what arrived can't be restored, so it was not saved: %w", err)
			}
			if err := createFile(args[0], data, 0o600); errors.Is(err, fs.ErrExist) {
				return fail(ExitRefused, fmt.Errorf("%s exists, and is never written over: name another file", args[0]))
			} else if err != nil {
				return fmt.Errorf("save the snapshot: %w", err)
			}
			if p.printer.asJSON() {
				return p.printer.object(snapshotFile{Schema: schemaSnapshot, File: args[0], Contents: found})
			}
			p.printer.line(say("Saved %s: entry %d of term %d, %s, %d bytes, checked.", args[0], found.Index, found.Term, countCases(found), found.Bytes))
			p.printer.talk("To look into it: warden operator raft snapshot inspect %s", args[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&stale, "stale", false, "take what the node that is asked has, without a leader too")
	return cmd
}

func countCases(c ledger.Contents) string {
	for _, k := range c.Records {
		if k.Kind == "case" {
			return count(k.Count, "case")
		}
	}
	return "no cases"
}

// inspect reads and checks a saved ledger.
func inspect(path string) ([]byte, snapshotFile, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, snapshotFile{}, fmt.Errorf("read the snapshot: %w", err)
	}
	found, err := ledger.Inspect(bytes.NewReader(data))
	if err != nil {
		return nil, snapshotFile{}, fmt.Errorf("%s: %w", path, err)
	}
	return data, snapshotFile{Schema: schemaSnapshot, File: path, Contents: found}, nil
}

func (p *program) newSnapshotInspectCommand() *cobra.Command {
	return &cobra.Command{
		Use: "inspect FILE", Short: "Check a saved ledger and say what is in it", Args: cobra.ExactArgs(1),
		Example: `  warden operator raft snapshot inspect warden.snap`,
		Long:    `Check a saved ledger and say what is in it. No warden need run.`,
		RunE: func(_ *cobra.Command, args []string) error {
			_, s, err := inspect(args[0])
			if err != nil {
				return err
			}
			if p.printer.asJSON() {
				return p.printer.object(s)
			}
			p.showSnapshot(s)
			return nil
		},
	}
}

func (p *program) showSnapshot(s snapshotFile) {
	frozen := "no"
	if s.Freeze != nil {
		frozen = s.Freeze.Reason
	}
	var ids []string
	for _, v := range s.Voters {
		ids = append(ids, string(v))
	}
	rows := [][]cell{
		{c("Cluster"), orDash(s.ClusterID)},
		{c("Index"), c("%d", s.Index)},
		{c("Term"), c("%d", s.Term)},
		{c("Time"), c("%s", p.printer.stamp(s.Time))},
		{c("Voters"), c("%s", joined(", ", ids...))},
		{c("Open cases"), c("%d", s.OpenCases)},
		{c("Frozen"), c("%s", frozen)},
		{c("Size"), c("%d", s.Bytes)},
		{c("SHA-256"), c("%s", s.SHA256)},
	}
	p.printer.table("", nil, rows)
	rows = nil
	for _, k := range s.Records {
		rows = append(rows, []cell{c("%s", k.Kind), c("%d", k.Count), c("%d", k.Bytes)})
	}
	p.printer.line("")
	p.printer.table("", []string{"TYPE", "COUNT", "SIZE"}, rows)
}

func (p *program) newSnapshotRestoreCommand() *cobra.Command {
	var confirm, force string
	cmd := &cobra.Command{
		Use: "restore FILE", Short: "Replace the whole ledger by a saved one, and freeze", Args: cobra.ExactArgs(1),
		Example: `  warden freeze --reason 'restoring last night'
  warden operator raft snapshot restore warden.snap
  warden operator raft snapshot restore warden.snap --force-cluster=1f2e3d4c5b6a7988 --confirm=prod`,
		Long: `Replace the whole ledger, on every node, by a saved one. What was done since is then not
known to warden: hosts that it took out later are out without a case. So warden must be
frozen, with nothing running, and stays frozen afterwards until a person has compared and
unfreezes. Levels, limits, holds and counters stay as they are now, and no case number is
given out twice. The leader's process ends and starts again.

A snapshot of another cluster, such as one that was lost, needs --force-cluster with the
id that inspect shows.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			p.patient(cmd)
			return p.restore(cmd.Context(), args[0], force, confirm)
		},
	}
	cmd.Flags().StringVar(&confirm, "confirm", "", "the cluster's `NAME`, instead of typing it")
	cmd.Flags().StringVar(&force, "force-cluster", "", "the `ID` of the cluster that the snapshot is of, if it is another")
	return cmd
}

func (p *program) restore(ctx context.Context, path, force, confirm string) error {
	data, s, err := inspect(path)
	if err != nil {
		return err
	}
	client, err := p.dial()
	if err != nil {
		return err
	}
	defer client.Close()
	st, err := read(ctx, p, client.Status)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("The ledger of %s, at entry %d, becomes that of %s: entry %d of %s.", st.Cluster, st.Raft.CommitIndex, path, s.Index, p.printer.stamp(s.Time))
	if age := st.Now.Sub(s.Time); age > 0 {
		what += fmt.Sprintf(" %s of memory are lost.", chat.Span(age))
	}
	if err := p.named(ctx, confirm, st.Cluster, what); err != nil {
		return err
	}
	done, err := write(ctx, p, "warden status", func(ctx context.Context) (*web.RestoreReport, error) {
		return client.RestoreSnapshot(ctx, data, force)
	})
	if err != nil {
		return err
	}
	if p.printer.asJSON() {
		return p.printer.object(done)
	}
	p.printer.line(say("Restored entry %d of %s. Frozen until a person unfreezes.", done.From.Index, p.printer.stamp(done.From.Time)))
	if len(done.From.Executing) > 0 {
		ids := slices.Clone(done.From.Executing)
		p.printer.talk("%s in it were executing then: warden looks after what became of them, and asks where it can't tell.", count(len(ids), "case"))
	}
	p.printer.talk("The leader starts again. Compare what is out of service with `warden status` and `warden hosts --out`, then: warden unfreeze")
	p.printer.talk("The opposite: there is none, but for a snapshot that was saved before")
	return nil
}
