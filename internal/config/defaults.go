package config

import (
	"time"

	"warden/internal/command"
)

// The default of every key that has one. Where the reason is not in the
// comment, the value is warden's design as docs/config.md gives it.
const (
	// DefaultClusterName is the name of a warden that was not given one.
	DefaultClusterName = "warden"
	// DefaultTiming is the name of raft's timeouts for ordinary disks and networks.
	DefaultTiming = "default"
	// DefaultLogLevel logs what an operator wants to read afterwards.
	DefaultLogLevel = "info"
	// DefaultLogFormat is console on a terminal and JSON anywhere else.
	DefaultLogFormat = "auto"

	// DefaultSourceTimeout is well under the default interval, so that a slow
	// source costs one round and not two.
	DefaultSourceTimeout = Duration(5 * time.Second)
	// DefaultLateWithin covers a scrape that takes all of its timeout and a batch
	// of remote write, on top of the one step by which every look lags. What it
	// costs is the server's: a minute more of it doubled the cost of a round.
	DefaultLateWithin = Duration(30 * time.Second)
	// DefaultGraphiteLateWithin covers a carbon-aggregator that flushes once a
	// minute and the queue of a relay behind it.
	DefaultGraphiteLateWithin = Duration(2 * time.Minute)
	// DefaultMaxSeries is five times the largest fleet warden is measured at.
	DefaultMaxSeries = 500_000
	// DefaultMaxBytes holds the answer for such a fleet: 256 MiB.
	DefaultMaxBytes = 256 << 20

	// DefaultRefresh is how often an inventory file is read.
	DefaultRefresh = Duration(time.Minute)

	// DefaultMaxOutFraction is no limit besides max_out_of_service.
	DefaultMaxOutFraction = 1.0
	// DefaultMaxConcurrent is one host at a time.
	DefaultMaxConcurrent = 1
	// DefaultMaxActionsPerHour is per pool.
	DefaultMaxActionsPerHour = 4
	// DefaultMaxActionsPerDay is per pool.
	DefaultMaxActionsPerDay = 12
	// DefaultSettleAfterAction is one default `for`: time to see the effect.
	DefaultSettleAfterAction = Duration(5 * time.Minute)
	// DefaultMaxFailureDomains holds where failure_domain_label is set.
	DefaultMaxFailureDomains = 1
	// DefaultMaxAttempts is per host and day.
	DefaultMaxAttempts = 3
	// DefaultFlapLimit is per host and day.
	DefaultFlapLimit = 3

	// DefaultHostLabel is the label Prometheus gives to every scraped series.
	DefaultHostLabel = "instance"
	// DefaultInterval is the time between two judged instants.
	DefaultInterval = Duration(30 * time.Second)
	// DefaultWindow is what one judged instant covers.
	DefaultWindow = Duration(10 * time.Minute)
	// DefaultFor is how long a host must be bad without a break.
	DefaultFor = Duration(5 * time.Minute)
	// DefaultSeenWithin is how far back a stopped host must have been seen.
	DefaultSeenWithin = Duration(time.Hour)
	// DefaultBadBelow is half of what was expected.
	DefaultBadBelow = 0.50
	// DefaultClearAbove leaves a wide band in which nothing is concluded.
	DefaultClearAbove = 0.90
	// DefaultMinPoints is a third of a ten-minute window scraped every 30 s,
	// and most of one scraped every minute.
	DefaultMinPoints = 8
	// DefaultMaxEnded is one stopped host: two at once are a broken pipe.
	DefaultMaxEnded = 1
	// DefaultMinCoverage is the share of hosts in service to be judged.
	DefaultMinCoverage = 0.90
	// DefaultMaxBadFraction is the share above which it is no host problem.
	DefaultMaxBadFraction = 0.20
	// DefaultCommonModeWindow is how long a taken-out host counts as bad.
	DefaultCommonModeWindow = Duration(time.Hour)
	// DefaultStormCooldown is how long hands stay off after common mode ended.
	DefaultStormCooldown = Duration(10 * time.Minute)
	// StalenessIntervals times the interval is the default of max_staleness.
	StalenessIntervals = 3
	// EvidenceIntervals times the interval, and the source's timeout on top,
	// is the default of max_evidence_age.
	EvidenceIntervals = 2

	// DefaultReadTimeout is well under the default interval: whoever is asked in
	// every round must not hold it up.
	DefaultReadTimeout = Duration(10 * time.Second)
	// DefaultHostPattern is command.DefaultHostPattern: no option, no path, and
	// nothing that a script could trip over.
	DefaultHostPattern = command.DefaultHostPattern
	// DefaultTakesOut counts on the safe side.
	DefaultTakesOut = true
	// DefaultInventoryBytes holds the names and a few labels of the hosts that
	// DefaultInventoryHosts lets through.
	DefaultInventoryBytes = 1 << 20
	// DefaultInventoryHosts is far above one pool: more is another query's answer.
	DefaultInventoryHosts = 10_000

	// DefaultState takes a host out gently: running requests finish.
	DefaultState = StateDrain
	// DefaultTimeout is run_within: how long one effect may take.
	DefaultTimeout = Duration(time.Minute)
	// DefaultStartWithin is how long after START an effect may begin.
	DefaultStartWithin = Duration(30 * time.Second)
	// DefaultTookWithin is how long to wait for quiet after the effect.
	DefaultTookWithin = Duration(3 * time.Minute)
	// DefaultExpiresAfter is how long a question waits for its answer.
	DefaultExpiresAfter = Duration(20 * time.Minute)
	// DefaultCooldownPerHost keeps a host that came back from being taken out
	// again the same night.
	DefaultCooldownPerHost = Duration(6 * time.Hour)
	// DefaultComplainAtMostEvery is per host and action.
	DefaultComplainAtMostEvery = Duration(6 * time.Hour)

	// DefaultShadowOut bounds a shadow execution's out-slot.
	DefaultShadowOut = Duration(4 * time.Hour)
	// DefaultUnknownClose closes a case without data, as no_data.
	DefaultUnknownClose = Duration(24 * time.Hour)
	// DefaultMaxClockOffset is how wrong a clock may be.
	DefaultMaxClockOffset = Duration(2 * time.Second)

	// DefaultTimezone is nobody's in particular.
	DefaultTimezone = "UTC"
	// DefaultWindowCap leaves the last word to a person.
	DefaultWindowCap = "confirm"

	// DefaultKeepClosed is a year and a month: last year's incident is there
	// when this year's review comes.
	DefaultKeepClosed = 400 * day

	// DefaultAuditRetention is as long as closed cases are kept.
	DefaultAuditRetention = 400 * day

	// DefaultMirrorPrefix begins the paths of mirrored metrics.
	DefaultMirrorPrefix = "warden"
	// DefaultMirrorInterval is the finest step of carbon's usual schemas.
	DefaultMirrorInterval = Duration(10 * time.Second)
	// DefaultOutletTimeout bounds one request to a webhook, to Graphite's events or to
	// Grafana.
	DefaultOutletTimeout = Duration(10 * time.Second)

	// DefaultLookback covers an alert that fires on the same trouble long before a
	// detector is sure.
	DefaultLookback = Duration(30 * time.Minute)

	// DefaultHeartbeatInterval is what outside watchers expect of a daemon.
	DefaultHeartbeatInterval = Duration(time.Minute)
)

// defaulted is implemented by the tables that have defaults. The decoder calls
// it before it reads the table, whether or not the table is there.
type defaulted interface{ setDefaults() }

// defaultedByType is implemented by the tables whose defaults depend on their
// type. The decoder calls it once it has read that.
type defaultedByType interface{ setDefaultsOf(kind string) }

func (c *Cluster) setDefaults() { c.Name, c.Timing = DefaultClusterName, DefaultTiming }

func (l *Log) setDefaults() { l.Level, l.Format = DefaultLogLevel, DefaultLogFormat }

func (s *Source) setDefaults() {
	s.Timeout = DefaultSourceTimeout
	s.LateWithin = DefaultLateWithin
	s.MaxSeries = DefaultMaxSeries
	s.MaxBytes = DefaultMaxBytes
}

func (s *Source) setDefaultsOf(kind string) {
	if kind == TypeGraphite {
		s.LateWithin = DefaultGraphiteLateWithin
	}
}

func (p *Pool) setDefaults() {
	p.MaxOutFraction = DefaultMaxOutFraction
	p.MaxConcurrent = DefaultMaxConcurrent
	p.MaxActionsPerHour = DefaultMaxActionsPerHour
	p.MaxActionsPerDay = DefaultMaxActionsPerDay
	p.SettleAfterAction = DefaultSettleAfterAction
	p.MaxFailureDomains = DefaultMaxFailureDomains
	p.MaxAttempts = DefaultMaxAttempts
	p.FlapLimit = DefaultFlapLimit
}

func (i *Inventory) setDefaults() {
	i.Refresh = DefaultRefresh
	i.MaxBytes, i.MaxHosts = DefaultInventoryBytes, DefaultInventoryHosts
}

func (d *Detector) setDefaults() {
	d.HostLabel = DefaultHostLabel
	d.Interval = DefaultInterval
	d.For = DefaultFor
	d.MinPoints = 1
	d.MinCoverage = DefaultMinCoverage
	d.MaxBadFraction = DefaultMaxBadFraction
	d.CommonModeWindow = DefaultCommonModeWindow
	d.StormCooldown = DefaultStormCooldown
}

func (d *Detector) setDefaultsOf(kind string) {
	if kind != TypeCanary {
		return
	}
	d.Window = DefaultWindow
	d.SeenWithin = DefaultSeenWithin
	d.BadBelow = DefaultBadBelow
	d.ClearAbove = DefaultClearAbove
	d.MinPoints = DefaultMinPoints
	d.MaxEnded = DefaultMaxEnded
}

func (a *Action) setDefaults() {
	a.State = DefaultState
	a.ReadTimeout, a.HostPattern, a.TakesOut = DefaultReadTimeout, DefaultHostPattern, DefaultTakesOut
	a.Timeout = DefaultTimeout
	a.StartWithin = DefaultStartWithin
	a.TookWithin = DefaultTookWithin
	a.CooldownPerHost = DefaultCooldownPerHost
	a.ComplainAtMostEvery = DefaultComplainAtMostEvery
}

func (g *Guardrails) setDefaults() {
	g.ShadowOut = DefaultShadowOut
	g.UnknownClose = DefaultUnknownClose
	g.MaxClockOffset = DefaultMaxClockOffset
	g.Corroborate = CorroborateMajority
}

func (w *Window) setDefaults() {
	w.Timezone = DefaultTimezone
	w.Cap = DefaultWindowCap
}

func (l *Ledger) setDefaults() { l.KeepClosed = DefaultKeepClosed }

func (a *Audit) setDefaults() { a.Retention = DefaultAuditRetention }

func (m *GraphiteMirror) setDefaults() {
	m.Prefix, m.Interval = DefaultMirrorPrefix, DefaultMirrorInterval
}

func (h *Heartbeat) setDefaults() { h.Interval = DefaultHeartbeatInterval }
