package chat

import (
	"fmt"
	"strings"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// complaint says what warden saw and would do if it were allowed to.
func (w *writer) complaint() headline {
	c, f := w.c, evidence(w.c)
	lead, say := "would "+w.verb().do, ", not allowed to"
	is, was := "I am not allowed to touch it", "I was not allowed to touch it"
	stuck := w.stuck()
	if stuck != "" {
		say, is, was = ", nobody can say yes", "nobody is asked: "+stuck, "nobody was asked: "+stuck
	}
	now := c.Stage == remedy.StageDetected || c.Stage == remedy.StageProposed
	if f != nil {
		say = ": " + FindingShort(*f) + " (" + badTerm(*f) + ")" + suffixed(", ", w.badNow()) + say
	}
	if l := c.Latest; now && (l == nil || l.Verdict == remedy.VerdictBad) {
		w.line("%s is bad and %s.", c.Host, is)
	} else {
		lead = "would have " + w.verb().done
		w.line("%s was bad and %s.", c.Host, was)
	}
	if f != nil {
		w.line("%s%s (%s).%s", capital(measured(*f)), suffixed(" since ", w.badSince(f)), badTerm(*f), suffixed(" ", w.badNow(), "."))
	}
	w.nowLooks()
	if !now {
		w.line("Since then: %s is %s.", c.ID, w.standing())
	}
	w.line("I would %s%s.", w.summary(), suffixed(": ", w.inService()))
	if w.m.Level > remedy.LevelBlocked {
		w.line("%s is at %s in pool %s.", c.Action, w.m.Level, c.Pool)
	}
	w.caps()
	switch t := tone(c.ID, w.o); {
	case stuck != "" && now:
		w.line("%s", ToMend)
	case t != "" && now && !w.grave():
		w.line("%s", t)
	}
	w.byHand()
	w.line("More: `warden show %s`", c.ID)
	return w.head(lead, say)
}

// ToMend says what to do about a question that nobody can answer.
const ToMend = "Mend what the file says, then `warden reload` on that node: I ask then. If it is gone for good: `warden operator raft remove-peer`."

// stuck says why nobody could answer, as the case stands or, where that has changed since,
// as its complaint has it; empty for a complaint that is about the level.
func (w *writer) stuck() string {
	if w.c.Unasked.Stuck() {
		return w.c.Unasked.Why
	}
	return strings.TrimPrefix(w.m.Notice.Detail, ledger.NotAsked)
}

// tone is the one line of a complaint that isn't a fact. The first is chosen
// by the case, so that saying it again says the same; after a few repeats it
// gives up.
func tone(id remedy.CaseID, o RenderOptions) string {
	first := [...]string{
		"I can see it. I can fix it. I am not allowed to make changes in production.",
		"I have the plan, the command and the time. I do not have the permission.",
		"Apparently watching is my whole job. I am watching.",
		"If anybody needs me, I will be here, not touching it.",
	}
	switch {
	case o.Plain || o.Repeat > 5:
		return ""
	case o.Repeat > 2:
		return fmt.Sprintf("I have started counting. (×%d)", o.Repeat)
	case o.Repeat == 2:
		return "Still broken. Still not allowed. I checked."
	}
	return first[uint64(id)%uint64(len(first))]
}

// question asks for an approval of exactly one plan.
func (w *writer) question() headline {
	c, f := w.c, evidence(w.c)
	say := "?"
	if f != nil {
		w.line("Why: %s. Judged %s%s.", findingSentence(*f), w.when(f.At), suffixed(" by ", string(f.Detector)))
		say += " " + FindingShort(*f) + " (" + badTerm(*f) + ")" + suffixed(", ", w.badNow())
	} else {
		w.line("Why: no finding is recorded; look before you approve.")
	}
	w.nowLooks()
	open := c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil && c.Plan != nil && c.Ask.PlanHash == c.PlanHash
	if !open {
		w.line("This is not asked any more: %s is %s.", c.ID, w.standing())
		w.byHand()
		w.line("More: `warden show %s`", c.ID)
		return w.head(w.verb().do, say+", not asked any more")
	}
	w.context()
	w.line("If you approve: I judge it again, then %s%s.", w.summary(), suffixed(": ", w.inService()))
	w.steps("Plan "+c.Ask.PlanHash+", exactly this:", c.Plan.Steps)
	w.line("If you do nothing: nothing happens, and the question expires %s (%s after it was asked).",
		w.when(c.Ask.ExpiresAt), Span(c.Ask.ExpiresAt.Sub(c.Ask.AskedAt)))
	if w.m.Sure != "" {
		w.line("How sure: %s.", w.m.Sure)
	}
	w.line("Why you might not: %s.", w.doubts(f))
	if len(c.Plan.UndoSteps) > 0 {
		say += ", undo ready"
		w.steps(fmt.Sprintf("Undo: `warden undo %s` runs:", c.ID), c.Plan.UndoSteps)
	} else {
		w.line("Undo: this plan has none.")
	}
	w.line("Approvers: %s", strings.Join(c.AskedOf(), ", "))
	w.line("Approve: `%s`", c.YesCommand(w.m.Seen))
	w.line("Deny: `warden deny %s --reason false-alarm`, or known-work, not-now, other", c.ID)
	if !c.Ask.ByHand {
		w.line("Later: `warden snooze %s 30m`", c.ID)
	}
	w.byHand()
	h := w.head(w.verb().do, say)
	h.tail += ", expires " + w.clock(c.Ask.ExpiresAt)
	return h
}

// doubts lists what speaks against approving.
func (w *writer) doubts(f *remedy.Finding) string {
	var out []string
	if f != nil && f.Stopped {
		out = append(out, "its data stopped, and a dead sender looks like a dead host")
	}
	if d := w.c.Decision; d != nil {
		for _, a := range d.Answers {
			counts := a.Guardrail == "common_mode" || a.Guardrail == "max_out"
			if a.Guardrail == "trust_gate" && a.Cap >= remedy.LevelConfirm {
				continue // that it may not act alone is why a person is asked, and no doubt about the host
			}
			if a.Effect == remedy.EffectNotBind || (a.Effect == remedy.EffectAllow && !a.Unreadable && !counts) {
				continue
			}
			out = append(out, guardrailWord(a.Guardrail)+": "+answerWords(a))
		}
	}
	if len(out) == 0 {
		return "nothing I know of"
	}
	return strings.Join(out, "; ")
}

// caps says which guardrails lowered the level.
func (w *writer) caps() {
	if w.c.Decision == nil {
		return
	}
	for _, a := range w.c.Decision.Answers {
		if a.Effect == remedy.EffectCap {
			w.line("%s: %s.", capital(guardrailWord(a.Guardrail)), answerWords(a))
		}
	}
}
