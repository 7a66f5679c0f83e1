package pager

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/internal/remedy"
)

// milestones are the notices that a note tells of.
func milestones(notes string) []ledger.NoticeKind {
	out := []ledger.NoticeKind{ledger.NoticeQuestion, ledger.NoticeAnnounced, ledger.NoticeComplaint, ledger.NoticeOutcome, ledger.NoticeForgotten}
	switch notes {
	case NotesOff:
		return nil
	case NotesAll:
		out = append(out, ledger.NoticeAnswered, ledger.NoticeStarted, ledger.NoticePutOff)
	}
	return out
}

// wording is the note about a case as it stands now, for the newest of the
// notices about it that is a milestone. People want the last state: where the
// case has moved on since, it is not told, for what it became has a notice of
// its own.
func wording(m chat.Message, talk string, now time.Time) (note, bool) {
	w := &noter{m: m, c: m.Case, now: now}
	w.n.covers = m.Notice.Seq
	var ok bool
	// Here the others are no milestones.
	//exhaustive:ignore
	switch m.Notice.Kind {
	case ledger.NoticeQuestion:
		ok = w.question()
	case ledger.NoticeAnnounced:
		ok = w.announced()
	case ledger.NoticeComplaint:
		ok = w.complaint()
	case ledger.NoticeAnswered:
		ok = w.answered()
	case ledger.NoticeStarted:
		ok = w.started()
	case ledger.NoticePutOff:
		ok = w.putOff()
	case ledger.NoticeOutcome, ledger.NoticeForgotten:
		ok = w.outcome()
	}
	if talk != "" {
		w.line("Talk: %s", talk)
	}
	if m.Again && ok {
		w.line("(may be a repeat: warden restarted before this was acknowledged)")
	}
	return w.n, ok
}

type noter struct {
	m   chat.Message
	c   *ledger.Case
	now time.Time
	n   note
}

func (w *noter) say(format string, args ...any) bool {
	w.n.first = fmt.Sprintf(format, args...)
	return true
}

func (w *noter) line(format string, args ...any) {
	if l := strings.TrimSpace(fmt.Sprintf(format, args...)); l != "" {
		w.n.lines = append(w.n.lines, l)
	}
}

func (w *noter) host() string { return name(string(w.c.Host)) }

func (w *noter) question() bool {
	c := w.c
	if c.Stage != remedy.StageWaiting || c.Ask == nil || c.Answer != nil || c.PlanHash != c.Ask.PlanHash {
		return false
	}
	needs := "a yes"
	if n := c.Ask.NeededYes(); n > 1 {
		needs = fmt.Sprintf("a yes of %d people", n)
	}
	against, what, command := yes(c, ledger.Standing{Words: w.m.Against, Newest: w.m.Seen})
	w.line("%s", capital(against))
	w.line("%s: %s", what, command)
	w.line("Asked: %s", strings.Join(c.Ask.WhoWords(), " "))
	w.line("If nobody answers by %s nothing is done.", when(c.Ask.ExpiresAt, w.now))
	w.line("%s", inService(c))
	w.line("%s", byHand(w.m))
	return w.say("wants to %s %s, needs %s. %s", verb(c.Action, false), w.host(), needs, why(c))
}

func (w *noter) announced() bool {
	c := w.c
	if c.Stage != remedy.StageWaiting || c.Veto == nil {
		return false
	}
	at := "in " + chat.Span(c.Veto.For)
	if !c.Veto.EndsAt.IsZero() {
		at = "at " + when(c.Veto.EndsAt, w.now)
	}
	w.line("Anybody may stop it: warden deny %s --reason not-now", c.ID)
	w.line("%s", inService(c))
	w.line("%s", byHand(w.m))
	return w.say("is going to %s %s %s, unless somebody says no. %s", verb(c.Action, false), w.host(), at, why(c))
}

func (w *noter) complaint() bool {
	c := w.c
	if !c.Open() || c.Execution() != nil {
		return false
	}
	if c.Unasked.Stuck() {
		w.line("%s", toMend())
		w.line("%s", byHand(w.m))
		return w.say("did NOT act on %s, and asks nobody: %s. %s", w.host(), clip(chat.Clean(c.Unasked.Why), maxLine), why(c))
	}
	w.line("%s", byHand(w.m))
	return w.say("did NOT act on %s. Why: it may not %s here (level %s). %s", w.host(), strings.TrimSuffix(verb(c.Action, false), " on"), w.m.Level, why(c))
}

func (w *noter) answered() bool {
	a := w.c.Answer
	if a == nil {
		return false
	}
	word := "denied"
	if a.Approve {
		word = "approved"
	}
	return w.say("%s by %s at %s: %s %s.%s", word, name(a.By.Name), when(a.At, w.now), verb(w.c.Action, false), w.host(), said(a.Reason))
}

func (w *noter) started() bool {
	x := w.c.Execution()
	if x == nil || w.c.Stage != remedy.StageExecuting || w.c.UnknownExecution() {
		return false
	}
	what := verb(w.c.Action, false)
	if x.Kind == remedy.KindUndo {
		what = "undo " + what
	}
	return w.say("started to %s %s at %s (%s).", what, w.host(), when(x.StartedAt, w.now), onWhoseWord(w.c, x))
}

func (w *noter) putOff() bool {
	s := w.c.Snooze
	if s == nil {
		return false
	}
	return w.say("put off until %s by %s: %s %s.%s", when(s.Until, w.now), name(s.By.Name), verb(w.c.Action, false), w.host(), said(s.Reason))
}

// said is a person's reason, as a sentence of its own.
func said(reason string) string {
	if reason == "" {
		return ""
	}
	return " Reason: " + name(reason)
}

// outcome words how an execution or a case ended.
func (w *noter) outcome() bool {
	c := w.c
	x := c.Execution()
	do, did := verb(c.Action, false), verb(c.Action, true)
	switch {
	case x == nil:
		return w.nothingDone()
	case c.UnknownExecution() || c.Outcome == remedy.OutcomeUnknown:
		w.line("Look where %s is, then: warden resolve %s --as out|in", w.host(), c.ID)
		w.line("Until then it counts as out, and nothing else runs on it.")
		w.line("%s", byHand(w.m))
		return w.say("does NOT KNOW whether it %s %s (%s).%s", did, w.host(), onWhoseWord(c, x), noted(x.Note, c.Note))
	case x.Kind == remedy.KindUndo && x.Outcome == remedy.OutcomeDone:
		return w.say("put %s back at %s (%s%s).", w.host(), when(x.FinishedAt, w.now), onWhoseWord(c, x), reasonOf(c))
	case x.Kind == remedy.KindUndo:
		w.line("Try again: warden undo %s", c.ID)
		if c.Plan != nil && c.Plan.UndoHint != "" {
			w.line("By hand: %s", c.Plan.UndoHint)
		}
		return w.say("could NOT put %s back (%s).%s", w.host(), onWhoseWord(c, x), noted(x.Note, c.Note))
	case c.Forgotten != nil:
		w.line("%s", byHand(w.m))
		return w.say("%s takes traffic again: the load balancer was reloaded and forgot that warden had %s it.%s", w.host(), strings.TrimSuffix(did, " on"), noted(c.Note))
	}
	switch c.Outcome {
	case remedy.OutcomeDone:
		took, known := x.Took.Get()
		proof := "by a person's word"
		if known && took {
			proof, w.n.solved = "verified", x.Kind == remedy.KindAct || x.Kind == remedy.KindReassert
			if !x.TookAt.IsZero() {
				proof += " " + when(x.TookAt, w.now)
			}
		}
		w.line("%s", inService(c))
		w.line("%s", undoLine(c))
		return w.say("%s %s at %s (%s), %s.", did, w.host(), when(x.StartedAt, w.now), onWhoseWord(c, x), proof)
	case remedy.OutcomeUnverified, remedy.OutcomePartial:
		w.line("Warden stops here; look at %s.", w.host())
		w.line("%s", undoLine(c))
		w.line("%s", byHand(w.m))
		how := "it ran, and what it should bring about did not come"
		if c.Outcome == remedy.OutcomePartial {
			how = "some backends took it and others did not"
		}
		return w.say("tried to %s %s at %s (%s), NOT VERIFIED: %s.%s", do, w.host(), when(x.StartedAt, w.now), onWhoseWord(c, x), how, noted(x.Note, c.Note))
	case remedy.OutcomeFailed:
		w.line("%s", byHand(w.m))
		return w.say("FAILED to %s %s at %s (%s), and changed nothing.%s", do, w.host(), when(x.StartedAt, w.now), onWhoseWord(c, x), noted(x.Note, c.Note))
	case remedy.OutcomeReturned:
		return w.say("somebody else put %s back; warden leaves it there.%s", w.host(), noted(c.Note))
	case remedy.OutcomeAborted, "":
		if c.Open() && x.Outcome != remedy.OutcomeAborted {
			return false // it goes on
		}
	}
	return w.nothingDone()
}

// nothingDone words a case that ended, or goes on, without an effect.
func (w *noter) nothingDone() bool {
	c := w.c
	how := map[remedy.Outcome]string{
		remedy.OutcomeDenied:        "denied",
		remedy.OutcomeExpired:       "nobody answered in time",
		remedy.OutcomeStale:         "the plan changed after it was shown",
		remedy.OutcomeCancelled:     "cancelled",
		remedy.OutcomeSelfRecovered: "it recovered by itself",
		remedy.OutcomeNoData:        "there is no data to judge it by",
		remedy.OutcomeGone:          "it left the inventory",
		remedy.OutcomeSuperseded:    "another case took over",
		remedy.OutcomeAborted:       "called off before anything was changed",
	}[c.Outcome]
	switch x := c.Execution(); {
	case c.Open() && x != nil && x.Outcome == remedy.OutcomeAborted:
		how = "called off before anything was changed"
	case c.Open():
		return false
	case c.Answer != nil && !c.Answer.Approve:
		how += " by " + name(c.Answer.By.Name)
	case c.Cancel != nil && c.Outcome == remedy.OutcomeCancelled:
		how += " by " + name(c.Cancel.By.Name)
	}
	if how == "" {
		how = strings.ReplaceAll(string(c.Outcome), "_", " ")
	}
	w.line("%s", byHand(w.m))
	return w.say("did NOT act on %s. Why: %s.%s", w.host(), how, noted(c.Note))
}

// noted is the first note that says something, as the end of a line.
func noted(notes ...string) string {
	if n := cmp.Or(notes...); n != "" {
		return " " + capital(clip(chat.Clean(n), maxLine))
	}
	return ""
}

func reasonOf(c *ledger.Case) string {
	if c.UndoReason == "" {
		return ""
	}
	return ": " + string(c.UndoReason)
}

// refusal words why warden holds back from a case that it would else have acted
// on, or asked about. It reports whether it does so for good: what only waits its
// turn, and what may not act anyhow, is none.
func refusal(c *ledger.Case) (note, bool) {
	d := c.Decision
	if c.Stage != remedy.StageDetected || c.Manual != nil || d == nil || d.BlockedBy == "" || d.Waiting || d.Effective < remedy.LevelConfirm {
		return note{}, false
	}
	i := slices.IndexFunc(d.Answers, func(a remedy.Answer) bool { return a.Guardrail == d.BlockedBy })
	reason := strings.ReplaceAll(d.BlockedBy, "_", " ")
	if i >= 0 {
		reason += ": " + chat.AnswerWords(d.Answers[i])
	}
	n := note{first: fmt.Sprintf("did NOT act on %s. Why: %s.", name(string(c.Host)), reason), topic: d.BlockedBy}
	if d.BlockedBy == "common_mode" { // the breaker says its own reason
		n.lines = append(n.lines, "So many hosts look bad at once that this is probably not a host problem.")
	}
	if w := why(c); w != "" {
		n.lines = append(n.lines, w)
	}
	n.lines = append(n.lines, fmt.Sprintf("More: warden explain %s", c.ID))
	if c.Plan != nil && c.Plan.ManualHint != "" {
		n.lines = append(n.lines, "By hand: "+c.Plan.ManualHint)
	}
	return n, true
}
