package config

import (
	"path"

	"warden/internal/remedy"
)

// The words a `type` key can have, by what it is the type of.
const (
	TypePrometheus = "prometheus" // of a source
	TypeGraphite   = "graphite"   // of a source
	TypeStatic     = "static"     // of an inventory
	TypeFile       = "file"       // of an inventory
	TypeCanary     = "canary"     // of a detector
	TypeThreshold  = "threshold"  // of a detector
	TypeExec       = "exec"       // of an inventory and of an action
	TypeHAProxy    = "haproxy"    // of an action, and of an inventory
)

// The states a haproxy action can want a server in.
const (
	StateDrain = "drain"
	StateMaint = "maint"
	StateReady = "ready"
)

// Config is one checked configuration file with every default filled in. It is
// made by Parse, read by everybody and changed by nobody.
//
// The struct tags are the schema: `toml` names a key, `required` and `oneof`
// hold it to something, `for` says which `type` of its table it belongs to, and
// `reload:"restart"` that a reload doesn't put it in force.
type Config struct {
	Version    int                              `toml:"config_version" required:"true"`
	Cluster    Cluster                          `toml:"cluster"`
	Log        Log                              `toml:"log"`
	Sources    map[remedy.SourceName]Source     `toml:"sources"`
	Pools      map[remedy.PoolName]Pool         `toml:"pools"`
	Detectors  map[remedy.DetectorName]Detector `toml:"detectors"`
	Actions    map[remedy.ActionName]Action     `toml:"actions"`
	Policy     Policy                           `toml:"policy"`
	Approvals  Approvals                        `toml:"approvals"`
	Chat       Chat                             `toml:"chat"`
	Guardrails Guardrails                       `toml:"guardrails"`
	Ledger     Ledger                           `toml:"ledger"`
	Audit      Audit                            `toml:"audit"`
	Telemetry  Telemetry                        `toml:"telemetry"`
	Heartbeat  Heartbeat                        `toml:"heartbeat"`
	Summary    Summary                          `toml:"summary"`
	// PagerDuty is where people are paged.
	PagerDuty PagerDuty `toml:"pagerduty"`
	// Annotations and Webhooks are where else is told what happened.
	Annotations Annotations `toml:"annotations"`
	Webhooks    []Webhook   `toml:"webhooks"`

	// file is where it was read from, index where each key stands in it, given which.
	file      string
	index     *index
	given     map[string]bool
	templates *templatesRead // nil for a config made by hand
}

// Cluster is the [cluster] table.
type Cluster struct {
	// Name tells this warden from others in metrics and messages.
	Name string `toml:"name"`
	// Peers are all nodes, this one included: HOST:PORT or NAME=HOST:PORT, as
	// ParsePeer reads them. Empty for a node that is alone.
	Peers []string `toml:"peers" reload:"restart"`
	// ListenAddress is where this node listens for its peers, HOST:PORT; empty
	// for its own address in Peers. --cluster.listen-address wins over it.
	ListenAddress string `toml:"listen_address" reload:"restart"`
	// TLSCertFile, TLSKeyFile and TLSCAFile are what this node proves with who
	// it is, and checks with who the others are. All are set, or none.
	TLSCertFile string    `toml:"tls_cert_file" reload:"restart"`
	TLSKeyFile  SecretRef `toml:"tls_key_file" reload:"restart"`
	TLSCAFile   string    `toml:"tls_ca_file" reload:"restart"`
	// Timing names raft's timeouts.
	Timing string `toml:"timing" oneof:"default lan" reload:"restart"`
}

// Log is the [log] table. The flags --log.level and --log.format win over it.
type Log struct {
	Level  string `toml:"level" oneof:"debug info warn error" reload:"restart"`
	Format string `toml:"format" oneof:"json console auto" reload:"restart"`
}

// Source is one [sources.NAME] table: a place to ask for series.
type Source struct {
	Type string `toml:"type" required:"true" oneof:"prometheus graphite"`
	// URL is http or https, without user, password, query or fragment.
	URL string `toml:"url" required:"true"`
	// TokenFile refers to a bearer token; Username and PasswordFile to basic
	// authentication. At most one of the two ways is set.
	TokenFile    SecretRef `toml:"token_file"`
	Username     string    `toml:"username"`
	PasswordFile SecretRef `toml:"password_file"`
	// Timeout bounds one query.
	Timeout Duration `toml:"timeout"`
	// CanaryTarget is a series that is always fresh while the pipe works; when
	// it is not, nothing on the source is believed. Empty when not set.
	CanaryTarget string `toml:"canary_target"`
	// MaxStaleness is the default for the detectors on this source; 0 when not
	// set. See Config.MaxStaleness.
	MaxStaleness Duration `toml:"max_staleness"`
	// LateWithin is how late a point may arrive: instants that were answered
	// sooner than that are asked for again, and older ones are remembered.
	LateWithin Duration `toml:"late_within"`
	// MaxSeries and MaxBytes cap one answer.
	MaxSeries int   `toml:"max_series"`
	MaxBytes  int64 `toml:"max_bytes"`
	// NoCache asks Graphite to answer from its store and not from its cache.
	NoCache bool `toml:"no_cache" for:"graphite"`
	// PerNode is where single nodes ask instead, by the node's name or its first
	// label, so that each looks from where it stands. See Config.SourceOn.
	PerNode map[string]SourceNode `toml:"per_node"`
}

// SourceNode is one [sources.NAME.per_node.NODE] table. It says where a node
// asks, and nothing about what: detectors are the same on all nodes.
type SourceNode struct {
	// URL takes the place of the source's.
	URL string `toml:"url" required:"true"`
	// TokenFile, or Username and PasswordFile, take the place of all that the
	// source authenticates by; with none of them the source's own are used.
	TokenFile    SecretRef `toml:"token_file"`
	Username     string    `toml:"username"`
	PasswordFile SecretRef `toml:"password_file"`
}

// Pool is one [pools.NAME] table: interchangeable hosts behind one load
// balancer, and how few of them there may be.
type Pool struct {
	Description string    `toml:"description"`
	Inventory   Inventory `toml:"inventory" required:"true"`
	// MinInService is the floor: nobody takes the pool below it.
	MinInService int `toml:"min_in_service" required:"true"`
	// MaxOutOfService and MaxOutFraction (0..1, rounded down) limit how many
	// are out at once, by anybody's hand; the smaller holds.
	MaxOutOfService int     `toml:"max_out_of_service" required:"true"`
	MaxOutFraction  float64 `toml:"max_out_fraction"`
	// FailureDomainLabel is the label of a host that says which failure domain
	// it stands in, such as a rack; hosts of at most MaxFailureDomains may be
	// out. Empty for a pool without failure domains.
	FailureDomainLabel string `toml:"failure_domain_label"`
	MaxFailureDomains  int    `toml:"max_failure_domains"`
	// MaxConcurrent is how many executions run at once.
	MaxConcurrent     int      `toml:"max_concurrent"`
	MaxActionsPerHour int      `toml:"max_actions_per_hour"`
	MaxActionsPerDay  int      `toml:"max_actions_per_day"`
	SettleAfterAction Duration `toml:"settle_after_action"`
	// MaxAttempts is how often something may be started on one host in a day,
	// FlapLimit how often one may be taken out and come back in a day, before
	// it is left to people.
	MaxAttempts int `toml:"max_attempts"`
	FlapLimit   int `toml:"flap_limit"`
	// Protected names hosts that nobody may act on: names, or shell patterns.
	Protected []string `toml:"protected"`
	// Probe is the detector that says of hosts that are out whether they are fit
	// to return; empty for none.
	Probe remedy.DetectorName `toml:"probe"`
	// AssumeInService takes every host that nothing is known of for in
	// service. Nothing in such a pool goes above confirm.
	AssumeInService bool `toml:"assume_in_service"`
}

// ProtectedBy returns the first pattern of the protected list that names the
// host, or "" when none does.
func (p Pool) ProtectedBy(host remedy.HostName) string {
	for _, pattern := range p.Protected {
		if ok, err := path.Match(pattern, string(host)); ok && err == nil {
			return pattern
		}
	}
	return ""
}

// Inventory says where a pool's list of hosts comes from.
type Inventory struct {
	Type string `toml:"type" required:"true" oneof:"static file haproxy exec"`
	// Hosts is the whole list.
	Hosts []remedy.HostName `toml:"hosts" required:"true" for:"static"`
	// Labels are label, value and the hosts that have it.
	Labels map[string]map[string][]remedy.HostName `toml:"labels" for:"static"`
	// Path is an absolute path to JSON, YAML or Prometheus file_sd; Refresh
	// how often it is read.
	Path    string   `toml:"path" required:"true" for:"file"`
	Refresh Duration `toml:"refresh" for:"file haproxy exec"`
	// Address, or Addresses, are runtime APIs as in Action, whose Backend's
	// servers are the pool's hosts.
	Address   string   `toml:"address" for:"haproxy"`
	Addresses []string `toml:"addresses" for:"haproxy"`
	Backend   string   `toml:"backend" required:"true" for:"haproxy"`
	// Command prints the list, in one of the file's forms or as plain names,
	// and gets the variables of warden's environment that Env names. MaxBytes
	// and MaxHosts cap what it may print.
	Command  []string `toml:"command" required:"true" for:"exec"`
	Env      []string `toml:"env" for:"exec"`
	MaxBytes int      `toml:"max_bytes" for:"exec"`
	MaxHosts int      `toml:"max_hosts" for:"exec"`
	// HostRegex maps what the file, HAProxy or the command calls a host to the
	// host's name.
	HostRegex HostRegex `toml:"host_regex" for:"file haproxy exec"`
}

// LabelsByHost are the labels of a static list by host; nil when there are none.
func (i Inventory) LabelsByHost() map[string]map[string]string {
	var out map[string]map[string]string
	for label, values := range i.Labels {
		for value, hosts := range values {
			for _, h := range hosts {
				if out == nil {
					out = map[string]map[string]string{}
				}
				if out[string(h)] == nil {
					out[string(h)] = map[string]string{}
				}
				out[string(h)][label] = value
			}
		}
	}
	return out
}

// Detector is one [detectors.NAME] table: when is a host bad, and what to
// propose then.
type Detector struct {
	Description string            `toml:"description"`
	Type        string            `toml:"type" required:"true" oneof:"canary threshold"`
	Source      remedy.SourceName `toml:"source" required:"true"`
	Pools       []remedy.PoolName `toml:"pools" required:"true"`
	// Propose is empty for a detector that only says whether an action took or
	// a host is fit to return.
	Propose remedy.ActionName `toml:"propose"`
	// Query is, for a canary, a selector of counters, one series a host, or an
	// expression that counts what each host received within Window, or on
	// Graphite a target of what each received in a stored bucket; for a
	// threshold a selector or expression of the value, unless Conditions have
	// queries of their own.
	Query string `toml:"query" required:"canary"`
	// Exactly one of the two says what each host should have received.
	ExpectPerMinute float64 `toml:"expect_per_minute" for:"canary"`
	ExpectQuery     string  `toml:"expect_query" for:"canary"`
	// FreshQuery is the selector whose samples give an expression its age.
	FreshQuery string `toml:"fresh_query"`
	// HostLabel and HostRegex map a series to a host's name. On Graphite
	// HostNode stands in for HostLabel; see Config.HostNode.
	HostLabel string    `toml:"host_label"`
	HostNode  int       `toml:"host_node"`
	HostRegex HostRegex `toml:"host_regex"`
	// Interval is the time between judged instants, Window what each covers,
	// For how long a host must be bad at every one of them.
	Interval Duration `toml:"interval"`
	Window   Duration `toml:"window"`
	For      Duration `toml:"for"`
	// SeenWithin is how far back a stopped host must have been seen.
	SeenWithin Duration `toml:"seen_within" for:"canary"`
	// BadBelow and ClearAbove are, for a canary, fractions of what was
	// expected. A threshold's bounds, of which 0 is one like another, count
	// only where they were given. See Config.IsSet.
	BadBelow   float64 `toml:"bad_below"`
	ClearAbove float64 `toml:"clear_above"`
	BadAbove   float64 `toml:"bad_above" for:"threshold"`
	ClearBelow float64 `toml:"clear_below" for:"threshold"`
	// Unit words a threshold's values.
	Unit string `toml:"unit" for:"threshold"`
	// Aggregate is what becomes of a threshold's window; empty when the query
	// sees to that.
	Aggregate string `toml:"aggregate" for:"threshold" oneof:"avg min max last sum"`
	// Conditions are used instead of Query and its bounds, and joined by Match;
	// by all when that is empty.
	Conditions map[string]Condition `toml:"conditions" for:"threshold"`
	Match      string               `toml:"match" for:"threshold" oneof:"all any"`
	// MinPoints is how many raw samples a window needs to be judged.
	MinPoints int `toml:"min_points"`
	// MaxEnded is how many hosts may have stopped at once and be believed.
	MaxEnded int `toml:"max_ended" for:"canary"`
	// MaxStaleness is 0 when not set. See Config.MaxStaleness.
	MaxStaleness Duration `toml:"max_staleness"`
	// MaxEvidenceAge is how old what was judged may be when something is done
	// about it; 0 when not set. See Config.MaxEvidenceAge.
	MaxEvidenceAge Duration `toml:"max_evidence_age"`
	// MinCoverage is the share of hosts in service that must be judged.
	MinCoverage float64 `toml:"min_coverage"`
	// MaxBadFraction is the share of the pool above which it is not a host
	// problem; CommonModeWindow and StormCooldown say how long that is minded.
	MaxBadFraction   float64  `toml:"max_bad_fraction"`
	CommonModeWindow Duration `toml:"common_mode_window"`
	StormCooldown    Duration `toml:"storm_cooldown"`
}

// Condition is one [detectors.NAME.conditions.NAME] table: a value and its
// bounds.
type Condition struct {
	Query      string  `toml:"query" required:"true"`
	FreshQuery string  `toml:"fresh_query"`
	BadBelow   float64 `toml:"bad_below"`
	ClearAbove float64 `toml:"clear_above"`
	BadAbove   float64 `toml:"bad_above"`
	ClearBelow float64 `toml:"clear_below"`
	Unit       string  `toml:"unit"`
}

// Action is one [actions.NAME] table: what warden can do to a host, and what
// it is trusted to do by itself.
type Action struct {
	Description string `toml:"description"`
	// Policy is LevelBlocked when not set: then [policy] default holds. See
	// Config.Level.
	Policy remedy.Level `toml:"policy"`
	Type   string       `toml:"type" required:"true" oneof:"haproxy exec"`
	// Address is the runtime API: an absolute path, "unix:" and one, or
	// "tcp://host:port". Addresses are those of several load balancers with
	// the same servers, and PoolAddresses override both for a pool. See
	// Config.Addresses.
	Address   string   `toml:"address" for:"haproxy"`
	Addresses []string `toml:"addresses" for:"haproxy"`
	// Backend is the HAProxy backend; PoolBackend overrides it for a pool.
	// See Config.Backend.
	Backend string `toml:"backend" for:"haproxy"`
	// State is the state the action wants its server in.
	State string `toml:"state" oneof:"drain maint ready" for:"haproxy"`
	// HostRegex maps a server's name in the backend to the host's name.
	HostRegex HostRegex `toml:"host_regex" for:"haproxy"`
	// Run has the effect, Undo the opposite one, and Plan says what Run would
	// do. Each is a program and its arguments, which may be templates.
	Run  []string `toml:"run" required:"true" for:"exec"`
	Undo []string `toml:"undo" for:"exec"`
	Plan []string `toml:"plan" for:"exec"`
	// Observe says whether one host is as wanted, and ObserveAll which of a
	// pool's are.
	Observe    []string `toml:"observe" for:"exec"`
	ObserveAll []string `toml:"observe_all" for:"exec"`
	// Env names variables of warden's environment that the commands get.
	Env []string `toml:"env" for:"exec"`
	// HostPattern is what a host's name must match to reach a command line.
	HostPattern string `toml:"host_pattern" for:"exec"`
	// ReadTimeout bounds each command that only reads.
	ReadTimeout Duration `toml:"read_timeout" for:"exec"`
	// TakesOut says that as wanted means out of service; Idempotent that
	// running it twice changes nothing further; Heals that it mends its host.
	TakesOut   bool `toml:"takes_out" for:"exec"`
	Idempotent bool `toml:"idempotent" for:"exec"`
	Heals      bool `toml:"heals" for:"exec"`
	// Timeout is how long one effect may run, StartWithin how long after its
	// START it may begin, TookWithin how long to wait until it took.
	Timeout     Duration `toml:"timeout"`
	StartWithin Duration `toml:"start_within"`
	TookWithin  Duration `toml:"took_within"`
	// Verify says how it is known that the action took, besides Observe.
	Verify Verify `toml:"verify"`
	// Approvers, ExpiresAfter and Approvals win over those of [approvals]: see
	// Config.ApproversOf and the like.
	Approvers    []string `toml:"approvers"`
	ExpiresAfter Duration `toml:"expires_after"`
	Approvals    int      `toml:"approvals"`
	// AnnounceFor is how long people can say no before it is done at auto; 0 for
	// not at all.
	AnnounceFor Duration `toml:"announce_for"`
	// CooldownPerHost is the least time between two starts of this action on
	// one host.
	CooldownPerHost     Duration `toml:"cooldown_per_host"`
	ComplainAtMostEvery Duration `toml:"complain_at_most_every"`
	// ManualHint is the command to do it by hand, with {{ .Host }} and
	// {{ .Pool }}.
	ManualHint string `toml:"manual_hint"`
	// UndoHint is the same for putting the host back.
	UndoHint    string                           `toml:"undo_hint"`
	PoolPolicy  map[remedy.PoolName]remedy.Level `toml:"pool_policy"`
	PoolBackend map[remedy.PoolName]string       `toml:"pool_backend" for:"haproxy"`
	// PoolAddresses lets a pool move between load balancers.
	PoolAddresses map[remedy.PoolName][]string `toml:"pool_addresses" for:"haproxy"`
}

// Verify is the verify table of an action: exactly one of Detector and Command
// is set where it is there at all.
type Verify struct {
	// Command asks whether it took; for exec only.
	Command []string `toml:"command"`
	// Detector is one that judges the host, though it is out: it took when the
	// detector says good. Empty for none.
	Detector remedy.DetectorName `toml:"detector"`
	// Within is how long to wait for that; 0 when not set. See
	// Config.TookWithin.
	Within Duration `toml:"within"`
}

// Guardrails is the [guardrails] table: limits over all pools together.
type Guardrails struct {
	// MaxActionsPerHour and MaxActionsPerDay are 0 when not set: no limit
	// besides each pool's own.
	MaxActionsPerHour int `toml:"max_actions_per_hour"`
	MaxActionsPerDay  int `toml:"max_actions_per_day"`
	// FreezeFile stops warden while it exists; empty when not set.
	FreezeFile string `toml:"freeze_file"`
	// ShadowOut is when the out-slot of a shadow execution ends at the latest.
	ShadowOut Duration `toml:"shadow_out"`
	// UnknownClose is when a case whose host stays unknown closes as no_data.
	UnknownClose Duration `toml:"unknown_close"`
	// Windows are when less is done, in the order of the file.
	Windows []Window `toml:"windows"`
	// BlockWhen are what holds everything back, in the order of the file.
	BlockWhen []BlockWhen `toml:"block_when"`
	// Corroborate is who has to find a host bad before warden acts by itself.
	Corroborate string `toml:"corroborate" oneof:"majority off"`
	// MaxClockOffset is how wrong a clock may be before nothing is done.
	MaxClockOffset Duration `toml:"max_clock_offset"`
}

// Ledger is the [ledger] table.
type Ledger struct {
	// KeepClosed is how long a closed case is kept.
	KeepClosed Duration `toml:"keep_closed"`
}

// Audit is the [audit] table: the files that hold what this node applied.
type Audit struct {
	// Path is the file that is written to, full ones lie beside it. Empty for
	// audit/audit.jsonl in the data directory.
	Path string `toml:"path" reload:"restart"`
	// Retention is how long files are kept.
	Retention Duration `toml:"retention" reload:"restart"`
}

// Telemetry is the [telemetry] table: where warden's own metrics go, besides
// /metrics.
type Telemetry struct {
	Graphite GraphiteMirror `toml:"graphite"`
}

// GraphiteMirror is the [telemetry.graphite] table: the metrics are mirrored to
// carbon.
type GraphiteMirror struct {
	Enabled bool `toml:"enabled"`
	// Address is carbon's line receiver, host:port; set when Enabled.
	Address string `toml:"address"`
	// Prefix begins every path; it may have several nodes.
	Prefix   string   `toml:"prefix"`
	Interval Duration `toml:"interval"`
}

// Heartbeat is the [heartbeat] table: who outside is told that warden works.
type Heartbeat struct {
	// URLFile refers to the address to ask, which is a credential. Not set
	// when nobody is told.
	URLFile SecretRef `toml:"url_file"`
	// Interval is the time between two heartbeats.
	Interval Duration `toml:"interval"`
}
