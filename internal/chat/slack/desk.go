package slack

import (
	"context"
	"time"

	"warden/internal/chat"
	"warden/internal/remedy"
)

// Wish is what somebody asked for.
type Wish struct {
	Verb   chat.Verb
	Case   remedy.CaseID
	Plan   string
	Reason string
	For    time.Duration
}

// Desk does what people ask for, by the same way as the command line: the same
// rules decide, the same words say why not, and the same audit has it.
type Desk interface {
	// Do does it. An error is for who asked; NotYours tells one from all others.
	Do(ctx context.Context, by remedy.Actor, w Wish) error
}

// NotYours is the error of a wish that somebody else may have.
type NotYours struct{ Err error }

// Error is the refusal's own words.
func (e *NotYours) Error() string { return e.Err.Error() }

// Unwrap is the refusal.
func (e *NotYours) Unwrap() error { return e.Err }
