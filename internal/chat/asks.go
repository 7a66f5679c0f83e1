package chat

import (
	"slices"
	"strings"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// context says of a question what is special about it: who asked by hand, what
// changed since it was asked before, how many have to say yes, who is called.
func (w *writer) context() {
	c := w.c
	if m := c.Manual; m != nil && c.Ask.ByHand {
		w.line("%s asks for it by hand%s; somebody else has to say yes.", m.By.Name, suffixed(": ", m.Reason))
	}
	if len(c.Ask.Changes) > 0 {
		w.line("Asked afresh: the plan of %s was stale. Since then: %s.", c.Ask.After, strings.Join(c.Ask.Changes, "; "))
	}
	if n := c.Ask.NeededYes(); n > 1 {
		w.line("%d different people have to say yes%s.", n, w.soFar())
	}
	w.called()
}

// soFar is who said yes, when, for the end of a sentence.
func (w *writer) soFar() string {
	var out []string
	for _, a := range w.c.Approved() {
		out = append(out, "by "+a.By.Name+", "+w.when(a.At))
	}
	if len(out) == 0 {
		return ""
	}
	return ": " + strings.SplitN(Count(w.c), ",", 2)[0] + ", " + strings.Join(out, ", and ")
}

// called says whom the message calls where that isn't everybody who may answer.
func (w *writer) called() {
	switch {
	case calling(w.c) == remedy.MentionApprovers:
	case len(Called(w.c)) == 0:
		w.line("Quiet hours: nobody is called.")
	default:
		w.line("Quiet hours: only on-call is called.")
	}
}

// calling is whom a case's question or announcement may call.
func calling(c *ledger.Case) remedy.Mention {
	switch {
	case c.Ask != nil:
		return c.Ask.Mention
	case c.Veto != nil:
		return c.Veto.Mention
	}
	return remedy.MentionNobody
}

// Called is whom a case's question or announcement calls by name, so that they
// hear of it: those who may answer, and in quiet hours those of them who are on
// call, or nobody.
func Called(c *ledger.Case) []remedy.Approver {
	var who []remedy.Approver
	switch {
	case c.Ask != nil && len(c.Ask.Who) > 0:
		who = c.Ask.Who
	case c.Ask != nil:
		for _, m := range c.Ask.Approvers {
			who = append(who, remedy.Approver{Match: m})
		}
	case c.Veto != nil:
		who = c.Veto.Who
	}
	switch calling(c) {
	case remedy.MentionApprovers:
		return who
	case remedy.MentionOnCall:
		return slices.DeleteFunc(slices.Clone(who), func(a remedy.Approver) bool { return a.Role != "oncall" })
	case remedy.MentionNobody:
	}
	return nil
}

// partly says that one of several people said yes.
func (w *writer) partly() headline {
	c := w.c
	given := c.Approved()
	a := given[len(given)-1]
	count, _, _ := strings.Cut(Count(c), ",")
	w.line("Approved by %s%s at %s%s: %s, plan %s.", a.By.Name, suffixed(" via ", a.By.Via), w.when(a.At), suffixed(" (", a.Reason, ")"), count, a.PlanHash)
	w.line("Somebody else of %s has to say yes, until %s: `%s`", strings.Join(c.AskedOf(), ", "), w.when(c.Ask.ExpiresAt), c.YesCommand(w.m.Seen))
	w.line("Deny: `warden deny %s --reason ...`", c.ID)
	w.byHand()
	return w.head("approved "+count+": "+w.verb().do, ", by "+a.By.Name)
}

// announced says what is done by itself unless somebody says no.
func (w *writer) announced() headline {
	c, f, v := w.c, evidence(w.c), w.c.Veto
	say := ""
	if f != nil {
		w.line("Why: %s. Judged %s%s.", findingSentence(*f), w.when(f.At), suffixed(" by ", string(f.Detector)))
		say = ": " + FindingShort(*f) + " (" + badTerm(*f) + ")" + suffixed(", ", w.badNow())
	}
	w.nowLooks()
	if v == nil || c.Stage != remedy.StageWaiting || c.Plan == nil {
		w.line("This is not announced any more: %s is %s.", c.ID, w.standing())
		w.byHand()
		w.line("More: `warden show %s`", c.ID)
		return w.head("announced: "+w.verb().do, say+", not any more")
	}
	when := "in " + Span(v.For)
	if v.EndsAt.IsZero() {
		w.line("If nobody says no within %s of this message: I judge it again, then %s%s.", Span(v.For), w.summary(), suffixed(": ", w.inService()))
	} else {
		when = "at " + w.clock(v.EndsAt)
		w.line("If nobody says no by %s: I judge it again, then %s%s.", w.when(v.EndsAt), w.summary(), suffixed(": ", w.inService()))
	}
	w.steps("Plan "+v.PlanHash+", exactly this:", c.Plan.Steps)
	w.line("Anybody may stop it: `warden deny %s --reason ...`, or for a while: `warden snooze %s 30m`", c.ID, c.ID)
	w.called()
	if len(c.Plan.UndoSteps) > 0 {
		w.steps("Undo, once it is done: `warden undo "+c.ID.String()+"` runs:", c.Plan.UndoSteps)
	}
	w.byHand()
	return w.head(when+": "+w.verb().do, say)
}

// AfterSnooze says what comes of a case that was put off, once that is over and the host
// is still bad.
func AfterSnooze(announced bool) string {
	if announced {
		return "it is announced again, and done unless somebody says no"
	}
	return "it is asked again"
}

// putOff says that a question or an announcement was taken back.
func (w *writer) putOff() headline {
	c := w.c
	if s := c.Snooze; s != nil && w.m.Notice.Detail == "" {
		w.line("Put off by %s%s until %s%s.", s.By.Name, suffixed(" via ", s.By.Via), w.when(s.Until), suffixed(": ", s.Reason))
		w.line("Nothing is done before. If %s is still bad then, %s.", c.Host, AfterSnooze(s.Announced))
		w.byHand()
		return w.head("put off: "+w.verb().do, ", by "+s.By.Name+", until "+w.clock(s.Until))
	}
	if d := w.m.Notice.Detail; d != "" {
		w.line("I take it back: %s. It is decided afresh.", d)
	} else {
		w.line("It was put off, and is %s now.", w.standing())
	}
	w.byHand()
	w.line("More: `warden show %s`", c.ID)
	return w.head("taken back: "+w.verb().do, "")
}

// mentions is whom a message of a kind may call.
func mentions(n ledger.Notice, c *ledger.Case) remedy.Mention {
	switch {
	case n.Kind == ledger.NoticeQuestion && c != nil && c.Ask != nil:
		return c.Ask.Mention
	case n.Kind == ledger.NoticeAnnounced && c != nil && c.Veto != nil:
		return c.Veto.Mention
	}
	return remedy.MentionNobody
}

// Calls is whom the message may call by name. Questions and announcements call
// their approvers, but in quiet hours; nothing else calls anybody. What pages
// does so by its own means.
func (m Message) Calls() remedy.Mention { return mentions(m.Notice, m.Case) }
