// Package outbound makes one bounded HTTP request to a place outside, such as a
// webhook's receiver or Grafana.
//
// It goes where the config says and nowhere else: no redirect is followed, no
// proxy is taken from the environment, and TLS certificates are verified. What
// comes back is cut, and no error repeats an address, a header or a body, each of
// which may hold a credential.
package outbound

import (
	"bytes"
	"context"
	"crypto/tls"
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

	"warden/internal/clock"
)

// The bounds of one exchange.
const (
	// DefaultTimeout is how long one request may take, its answer included.
	DefaultTimeout = 10 * time.Second
	// MaxAnswer is how many bytes of an answer are read.
	MaxAnswer = 64 << 10
	// MaxRetryAfter is the longest that a receiver is left alone because it says so.
	MaxRetryAfter = time.Hour

	maxHeader = 64 << 10
)

// Options say how a Client asks. The zero value asks directly, within
// DefaultTimeout.
type Options struct {
	// Timeout bounds one request; DefaultTimeout when 0.
	Timeout time.Duration
	// Proxy is the address of an HTTP proxy; empty for none. The environment is not
	// looked at.
	Proxy string
	// TLS adds to how servers are verified, such as further authorities; nil for the
	// system's. It is cloned.
	TLS *tls.Config
}

// Client sends requests. It is safe for concurrent use. Close gives up what it
// keeps open.
type Client struct {
	http    *http.Client
	timeout time.Duration
}

// New makes a Client. It contacts nobody. The error says what is wrong with the
// proxy, without its address.
func New(o Options) (*Client, error) {
	t := &http.Transport{
		DialContext: (&net.Dialer{Timeout: DefaultTimeout}).DialContext, ForceAttemptHTTP2: true, MaxIdleConnsPerHost: 1,
		IdleConnTimeout: 90 * time.Second, TLSHandshakeTimeout: DefaultTimeout, MaxResponseHeaderBytes: maxHeader,
	}
	if o.TLS != nil {
		t.TLSClientConfig = o.TLS.Clone()
	}
	if o.Proxy != "" {
		u, err := url.Parse(o.Proxy)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, errors.New("proxy is no address of an HTTP proxy: write it as http://egress.example.net:3128")
		}
		t.Proxy = http.ProxyURL(u)
	}
	if o.Timeout <= 0 {
		o.Timeout = DefaultTimeout
	}
	return &Client{timeout: o.Timeout, http: &http.Client{
		Transport: t,
		// A redirect would carry what is sent to a host that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Close gives up idle connections. Requests under way are not disturbed.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Reply is what came back, or the beginning of it.
type Reply struct {
	Status int
	// RetryAfter is how long the receiver asks to be left alone; 0 when it doesn't.
	RetryAfter time.Duration
	// Body is at most MaxAnswer long. It is the receiver's, and never to be shown as
	// it is.
	Body []byte
	// Elsewhere is the host that a redirect, which was not followed, leads to.
	Elsewhere string
}

// OK reports whether the request was accepted: a status of 2xx.
func (r Reply) OK() bool { return r.Status/100 == 2 }

// Failure is why nothing was delivered, in words, with its class: "timeout",
// "unreachable", "rate_limited", "credential", "refused", "trouble" or "error".
type Failure struct{ text, reason string }

// Error says what is wrong and what to do, and repeats nothing of what was sent or
// answered.
func (f *Failure) Error() string { return f.text }

// Reason is the class, by which attempts are counted.
func (f *Failure) Reason() string { return f.reason }

// Failure says in words what a Reply that is not OK means, and what to do; what
// names the receiver, such as "the receiver". It is a *Failure.
func (r Reply) Failure(what string) error {
	say := func(reason, format string, args ...any) error {
		return &Failure{what + " " + fmt.Sprintf(format, args...), reason}
	}
	switch {
	case r.OK():
		return nil
	case r.Status/100 == 3:
		return say("refused", "redirects (%d) to %s, and redirects are not followed: put the final address into url", r.Status, r.Elsewhere)
	case r.Status == http.StatusUnauthorized, r.Status == http.StatusForbidden:
		return say("credential", "refuses the credential (%d): check the file that the config names for it, and what it is allowed", r.Status)
	case r.Status == http.StatusNotFound:
		return say("refused", "has nothing at this address (404): check url")
	case r.Status == http.StatusTooManyRequests:
		return say("rate_limited", "asks to slow down (429): it is tried again by itself")
	case r.Status >= 500:
		return say("trouble", "is in trouble (%d): check its log; it is tried again by itself", r.Status)
	}
	return say("refused", "refuses the request (%d): check url, and its log", r.Status)
}

// Send makes one request and reads its answer. An error means that it may or may
// not have arrived; it says why in words, and what to do.
func (c *Client) Send(ctx context.Context, method, address string, header http.Header, body []byte) (Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return Reply{}, errors.New("its address can't be asked: check url")
	}
	if header != nil {
		req.Header = header.Clone()
	}
	req.Header.Set("User-Agent", "warden")
	resp, err := c.http.Do(req)
	if err != nil {
		return Reply{}, explain(ctx, err)
	}
	defer resp.Body.Close()
	r := Reply{Status: resp.StatusCode, RetryAfter: retryAfter(resp.Header, clock.System().Now())}
	if resp.StatusCode/100 == 3 {
		r.Elsewhere = elsewhere(resp.Header.Get("Location"), Credentials(req.Header))
	}
	if r.Body, err = io.ReadAll(io.LimitReader(resp.Body, MaxAnswer)); err != nil && !r.OK() {
		return r, explain(ctx, err)
	}
	return r, nil
}

// elsewhere names only the host of a redirect, for the rest may hold a session,
// and only where it holds no credential.
func elsewhere(location string, credentials []string) string {
	u, err := url.Parse(location)
	switch {
	case err != nil:
		return "an address that can't be read"
	case u.Host == "":
		return "another path of its own"
	}
	host := []rune(strings.Map(func(r rune) rune {
		if r <= ' ' || r >= 0x7f {
			return '?'
		}
		return r
	}, u.Host))
	if text := string(host); !holds(text, credentials) {
		return string(host[:min(len(host), 100)])
	}
	return "another host"
}

// retryAfter reads Retry-After: seconds, or a date against the server's own clock
// where it says what that is.
func retryAfter(h http.Header, now time.Time) time.Duration {
	v := h.Get("Retry-After")
	if v == "" {
		return 0
	}
	if n, err := strconv.ParseInt(v, 10, 32); err == nil {
		return max(0, min(time.Duration(n)*time.Second, MaxRetryAfter))
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	if said, err := http.ParseTime(h.Get("Date")); err == nil {
		now = said
	}
	return max(0, min(at.Sub(now), MaxRetryAfter))
}

// explain says in words why no answer came. Nothing of the error itself is used:
// it holds the address.
func explain(ctx context.Context, err error) error {
	_, isDNS := errors.AsType[*net.DNSError](err)
	_, isCert := errors.AsType[*tls.CertificateVerificationError](err)
	_, isTLS := errors.AsType[tls.RecordHeaderError](err)
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return &Failure{"called off by warden: nothing to do", "error"}
	case errors.Is(ctx.Err(), context.DeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return &Failure{"no answer in time: check that it runs, and the way there; set proxy if there has to be one", "timeout"}
	case isDNS:
		return &Failure{"its name can't be resolved: check url and DNS", "unreachable"}
	case isCert:
		return &Failure{"its certificate is not trusted: check this machine's CAs and clock, and the host in url", "unreachable"}
	case isTLS, errors.Is(err, http.ErrSchemeMismatch):
		return &Failure{"it does not speak TLS: write http:// in url, or put TLS in front of it", "unreachable"}
	case errors.Is(err, syscall.ECONNREFUSED):
		return &Failure{"connection refused: check that it runs, and the host and port in url", "unreachable"}
	}
	return &Failure{"the request failed: check url, and the way there", "unreachable"}
}

// Trouble reports whether the receiver says that it is in trouble, which may be that of
// this request alone: it doesn't say for how long.
func (r Reply) Trouble() bool { return r.Status/100 == 5 && r.RetryAfter == 0 }

// Refused reports whether the receiver took the request for wrong, so that
// sending the same again will hardly help.
func (r Reply) Refused() bool {
	switch r.Status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return false
	}
	return r.Status/100 == 4
}
