package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/chat"
	"warden/internal/config"
	"warden/simulate/unit"
)

func (p *program) newTestCommand() *cobra.Command {
	var only, junit string
	cmd := &cobra.Command{
		Use: "test FILE...", Short: "Run unit tests of detectors and policy, from files", GroupID: groupAuthor, Args: cobra.MinimumNArgs(1),
		Example: `  warden test warden_test.toml
  warden test tests/*.toml --run 'common mode' --junit report.xml`,
		Long: `Run unit tests: series that a file writes down in promtool's notation, and what the
configuration that it names must make of them: proposals, verdicts and blocks. The
detectors, the policy and the engine are the daemon's own; the clock, the sources and the
load balancers are the test's. Nothing outside is needed or touched, no secret either.

docs/unit-tests.md explains the files, and ` + "`warden config example --tests`" + ` prints one.`,
		RunE: func(cmd *cobra.Command, args []string) error {
			pattern, err := regexp.Compile(only)
			if err != nil {
				return badRegexp("run", only, err)
			}
			return p.unitTests(cmd.Context(), args, pattern, junit)
		},
	}
	cmd.Flags().StringVar(&only, "run", "", "only the tests whose name matches this `REGEX`")
	cmd.Flags().StringVar(&junit, "junit", "", "also write the results to this `FILE`, as JUnit XML")
	return cmd
}

// unitTests is all test files of a command line.
func (p *program) unitTests(ctx context.Context, paths []string, only *regexp.Regexp, junit string) error {
	suites := make([]unit.Suite, 0, len(paths))
	matched := false
	for _, path := range paths {
		s := p.unitSuite(ctx, path, only)
		matched = matched || len(s.Results) > 0 || !s.OK()
		suites = append(suites, s)
		if !p.printer.asJSON() {
			p.showSuite(&s)
		}
	}
	if !matched && ctx.Err() == nil {
		return fail(ExitNotFound, fmt.Errorf("no test's name matches --run %q", only))
	}
	if junit != "" {
		if err := writeJUnit(junit, suites); err != nil {
			return err
		}
	}
	ran, failed := 0, 0
	ok := true
	for i := range suites {
		ok = ok && suites[i].OK()
		for k := range suites[i].Results {
			if ran++; !suites[i].Results[k].OK() {
				failed++
			}
		}
	}
	if p.printer.asJSON() {
		if err := p.printer.object(tested(suites, ok)); err != nil {
			return err
		}
	} else {
		p.printer.talk("%s: %d ok, %d failed", plural(ran, "test"), ran-failed, failed)
	}
	if !ok {
		return exit(ExitError)
	}
	return nil
}

// plural counts things.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// unitSuite runs the tests of one file.
func (p *program) unitSuite(ctx context.Context, path string, only *regexp.Regexp) unit.Suite {
	s := unit.Suite{File: path}
	f, report, err := unit.Load(path)
	if s.Report = report; err != nil {
		s.Failed = plainError(err)
	}
	if f == nil {
		return s
	}
	cfg, report, err := p.loadConfig(f.ConfigPath())
	switch {
	case errors.Is(err, config.ErrInvalid):
		s.Report = report
		return s
	case err != nil:
		s.Failed = fmt.Sprintf("%s: config = %q: %s", path, f.Config, plainError(err))
		return s
	}
	if s.Failed = f.Elsewhere(cfg); s.Failed != "" {
		return s
	}
	built, err := builder{clock: p.clock, env: noEnv}.build(cfg)
	if err != nil {
		s.Failed = plainError(err)
		return s
	}
	for i := range f.Tests {
		if only.MatchString(f.Tests[i].Name) && ctx.Err() == nil {
			s.Results = append(s.Results, f.Run(ctx, &f.Tests[i], unit.Built{Config: cfg, Engine: built}))
		}
	}
	return s
}

// noEnv is an environment with nothing in it: no secret is there to be read.
func noEnv(string) (string, bool) { return "", false }

func (p *program) showSuite(s *unit.Suite) {
	o := p.printer
	if o.quiet && s.OK() {
		return
	}
	o.line(o.paint(bold, say("%s", s.File)))
	if s.Failed != "" {
		o.line(say("  %s", s.Failed))
	}
	for _, x := range s.Report {
		o.line(say("  %s", chat.Clean(x.String())))
	}
	for i := range s.Results {
		r := &s.Results[i]
		if r.OK() {
			if !o.quiet {
				o.line(o.paint(green, "  ok  ") + say("  %s (%s in %s)", r.Name, config.Duration(r.Covered), plural(r.Rounds, "round")))
			}
			continue
		}
		o.line(o.paint(red, "  FAIL") + say("  %s", r.Name))
		for _, line := range r.Lines() {
			o.line(say("        %s", line))
		}
	}
}

func writeJUnit(path string, suites []unit.Suite) (err error) {
	f, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("--junit: %w", err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return unit.WriteJUnit(f, suites)
}

// The result of `test` as JSON.
type (
	testedFiles struct {
		Schema string       `json:"schema"`
		OK     bool         `json:"ok"`
		Files  []testedFile `json:"files"`
	}
	testedFile struct {
		File     string        `json:"file"`
		OK       bool          `json:"ok"`
		Failed   string        `json:"failed,omitempty"`
		Problems config.Report `json:"problems"`
		Tests    []testedTest  `json:"tests"`
	}
	testedTest struct {
		Name     string          `json:"name"`
		Line     int             `json:"line"`
		OK       bool            `json:"ok"`
		Rounds   int             `json:"rounds"`
		Covered  time.Duration   `json:"covered"`
		Problems []testedProblem `json:"problems"`
		Failures []testedFailure `json:"failures"`
	}
	testedProblem struct {
		Line int    `json:"line,omitempty"`
		Text string `json:"text"`
	}
	testedFailure struct {
		Line int           `json:"line"`
		At   time.Duration `json:"at"`
		Key  string        `json:"key"`
		Want string        `json:"want"`
		Got  string        `json:"got"`
		Why  []string      `json:"why"`
	}
)

func tested(suites []unit.Suite, ok bool) testedFiles {
	out := testedFiles{Schema: "warden.test/v1", OK: ok, Files: []testedFile{}}
	for i := range suites {
		s := &suites[i]
		f := testedFile{File: s.File, OK: s.OK(), Failed: s.Failed, Problems: append(config.Report{}, s.Report...), Tests: []testedTest{}}
		for k := range s.Results {
			r := &s.Results[k]
			t := testedTest{Name: r.Name, Line: r.Line, OK: r.OK(), Rounds: r.Rounds, Covered: r.Covered, Problems: []testedProblem{}, Failures: []testedFailure{}}
			for _, x := range r.Problems {
				t.Problems = append(t.Problems, testedProblem(x))
			}
			for _, x := range r.Failures {
				x.Why = append([]string{}, x.Why...)
				t.Failures = append(t.Failures, testedFailure(x))
			}
			f.Tests = append(f.Tests, t)
		}
		out.Files = append(out.Files, f)
	}
	return out
}
