package fakeslack

import (
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// TestClickThroughTheRealClient posts a card, clicks it, acknowledges and edits
// the card, all with slack-go.
func TestClickThroughTheRealClient(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	a := connect(t, s)
	api := client(s)
	channel, ts, err := api.PostMessageContext(t.Context(), Ops, slack.MsgOptionText("Drain ingest-17?", false), button("drain", "v1.x"),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "warden", EventPayload: map[string]any{"case": "W-1042"}}))
	if err != nil || channel != Ops {
		t.Fatal(channel, err)
	}
	d, err := s.Click(Alice, Ops, ts, "drain")
	if err != nil {
		t.Fatal(err)
	}
	e := a.next(t, socketmode.EventTypeInteractive)
	got := e.Data.(slack.InteractionCallback)
	act := got.ActionCallback.BlockActions[0]
	if got.User.ID != Alice || got.Channel.ID != Ops || got.Message.Timestamp != ts || act.Value != "v1.x" || act.ActionID != "drain" {
		t.Errorf("clicked: %+v, %+v", got, act)
	}
	a.ack(t, e)
	acknowledged(t, d)
	if _, _, _, err := api.UpdateMessageContext(t.Context(), Ops, ts, slack.MsgOptionText("ingest-17 is out", false)); err != nil {
		t.Fatal(err)
	}
	m := s.Messages(Ops)
	if len(m) != 1 || m[0].Text != "ingest-17 is out" || len(m[0].Buttons()) != 0 || len(m[0].Was) != 1 || string(m[0].Metadata) == "" {
		t.Errorf("the channel shows %+v", m)
	}
	if _, err := s.Click(Alice, Ops, ts, "drain"); err == nil {
		t.Error("a button that is gone was clicked")
	}
	clean(t, s)
}

// TestSlashMentionAndView goes through a slash command that opens a modal, its
// submission, and a mention in a thread.
func TestSlashMentionAndView(t *testing.T) {
	t.Parallel()
	s, c := stepped(t, Options{})
	a := connect(t, s)
	d, err := s.Slash(Bob, Ops, "drain ingest-17")
	if err != nil {
		t.Fatal(err)
	}
	e := a.next(t, socketmode.EventTypeSlashCommand)
	cmd := e.Data.(slack.SlashCommand)
	if cmd.Command != "/warden" || cmd.Text != "drain ingest-17" || cmd.UserID != Bob || cmd.ChannelID != Ops {
		t.Errorf("said: %+v", cmd)
	}
	a.ack(t, e, map[string]any{"text": "one moment"})
	acknowledged(t, d)
	if m := s.Ephemerals(Bob, Ops); len(m) != 1 || m[0].Text != "one moment" {
		t.Errorf("bob alone sees %+v", m)
	}
	plain := func(text string) *slack.TextBlockObject {
		return slack.NewTextBlockObject(slack.PlainTextType, text, false, false)
	}
	view := slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain("Drain"), Submit: plain("Ask"), CallbackID: "reason", PrivateMetadata: "W-1042",
		Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewInputBlock("why", plain("Why"), nil, slack.NewPlainTextInputBlockElement(nil, "text"))}},
	}
	if _, err := client(s).OpenViewContext(t.Context(), cmd.TriggerID, view); err != nil {
		t.Fatal(err)
	}
	if _, err := s.SubmitView(Bob, nil); err == nil {
		t.Error("a required input was left empty")
	}
	d, err = s.SubmitView(Bob, map[string]string{"why": "kernel upgrade"})
	if err != nil {
		t.Fatal(err)
	}
	e = a.next(t, socketmode.EventTypeInteractive)
	got := e.Data.(slack.InteractionCallback)
	if got.Type != slack.InteractionTypeViewSubmission || got.View.State.Values["why"]["text"].Value != "kernel upgrade" || got.View.PrivateMetadata != "W-1042" {
		t.Errorf("submitted: %+v", got)
	}
	a.ack(t, e)
	acknowledged(t, d)
	if _, open := s.Modal(Bob); open {
		t.Error("the modal stays open")
	}
	if _, err := client(s).OpenViewContext(t.Context(), cmd.TriggerID, view); err == nil || err.Error() != "exchanged_trigger_id" {
		t.Errorf("a trigger worked twice: %v", err)
	}

	root := s.Post(Carol, Ops, "", "what is it doing?")
	d, ts, err := s.Mention(Carol, Ops, root, "why W-1042")
	if err != nil {
		t.Fatal(err)
	}
	e = a.next(t, socketmode.EventTypeEventsAPI)
	a.ack(t, e)
	acknowledged(t, d)
	if m := s.Thread(Ops, root); len(m) != 1 || m[0].TS != ts {
		t.Errorf("in the thread: %+v", m)
	}
	c.Advance(time.Second)
	if _, _, err := client(s).PostMessageContext(t.Context(), Ops, slack.MsgOptionText("because", false), slack.MsgOptionTS(root)); err != nil {
		t.Fatal(err)
	}
	if m := s.Thread(Ops, root); len(m) != 2 {
		t.Errorf("in the thread: %+v", m)
	}
}
