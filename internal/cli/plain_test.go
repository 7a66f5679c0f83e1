package cli

import (
	"bytes"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"

	"warden/internal/clock"
)

// framework is what libraries say to those who program with them.
var framework = regexp.MustCompile(`accepts |requires at least|unknown (shorthand )?flag|flag needs an argument|invalid argument|flags in the group|` +
	`validation failed|expected (value|length|number|required)|no such file|no such directory|\b(open|stat|lstat|mkdir|mkdirat|openat|link|symlink|rename|createtemp) [/.\w]|` +
	`strconv\.|pflag|parsing (time|regexp)|invalid syntax|error parsing|context (deadline|canceled)|dial (unix|tcp)|\bconnect: |EOF|json: |<nil>|%!`)

// nextStep is an end of an error that says what to do: the help, a command, or
// an imperative behind a colon or a semicolon.
var nextStep = regexp.MustCompile("(See `warden[^`]*--help`\\.|`[^`]+`[^`]*|[:;] (or )?(give|name|use|check|make|write|say|add|start|run|ask|look|is it)\\b[^:;]*)$")

// complain runs a command line that must fail, and holds what it says to be in
// plain words.
func complain(t *testing.T, args ...string) string {
	t.Helper()
	var out, stderr bytes.Buffer
	p := &program{
		env: func(name string) (string, bool) {
			if name == "WARDEN_SOCKET" {
				return filepath.Join(t.TempDir(), "nobody.sock"), true
			}
			return "", false
		},
		in: strings.NewReader(""), out: &out, err: &stderr, clock: clock.System(), local: time.UTC,
	}
	code := p.run(t.Context(), args)
	said := strings.TrimSpace(stderr.String())
	if code == ExitOK {
		return ""
	}
	if shown := strings.TrimSpace(out.String()); shown != "" { // what is wrong with a file is data
		said = shown
	}
	if found := framework.FindString(said); found != "" {
		t.Errorf("warden %s: %q is for programmers:\n%s", strings.Join(args, " "), found, said)
	}
	if last := said[strings.LastIndexByte(said, '\n')+1:]; !nextStep.MatchString(last) {
		t.Errorf("warden %s: it doesn't end in what to do:\n%s", strings.Join(args, " "), said)
	}
	return said
}

// leaves calls f with the words of every command that isn't a group of others.
func leaves(f func(cmd *cobra.Command, words []string)) {
	root := (&program{clock: clock.System(), env: noEnv}).newRootCommand()
	root.InitDefaultHelpCmd()
	var walk func(cmd *cobra.Command)
	walk = func(cmd *cobra.Command) {
		for _, sub := range cmd.Commands() {
			walk(sub)
		}
		if !cmd.HasSubCommands() {
			f(cmd, strings.Fields(cmd.CommandPath())[1:])
		}
	}
	walk(root)
}

// TestErrorsAreInPlainWords holds that no command answers a slip of the hand in
// the words of a library, and that each says what to do instead.
func TestErrorsAreInPlainWords(t *testing.T) {
	t.Parallel()
	runs := 0
	leaves(func(cmd *cobra.Command, words []string) {
		name := strings.Join(words, " ")
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			with := func(more ...string) []string { return append(append([]string{}, words...), more...) }
			if said := complain(t, with("--no-such-flag")...); !strings.Contains(said, "there is no flag --no-such-flag") {
				t.Errorf("of an unknown flag: %s", said)
			}
			if said := complain(t, with("-Z")...); !strings.Contains(said, "there is no flag -Z") {
				t.Errorf("of an unknown short flag: %s", said)
			}
			if said := complain(t, with("--utc", "--tz")...); !strings.Contains(said, "--tz needs a value") {
				t.Errorf("of a flag without its value: %s", said)
			}
			if said := complain(t, with("--timeout", "soon")...); !strings.Contains(said, `--timeout "soon" is not a time`) {
				t.Errorf("of a bad value: %s", said)
			}
			many := []string{"a", "b", "c", "d", "e", "f"}
			if name != "help" && cmd.ValidateArgs(many) != nil {
				if said := complain(t, with(many...)...); !strings.Contains(said, "one argument too many") {
					t.Errorf("of too many arguments: %s", said)
				}
			}
			switch {
			case cmd.ValidateArgs(nil) != nil:
				if said := complain(t, with()...); !strings.Contains(said, "an argument is missing: write it as `warden "+name+" ") {
					t.Errorf("of too few arguments: %s", said)
				}
			case name != "agent" && name != "demo" && name != "operator tls ca create": // they would run, and leave files
				complain(t, with("--no-input")...)
			}
		})
		runs++
	})
	if runs < 50 {
		t.Errorf("only %d commands were tried", runs)
	}
}

// TestMissingFilesAreInPlainWords holds the same for files that aren't there.
func TestMissingFilesAreInPlainWords(t *testing.T) {
	t.Parallel()
	gone := filepath.Join(t.TempDir(), "gone.toml")
	nowhere := filepath.Join(t.TempDir(), "nowhere", "gone.toml")
	for _, path := range []string{gone, nowhere} {
		for _, args := range [][]string{
			{"agent", "--config.file", path},
			{"config", "check", path},
			{"config", "show", path},
			{"config", "migrate", path},
			{"test", path},
			{"policy", "diff", "--config", path},
			{"promote", "drain", "--config", path},
			{"operator", "raft", "snapshot", "inspect", path},
			{"operator", "raft", "snapshot", "restore", path, "--yes"},
			{"operator", "tls", "show", path},
			{"operator", "tls", "cert", "create", "n1", "--ca", path},
			{"audit", "verify", path},
			{"audit", "tail", "--path", path},
			{"audit", "export", "--path", path},
		} {
			t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
				t.Parallel()
				said := complain(t, args...)
				if !strings.Contains(said, "there is no ") && !strings.Contains(said, "there are no ") || !strings.Contains(said, filepath.Dir(path)) {
					t.Errorf("warden %s doesn't say what is missing:\n%s", strings.Join(args, " "), said)
				}
			})
		}
	}
}

// TestFlagsThatExcludeEachOther holds that they are named as a person gave them.
func TestFlagsThatExcludeEachOther(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][]string{
		"--host and --last don't go together":                    {"undo", "--host", "h", "--last"},
		"--utc and --tz don't go together":                       {"status", "--utc", "--tz", "Europe/Dublin"},
		"--minimal and --tests don't go together":                {"config", "example", "--minimal", "--tests"},
		"--write and --git-patch don't go together":              {"promote", "drain", "--git-patch", "--write", "x"},
		"--review and --anyway don't go together":                {"promote", "drain", "--review", "--anyway"},
		"there is no flag --sinc; did you mean --since?":         {"trust", "--sinc", "3d"},
		`--run "(" is not a regular expression`:                  {"test", "x.toml", "--run", "("},
		`there is no completion for "tcsh"`:                      {"completion", "tcsh"},
		"there is no flag --config; did you mean --config.file?": {"agent", "--config", "warden.toml"},
	} {
		if said := complain(t, args...); !strings.Contains(said, want) {
			t.Errorf("warden %s: no %q in\n%s", strings.Join(args, " "), want, said)
		}
	}
}
