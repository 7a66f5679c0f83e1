package cli

import (
	"fmt"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// short is a value for a table, "-" for none.
func short(value *float64, unit string, bad float64) string {
	if value == nil {
		return "-"
	}
	return chat.FindingShort(remedy.Finding{Value: remedy.Known(*value), Term: remedy.Term{Unit: unit, Bad: bad, Clear: bad}})
}

// saw says what a detector saw, as one clause.
func saw(f *remedy.Finding) string { return say("%s: ", f.Detector) + chat.FindingSentence(*f) }

// samples says what a finding stands on.
func samples(f *remedy.Finding) string {
	if f.Newest.IsZero() {
		return count(f.Points, "point")
	}
	return fmt.Sprintf("%s, newest %s old", count(f.Points, "point"), chat.Span(f.At.Sub(f.Newest)))
}

// situation says in a few words where a case stands.
func situation(s web.CaseSummary, now time.Time) string {
	switch {
	case s.UnknownExecution:
		return "nobody knows if it happened: look, then warden resolve " + s.ID.String()
	case s.BlockedBy != "" && (s.Stage == remedy.StageDetected || s.Stage == remedy.StageProposed):
		return "blocked by " + s.BlockedBy
	case s.WaitingFor != "" && (s.Stage == remedy.StageDetected || s.Stage == remedy.StageProposed):
		return "waits for " + s.WaitingFor
	}
	if s.Waits != "" {
		return s.Waits
	}
	switch s.Stage {
	case remedy.StageWaiting:
		if s.Answered != "" {
			return "approved by " + s.Answered
		}
		return "expires in " + until(now, s.ExpiresAt)
	case remedy.StageOut:
		return "out for " + since(now, s.OutSince) + ", " + verified(s)
	case remedy.StageClosed:
		return strings.TrimSpace(s.Note)
	case remedy.StageDetected, remedy.StageProposed, remedy.StageExecuting, remedy.StageVerifying:
	}
	return s.Note
}

// verified says whether the action is known to have taken.
func verified(s web.CaseSummary) string {
	switch {
	case s.Took == nil:
		return "not verified yet"
	case *s.Took:
		return "verified"
	default:
		return "NOT verified"
	}
}

// until says how long an instant is away.
func until(now, t time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case !t.After(now):
		return "0s"
	default:
		return chat.Span(t.Sub(now))
	}
}

// whatNext is what the decision about a case came to, as a clause.
func whatNext(k *ledger.Case) string {
	d := k.Decision
	switch {
	case k.UnknownExecution():
		return "ran, and nobody knows whether it happened."
	case k.Manual != nil:
		return fmt.Sprintf("run by hand by %s: %s", k.Manual.By.Name, k.Manual.Reason)
	case k.Stage == remedy.StageClosed:
		return "closed: " + string(k.Outcome) + "."
	case d == nil:
		return "not decided yet."
	case d.BlockedBy != "" && d.Waiting:
		return "waits, because of " + d.BlockedBy + "; this passes by itself."
	case d.BlockedBy != "":
		return "did nothing, because " + d.BlockedBy + " does not allow it."
	}
	on := fmt.Sprintf("%s is at %q for %s.", k.Action, d.Effective, k.Pool)
	if d.Level < d.Effective {
		on = fmt.Sprintf("a guardrail lowers %s from %q to %q.", k.Action, d.Effective, d.Level)
	}
	switch d.Level {
	case remedy.LevelMetricOnly:
		return "counted it and did nothing, because " + on
	case remedy.LevelNotify:
		return "complained and did nothing, because " + on
	case remedy.LevelConfirm:
		if k.Stage == remedy.StageProposed && k.Unasked != nil {
			return "is to ask a person, and does not yet (" + k.Unasked.Why + "), because " + on
		}
		if k.Stage == remedy.StageProposed && k.Snooze != nil {
			return "asked a person and was put off, because " + on
		}
		return "asked a person, because " + on
	case remedy.LevelAuto:
		if k.Stage == remedy.StageProposed && k.Snooze != nil {
			return "was to act by itself and was put off, because " + on
		}
		return "acts by itself, because " + on
	case remedy.LevelBlocked:
	}
	return "did nothing."
}

// styleOf colours a stage or an outcome by how much it wants to be looked at.
func styleOf(stage remedy.Stage, outcome remedy.Outcome) style {
	switch outcome {
	case remedy.OutcomeFailed, remedy.OutcomePartial, remedy.OutcomeUnverified, remedy.OutcomeUnknown:
		return red
	default: // every other outcome is as bad as its stage
	}
	switch stage {
	case remedy.StageWaiting, remedy.StageExecuting, remedy.StageVerifying:
		return yellow
	case remedy.StageOut:
		return bold
	case remedy.StageClosed:
		return dim
	case remedy.StageDetected, remedy.StageProposed:
	}
	return plain
}

// styleOfVerdict colours a verdict.
func styleOfVerdict(v string) style {
	switch v {
	case remedy.VerdictBad.String():
		return red
	case remedy.VerdictUnknown.String():
		return yellow
	case remedy.VerdictOut.String():
		return bold
	default:
		return plain
	}
}
