package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net"
	"os"
	"slices"
	"time"

	"warden/actions"
	"warden/actions/haproxy"
	"warden/detectors"
	"warden/internal/clock"
	"warden/internal/config"
	"warden/internal/engine"
	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
)

// builder turns a checked config file into what the engine runs. It holds the
// one literal list of source, inventory, detector and action kinds.
type builder struct {
	clock   clock.Clock
	env     config.Env
	metrics *source.Metrics
	// node is this node's name; empty where no node runs, as for checking a file.
	node string
	// dial connects to load balancers; nil for the system's.
	dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// build makes the engine's config. Its errors name the table and key.
func (b builder) build(c *config.Config) (*engine.Config, error) {
	out := &engine.Config{
		Hash:           c.Hash(),
		Pools:          map[remedy.PoolName]engine.Pool{},
		Actions:        map[remedy.ActionName]engine.Action{},
		Sources:        map[remedy.SourceName]engine.Source{},
		MaxEvidenceAge: map[remedy.DetectorName]time.Duration{},
		ClusterPerHour: c.Guardrails.MaxActionsPerHour,
		ClusterPerDay:  c.Guardrails.MaxActionsPerDay,
		FreezeFile:     freezeFile(c.Guardrails.FreezeFile),
		ShadowOut:      c.Guardrails.ShadowOut.Std(),
		UnknownClose:   c.Guardrails.UnknownClose.Std(),
		KeepClosed:     c.Ledger.KeepClosed.Std(),
		Aliases:        c.Aliases(),
		Quiet:          quietHours(c.Approvals.QuietHours),
		MaxSnooze:      c.Approvals.MaxSnooze.Std(),
		MaxClockOffset: c.Guardrails.MaxClockOffset.Std(),
		Corroborate:    c.Guardrails.Corroborate != config.CorroborateOff,
		Trust:          c.Policy.Rules(),
	}
	summary(out, c.Summary)
	var errs []error
	for _, w := range c.Guardrails.Windows {
		v, err := newWindow(w)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.Windows = append(out.Windows, v)
	}
	for _, x := range c.Guardrails.BlockWhen {
		v, err := newBlockWhen(c, x)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.BlockWhen = append(out.BlockWhen, v)
	}
	for _, name := range sortedKeys(c.Sources) {
		s, err := b.source(c, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.Sources[name] = engine.Source{Source: s, MaxStaleness: c.Sources[name].MaxStaleness.Std(), Timeout: c.Sources[name].Timeout.Std()}
	}
	for _, name := range sortedKeys(c.Pools) {
		p, err := b.pool(c, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.Pools[name] = p
	}
	for _, name := range sortedKeys(c.Detectors) {
		d, err := b.detector(c, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.Detectors = append(out.Detectors, d)
		out.MaxEvidenceAge[name] = c.MaxEvidenceAge(name).Std()
	}
	for _, name := range sortedKeys(c.Actions) {
		a, err := b.action(c, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out.Actions[name] = a
	}
	return out, errors.Join(errs...)
}

func (b builder) source(c *config.Config, name remedy.SourceName) (source.Source, error) {
	s := c.SourceOn(name, b.node)
	switch s.Type {
	case config.TypePrometheus, config.TypeGraphite:
		o := source.Options{
			Name: name, URL: s.URL, Timeout: s.Timeout.Std(), MaxSeries: s.MaxSeries, MaxBytes: s.MaxBytes,
			Username: s.Username, Metrics: b.metrics,
		}
		// Secrets are read anew at every request, so that a rotated file
		// counts at once.
		if s.TokenFile.IsSet() {
			o.Token = b.secret(c, name, func(got config.Credentials) string { return got.Token.Reveal() })
		}
		if s.PasswordFile.IsSet() {
			o.Password = b.secret(c, name, func(got config.Credentials) string { return got.Password.Reveal() })
		}
		inner, err := columnar(o, s)
		if err != nil {
			return nil, err
		}
		return source.NewCached(inner, source.CacheOptions{Name: name, LateWithin: s.LateWithin.Std(), Metrics: b.metrics}), nil
	default:
		return nil, fmt.Errorf("sources.%s.type: %q is not a kind of source", name, s.Type)
	}
}

// columnar makes a source without its cache.
func columnar(o source.Options, s config.Source) (source.Columnar, error) {
	if s.Type == config.TypeGraphite {
		return source.NewGraphite(o, s.NoCache)
	}
	return source.NewPrometheus(o)
}

func (b builder) secret(c *config.Config, name remedy.SourceName, pick func(config.Credentials) string) func() (string, error) {
	return func() (string, error) {
		got, err := c.Credentials(name, b.node, b.env)
		if err != nil {
			return "", err
		}
		return pick(got), nil
	}
}

func (b builder) pool(c *config.Config, name remedy.PoolName) (engine.Pool, error) {
	p := c.Pools[name]
	out := engine.Pool{
		Limits: ledger.Limits{
			MinInService: p.MinInService, MaxOut: p.MaxOutOfService, MaxOutFraction: p.MaxOutFraction,
			MaxConcurrent: p.MaxConcurrent, PerHour: p.MaxActionsPerHour, PerDay: p.MaxActionsPerDay,
			SettleAfterAction: p.SettleAfterAction.Std(), MaxAttempts: p.MaxAttempts, FlapLimit: p.FlapLimit,
			DomainLabel: p.FailureDomainLabel, MaxDomains: p.MaxFailureDomains,
		},
		ProtectedBy:     p.ProtectedBy,
		AssumeInService: p.AssumeInService,
		Probe:           p.Probe,
	}
	switch p.Inventory.Type {
	case config.TypeStatic:
		names := make([]string, len(p.Inventory.Hosts))
		for i, h := range p.Inventory.Hosts {
			names[i] = string(h)
		}
		inv, err := inventory.NewStatic(names, p.Inventory.LabelsByHost())
		if err != nil {
			return out, fmt.Errorf("pools.%s.inventory.hosts: %w", name, err)
		}
		out.Inventory, out.Static = inv, true
	case config.TypeFile:
		out.Inventory, out.Refresh = inventory.NewFile(p.Inventory.Path, p.Inventory.HostRegex.Regexp()), p.Inventory.Refresh.Std()
	case config.TypeHAProxy:
		servers, err := haproxy.NewServers(haproxy.Options{
			Address: p.Inventory.Address, Addresses: p.Inventory.Addresses, Backend: p.Inventory.Backend, HostRegex: p.Inventory.HostRegex.Regexp(), Dial: b.dial,
		})
		if err != nil {
			return out, fmt.Errorf("pools.%s.inventory: %w", name, err)
		}
		out.Inventory = inventory.NewAsked("of HAProxy's backend "+p.Inventory.Backend, servers.Hosts)
		out.Refresh = p.Inventory.Refresh.Std()
	case config.TypeExec:
		inv, err := b.execInventory(c, name)
		if err != nil {
			return out, fmt.Errorf("pools.%s.inventory.%w", name, err)
		}
		out.Inventory, out.Refresh = inv, p.Inventory.Refresh.Std()
	default:
		return out, fmt.Errorf("pools.%s.inventory.type: %q is not a kind of inventory", name, p.Inventory.Type)
	}
	return out, nil
}

func (builder) detector(c *config.Config, name remedy.DetectorName) (detectors.Detector, error) {
	d := c.Detectors[name]
	switch d.Type {
	case config.TypeCanary:
		return newCanary(c, name)
	case config.TypeThreshold:
		return newThreshold(c, name)
	default:
		return nil, fmt.Errorf("detectors.%s.type: %q is not a kind of detector", name, d.Type)
	}
}

// newCanary makes a canary detector of its table.
func newCanary(c *config.Config, name remedy.DetectorName) (*detectors.Canary, error) {
	d := c.Detectors[name]
	dialect, label := dialectOf(c, name)
	return detectors.NewCanary(detectors.CanarySpec{
		Name: name, Source: d.Source, Pools: d.Pools, Dialect: dialect, Query: d.Query, HostNode: c.HostNode(name),
		ExpectPerMinute: d.ExpectPerMinute, ExpectQuery: d.ExpectQuery, FreshQuery: d.FreshQuery,
		HostLabel: label, HostRegex: d.HostRegex.Regexp(), CanaryTarget: c.Sources[d.Source].CanaryTarget,
		Interval: d.Interval.Std(), Window: d.Window.Std(), For: d.For.Std(), SeenWithin: d.SeenWithin.Std(),
		BadBelow: d.BadBelow, ClearAbove: d.ClearAbove, MinPoints: d.MinPoints, MaxEnded: d.MaxEnded,
		MaxStaleness: c.MaxStaleness(name).Std(), MinCoverage: d.MinCoverage, MaxBadFraction: d.MaxBadFraction,
		CommonModeWindow: d.CommonModeWindow.Std(), StormCooldown: d.StormCooldown.Std(), Propose: d.Propose,
	})
}

// dialectOf is what the detector's source speaks, and the label that holds the
// host there.
func dialectOf(c *config.Config, name remedy.DetectorName) (detectors.Dialect, string) {
	if c.OnGraphite(name) {
		return detectors.Graphite, "" // the default label is of no use there
	}
	return detectors.PromQL, c.Detectors[name].HostLabel
}

// newThreshold makes a threshold detector of its table.
func newThreshold(c *config.Config, name remedy.DetectorName) (*detectors.Threshold, error) {
	d := c.Detectors[name]
	dialect, label := dialectOf(c, name)
	spec := detectors.ThresholdSpec{
		Name: name, Source: d.Source, Pools: d.Pools, Dialect: dialect, Match: detectors.Match(d.Match),
		HostLabel: label, HostNode: c.HostNode(name), HostRegex: d.HostRegex.Regexp(), CanaryTarget: c.Sources[d.Source].CanaryTarget,
		Interval: d.Interval.Std(), Window: d.Window.Std(), Aggregate: detectors.Aggregate(d.Aggregate), For: d.For.Std(),
		MinPoints: d.MinPoints, MaxStaleness: c.MaxStaleness(name).Std(), MinCoverage: d.MinCoverage,
		MaxBadFraction: d.MaxBadFraction, CommonModeWindow: d.CommonModeWindow.Std(), StormCooldown: d.StormCooldown.Std(), Propose: d.Propose,
	}
	condition := func(x config.Condition, path ...string) detectors.Condition {
		path = append([]string{"detectors", string(name)}, path...)
		bound := func(key string, v float64) *float64 {
			if !c.IsSet(append(slices.Clone(path), key)...) {
				return nil
			}
			return &v
		}
		return detectors.Condition{
			Query: x.Query, FreshQuery: x.FreshQuery, Unit: x.Unit,
			BadBelow: bound("bad_below", x.BadBelow), ClearAbove: bound("clear_above", x.ClearAbove),
			BadAbove: bound("bad_above", x.BadAbove), ClearBelow: bound("clear_below", x.ClearBelow),
		}
	}
	for _, key := range sortedKeys(d.Conditions) {
		made := condition(d.Conditions[key], "conditions", key)
		made.Name = key
		spec.Conditions = append(spec.Conditions, made)
	}
	if len(d.Conditions) == 0 {
		spec.Conditions = []detectors.Condition{condition(config.Condition{
			Query: d.Query, FreshQuery: d.FreshQuery, Unit: d.Unit, BadBelow: d.BadBelow, ClearAbove: d.ClearAbove, BadAbove: d.BadAbove, ClearBelow: d.ClearBelow,
		})}
	}
	return detectors.NewThreshold(spec)
}

func (b builder) action(c *config.Config, name remedy.ActionName) (engine.Action, error) {
	a := c.Actions[name]
	out := engine.Action{
		Levels:        c.Levels(name),
		Approvers:     remedy.Matches(c.ApproversOf(name)),
		Who:           c.WhoOf(name),
		Approvals:     c.ApprovalsOf(name),
		AnnounceFor:   a.AnnounceFor.Std(),
		ExpiresAfter:  c.ExpiresAfterOf(name).Std(),
		Cooldown:      a.CooldownPerHost.Std(),
		ComplainEvery: a.ComplainAtMostEvery.Std(),
	}
	switch a.Type {
	case config.TypeHAProxy:
		impl, err := haproxy.New(haproxy.Options{
			Name: name, Address: a.Address, Addresses: a.Addresses, PoolAddresses: a.PoolAddresses,
			Backend: a.Backend, Backends: a.PoolBackend, State: a.State, HostRegex: a.HostRegex.Regexp(), Clock: b.clock, Dial: b.dial,
		})
		if err != nil {
			return out, fmt.Errorf("actions.%s: %w", name, err)
		}
		out.Action, out.Spec = impl, impl.Spec()
	case config.TypeExec:
		impl, err := b.execAction(c, name)
		if err != nil {
			return out, fmt.Errorf("actions.%s.%w", name, err)
		}
		out.Action, out.Spec = impl, impl.Spec()
		out.Verify = engine.Verify{Detector: a.Verify.Detector, Command: impl.Verify(), Within: a.Verify.Within.Std()}
	default:
		return out, fmt.Errorf("actions.%s.type: %q is not a kind of action", name, a.Type)
	}
	out.Spec.Timeout, out.Spec.StartWithin, out.Spec.TookWithin = a.Timeout.Std(), a.StartWithin.Std(), c.TookWithin(name).Std()
	out.Verify.Detector, out.Verify.Within = a.Verify.Detector, a.Verify.Within.Std()
	out.Spec.Digest, out.Targets = b.targets(c, name)
	out.Spec.ManualHint, out.Spec.UndoHint = cmp.Or(a.ManualHint, out.Spec.ManualHint), a.UndoHint
	if a.ManualHint != "" || a.UndoHint != "" {
		impl, err := withHints(out.Action, a.ManualHint, a.UndoHint)
		if err != nil {
			return out, fmt.Errorf("actions.%s.%w", name, err)
		}
		out.Action = impl
	}
	return out, nil
}

// freezeFile looks for the file that freezes warden. Only "no such file" is a
// no: what can't be read may be there.
func freezeFile(path string) func() (bool, error) {
	if path == "" {
		return nil
	}
	return func() (bool, error) {
		_, err := os.Lstat(path)
		switch {
		case err == nil:
			return true, nil
		case errors.Is(err, fs.ErrNotExist):
			return false, nil
		}
		return false, fmt.Errorf("the freeze file can't be looked for: %w: let warden read its directory", err)
	}
}

func sortedKeys[K ~string, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

var _ actions.Action = hinted{}
