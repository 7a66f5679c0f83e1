package slack

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"time"

	api "github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"go.uber.org/zap"
)

// The limits of HTTP mode. Slack's own requests are far smaller.
const (
	maxRequest  = 256 << 10
	requestSkew = 5 * time.Minute
	requestTime = 10 * time.Second
)

// Serve takes clicks over HTTP on a listener until ctx ends; the listener is
// closed then. It serves nothing but what Slack has signed.
func (s *Slack) Serve(ctx context.Context, l net.Listener) error {
	var work sync.WaitGroup
	srv := &http.Server{
		Handler: s.handler(ctx, &work), ReadHeaderTimeout: requestTime, ReadTimeout: requestTime, WriteTimeout: requestTime, IdleTimeout: time.Minute,
		MaxHeaderBytes: 16 << 10, ErrorLog: zap.NewStdLog(s.Logger.Named("http")),
	}
	stop := context.AfterFunc(ctx, func() {
		last, cancel := context.WithTimeout(context.WithoutCancel(ctx), requestTime)
		defer cancel()
		_ = srv.Shutdown(last)
	})
	err := srv.Serve(l)
	stop()
	work.Wait()
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// handler answers what Slack sends, and nobody else.
func (s *Slack) handler(answering context.Context, work *sync.WaitGroup) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /slack/interact", s.signed(func(w http.ResponseWriter, body []byte) {
		form, err := url.ParseQuery(string(body))
		var cb api.InteractionCallback
		if err != nil || json.Unmarshal([]byte(form.Get("payload")), &cb) != nil {
			http.Error(w, "this is no interaction", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
		s.answering(answering, work, "an answer", tappedBy(cb), func() { s.interaction(answering, "", cb) })
	}))
	mux.HandleFunc("POST /slack/command", s.signed(func(w http.ResponseWriter, body []byte) {
		r := &http.Request{Method: http.MethodPost, Header: http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}, Body: io.NopCloser(bytes.NewReader(body))}
		c, err := api.SlashCommandParse(r)
		if err != nil {
			http.Error(w, "this is no command", http.StatusBadRequest)
			return
		}
		w.WriteHeader(http.StatusOK)
		s.answering(answering, work, "a command", saidBy(c), func() { s.slash(answering, "", c) })
	}))
	mux.HandleFunc("POST /slack/events", s.signed(func(w http.ResponseWriter, body []byte) {
		e, err := slackevents.ParseEvent(body, slackevents.OptionNoVerifyToken())
		if err != nil {
			http.Error(w, "this is no event", http.StatusBadRequest)
			return
		}
		if e.Type == slackevents.URLVerification {
			var c slackevents.ChallengeResponse
			if json.Unmarshal(body, &c) == nil {
				w.Header().Set("Content-Type", "text/plain; charset=utf-8")
				_, _ = io.WriteString(w, c.Challenge)
			}
			return
		}
		w.WriteHeader(http.StatusOK)
		s.answering(answering, work, "a mention", mentionedBy(e), func() { s.event(answering, "", e) })
	}))
	return mux
}

// signed lets through what Slack signed within the last minutes, on a node that
// knows a leader: anything else may be sent again, elsewhere.
func (s *Slack) signed(next func(w http.ResponseWriter, body []byte)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		set := s.Settings()
		if set.SigningSecret == nil || !set.HTTP {
			http.Error(w, "not here", http.StatusNotFound)
			return
		}
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
		if err != nil {
			http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			return
		}
		secret, err := set.SigningSecret()
		if err == nil && secret == "" {
			err = errors.New("there is no signing secret")
		}
		if err == nil {
			err = s.verify(r.Header, secret, body)
		}
		if err != nil {
			s.Logger.Warn("a request that Slack did not sign, or long ago, was refused", zap.Error(err))
			http.Error(w, "not signed by Slack", http.StatusUnauthorized)
			return
		}
		if !s.Leader() {
			http.Error(w, "no leader is known: nothing was done", http.StatusServiceUnavailable)
			return
		}
		next(w, body)
	}
}

// verify checks a signature in constant time, and that it is of these minutes.
func (s *Slack) verify(h http.Header, secret string, body []byte) error {
	at, err := strconv.ParseInt(h.Get("X-Slack-Request-Timestamp"), 10, 64)
	if err != nil {
		return errors.New("it has no timestamp")
	}
	if d := s.Clock.Now().Sub(time.Unix(at, 0)); d > requestSkew || d < -requestSkew {
		return errors.New("it is not of these five minutes")
	}
	v, err := api.NewSecretsVerifier(h, secret)
	if err != nil {
		return errors.New("it has no signature")
	}
	if _, err := v.Write(body); err != nil {
		return err
	}
	if v.Ensure() != nil {
		return errors.New("its signature is another's")
	}
	return nil
}
