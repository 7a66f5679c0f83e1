package slack

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/slack-go/slack/socketmode"
	"go.uber.org/zap"

	"warden/internal/clock"
)

// The times of the socket. They are Slack's, and so real.
const (
	lookEvery = 250 * time.Millisecond
	// leaderless is how long no leader may be known before the socket is closed: an
	// election takes less.
	leaderless     = 2 * time.Second
	handshake      = 15 * time.Second
	reconnectFirst = time.Second
	reconnectLast  = time.Minute
)

// Run takes what people tap and say, on every voter, until ctx ends: over a socket
// that it opens where the settings say so. It never fails: while Slack can't be
// reached it tries again.
func (s *Slack) Run(ctx context.Context) {
	var work sync.WaitGroup
	defer work.Wait()
	pause := reconnectFirst
	for ctx.Err() == nil {
		if !s.wants() {
			_ = clock.Sleep(ctx, s.Wire, lookEvery)
			continue
		}
		begun := s.Wire.Now()
		err := s.connect(ctx, &work)
		if ctx.Err() != nil {
			return
		}
		if err == nil || s.Wire.Since(begun) > reconnectLast {
			pause = reconnectFirst
		}
		if err != nil {
			s.Logger.Warn("the connection to Slack is closed, and is tried again", zap.Duration("in", pause), zap.Error(err))
			_ = clock.Sleep(ctx, s.Wire, pause)
			pause = min(2*pause, reconnectLast)
		}
	}
}

// wants reports whether a click that comes here can be answered.
func (s *Slack) wants() bool {
	set := s.Settings()
	return set.BotToken != nil && !set.HTTP && s.Leader()
}

// connect keeps one connection until ctx ends, nobody leads, or the settings
// change. It returns nil where it was closed from here.
func (s *Slack) connect(ctx context.Context, work *sync.WaitGroup) error {
	x, err := s.session(ctx)
	if err != nil {
		return err
	}
	set := s.Settings()
	if set.AppToken == nil {
		return errOff // since wants looked
	}
	app, err := set.AppToken()
	if err != nil {
		return err
	}
	here, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	client := socketmode.New(x.client, s.dialer()...)
	var mine sync.WaitGroup
	defer mine.Wait()
	defer leave(nil)
	mine.Go(func() { s.stayOnly(here, leave, x, app) })
	mine.Go(func() { s.receive(here, ctx, client, work) })
	err = client.RunContext(here)
	if errors.Is(context.Cause(here), errClosed) {
		return nil
	}
	return worded(ctx, err)
}

// dialer is how a socket is opened, where that isn't slack-go's own way.
func (s *Slack) dialer() []socketmode.Option {
	if s.Dial == nil {
		return nil
	}
	return []socketmode.Option{socketmode.OptionDialer(&websocket.Dialer{
		Proxy: http.ProxyFromEnvironment, HandshakeTimeout: handshake, NetDialContext: s.Dial,
	})}
}

// errClosed is why a connection was closed from here.
var errClosed = errors.New("closed: no leader is known, or the settings are others")

// stayOnly closes the connection when nobody leads, so that no click lands where
// it can't be committed.
func (s *Slack) stayOnly(ctx context.Context, leave context.CancelCauseFunc, x session, app string) {
	led := s.Wire.Now()
	for clock.Sleep(ctx, s.Wire, lookEvery) == nil {
		set := s.Settings()
		ok := set.BotToken != nil && set.AppToken != nil && !set.HTTP && set.APIURL == x.url
		if ok {
			token, tokenErr := set.BotToken()
			now, appErr := set.AppToken()
			ok = tokenErr == nil && appErr == nil && token == x.token && now == app
		}
		if s.Leader() {
			led = s.Wire.Now()
		}
		if !ok || s.Wire.Since(led) > leaderless {
			s.Logger.Info("the connection to Slack is closed: no leader is known, or the settings are others")
			leave(errClosed)
			return
		}
	}
}

// receive acknowledges what comes, and has it answered. The acknowledgement is
// empty and goes first: Slack waits three seconds, and drops large ones.
func (s *Slack) receive(ctx, answering context.Context, client *socketmode.Client, work *sync.WaitGroup) {
	for {
		select {
		case <-ctx.Done():
			return
		case e := <-client.Events:
			s.arrived(ctx, answering, client, e, work)
		}
	}
}

func (s *Slack) arrived(ctx, answering context.Context, client *socketmode.Client, e socketmode.Event, work *sync.WaitGroup) {
	if e.Request == nil || e.Request.EnvelopeID == "" {
		return
	}
	// Here what isn't warden's is acknowledged all the same.
	//exhaustive:ignore
	switch e.Type {
	case socketmode.EventTypeInteractive, socketmode.EventTypeSlashCommand, socketmode.EventTypeEventsAPI:
	default:
		return
	}
	if err := client.AckCtx(ctx, e.Request.EnvelopeID, nil); err != nil {
		s.Logger.Warn("what came from Slack can't be acknowledged: it comes again", zap.Error(worded(ctx, err)))
		return
	}
	envelope := e.Request.EnvelopeID
	switch data := e.Data.(type) {
	case api.InteractionCallback:
		s.answering(answering, work, "an answer", tappedBy(data), func() { s.interaction(answering, envelope, data) })
	case api.SlashCommand:
		s.answering(answering, work, "a command", saidBy(data), func() { s.slash(answering, envelope, data) })
	case slackevents.EventsAPIEvent:
		s.answering(answering, work, "a mention", mentionedBy(data), func() { s.event(answering, envelope, data) })
	}
}
