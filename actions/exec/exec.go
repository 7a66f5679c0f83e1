// Package exec acts on a host by running a command of the team's own: one argv
// to do it, one to undo it, and others to plan, observe and verify. How commands
// are run, and what they are given, is in internal/command.
//
// A command's word is not believed: exit 0 says that it ran. What is so, only
// observe says, or verify. See DESIGN.md.
package exec

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"warden/actions"
	"warden/internal/clock"
	"warden/internal/command"
	"warden/internal/remedy"
)

// Kind is the action's type as the config spells it.
const Kind = "exec"

// The limits of what a command may say.
const (
	maxPrior = 1 << 10 // bytes of a prior value
	maxAll   = 4 << 20 // bytes of what observe_all prints
	maxLines = 50      // of a plan
)

// parallel is how many observe commands run side by side.
const parallel = 4

// Options configures an Action. Name, Run and the durations are required; a nil
// argv is a command that there is not.
type Options struct {
	Name remedy.ActionName
	// Plan says what Run would do, read-only; its lines become the plan.
	Plan []string
	// Run has the effect, and Undo the opposite one.
	Run, Undo []string
	// Observe says of one host whether it is as wanted: exit 0 it is, 1 it is
	// not, anything else is unknown. What it prints is the prior value.
	// ObserveAll says it of all hosts of a pool, a line each.
	Observe, ObserveAll []string
	// Verify says of one host whether the effect took, by the same exits.
	Verify []string
	// Env names the variables of warden's environment that the commands get;
	// Lookup finds them.
	Env    []string
	Lookup func(string) (string, bool)
	// HostPattern is what a host's name must match in full.
	HostPattern string
	// Timeout is run_within; ReadTimeout bounds each command that only reads.
	Timeout, ReadTimeout time.Duration
	// TakesOut, Idempotent and Heals are as in actions.Spec.
	TakesOut, Idempotent, Heals bool
	// Secrets lists what must not be seen in any output; nil for none.
	Secrets func() []string
	// Clock measures the times; the system's when nil.
	Clock clock.Clock
}

// Action runs commands. It is safe for concurrent use and keeps nothing between
// calls.
type Action struct {
	opts                                              Options
	pattern                                           command.HostPattern
	plan, apply, reverse, observe, observeAll, verify *command.Argv
}

var _ actions.Action = (*Action)(nil)

// The fields that each command's templates may use.
var (
	planFields    = []string{command.FieldHost, command.FieldPool, command.FieldAction}
	runFields     = []string{command.FieldHost, command.FieldPool, command.FieldID, command.FieldAction, command.FieldToken}
	undoFields    = []string{command.FieldHost, command.FieldPool, command.FieldID, command.FieldAction, command.FieldToken, command.FieldPrior}
	observeFields = []string{command.FieldPool, command.FieldAction}
)

// New checks the options and makes the action. It runs nothing. Its errors begin
// with the config key they are about.
func New(opts Options) (*Action, error) {
	a := &Action{opts: opts}
	if opts.Name == "" {
		return nil, errors.New("exec: the action has no name: give it one")
	}
	if opts.Timeout <= 0 || opts.ReadTimeout <= 0 {
		return nil, errors.New("timeout: an action needs a time limit: set timeout and read_timeout")
	}
	if a.opts.Lookup == nil {
		a.opts.Lookup = func(string) (string, bool) { return "", false }
	}
	if a.opts.Clock == nil {
		a.opts.Clock = clock.System()
	}
	if len(opts.Run) == 0 {
		return nil, errors.New("run: the action has no command: name its program and arguments")
	}
	var err error
	if a.pattern, err = command.ParseHostPattern(opts.HostPattern); err != nil {
		return nil, fmt.Errorf("host_pattern: %w", err)
	}
	for _, name := range opts.Env {
		if err := command.CheckVariable(name); err != nil {
			return nil, fmt.Errorf("env: %w", err)
		}
	}
	for _, c := range []struct {
		key    string
		argv   []string
		into   **command.Argv
		fields []string
	}{
		{"plan", opts.Plan, &a.plan, planFields},
		{"run", opts.Run, &a.apply, runFields},
		{"undo", opts.Undo, &a.reverse, undoFields},
		{"observe", opts.Observe, &a.observe, planFields},
		{"observe_all", opts.ObserveAll, &a.observeAll, observeFields},
		{"verify.command", opts.Verify, &a.verify, planFields},
	} {
		if len(c.argv) == 0 {
			continue
		}
		if *c.into, err = command.ParseArgv(c.argv, c.fields...); err != nil {
			return nil, fmt.Errorf("%s: %w", c.key, err)
		}
	}
	if a.reverse != nil && a.reverse.Uses(command.FieldPrior) && a.observe == nil && a.observeAll == nil {
		return nil, errors.New("undo: {{ .Prior }} is what observe printed before the action: add observe, or leave it out")
	}
	return a, nil
}

// Spec describes the action to the engine. StartWithin and TookWithin are left
// at zero: they are the config's.
func (a *Action) Spec() actions.Spec {
	return actions.Spec{
		Name: a.opts.Name, Kind: Kind, Timeout: a.opts.Timeout, Idempotent: a.opts.Idempotent, TakesOut: a.opts.TakesOut,
		CanObserve: a.observeAll != nil && a.opts.TakesOut, Blind: a.observe == nil && a.observeAll == nil, NoUndo: a.reverse == nil, Heals: a.opts.Heals,
	}
}

// Plan implements actions.Action. The steps are what the plan command prints,
// a line each, and then the command itself as it would be typed: a plan whose
// command changed is another plan. What is not known before START stands in it
// as <case>, <token> and <prior>.
func (a *Action) Plan(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	p, err := a.planFor(ctx, pool, host)
	if err != nil {
		return remedy.Plan{}, fmt.Errorf("exec: plan %s for %q: %w", a.opts.Name, host, err)
	}
	return p, nil
}

func (a *Action) planFor(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error) {
	if err := a.pattern.Check(string(host)); err != nil {
		return remedy.Plan{}, err
	}
	d := command.Data{Host: string(host), Pool: string(pool), Action: string(a.opts.Name), ID: "<case>", Token: "<token>", Prior: "<prior>"}
	argv, err := a.apply.Render(d)
	if err != nil {
		return remedy.Plan{}, fmt.Errorf("run: %w", err)
	}
	// What could not be started is better known before anybody is asked.
	if err := command.CheckExecutable(argv[0]); err != nil {
		return remedy.Plan{}, fmt.Errorf("run: %w", err)
	}
	p := remedy.Plan{
		Action: a.opts.Name, Pool: pool, Host: host,
		Summary: fmt.Sprintf("%s %s in pool %s", a.opts.Name, host, pool),
	}
	if a.plan != nil {
		said, err := a.read(ctx, a.plan, d, 0)
		switch {
		case err != nil:
			return remedy.Plan{}, fmt.Errorf("plan: %w", err)
		case !said.OK():
			return remedy.Plan{}, fmt.Errorf("plan: %s: %s%s", a.plan.Program(), said, a.lastWords(said))
		case len(said.Stdout) > command.MaxShown || bytes.Count(said.Stdout, []byte("\n")) > maxLines:
			return remedy.Plan{}, fmt.Errorf("plan: %s printed more than %d lines or %d KiB, and a plan is approved as a whole: print only what would change", a.plan.Program(), maxLines, command.MaxShown>>10)
		}
		for line := range strings.Lines(a.redact(said.Stdout)) {
			if line = strings.TrimSpace(line); line != "" {
				p.Steps = append(p.Steps, line)
			}
		}
	}
	p.Steps = append(p.Steps, a.shown(argv))
	// Only what can be typed as it stands is a command to do it by hand.
	if line := command.Quote(argv); a.shown(argv) == line && !a.apply.Uses(command.FieldID) && !a.apply.Uses(command.FieldToken) {
		p.ManualHint = line
	}
	if a.reverse != nil {
		undo, err := a.reverse.Render(d)
		if err != nil {
			return remedy.Plan{}, fmt.Errorf("undo: %w", err)
		}
		p.UndoSteps = []string{a.shown(undo)}
	}
	return p, nil
}

// shown is an argv as people see it.
func (a *Action) shown(argv []string) string { return a.redact([]byte(command.Quote(argv))) }

// Apply implements actions.Effector: it runs the command once. Whatever it
// exits with, only a following Observe says what is so.
func (a *Action) Apply(ctx context.Context, job actions.Job) (actions.Report, error) {
	job.Prior = ""
	report, err := a.effect(ctx, a.apply, job)
	if err != nil {
		return report, fmt.Errorf("exec: %s %q: %w", a.opts.Name, job.Host, err)
	}
	return report, nil
}

// Undo implements actions.Effector: it runs the undo command, with the value
// that observe printed before the action as {{ .Prior }} and WARDEN_PRIOR.
func (a *Action) Undo(ctx context.Context, job actions.Job) (actions.Report, error) {
	if a.reverse == nil {
		return actions.Report{}, fmt.Errorf("exec: %w: action %s has no undo: put %q back by hand, or add undo to its config", actions.ErrNotStarted, a.opts.Name, job.Host)
	}
	if strings.HasSuffix(job.Prior, nothingPrinted) {
		job.Prior = "" // these were warden's own words
	}
	report, err := a.effect(ctx, a.reverse, job)
	if err != nil {
		return report, fmt.Errorf("exec: undo %s %q: %w", a.opts.Name, job.Host, err)
	}
	return report, nil
}

func (a *Action) effect(ctx context.Context, argv *command.Argv, job actions.Job) (actions.Report, error) {
	if err := a.pattern.Check(string(job.Host)); err != nil {
		return actions.Report{}, fmt.Errorf("%w: %w", actions.ErrNotStarted, err)
	}
	d := command.Data{
		Host: string(job.Host), Pool: string(job.Pool), ID: job.Case.String(), Action: string(a.opts.Name),
		Prior: job.Prior, Token: job.Token.String(),
	}
	full, err := argv.Render(d)
	if err != nil {
		return actions.Report{}, fmt.Errorf("%w: %w", actions.ErrNotStarted, err)
	}
	grace := graceOf(a.opts.Timeout)
	r, err := command.Run(ctx, command.Order{
		Argv: full, Env: a.environ(d), Within: a.opts.Timeout - grace, Grace: grace * 2 / 3, Clock: a.opts.Clock, Effect: true,
	})
	if err != nil {
		return actions.Report{}, fmt.Errorf("%w: %w", actions.ErrNotStarted, err)
	}
	report := actions.Report{Output: a.output(r)}
	switch {
	case r.CutOff():
		return report, fmt.Errorf("%s: %s%s: %w", argv.Program(), r, a.lastWords(r), actions.ErrCutOff)
	case !r.OK():
		return report, fmt.Errorf("%s: %s%s", argv.Program(), r, a.lastWords(r))
	}
	return report, nil
}

// graceOf is how much of a time limit is left to a command that was asked to end.
func graceOf(limit time.Duration) time.Duration { return min(limit/4, 3*time.Second) }

// read runs a command that changes nothing.
func (a *Action) read(ctx context.Context, argv *command.Argv, d command.Data, maxStdout int) (command.Result, error) {
	full, err := argv.Render(d)
	if err != nil {
		return command.Result{}, err
	}
	d.ID, d.Token, d.Prior = "", "", ""
	grace := graceOf(a.opts.ReadTimeout)
	return command.Run(ctx, command.Order{
		Argv: full, Env: a.environ(d), Within: a.opts.ReadTimeout - grace, Grace: grace, MaxStdout: maxStdout, Clock: a.opts.Clock,
	})
}

func (a *Action) environ(d command.Data) []string {
	return command.Environ(a.opts.Env, a.opts.Lookup,
		"WARDEN_ACTION="+d.Action, "WARDEN_CASE="+d.ID, "WARDEN_HOST="+d.Host, "WARDEN_POOL="+d.Pool,
		"WARDEN_PRIOR="+d.Prior, "WARDEN_TOKEN="+d.Token)
}

func (a *Action) redact(raw []byte) string {
	secrets := command.SecretsOf(a.opts.Env, a.opts.Lookup)
	if a.opts.Secrets != nil {
		secrets = append(secrets, a.opts.Secrets()...)
	}
	return command.Redact(raw, secrets)
}

// output is what a command printed on both streams, for the record.
func (a *Action) output(r command.Result) string {
	out, err := a.redact(r.Stdout), a.redact(r.Stderr)
	switch {
	case out == "":
		return err
	case err == "":
		return out
	}
	return command.Tail(out, command.MaxShown/2-1) + "\n" + command.Tail(err, command.MaxShown/2)
}

// lastWords are the end of what a command said, for an error: its standard
// error's, or else its output's.
func (a *Action) lastWords(r command.Result) string {
	said := [][]byte{r.Stderr}
	if !r.Cut { // what was cut may end with half a secret
		said = append(said, r.Stdout)
	}
	for _, raw := range said {
		if line := command.LastLine(a.redact(raw)); line != "" {
			return ": " + line
		}
	}
	return ""
}
