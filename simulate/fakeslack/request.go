package fakeslack

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"warden/internal/clock"
)

// request posts a delivery to the app's request URL, signed, and takes its
// answer as the acknowledgement. The caller holds the lock.
func (s *Server) request(d *Delivery, reason string) {
	a := &Attempt{At: s.clk.Now(), Envelope: s.id("request-")}
	number := len(d.attempts)
	d.attempts = append(d.attempts, a)
	body, kind := requestBody(d)
	at := strconv.FormatInt(s.clk.Now().Unix(), 10)
	s.wg.Go(func() {
		ctx, cancel := clock.WithTimeout(s.ctx, s.wire, time.Duration(ruleAck.limit())*time.Second)
		defer cancel()
		r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.opts.RequestURL, bytes.NewReader(body))
		if err != nil {
			s.answered(d, a, nil, "connection_failed")
			return
		}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
		r.Header.Set("X-Slack-Request-Timestamp", at)
		r.Header.Set("X-Slack-Signature", Sign(s.opts.SigningSecret, at, body))
		if reason != "" {
			r.Header.Set("X-Slack-Retry-Num", strconv.Itoa(number))
			r.Header.Set("X-Slack-Retry-Reason", reason)
		}
		resp, err := s.client.Do(r)
		if err != nil {
			failed := "connection_failed"
			if ctx.Err() != nil {
				failed = "timeout"
			}
			s.answered(d, a, nil, failed)
			return
		}
		answer, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		_ = resp.Body.Close()
		switch {
		case err != nil:
			s.answered(d, a, nil, "timeout")
		case resp.StatusCode < 200 || resp.StatusCode > 299:
			s.answered(d, a, nil, "http_error")
		default:
			s.answered(d, a, answer, "")
		}
	})
}

// answered takes the answer to a request, or why there is none.
func (s *Server) answered(d *Delivery, a *Attempt, response []byte, failed string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	a.Failed = failed
	if failed == "" {
		if !json.Valid(response) {
			response = nil
		}
		s.settle(d, response)
		return
	}
	if failed == "timeout" {
		s.breach(ruleAck, d.Kind, a.Envelope)
	}
	if s.ctx.Err() == nil {
		s.retry(d, failed)
	}
}

// requestBody is a delivery as it is posted, and its content type: a form for
// what people do, JSON for events.
func requestBody(d *Delivery) ([]byte, string) {
	const form = "application/x-www-form-urlencoded"
	switch d.Kind {
	case KindInteractive:
		return []byte(url.Values{"payload": {string(d.Payload)}}.Encode()), form
	case KindSlash:
		var fields map[string]any
		_ = json.Unmarshal(d.Payload, &fields)
		values := url.Values{}
		for name, v := range fields {
			values.Set(name, fmt.Sprint(v))
		}
		return []byte(values.Encode()), form
	}
	return d.Payload, "application/json"
}

// Sign is the X-Slack-Signature of a body that was sent at a time, in seconds
// since 1970: see
// https://docs.slack.dev/authentication/verifying-requests-from-slack/.
func Sign(secret, at string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "v0:%s:", at)
	_, _ = mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}
