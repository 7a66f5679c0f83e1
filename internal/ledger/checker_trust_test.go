package ledger_test

import (
	"strings"
	"time"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/internal/trust"
)

// labelled notes who says that the detector is wrong about the case.
func (c *caseAccount) labelled(b *ledger.CaseLabel, by string, at time.Time) {
	_, said := c.wrong[by]
	switch {
	case b.Label != trust.Wrong:
		delete(c.wrong, by)
	case !said || c.approved && c.approvedAt.After(c.wrong[by]): // said again after a yes
		if c.wrong == nil {
			c.wrong = map[string]time.Time{}
		}
		c.wrong[by] = at
	}
}

// opposed holds a START on a detector's word, and one that puts back, to what people say of it.
func (c *caseAccount) opposed(fail func(string, ...any)) {
	for who, since := range c.wrong {
		if c.ask == nil || !c.approved || !c.approvedAt.After(since) {
			fail("while %s says since %v that the detector is wrong, approved %v at %v", who, since, c.approved, c.approvedAt)
		}
	}
}

// unasked takes in that questions were taken back, by what a result says.
func (k *checker) unasked(also string) {
	for id, c := range k.cases {
		if also != "" && strings.Contains(also, "the question of "+id.String()+" was taken back") {
			c.ask, c.approved = nil, false
		}
	}
}

// words are those that outlived their cases, by pool, host and action, and by who
// said them.
type words map[[3]string]map[string]word

type word struct {
	at, until time.Time
	about     remedy.CaseID
}

func wordsOn(c *caseAccount) [3]string {
	return [3]string{string(c.pool), string(c.host), string(c.action)}
}

// spoken keeps who spoke of a case, and the words that outlive it once it is over.
func (k *checker) spoken(b ledger.Body, id remedy.CaseID, by remedy.Actor, wasOver bool) {
	c := k.cases[id]
	if c == nil {
		return
	}
	on, acts := wordsOn(c), false
	switch b := b.(type) {
	case *ledger.CaseLabel:
		if w, ok := k.words[on][by.Name]; ok && b.Label != trust.Wrong && (w.about == id || b.Withdraw) {
			delete(k.words[on], by.Name)
		}
		acts = true
	case *ledger.CaseAnswer:
		acts = !b.Approve
	case *ledger.ExecStart:
		acts = b.UndoReason != ""
	case *ledger.ExecFinish:
		c.acted = c.acted || b.Outcome != remedy.OutcomeAborted && c.manual == nil
	case *ledger.Resolve:
		c.acted = c.acted || c.manual == nil
	}
	if acts {
		if c.spoke == nil {
			c.spoke = map[string]bool{}
		}
		c.spoke[by.Name] = true
	}
	if c.phase != over || wasOver {
		return
	}
	next := map[string]word{}
	for who, w := range k.words[on] {
		switch {
		case c.manual != nil && !c.spoke[who]:
			next[who] = w
		case c.manual == nil && !c.acted && c.opened.Before(w.until) && !c.spoke[who]:
			next[who] = word{at: w.at, until: k.time.Add(6*time.Hour - time.Second), about: w.about}
		}
	}
	for who, at := range c.wrong {
		if !c.acted {
			next[who] = word{at: at, until: k.time.Add(6*time.Hour - time.Second), about: id}
		}
	}
	k.words[on] = next
}

// outlived holds a START on a detector's word to what people said of the case before.
func (k *checker) outlived(id remedy.CaseID, c *caseAccount, fail func(string, ...any)) {
	for who, w := range k.words[wordsOn(c)] {
		if w.about < id && c.opened.Before(w.until) && !c.spoke[who] && (c.ask == nil || !c.approved || !c.approvedAt.After(w.at)) {
			fail("while %s says since %v that the detector is wrong about %s, the case before, approved %v at %v", who, w.at, w.about, c.approved, c.approvedAt)
		}
	}
}
