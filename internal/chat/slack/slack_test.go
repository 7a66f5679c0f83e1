package slack_test

import (
	"strings"
	"testing"

	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

func TestQuestionIsAskedAnsweredAndEditedInPlace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.run()
	c := question()
	w.put(c, ledger.NoticeQuestion)
	w.settle()
	all := w.fake.Messages(fakeslack.Ops)
	if len(all) != 1 {
		t.Fatalf("%d messages, want 1: %+v", len(all), all)
	}
	m := all[0]
	if !strings.Contains(m.Text, "Drain web-07? 8%") || !strings.Contains(m.Text, "W-3, expires 03:32") || len([]rune(m.Text)) > 90 {
		t.Errorf("the lock screen shows %q", m.Text)
	}
	if !strings.Contains(string(m.Blocks), "subteam^S0ONCALL") {
		t.Errorf("the approvers are not called: %s", m.Blocks)
	}
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	got := w.asked()[0]
	if got.Verb != "approve" || got.Case != 3 || got.Plan != c.PlanHash || got.By.Name != "alice@example.net" || !got.By.MayApprove([]string{"slack:@oncall-ops"}) || got.By.Via != "slack" {
		t.Errorf("the desk was asked for %+v", got)
	}
	w.put(copyOf(c, func(n *ledger.Case) {
		n.Answer = &ledger.CaseReply{Approve: true, By: got.By, At: at(3, 14, 0), PlanHash: c.PlanHash}
		n.ChangedAt = at(3, 14, 0)
		n.Events = append(n.Events, ledger.Event{At: at(3, 14, 0), What: "approved", By: got.By.Name})
	}), ledger.NoticeAnswered)
	w.settle()
	all = w.fake.Messages(fakeslack.Ops)
	if len(all) != 1 || all[0].TS != m.TS || !strings.Contains(string(all[0].Blocks), "Draining web-07") {
		t.Errorf("after the yes there are %d messages: %s", len(all), all[0].Blocks)
	}
	for _, b := range all[0].Buttons() {
		if b.ActionID == "warden.approve" || b.ActionID == "warden.deny" {
			t.Errorf("the button %s is still there", b.ActionID)
		}
	}
	if th := w.fake.Thread(fakeslack.Ops, m.TS); len(th) != 1 || !strings.Contains(string(th[0].Blocks), "approved · alice@example.net") {
		t.Errorf("the thread says %+v", th)
	}
	w.clean()
}

func TestRefusalIsToldToWhoTappedAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.says = func(remedy.Actor, slack.Wish) error { return &slack.NotYours{Err: errNot} }
	w.run()
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	m := w.fake.Messages(fakeslack.Ops)[0]
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	for _, who := range []string{fakeslack.Carol, fakeslack.Gus, fakeslack.Stan} {
		if _, err := w.fake.Click(who, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
			t.Fatal(err)
		}
		w.until("words for "+who, func() bool { return len(w.fake.Ephemerals(who, fakeslack.Ops)) == 1 })
	}
	if e := w.fake.Ephemerals(fakeslack.Carol, fakeslack.Ops)[0]; !strings.Contains(e.Text, "Only @oncall-ops and fran") || !strings.Contains(e.Text, "You can still say no") {
		t.Errorf("carol is told %q", e.Text)
	}
	if e := w.fake.Ephemerals(fakeslack.Gus, fakeslack.Ops)[0]; !strings.Contains(e.Text, "nly members of this workspace") {
		t.Errorf("gus is told %q", e.Text)
	}
	if n := len(w.asked()); n != 1 {
		t.Errorf("the desk was asked %d times, want once: for carol alone", n)
	}
	w.clean()
}
