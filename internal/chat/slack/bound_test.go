package slack_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// What is tapped says which question it was on, and up to when the message showed what
// others say against it; a message that shows a new word says so by another edit.
func TestATapSaysWhatWasShown(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	said := at(3, 12, 30)
	numbered := copyOf(question(), func(n *ledger.Case) {
		a := *n.Ask
		a.AskedAt, a.Notice = at(3, 43, 0), 77
		n.Ask, n.ChangedAt = &a, at(3, 43, 0)
	})
	tap := func(verb string, n int) wish {
		t.Helper()
		all := w.fake.Messages(fakeslack.Ops)
		if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, all[len(all)-1].TS, verb); err != nil {
			t.Fatal(err)
		}
		w.until("the wish", func() bool { return len(w.asked()) == n })
		return w.asked()[n-1]
	}
	w.put(numbered, ledger.NoticeQuestion)
	w.settle()
	if x := tap("warden.approve", 1); x.Question != 77 || !x.Seen.IsZero() {
		t.Errorf("nothing was said: %+v", x)
	}
	w.say(3, "bob says that the detector is wrong about W-3", said)
	w.put(copyOf(numbered, func(n *ledger.Case) { n.ChangedAt = said }), ledger.NoticeQuestion)
	w.settle()
	if x := tap("warden.approve", 2); x.Question != 77 || !x.Seen.Equal(said) {
		t.Errorf("bob has spoken: %+v", x)
	}
	if x := tap("warden.snooze", 3); x.Question != 77 {
		t.Errorf("a delay: %+v", x)
	}
}

// A no to what was announced or asked before counts for what is announced now: silence
// would act.
func TestANoToAnEarlierQuestionStopsAnAnnouncement(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	old, err := w.fake.Clicked(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.deny")
	if err != nil {
		t.Fatal(err)
	}
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.Ask, n.Veto = nil, &ledger.Veto{Announcement: ledger.Announcement{PlanHash: n.PlanHash, For: 2 * time.Minute, Within: 20 * time.Minute}, Notice: 78, AnnouncedAt: at(3, 40, 0)}
	}))
	w.fake.Deliver(fakeslack.KindInteractive, old)
	w.until("the no", func() bool { return len(w.asked()) == 1 })
	if got := w.asked()[0]; got.Verb != chat.VerbDeny || got.Case != 3 {
		t.Errorf("the desk was asked for %+v", got)
	}
}

// What the ledger refuses as an answer to an earlier question is audited as that.
func TestASupersededClickIsAuditedAsOutdated(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.mu.Lock()
	w.says = func(remedy.Actor, slack.Wish) error {
		return &slack.Outdated{Err: errors.New("superseded: W-3 was asked again at 03:14, and nothing was done")}
	}
	w.mu.Unlock()
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "W-3 was asked again at 03:14") {
		t.Errorf("alice is told %q", said)
	}
	if got := w.audited(1)[0]; got.Kind != ledger.ClickOutdated || got.Verb != "approve" || got.Case != 3 {
		t.Errorf("audited: %+v", got)
	}
}
