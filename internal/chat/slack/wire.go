package slack

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/gorilla/websocket"
	api "github.com/slack-go/slack"

	"warden/internal/outbound"
)

// maxAnswer is how much of an answer of Slack's is read.
const maxAnswer = 8 << 20

// errNoCode stands for a word of Slack's that is none.
const errNoCode = "unreadable_error"

// wire sends what slack-go asks. A token stands in each request's form or header,
// so none is sent on to where a redirect leads; and whatever is answered, by Slack
// or by a proxy before it, comes back without the token, and errors without
// addresses: both are logged and shown.
// What Slack wants to be left alone is not asked at all.
type wire struct {
	client http.Client
	pauses *pauses
}

// newWire sends through a client's transport, and is as patient. It keeps to the
// pauses, and adds to them; nil for none.
func newWire(c *http.Client, p *pauses) wire {
	w := wire{client: *c, pauses: p}
	w.client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return w
}

// Do implements what slack-go sends with.
func (w wire) Do(r *http.Request) (*http.Response, error) {
	form := formOf(r)
	method, channel := methodOf(r, form)
	if d := w.pauses.left(method, channel); d > 0 {
		return nil, &api.RateLimitedError{RetryAfter: d}
	}
	tokens := append(outbound.Credentials(r.Header), form["token"]...)
	resp, err := w.client.Do(r)
	if err != nil {
		return nil, &unanswered{text: noAnswer(r.Context(), err), cause: err}
	}
	if resp.StatusCode/100 == 3 {
		_ = resp.Body.Close()
		return nil, &unanswered{text: fmt.Sprintf("Slack's address redirects (%d), and tokens go nowhere else: look for a proxy or a login page on the way to it", resp.StatusCode)}
	}
	if err := outbound.Scrub(resp, maxAnswer, tokens...); err != nil {
		return nil, &unanswered{text: "Slack's answer broke off, or is none of its: look for a proxy or a login page on the way to it", cause: err}
	}
	if v := resp.Header.Get("Retry-After"); v != "" {
		if n, err := strconv.ParseInt(v, 10, 32); err != nil || n < 0 {
			resp.Header.Set("Retry-After", "30") // slack-go repeats what is no number
		}
	}
	if resp.StatusCode == http.StatusTooManyRequests {
		n, err := strconv.ParseInt(resp.Header.Get("Retry-After"), 10, 32)
		if err != nil {
			n = 30
		}
		w.pauses.note(method, channel, time.Duration(n)*time.Second)
	}
	return resp, readable(resp)
}

// readable sees to it that an answer's error is one of Slack's codes, for it is
// repeated in messages and logs.
func readable(resp *http.Response) error {
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	var said struct {
		Error string `json:"error"`
	}
	switch err := json.Unmarshal(body, &said); {
	case err != nil && resp.StatusCode == http.StatusOK && !bytes.Equal(body, []byte("ok")): // a response_url answers so
		return &unanswered{text: "what answered is not Slack: look for a proxy or a login page on the way to it"}
	case err == nil && said.Error != "" && saidCode(said.Error) != said.Error:
		body = []byte(`{"ok":false,"error":"` + errNoCode + `"}`)
		resp.ContentLength = int64(len(body))
	}
	resp.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// formOf is a request's form, where slack-go puts the token; nil for none.
func formOf(r *http.Request) url.Values {
	if r.GetBody == nil || !strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded") {
		return nil
	}
	body, err := r.GetBody()
	if err != nil {
		return nil
	}
	defer body.Close()
	text, err := io.ReadAll(body)
	if err != nil {
		return nil
	}
	form, err := url.ParseQuery(string(text))
	if err != nil {
		return nil
	}
	return form
}

// unanswered is a request that came to nothing. Its text holds no address, no
// token and nothing of what was answered; its cause may, and is for errors.As.
type unanswered struct {
	text  string
	cause error
}

func (u *unanswered) Error() string { return u.text }
func (u *unanswered) Unwrap() error { return u.cause }

// worded is why a connection ended, without its address, whose ticket lets
// anybody in.
func worded(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if closed, ok := errors.AsType[*websocket.CloseError](err); ok {
		return fmt.Errorf("the socket was closed (%d)", closed.Code)
	}
	_, told := errors.AsType[*unanswered](err)
	_, code := errors.AsType[api.SlackErrorResponse](err)
	_, status := errors.AsType[api.StatusCodeError](err)
	_, limited := errors.AsType[*api.RateLimitedError](err)
	if told || code || status || limited {
		return err
	}
	return &unanswered{text: noAnswer(ctx, err), cause: err}
}

// noAnswer words why there was no answer. Nothing of the error itself is used: a
// proxy's may hold a password.
func noAnswer(ctx context.Context, err error) string {
	_, isDNS := errors.AsType[*net.DNSError](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isTLS := errors.AsType[tls.RecordHeaderError](err)
	late, ok := errors.AsType[net.Error](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return "the call to Slack was called off; it is tried again"
	case errors.Is(err, context.DeadlineExceeded), ok && late.Timeout():
		return "no answer from Slack in time: check the way out of this network, and HTTPS_PROXY if there is a proxy"
	case isDNS:
		return "Slack's name can't be resolved: check DNS"
	case isCert:
		return "the certificate that answers for Slack is not trusted: check this machine's CAs and clock, and what is on the way"
	case isTLS, errors.Is(err, http.ErrSchemeMismatch):
		return "what answers for Slack does not speak TLS: check what is on the way"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "the connection to Slack is refused: check the way out of this network"
	}
	return "no answer from Slack: check the way out of this network, and HTTPS_PROXY if there is a proxy"
}
