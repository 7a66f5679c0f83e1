package chat

import (
	"fmt"
	"strings"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// endedCard says what came of it, in the words that Render has for an outcome
// below a first line for a phone.
func (w *cardWriter) endedCard() Card {
	c := w.c
	fresh := writer{m: w.m, c: c, o: w.writer.o}
	h := fresh.outcome()
	if c.Outcome == remedy.OutcomeDenied && c.Answer != nil {
		fresh.lines = nil
		h = fresh.answered()
	}
	k := Card{State: CardOver, Title: h.fit(), Text: h.fit(), Lead: withoutHand(fresh.lines), Output: w.outputOf()}
	labels := []Button{{Verb: VerbRight, Label: "Good call"}, {Verb: VerbWrong, Label: "It was wrong"}}
	details := Button{Verb: VerbDetails, Label: "Details"}
	switch {
	case c.UnknownExecution(), c.Outcome == remedy.OutcomeUnknown:
		k.State, k.Mark = CardTrouble, "⚠️"
		k.Buttons = []Button{details}
	case c.Stage == remedy.StageOut && c.Outcome == remedy.OutcomeDone:
		return w.doneCard(k)
	case c.Outcome == remedy.OutcomeUnverified, c.Outcome == remedy.OutcomePartial:
		k.State, k.Mark = CardTrouble, "⚠️"
		if c.Open() {
			k.Buttons = append(k.Buttons, w.undoButton())
		}
		k.Buttons = append(k.Buttons, details)
	case c.Outcome == remedy.OutcomeFailed:
		k.State, k.Mark, k.Buttons = CardTrouble, "❌", append(w.again("Try again …"), details)
	case c.Outcome == remedy.OutcomeUndone, c.Outcome == remedy.OutcomeReturned:
		k.Mark, k.Buttons = "↩️", labels
	case c.Outcome == remedy.OutcomeSelfRecovered:
		k.Mark, k.Buttons = "🟢", []Button{{Verb: VerbRight, Label: "It was real"}, details}
	case c.Outcome == remedy.OutcomeExpired:
		k.Mark, k.Buttons = "💤", append(append(w.again("Do it now …"), labels...), details)
	case c.Outcome == remedy.OutcomeStale:
		k.Mark, k.Buttons = "🚫", []Button{details}
	case c.Outcome == remedy.OutcomeDenied, c.Outcome == remedy.OutcomeCancelled:
		k.Mark, k.Buttons = "✋", []Button{details}
	case c.Outcome == remedy.OutcomeDone:
		k.State, k.Mark, k.Buttons = CardDone, "✅", labels
	case c.Open():
		k.Buttons = []Button{details}
	}
	return k
}

// again shows what the same by hand would do now, which is judged afresh and has a
// button of its own for who may; nothing where the case is still at it.
func (w *cardWriter) again(label string) []Button {
	if w.c.Stage != remedy.StageClosed || w.c.Action == "" {
		return nil
	}
	return []Button{{Verb: VerbPreview, Label: label}}
}

// doneCard says that it was done and took, and offers the way back.
func (w *cardWriter) doneCard(k Card) Card {
	c := w.c
	x := c.Acted()
	if x == nil {
		return k
	}
	k.State, k.Mark = CardDone, "✅"
	k.Title = string(c.Host) + " is out"
	if !x.TakesOut {
		k.Title = capital(w.verb().did) + string(c.Host)
	}
	verified := "not verified: by a person's word"
	if took, known := x.Took.Get(); known && took {
		verified = "verified" + suffixed(" ", w.timeOf(x.TookAt.IsZero(), w.when(x.TookAt)))
	}
	by := w.because(x)
	if !x.By.Person && x.Kind == remedy.KindAct {
		by = "by myself; you were not paged"
	}
	k.Lead = []string{capital(strings.Join([]string{by, "started " + w.when(x.StartedAt), verified}, " · ")) + "."}
	if f := c.Opened; f != nil {
		k.Lead = append(k.Lead, "Before: "+findingSentence(*f)+".")
	}
	if s := w.inService(); s != "" && x.TakesOut {
		k.Lead = append(k.Lead, capital(s)+". It stays out until a person puts it back.")
	}
	if helped, known := c.Helped.Get(); known && !helped {
		k.Lead = append(k.Lead, fmt.Sprintf("It did not help: more of the other hosts are bad than the %d before.", c.BadOthers))
	}
	k.Buttons = []Button{w.undoButton(), {Verb: VerbWrong, Label: "It was wrong"}, {Verb: VerbRight, Label: "Good call"}, {Verb: VerbDetails, Label: "Why?"}}
	return k
}

func (w *cardWriter) timeOf(none bool, text string) string {
	if none {
		return ""
	}
	return text
}

func (w *cardWriter) undoButton() Button { return UndoButton(w.c) }

// RunButton runs an action by hand that was shown; its reason is asked for first.
func RunButton(action remedy.ActionName, host string) Button {
	label := "Run " + string(action) + " on "
	if action == "drain" {
		label = "Drain "
	}
	return Button{Verb: VerbRun, Label: clip(Clean(label+host), maxButton), Main: true}
}

// UndoButton puts back what a case did, after a second question.
func UndoButton(c *ledger.Case) Button {
	host := clip(Clean(string(c.Host)), 60)
	return Button{Verb: VerbUndo, Label: "Undo", Confirm: &Confirm{
		Title: clip("Put "+host+" back?", 90), Text: clip(Clean("It is as it was before "+c.ID.String()+", and held for the cooldown. You are recorded."), 280), Yes: "Put it back", No: "Go back",
	}}
}

// outputOf is the end of what the newest command printed, where it went wrong.
func (w *cardWriter) outputOf() []string {
	x := w.c.Execution()
	if x == nil || x.Outcome == "" || x.Outcome == remedy.OutcomeDone || strings.TrimSpace(x.Output) == "" {
		return nil
	}
	fresh := writer{m: w.m, c: w.c, o: w.writer.o}
	fresh.output(x)
	for i := range fresh.lines {
		fresh.lines[i] = strings.TrimPrefix(fresh.lines[i], "output: ")
	}
	return fresh.lines
}
