package engine

import (
	"cmp"
	"context"
	"time"

	"warden/actions"
	"warden/detectors"
	"warden/internal/chat"
	"warden/internal/inventory"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/source"
	"warden/internal/trust"
	"warden/policy"
)

// Config is everything the engine needs of a checked config file. It is made
// once and never changed: a reload makes a new one and hands it to
// Engine.Reconfigure.
type Config struct {
	// Hash fingerprints the file.
	Hash      string
	Pools     map[remedy.PoolName]Pool
	Detectors []detectors.Detector
	Actions   map[remedy.ActionName]Action
	Sources   map[remedy.SourceName]Source
	// MaxEvidenceAge is how old what a detector judged may be, by detector; two
	// of its intervals where none is given.
	MaxEvidenceAge map[remedy.DetectorName]time.Duration
	// ClusterPerHour and ClusterPerDay are the cluster-wide rates; 0 when not
	// configured.
	ClusterPerHour, ClusterPerDay int
	// Windows are when less is done.
	Windows []policy.Window
	// BlockWhen are what holds everything back.
	BlockWhen []BlockWhen
	// FreezeFile reports whether the freeze file is there; only "no such file"
	// is a false without an error. Nil when none is configured.
	FreezeFile func() (bool, error)
	// ShadowOut is how long a shadow execution holds its host out at most.
	ShadowOut time.Duration
	// UnknownClose is how long a verdict may stay unknown before its open case
	// closes as no_data.
	UnknownClose time.Duration
	// KeepClosed is how long closed cases are kept.
	KeepClosed time.Duration
	// Corroborate wants a majority of the voters to find a host bad before
	// warden acts by itself.
	Corroborate bool
	// Aliases are the people of whom more than one unix user is known.
	Aliases []remedy.Alias
	// Quiet is when people are called less; nil for never.
	Quiet *QuietHours
	// MaxSnooze is how long a question is put off at once; 0 for what the ledger
	// allows.
	MaxSnooze time.Duration
	// MaxClockOffset is how far clocks may be apart.
	MaxClockOffset time.Duration
	// Trust is how trust is earned and lost.
	Trust trust.Rules
	// Couriers tell people beside the console, one a surface. One that is in the
	// next config as well goes on.
	Couriers []chat.Courier
	// Daily is when the morning summary is due; nil for never. Morning words it, also
	// where a person asks; nil where nobody does.
	Daily   *Daily
	Morning MorningWords
}

// Pool is one pool of a Config.
type Pool struct {
	Limits    ledger.Limits
	Inventory inventory.Inventory
	// Static says that the inventory is a list in the config, so that editing
	// it is a person's acceptance of the new size.
	Static bool
	// Refresh is how often a file is read again; every round when 0.
	Refresh time.Duration
	// ProtectedBy returns the pattern of the protected list that names the
	// host, or "".
	ProtectedBy func(remedy.HostName) string
	// Probe is the detector that says of hosts that are out whether they are fit
	// to return; empty for none.
	Probe remedy.DetectorName
	// AssumeInService takes a host that no load balancer knows for in service.
	AssumeInService bool
}

// Source is one source of a Config.
type Source struct {
	source.Source
	// MaxStaleness is what its canary_target is held against, for showing.
	MaxStaleness time.Duration
	// Timeout is how long it may take over one request.
	Timeout time.Duration
}

// Action is one action of a Config.
type Action struct {
	actions.Action
	Spec actions.Spec
	// Targets are the digests of what the action does in the pools where it is
	// not Spec.Digest. See Target.
	Targets map[remedy.PoolName]string
	// Verify says how it is told that an effect took, where Observe alone
	// doesn't say.
	Verify Verify
	// Levels are the file's levels by pool.
	Levels map[remedy.PoolName]remedy.Level
	// Approvers may approve; unix users, and groups as "@group".
	Approvers []string
	// Who says of them where they come from; empty where that is all there is.
	Who          []remedy.Approver
	ExpiresAfter time.Duration
	// Approvals is how many people have to say yes; 0 is one. AnnounceFor is how
	// long it is announced before it is done at auto; 0 for not at all.
	Approvals   int
	AnnounceFor time.Duration
	Cooldown    time.Duration
	// ComplainEvery is the shortest time between two complaints about one host.
	ComplainEvery time.Duration
}

// Verify is an action's own way to tell whether an effect took. At most one of
// Detector and Command is set; with neither, Observation.Took says it.
type Verify struct {
	// Detector names the detector whose verdict on the host says it.
	Detector remedy.DetectorName
	// Command asks whether the effect took; unknown, with the reason, when it
	// can't say.
	Command func(ctx context.Context, pool remedy.PoolName, host remedy.HostName) remedy.Fact[bool]
	// Within is how long to wait for it; the action's TookWithin when 0.
	Within time.Duration
}

// Report is what the node tells the ledger of the config.
func (c *Config) Report(node remedy.NodeID) *ledger.NodeReport {
	r := &ledger.NodeReport{
		Node: node, MaxVersion: ledger.Version, ConfigHash: c.Hash,
		ClusterPerHour: c.ClusterPerHour, ClusterPerDay: c.ClusterPerDay,
	}
	for _, name := range sorted(c.Pools) {
		r.Pools = append(r.Pools, ledger.PoolReport{Pool: name, Limits: c.Pools[name].Limits})
	}
	for _, name := range sorted(c.Actions) {
		a := c.Actions[name]
		for _, pool := range sorted(a.Levels) {
			l := ledger.LevelReport{Action: name, Pool: pool, Level: a.Levels[pool], Cooldown: a.Cooldown, LeavesIn: !a.Spec.TakesOut}
			for _, d := range c.detectorsOf(pool) {
				if s := d.Spec(); s.Proposes == name {
					l.Detectors = append(l.Detectors, s.Name)
				}
			}
			r.Levels = append(r.Levels, l)
		}
	}
	return r
}

// detectorsOf lists the detectors that judge a pool in every round, in the
// config's order: those that propose something.
func (c *Config) detectorsOf(pool remedy.PoolName) []detectors.Detector {
	var out []detectors.Detector
	for _, d := range c.Detectors {
		spec := d.Spec()
		for _, p := range spec.Pools {
			if p == pool && spec.Proposes != "" {
				out = append(out, d)
			}
		}
	}
	return out
}

// detector finds a detector by name.
func (c *Config) detector(name remedy.DetectorName) (detectors.Detector, bool) {
	for _, d := range c.Detectors {
		if d.Spec().Name == name {
			return d, true
		}
	}
	return nil, false
}

// maxEvidenceAge is how old what the detector judged may be.
func (c *Config) maxEvidenceAge(d detectors.Detector) time.Duration {
	spec := d.Spec()
	return cmp.Or(c.MaxEvidenceAge[spec.Name], 2*spec.Interval)
}

// observers lists the actions whose backend says who is in service in a pool:
// those that have a level there and can observe all of it.
func (c *Config) observers(pool remedy.PoolName) []remedy.ActionName {
	var out []remedy.ActionName
	for _, name := range sorted(c.Actions) {
		a := c.Actions[name]
		if _, ok := a.Levels[pool]; ok && a.Spec.CanObserve {
			out = append(out, name)
		}
	}
	return out
}

// RoundInterval is the time between two rounds.
func (c *Config) RoundInterval() time.Duration { return c.interval() }

// interval is the shortest interval of any detector that proposes something;
// 30 s without one.
func (c *Config) interval() time.Duration {
	var shortest time.Duration
	for _, d := range c.Detectors {
		if s := d.Spec(); s.Proposes != "" && (shortest == 0 || s.Interval < shortest) {
			shortest = s.Interval
		}
	}
	return cmp.Or(shortest, 30*time.Second)
}

// level is this node's own file's level; metric-only for what it doesn't name.
func (c *Config) level(action remedy.ActionName, pool remedy.PoolName) remedy.Level {
	if a, ok := c.Actions[action]; ok {
		if l, ok := a.Levels[pool]; ok {
			return l
		}
	}
	return remedy.LevelMetricOnly
}

// LongestExecution is how long the longest of the config's executions may
// take, from START to the end of its effect.
func (c *Config) LongestExecution() time.Duration {
	var longest time.Duration
	for _, name := range sorted(c.Actions) {
		longest = max(longest, c.Actions[name].Spec.StartWithin+c.Actions[name].Spec.Timeout)
	}
	return longest
}
