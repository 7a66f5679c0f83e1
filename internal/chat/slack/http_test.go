package slack_test

import (
	"bytes"
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"warden/simulate/fakeslack"
)

// overHTTP is a world whose Slack is told over HTTP, by the three addresses that
// an app has. post sends a request that was signed so many seconds ago.
func overHTTP(t *testing.T) (w *world, post func(path, secret, body string, ago int) int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	base := "http://" + l.Addr().String()
	front := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		path := "/slack/events"
		switch {
		case strings.HasPrefix(string(body), "payload="):
			path = "/slack/interact"
		case r.Header.Get("Content-Type") == "application/x-www-form-urlencoded":
			path = "/slack/command"
		}
		rw.WriteHeader(send(t, base+path, r.Header, body))
	}))
	t.Cleanup(front.Close)
	w = newWorld(t, func(o *fakeslack.Options) { o.RequestURL, o.SigningSecret = front.URL, "shhh" })
	w.set.HTTP = true
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := w.slack.Serve(ctx, l); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return w, func(path, secret, body string, ago int) int {
		at := strconv.FormatInt(time.Now().Add(-time.Duration(ago)*time.Second).Unix(), 10)
		h := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		if secret != "" {
			h.Set("X-Slack-Request-Timestamp", at)
			h.Set("X-Slack-Signature", fakeslack.Sign(secret, at, []byte(body)))
		}
		return send(t, base+path, h, []byte(body))
	}
}

func send(t *testing.T, url string, h http.Header, body []byte) int {
	t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		t.Error(err)
		return 0
	}
	r.Header = h.Clone()
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Error(err)
		return 0
	}
	defer res.Body.Close()
	return res.StatusCode
}
