package fakeslack

import (
	"testing"

	"github.com/slack-go/slack"
)

// TestWhoSeesWhat looks for what would be shown, or clicked, by the wrong
// person, and for a token where tokens aren't read.
func TestWhoSeesWhat(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	api := client(s)
	ts, err := api.PostEphemeralContext(t.Context(), Ops, Alice, slack.MsgOptionText("for alice", false), button("drain", "v1.x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Click(Bob, Ops, ts, "drain"); err == nil {
		t.Error("bob clicked what alice alone sees")
	}
	if _, err := s.Clicked(Alice, Ops, ts, "drain"); err != nil {
		t.Error(err)
	}
	u, err := api.GetUserInfoContext(t.Context(), Stan)
	if err != nil || u.Profile.Email != "" || !u.IsStranger || u.TeamID == "T0FAKE000" {
		t.Errorf("stan, from elsewhere: %+v, %v", u, err)
	}
	if u, err = api.GetUserInfoContext(t.Context(), Gus); err != nil || !u.IsRestricted || u.Profile.Email == "" {
		t.Errorf("gus, a guest: %+v, %v", u, err)
	}
	b := browse(t, s)
	if got := b.plain("/api/usergroups.list?token=xoxb-fake"); got["error"] != "not_authed" {
		t.Errorf("a token in the query was read: %v", got)
	}
}

// TestUpdateKeeps edits one of text and blocks, and sees what becomes of the
// other.
func TestUpdateKeeps(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	ts := card(t, s)
	if _, _, _, err := client(s).UpdateMessageContext(t.Context(), Ops, ts, button("undo", "v1.u")); err != nil {
		t.Fatal(err)
	}
	m, _ := s.Message(Ops, ts)
	if m.Text != "Drain ingest-17?" || len(m.Buttons()) != 1 || m.Buttons()[0].ActionID != "undo" {
		t.Errorf("blocks alone: %+v", m)
	}
	if _, _, _, err := client(s).UpdateMessageContext(t.Context(), Ops, ts, slack.MsgOptionText("done", false)); err != nil {
		t.Fatal(err)
	}
	if m, _ = s.Message(Ops, ts); m.Text != "done" || len(m.Buttons()) != 0 || len(m.Was) != 2 {
		t.Errorf("text alone: %+v", m)
	}
}
