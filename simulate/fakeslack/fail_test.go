package fakeslack

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/slack-go/slack"
)

// TestFailures fails a call in each way, once, as the real client sees it.
func TestFailures(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		how  Failure
		err  func(error) bool
		done int // messages that stand in the channel afterwards
	}{
		{"http 503", Status(503), func(err error) bool {
			e, ok := errors.AsType[slack.StatusCodeError](err)
			return ok && e.Code == 503
		}, 0},
		{"http 429", RateLimited(30 * time.Second), func(err error) bool {
			e, ok := errors.AsType[*slack.RateLimitedError](err)
			return ok && e.RetryAfter == 30*time.Second
		}, 0},
		{"reset", Reset(), func(err error) bool { return err != nil }, 0},
		{"fatal_error", Says("fatal_error"), func(err error) bool { return err != nil && err.Error() == "fatal_error" }, 0},
		{"html", HTML(), func(err error) bool { return err != nil }, 0},
		{"lie", Lie(), func(err error) bool { return err == nil }, 0},
		{"late", Late(), func(err error) bool { return err != nil }, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			s, c := stepped(t, Options{})
			s.Fail("chat.postMessage", tt.how, 1)
			post := func() error {
				_, _, err := client(s).PostMessageContext(t.Context(), Ops, slack.MsgOptionText("x", false))
				return err
			}
			if _, err := client(s).AuthTestContext(t.Context()); err != nil {
				t.Errorf("another method fails: %v", err)
			}
			if err := post(); !tt.err(err) {
				t.Errorf("the call ended with %v", err)
			}
			if got := len(s.Messages(Ops)); got != tt.done {
				t.Errorf("%d messages stand there, want %d", got, tt.done)
			}
			c.Advance(time.Second)
			if err := post(); err != nil {
				t.Errorf("the next call fails too: %v", err)
			}
			calls := s.Calls()
			if len(calls) != 3 || calls[2].TS == "" {
				t.Errorf("calls: %+v", calls)
			}
			clean(t, s)
		})
	}
}

// TestSlowAndHang has answers come late, and never.
func TestSlowAndHang(t *testing.T) {
	t.Parallel()
	s, c := stepped(t, Options{})
	s.Fail("", Slow(20*time.Second), 1)
	done := make(chan error, 1)
	go func() {
		_, err := client(s).AuthTestContext(t.Context())
		done <- err
	}()
	eventually(t, "the server waits", func() bool { return c.Waiters() > 0 })
	c.Advance(20 * time.Second)
	if err := <-done; err != nil {
		t.Error(err)
	}
	s.Fail("", Hang(), -1)
	for range 2 {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		_, err := client(s).AuthTestContext(ctx)
		cancel()
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("ended with %v", err)
		}
	}
	s.Heal()
	if _, err := client(s).AuthTestContext(t.Context()); err != nil {
		t.Errorf("after Heal: %v", err)
	}
}

// TestRevoked takes the token away while the app runs.
func TestRevoked(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	connect(t, s)
	s.Revoke("xoxb-fake")
	if _, err := client(s).AuthTestContext(t.Context()); err == nil || err.Error() != "account_inactive" {
		t.Errorf("ended with %v", err)
	}
	s.Restore("xoxb-fake")
	got, err := client(s).AuthTestContext(t.Context())
	if err != nil || got.UserID != BotUser || got.Header.Get("X-OAuth-Scopes") == "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestHooksThroughTheRealClient answers a click at its response_url.
func TestHooksThroughTheRealClient(t *testing.T) {
	t.Parallel()
	s, _ := stepped(t, Options{})
	ts := card(t, s)
	payload, err := s.Clicked(Gus, Ops, ts, "drain")
	if err != nil {
		t.Fatal(err)
	}
	address := payload["response_url"].(string)
	err = slack.PostWebhookCustomHTTPContext(t.Context(), address, http.DefaultClient, &slack.WebhookMessage{Text: "only oncall-ops can", ResponseType: slack.ResponseTypeEphemeral})
	if err != nil {
		t.Error(err)
	}
	if m := s.Ephemerals(Gus, Ops); len(m) != 1 || m[0].Text != "only oncall-ops can" {
		t.Errorf("gus sees %+v", m)
	}
	if m := s.Ephemerals(Alice, Ops); len(m) != 0 {
		t.Errorf("alice sees what is for gus: %+v", m)
	}
	if _, _, err := client(s).PostMessageContext(t.Context(), "", slack.MsgOptionReplaceOriginal(address), slack.MsgOptionText("done", false)); err != nil {
		t.Error(err)
	}
	if m := s.Messages(Ops); len(m) != 1 || m[0].Text != "done" || len(m[0].Was) != 1 {
		t.Errorf("the channel shows %+v", m)
	}
	clean(t, s)
}
