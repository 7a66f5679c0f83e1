package slack_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"warden/internal/chat"
	"warden/internal/chat/slack"
	"warden/internal/ledger"
	"warden/internal/remedy"
	"warden/simulate/fakeslack"
)

// open is a world with a question that people can click on.
func open(t *testing.T) (*world, fakeslack.Message) {
	t.Helper()
	w := newWorld(t)
	w.run()
	w.put(question(), ledger.NoticeQuestion)
	w.settle()
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	return w, w.fake.Messages(fakeslack.Ops)[0]
}

// told waits for the words that a user alone sees.
func (w *world) told(user string, n int) string {
	w.t.Helper()
	w.until("words for "+user, func() bool { return len(w.fake.Ephemerals(user, fakeslack.Ops)) >= n })
	return w.fake.Ephemerals(user, fakeslack.Ops)[n-1].Text
}

func TestForgedAndForeignClicksDoNothing(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	for i, forge := range []func(action map[string]any){
		func(a map[string]any) {
			a["value"] = strings.Replace(a["value"].(string), ".approve.", ".deny.", 1)
			a["action_id"] = "warden.deny"
		},
		func(a map[string]any) { a["value"] = strings.Replace(a["value"].(string), ".3.", ".4.", 1) },
		func(a map[string]any) { a["value"] = "" },
		func(a map[string]any) { a["value"] = strings.Repeat(".", 1500) },
		func(a map[string]any) { a["action_id"] = "warden.undo" },
		func(a map[string]any) {
			parts := strings.Split(a["value"].(string), ".")
			parts[1] = "b3RoZXI"
			a["value"] = strings.Join(parts, ".")
		},
	} {
		p, err := w.fake.Clicked(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve")
		if err != nil {
			t.Fatal(err)
		}
		forge(p["actions"].([]any)[0].(map[string]any))
		w.fake.Deliver(fakeslack.KindInteractive, p)
		if said := w.told(fakeslack.Alice, i+1); !strings.Contains(said, "nothing was done") {
			t.Errorf("forgery %d: alice is told %q", i, said)
		}
	}
	if got := w.asked(); len(got) != 0 {
		t.Errorf("forged clicks reached the desk: %+v", got)
	}
	for i, c := range w.audited(6) {
		want := ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: ledger.ClickForged, User: fakeslack.Alice}
		if i == 5 {
			want.Kind = ledger.ClickForeign
		}
		if !reflect.DeepEqual(c, want) {
			t.Errorf("forgery %d is audited as %+v", i, c)
		}
	}
}

func TestADuplicateAndAReplayCountOnce(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.fake.Duplicate(1)
	d, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve")
	if err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	<-w.fake.Again(d).Done()
	if _, err := w.fake.Click(fakeslack.Bob, fakeslack.Ops, m.TS, "warden.snooze"); err != nil {
		t.Fatal(err)
	}
	w.until("the second wish", func() bool { return len(w.asked()) >= 2 })
	if got := w.asked(); len(got) != 2 || got[1].Verb != "snooze" || got[1].For != 30*time.Minute {
		t.Errorf("the desk was asked for %+v", got)
	}
}

func TestAClickOnAnEarlierQuestionIsNotOneOnTheNext(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	old, err := w.fake.Clicked(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve")
	if err != nil {
		t.Fatal(err)
	}
	w.put(copyOf(question(), func(n *ledger.Case) {
		a := *n.Ask
		a.AskedAt = at(3, 43, 0)
		n.Ask = &a
	}))
	w.fake.Deliver(fakeslack.KindInteractive, old)
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "was asked again since, and nothing was done") {
		t.Errorf("alice is told %q", said)
	}
	if got := w.asked(); len(got) != 0 {
		t.Errorf("the desk was asked for %+v", got)
	}
	want := ledger.ClicksRefused{Surface: ledger.SurfaceSlack, Kind: ledger.ClickOutdated, User: fakeslack.Alice, Name: "alice@example.net", Verb: "approve", Case: 3}
	if c := w.audited(1)[0]; !reflect.DeepEqual(c, want) {
		t.Errorf("it is audited as %+v", c)
	}
}

// Each way to be refused is audited as that, and a name is never more than one
// short line.
func TestRefusalsAreAuditedByKind(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	for i, tt := range []struct {
		user string
		says error
		want ledger.ClicksRefused
	}{
		{fakeslack.Gus, nil, ledger.ClicksRefused{Kind: ledger.ClickNobody, User: fakeslack.Gus}},
		{fakeslack.Carol, &slack.NotYours{Err: errNot}, ledger.ClicksRefused{Kind: ledger.ClickNotYours, User: fakeslack.Carol, Name: "carol@example.net"}},
		{fakeslack.Alice, &slack.Lost{Err: errNot}, ledger.ClicksRefused{Kind: ledger.ClickLost, User: fakeslack.Alice, Name: "alice@example.net"}},
		{fakeslack.Fran, errNot, ledger.ClicksRefused{Kind: ledger.ClickRefused, User: fakeslack.Fran, Name: "fran"}},
	} {
		w.mu.Lock()
		w.says = func(remedy.Actor, slack.Wish) error { return tt.says }
		w.mu.Unlock()
		if _, err := w.fake.Click(tt.user, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
			t.Fatal(err)
		}
		tt.want.Surface, tt.want.Verb, tt.want.Case = ledger.SurfaceSlack, "approve", 3
		if c := w.audited(i + 1)[i]; !reflect.DeepEqual(c, tt.want) {
			t.Errorf("%s: it is audited as %+v, want %+v", tt.user, c, tt.want)
		}
	}
	if _, err := w.fake.Slash(fakeslack.Gus, fakeslack.Ops, "freeze everything"); err != nil {
		t.Fatal(err)
	}
	if c := w.audited(5)[4]; c.Kind != ledger.ClickNobody || c.Verb != "" || c.Case != 0 {
		t.Errorf("a guest's words are audited as %+v", c)
	}
}

func TestTooLateIsToldInTheLedgersWords(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.mu.Lock()
	w.says = func(remedy.Actor, slack.Wish) error {
		return errors.New("kim approved W-3 4s before you; it starts by itself")
	}
	w.mu.Unlock()
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(strings.ToLower(said), "kim approved w-3 4s before you") {
		t.Errorf("alice is told %q", said)
	}
}

func TestNobodyWhoCantBeLookedUpDecides(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.fake.Fail("users.info", fakeslack.Status(503), 1)
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	if said := w.told(fakeslack.Alice, 1); !strings.Contains(said, "can't be looked up") {
		t.Errorf("alice is told %q", said)
	}
	w.fake.Fail("usergroups.list", fakeslack.Says("ratelimited"), 10)
	w.slack.Forget()
	if _, err := w.fake.Click(fakeslack.Bob, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	if by := w.asked()[0].By; by.MayApprove([]string{"slack:@oncall-ops"}) {
		t.Errorf("a group that can't be read gave %+v its right", by)
	}
}

func TestAPersonOfTheConfigActsUnderTheirUnixName(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	if _, err := w.fake.Click(fakeslack.Fran, fakeslack.Ops, m.TS, "warden.approve"); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	if by := w.asked()[0].By; by.Name != "fran" || len(by.Groups) != 0 || by.UID != 0 {
		t.Errorf("fran comes as %+v", by)
	}
}

func TestANoAsksForItsReason(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.mu.Lock()
	w.set.AskReason = true
	w.mu.Unlock()
	if _, err := w.fake.Click(fakeslack.Carol, fakeslack.Ops, m.TS, "warden.deny"); err != nil {
		t.Fatal(err)
	}
	w.until("the dialog", func() bool { _, ok := w.fake.Modal(fakeslack.Carol); return ok })
	if n := len(w.asked()); n != 0 {
		t.Fatalf("it was denied before the reason was given")
	}
	if _, err := w.fake.SubmitView(fakeslack.Carol, map[string]string{"reason": "known work"}); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	if got := w.asked()[0]; got.Verb != "deny" || got.Reason != "known work" || got.By.Name != "carol@example.net" {
		t.Errorf("the desk was asked for %+v", got)
	}
	w.clean()
}

func TestANodeWithoutALeaderTakesNoClicks(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	w.mu.Lock()
	w.leader = false
	w.mu.Unlock()
	w.until("the connection to close", func() bool { return len(w.fake.Connections()) == 0 })
	w.mu.Lock()
	w.leader = true
	w.mu.Unlock()
	w.until("the connection to open again", func() bool { return len(w.fake.Connections()) == 1 })
}

func TestAnUnconfirmedAddressIsNobodys(t *testing.T) {
	t.Parallel()
	w, m := open(t)
	w.fake.Change(func(x *fakeslack.Workspace) {
		for i := range x.Users {
			if x.Users[i].ID == fakeslack.Fran {
				x.Users[i].Unconfirmed = true
			}
		}
	})
	if _, err := w.fake.Click(fakeslack.Fran, fakeslack.Ops, m.TS, "warden.deny"); err != nil {
		t.Fatal(err)
	}
	w.until("the wish", func() bool { return len(w.asked()) == 1 })
	if by := w.asked()[0].By; by.Name != "slack:"+fakeslack.Fran || by.MayApprove([]string{"fran@example.net"}) || by.MayApprove([]string{"fran"}) {
		t.Errorf("an address that nobody has confirmed gave its name or right: %+v", by)
	}
}

// A no to an announcement counts when it is tapped: what was announced would go on
// while somebody writes why.
func TestANoToAnAnnouncementAsksForNoReasonFirst(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.set.AskReason = true
	w.run()
	w.put(copyOf(question(), func(n *ledger.Case) {
		n.Ask, n.Veto = nil, &ledger.Veto{Announcement: ledger.Announcement{PlanHash: n.PlanHash, For: 2 * time.Minute, Within: 20 * time.Minute}, AnnouncedAt: at(3, 12, 0)}
	}), ledger.NoticeAnnounced)
	w.settle()
	w.until("a connection", func() bool { return len(w.fake.Connections()) > 0 })
	if _, err := w.fake.Click(fakeslack.Alice, fakeslack.Ops, w.fake.Messages(fakeslack.Ops)[0].TS, "warden.deny"); err != nil {
		t.Fatal(err)
	}
	w.until("the no", func() bool { return len(w.asked()) == 1 })
	if _, there := w.fake.Modal(fakeslack.Alice); there || w.asked()[0].Verb != chat.VerbDeny {
		t.Errorf("a dialog: %v; asked for %+v", there, w.asked()[0])
	}
	w.clean()
}
