package slack_test

import (
	"errors"
	"strings"
	"testing"

	"warden/internal/ledger"
	"warden/simulate/fakeslack"
)

// Where warden can't ask Slack who somebody is, they are told that nothing was done,
// and it is on record that they tried.
func TestWhoCantBeAskedAboutIsToldAllTheSame(t *testing.T) {
	t.Parallel()
	w, _ := overHTTP(t)
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	m := w.fake.Messages(fakeslack.Ops)[0]
	w.mu.Lock()
	w.set.BotToken = func() (string, error) { return "", errors.New("the file of the token is gone") }
	w.mu.Unlock()
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "Nothing was done") {
		t.Errorf("alice is told %q", said)
	}
	if got := w.audited(1)[0]; got.Kind != ledger.ClickLost || got.User != fakeslack.Alice {
		t.Errorf("audited is %+v", got)
	}
	if _, err := w.fake.Slash(fakeslack.Alice, fakeslack.Ops, "freeze x"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Alice, 2); !strings.Contains(said, "Nothing was done") {
		t.Errorf("alice is told %q", said)
	}
	if n := len(w.asked()); n != 0 {
		t.Errorf("%d wishes reached the desk", n)
	}
	if after := w.fake.Messages(fakeslack.Ops)[0]; string(after.Blocks) != string(m.Blocks) {
		t.Error("the message was replaced")
	}
}
