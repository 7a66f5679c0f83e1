package ledger

import (
	"time"

	"warden/internal/remedy"
)

// Case is all about one (pool, host, action), from the first finding to
// closure. A Case reachable from a view is never changed: Apply replaces it
// whole, so readers may keep it without copying.
type Case struct {
	ID       remedy.CaseID       `json:"id"`
	Pool     remedy.PoolName     `json:"pool"`
	Host     remedy.HostName     `json:"host"`
	Action   remedy.ActionName   `json:"action"`
	Detector remedy.DetectorName `json:"detector,omitempty"` // empty for a manual run
	Digest   string              `json:"digest,omitempty"`
	Stage    remedy.Stage        `json:"stage"`
	Outcome  remedy.Outcome      `json:"outcome,omitempty"`
	// OpenedAt, ChangedAt and ClosedAt are committed times.
	OpenedAt  time.Time `json:"opened_at"`
	ChangedAt time.Time `json:"changed_at"`
	ClosedAt  time.Time `json:"closed_at,omitzero"`
	// Opened is the finding that opened the case, Latest the newest that was
	// committed. Both are nil for a manual run.
	Opened *remedy.Finding `json:"opened,omitempty"`
	Latest *remedy.Finding `json:"latest,omitempty"`
	// UnknownSince is when the verdict last became unknown; zero while it is not.
	UnknownSince time.Time `json:"unknown_since,omitzero"`
	// NotBadSince is since when the newest verdict on a case that was proposed is
	// not bad, or it waits and isn't judged; zero while it is bad. NotBadFor is how long it wasn't before, in all: time
	// in which nobody saw that the host stayed bad. Both count from the beginning of
	// the tenure on, or from a saved state that was gone on from.
	NotBadSince time.Time     `json:"not_bad_since,omitzero"`
	NotBadFor   time.Duration `json:"not_bad_for,omitempty"`
	// Decision is the newest that was committed, with every guardrail's answer.
	Decision *remedy.Decision `json:"decision,omitempty"`
	// Opinions are what the other voters said of the host at that decision, where
	// they were not of one mind.
	Opinions []remedy.HostOpinion `json:"opinions,omitempty"`
	Plan     *remedy.Plan         `json:"plan,omitempty"`
	PlanHash string               `json:"plan_hash,omitempty"`
	Ask      *Ask                 `json:"ask,omitempty"`
	Answer   *CaseReply           `json:"answer,omitempty"`
	// Approvals are everybody's yes, oldest first, where several people have to
	// say it. Answer is set once all have, or by one no.
	Approvals []CaseReply `json:"approvals,omitempty"`
	// Veto is set while a case at auto is announced, and then to the announcement
	// that it acts on.
	Veto *Veto `json:"veto,omitempty"`
	// Undelivered says that an announcement of the case reached nobody.
	Undelivered bool `json:"undelivered,omitempty"`
	// Snooze is set while a person has put the question off, until it is asked
	// again. Unasked says why it isn't asked for another reason.
	Snooze  *Snooze  `json:"snooze,omitempty"`
	Unasked *Unasked `json:"unasked,omitempty"`
	// Manual is who ran the action by hand and why; nil for a detector's case.
	Manual *ManualRun `json:"manual,omitempty"`
	// Cancel is the newest word of a person that the case is to stop.
	Cancel *Cancel `json:"cancel,omitempty"`
	// Executions are all attempts, the undo included, oldest first.
	Executions []Execution `json:"executions,omitempty"`
	// CountedAt is when the case was last counted as would-have-acted, and
	// CountedLevel the effective level at that time.
	CountedAt    time.Time    `json:"counted_at,omitzero"`
	CountedLevel remedy.Level `json:"counted_level,omitempty"`
	// ProposedAt is when the case was first counted, asked about or acted on, and
	// so became evidence; zero while it is none, and in what older builds wrote.
	ProposedAt time.Time `json:"proposed_at,omitzero"`
	// BadOthers is how many other hosts of the pool were bad when the action
	// started: what `helped` compares with.
	BadOthers int `json:"bad_others,omitempty"`
	// Forgotten is set while load balancers have forgotten, at a reload, what
	// the case did, and it is not put back; also when the case ended so.
	Forgotten *Forgotten `json:"forgotten,omitempty"`
	// Helped is whether no more of the others were bad after the settle time.
	Helped remedy.Fact[bool] `json:"helped"`
	// UndoReason is what the person who undid it said.
	UndoReason remedy.UndoReason `json:"undo_reason,omitempty"`
	// Note says in words why the case ended or is stuck.
	Note string `json:"note,omitempty"`
	// Events is the case's timeline, oldest first, at most maxEvents long.
	Events []Event `json:"events,omitempty"`
}

// Open reports whether the case is not closed.
func (c *Case) Open() bool { return c.Stage != remedy.StageClosed }

// Execution returns the newest execution of the case, or nil.
func (c *Case) Execution() *Execution {
	if len(c.Executions) == 0 {
		return nil
	}
	return &c.Executions[len(c.Executions)-1]
}

// Acted returns the newest execution that carried out the action, or put back
// what it did, as opposed to undoing it, or nil. A putting back that was called
// off changed nothing and doesn't count.
func (c *Case) Acted() *Execution {
	for i := len(c.Executions) - 1; i >= 0; i-- {
		e := &c.Executions[i]
		if e.Kind != remedy.KindUndo && (e.Kind != remedy.KindReassert || e.Outcome != remedy.OutcomeAborted) {
			return e
		}
	}
	return nil
}

// UnknownExecution reports whether nobody knows if the newest execution's
// effect happened.
func (c *Case) UnknownExecution() bool {
	x := c.Execution()
	return c.Stage == remedy.StageExecuting && x != nil && x.Outcome == remedy.OutcomeUnknown
}

// Ask is a question put to people. Approvers and expiry were resolved when it
// was asked.
type Ask struct {
	PlanHash  string    `json:"plan_hash"`
	Approvers []string  `json:"approvers"`
	AskedAt   time.Time `json:"asked_at"`
	ExpiresAt time.Time `json:"expires_at"`
	// Notice is the sequence number of the notice that told it first: see
	// Case.Question. The ledger sets it; 0 from before version 3 of entries.
	Notice uint64 `json:"notice,omitempty"`
	// Needed is how many different people have to say yes; 0 is one.
	Needed int `json:"needed,omitempty"`
	// ByHand says that a person's run is asked about, who is one of two and may not
	// say yes to it.
	ByHand bool `json:"by_hand,omitempty"`
	// Who says of the Approvers where they came from; empty where that is all
	// there is to say.
	Who []remedy.Approver `json:"who,omitempty"`
	// Aliases are the people of whom more than one unix user is known, so that nobody
	// counts twice.
	Aliases []remedy.Alias `json:"aliases,omitempty"`
	// Mention is whom the question may call.
	Mention remedy.Mention `json:"mention,omitempty"`
	// Changes says what is different from the question of After, which had gone
	// stale.
	Changes []string      `json:"changes,omitempty"`
	After   remedy.CaseID `json:"after,omitempty"`
}

// CaseReply is a person's answer to an Ask.
type CaseReply struct {
	Approve  bool         `json:"approve"`
	By       remedy.Actor `json:"by"`
	At       time.Time    `json:"at"`
	PlanHash string       `json:"plan_hash,omitempty"`
	Reason   string       `json:"reason,omitempty"`
}

// ManualRun says who ran an action by hand.
type ManualRun struct {
	By     remedy.Actor `json:"by"`
	Reason string       `json:"reason"`
	// At is when they asked; zero in what older builds wrote.
	At time.Time `json:"at,omitzero"`
	// Acknowledged names the guardrails whose question the person answered by
	// repeating the request. Of a hold and the breaker, that is of what was there at
	// At: see Ledger.Acknowledged.
	Acknowledged []string `json:"acknowledged,omitempty"`
	// Once is the preview that it was asked for on, and Used those of earlier runs on the
	// case, the newest last: see ManualOpen.
	Once string   `json:"once,omitempty"`
	Used []string `json:"used,omitempty"`
}

// Execution is one attempt at a side effect, fenced by its token.
type Execution struct {
	Token       remedy.Token         `json:"token"`
	Attempt     int                  `json:"attempt"`
	Kind        remedy.ExecutionKind `json:"kind"`
	By          remedy.Actor         `json:"by"`
	PlanHash    string               `json:"plan_hash,omitempty"`
	StartedAt   time.Time            `json:"started_at"`
	StartWithin time.Duration        `json:"start_within"`
	RunWithin   time.Duration        `json:"run_within"`
	TakesOut    bool                 `json:"takes_out,omitempty"`
	// Node is who proposed START, and so by whose clock StartedAt is; empty where
	// an older build applied it.
	Node remedy.NodeID `json:"node,omitempty"`
	// Target is the digest of what the action was configured to act on: see
	// actions.Spec.Digest.
	Target string `json:"target,omitempty"`
	// Domain is the host's failure domain at START.
	Domain     string         `json:"domain,omitempty"`
	FinishedAt time.Time      `json:"finished_at,omitzero"`
	Outcome    remedy.Outcome `json:"outcome,omitempty"`
	// Prior is the backend's state before the effect: what an undo restores.
	Prior string `json:"prior,omitempty"`
	// Balancers are the load balancers the host was on, each with that state;
	// of a reassert, those that it is about.
	Balancers []remedy.BalancerState `json:"balancers,omitempty"`
	// Spared names those of them that an undo leaves alone, sorted: warden did
	// not change the host there, or another hand has put it back there since.
	Spared []string `json:"spared,omitempty"`
	Output string   `json:"output,omitempty"`
	Note   string   `json:"note,omitempty"`
	// Late is how the execution ended after all, when it had been given up as
	// aborted; empty otherwise.
	Late remedy.Outcome `json:"late,omitempty"`
	// Took is whether the wanted state is there and traffic is gone.
	Took remedy.Fact[bool] `json:"took"`
	// TookAt is when it was seen to have taken; zero until then.
	TookAt time.Time `json:"took_at,omitzero"`
}

// Event is one line of a case's timeline.
type Event struct {
	At   time.Time `json:"at"`
	What string    `json:"what"`
	By   string    `json:"by,omitempty"`
}

// maxEvents bounds a case's timeline; the middle of a longer one is dropped,
// and a line says so.
const maxEvents = 64

// OutFact is one host that is out of service, by anybody's hand.
type OutFact struct {
	Host  remedy.HostName `json:"host"`
	Admin string          `json:"admin,omitempty"`
	Since time.Time       `json:"since"`
	// Domain is the host's failure domain, worded by Domain; empty when it is
	// not known or the pool has none.
	Domain string `json:"domain,omitempty"`
}

// Hold is a person's stop on one host, or on a whole pool when Host is empty.
type Hold struct {
	Pool   remedy.PoolName `json:"pool"`
	Host   remedy.HostName `json:"host,omitempty"`
	By     remedy.Actor    `json:"by"`
	Reason string          `json:"reason"`
	Since  time.Time       `json:"since"`
	Until  time.Time       `json:"until"`
}

// Freeze is the global stop. A zero Until lasts until somebody unfreezes.
type Freeze struct {
	By     remedy.Actor `json:"by"`
	Reason string       `json:"reason"`
	Since  time.Time    `json:"since"`
	Until  time.Time    `json:"until,omitzero"`
}

// Limits are a pool's limits as one node's config has them, or the strictest
// of all. Durations are nanoseconds in JSON.
type Limits struct {
	MinInService      int           `json:"min_in_service"`
	MaxOut            int           `json:"max_out_of_service"`
	MaxOutFraction    float64       `json:"max_out_fraction"`
	MaxConcurrent     int           `json:"max_concurrent"`
	PerHour           int           `json:"max_actions_per_hour"`
	PerDay            int           `json:"max_actions_per_day"`
	SettleAfterAction time.Duration `json:"settle_after_action"`
	// MaxAttempts and FlapLimit are per host and day.
	MaxAttempts int `json:"max_attempts"`
	FlapLimit   int `json:"flap_limit"`
	// DomainLabel names the label that says which failure domain a host stands
	// in, empty when the pool has none; MaxDomains is in how many of them hosts
	// may be out.
	DomainLabel string `json:"failure_domain_label,omitempty"`
	MaxDomains  int    `json:"max_failure_domains,omitempty"`
}

// Start is one committed START that was not aborted: what rates, cooldowns and
// the settle time count.
type Start struct {
	Case   remedy.CaseID     `json:"case"`
	Host   remedy.HostName   `json:"host"`
	Action remedy.ActionName `json:"action"`
	At     time.Time         `json:"at"`
	// EndedAt is when the execution ended; zero while it runs.
	EndedAt time.Time `json:"ended_at,omitzero"`
	// Detector is whose finding opened the case; empty when a person did.
	Detector remedy.DetectorName `json:"detector,omitempty"`
	TakesOut bool                `json:"takes_out,omitempty"`
	// BackAt is when the host was back in service after it had been taken out;
	// zero while it is out, or when nobody knows that it came back.
	BackAt time.Time `json:"back_at,omitzero"`
	// Shadow marks a shadow execution. Until is when its slot ends at the
	// latest; EndedSlot that it has ended.
	Shadow    bool      `json:"shadow,omitempty"`
	Until     time.Time `json:"until,omitzero"`
	EndedSlot bool      `json:"ended_slot,omitempty"`
	// Domain is the failure domain that a shadow execution's host stands in.
	Domain string `json:"domain,omitempty"`
}

// Quiet remembers that a question about a host was denied or expired: it isn't
// asked again before the host was good or Until passed.
type Quiet struct {
	Host   remedy.HostName   `json:"host"`
	Action remedy.ActionName `json:"action"`
	Until  time.Time         `json:"until"`
	Why    string            `json:"why"`
}

// StormState is the common-mode memory of one detector in one pool.
type StormState struct {
	Detector  remedy.DetectorName `json:"detector"`
	On        bool                `json:"on,omitempty"`
	StartedAt time.Time           `json:"started_at,omitzero"`
	EndedAt   time.Time           `json:"ended_at,omitzero"`
	Latched   bool                `json:"latched,omitempty"`
	Detail    string              `json:"detail,omitempty"`
}

// Notice is one thing to tell people. Notices wait in the ledger until a
// receipt says they were delivered, so that a death in between tells twice
// rather than never.
type Notice struct {
	Seq  uint64          `json:"seq"`
	At   time.Time       `json:"at"`
	Kind NoticeKind      `json:"kind"`
	Case remedy.CaseID   `json:"case,omitempty"`
	Pool remedy.PoolName `json:"pool,omitempty"`
	// Page asks for a person's attention now.
	Page bool `json:"page,omitempty"`
	// Detail adds words for notices that are not about a case.
	Detail string `json:"detail,omitempty"`
	// Owed are the surfaces that have not told it yet; none is the console alone.
	// From version 3 on.
	Owed []Surface `json:"owed,omitempty"`
}

// NoticeKind says what a notice is about.
type NoticeKind string

// The kinds of notices.
const (
	NoticeComplaint NoticeKind = "complaint" // it would act and is not allowed to, or would ask and nobody could answer
	NoticeQuestion  NoticeKind = "question"  // confirm: approve or deny
	NoticeAnnounced NoticeKind = "announced" // auto with announce_for: say no now
	NoticePutOff    NoticeKind = "put_off"   // a question or an announcement was taken back
	NoticeAnswered  NoticeKind = "answered"  // somebody approved or denied
	NoticeStarted   NoticeKind = "started"   // an execution began
	NoticeOutcome   NoticeKind = "outcome"   // an execution or a case ended
	NoticeForgotten NoticeKind = "forgotten" // a load balancer forgot a drain, and it is not put back
	NoticeStorm     NoticeKind = "common_mode"
	NoticePool      NoticeKind = "pool" // the pool's inventory is blocked, or back
	NoticeStop      NoticeKind = "stop" // freeze, hold, and their ends
	NoticeSource    NoticeKind = "source"
	NoticeConfig    NoticeKind = "config"   // a node's config was reloaded
	NoticeDemoted   NoticeKind = "demoted"  // warden lowered a level by itself, or a person did
	NoticeReviewed  NoticeKind = "reviewed" // a person looked at what lowered a level
	NoticeSummary   NoticeKind = "summary"  // the morning summary of the date in Detail is due
	NoticeLabel     NoticeKind = "label"    // people differ on a case, or one corrects what they said
)
