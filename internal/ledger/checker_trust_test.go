package ledger_test

import (
	"maps"
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// unasked takes in that questions were taken back, by what a result says.
func (k *checker) unasked(also string) {
	for id, c := range k.cases {
		if also != "" && strings.Contains(also, "the question of "+id.String()+" was taken back") {
			c.ask, c.approved = nil, false
		}
	}
}

// words are people's words that detectors are wrong, by pool, host and action, by who
// said them, and by the case that they are about.
type words map[[3]string]map[string]map[remedy.CaseID]word

// word is one of them. Its end is the earliest that it can have; zero while its case is
// open.
type word struct{ at, until time.Time }

// shortest is for how long a word binds at least once it was said and its case is over.
const shortest = 6*time.Hour - time.Second

func wordsOn(c *caseAccount) [3]string { // histories have one spelling of a host
	return [3]string{string(c.pool), string(c.host), string(c.action)}
}

// says keeps a word.
func (w words) says(c *caseAccount, id remedy.CaseID, by string, at time.Time) {
	on := wordsOn(c)
	if w[on] == nil {
		w[on] = map[string]map[remedy.CaseID]word{}
	}
	if w[on][by] == nil {
		w[on][by] = map[remedy.CaseID]word{}
	}
	said := word{at: at}
	if c.phase == over {
		said.until = at.Add(shortest)
	}
	w[on][by][id] = said
	for len(w[on][by]) > 8 { // their own oldest goes
		oldest := id
		for about, o := range w[on][by] {
			if was := w[on][by][oldest]; o.at.Before(was.at) || o.at.Equal(was.at) && about < oldest {
				oldest = about
			}
		}
		delete(w[on][by], oldest)
	}
}

// labelled takes in what somebody says of a case, or takes back. What they take back
// elsewhere than they said it, and say otherwise of a later case, counts as ended.
func (w words) labelled(b *ledger.CaseLabel, c *caseAccount, id remedy.CaseID, by string, at time.Time) {
	own := w[wordsOn(c)][by]
	_, here := own[id]
	switch {
	case b.Of != "" && b.Of != by:
		maps.DeleteFunc(w[wordsOn(c)][b.Of], func(_ remedy.CaseID, w word) bool { return !w.at.After(b.Seen) }) // what was seen
	case b.Label == trust.Wrong:
		w.says(c, id, by, at)
	case b.Withdraw && here:
		delete(own, id)
	case b.Withdraw:
		clear(own)
	default:
		maps.DeleteFunc(own, func(about remedy.CaseID, _ word) bool { return about <= id })
	}
}

// sayable is when a word counts as said, after every other of its pool.
func (k *checker) sayable(c *caseAccount, says bool) time.Time {
	at := k.time
	if last := k.lastWord[c.pool]; !at.After(last) {
		at = last.Add(time.Millisecond)
	}
	if says {
		k.lastWord[c.pool] = at
	}
	return at
}

// spoken keeps the words that an operation says, and ends those that it ends. was is
// the phase of its case before.
func (k *checker) spoken(b ledger.Body, id remedy.CaseID, by remedy.Actor, was phase) {
	c, overruled := k.cases[id], false
	switch b := b.(type) {
	case *ledger.CaseLabel:
		k.labelled(b, c, id, by.Name, k.sayable(c, b.Label == trust.Wrong))
	case *ledger.CaseAnswer:
		if !b.Approve && b.Reason == "false-alarm" && k.learned && c.manual == nil {
			k.says(c, id, by.Name, k.sayable(c, true))
		}
	case *ledger.ExecStart:
		if b.UndoReason == remedy.UndoWasFine && b.Kind == remedy.KindUndo && k.learned && c.manual == nil {
			k.says(c, id, by.Name, k.sayable(c, true))
		}
	case *ledger.ExecFinish:
		ran := was == running || was == unknown
		overruled = ran && (b.Outcome == remedy.OutcomeDone || b.Outcome == remedy.OutcomePartial)
	case *ledger.Resolve:
		overruled = b.Out
	}
	if overruled && c.before == idle && c.manual == nil { // an act, and no undo
		for _, own := range k.words[wordsOn(c)] {
			maps.DeleteFunc(own, func(_ remedy.CaseID, w word) bool { return w.at.Before(c.began) })
		}
	}
	for _, all := range k.words {
		for _, own := range all {
			for about, w := range own {
				of := k.cases[about]
				if closed := of.phase == over || of.halfDone && !of.takesOut; closed && w.until.IsZero() {
					w.until = k.time.Add(shortest)
					own[about] = w
				}
			}
		}
	}
}

// reads notes that somebody looks at a case's question.
func (k *checker) reads(c *ledger.Case) {
	a := k.cases[c.ID]
	if a.read == nil {
		a.read = map[uint64]int{}
	}
	if n, ok := a.read[c.Question()]; ok && n != a.asks && c.Question() > 0 {
		k.tb.Fatalf("question %d of %s is its %d. and its %d.", c.Question(), c.ID, n, a.asks)
	}
	a.read[c.Question()] = a.asks
}

// shown holds an answer to what who gave it was shown: this question, and, of a yes,
// whatever people say against it.
func (k *checker) shown(b *ledger.CaseAnswer, id remedy.CaseID, by remedy.Actor) {
	c := k.cases[id]
	if b.Question == 0 {
		return
	}
	if n, ok := c.read[b.Question]; !ok || n != c.asks {
		k.tb.Fatalf("%s said %v to question %d of %s, its %d., and it asks its %d.", by.Name, b.Approve, b.Question, id, n, c.asks)
	}
	if !b.Approve || c.manual != nil {
		return
	}
	for who, own := range k.words[wordsOn(c)] {
		for about, w := range own { // also their own
			if (w.until.IsZero() || c.opened.Before(w.until)) && w.at.After(b.Seen) {
				k.tb.Fatalf("%s approved %s having read all up to %v, and %s says since %v that the detector is wrong about %s", by.Name, id, b.Seen, who, w.at, about)
			}
		}
	}
}

// opposed holds a START on a detector's word, and one that puts back, to what people
// say: whoever says wrong, of this case or of another of its host and action.
func (k *checker) opposed(c *caseAccount, fail func(string, ...any)) {
	for who, own := range k.words[wordsOn(c)] {
		for about, w := range own {
			if (w.until.IsZero() || c.opened.Before(w.until)) && (c.ask == nil || !c.approved || !c.approvedAt.After(w.at)) {
				fail("while %s says since %v that the detector is wrong about %s, approved %v at %v", who, w.at, about, c.approved, c.approvedAt)
			}
		}
	}
}
