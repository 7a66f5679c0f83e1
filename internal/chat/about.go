package chat

import (
	"strings"
	"unicode/utf8"
)

// about words a notice that is not about a case. The topic names what it is
// about where its detail doesn't, and the rule is what holds until it is over.
func (w *writer) about(topic, rule string, over func(detail string) bool) headline {
	n := w.m.Notice
	said, between := n.Detail, ": "
	switch {
	case said == "":
		said, between = topic, ", "
	case !strings.Contains(said, topic):
		said, between = topic+": "+said, ", "
	}
	return w.told(said, between, rule, over)
}

// halfBack words a host that another hand put back on some of its load balancers.
func (w *writer) halfBack() headline {
	w.line("%s", opening(noteOf(w.m.Notice.Detail, "it is not as warden left it")))
	w.byHand()
	w.line("More: `warden show %s`", w.c.ID)
	return w.head("half back: ", "takes traffic")
}

// stopped words a freeze, a hold and their ends: their details say enough.
func (w *writer) stopped() headline {
	said := w.m.Notice.Detail
	if said == "" {
		said = "stop"
	}
	h := w.told(said, ": ", "`warden status` says what is stopped. Neither a freeze nor a hold stops an undo.", stopOver)
	if w.c != nil {
		w.byHand() // a case that is held up is still somebody's trouble
	}
	return h
}

// told puts together the headline of such a notice, with what did not fit and
// the rule below it.
func (w *writer) told(said, between, rule string, over func(string) bool) headline {
	n := w.m.Notice
	h := headline{say: opening(said)}
	if n.Pool != "" {
		h = headline{lead: "Pool ", name: string(n.Pool), say: between + said}
	}
	if n.Case != 0 {
		h.tail = ". " + n.Case.String()
	}
	if full := Clean(h.lead + h.name + h.say); utf8.RuneCountInString(full+h.tail) > MaxHeadline-len("PAGE ") {
		w.line("%s", full)
	}
	if !over(n.Detail) {
		w.line("%s", rule)
	}
	return h
}

// The five below report whether a detail says, in the ledger's and the engine's
// words, that what it is about has ended. Words they don't know say that it has
// not, and the rule is said once too often.

func stormOver(detail string) bool {
	return strings.HasPrefix(detail, "common mode is over") || strings.HasSuffix(detail, " reset common mode")
}

func poolBack(detail string) bool {
	return strings.HasPrefix(detail, "inventory is back") || strings.HasSuffix(detail, " hosts") && strings.Contains(detail, " accepted ")
}

func balancerBack(detail string) bool { return strings.HasSuffix(detail, " answers again") }

func sourceBack(detail string) bool { return strings.HasSuffix(detail, " can be believed again") }

func stopOver(detail string) bool {
	if strings.HasPrefix(detail, "frozen by ") || strings.HasPrefix(detail, "hold on ") {
		return false // what follows holds a reason, which may be any text
	}
	return strings.HasPrefix(detail, "unfrozen by ") || strings.Contains(detail, " released by ") || strings.HasSuffix(detail, " has expired")
}

// changeLines is how many changes of a reload are told; `warden policy diff`
// and the log have them all.
const changeLines = 12

// reloaded words a reload of the config. Its detail has who and how much in the
// first line, and one change in each of the others.
func (w *writer) reloaded() headline {
	said, more, _ := strings.Cut(w.m.Notice.Detail, "\n")
	h := headline{say: opening(noteOf(said, "the config was reloaded"))}
	if w.m.Notice.Case != 0 {
		h.tail = ". " + w.m.Notice.Case.String()
	}
	if full := Clean(h.say); utf8.RuneCountInString(full+h.tail) > MaxHeadline-len("PAGE ") {
		w.line("%s", full)
	}
	lines := strings.Split(more, "\n")
	for i, l := range lines {
		if i == changeLines {
			w.line("and %d more, in the log", len(lines)-i)
			break
		}
		if l != "" {
			w.line("%s", l)
		}
	}
	return h
}
