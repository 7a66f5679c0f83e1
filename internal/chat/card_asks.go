package chat

import (
	"fmt"
	"strings"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// card chooses by the case alone, never by the notice: what people see is how it
// stands.
func (w *cardWriter) card() Card {
	switch c := w.c; {
	case c.Stage == remedy.StageWaiting && c.Veto != nil:
		return w.announcedCard()
	case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil:
		return w.questionCard()
	case c.Stage == remedy.StageWaiting:
		return w.working("approved" + w.approvers() + "; I judge it again first")
	case c.Stage == remedy.StageExecuting && !c.UnknownExecution():
		x := c.Execution()
		if x == nil {
			return w.working("it runs")
		}
		return w.working(w.because(x) + "; it runs since " + w.when(x.StartedAt))
	case c.Stage == remedy.StageVerifying:
		return w.working("it ran; I watch whether it takes")
	case c.Open() && c.Stage != remedy.StageOut && len(c.Executions) == 0 && !w.told():
		return w.pausedCard()
	case w.told():
		return w.complaintCard()
	}
	return w.endedCard()
}

// told reports whether the case only ever was a complaint, or is one as nobody could answer.
func (w *cardWriter) told() bool {
	c := w.c
	stuck := c.Unasked.Stuck()
	return c.Ask == nil && c.Veto == nil && len(c.Executions) == 0 && c.Snooze == nil && (c.Unasked == nil || stuck) &&
		(c.Outcome == "" || c.Outcome == remedy.OutcomeTold || c.Outcome == remedy.OutcomeSelfRecovered || c.Outcome == remedy.OutcomeReturned || c.Outcome == remedy.OutcomeNoData) &&
		(stuck || c.CountedLevel == remedy.LevelNotify || c.CountedLevel <= remedy.LevelBlocked && w.m.Level == remedy.LevelNotify)
}

// questionCard asks. Its facts are in the order in which somebody with a phone at
// night needs them.
func (w *cardWriter) questionCard() Card {
	c, f := w.c, evidence(w.c)
	k := Card{State: CardQuestion, Title: capital(w.verb().do) + string(c.Host) + "?", Text: w.lockScreen(&w.writer)}
	why := "no finding is recorded; look before you say yes"
	if f != nil {
		why = findingSentence(*f) + suffixed(". ", w.badNow())
	}
	k.Lead = w.special()
	k.Facts = []CardFact{
		{"Why", capital(why) + "."},
		{w.ifYes(), capital(w.summary()+suffixed(": ", w.inService())) + w.second()},
		{"If you do nothing", "Nothing happens. Expires " + w.when(c.Ask.ExpiresAt) + "." + suffixed(" ", w.incident().Text, " stays open.")},
		{"How sure", capital(noteOf(w.m.Sure, "nobody has counted yet, so treat it as a guess")) + "."},
		{"Why you might not", capital(w.doubts(f)) + "."},
		{"Undo", w.wayBack()},
	}
	k.Buttons = []Button{
		{Verb: VerbApprove, Label: w.tap() + " " + string(c.Host), Main: true, Confirm: w.confirm()},
		{Verb: VerbDeny, Label: "No, it's fine"},
	}
	if !c.Ask.ByHand {
		k.Buttons = append(k.Buttons, Button{Verb: VerbSnooze, Label: "Ask in 30 min"})
	}
	k.Buttons = append(k.Buttons, Button{Verb: VerbDetails, Label: "Details"})
	return k
}

// lockScreen is the first line that Render gives the case's question.
func (w *cardWriter) lockScreen(of *writer) string {
	fresh := writer{m: of.m, c: of.c, o: of.o}
	switch c := of.c; {
	case c.Stage == remedy.StageWaiting && c.Veto != nil:
		return fresh.announced().fit()
	case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil && len(c.Approved()) > 0:
		return fresh.partly().fit()
	case c.Stage == remedy.StageWaiting && c.Ask != nil && c.Answer == nil:
		return fresh.question().fit()
	}
	return fresh.outcome().fit()
}

// tap is the action as one word on a button: "Drain", or its name.
func (w *cardWriter) tap() string {
	if w.c.Action == "drain" {
		return "Drain"
	}
	return "Run " + clip(Clean(string(w.c.Action)), shortName) + " on"
}

// ifYes is how a yes is said.
func (w *cardWriter) ifYes() string {
	if w.o.Spelled {
		return "If you approve"
	}
	return "If you tap " + w.tap()
}

// special says what is not usual about a question.
func (w *cardWriter) special() []string {
	fresh := writer{m: w.m, c: w.c, o: w.writer.o}
	fresh.nowLooks()
	fresh.context()
	if l := w.c.Latest; w.c.Ask != nil && l != nil && l.Verdict != remedy.VerdictBad {
		fresh.line("It does not look bad any more: look before you say yes.")
	}
	return fresh.lines
}

// second says who else has to say yes.
func (w *cardWriter) second() string {
	if n := w.c.Ask.NeededYes(); n > 1 {
		return fmt.Sprintf(". It takes %d people's yes%s.", n, suffixed(", so far ", Count(w.c)))
	}
	return "."
}

func (w *cardWriter) wayBack() string {
	p := w.c.Plan
	switch none := p == nil || len(p.UndoSteps) == 0; {
	case w.o.Spelled && none:
		return "There is none but by hand" + suffixed(": ", undoHint(p)) + "."
	case w.o.Spelled:
		return fmt.Sprintf("warden undo %s puts it back, in seconds: %s.", w.c.ID, strings.Join(p.UndoSteps, "; "))
	case none:
		return "There is none by a tap" + suffixed("; by hand: ", undoHint(p)) + "."
	}
	return "One tap puts it back, in seconds: " + strings.Join(p.UndoSteps, "; ") + "."
}

func undoHint(p *remedy.Plan) string {
	if p == nil {
		return ""
	}
	return p.UndoHint
}

// confirm is the question before an approval counts.
func (w *cardWriter) confirm() *Confirm {
	host := clip(Clean(string(w.c.Host)), 60)
	text := noteOf(w.inService(), "Nothing says how many hosts stay in service")
	if p := w.c.Plan; p != nil && len(p.UndoSteps) > 0 {
		text += ". Undo is one tap"
	}
	return &Confirm{
		Title: clip(w.tap()+" "+host+" now?", 90), Text: clip(Clean(capital(text))+". You are recorded as the approver of "+w.c.ID.String()+".", 280),
		Yes: clip(w.tap()+" it", 28), No: "Go back",
	}
}

// approvers is who said yes, at the end of a sentence.
func (w *cardWriter) approvers() string {
	given := w.c.Approved()
	if len(given) == 0 {
		if a := w.c.Answer; a != nil {
			return " by " + a.By.Name + ", " + w.when(a.At)
		}
		return ""
	}
	var out []string
	for _, a := range given {
		out = append(out, a.By.Name+", "+w.when(a.At))
	}
	return " by " + strings.Join(out, ", and ")
}

// working is what a case is between the yes and what came of it.
func (w *cardWriter) working(say string) Card {
	verb := w.verb()
	if x := w.c.Execution(); x != nil && x.Kind == remedy.KindUndo {
		verb = w.undoVerb()
	}
	title := capital(verb.ing) + string(w.c.Host)
	k := Card{State: CardWorking, Mark: "⏳", Title: title, Text: headline{lead: capital(verb.ing), name: string(w.c.Host), say: ": " + say, tail: ". " + w.c.ID.String()}.fit(), Lead: []string{capital(say) + "."}}
	if w.c.Stage == remedy.StageWaiting {
		k.Buttons = []Button{{Verb: VerbCancel, Label: "Stop it"}, {Verb: VerbDetails, Label: "Details"}}
	}
	return k
}

// announcedCard says what is done unless somebody says no.
func (w *cardWriter) announcedCard() Card {
	fresh := writer{m: w.m, c: w.c, o: w.writer.o}
	h := fresh.announced()
	return Card{
		State: CardAnnounced, Mark: "📣", Title: h.fit(), Text: h.fit(), Lead: withoutHand(fresh.lines),
		Buttons: []Button{{Verb: VerbDeny, Label: "No, leave it"}, {Verb: VerbSnooze, Label: "Not for 30 min"}, {Verb: VerbDetails, Label: "Details"}},
	}
}

// withoutHand leaves out the line of plan C, which a card has of its own.
func withoutHand(lines []string) []string {
	var out []string
	for _, l := range lines {
		if !strings.HasPrefix(l, "By hand: ") && !strings.HasPrefix(l, "Undo by hand: ") && !strings.HasPrefix(l, "output: ") {
			out = append(out, l)
		}
	}
	return out
}

// pausedCard is a case that is not asked, or not any more.
func (w *cardWriter) pausedCard() Card {
	k := Card{State: CardOver, Mark: "💤", Title: capital(w.verb().do) + string(w.c.Host) + ": not now"}
	k.Text = headline{lead: "Not now: " + w.verb().do, name: string(w.c.Host), say: ": " + w.standing(), tail: ". " + w.c.ID.String()}.fit()
	k.Lead = []string{capital(w.standing()) + "."}
	if s := w.c.Snooze; s != nil {
		k.Lead = []string{fmt.Sprintf("Put off by %s until %s%s. If %s is still bad then, %s.", s.By.Name, w.when(s.Until), suffixed(": ", s.Reason), w.c.Host, AfterSnooze(s.Announced))}
	}
	k.Buttons = []Button{{Verb: VerbDetails, Label: "Details"}}
	return k
}

// question is whether the notice asks something of people.
func asksPeople(n ledger.Notice) bool {
	return n.Kind == ledger.NoticeQuestion || n.Kind == ledger.NoticeAnnounced || n.Page
}

// Urgent reports whether a message has to reach people although there have been
// many: it asks, announces or pages.
func (m Message) Urgent() bool { return asksPeople(m.Notice) }
