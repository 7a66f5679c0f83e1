package fakeslack

import (
	"context"
	"io"
	"log"
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"

	"warden/internal/clock"
)

// patience is how long a test waits for what must come.
const patience = 60 * time.Second

// start starts a server for a test.
func start(t *testing.T, opts Options) *Server {
	t.Helper()
	if opts.Scopes == nil {
		opts.Scopes = allScopes()
	}
	s, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// night is when tests begin.
var night = time.Date(2026, 11, 20, 3, 12, 0, 0, time.UTC)

// stepped starts a server whose time stands still unless it is told to move.
func stepped(t *testing.T, opts Options) (*Server, *clock.Stepped) {
	t.Helper()
	c := clock.NewStepped(night)
	opts.Clock = c
	return start(t, opts), c
}

// client is the real client of the Web API.
func client(s *Server) *slack.Client {
	return slack.New("xoxb-fake", slack.OptionAPIURL(s.URL()+"/api/"), slack.OptionAppLevelToken("xapp-fake"))
}

// app is the real client of Socket Mode, run until the test ends. It
// acknowledges nothing by itself.
type app struct {
	*socketmode.Client
	stop context.CancelFunc
}

func connect(t *testing.T, s *Server) *app {
	t.Helper()
	a := &app{Client: socketmode.New(client(s), socketmode.OptionLog(log.New(io.Discard, "", 0)))}
	ctx, cancel := context.WithCancel(t.Context())
	a.stop = cancel
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = a.RunContext(ctx)
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
	a.next(t, socketmode.EventTypeHello)
	return a
}

// next waits for an event of a type and drops those before it.
func (a *app) next(t *testing.T, want socketmode.EventType) socketmode.Event {
	t.Helper()
	timeout := time.After(patience)
	for {
		select {
		case e := <-a.Events:
			if e.Type == want {
				return e
			}
		case <-timeout:
			t.Fatalf("no %s came", want)
		}
	}
}

// ack acknowledges an event.
func (a *app) ack(t *testing.T, e socketmode.Event, payload ...any) {
	t.Helper()
	if err := a.Ack(*e.Request, payload...); err != nil {
		t.Fatal(err)
	}
}

// acknowledged waits until a delivery is done with and was acknowledged.
func acknowledged(t *testing.T, d *Delivery) {
	t.Helper()
	settled(t, d)
	if err := d.Err(); err != nil {
		t.Fatal(err)
	}
}

func settled(t *testing.T, d *Delivery) {
	t.Helper()
	select {
	case <-d.Done():
	case <-time.After(patience):
		t.Fatalf("not settled: %+v", d.Attempts())
	}
}

// within waits until a condition holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.Now().Add(patience)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		if time.Now().After(deadline) {
			t.Fatalf("never: %s", what)
		}
		<-tick.C
	}
}

// button is a message of one button.
func button(id, value string) slack.MsgOption {
	b := slack.NewButtonBlockElement(id, value, slack.NewTextBlockObject(slack.PlainTextType, "Drain ingest-17", false, false))
	return slack.MsgOptionBlocks(slack.NewActionBlock("", b))
}

// clean fails the test for every rule that was broken.
func clean(t *testing.T, s *Server) {
	t.Helper()
	for _, b := range s.Breaches() {
		t.Errorf("broken: %+v", b)
	}
}

// allScopes are those of warden and of the methods that it doesn't use, whose rules
// hold, too.
func allScopes() []string {
	return append(DefaultScopes(), "channels:history", "channels:join", "files:write", "groups:history")
}
