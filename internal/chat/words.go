package chat

import (
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"warden/internal/ledger"
	"warden/internal/remedy"
)

// MaxHeadline is how many characters a headline has at most: what a lock
// screen shows.
const MaxHeadline = 90

// Text is a message in words. Every string is one line of printable text,
// whatever hosts are called or commands have printed.
type Text struct {
	// Headline says verb, host, number and case, in at most MaxHeadline
	// characters. Long names are cut with an ellipsis, the case id never is.
	Headline string
	// Lines say the rest, the most important first.
	Lines []string
}

// RenderOptions choose how a message is worded. The zero value is UTC, with
// tone.
type RenderOptions struct {
	// Zone is the zone that times are given in; nil is UTC.
	Zone *time.Location
	// Plain leaves the line of tone out of complaints.
	Plain bool
	// Repeat is how many complaints about this host there were, this one
	// included; 0 when nobody counted.
	Repeat int
}

// Render turns a message into words. It is pure: the same message reads the
// same on every node and at every time. The case may have moved on since the
// notice was written; the words say so.
func Render(m Message, o RenderOptions) Text {
	w := &writer{m: m, c: m.Case, o: o}
	h := w.message()
	if m.Again {
		w.line("(may be a repeat: warden restarted before it was acknowledged)")
	}
	if m.Notice.Page {
		h.lead = "PAGE " + h.lead
	}
	return Text{Headline: h.fit(), Lines: w.lines}
}

// headline is a first line in four parts. To fit, the name is cut first and
// then what is said; the lead and the tail stay whole.
type headline struct{ lead, name, say, tail string }

// shortName is what a name is cut to before what is said about it is cut.
const shortName = 24

func (h headline) fit() string {
	h.name, h.say = Clean(h.name), Clean(h.say)
	h.lead, h.tail = Clean(h.lead), Clean(h.tail)
	room := MaxHeadline - utf8.RuneCountInString(h.lead) - utf8.RuneCountInString(h.tail)
	h.name = clip(h.name, max(room-utf8.RuneCountInString(h.say), min(shortName, room)))
	h.say = clip(h.say, room-utf8.RuneCountInString(h.name))
	return clip(h.lead+h.name+h.say+h.tail, MaxHeadline)
}

// writer collects the lines of one message.
type writer struct {
	m     Message
	c     *ledger.Case
	o     RenderOptions
	lines []string
}

func (w *writer) line(format string, args ...any) {
	w.lines = append(w.lines, Clean(fmt.Sprintf(format, args...)))
}

// when spells a time against the time of the notice.
func (w *writer) when(t time.Time) string { return When(t, w.m.Notice.At, w.o.Zone) }

// clock is a time for a headline, where there is no room for a zone.
func (w *writer) clock(t time.Time) string {
	if w.o.Zone == nil {
		return t.UTC().Format("15:04")
	}
	return t.In(w.o.Zone).Format("15:04")
}

func (w *writer) message() headline {
	n := w.m.Notice
	switch n.Kind {
	case ledger.NoticeStorm:
		return w.about("common mode", "While more hosts are bad at once than may be, I start nothing by myself. By hand works as ever.", stormOver)
	case ledger.NoticePool:
		switch {
		case n.Case != 0:
			return w.onCase(w.halfBack)
		case strings.HasPrefix(n.Detail, "its load balancer"):
			return w.about("load balancer", "While nobody says who is in service, nothing starts in the pool but an undo. By hand works as ever.", balancerBack)
		}
		return w.about("inventory", "While its inventory is blocked, nothing starts in the pool but an undo. By hand works as ever.", poolBack)
	case ledger.NoticeStop:
		return w.stopped()
	case ledger.NoticeSource:
		return w.about("source", "Without data there are no verdicts, and unknown never acts.", sourceBack)
	case ledger.NoticeConfig, ledger.NoticeReviewed:
		return w.reloaded()
	case ledger.NoticeSummary:
		return w.morning()
	case ledger.NoticeLabel:
		return w.onCase(w.labelled)
	case ledger.NoticeDemoted:
		return w.demoted()
	case ledger.NoticeComplaint:
		return w.onCase(w.complaint)
	case ledger.NoticeQuestion:
		return w.onCase(w.question)
	case ledger.NoticeAnnounced:
		return w.onCase(w.announced)
	case ledger.NoticePutOff:
		return w.onCase(w.putOff)
	case ledger.NoticeAnswered:
		return w.onCase(w.answered)
	case ledger.NoticeStarted:
		return w.onCase(w.started)
	case ledger.NoticeOutcome:
		return w.onCase(w.outcome)
	case ledger.NoticeForgotten:
		return w.onCase(w.forgotten)
	}
	return w.onCase(func() headline {
		if n.Detail != "" {
			w.line("%s", n.Detail)
		}
		w.byHand()
		w.line("More: `warden show %s`", w.c.ID)
		return w.head(w.kind()+" about ", "")
	})
}

// kind is the notice's kind as it may stand in a headline.
func (w *writer) kind() string { return clip(Clean(string(w.m.Notice.Kind)), shortName) }

// onCase words a notice about a case, or says that its record is gone.
func (w *writer) onCase(words func() headline) headline {
	if w.c != nil {
		return words()
	}
	n := w.m.Notice
	if n.Detail != "" {
		w.line("%s", n.Detail)
	}
	w.line("Its record is gone from the ledger, so there is no more to say.")
	return headline{lead: capital(w.kind()) + " about ", name: n.Case.String(), tail: " (no record)"}
}

// head is a headline about the case: lead, host, what is said, id.
func (w *writer) head(lead, say string) headline {
	if say != "" && !strings.HasPrefix(say, "?") && !strings.HasPrefix(say, ",") && !strings.HasPrefix(say, ":") {
		say = " " + say
	}
	return headline{lead: capital(lead), name: string(w.c.Host), say: say, tail: ". " + w.c.ID.String()}
}

// doing is an action as a verb that a host follows.
type doing struct{ do, ing, did, done string }

// doingWords knows "drain"; every other action is run.
func doingWords(a remedy.ActionName) doing {
	if a == "drain" {
		return doing{"drain ", "draining ", "drained ", "drained "}
	}
	name := clip(Clean(string(a)), shortName)
	return doing{"run " + name + " on ", "running " + name + " on ", "ran " + name + " on ", "run " + name + " on "}
}

func (w *writer) verb() doing { return doingWords(w.c.Action) }

// capital makes the first letter a capital; other letters than a to z stay, and
// so does what is a name: node-2, db.example.com.
func capital(s string) string {
	word, _, _ := strings.Cut(s, " ")
	if strings.ContainsAny(strings.TrimRight(word, ".,:;"), "0123456789_-./@") {
		return s
	}
	if s != "" && s[0] >= 'a' && s[0] <= 'z' {
		return strings.ToUpper(s[:1]) + s[1:]
	}
	return s
}

// opening is what a notice says, as the beginning of a sentence. Most of them
// begin with a name, of a person, a node or an action, and a name stays as it is
// written: fran is nobody else than fran. So only the beginnings that are known
// to be none get their capital.
func opening(said string) string {
	for _, own := range []string{
		"frozen by ", "unfrozen by ", "hold on ", "the freeze has ", "the hold on ", "common mode", "inventory is ", "inventory: ", "load balancer: ",
		"source", "config of ", "its load balancer ", "reloaded", "the config ", "a level ", "it is not ", "nothing ", "half back", "the load balancer ", "stop",
	} {
		if strings.HasPrefix(said, own) {
			return capital(said)
		}
	}
	return said
}

// evidence is the finding that a case rests on: the newest if it says bad,
// else the one that opened it.
func evidence(c *ledger.Case) *remedy.Finding {
	if c.Latest != nil && (c.Latest.Verdict == remedy.VerdictBad || c.Opened == nil) {
		return c.Latest
	}
	return c.Opened
}

// nowLooks says how the host looks now, where that is not bad.
func (w *writer) nowLooks() {
	if w.m.Against != "" {
		w.line("%s: look first.", capital(w.m.Against))
	}
	if l := w.c.Latest; l != nil && l.Verdict != remedy.VerdictBad {
		w.line("Now: %s.", findingSentence(*l))
	}
}

// badSince is when the host turned bad, as far as the case knows.
func (w *writer) badSince(f *remedy.Finding) string {
	since := f.BadSince
	if o := w.c.Opened; o != nil && !o.BadSince.IsZero() && (since.IsZero() || o.BadSince.Before(since)) {
		since = o.BadSince
	}
	if since.IsZero() {
		return ""
	}
	return w.when(since)
}

// answer finds a guardrail's stored answer.
func (w *writer) answer(guardrail string) (remedy.Answer, bool) {
	if w.c.Decision == nil {
		return remedy.Answer{}, false
	}
	i := slices.IndexFunc(w.c.Decision.Answers, func(a remedy.Answer) bool { return a.Guardrail == guardrail })
	if i < 0 || w.c.Decision.Answers[i].Unreadable {
		return remedy.Answer{}, false
	}
	return w.c.Decision.Answers[i], true
}

// inService is how many hosts stay in service: "39 of 40 in service after this
// (floor 30)"; empty when the decision doesn't say.
func (w *writer) inService() string {
	a, ok := w.answer("pool_floor")
	if !ok || a.Effect == remedy.EffectNotBind {
		return ""
	}
	return a.Observed + suffixed(" (", a.Limit, ")")
}

// badNow is how many hosts of the pool are bad: "1 of 40 bad".
func (w *writer) badNow() string {
	a, ok := w.answer("common_mode")
	// A rehearsal counts a host that it took out as out and not as bad: "0 of 40
	// bad" beside a host that is bad would read as wrong.
	if !ok || a.Effect == remedy.EffectNotBind || strings.HasPrefix(a.Observed, "0 ") {
		return ""
	}
	return a.Observed
}

// summary is the plan in words, or action and host where there is none.
func (w *writer) summary() string {
	if p := w.c.Plan; p != nil && p.Summary != "" {
		return p.Summary
	}
	return w.verb().do + string(w.c.Host)
}

// byHand is plan C: how to do the same without warden.
func (w *writer) byHand() {
	switch p := w.c.Plan; {
	case p == nil && w.m.ManualHint != "":
		w.line("By hand: %s", w.m.ManualHint)
	case p == nil:
	case p.ManualHint != "":
		w.line("By hand: %s", p.ManualHint)
	case len(p.Steps) > 0:
		w.line("By hand: `warden show %s` has the steps", w.c.ID) // which may be prose, and no command
	}
}

func (w *writer) steps(title string, steps []string) {
	w.line("%s", title)
	for _, s := range steps {
		w.line("  %s", s)
	}
}

// suffixed puts text before and after s, and is empty where s is.
func suffixed(before, s string, after ...string) string {
	if s == "" {
		return ""
	}
	return before + s + strings.Join(after, "")
}

// standing is where the case is now, in words.
func (w *writer) standing() string {
	c := w.c
	switch {
	case c.Stage == remedy.StageClosed:
		return suffixed("closed: ", strings.ReplaceAll(string(c.Outcome), "_", " "))
	case c.Stage == remedy.StageProposed && c.Snooze != nil:
		return "put off by " + c.Snooze.By.Name + " until " + w.clock(c.Snooze.Until)
	case c.Stage == remedy.StageProposed && c.Unasked != nil:
		return "not asked: " + c.Unasked.Why
	case c.Stage == remedy.StageWaiting && c.Veto != nil && !c.Veto.EndsAt.IsZero():
		return "announced, and can be stopped until " + w.clock(c.Veto.EndsAt)
	case c.Answer != nil && c.Answer.Approve && c.Stage == remedy.StageWaiting && len(c.Approved()) > 1:
		return "approved by " + strings.TrimPrefix(Count(c), fmt.Sprintf("%d of %d, by ", len(c.Approved()), c.Ask.NeededYes()))
	case c.Answer != nil && c.Answer.Approve && c.Stage == remedy.StageWaiting:
		return "approved by " + c.Answer.By.Name
	}
	return string(c.Stage)
}
