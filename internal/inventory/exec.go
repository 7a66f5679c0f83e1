package inventory

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"warden/internal/clock"
	"warden/internal/command"
)

// maxRun is how long the command may run: less than the engine waits for an
// inventory, so that its end is told and not cut off. grace is what is left of
// it to a command that was asked to end.
const (
	maxRun = 8 * time.Second
	grace  = time.Second
)

// ExecOptions configures an inventory that is a command. Argv is required.
type ExecOptions struct {
	// Argv lists the hosts of the pool, whose name {{ .Pool }} stands for.
	Argv []string
	Pool string
	// HostRegex is as in NewFile.
	HostRegex *regexp.Regexp
	// Env names the variables of warden's environment that the command gets;
	// Lookup finds them.
	Env    []string
	Lookup func(string) (string, bool)
	// MaxBytes and MaxHosts cap what it may print; more is a failed refresh.
	MaxBytes, MaxHosts int
	// Secrets lists what must not be seen in an error; nil for none.
	Secrets func() []string
	// Clock measures the time; the system's when nil.
	Clock clock.Clock
}

type execInventory struct {
	opts ExecOptions
	argv []string
}

// NewExec makes an inventory that runs a command at each call of Hosts. What it
// prints is read like the file of NewFile, or as plain names, one a line. Only
// exit 0 with at least one host is an answer.
func NewExec(o ExecOptions) (Inventory, error) {
	parsed, err := command.ParseArgv(o.Argv, command.FieldPool)
	if err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	argv, err := parsed.Render(command.Data{Pool: o.Pool})
	if err != nil {
		return nil, fmt.Errorf("command: %w", err)
	}
	if o.MaxBytes <= 0 || o.MaxHosts <= 0 {
		return nil, errors.New("max_bytes and max_hosts must be positive: set them")
	}
	if o.Lookup == nil {
		o.Lookup = func(string) (string, bool) { return "", false }
	}
	return execInventory{opts: o, argv: argv}, nil
}

// Hosts implements Inventory.
func (e execInventory) Hosts(ctx context.Context) ([]Host, error) {
	hosts, err := e.hosts(ctx)
	if err != nil {
		return nil, fmt.Errorf("inventory command %s: %w", e.argv[0], err)
	}
	return hosts, nil
}

func (e execInventory) hosts(ctx context.Context) ([]Host, error) {
	r, err := command.Run(ctx, command.Order{
		Argv: e.argv, Env: command.Environ(e.opts.Env, e.opts.Lookup, "WARDEN_POOL="+e.opts.Pool),
		Within: maxRun - grace, Grace: grace, MaxStdout: e.opts.MaxBytes, Clock: e.opts.Clock,
	})
	switch {
	case err != nil:
		return nil, err
	case !r.OK():
		return nil, fmt.Errorf("%s%s: run it by hand as warden's user", r, e.lastWords(r))
	case r.Cut:
		return nil, fmt.Errorf("it printed more than %d bytes: list only the hosts of this pool, or raise max_bytes", e.opts.MaxBytes)
	}
	hosts, err := decodeOutput(r.Stdout, e.opts.HostRegex)
	if err != nil {
		return nil, errors.New(e.told(err))
	}
	if len(hosts) > e.opts.MaxHosts {
		return nil, fmt.Errorf("it listed %d hosts, and %d is the most: list only the hosts of this pool, or raise max_hosts", len(hosts), e.opts.MaxHosts)
	}
	return hosts, nil
}

func (e execInventory) redact(raw []byte) string {
	secrets := command.SecretsOf(e.opts.Env, e.opts.Lookup)
	if e.opts.Secrets != nil {
		secrets = append(secrets, e.opts.Secrets()...)
	}
	return command.Redact(raw, secrets)
}

// quoted is what quote writes.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"(?:\.\.\.)?`)

// told words what is wrong with an output. What a command prints where a list
// should be may be anything, an answer with a token in it too: of what it quotes
// only whole host names are left, and the config's own regex.
func (e execInventory) told(err error) string {
	if errors.Is(err, errSyntax) {
		return errSyntax.Error() + ": run it by hand as warden's user"
	}
	return quoted.ReplaceAllStringFunc(err.Error(), func(q string) string {
		if e.opts.HostRegex != nil && q == quote(e.opts.HostRegex.String()) {
			return q
		}
		inside := strings.Trim(q, `"`)
		if !ValidName(inside) || e.redact([]byte(inside)) != inside {
			return "what it printed (not shown)"
		}
		return q
	})
}

func (e execInventory) lastWords(r command.Result) string {
	if line := command.LastLine(e.redact(r.Stderr)); line != "" {
		return ": " + line
	}
	return ""
}

// decodeOutput reads what a command printed: what begins like a list of JSON or
// YAML is one, and anything else is a name a line.
func decodeOutput(data []byte, regex *regexp.Regexp) ([]Host, error) {
	lines := slices.DeleteFunc(strings.Split(string(data), "\n"), func(l string) bool {
		l = strings.TrimSpace(l)
		return l == "" || strings.HasPrefix(l, "#")
	})
	if len(lines) == 0 || bytes.ContainsAny([]byte(strings.TrimSpace(lines[0])[:1]), "-[{\"'\xef") {
		return decode(data, regex)
	}
	entries := make([]entry, 0, len(lines))
	for _, l := range lines {
		l = strings.TrimSpace(l)
		if strings.ContainsAny(l, " \t") {
			return nil, fmt.Errorf("%s is not one name: print one a line, or a list as JSON or YAML", quote(l))
		}
		entries = append(entries, entry{host: hostOf(l, nil), wrote: l})
	}
	if regex != nil {
		if err := rename(entries, regex); err != nil {
			return nil, err
		}
	}
	return finish(entries)
}
