package policy

import "warden/internal/remedy"

// allow stands in nobody's way.
func allow(observed, limit string) remedy.Answer {
	return remedy.Answer{Effect: remedy.EffectAllow, Cap: remedy.LevelAuto, Observed: observed, Limit: limit}
}

// block lets nothing be done.
func block(observed, limit string) remedy.Answer {
	return remedy.Answer{Effect: remedy.EffectBlock, Cap: remedy.LevelBlocked, Observed: observed, Limit: limit}
}

// wait lets nothing be done this round, for a reason that passes by itself.
func wait(observed, limit string) remedy.Answer {
	return remedy.Answer{Effect: remedy.EffectWait, Cap: remedy.LevelBlocked, Observed: observed, Limit: limit}
}

// capAt lowers to a level, of which the lowest is none at all.
func capAt(level remedy.Level, observed, limit string) remedy.Answer {
	if level == remedy.LevelBlocked {
		return block(observed, limit)
	}
	return remedy.Answer{Effect: remedy.EffectCap, Cap: level, Observed: observed, Limit: limit}
}

// capAtConfirm leaves the last word to a person.
func capAtConfirm(observed, limit string) remedy.Answer {
	return capAt(remedy.LevelConfirm, observed, limit)
}

// capAtNotify keeps warden's hands off and has it tell people.
func capAtNotify(observed, limit string) remedy.Answer {
	return capAt(remedy.LevelNotify, observed, limit)
}

// unreadable blocks because something could not be read, or made no sense.
func unreadable(why string) remedy.Answer {
	a := block("unknown: "+why, "")
	a.Unreadable = true
	return a
}

// notBound says why the guardrail has nothing to hold this proposal against.
func notBound(observed string) remedy.Answer {
	return remedy.Answer{Effect: remedy.EffectNotBind, Cap: remedy.LevelAuto, Observed: observed}
}

// why gives the reason a fact is unknown, or the fallback where nobody gave
// one.
func why[T any](f remedy.Fact[T], fallback string) string {
	if f.Why != "" {
		return f.Why
	}
	return fallback
}
