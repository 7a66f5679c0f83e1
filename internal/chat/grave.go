package chat

import (
	"slices"

	"warden/internal/remedy"
)

// graveGuardrails say, where they hold back or can't be read, that something
// serious goes on: nobody wants a joke then.
var graveGuardrails = [...]string{"block_when", "breaker", "common_mode"}

// grave reports whether something serious goes on: by what whoever made the
// message knows, or by the case's own decision. What can't be read is taken for
// serious.
func (w *writer) grave() bool {
	if w.m.Grave {
		return true
	}
	if w.c == nil || w.c.Decision == nil {
		return false
	}
	return slices.ContainsFunc(w.c.Decision.Answers, func(a remedy.Answer) bool {
		return slices.Contains(graveGuardrails[:], a.Guardrail) && (a.Effect == remedy.EffectBlock || a.Effect == remedy.EffectAsk || a.Unreadable)
	})
}
