package web

import (
	"net/url"
	"strconv"
	"time"

	"warden/internal/remedy"
)

// CaseQuery narrows a list of cases; zero fields match everything.
type CaseQuery struct {
	Pool   remedy.PoolName
	Host   remedy.HostName
	Action remedy.ActionName
	Stage  remedy.Stage
	// Open keeps open cases only.
	Open bool
	// Since keeps cases that changed at or after the instant.
	Since time.Time
	// Within keeps cases that changed within this time, such as "24h", by the
	// server's clock.
	Within string
	// Limit is 1 to 1000; 0 is the server's default of 100.
	Limit int
}

func (q CaseQuery) values() url.Values {
	v := url.Values{}
	set(v, "pool", string(q.Pool))
	set(v, "host", string(q.Host))
	set(v, "action", string(q.Action))
	set(v, "stage", string(q.Stage))
	mark(v, "open", q.Open)
	if !q.Since.IsZero() {
		v.Set("since", q.Since.UTC().Format(time.RFC3339Nano))
	}
	set(v, "within", q.Within)
	if q.Limit != 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return v
}

// HostQuery narrows a list of hosts; zero fields match everything.
type HostQuery struct {
	Pool remedy.PoolName
	// Bad keeps hosts that are bad, Out those that are out; both together keep
	// hosts that are either.
	Bad, Out bool
}

func (q HostQuery) values() url.Values {
	v := url.Values{}
	set(v, "pool", string(q.Pool))
	mark(v, "bad", q.Bad)
	mark(v, "out", q.Out)
	return v
}

func set(v url.Values, key, value string) {
	if value != "" {
		v.Set(key, value)
	}
}

func mark(v url.Values, key string, on bool) {
	if on {
		v.Set(key, "true")
	}
}

// ApproveRequest says yes to a case's question.
type ApproveRequest struct {
	// PlanHash is the plan that the person saw: no other is approved.
	PlanHash string `json:"plan_hash" doc:"the plan that was shown; no other is approved"`
	Reason   string `json:"reason,omitempty" maxLength:"1000"`
	// Question is the number of the question that the person saw: no other is answered. 0
	// doesn't say.
	Question uint64 `json:"question,omitempty" doc:"the notice of the case's ask that was shown: another question of the case is not answered; 0 doesn't say"`
	// Seen is, with Question, CaseDetail.AgainstAt as it was shown: nothing that somebody
	// else said against the case since is passed over.
	Seen time.Time `json:"seen,omitzero" doc:"with question: against_at as it was shown; what somebody said since refuses the yes"`
}

// DenyRequest says no to a case's question.
type DenyRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"1000"`
	// Question is as in ApproveRequest.
	Question uint64 `json:"question,omitempty" doc:"the notice of the case's ask that was shown: another question of the case is not answered; 0 doesn't say"`
}

// SnoozeRequest has a case's question asked again later.
type SnoozeRequest struct {
	// Seconds is for how long it is put off.
	Seconds int64  `json:"seconds" minimum:"1" maximum:"86400" doc:"for how long; the config bounds it"`
	Reason  string `json:"reason,omitempty" maxLength:"1000"`
	// Question is as in ApproveRequest.
	Question uint64 `json:"question,omitempty" doc:"the notice of the case's ask that was shown: another question of the case is not put off; 0 doesn't say"`
}

// CancelRequest stops a case.
type CancelRequest struct {
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// UndoRequest has warden put a case's host back.
type UndoRequest struct {
	Reason remedy.UndoReason `json:"reason,omitempty" enum:",fixed,was-fine,test" doc:"why; empty is a bare reversal"`
}

// ResolveRequest says where the host of an execution of unknown outcome is.
type ResolveRequest struct {
	// As is "out" or "in".
	As     string `json:"as" enum:"out,in" doc:"whether the host is out of service or in"`
	Reason string `json:"reason,omitempty" maxLength:"1000"`
}

// RunRequest runs an action by hand on one host.
type RunRequest struct {
	Action remedy.ActionName `json:"action"`
	Host   remedy.HostName   `json:"host"`
	// Pool may be left out when only one pool has the host.
	Pool   remedy.PoolName `json:"pool,omitempty" doc:"needed only when several pools have the host"`
	Reason string          `json:"reason,omitempty" maxLength:"1000"`
	// Acknowledge names the guardrails whose question the person has seen.
	Acknowledge []string `json:"acknowledge,omitempty" nullable:"false" maxItems:"32"`
	// PlanHash, when set, must be the plan's: the one the person was shown.
	PlanHash string `json:"plan_hash,omitempty"`
	// Once, when set, names the preview that the person was shown: one run comes of it at
	// most.
	Once string `json:"once,omitempty" maxLength:"64" doc:"names the preview that was shown: a second run of the same name is refused"`
}

// HoldRequest keeps warden's hands off a host, or off a whole pool.
type HoldRequest struct {
	// Target is a host or a pool; a pool's name wins unless Pool is set.
	Target string          `json:"target" minLength:"1" doc:"a host, or a pool"`
	Pool   remedy.PoolName `json:"pool,omitempty" doc:"needed only when several pools have the host"`
	// For is how long, such as "2h" or "7d".
	For    string `json:"for" doc:"how long, such as 2h or 7d"`
	Reason string `json:"reason" minLength:"1" maxLength:"1000"`
}

// WaiveRequest takes a voter's word out of the lowest level.
type WaiveRequest struct {
	// Node is a voter's id, or its name where one voter has it.
	Node   string `json:"node" minLength:"1" doc:"a voter's id, or its name where one voter has it"`
	Reason string `json:"reason" minLength:"1" maxLength:"1000"`
}

// FreezeRequest stops all acting.
type FreezeRequest struct {
	Reason string `json:"reason" minLength:"1" maxLength:"1000"`
	// For is how long, such as "2h" or "7d"; empty lasts until somebody
	// unfreezes.
	For string `json:"for,omitempty" doc:"how long, such as 2h; empty lasts until it is lifted"`
}
