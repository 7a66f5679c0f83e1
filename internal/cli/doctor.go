package cli

import (
	"context"
	"os"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/config"
	"warden/internal/doctor"
)

// looking is what `warden doctor` was told, and what it looks with.
type looking struct {
	config, storage, node string
	within                time.Duration
	// machine is this one unless a test says otherwise.
	machine doctor.Machine
}

// diagnosis is the result of `warden doctor`.
type diagnosis struct {
	Schema  string          `json:"schema"`
	Status  doctor.Status   `json:"status"`
	Results []doctor.Result `json:"results"`
}

func (p *program) newDoctorCommand() *cobra.Command {
	var f looking
	host, err := os.Hostname()
	if err != nil {
		host = ""
	}
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look whether everything that warden depends on is there and allowed", GroupID: groupRun, Args: cobra.NoArgs,
		Example: `  warden doctor
  warden doctor --config ./warden.toml
  warden doctor -o json`,
		Long: `Look whether everything that warden depends on is there and allowed: the config and the
files it names, sources, inventories, load balancers, certificates, the data directory,
and whom warden talks to. Each finding says what was seen and, where something is to be
done, what. Nothing is changed and nobody is told anything.

It works without a running agent and without a network; what can't be told from here is
unknown. Run it as warden's user, on the machine where warden runs. Exit 1 when something
failed; warnings and unknowns don't.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if f.storage == "" {
				f.storage = "/var/lib/warden"
				if dir, ok := p.env("STATE_DIRECTORY"); ok && dir != "" {
					f.storage = dir
				}
			}
			return p.examine(cmd.Context(), f)
		},
	}
	fs := cmd.Flags()
	fs.StringVar(&f.config, "config", defaultConfig, "the config `FILE`")
	fs.StringVar(&f.storage, "storage.path", "", "the agent's data `DIR` (default $STATE_DIRECTORY, or /var/lib/warden)")
	fs.StringVar(&f.node, "node.name", host, "the `NAME` of this node, as the agent has it")
	fs.DurationVar(&f.within, "within", 30*time.Second, "how long all of it may take")
	return cmd
}

// examine runs all checks and shows what they came to.
func (p *program) examine(ctx context.Context, f looking) error {
	all := doctor.Run(ctx, p.checks(f), f.within)
	d := diagnosis{Schema: "warden.doctor/v1", Status: doctor.Worst(all), Results: all}
	if p.printer.asJSON() {
		if err := list(p.printer, d, all); err != nil {
			return err
		}
	} else {
		p.printer.diagnosis(all)
	}
	if d.Status == doctor.Fail {
		return exit(ExitError)
	}
	return ctx.Err()
}

// diagnosis writes one finding a line, and below it what to do.
func (o *printer) diagnosis(all []doctor.Result) {
	styles := map[doctor.Status]style{doctor.OK: green, doctor.Warn: yellow, doctor.Fail: red, doctor.Unknown: dim}
	counts := map[doctor.Status]int{}
	width := 0
	for _, r := range all {
		width = max(width, len(r.Check))
	}
	for _, r := range all {
		counts[r.Status]++
		if o.quiet && (r.Status == doctor.OK || r.Status == doctor.Unknown) {
			continue
		}
		word := string(r.Status)
		if r.Status == doctor.Fail {
			word = "FAIL" // where there are no colours it has to stand out too
		}
		o.line(o.paint(styles[r.Status], pad(word, len("unknown"))) + "  " + pad(say("%s", r.Check), width) + "  " + say("%s", joined(": ", r.Subject, r.Seen)))
		if r.Fix != "" {
			o.line(pad("", len("unknown")+width+4) + say("fix: %s", r.Fix))
		}
	}
	o.talk("%d ok, %d unknown, %d to look at, %d failed", counts[doctor.OK], counts[doctor.Unknown], counts[doctor.Warn], counts[doctor.Fail])
}

// pad fills up with blanks.
func pad(s string, to int) string {
	for len(s) < to {
		s += " "
	}
	return s
}

// checks lists all that is looked at, in the order in which it is shown.
func (p *program) checks(f looking) []doctor.Check {
	env := f.machine.UnitEnv(p.env)
	cfg, report, err := p.loadConfig(f.config)
	said := func(context.Context) []doctor.Result {
		if cfg == nil && len(report) == 0 {
			return []doctor.Result{doctor.Bad(doctor.Fail, f.config, "give the config with --config; `warden config example` prints one", "%s", plainError(err))}
		}
		return doctor.Problems(report, f.config+" is in order")
	}
	checks := []doctor.Check{{Name: "config", Run: said}}
	if cfg == nil {
		checks = append(checks, doctor.Check{Name: "the rest", Run: func(context.Context) []doctor.Result {
			return []doctor.Result{doctor.Bad(doctor.Unknown, "", "mend the config first", "what the config names is not looked at while it can't be loaded")}
		}})
	} else {
		checks = append(checks, p.checksOf(f, cfg, env)...)
	}
	return append(checks,
		doctor.Check{Name: "data", Run: func(context.Context) []doctor.Result { return f.machine.DataDirectory(f.storage) }},
		doctor.Check{Name: "systemd", Run: func(context.Context) []doctor.Result {
			unit, err := f.machine.Unit()
			return append([]doctor.Result{doctor.Systemd(unit, err, env)}, doctor.Privileges(unit, programsOf(cfg))...)
		}},
		doctor.Check{Name: "agent", Run: p.askAgent(cfg)},
	)
}

// checksOf are the checks of what a config names.
func (p *program) checksOf(f looking, cfg *config.Config, env config.Env) []doctor.Check {
	w := &ward{p: p, file: cfg, env: env, node: f.node, machine: f.machine}
	checks := []doctor.Check{{Name: "files", Run: w.files}}
	made, err := builder{clock: p.clock, env: env, node: f.node}.build(cfg)
	if err != nil {
		return append(checks, doctor.Check{Name: "config", Run: func(context.Context) []doctor.Result {
			return []doctor.Result{doctor.Bad(doctor.Fail, f.config, "see `warden config check`", "%v", err)}
		}})
	}
	w.made = made
	checks = append(checks,
		doctor.Check{Name: "source", Run: w.sources},
		doctor.Check{Name: "inventory", Run: w.inventories},
		doctor.Check{Name: "action", Run: w.actions},
		doctor.Check{Name: "approvers", Run: w.approvers},
		doctor.Check{Name: "certificate", Run: w.certificates},
	)
	return append(checks, w.outside()...)
}
