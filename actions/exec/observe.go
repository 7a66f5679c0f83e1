package exec

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
	"unicode"
	"unicode/utf8"

	"warden/actions"
	"warden/internal/command"
	"warden/internal/remedy"
)

// The exits of observe and verify that say something. Any other is unknown.
const (
	exitYes = 0
	exitNo  = 1
)

// The words of the lines that observe_all prints.
const (
	wordWanted  = "wanted"
	wordNot     = "not"
	wordUnknown = "unknown"
)

// nothingPrinted ends warden's own words. No prior value may end with it, so
// that none is taken for them.
const nothingPrinted = " (nothing printed)"

// stateWanted and stateNot are warden's own words for a host's state, where
// observe prints none.
func stateWanted(takesOut bool) string {
	if takesOut {
		return "out of service" + nothingPrinted
	}
	return "as wanted" + nothingPrinted
}

func stateNot(takesOut bool) string {
	if takesOut {
		return "in service" + nothingPrinted
	}
	return "not as wanted" + nothingPrinted
}

// Observe implements actions.Action: observe_all once for several hosts, where
// there is one, and else observe for each, a few at a time. Without either
// nothing is known of any host.
func (a *Action) Observe(ctx context.Context, pool remedy.PoolName, hosts []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	switch {
	case a.observeAll != nil && (a.observe == nil || len(hosts) != 1):
		seen, err := a.observeWhole(ctx, pool)
		if err != nil {
			return nil, fmt.Errorf("exec: observe %s: %w: %w", pool, actions.ErrBackend, err)
		}
		return seen, nil
	case a.observe != nil:
		return a.observeEach(ctx, pool, hosts)
	}
	seen := make(map[remedy.HostName]remedy.Observation, len(hosts))
	for _, h := range hosts {
		seen[h] = a.unknown("action " + string(a.opts.Name) + " has no observe")
	}
	return seen, nil
}

func (a *Action) observeEach(ctx context.Context, pool remedy.PoolName, hosts []remedy.HostName) (map[remedy.HostName]remedy.Observation, error) {
	all := make([]remedy.Observation, len(hosts))
	var wg sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, h := range hosts {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			all[i] = a.observeHost(ctx, pool, h)
		})
	}
	wg.Wait()
	seen := make(map[remedy.HostName]remedy.Observation, len(hosts))
	for i, h := range hosts {
		seen[h] = all[i]
	}
	return seen, nil
}

// observeHost asks about one host. Whatever goes wrong makes it unknown.
func (a *Action) observeHost(ctx context.Context, pool remedy.PoolName, host remedy.HostName) remedy.Observation {
	r, err := a.about(ctx, a.observe, pool, host)
	if err != nil {
		return a.unknown("observe: " + err.Error())
	}
	switch {
	case r.Stopped || r.Stuck || r.Signal != "":
	case r.Exit == exitYes:
		return a.observation(true, r.Stdout)
	case r.Exit == exitNo:
		return a.observation(false, r.Stdout)
	}
	return a.unknown("observe: " + a.observe.Program() + ": " + r.String() + a.lastWords(r))
}

// about runs a reading command about one host.
func (a *Action) about(ctx context.Context, argv *command.Argv, pool remedy.PoolName, host remedy.HostName) (command.Result, error) {
	if err := a.pattern.Check(string(host)); err != nil {
		return command.Result{}, err
	}
	return a.read(ctx, argv, command.Data{Host: string(host), Pool: string(pool), Action: string(a.opts.Name)}, 0)
}

// prior is the value that observe printed of a host that is not as wanted: what
// undo is given back, byte for byte. One that could not be kept or given back
// just so is an error, and then nothing is done to the host.
func (a *Action) prior(raw []byte) (string, error) {
	s := strings.TrimSpace(string(raw))
	switch {
	case len(s) > maxPrior:
		return "", fmt.Errorf("more than %d bytes: print only what undo needs", maxPrior)
	case !utf8.ValidString(s) || strings.IndexFunc(s, func(r rune) bool { return r != '\n' && r != '\t' && !unicode.IsPrint(r) }) >= 0:
		return "", errors.New("what can't be shown (control characters, or no UTF-8): print plain text")
	case strings.HasSuffix(s, nothingPrinted):
		return "", fmt.Errorf("words that end with %q, which are warden's own: print others", nothingPrinted)
	case a.redact([]byte(s)) != s:
		return "", errors.New("what holds a secret or looks like one, which is never stored: print what undo needs without it")
	}
	if s != "" && a.reverse != nil && a.reverse.Uses(command.FieldPrior) {
		sample := command.Data{Host: "h", Pool: "p", ID: "W-1", Action: "a", Token: "1.1", Prior: s}
		if _, err := a.reverse.Render(sample); err != nil {
			return "", fmt.Errorf("what undo can't be given: %w", err)
		}
	}
	return s, nil
}

// observation is of a host whose state is known.
func (a *Action) observation(wanted bool, printed []byte) remedy.Observation {
	o := a.unknown("a command does not tell")
	word, state := stateNot(a.opts.TakesOut), remedy.ServiceIn
	var said string
	if wanted { // then it is for people only
		word, state = stateWanted(a.opts.TakesOut), remedy.ServiceOut
		said = strings.TrimSpace(command.Tail(a.redact(printed), maxPrior))
	} else {
		prior, err := a.prior(printed)
		if err != nil {
			return a.unknown("observe printed " + err.Error())
		}
		said = prior
	}
	o.AsWanted, o.Took = remedy.Known(wanted), remedy.Known(wanted)
	if a.opts.TakesOut { // a restart says nothing of whether its host takes traffic
		o.State = state
	}
	o.Admin = cmp.Or(said, word)
	o.Detail = o.Admin
	return o
}

// unknown is the observation of a host that nothing is known of.
func (*Action) unknown(why string) remedy.Observation {
	return remedy.Observation{
		AsWanted: remedy.Unknown[bool](why), Took: remedy.Unknown[bool](why), LastChange: remedy.Unknown[time.Time](why),
		Sessions: remedy.Unknown[int64](why), Rate: remedy.Unknown[int64](why), Detail: why,
	}
}

// observeWhole reads observe_all: one line a host, "HOST STATE [PRIOR]". A line
// that can't be read makes all of it worthless, for nobody knows what is
// missing.
func (a *Action) observeWhole(ctx context.Context, pool remedy.PoolName) (map[remedy.HostName]remedy.Observation, error) {
	r, err := a.read(ctx, a.observeAll, command.Data{Pool: string(pool), Action: string(a.opts.Name)}, maxAll)
	switch {
	case err != nil:
		return nil, fmt.Errorf("observe_all: %w", err)
	case !r.OK():
		return nil, fmt.Errorf("observe_all: %s: %s%s", a.observeAll.Program(), r, a.lastWords(r))
	case r.Cut:
		return nil, fmt.Errorf("observe_all: it printed more than %d MiB: print one line a host of the pool", maxAll>>20)
	}
	seen, n := map[remedy.HostName]remedy.Observation{}, 0
	for line := range strings.Lines(string(r.Stdout)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		host, o, err := a.parseLine(line)
		if err != nil {
			return nil, fmt.Errorf("observe_all: line %d: %w", n, err)
		}
		if _, double := seen[host]; double {
			o = a.unknown("observe_all names it twice")
		}
		seen[host] = o
	}
	if len(seen) == 0 {
		return nil, errors.New("observe_all: it printed no host, which never means that there is none")
	}
	return seen, nil
}

func (a *Action) parseLine(line string) (remedy.HostName, remedy.Observation, error) {
	host, rest := cutField(line)
	word, prior := cutField(rest)
	switch word {
	case wordWanted:
		return remedy.HostName(host), a.observation(true, []byte(prior)), nil
	case wordNot:
		return remedy.HostName(host), a.observation(false, []byte(prior)), nil
	case wordUnknown:
		return remedy.HostName(host), a.unknown("observe_all says unknown"), nil
	}
	return "", remedy.Observation{}, errors.New("it is not HOST STATE [PRIOR], with wanted, not or unknown as the state: run it by hand and mend it") // not quoted: it may be anything
}

// cutField takes the first field off a line.
func cutField(s string) (field, rest string) {
	i := strings.IndexAny(s, " \t")
	if i < 0 {
		return s, ""
	}
	return s[:i], strings.TrimSpace(s[i:])
}

// Verify asks the verify command whether the effect took; nil where there is
// none. It is what engine.Verify.Command wants.
func (a *Action) Verify() func(context.Context, remedy.PoolName, remedy.HostName) remedy.Fact[bool] {
	if a.verify == nil {
		return nil
	}
	return func(ctx context.Context, pool remedy.PoolName, host remedy.HostName) remedy.Fact[bool] {
		r, err := a.about(ctx, a.verify, pool, host)
		switch {
		case err != nil:
			return remedy.Unknown[bool]("verify: " + err.Error())
		case r.Stopped || r.Stuck || r.Signal != "":
		case r.Exit == exitYes:
			return remedy.Known(true)
		case r.Exit == exitNo:
			return remedy.Known(false)
		}
		return remedy.Unknown[bool]("verify: " + a.verify.Program() + ": " + r.String() + a.lastWords(r))
	}
}
