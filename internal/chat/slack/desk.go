package slack

import (
	"context"
	"time"

	"warden/internal/chat"
	"warden/internal/remedy"
)

// Wish is what somebody asked for with a button.
type Wish struct {
	Verb   chat.Verb
	Case   remedy.CaseID
	Plan   string
	Reason string
	// Question is the number of the question that was answered, and Seen up to when
	// others' words against it were shown: see ledger.CaseAnswer.
	Question uint64
	Seen     time.Time
	// For is how long, of what lasts: a question that is put off, a host that is held.
	For time.Duration
	// Action and Host are of a run by hand, and Once names the preview that it was asked
	// for on.
	Once   string
	Action remedy.ActionName
	Host   remedy.HostName
}

// Reply is what came of what somebody said.
type Reply struct {
	// Text is what the command line would print.
	Text string
	// Plan is the hash of the plan of a run that was shown; empty where there is
	// none, or something is in its way.
	Plan string
	// Waiting are the cases that wait for an answer, and Links lead to the messages
	// of cases.
	Waiting []remedy.CaseID
	Links   map[remedy.CaseID]string
}

// Desk does what people ask for, by the same way as the command line: the same
// rules decide, the same words say why not, and the same audit has it.
type Desk interface {
	// Do does it. An error is for who asked; NotYours, Outdated and Lost tell three
	// kinds from all others.
	Do(ctx context.Context, by remedy.Actor, w Wish) error
	// Ask does what was said. Its error is for who asked, of the same kinds.
	Ask(ctx context.Context, by remedy.Actor, k chat.Command) (Reply, error)
}

// NotYours is the error of a wish that somebody else may have.
type NotYours struct{ Err error }

// Error is the refusal's own words.
func (e *NotYours) Error() string { return e.Err.Error() }

// Unwrap is the refusal.
func (e *NotYours) Unwrap() error { return e.Err }

// Outdated is the error of an answer to an earlier question than its case asks.
type Outdated struct{ Err error }

// Error is the refusal's own words.
func (e *Outdated) Error() string { return e.Err.Error() }

// Unwrap is the refusal.
func (e *Outdated) Unwrap() error { return e.Err }

// Lost is the error of a wish that could not be committed, or of which nobody knows
// whether it was.
type Lost struct{ Err error }

// Error is what went wrong, in its own words.
func (e *Lost) Error() string { return e.Err.Error() }

// Unwrap is what went wrong.
func (e *Lost) Unwrap() error { return e.Err }
