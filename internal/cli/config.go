package cli

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/simulate/unit"
)

// defaultConfig is where the packages put the configuration.
const defaultConfig = "/etc/warden/warden.toml"

func (p *program) newConfigCommand() *cobra.Command {
	return group("config", "Check, show and begin a configuration", groupAuthor,
		p.newConfigCheckCommand(), p.newConfigShowCommand(), p.newConfigExampleCommand(), p.newConfigSchemaCommand(), p.newConfigMigrateCommand())
}

// fileArg is the file that a command was given.
func fileArg(args []string) string {
	if len(args) == 0 {
		return defaultConfig
	}
	return args[0]
}

// checked is the result of `config check`.
type checked struct {
	Schema   string        `json:"schema"`
	File     string        `json:"file"`
	OK       bool          `json:"ok"`
	Hash     string        `json:"hash,omitempty"`
	Errors   int           `json:"errors"`
	Warnings int           `json:"warnings"`
	Problems config.Report `json:"problems"`
}

func (p *program) newConfigCheckCommand() *cobra.Command {
	var detailed, files bool
	cmd := &cobra.Command{
		Use: "check [FILE]", Short: "Say everything that is wrong with a configuration file", Args: cobra.MaximumNArgs(1),
		Example: `  warden config check warden.toml
  warden config check --files`,
		Long: `Say everything that is wrong with a configuration file, at once, each with line and
column. Errors keep the file from being loaded and exit 1; warnings do not.
Without --files nothing is looked at but the file itself and the templates that
templates_glob matches here, so that it can be checked anywhere; each template is rendered
on samples, with nothing known and with names as bad as they come. FILE is ` + defaultConfig + ` unless given.`,
		RunE: func(_ *cobra.Command, args []string) error {
			path := fileArg(args)
			cfg, report, err := p.loadConfig(path)
			if err != nil && !errors.Is(err, config.ErrInvalid) {
				return err
			}
			if files && cfg != nil {
				report = append(report, config.CheckFiles(cfg, "", p.env)...)
				report.Sort()
			}
			return p.showCheck(path, cfg, report, detailed)
		},
	}
	cmd.Flags().BoolVar(&detailed, "detailed-exitcode", false, "exit 2 when there are warnings")
	cmd.Flags().BoolVar(&files, "files", false, "also look at what it names on this machine: secrets, inventories, sockets; run it as warden's user")
	return cmd
}

func (p *program) showCheck(path string, cfg *config.Config, report config.Report, detailed bool) error {
	res := checked{
		Schema: "warden.config_check/v1", File: path, OK: report.Err() == nil,
		Errors: report.Count(config.SeverityError), Warnings: report.Count(config.SeverityWarning),
		Problems: append(config.Report{}, report...),
	}
	if cfg != nil && res.OK {
		res.Hash = cfg.Hash()
	}
	if p.printer.asJSON() {
		if err := p.printer.object(res); err != nil {
			return err
		}
	} else {
		p.problems(report)
		end := " Not loaded."
		if res.OK {
			end = " " + res.Hash
		}
		p.printer.talk("%s: %s%s", path, report.Summary(), end)
	}
	switch {
	case !res.OK:
		return exit(ExitError)
	case detailed && res.Warnings > 0:
		return exit(ExitSomething)
	default:
		return nil
	}
}

// problems writes one problem a line; with --quiet only the errors.
func (p *program) problems(report config.Report) {
	for _, x := range report {
		s := red
		if x.Severity == config.SeverityWarning {
			if p.printer.quiet {
				continue
			}
			s = yellow
		}
		p.printer.line(p.printer.paint(s, chat.Clean(x.String())))
	}
}

// shown is the result of `config show`.
type shown struct {
	Schema   string         `json:"schema"`
	File     string         `json:"file"`
	Hash     string         `json:"hash"`
	Settings []shownSetting `json:"settings"`
}

// shownSetting is one key in force, and where it comes from.
type shownSetting struct {
	config.Setting
	At string `json:"at"`
}

func (p *program) newConfigShowCommand() *cobra.Command {
	var defaults, origin bool
	cmd := &cobra.Command{
		Use: "show [FILE]", Short: "Show what a configuration file puts in force; secrets as <secret>", Args: cobra.MaximumNArgs(1),
		Example: `  warden config show warden.toml
  warden config show warden.toml --defaults --origin`,
		RunE: func(_ *cobra.Command, args []string) error {
			path := fileArg(args)
			cfg, report, err := p.loadConfig(path)
			if errors.Is(err, config.ErrInvalid) {
				return fmt.Errorf("%w: see `warden config check %s`", report.Err(), path)
			}
			if err != nil {
				return err
			}
			if !p.printer.asJSON() {
				show := config.Show
				if origin {
					show = config.ShowOrigin
				}
				_, err := io.WriteString(p.out, cleanLines(show(cfg, defaults)))
				return err
			}
			res := shown{Schema: "warden.config/v1", File: path, Hash: cfg.Hash(), Settings: []shownSetting{}}
			for _, s := range cfg.Settings() {
				if defaults || s.Origin == config.OriginFile {
					res.Settings = append(res.Settings, shownSetting{Setting: s, At: cfg.At(s)})
				}
			}
			return list(p.printer, res, res.Settings)
		},
	}
	cmd.Flags().BoolVar(&origin, "origin", false, "where each value comes from: file and line, default, or another key")
	cmd.Flags().BoolVar(&defaults, "defaults", false, "also what holds because the file does not say otherwise")
	return cmd
}

func (p *program) newConfigExampleCommand() *cobra.Command {
	var minimal, tests bool
	cmd := &cobra.Command{
		Use: "example", Short: "Print the example configuration, with every key there is", Args: cobra.NoArgs,
		Example: `  warden config example --minimal > warden.toml
  warden config example --tests > warden_test.toml
  warden config example`,
		RunE: func(*cobra.Command, []string) error {
			text := config.Example()
			switch {
			case tests:
				text = unit.Example()
			case minimal:
				text = config.Minimal()
			}
			_, err := io.WriteString(p.out, text)
			return err
		},
	}
	cmd.Flags().BoolVar(&minimal, "minimal", false, "the smallest one that does something useful")
	cmd.Flags().BoolVar(&tests, "tests", false, "instead, unit tests of the whole example, which warden test runs")
	exclusive(cmd, "minimal", "tests")
	return cmd
}
