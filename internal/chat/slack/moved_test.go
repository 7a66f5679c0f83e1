package slack_test

import (
	"strings"
	"testing"

	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// With another channel in the settings what stands is edited where it is, with its
// thread, and what is new goes to the new one.
func TestAnotherChannelLeavesWhatStandsWhereItIs(t *testing.T) {
	t.Parallel()
	w := quick(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	old := w.fake.Messages(fakeslack.Ops)[0]
	w.mu.Lock()
	w.set.Channel = "#incident"
	w.mu.Unlock()
	w.put(copyOf(expired(), func(n *ledger.Case) {
		n.Events = append(n.Events, ledger.Event{At: at(3, 33, 0), What: "EXPIRED-LINE"})
	}), ledger.NoticeOutcome)
	w.put(copyOf(question(), func(n *ledger.Case) { n.ID, n.Host = 8, "web-08" }), ledger.NoticeQuestion)
	w.settle()
	there, moved := w.fake.Messages(fakeslack.Ops), w.fake.Messages(fakeslack.Incident)
	if len(there) == 0 || there[0].TS != old.TS || len(there[0].Was) == 0 || strings.Contains(string(there[0].Blocks), "warden.approve") {
		t.Errorf("what stood: %+v", there)
	}
	if len(moved) != 1 || !strings.Contains(moved[0].Text, "web-08") {
		t.Errorf("the new channel has %+v", moved)
	}
	for _, m := range w.fake.Everything() {
		if strings.Contains(string(m.Blocks), "EXPIRED-LINE") && m.Channel != fakeslack.Ops {
			t.Errorf("the thread's line is in %s", m.Channel)
		}
	}
	// A pool that gets a channel of its own is no different.
	w.mu.Lock()
	w.set.Channels = map[remedy.PoolName]string{"edge": "#ops"}
	w.mu.Unlock()
	w.put(copyOf(expired(), func(n *ledger.Case) { n.ID, n.Host = 8, "web-08" }), ledger.NoticeOutcome)
	w.settle()
	if moved = w.fake.Messages(fakeslack.Incident); len(moved) != 1 || len(moved[0].Was) == 0 {
		t.Errorf("the new channel has %+v", moved)
	}
	w.clean()
}
