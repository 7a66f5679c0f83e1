package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"

	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"

	"warden/internal/chat"
)

// errOff says that the settings in force want no Slack. A reload takes the tokens
// away at once, and what was on its way comes all the same.
var errOff = errors.New("Slack is turned off in the settings that are in force")

// errBug stands for a panic; the log has what it said, and where.
var errBug = errors.New("a fault in warden itself, which the log has: please report it")

// answering does what something that came from Slack asks for, in a goroutine of
// its own. Whatever is in it, the daemon goes on: other people's cases are under
// way here. Whoever asked is told of a fault; from says who that is, and which
// button's value was tapped, empty where none was.
func (s *Slack) answering(ctx context.Context, work *sync.WaitGroup, what string, from func() (asker, string), do func()) {
	work.Go(func() {
		if s.guarded(what, func() error { do(); return nil }) == nil {
			return
		}
		_ = s.guarded("telling who asked of it", func() error { s.faulted(ctx, what, from); return nil })
	})
}

// faulted tells who asked for something that a fault ended it, and has it audited.
// How far it came nobody knows: the case says.
func (s *Slack) faulted(ctx context.Context, what string, from func() (asker, string)) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), whisperWithin)
	defer cancel()
	who, value := from()
	about := request{what: what}
	x, err := s.session(ctx)
	if err == nil {
		if v, err := x.signer.read(value); err == nil {
			about.verb, about.id = v.Verb, v.Case
		}
	}
	s.refusal(who.place, about, &Lost{errBug})
	if err != nil {
		return
	}
	words := chat.Fault(about.id)
	if who.hook != "" {
		s.answer(ctx, x, who, true, words, []string{words}, nil)
		return
	}
	s.whisper(ctx, x, who.place, words)
}

// guarded returns a panic as an error, and has it in the log with its stack.
func (s *Slack) guarded(what string, do func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			s.faults.Add(1)
			s.Logger.Error("warden failed at what has to do with Slack, and goes on", zap.String("at", what), zap.String("panic", fmt.Sprint(p)), zap.Stack("stack"))
			err = errBug
		}
	}()
	return do()
}

// Faults counts what ended with a panic here since the daemon was started.
func (s *Slack) Faults() int64 { return s.faults.Load() }

// Whose taps and words they are, for answering.

func tappedBy(cb api.InteractionCallback) func() (asker, string) {
	return func() (asker, string) {
		who := asker{place: tapPlace(cb), team: cb.User.TeamID}
		if cb.Type == api.InteractionTypeViewSubmission {
			value, channel, _ := strings.Cut(cb.View.PrivateMetadata, " ")
			who.channel = channel
			return who, value
		}
		for _, a := range cb.ActionCallback.BlockActions {
			if a != nil && strings.HasPrefix(a.ActionID, actionPrefix) {
				return who, a.Value
			}
		}
		return who, ""
	}
}

func saidBy(c api.SlashCommand) func() (asker, string) {
	return func() (asker, string) { return slashFrom(c), "" }
}

func mentionedBy(e slackevents.EventsAPIEvent) func() (asker, string) {
	return func() (asker, string) {
		switch m := e.InnerEvent.Data.(type) {
		case *slackevents.AppMentionEvent:
			if m.BotID == "" {
				return asker{place: place{channel: m.Channel, user: m.User, thread: m.ThreadTimeStamp}, team: e.TeamID}, ""
			}
		}
		return asker{}, "" // who opens a home has asked for nothing
	}
}
