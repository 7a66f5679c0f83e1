package fakeslack

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// card posts a message with a button and returns its timestamp.
func card(t *testing.T, s *Server) string {
	t.Helper()
	_, ts, err := client(s).PostMessageContext(t.Context(), Ops, slack.MsgOptionText("Drain ingest-17?", false), button("drain", "v1.x"))
	if err != nil {
		t.Fatal(err)
	}
	return ts
}

func click(t *testing.T, s *Server, user, ts string) *Delivery {
	t.Helper()
	d, err := s.Click(user, Ops, ts, "drain")
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// actionTS is the time of a click, by which two deliveries of it are told to be
// one.
func actionTS(e socketmode.Event) string {
	return e.Data.(slack.InteractionCallback).ActionCallback.BlockActions[0].ActionTs
}

// failures lists how each attempt went.
func failures(d *Delivery) []string {
	var out []string
	for _, a := range d.Attempts() {
		out = append(out, a.Failed)
	}
	return out
}

// TestRefresh has the server ask for a new connection; a click in between waits
// for it.
func TestRefresh(t *testing.T) {
	t.Parallel()
	for _, reason := range []string{"warning", "refresh_requested", "link_disabled"} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s, _ := stepped(t, Options{})
			a := connect(t, s)
			ts := card(t, s)
			s.Disconnect(reason)
			d := click(t, s, Alice, ts)
			e := a.next(t, socketmode.EventTypeInteractive)
			a.ack(t, e)
			acknowledged(t, d)
			if got := d.Attempts(); len(got) != 1 || got[0].Connection != 2 {
				t.Errorf("it came as %+v", got)
			}
			clean(t, s)
		})
	}
}

// TestRedelivery lets an app sleep through the first two attempts, and another
// through all of them.
func TestRedelivery(t *testing.T) {
	t.Parallel()
	s, c := stepped(t, Options{})
	a := connect(t, s)
	ts := card(t, s)
	d := click(t, s, Alice, ts)
	first := a.next(t, socketmode.EventTypeInteractive)
	c.Advance(3 * time.Second)
	second := a.next(t, socketmode.EventTypeInteractive)
	if second.Request.RetryAttempt != 1 || second.Request.RetryReason != "timeout" || actionTS(first) != actionTS(second) || first.Request.EnvelopeID == second.Request.EnvelopeID {
		t.Errorf("again: %+v after %+v", second.Request, first.Request)
	}
	// Too late is as good as never.
	a.ack(t, first)
	c.Advance(3 * time.Second)
	c.Advance(time.Minute)
	third := a.next(t, socketmode.EventTypeInteractive)
	a.ack(t, third)
	acknowledged(t, d)
	if diff := cmp.Diff([]string{"timeout", "timeout", ""}, failures(d)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}

	d = click(t, s, Bob, ts)
	for _, wait := range []time.Duration{3 * time.Second, 3*time.Second + time.Minute, 3*time.Second + 5*time.Minute, 3 * time.Second} {
		a.next(t, socketmode.EventTypeInteractive)
		c.Advance(3 * time.Second)
		c.Advance(wait - 3*time.Second)
	}
	settled(t, d)
	if !errors.Is(d.Err(), ErrNotAcknowledged) || len(d.Attempts()) != 4 {
		t.Errorf("given up with %v after %+v", d.Err(), d.Attempts())
	}
}

// TestDeathBeforeAck has the connection that got a click die; another gets it.
func TestDeathBeforeAck(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	a, b := connect(t, s), connect(t, s)
	ts := card(t, s)
	s.Via(func(open []int, _ int) int { return open[0] })
	d := click(t, s, Alice, ts)
	first := a.next(t, socketmode.EventTypeInteractive)
	a.stop()
	second := b.next(t, socketmode.EventTypeInteractive)
	if actionTS(first) != actionTS(second) || second.Request.RetryReason != "connection_failed" {
		t.Errorf("again: %+v", second.Request)
	}
	b.ack(t, second)
	acknowledged(t, d)
	if diff := cmp.Diff([]string{"connection_failed", ""}, failures(d)); diff != "" {
		t.Errorf("attempts (-want +got):\n%s", diff)
	}
}

// TestAnyConnection sends clicks by each kind of route.
func TestAnyConnection(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	apps := []*app{connect(t, s), connect(t, s), connect(t, s)}
	ts := card(t, s)
	went := func(n int) []int {
		var out []int
		for range n {
			d := click(t, s, Alice, ts)
			number := d.Attempts()[0].Connection
			a := apps[number-1]
			a.ack(t, a.next(t, socketmode.EventTypeInteractive))
			acknowledged(t, d)
			out = append(out, number)
		}
		return out
	}
	if diff := cmp.Diff([]int{1, 2, 3, 1}, went(4)); diff != "" {
		t.Errorf("round robin (-want +got):\n%s", diff)
	}
	s.Via(To(2))
	if diff := cmp.Diff([]int{2, 2, 2}, went(3)); diff != "" {
		t.Errorf("to the second (-want +got):\n%s", diff)
	}
	s.Via(Random(7))
	one := went(12)
	s.Via(Random(7))
	if diff := cmp.Diff(one, went(12)); diff != "" {
		t.Errorf("two of one seed differ:\n%s", diff)
	}
	seen := map[int]bool{}
	for _, n := range one {
		seen[n] = true
	}
	if len(seen) != 3 {
		t.Errorf("at random it went to %v only", one)
	}
	clean(t, s)
}

// TestTwiceAndAgain has a click come twice at once, and once more afterwards.
func TestTwiceAndAgain(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	a, b := connect(t, s), connect(t, s)
	ts := card(t, s)
	s.Duplicate(1)
	d := click(t, s, Alice, ts)
	one, two := a.next(t, socketmode.EventTypeInteractive), b.next(t, socketmode.EventTypeInteractive)
	if actionTS(one) != actionTS(two) || one.Request.EnvelopeID == two.Request.EnvelopeID {
		t.Errorf("twice: %+v, %+v", one.Request, two.Request)
	}
	b.ack(t, two)
	acknowledged(t, d)
	a.ack(t, one)
	s.Via(To(1))
	replay := s.Again(d)
	three := a.next(t, socketmode.EventTypeInteractive)
	a.ack(t, three)
	acknowledged(t, replay)
	if actionTS(three) != actionTS(one) {
		t.Error("a replay is another click")
	}
	forged, err := s.Clicked(Alice, Ops, ts, "drain")
	if err != nil {
		t.Fatal(err)
	}
	forged["actions"].([]any)[0].(map[string]any)["value"] = "v1.forged"
	f := s.Deliver(KindInteractive, forged)
	e := a.next(t, socketmode.EventTypeInteractive)
	if got := e.Data.(slack.InteractionCallback).ActionCallback.BlockActions[0].Value; got != "v1.forged" {
		t.Errorf("forged: %q", got)
	}
	a.ack(t, e)
	acknowledged(t, f)
}

// TestDownForAnHour takes Slack away and back.
func TestDownForAnHour(t *testing.T) {
	t.Parallel()
	s, c := stepped(t, Options{})
	a := connect(t, s)
	ts := card(t, s)
	s.Down(time.Hour)
	eventually(t, "the connection is cut", func() bool { return len(s.Connections()) == 0 })
	c.Advance(time.Hour - 1)
	if _, err := client(s).AuthTestContext(t.Context()); err == nil {
		t.Error("Slack is down and answers")
	}
	c.Advance(1)
	if _, err := client(s).AuthTestContext(t.Context()); err != nil {
		t.Errorf("Slack is back: %v", err)
	}
	d := click(t, s, Alice, ts)
	a.ack(t, a.next(t, socketmode.EventTypeInteractive))
	acknowledged(t, d)
	clean(t, s)
}
