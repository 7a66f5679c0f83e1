package chat

import (
	"fmt"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// NotDone is what somebody is told whose answer was not taken: the refusal's own
// words, as on every surface, and what they may do all the same.
func NotDone(why string, notYours bool) string {
	words := strings.TrimSuffix(capital(Clean(why)), ".")
	if notYours {
		return words + ". You can still say no, hold the host or freeze everything."
	}
	return words + "."
}

// Noted is what somebody is told whose answer was taken, where the message of the
// case doesn't say it; empty where it does. Announced says that what is put off was.
func Noted(v Verb, id remedy.CaseID, d time.Duration, announced bool) string {
	switch v {
	case VerbRight:
		return fmt.Sprintf("Noted: %s was a good call.", id)
	case VerbWrong:
		return fmt.Sprintf("Noted: %s was a false alarm.", id)
	case VerbDid:
		return fmt.Sprintf("Noted: %s was a good call, and you saw to it.", id)
	case VerbSnooze:
		return fmt.Sprintf("%s is put off for %s: if the host is still bad then, %s.", id, Span(d), AfterSnooze(announced))
	case VerbHold:
		return fmt.Sprintf("The host of %s is held for %s, in your name.", id, Span(d))
	case VerbOnIt:
		return fmt.Sprintf("You are on it: the host of %s is held for %s, in your name.", id, Span(d))
	case VerbApprove, VerbDeny, VerbUndo, VerbCancel, VerbDetails, VerbRun, VerbPreview:
	}
	return ""
}

// Fault is what somebody is told whose answer ended in a fault of warden's own,
// about a case, or 0 for none. Whether it was done by then is not known here.
func Fault(id remedy.CaseID) string {
	look := "`warden status`"
	if id != 0 {
		look = "`warden show " + id.String() + "`"
	}
	return "Warden had a fault at this, and as far as is known nothing was done: look at " + look + " before you do it again. The log has what went wrong; please report it."
}

// Unasked is for who tapped or said something while Slack could not be asked who
// they are.
const Unasked = "Nothing was done: I can't look up who you are just now. Try again, or use the command line: `warden cases` says what waits."

// NotAddressed is for who named warden somewhere in what they said to others.
const NotAddressed = "I do nothing about what isn't said to me: begin with my name, as in `@warden status`."

// Details is the short form of how a case came about: what was seen, what every
// guardrail said, the plan, and its timeline.
func Details(c *ledger.Case, zone *time.Location) []string {
	w := &writer{m: Message{Case: c, Notice: ledger.Notice{At: c.ChangedAt}}, c: c, o: RenderOptions{Zone: zone}}
	out := []string{Clean(fmt.Sprintf("%s: %s on %s in pool %s is %s", c.ID, c.Action, c.Host, c.Pool, w.standing()))}
	if f := evidence(c); f != nil {
		out = append(out, "Seen: "+Clean(findingSentence(*f))+suffixed(" by ", Clean(string(f.Detector))))
	}
	if d := c.Decision; d != nil {
		for _, a := range d.Answers {
			if a.Effect != remedy.EffectNotBind {
				out = append(out, capital(guardrailWord(a.Guardrail))+": "+Clean(answerWords(a)))
			}
		}
	}
	if p := c.Plan; p != nil {
		for _, s := range p.Steps {
			out = append(out, "Plan: "+Clean(s))
		}
		for _, s := range p.UndoSteps {
			out = append(out, "Undo: "+Clean(s))
		}
	}
	for _, e := range c.Events {
		out = append(out, Clean(w.when(e.At)+"  "+Bare(e.What+suffixed(" · ", e.By))))
	}
	out = append(out, fmt.Sprintf("All of it: warden show %s", c.ID))
	const most = 40
	if len(out) > most {
		out = append(out[:most-1], fmt.Sprintf("and %d more lines: warden show %s", len(out)-most+1, c.ID))
	}
	return out
}
