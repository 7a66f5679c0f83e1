package web

import (
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// The schemas of the answers. A field is only ever added to a schema, never
// renamed or removed.
const (
	SchemaStatus     = "warden.status/v1"
	SchemaCases      = "warden.cases/v1"
	SchemaCase       = "warden.case/v1"
	SchemaHosts      = "warden.hosts/v1"
	SchemaPool       = "warden.pool/v1"
	SchemaPreview    = "warden.preview/v1"
	SchemaRestraints = "warden.restraints/v1"
)

// Status is warden at a glance, as the node that answers sees it. Instants are
// UTC. It answers GET /api/v1/status.
type Status struct {
	Schema    string        `json:"schema"`
	Now       time.Time     `json:"now"`
	Cluster   string        `json:"cluster" doc:"the cluster's name as the config has it"`
	ClusterID string        `json:"cluster_id,omitempty" doc:"minted when the cluster was founded"`
	Node      remedy.NodeID `json:"node"`
	// Leader says that this node believes that it leads; that is no licence.
	Leader   bool          `json:"leader"`
	LeaderID remedy.NodeID `json:"leader_id,omitempty" doc:"empty when no leader is known"`
	// NoQuorum is there while this node knows no leader.
	NoQuorum *NoQuorum `json:"no_quorum,omitempty" doc:"there while no leader is known: nothing is done then, and nothing can be approved"`
	// Behind is there while what is shown is from before this node started.
	Behind   *Behind `json:"behind,omitempty" doc:"there while no leader has brought this node up to date since it started: all of the ledger that is shown is as of that entry"`
	Version  string  `json:"version"`
	Revision string  `json:"revision,omitempty"`
	// ConfigHash fingerprints this node's config file.
	ConfigHash string         `json:"config_hash"`
	Nodes      []NodeConfig   `json:"nodes" doc:"the config each voter last committed"`
	StartedAt  time.Time      `json:"started_at"`
	UptimeSec  float64        `json:"uptime_seconds"`
	Audit      AuditHead      `json:"audit" doc:"where this node's audit chain is"`
	Freeze     *ledger.Freeze `json:"freeze,omitempty" doc:"absent when not frozen"`
	Holds      []ledger.Hold  `json:"holds"`
	Latches    []ledger.Latch `json:"latches" doc:"what holds warden back until a person resets it"`
	// Rounds is how many rounds this tenure has had, and LastRound when the
	// newest was. Only the leader runs rounds.
	Rounds    int              `json:"rounds"`
	LastRound time.Time        `json:"last_round,omitzero"`
	Warm      bool             `json:"warm" doc:"whether a complete round has run; nothing is done before"`
	Pools     []PoolSummary    `json:"pools"`
	Sources   []SourceStatus   `json:"sources"`
	Detectors []DetectorStatus `json:"detectors"`
	Levels    []Level          `json:"levels"`
	// Waiting are the cases that wait for a person's answer, Unknown those of
	// which nobody knows whether the effect happened, and Out those whose host
	// is out of service because of warden.
	Waiting []CaseSummary `json:"waiting"`
	Unknown []CaseSummary `json:"unknown"`
	Out     []CaseSummary `json:"out"`
	LastDay DayCounts     `json:"last_24h"`
	// Demotions are the levels that were taken away and wait for a review, and
	// ToLabel how many cases within the evidence window nobody has labelled.
	Demotions []trust.Demotion `json:"demotions" doc:"levels that were taken away, until a person reviews them"`
	ToLabel   int              `json:"to_label" doc:"cases within the evidence window that nobody has labelled"`
	Raft      RaftStatus       `json:"raft"`
	// Troubles are what the node that answers can't do just now.
	Troubles []Trouble `json:"troubles,omitempty" doc:"what this node can't do just now, and what to do about it"`
}

// Trouble is something that one node can't do, though its config wants it to; all
// else goes on, and it is tried again.
type Trouble struct {
	What  string    `json:"what" doc:"what it can't do"`
	Why   string    `json:"why"`
	Since time.Time `json:"since"`
	Do    string    `json:"do" doc:"what a person can do about it"`
}

// NodeConfig is what one node last committed of its config.
type NodeConfig struct {
	Node       remedy.NodeID `json:"node"`
	ConfigHash string        `json:"config_hash"`
}

// PoolSummary counts one pool's hosts.
type PoolSummary struct {
	Pool remedy.PoolName `json:"pool"`
	// N is the committed size. It says something only while Usable: otherwise
	// Why says what is wrong with the inventory.
	N      int    `json:"n"`
	Usable bool   `json:"usable"`
	Why    string `json:"why,omitempty"`
	// InService, OutOfService and UnknownService split the newest round's hosts
	// by what the load balancer says. All are 0 before the first round.
	InService      int `json:"in_service"`
	OutOfService   int `json:"out_of_service"`
	UnknownService int `json:"unknown_service"`
	// OutByWarden counts the hosts that are out because of warden, by the ledger.
	OutByWarden int `json:"out_by_warden"`
	// Verdicts counts hosts by their worst verdict: good, bad, unknown, out.
	Verdicts     map[string]int `json:"verdicts"`
	MinInService int            `json:"min_in_service"`
	OpenCases    int            `json:"open_cases"`
	// Storm says that a detector sees a common mode, or that one is latched.
	Storm bool `json:"storm"`
}

// SourceStatus is how trustworthy one source was in the newest round.
type SourceStatus struct {
	Source remedy.SourceName `json:"source"`
	// Fresh is null when nothing is known: no round yet, or its queries failed.
	Fresh *bool `json:"fresh"`
	// AgeSec is how old the source's canary_target was, in seconds; null when
	// it has none or it could not be read.
	AgeSec          *float64 `json:"age_seconds"`
	MaxStalenessSec float64  `json:"max_staleness_seconds"`
	// Why says why nothing is known.
	Why string `json:"why,omitempty"`
}

// DetectorStatus is one detector in one pool, as the newest round has it.
type DetectorStatus struct {
	Detector remedy.DetectorName `json:"detector"`
	Pool     remedy.PoolName     `json:"pool"`
	Source   remedy.SourceName   `json:"source"`
	Proposes remedy.ActionName   `json:"proposes"`
	Digest   string              `json:"digest"`
	// At is the instant it last judged; absent before the first round.
	At       time.Time      `json:"at,omitzero"`
	Verdicts map[string]int `json:"verdicts"`
}

// Level is one action's rung in one pool.
type Level struct {
	Action remedy.ActionName `json:"action"`
	Pool   remedy.PoolName   `json:"pool"`
	// File is what this node's config says, Effective what is in force.
	File      remedy.Level `json:"file"`
	Effective remedy.Level `json:"effective"`
	Approvers []string     `json:"approvers"`
	// Approvals is how many different people have to say yes at confirm, and
	// AnnounceSec how long it is announced before it is done at auto, 0 for not at
	// all: the most that any voter's file wants.
	Approvals   int     `json:"approvals"`
	AnnounceSec float64 `json:"announce_for_seconds"`
}

// DayCounts counts what happened in the last 24 hours.
type DayCounts struct {
	Opened    int `json:"opened" doc:"cases opened"`
	Counted   int `json:"counted" doc:"cases that would have acted or asked and were counted"`
	Acted     int `json:"acted" doc:"executions that were started, undos apart"`
	Undone    int `json:"undone" doc:"undos that were started"`
	Approved  int `json:"approved"`
	Denied    int `json:"denied"`
	Expired   int `json:"expired"`
	Recovered int `json:"recovered" doc:"cases whose host got well by itself"`
	Failed    int `json:"failed" doc:"executions that failed, are unverified or of unknown outcome"`
	WasFine   int `json:"was_fine" doc:"cases undone because the host was never bad"`
	Wrong     int `json:"wrong" doc:"cases that came up or were labelled, and whose label is wrong"`
}

// RaftStatus is the replicated log as this node sees it.
type RaftStatus struct {
	Leader       bool            `json:"leader"`
	LeaderID     remedy.NodeID   `json:"leader_id,omitempty"`
	Term         uint64          `json:"term"`
	CommitIndex  uint64          `json:"commit_index"`
	AppliedIndex uint64          `json:"applied_index"`
	Voters       []remedy.NodeID `json:"voters"`
	// CanLose is how many voters may fail before nothing can be committed.
	CanLose       int       `json:"can_lose"`
	SnapshotIndex uint64    `json:"snapshot_index,omitempty"`
	SnapshotAt    time.Time `json:"snapshot_at,omitzero"`
	// Error says why the status is incomplete.
	Error string `json:"error,omitempty"`
}

// CaseSummary is one case in a list.
type CaseSummary struct {
	ID       remedy.CaseID       `json:"id"`
	Pool     remedy.PoolName     `json:"pool"`
	Host     remedy.HostName     `json:"host"`
	Action   remedy.ActionName   `json:"action"`
	Detector remedy.DetectorName `json:"detector,omitempty" doc:"empty when a person ran the action"`
	Stage    remedy.Stage        `json:"stage"`
	Outcome  remedy.Outcome      `json:"outcome,omitempty"`
	// OpenedAt, ChangedAt and ClosedAt are committed times.
	OpenedAt  time.Time `json:"opened_at"`
	ChangedAt time.Time `json:"changed_at"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`
	// Verdict, Reason, Value, its Unit and what it was held against are the newest
	// committed finding's; the verdict is empty for a manual run.
	Verdict   string    `json:"verdict,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	Value     *float64  `json:"value" doc:"null when nothing trustworthy was measured"`
	Unit      string    `json:"unit,omitempty"`
	Direction string    `json:"direction,omitempty" doc:"below or above: which way of the threshold is bad"`
	Bad       float64   `json:"bad" doc:"the threshold beyond which a value is bad"`
	BadSince  time.Time `json:"bad_since,omitzero"`
	// Level, BlockedBy and WaitingFor are the newest decision's: BlockedBy
	// names the guardrail that blocks, WaitingFor one whose block will pass.
	Level      string `json:"level,omitempty"`
	BlockedBy  string `json:"blocked_by,omitempty"`
	WaitingFor string `json:"waiting_for,omitempty"`
	// Asked and ExpiresAt say when a person was asked and until when an answer
	// counts. Approvers may answer.
	Asked     time.Time `json:"asked_at,omitzero"`
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	Approvers []string  `json:"approvers,omitempty"`
	PlanHash  string    `json:"plan_hash,omitempty"`
	Plan      string    `json:"plan,omitempty" doc:"the plan in words"`
	// Waits says what it waits for where that is more than one person's yes.
	Waits string `json:"waits,omitempty" doc:"in words: who else has to say yes, until when it was put off or isn't asked, when it acts by itself"`
	// By is the person who ran the action by hand, or who answered; Answered
	// whoever answered, of several the last.
	By       string `json:"by,omitempty"`
	Answered string `json:"answered_by,omitempty" doc:"who said the last yes that was needed, or no"`
	// OutSince is when the action finished that took the host out; only while
	// it is out or verifying.
	OutSince time.Time `json:"out_since,omitzero"`
	// Probe is what the pool's probe says, in lists of what is out only.
	Probe *HostFinding `json:"probe,omitempty" doc:"in the status, of a host that is out: what the pool's probe says; good is fit to return"`
	// Took is whether the newest execution took; null when unknown.
	Took *bool  `json:"took"`
	Note string `json:"note,omitempty"`
	// UnknownExecution says that nobody knows if the effect happened: look,
	// then resolve the case.
	UnknownExecution bool `json:"unknown_execution,omitempty"`
}

// Cases answers GET /api/v1/cases, newest first.
type Cases struct {
	Schema string `json:"schema"`
	// ServedAt is the answering node's time: what ages are counted from, since
	// the asking machine's clock may be another.
	ServedAt time.Time     `json:"served_at"`
	Cases    []CaseSummary `json:"cases"`
	// More says that the limit left cases out.
	More bool `json:"more"`
}

// CaseDetail is one case with all that is known of it. It answers
// GET /api/v1/cases/{id}, and every request that changes a case.
type CaseDetail struct {
	Schema string `json:"schema"`
	// ServedAt is the answering node's time.
	ServedAt time.Time `json:"served_at"`
	// Effective is the level in force now, which may not be the decision's.
	Effective remedy.Level `json:"effective"`
	// Case is the ledger's own record. Its durations are nanoseconds, and what
	// is unknown in it is null.
	Case *ledger.Case `json:"case"`
	// Now is, for a case that waits, what the guardrails say at this moment:
	// the case's own decision is of when it was asked about.
	Now *remedy.Decision `json:"now,omitempty" doc:"for a case that waits: what the guardrails say at this moment"`
	// Probe is what the pool's probe says of a host that is out.
	Probe *HostFinding `json:"probe,omitempty" doc:"of a host that is out: what the pool's probe says; good is fit to return"`
	// Against is what people say against an open case's detector, of it or of the case before:
	// see ledger.Standing. It is empty where nobody does, or all approved after it.
	Against string `json:"against,omitempty" doc:"people's words that the detector is wrong: warden does not act on the open case before everybody who has to approved after them"`
	// AgainstAt is when the newest of them was said; zero for none.
	AgainstAt time.Time `json:"against_at,omitzero" doc:"when the newest of them was said; absent for none"`
	// Words are the words of wrong that are kept against its host and action.
	Words []ledger.Objection `json:"words,omitempty" doc:"people's words of wrong against its host and action: what an approver lifts"`
	// Labels is what was said of the case; null where it is no evidence.
	Labels *CaseLabels `json:"labels,omitempty" doc:"what was said of the case; absent where it is no evidence"`
	// Posts are where people are told of it.
	Posts []CasePost `json:"posts,omitempty" doc:"where people are told of it: its Slack message, its PagerDuty incident"`
}

// CaseLabels is what was said of whether the detector was right about a case.
type CaseLabels struct {
	// Label is what all of it comes to, empty for nothing; Source and By are whose
	// word that is, and Conflict says that those that count differ.
	Label    trust.Label  `json:"label"`
	Source   trust.Source `json:"source,omitempty"`
	By       string       `json:"by,omitempty"`
	Conflict bool         `json:"conflict,omitempty"`
	// Statements are all that was said, oldest first, corrections included.
	Statements []trust.Statement `json:"statements"`
}

// Host is one host of a pool as the newest round saw it.
type Host struct {
	Pool remedy.PoolName `json:"pool"`
	Host remedy.HostName `json:"host"`
	// State is in, out or unknown; Admin the backend's own word for it.
	State remedy.ServiceState `json:"state"`
	Admin string              `json:"admin,omitempty"`
	// Verdict is the worst of all detectors': bad, then unknown, out, good.
	// Empty when no detector judged the host.
	Verdict  string        `json:"verdict,omitempty"`
	Findings []HostFinding `json:"findings"`
	// Probe is what the pool's probe says of a host that is out.
	Probe *HostFinding `json:"probe,omitempty" doc:"for a host that is not in service: what the pool's probe says; good is fit to return"`
	// OutSince is since when the host is out by anybody's hand, as committed.
	OutSince time.Time `json:"out_since,omitzero"`
	// OutBy is "warden" or "other" while the host is out.
	OutBy string       `json:"out_by,omitempty"`
	Hold  *ledger.Hold `json:"hold,omitempty" doc:"the hold on the host or its pool"`
	// Cases are the host's open cases.
	Cases []remedy.CaseID `json:"cases"`
}

// HostFinding is one detector's word on a host.
type HostFinding struct {
	Detector  remedy.DetectorName `json:"detector"`
	At        time.Time           `json:"at"`
	Verdict   string              `json:"verdict"`
	Reason    string              `json:"reason,omitempty"`
	Value     *float64            `json:"value" doc:"null when nothing trustworthy was measured"`
	Unit      string              `json:"unit,omitempty"`
	Direction string              `json:"direction" doc:"below or above: which way of the threshold is bad"`
	Bad       float64             `json:"bad" doc:"the threshold beyond which a value is bad"`
	Clear     float64             `json:"clear" doc:"the threshold at which a value is good, or beyond it the other way"`
	BadNow    bool                `json:"bad_now,omitempty"`
	BadSince  time.Time           `json:"bad_since,omitzero"`
	Newest    time.Time           `json:"newest,omitzero"`
	Points    int                 `json:"points"`
}

// Hosts answers GET /api/v1/hosts, by pool and name.
type Hosts struct {
	Schema string `json:"schema"`
	// ServedAt is the answering node's time.
	ServedAt time.Time `json:"served_at"`
	// At is when the round was that saw them; absent before the first one.
	At    time.Time `json:"at,omitzero"`
	Hosts []Host    `json:"hosts"`
}

// PoolDetail answers GET /api/v1/pools/{name}.
type PoolDetail struct {
	Schema string      `json:"schema"`
	At     time.Time   `json:"at,omitzero"`
	Pool   PoolSummary `json:"pool"`
	// Limits are the strictest that any voter reported; absent while none did.
	Limits *PoolLimits `json:"limits,omitempty"`
	// PerHour and PerDay are the actions started in the last hour and day.
	PerHour int                 `json:"actions_last_hour"`
	PerDay  int                 `json:"actions_last_day"`
	Storms  []ledger.StormState `json:"storms"`
	Quiets  []ledger.Quiet      `json:"quiets"`
	Hold    *ledger.Hold        `json:"hold,omitempty" doc:"the hold on the whole pool"`
	Levels  []Level             `json:"levels"`
	Judges  []DetectorStatus    `json:"detectors"`
	Hosts   []Host              `json:"hosts"`
	Cases   []CaseSummary       `json:"cases" doc:"open cases"`
	Shadow  []remedy.HostName   `json:"shadow_out" doc:"hosts that shadow executions hold out"`
}

// PoolLimits are a pool's limits.
type PoolLimits struct {
	MinInService         int     `json:"min_in_service"`
	MaxOut               int     `json:"max_out_of_service"`
	MaxOutFraction       float64 `json:"max_out_fraction"`
	MaxConcurrent        int     `json:"max_concurrent"`
	MaxPerHour           int     `json:"max_actions_per_hour"`
	MaxPerDay            int     `json:"max_actions_per_day"`
	SettleAfterActionSec float64 `json:"settle_after_action_seconds"`
	MaxAttempts          int     `json:"max_attempts"`
	FlapLimit            int     `json:"flap_limit"`
}

// Preview says what a run or an undo would do. It answers
// POST /api/v1/runs/preview and GET /api/v1/cases/{id}/undo.
type Preview struct {
	Schema string `json:"schema"`
	// Allowed says that no guardrail stands in the way right now.
	Allowed  bool            `json:"allowed"`
	Plan     remedy.Plan     `json:"plan"`
	PlanHash string          `json:"plan_hash,omitempty"`
	Decision remedy.Decision `json:"decision"`
	Warnings []string        `json:"warnings"`
}

// Restraints are the freeze and the holds in force. They answer whatever sets
// or lifts one.
type Restraints struct {
	Schema string         `json:"schema"`
	Freeze *ledger.Freeze `json:"freeze,omitempty" doc:"absent when not frozen"`
	Holds  []ledger.Hold  `json:"holds"`
}
