package policy

import (
	"fmt"
	"time"

	"warden/internal/remedy"
)

const docDemoted = "Lowers to what a mistake, or a person, left of the action's level in the pool, until a person has reviewed it; and to confirm where a person says that the detector is wrong about the case."

// Demoted is what was taken from an action × pool. The zero value is nothing.
type Demoted struct {
	// To is the level left.
	To remedy.Level
	At time.Time
	// Why says what happened, as "W-1077 was wrong".
	Why string
	// Against is a person's word about this very case, as "bob says that the
	// detector is wrong about W-1077"; empty where nobody says so.
	Against string
	// Lift is the command by which an approver lifts it; empty where nobody says so.
	Lift string
}

// checkDemoted says why the effective level is as low as it is, and caps the
// same: warden took the level from itself, and a person has to give it back. Where
// a person says that the detector is wrong about the case, another has to approve.
func checkDemoted(p *Proposal, w *World) remedy.Answer {
	v, ok := w.Demoted.Get()
	if !ok {
		return rungUnknown(why(w.Demoted, "whether the level was taken back could not be told"))
	}
	against, lift := v.Against, ""
	if v.Lift != "" {
		lift = "; `" + v.Lift + "` lifts it"
	}
	v.Against, v.Lift = "", ""
	a := demoted(p, v)
	switch {
	case against == "":
	case a.Cap > remedy.LevelConfirm:
		return capAt(remedy.LevelConfirm, against, "an approver says yes all the same, or they take it back"+lift)
	default:
		a.Observed += "; " + against
	}
	return a
}

func demoted(p *Proposal, v Demoted) remedy.Answer {
	switch {
	case v == Demoted{}:
		return allow("not demoted", "")
	case v.To == remedy.LevelBlocked, v.To >= remedy.LevelAuto:
		return rungUnknown("a demotion leaves a level that there is not")
	}
	said := fmt.Sprintf("demoted to %s on %s", v.To, instant(v.At, time.Time{}))
	if v.Why != "" {
		said += " because " + v.Why
	}
	return capAt(v.To, said, fmt.Sprintf("a person looks, then `warden promote %s --pool %s --review`", p.Action, p.Pool))
}

// rungUnknown leaves the lowest rung, which counts and touches nothing, where it
// can't be told which one is allowed.
func rungUnknown(why string) remedy.Answer {
	a := capAt(remedy.LevelMetricOnly, "unknown: "+why, "")
	a.Unreadable = true
	return a
}
