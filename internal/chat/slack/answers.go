package slack

import (
	"context"
	"fmt"
	"strings"
	"time"

	api "github.com/slack-go/slack"
	"go.uber.org/zap"

	"warden/internal/chat"
	"warden/internal/remedy"
)

// answerWithin bounds one answer: asking a leader takes that long at most.
const answerWithin = 2 * time.Minute

// whisperWithin bounds how long somebody is tried to be told what became of a
// click.
const whisperWithin = 5 * time.Second

// snoozeFor is what the button for later asks for.
const snoozeFor = 30 * time.Minute

// holdFor is how long a summary's button holds a host.
const holdFor = 4 * time.Hour

// first reports whether a click is not one that came before: Slack delivers some
// twice, and people tap twice.
func (s *Slack) first(keys ...string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.Clock.Now()
	if len(s.seen) > 5000 {
		for k, at := range s.seen {
			if now.Sub(at) > 10*time.Minute {
				delete(s.seen, k)
			}
		}
	}
	fresh := true
	for _, k := range keys {
		if k == "e/" {
			continue // over HTTP there are no envelopes
		}
		if at, ok := s.seen[k]; ok && now.Sub(at) < 10*time.Minute {
			fresh = false
		}
		s.seen[k] = now
	}
	return fresh
}

// interaction answers a tap or a dialog. It was acknowledged already; what comes
// of it is an edit of the message, or words that only who tapped sees.
func (s *Slack) interaction(ctx context.Context, envelope string, cb api.InteractionCallback) {
	ctx, cancel := context.WithTimeout(ctx, answerWithin)
	defer cancel()
	// Here nothing else is warden's.
	//exhaustive:ignore
	switch cb.Type {
	case api.InteractionTypeBlockActions:
		for _, a := range cb.ActionCallback.BlockActions {
			if a == nil || !strings.HasPrefix(a.ActionID, actionPrefix) || !s.first("e/"+envelope, "a/"+cb.User.ID+"/"+a.ActionID+"/"+a.ActionTs+"/"+a.Value) {
				continue
			}
			s.tapped(ctx, cb, *a)
		}
	case api.InteractionTypeViewSubmission:
		if strings.HasPrefix(cb.View.CallbackID, actionPrefix) && s.first("e/"+envelope, "v/"+cb.User.ID+"/"+cb.View.ID+"/"+cb.View.Hash) {
			s.submitted(ctx, cb)
		}
	}
}

// tapped does what a button says.
func (s *Slack) tapped(ctx context.Context, cb api.InteractionCallback, a api.BlockAction) {
	where := tapPlace(cb)
	x, err := s.session(ctx)
	if err != nil {
		s.unasked(ctx, a.ActionID, where, cb.ResponseURL, err)
		return
	}
	v, err := x.signer.read(a.Value)
	if err == nil && actionPrefix+string(v.Verb) != a.ActionID {
		err = ErrForged
	}
	if err != nil {
		s.refuse(ctx, x, where, request{what: a.ActionID}, err)
		return
	}
	about := request{what: a.ActionID, verb: v.Verb, id: v.Case}
	by, err := s.actor(ctx, x, cb.User.TeamID, cb.User.ID)
	if err != nil {
		s.refuse(ctx, x, where, about, err)
		return
	}
	about.by = by.Name
	if err := s.current(v); err != nil {
		s.refuse(ctx, x, where, about, err)
		return
	}
	// Here the others are done at once.
	//exhaustive:ignore
	switch v.Verb {
	case chat.VerbDetails:
		s.details(ctx, x, where, v)
		return
	case chat.VerbPreview:
		s.preview(ctx, x, cb, where, by, v)
		return
	case chat.VerbRun:
		if err := s.askReason(ctx, x, cb.TriggerID, where, a.Value, v); err != nil {
			s.refuse(ctx, x, where, about, &Lost{fmt.Errorf("the reason can't be asked (%w), so nothing was done: say it again", err)})
		}
		return
	case chat.VerbDeny:
		// What was announced goes on while somebody types: no is no at the tap.
		if c, ok := s.Case(v.Case); ok && c.Ask != nil && s.Settings().AskReason && cb.TriggerID != "" {
			err := s.askReason(ctx, x, cb.TriggerID, where, a.Value, v)
			if err == nil {
				return
			}
			s.Logger.Warn("the reason for a no can't be asked: it counts without one", zap.Error(err))
		}
	}
	s.do(ctx, x, where, by, wishOf(v))
}

// current refuses what is about an earlier question than the case's, and what was shown
// too long ago.
func (s *Slack) current(v Value) error {
	// Here the others are about the case, whatever it asks.
	//exhaustive:ignore
	switch v.Verb {
	case chat.VerbApprove, chat.VerbDeny, chat.VerbSnooze:
	case chat.VerbRun:
		return s.young(v)
	default:
		return nil
	}
	c, _ := s.Case(v.Case)
	if v.asked(c) || c.Ask == nil && c.Veto == nil {
		return nil // the ledger says what became of it
	}
	if v.Verb != chat.VerbApprove && c.Veto != nil {
		return nil // what acts by itself is stopped, or put off, by whatever it was asked before
	}
	return fmt.Errorf("this question of %s %w: answer the newest message of it", v.Case, errOutdated)
}

func wishOf(v Value) Wish {
	w := Wish{Verb: v.Verb, Case: v.Case, Plan: v.Plan}
	w.Question, w.Seen = v.shows()
	// Here the others say no more.
	//exhaustive:ignore
	switch v.Verb {
	case chat.VerbSnooze:
		w.For = snoozeFor
	case chat.VerbHold:
		w.For, w.Reason = holdFor, "not now"
	case chat.VerbOnIt:
		w.For, w.Reason = chat.OnItFor, chat.OnItReason
	case chat.VerbRun:
		w.Action, w.Host, _, _ = v.run()
		w.Once, w.Question = digest(v.Nonce), 0
	}
	return w
}

// do has the desk do it, and says what people can't see in the message.
func (s *Slack) do(ctx context.Context, x session, where place, by remedy.Actor, w Wish) {
	announced := false
	if c, ok := s.Case(w.Case); ok {
		announced = c.Veto != nil
	}
	if err := s.Desk.Do(ctx, by, w); err != nil {
		s.refuse(ctx, x, where, request{what: string(w.Verb) + " " + w.Case.String(), by: by.Name, verb: w.Verb, id: w.Case}, err)
		return
	}
	s.lookAgain()
	s.Logger.Info("somebody answered in Slack", zap.String("verb", string(w.Verb)), zap.Stringer("case", w.Case), zap.String("by", by.Name))
	said := chat.Noted(w.Verb, w.Case, w.For, announced)
	if said == "" && where.channel == "" {
		said = "Noted: " + string(w.Verb) + " of " + w.Case.String() + "." // no message shows it there
	}
	if said != "" {
		s.whisper(ctx, x, where, said)
	}
}

// place is where somebody tapped.
type place struct{ channel, user, thread string }

// tapPlace is where somebody tapped a button; in a home there is no channel.
func tapPlace(cb api.InteractionCallback) place {
	where := place{channel: cb.Channel.ID, user: cb.User.ID, thread: cb.Message.ThreadTimestamp}
	if where.channel == "" {
		where.channel = cb.Container.ChannelID
	}
	return where
}

// whisper says something that only one person sees. It is nothing that anybody
// needs later.
func (s *Slack) whisper(ctx context.Context, x session, where place, words string) {
	if where.user == "" {
		return
	}
	// Who tapped is told although this node is stopping: nobody else knows of it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), whisperWithin)
	defer cancel()
	if where.channel == "" { // they tapped in their home, where there is nothing but the home to say it in
		s.publish(ctx, x, "", where.user, words)
		return
	}
	b := api.NewSectionBlock(text(api.MarkdownType, short(commands(words), maxSection)), nil, nil)
	opts := []api.MsgOption{api.MsgOptionText(short(plain(words), maxText), false), api.MsgOptionBlocks(b)}
	if where.thread != "" {
		opts = append(opts, api.MsgOptionTS(where.thread))
	}
	if _, err := x.client.PostEphemeralContext(ctx, where.channel, where.user, opts...); err != nil {
		s.Logger.Warn("somebody can't be told what became of their click", zap.String("user", where.user), zap.Error(err))
	}
}

// The ids of the dialog that asks why somebody says no.
const (
	reasonCallback = actionPrefix + "reason"
	reasonBlock    = "reason"
	reasonField    = "text"
	maxReason      = 500
)

// askReason opens the dialog that asks for a reason. What it is about travels in it, as the button had
// it.
func (s *Slack) askReason(ctx context.Context, x session, trigger string, where place, value string, v Value) error {
	title, hint, label, submit := "Say no to "+v.Case.String(), "false alarm, known work, not now …", "Why not? It becomes a label.", "Say no"
	if v.Verb == chat.VerbRun {
		w := wishOf(v)
		title, hint, label, submit = "Run by hand", "what is wrong with it", "Why run "+string(w.Action)+" on "+string(w.Host)+"?", "Run it"
	}
	input := api.NewPlainTextInputBlockElement(text(api.PlainTextType, hint), reasonField)
	input.MaxLength = maxReason
	block := api.NewInputBlock(reasonBlock, text(api.PlainTextType, short(plain(label), 300)), nil, input)
	block.Optional = v.Verb == chat.VerbDeny
	_, err := x.client.OpenViewContext(ctx, trigger, api.ModalViewRequest{
		Type: api.VTModal, CallbackID: reasonCallback, PrivateMetadata: value + " " + where.channel,
		Title: text(api.PlainTextType, short(plain(title), 24)), Submit: text(api.PlainTextType, submit), Close: text(api.PlainTextType, "Go back"),
		Blocks: api.Blocks{BlockSet: []api.Block{block}},
	})
	return err
}

// submitted takes the dialog's answer.
func (s *Slack) submitted(ctx context.Context, cb api.InteractionCallback) {
	value, channel, _ := strings.Cut(cb.View.PrivateMetadata, " ")
	where := place{channel: channel, user: cb.User.ID}
	x, err := s.session(ctx)
	if err != nil {
		s.unasked(ctx, cb.View.CallbackID, where, "", err)
		return
	}
	v, err := x.signer.read(value)
	if err == nil && v.Verb != chat.VerbDeny && v.Verb != chat.VerbRun {
		err = ErrForged
	}
	about := request{what: cb.View.CallbackID}
	var by remedy.Actor
	if err == nil {
		about.verb, about.id = v.Verb, v.Case
		by, err = s.actor(ctx, x, cb.User.TeamID, cb.User.ID)
		about.by = by.Name
	}
	if err == nil {
		err = s.current(v)
	}
	if err != nil {
		s.refuse(ctx, x, where, about, err)
		return
	}
	w := wishOf(v)
	if cb.View.State != nil {
		w.Reason = strings.TrimSpace(cb.View.State.Values[reasonBlock][reasonField].Value)
	}
	if r := []rune(w.Reason); len(r) > maxReason {
		w.Reason = string(r[:maxReason])
	}
	s.do(ctx, x, where, by, w)
}

// details shows the short form of how a case came about.
func (s *Slack) details(ctx context.Context, x session, where place, v Value) {
	c, ok := s.Case(v.Case)
	if !ok {
		s.whisper(ctx, x, where, v.Case.String()+" is gone from the ledger; the audit files have it.")
		return
	}
	b := &builder{elsewhere: "warden show " + c.ID.String()}
	b.lines("details", chat.Details(c, s.Settings().Zone))
	if _, err := x.client.PostEphemeralContext(ctx, where.channel, where.user, api.MsgOptionText(short(plain("Details of "+c.ID.String()), maxText), false), api.MsgOptionBlocks(b.blocks...)); err != nil {
		s.Logger.Warn("details can't be shown", zap.Error(err))
	}
}
