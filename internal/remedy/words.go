package remedy

import (
	"fmt"
	"slices"
	"strings"
)

// Level is a rung of the trust ladder, or blocked beneath all of them. Levels
// are ordered: a higher value allows strictly more. The zero value is
// LevelBlocked, so that a level nobody set allows nothing.
type Level uint8

// The levels in rising order.
const (
	LevelBlocked    Level = iota // nothing at all, not even a count
	LevelMetricOnly              // count that it would have acted
	LevelNotify                  // and complain in chat that it is not allowed to
	LevelConfirm                 // and ask a named person, with the exact plan
	LevelAuto                    // act, verify, tell
)

var levelWords = [...]string{"blocked", "metric-only", "notify", "confirm", "auto"}

// String is the level's word as config, logs and metrics spell it.
func (l Level) String() string {
	if int(l) < len(levelWords) {
		return levelWords[l]
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Unlike ParseLevel it
// accepts "blocked", since stored decisions can be.
func (l *Level) UnmarshalText(b []byte) error {
	i := slices.Index(levelWords[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is not a level: use one of %s", b, strings.Join(levelWords[:], ", "))
	}
	*l = Level(i)
	return nil
}

// ParseLevel reads a rung as a person writes it in the config: metric-only,
// notify, confirm or auto. "blocked" is not a rung and is refused.
func ParseLevel(s string) (Level, error) {
	if i := slices.Index(levelWords[1:], s); i >= 0 {
		return Level(i + 1), nil
	}
	return LevelBlocked, fmt.Errorf("use one of %s", strings.Join(levelWords[1:], ", "))
}

// Verdict is a detector's judgement of one host. The zero value is unknown,
// and unknown neither acts nor heals.
type Verdict uint8

// The verdicts.
const (
	VerdictUnknown Verdict = iota // not enough trustworthy data to say
	VerdictGood                   // clear of the threshold at the judged instant
	VerdictBad                    // bad at every aligned step of `for`
	VerdictOut                    // not judged: the host is out of service
)

var verdictWords = [...]string{"unknown", "good", "bad", "out"}

// String is the verdict's word.
func (v Verdict) String() string {
	if int(v) < len(verdictWords) {
		return verdictWords[v]
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

// MarshalText implements encoding.TextMarshaler.
func (v Verdict) MarshalText() ([]byte, error) { return []byte(v.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (v *Verdict) UnmarshalText(b []byte) error {
	i := slices.Index(verdictWords[:], string(b))
	if i < 0 {
		return fmt.Errorf("%q is not a verdict: use one of %s", b, strings.Join(verdictWords[:], ", "))
	}
	*v = Verdict(i)
	return nil
}

// Stage says where a case is on its way.
type Stage string

// The stages in order.
const (
	StageDetected  Stage = "detected"  // a detector says bad (or a person asked); blocked or not yet decided
	StageProposed  Stage = "proposed"  // admitted below confirm: counted or told, decided afresh each round
	StageWaiting   Stage = "waiting"   // a person was asked, or said yes and the action has not started
	StageExecuting Stage = "executing" // START is committed, FINISHED is not
	StageVerifying Stage = "verifying" // the effect is done; watching whether it took
	StageOut       Stage = "out"       // the host is out of service because of this case
	StageClosed    Stage = "closed"    // over
)

// Stages lists every stage in order, for validation and for pre-created metrics.
func Stages() []Stage {
	return []Stage{StageDetected, StageProposed, StageWaiting, StageExecuting, StageVerifying, StageOut, StageClosed}
}

// Outcome says how a case ended or was decided, or how an execution ended.
// The empty value means nothing has been decided yet.
type Outcome string

// The outcomes.
const (
	OutcomeDone          Outcome = "done"           // acted and took
	OutcomeAborted       Outcome = "aborted"        // started, then called off before the effect
	OutcomeCounted       Outcome = "counted"        // would have acted; counted (metric-only)
	OutcomeTold          Outcome = "told"           // would have acted; complained (notify, or nobody could answer)
	OutcomeDenied        Outcome = "denied"         // a person said no
	OutcomeExpired       Outcome = "expired"        // nobody answered in time
	OutcomeStale         Outcome = "stale"          // the plan changed after it was shown
	OutcomeSuperseded    Outcome = "superseded"     // another case took over
	OutcomeCancelled     Outcome = "cancelled"      // a person withdrew it
	OutcomeSelfRecovered Outcome = "self_recovered" // the host got well before anything was done
	OutcomeFailed        Outcome = "failed"         // the effect reported an error and is provably not there
	OutcomePartial       Outcome = "partial"        // some backends took it, others did not
	OutcomeUnverified    Outcome = "unverified"     // ran, but the wanted state or the quiet never came
	OutcomeUnknown       Outcome = "unknown"        // nobody knows whether the effect happened
	OutcomeNoData        Outcome = "no_data"        // unknown for longer than unknown_close
	OutcomeUndone        Outcome = "undone"         // a person had warden put the host back
	OutcomeReturned      Outcome = "returned"       // somebody else put the host back
	OutcomeGone          Outcome = "gone"           // the host left the inventory
)

// Outcomes lists every outcome, for validation and for pre-created metrics.
func Outcomes() []Outcome {
	return []Outcome{
		OutcomeDone, OutcomeAborted, OutcomeCounted, OutcomeTold, OutcomeDenied, OutcomeExpired,
		OutcomeStale, OutcomeSuperseded, OutcomeCancelled, OutcomeSelfRecovered, OutcomeFailed,
		OutcomePartial, OutcomeUnverified, OutcomeUnknown, OutcomeNoData, OutcomeUndone,
		OutcomeReturned, OutcomeGone,
	}
}

// ExecutionKind says why an execution runs; the guardrails bind each kind
// differently.
type ExecutionKind string

// The kinds of execution.
const (
	KindAct    ExecutionKind = "act"    // born of a detector, at confirm or auto
	KindManual ExecutionKind = "manual" // a person typed `warden run`
	KindUndo   ExecutionKind = "undo"   // a person puts the host back through warden
	// KindReassert puts back a state that the backend forgot at a reload.
	KindReassert ExecutionKind = "reassert"
)

// UndoReason is what a person says when undoing. The empty reason is a bare
// reversal: it labels nothing and holds the host for the cooldown.
type UndoReason string

// The reasons for an undo.
const (
	UndoFixed   UndoReason = "fixed"    // the host was bad and has been repaired: the detector was right
	UndoWasFine UndoReason = "was-fine" // the host was never bad: the detector was wrong
	UndoTest    UndoReason = "test"     // a rehearsal: says nothing about the detector
)

// ParseUndoReason reads fixed, was-fine, test or nothing.
func ParseUndoReason(s string) (UndoReason, error) {
	switch r := UndoReason(s); r {
	case "", UndoFixed, UndoWasFine, UndoTest:
		return r, nil
	default:
		return "", fmt.Errorf("%q is not a reason for an undo: use fixed, was-fine or test", s)
	}
}

// Bare is what somebody wrote, without the marks that warden's own commands stand
// in: those are there to be copied, and nobody else's words are.
func Bare(s string) string { return strings.ReplaceAll(s, "`", "ˋ") }
