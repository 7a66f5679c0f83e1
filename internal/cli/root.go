// Package cli is warden's command line: the daemon's command, and the commands
// that people and scripts speak to a running warden with.
//
// Main takes everything a process has (arguments, environment, streams), so
// that tests run it in process. Data goes to standard output and talk to
// standard error; exit.go lists what the exit codes mean.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/failpoint"
	"warden/internal/web"
)

// Main runs one command line, without the program's name, and returns its exit
// code. env is usually os.LookupEnv. A cancelled ctx is an interrupt. Main
// asks questions only when in and stderr are terminals, and colours only when
// out is one.
func Main(ctx context.Context, args []string, env config.Env, in io.Reader, out, stderr io.Writer) int {
	if failpoint.Listed(out) {
		return ExitOK
	}
	p := &program{env: env, in: in, out: out, err: stderr, clock: clock.System(), local: time.Local}
	return p.run(ctx, args)
}

// program is one run of warden: what the process has, and the flags that every
// command knows.
type program struct {
	env      config.Env
	in       io.Reader
	out, err io.Writer
	clock    clock.Clock
	local    *time.Location // what times are shown in without --utc and --tz

	flags globals
	// printer is made from the flags before a command runs.
	printer *printer
	// client is what commands speak to warden with where that is this process; nil
	// for a connection.
	client *web.Client
	// leaderless says that it was said that nobody leads.
	leaderless bool
}

// globals are the flags that every command has.
type globals struct {
	url     string
	timeout time.Duration
	output  format
	json    bool
	quiet   bool
	noColor bool
	noInput bool
	yes     bool
	utc     bool
	zone    string
}

// The groups of commands in the help.
const (
	groupRun     = "run"
	groupLook    = "look"
	groupDecide  = "decide"
	groupTrust   = "trust"
	groupCluster = "cluster"
	groupAuthor  = "author"
)

// commands is the literal list of all commands, in the order of the help.
func (p *program) commands() []*cobra.Command {
	return []*cobra.Command{
		p.newAgentCommand(),
		p.newDemoCommand(),
		p.newDoctorCommand(),

		p.newStatusCommand(),
		p.newCasesCommand(),
		p.newShowCommand(),
		p.newExplainCommand(),
		p.newHostsCommand(),
		p.newStatsCommand(),
		p.newAuditCommand(),

		p.newApproveCommand(),
		p.newDenyCommand(),
		p.newSnoozeCommand(),
		p.newCancelCommand(),
		p.newUndoCommand(),
		p.newRunCommand(),
		p.newHoldCommand(),
		p.newReleaseCommand(),
		p.newFreezeCommand(),
		p.newUnfreezeCommand(),
		p.newBreakerCommand(),
		p.newResolveCommand(),
		p.newPoolCommand(),

		p.newTrustCommand(),
		p.newLabelCommand(),
		p.newSummaryCommand(),
		p.newPromoteCommand(),
		p.newDemoteCommand(),

		p.newOperatorCommand(),

		p.newPolicyCommand(),
		p.newReloadCommand(),
		p.newTestCommand(),
		p.newDetectorCommand(),
		p.newQueryCommand(),
		p.newChatCommand(),
		p.newConfigCommand(),
		p.newVersionCommand(),
		p.newCompletionCommand(),
	}
}

func (p *program) run(ctx context.Context, args []string) int {
	code, _ := p.attempt(ctx, args)
	return code
}

// attempt runs a command line, and says also what its exit code was made of.
func (p *program) attempt(ctx context.Context, args []string) (int, error) {
	root := p.newRootCommand()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take the process's
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	cmd, err := root.ExecuteContextC(ctx)
	code := exitCode(ctx, err)
	if err != nil {
		p.report(cmd, code, err)
	}
	return code, err
}

// report prints an error that a command ended with.
func (p *program) report(cmd *cobra.Command, code int, err error) {
	text := cleanLines(strings.TrimRight(plainError(err), "\n"))
	switch {
	case code == ExitInterrupted:
		fmt.Fprintln(p.err, "warden: interrupted")
	case text != "":
		fmt.Fprintln(p.err, "warden: "+text)
	}
	if a, ok := errors.AsType[*web.APIError](err); ok && a.Decision != nil {
		shown := p.talker()
		for _, x := range against(a.Decision) {
			shown.table("  ", nil, [][]cell{answer(x)})
		}
	}
	if _, usage := errors.AsType[*usageError](err); usage {
		fmt.Fprintf(p.err, "See `%s --help`.\n", cmd.CommandPath())
	}
}

// usageError is a command line that can't be understood.
type usageError struct{ err error }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

func usage(format string, args ...any) error { return &usageError{fmt.Errorf(format, args...)} }

func (p *program) newRootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "warden",
		Short: "Take bad hosts out of service, as far as you trust it to",
		Long: `warden watches pools of hosts, says which one is bad and why, and does as much
about it as its configuration allows: count, complain, ask, or act.

The commands speak to a running warden over its unix socket: $WARDEN_SOCKET, else
` + defaultSocket + `; or over HTTP with --url, where nothing can be changed.`,
		Example: `  warden demo
  warden config example --minimal > warden.toml
  warden config check warden.toml
  warden status`,
		SilenceErrors:     true,
		SilenceUsage:      true,
		CompletionOptions: cobra.CompletionOptions{DisableDefaultCmd: true},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return errors.Join(p.prepare(), clash(cmd)) },
		RunE:              func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
		Args:              unknownCommand,
	}
	root.SetFlagErrorFunc(badFlag)
	root.AddGroup(
		&cobra.Group{ID: groupRun, Title: "Run:"},
		&cobra.Group{ID: groupLook, Title: "Look:"},
		&cobra.Group{ID: groupDecide, Title: "Decide:"},
		&cobra.Group{ID: groupTrust, Title: "Trust:"},
		&cobra.Group{ID: groupCluster, Title: "Cluster:"},
		&cobra.Group{ID: groupAuthor, Title: "Configure, and the rest:"},
	)
	help := newHelpCommand()
	root.SetHelpCommand(help)

	f := root.PersistentFlags()
	f.SortFlags = false
	f.StringVar(&p.flags.url, "url", "", "the `ADDRESS` of warden: http://host:port, or the path of its socket (env WARDEN_URL, WARDEN_SOCKET)")
	f.DurationVar(&p.flags.timeout, "timeout", 10*time.Second, "how much `TIME` one answer may take")
	p.flags.output = formatTable
	f.VarP(&p.flags.output, "output", "o", "table, wide, json or jsonl")
	f.BoolVar(&p.flags.json, "json", false, "same as -o json")
	f.BoolVarP(&p.flags.quiet, "quiet", "q", false, "only data and errors, no talk")
	f.BoolVar(&p.flags.noColor, "no-color", false, "no colour (env NO_COLOR, WARDEN_NO_COLOR)")
	f.BoolVar(&p.flags.noInput, "no-input", false, "never ask")
	f.BoolVar(&p.flags.yes, "yes", false, "answer yes to what would be asked")
	f.BoolVar(&p.flags.utc, "utc", false, "show times in UTC")
	f.StringVar(&p.flags.zone, "tz", "", "show times in this `ZONE`, such as Europe/Dublin")
	exclusive(root, "utc", "tz")
	complete(root, "output", formats()...)

	all := p.commands()
	root.AddCommand(all...)
	prepareAll(root)
	perCommand := root.UsageFunc()
	root.SetUsageFunc(func(cmd *cobra.Command) error {
		if cmd.HasParent() {
			return perCommand(cmd)
		}
		return overview(cmd, append(all, help))
	})
	return root
}

// prepare turns the global flags into a printer.
func (p *program) prepare() error {
	zone := p.local
	switch {
	case p.flags.utc:
		zone = time.UTC
	case p.flags.zone != "":
		var err error
		if zone, err = time.LoadLocation(p.flags.zone); err != nil {
			return usage("--tz: %w: write it as Europe/Dublin, or use --utc", err)
		}
	}
	if p.flags.json {
		p.flags.output = formatJSON
	}
	p.printer = &printer{
		out: p.out, err: p.err, format: p.flags.output, quiet: p.flags.quiet,
		colour: p.colours(), zone: zone,
	}
	return nil
}

// talker prints data as talk: uncoloured, for people, on standard error.
func (p *program) talker() *printer {
	zone := p.local
	if p.printer != nil {
		zone = p.printer.zone
	}
	return &printer{out: p.err, err: p.err, format: formatTable, zone: zone}
}

// group makes a command that only holds others.
func group(use, short, groupID string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, GroupID: groupID, Args: unknownCommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return usage("%s is not a command by itself: add one of its own", cmd.CommandPath())
		},
	}
	cmd.AddCommand(subs...)
	return cmd
}

// unknownCommand refuses arguments of a command that only holds others, and
// says which of those was likely meant.
func unknownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	cmd.SuggestionsMinimumDistance = 2
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		return usage("unknown command %q for %q; did you mean %s?", args[0], cmd.CommandPath(), strings.Join(near, " or "))
	}
	return usage("unknown command %q for %q", args[0], cmd.CommandPath())
}

// prepareAll makes what the commands say of their arguments a matter of usage,
// and keeps their flags in the order in which they were written.
func prepareAll(cmd *cobra.Command) {
	cmd.Flags().SortFlags = false
	if check := cmd.Args; check != nil {
		cmd.Args = func(cmd *cobra.Command, args []string) error {
			err := check(cmd, args)
			if _, done := errors.AsType[*usageError](err); err == nil || done {
				return err
			}
			return badArgs(cmd, check, args)
		}
	}
	for _, sub := range cmd.Commands() {
		prepareAll(sub)
	}
}

// complete has the shell offer words for a flag. The flag was just defined, so
// that this can't fail.
func complete(cmd *cobra.Command, flag string, words ...string) {
	_ = cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(words, cobra.ShellCompDirectiveNoFileComp))
}
