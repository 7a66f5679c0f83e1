// Package actions holds what warden can do to a host, one file or folder a
// kind. Actions are the only place where warden changes the world.
//
// An action names exactly one host at a time, declares an end state, reads
// back what it did and can undo it. It never repeats, never retries and never
// decides: the engine does that.
package actions

import (
	"context"
	"errors"
	"strings"
	"text/template"
	"time"

	"warden/internal/remedy"
)

// ErrHostUnknown is returned, wrapped, when the backend knows no such host.
var ErrHostUnknown = errors.New("the backend knows no such host")

// ErrBackend is returned, wrapped, when the backend could not be reached or
// gave an answer that makes no sense. Nothing may be concluded from it.
var ErrBackend = errors.New("the backend gave no usable answer")

// ErrNotStarted is returned, wrapped, by an effect that was refused or could
// not be begun: nothing was changed, for certain.
var ErrNotStarted = errors.New("nothing was started")

// ErrCutOff is returned, wrapped, by an effect that did not come to its own end,
// or left something behind that may go on: what was not done when it returned may
// be done later. An effect that says so is taken as not having happened only if
// the backend proves that it never touched the host.
var ErrCutOff = errors.New("it did not come to its own end, and its effect may still come")

// Action changes one host of one pool and can put it back. Implementations are
// safe for concurrent use and hold no state that a restart would lose.
type Action interface {
	// Plan says what Apply would do to the host, in the backend's own words.
	// It reads the backend but changes nothing.
	Plan(ctx context.Context, pool remedy.PoolName, host remedy.HostName) (remedy.Plan, error)
	// Observe reads the state of these hosts of the pool, in as few requests
	// as the backend allows. A backend that answers for a whole pool at once may
	// give its other hosts as well. A host that is missing from the map is
	// unknown to the backend. The slice is the caller's and is not changed.
	Observe(ctx context.Context, pool remedy.PoolName, hosts []remedy.HostName) (map[remedy.HostName]remedy.Observation, error)
	// Apply and Undo are in Effector: see there.
	Effector
}

// Effector is the half of an Action that changes the world.
type Effector interface {
	// Apply carries out the plan once. An error means the effect may or may
	// not have happened: only a following Observe says which, and if it is
	// ErrCutOff not even that says that it won't happen. The report is
	// meaningful even when the error is not nil.
	Apply(ctx context.Context, job Job) (Report, error)
	// Undo restores job.Prior, the state Apply found. It touches only what
	// Apply touched. Errors mean the same as Apply's.
	Undo(ctx context.Context, job Job) (Report, error)
}

// Job is one execution's order to an action.
type Job struct {
	Case  remedy.CaseID
	Token remedy.Token // fences the execution and serves as its idempotency key
	Pool  remedy.PoolName
	Host  remedy.HostName
	// Prior is the state to restore, as a Report gave it; empty for Apply.
	Prior string
	// Balancers holds an effect to some of the action's load balancers, and
	// says for an undo what to restore on each. Empty means all of them, in
	// the one state that Prior names.
	Balancers []remedy.BalancerState
}

// Report is what an execution did.
type Report struct {
	// Prior is the backend's administrative state before the effect: what an
	// undo restores. Empty when it could not be read, in which case nothing
	// was changed. Where load balancers differ it names each, as
	// remedy.Observation.Admin does.
	Prior string `json:"prior,omitempty"`
	// Unchanged names the load balancers that got no order, since the host was
	// as wanted there already or the effect ended before it came to them. Empty
	// where the backend doesn't tell its load balancers apart.
	Unchanged []string `json:"unchanged,omitempty"`
	// Output is what the backend answered, capped at 4 KiB and redacted.
	Output string `json:"output,omitempty"`
}

// Spec describes an action to the engine.
type Spec struct {
	Name remedy.ActionName
	// Kind is the type as the config spells it, such as "haproxy".
	Kind string
	// Timeout is run_within: how long one effect may take.
	Timeout time.Duration
	// StartWithin is how long after START was committed the effect may begin.
	StartWithin time.Duration
	// TookWithin is how long to wait for the wanted state and for quiet.
	TookWithin time.Duration
	// Idempotent says that repeating the effect changes nothing further.
	Idempotent bool
	// CanObserve says that Observe tells in service from out for a whole pool,
	// every round. In a pool where no action does, who is in service is assumed
	// at best, and nothing goes above confirm.
	CanObserve bool
	// Blind says that Observe can't even tell whether one host is as wanted.
	// Such an action never goes above confirm, and what it did ends with a
	// person, but where Verify says more.
	Blind bool
	// NoUndo says that Undo can't be done: people are told so beforehand.
	NoUndo bool
	// Heals says that the action mends its host, as a restart does, so that the
	// detector that opened the case judges afterwards whether it did.
	Heals bool
	// TakesOut says that the action takes the host out of service, so that it
	// counts towards floors and out-slots.
	TakesOut bool
	// ManualHint is the command to do it by hand, with {{ .Host }} and
	// {{ .Pool }} to be filled in.
	ManualHint string
	// UndoHint is the same for putting the host back; empty when nobody said.
	UndoHint string
	// Digest tells apart what the action acts on and how, as configured, without
	// any secret: what one node began, another may judge only where it would ask
	// the same. Empty when nobody said.
	Digest string
}

// Hint is the manual hint with pool and host filled in; empty when there is
// none, or it can't be filled in.
func (s Spec) Hint(pool remedy.PoolName, host remedy.HostName) string {
	t, err := template.New("hint").Parse(s.ManualHint)
	if err != nil {
		return ""
	}
	var b strings.Builder
	if t.Execute(&b, struct {
		Host remedy.HostName
		Pool remedy.PoolName
	}{host, pool}) != nil {
		return ""
	}
	return b.String()
}
