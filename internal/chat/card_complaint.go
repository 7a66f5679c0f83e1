package chat

import (
	"fmt"
	"strings"

	"warden/internal/remedy"
)

// complaintCard says what warden sees and may not do something about. The facts
// are complete without the joke.
func (w *cardWriter) complaintCard() Card {
	c, f := w.c, evidence(w.c)
	fresh := writer{m: w.m, c: c, o: w.writer.o}
	fresh.m.Notice.Detail = "" // as the case has it, whatever told of it
	k := Card{State: CardComplaint, Text: fresh.complaint().fit()}
	open := c.Open() && (c.Latest == nil || c.Latest.Verdict == remedy.VerdictBad)
	stuck := c.Unasked.Stuck()
	switch {
	case stuck && open:
		k.Title = string(c.Host) + " is bad and nobody can say yes."
		k.Lead = []string{"Not asked: " + c.Unasked.Why + ".", ToMend}
	case stuck:
		k.Title = string(c.Host) + " was bad and nobody could say yes."
		k.Lead = []string{"Not asked: " + c.Unasked.Why + "."}
	case open:
		k.Title = string(c.Host) + " is bad and I am not allowed to touch it."
	default:
		k.Title = string(c.Host) + " was bad and I was not allowed to touch it."
	}
	if f != nil {
		k.Lead = append(k.Lead, capital(measured(*f))+suffixed(" since ", w.badSince(f))+" ("+badTerm(*f)+")."+suffixed(" ", w.badNow(), "."))
	}
	k.Lead = append(k.Lead, "I would "+w.summary()+suffixed(": ", w.inService())+".")
	fresh.lines = nil
	fresh.nowLooks()
	fresh.caps()
	k.Lead = append(k.Lead, fresh.lines...)
	k.Joke, k.JokeOf = w.joke(open)
	if w.o.Repeat > 1 {
		since := ""
		if !w.o.Since.IsZero() {
			since = " since " + w.when(w.o.Since)
		}
		k.Lead = append(k.Lead, fmt.Sprintf("%s time%s. ×%d", capital(ordinal(w.o.Repeat)), since, w.o.Repeat))
	}
	if c.Stage == remedy.StageClosed {
		k.Lead = append(k.Lead, capital(w.standing())+suffixed(": ", c.Note)+".")
	}
	k.Buttons = []Button{
		{Verb: VerbRight, Label: "Good call"}, {Verb: VerbWrong, Label: "False alarm"},
		{Verb: VerbDid, Label: "I did it"}, {Verb: VerbDetails, Label: "Details"},
	}
	return k
}

func ordinal(n int) string {
	words := [...]string{"", "first", "second", "third", "fourth", "fifth"}
	if n < len(words) {
		return words[n]
	}
	return fmt.Sprintf("%dth", n)
}

// bitter are the first complaints; which of them it is follows from the case, so
// that an edit doesn't change the joke.
var bitter = [...]string{
	"I can see it. I can fix it. I am not allowed to make changes in production.",
	"I have the plan, the command and the time. I do not have the permission.",
	"Apparently watching is my whole job. I am watching.",
	"If anybody needs me, I will be here, not touching it.",
}

// The situations that a joke is for.
const (
	JokeFirst     = "first"     // the first complaint about a host
	JokeSecond    = "second"    // the second
	JokeMore      = "more"      // those after it
	JokeRecovered = "recovered" // it got better
	JokeByHand    = "by_hand"   // somebody else did it
)

// Jokes are all situations that a joke is for.
func Jokes() []string {
	return []string{JokeFirst, JokeSecond, JokeMore, JokeRecovered, JokeByHand}
}

// joke is the one line that isn't a fact. It is never about a person, and gives
// up after a few repeats.
func (w *cardWriter) joke(open bool) (line, situation string) {
	c := w.c
	if w.o.Plain || c.Unasked.Stuck() || w.grave() || w.o.Tone == TonePlain || w.o.Repeat > 5 {
		return "", ""
	}
	dry := w.o.Tone == ToneDry
	say := func(b, d string) string {
		if dry {
			return d
		}
		return b
	}
	host := clip(Clean(string(c.Host)), 60)
	switch {
	case c.Outcome == remedy.OutcomeSelfRecovered, !open && c.Open():
		return say("It got better. I take back what I said about "+host+".", "Recovered; I would have been wrong."), JokeRecovered
	case c.Outcome == remedy.OutcomeReturned, strings.Contains(c.Note, "by another hand"):
		return say("Somebody with permissions saw to "+host+". I would have been earlier.", "Done by hand."), JokeByHand
	case !open:
		return "", ""
	case w.o.Repeat > 2:
		return say(fmt.Sprintf("I have started counting. (×%d)", w.o.Repeat), fmt.Sprintf("×%d.", w.o.Repeat)), JokeMore
	case w.o.Repeat == 2:
		return say("Still broken. Still not allowed. I checked.", "Second time."), JokeSecond
	}
	return say(bitter[uint64(c.ID)%uint64(len(bitter))], "I would have "+w.verb().done+"it."), JokeFirst
}
