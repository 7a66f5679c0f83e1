package slack_test

import (
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

// A delay to what was asked before delays what is announced now, as a no to it stops it:
// silence would act. Who asks for it reads that it is announced again.
func TestADelayToAnEarlierQuestionDelaysAnAnnouncement(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	old, err := w.fake.Clicked(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.snooze")
	if err != nil {
		t.Fatal(err)
	}
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.Ask, n.Veto = nil, &ledger.Veto{Announcement: ledger.Announcement{PlanHash: n.PlanHash, For: 2 * time.Minute, Within: 20 * time.Minute}, Notice: 78, AnnouncedAt: at(3, 40, 0)}
	}))
	w.fake.Deliver(fakeslack.KindInteractive, old)
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "announced again, and done unless somebody says no") {
		t.Errorf("alice reads %q", said)
	}
	if all := w.asked(); len(all) != 1 || all[0].Verb != chat.VerbSnooze {
		t.Errorf("the desk was asked for %+v", all)
	}
}
