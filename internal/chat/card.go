package chat

import (
	"slices"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// Card is a case as people see it on a surface that edits its messages: one card
// a case, from the first word to the last. All of it is one-line printable text
// without any markup; whoever shows it marks it up, and keeps it text.
type Card struct {
	Case remedy.CaseID
	Pool remedy.PoolName
	// State says in one word what the card is now.
	State CardState
	// Mark is a sign for the eye, such as "✅"; empty for none.
	Mark string
	// Title is the verb and the host; Text is for the lock screen and has verb,
	// host, number and case in at most MaxHeadline characters.
	Title, Text string
	// Lead says what it is about, the most important first.
	Lead []string
	// Facts are what a decision needs, in the order of ux: why, what happens if
	// you do, what if you don't, how sure, why you might not, and the way back.
	Facts []CardFact
	// Joke is the one line that isn't a fact; empty for none.
	Joke string
	// JokeOf is the situation that Joke is for: one of Jokes; empty for none.
	JokeOf string
	// Data is what templates may say of the case; zero for news.
	Data CardData
	// Buttons are what can be done, at most four.
	Buttons []Button
	// Spelled are commands in the place of buttons, for CardOptions.Spelled.
	Spelled []string
	// ByHand is plan C: a command, or prose where Prose is set.
	ByHand string
	Prose  bool
	// Hand says what is done by hand: "By hand", or "Undo by hand".
	Hand string
	// Foot are small words at the end, the case first, and Incident the one in
	// PagerDuty, beside them; zero for none.
	Foot     []string
	Incident CardLink
	// Calls is whom the card may call by name.
	Calls remedy.Mention
	// Output is what a command printed at its end, line by line.
	Output []string
	// Again says that it may be a repeat of a message whose receipt was lost.
	Again bool
	// Seen is up to when who reads it has read others' words against the case: a yes to
	// it passes over nothing that was said since.
	Seen time.Time
}

// CardState is what a card is now.
type CardState string

// The states of a card.
const (
	CardComplaint CardState = "complaint" // it would, and may not
	CardQuestion  CardState = "question"  // it asks
	CardAnnounced CardState = "announced" // it does unless somebody says no
	CardWorking   CardState = "working"   // it was let, and does
	CardDone      CardState = "done"      // it did
	CardTrouble   CardState = "trouble"   // it needs a person
	CardOver      CardState = "over"      // nothing is left to do
	CardNews      CardState = "news"      // not about a question of a case
)

// CardFact is one labelled fact.
type CardFact struct{ Label, Text string }

// Verb is what a button does.
type Verb string

// The verbs of buttons.
const (
	VerbApprove Verb = "approve"
	VerbDeny    Verb = "deny"
	VerbSnooze  Verb = "snooze"
	VerbUndo    Verb = "undo"
	VerbCancel  Verb = "cancel"
	VerbRight   Verb = "right" // labels
	VerbWrong   Verb = "wrong"
	VerbDid     Verb = "did"     // the person did it: right, and out by hand
	VerbDetails Verb = "details" // the short form of the trace, for who asks
	VerbRun     Verb = "run"     // after a preview
	VerbHold    Verb = "hold"
	VerbOnIt    Verb = "on_it"   // hold the host for OnItFor, in the person's name
	VerbPreview Verb = "preview" // show what a run by hand would do
)

// Button is one thing that can be done with one tap.
type Button struct {
	Verb  Verb
	Label string
	// Main marks the button that acts. Never the one that is safe, and none is red.
	Main bool
	// Confirm is what is asked before it counts; nil for nothing.
	Confirm *Confirm
}

// Confirm is a second question, before a button counts.
type Confirm struct{ Title, Text, Yes, No string }

// Tone is how complaints are worded.
type Tone string

// The tones.
const (
	ToneBitter Tone = "bitter"
	ToneDry    Tone = "dry"
	TonePlain  Tone = "plain"
)

// CardOptions choose how a card is worded. The zero value is bitter, in UTC.
type CardOptions struct {
	Zone *time.Location
	Tone Tone
	// Repeat is how many complaints about this host there were, this one included,
	// and Since when the first was.
	Repeat int
	Since  time.Time
	// Plain leaves out the joke whatever the tone: something serious goes on.
	Plain bool
	// Spelled has commands in the place of buttons: nothing can be tapped there.
	Spelled bool
}

// CardOf is the card of a message's case as it is now. It is pure: the same
// records give the same card on every node. A message about no case, or of one
// whose record is gone, gives a card with the words of Render.
func CardOf(m Message, o CardOptions) Card {
	m = bare(m)
	ro := RenderOptions{Zone: o.Zone, Plain: true, Repeat: o.Repeat}
	if m.Case == nil || !TellsCase(m.Notice.Kind) {
		t := Render(m, ro)
		return Card{Case: m.Notice.Case, Pool: m.Notice.Pool, State: CardNews, Title: t.Headline, Text: t.Headline, Lead: t.Lines, Again: m.Again}
	}
	// The words are as of the case, and not of the notice that told of it: else
	// two nodes that heard of it by different notices would say it differently.
	m.Notice.At = m.Case.ChangedAt
	w := &cardWriter{writer: writer{m: m, c: m.Case, o: ro}, o: o}
	k := w.card()
	k.Case, k.Pool, k.Again, k.Seen = m.Case.ID, m.Case.Pool, m.Again, m.Seen
	k.Title, k.Mark = clip(Clean(k.Title), maxTitle), Clean(k.Mark)
	for i := range k.Lead {
		k.Lead[i] = Clean(k.Lead[i])
	}
	for i := range k.Facts {
		k.Facts[i] = CardFact{Label: Clean(k.Facts[i].Label), Text: Clean(k.Facts[i].Text)}
	}
	k.Buttons = slices.DeleteFunc(k.Buttons, func(b Button) bool { return vain(m.Case, b.Verb) })
	for i := range k.Buttons {
		k.Buttons[i].Label = clip(Clean(k.Buttons[i].Label), maxButton)
	}
	if o.Spelled {
		k.Spelled, k.Buttons = w.spelled(k.Buttons), nil
	}
	k.hand(&w.writer)
	k.Foot, k.Incident = append([]string{Clean(m.Case.ID.String())}, w.foot()...), w.incident()
	k.Data = w.data(k)
	k.Calls = remedy.MentionNobody
	if k.State == CardQuestion || k.State == CardAnnounced {
		k.Calls = calling(w.c)
	}
	return k
}

// vain reports whether the ledger would refuse a tap whatever holds by then: no
// detector was right or wrong about a run by hand, and some actions have no undo.
func vain(c *ledger.Case, v Verb) bool {
	// The others depend on what holds when they are tapped.
	//exhaustive:ignore
	switch v {
	case VerbRight, VerbWrong:
		return c.Detector == ""
	case VerbUndo:
		return c.Plan != nil && len(c.Plan.UndoSteps) == 0
	}
	return false
}

// The bounds of what people can take in, below what any surface allows.
const (
	maxTitle  = 140
	maxButton = 60
)

// TellsCase reports whether a notice is told by the card of its case. The others
// are news of their own, although they may name a case.
func TellsCase(k ledger.NoticeKind) bool {
	// Here every other is told by its case.
	//exhaustive:ignore
	switch k {
	case ledger.NoticeStorm, ledger.NoticePool, ledger.NoticeStop, ledger.NoticeSource, ledger.NoticeConfig, ledger.NoticeReviewed, ledger.NoticeDemoted, ledger.NoticeSummary,
		ledger.NoticeLabel, ledger.NoticeForgotten:
		return false
	}
	return true
}

// cardWriter words cards, with the words that messages have.
type cardWriter struct {
	writer
	o CardOptions
}

// hand puts in how to do it by hand.
func (k *Card) hand(w *writer) {
	w.lines = nil
	w.byHand()
	if k.State == CardDone {
		w.lines = nil
		w.undoByHand()
	}
	for _, l := range w.lines {
		for _, lead := range []string{"By hand: ", "Undo by hand: "} {
			if rest, ok := strings.CutPrefix(l, lead); ok {
				k.ByHand, k.Hand = rest, strings.TrimSuffix(lead, ": ")
				p := w.c.Plan
				k.Prose = p != nil && p.ManualHint == "" && p.UndoHint == ""
			}
		}
	}
}

// foot is the detector, and the level that it happened at.
func (w *cardWriter) foot() []string {
	var out []string
	if d := w.c.Detector; d != "" {
		out = append(out, Clean(string(d)))
	}
	if w.m.Level > remedy.LevelBlocked {
		out = append(out, "level "+w.m.Level.String())
	}
	return out
}
