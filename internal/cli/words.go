package cli

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/web"
)

// measure words a value with its unit: a ratio is a percentage.
func measure(value float64, unit string) string {
	if strings.HasPrefix(unit, "of ") {
		return percent(value) + " " + unit
	}
	return strings.TrimSpace(number(value) + " " + unit)
}

// short is measure without the unit, for tables.
func short(value *float64, unit string) string {
	switch {
	case value == nil:
		return "-"
	case strings.HasPrefix(unit, "of "):
		return percent(*value)
	default:
		return number(*value)
	}
}

func percent(v float64) string { return strconv.FormatFloat(v*100, 'f', -1, 32) + " %" }

func number(v float64) string { return strconv.FormatFloat(v, 'g', 6, 64) }

// sawFinding says what a detector saw, as one clause.
func sawFinding(f *remedy.Finding, now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: ", f.Detector)
	switch v, known := f.Value.Get(); {
	case known:
		b.WriteString(measure(v, f.Unit) + " over " + span(f.Window))
		fmt.Fprintf(&b, ", bad below %s", threshold(f.BadBelow, f.Unit))
	case f.Reason != "":
		b.WriteString("unknown (" + f.Reason + ")")
	default:
		b.WriteString("nothing was measured")
	}
	if f.Stopped {
		b.WriteString("; its series stopped")
	}
	if !f.BadSince.IsZero() {
		b.WriteString(", for " + since(now, f.BadSince))
		if f.BadSince.Equal(f.At.Add(-f.For)) {
			b.WriteString(" or longer")
		}
	}
	return b.String()
}

// threshold words a limit in the unit of what is held against it.
func threshold(v float64, unit string) string {
	if strings.HasPrefix(unit, "of ") {
		return percent(v)
	}
	return number(v)
}

// samples says what a finding stands on.
func samples(f *remedy.Finding) string {
	if f.Newest.IsZero() {
		return count(f.Points, "point")
	}
	return fmt.Sprintf("%s, newest %s old", count(f.Points, "point"), span(f.At.Sub(f.Newest)))
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
	switch s.Stage {
	case remedy.StageWaiting:
		if s.By != "" {
			return "approved by " + s.By
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
	case t.Sub(now) > time.Hour-time.Second:
		return span(t.Sub(now).Round(time.Minute))
	default:
		return span(t.Sub(now).Round(time.Second))
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
		return "asked a person, because " + on
	case remedy.LevelAuto:
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
